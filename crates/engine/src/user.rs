//! Who runs the application: `sparkUser`, and `current_user()` where a client does not say who it is.

use std::sync::OnceLock;

/// `SPARK_USER`, else the name that the system has for the process's user.
pub fn name() -> &'static str {
    static NAME: OnceLock<String> = OnceLock::new();
    NAME.get_or_init(|| {
        let given = |key| std::env::var(key).ok().filter(|name: &String| !name.is_empty());
        given("SPARK_USER").or_else(system).or_else(|| given("USER")).unwrap_or_else(|| "root".into())
    })
}

/// The system's name for the user, from the table of all of them.
fn system() -> Option<String> {
    use std::os::unix::fs::MetadataExt;
    let id = std::fs::metadata("/proc/self").ok()?.uid().to_string();
    let users = std::fs::read_to_string("/etc/passwd").ok()?;
    users.lines().find_map(|line| {
        let mut parts = line.split(':');
        let name = parts.next()?;
        (parts.nth(1)? == id).then(|| name.to_string())
    })
}
