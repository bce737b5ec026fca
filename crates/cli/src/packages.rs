//! Jars and Maven packages: those that Firesteel stands in for are accepted with a line that says
//! so, all others are refused, because JVM code cannot run here. The table is shared with the
//! Python package, which checks what a script asks for in its own configuration.

use std::collections::BTreeMap;

use indexmap::IndexMap;

const TABLE: &str = include_str!("../../../python/firesteel/packages.json");

/// Check the jars and packages of a configuration.
///
/// # Errors
/// Names the first one that nothing stands in for.
pub fn check(conf: &IndexMap<String, String>, class_path: Option<&str>) -> Result<(), String> {
    let table: BTreeMap<String, String> =
        serde_json::from_str(TABLE).map_err(|error| format!("packages.json in this binary: {error}"))?;
    let items = |key: &str| conf.get(key).map_or("", String::as_str).split(',').map(str::trim);
    for package in items("spark.jars.packages").filter(|item| !item.is_empty()) {
        let artifact = package.split(':').nth(1).unwrap_or(package);
        accept(&table, "package", package, artifact)?;
    }
    let class_path = class_path.unwrap_or("").split(':').filter(|item| item.ends_with(".jar"));
    for jar in items("spark.jars").chain(class_path).filter(|item| !item.is_empty()) {
        accept(&table, "jar", jar, artifact_of_jar(jar))?;
    }
    Ok(())
}

fn accept(table: &BTreeMap<String, String>, kind: &str, given: &str, artifact: &str) -> Result<(), String> {
    match table.get(without_scala_version(artifact)) {
        Some(stand_in) => {
            eprintln!("firesteel: {given}: {stand_in}");
            Ok(())
        }
        None => Err(format!(
            "the {kind} {given} is JVM code, which cannot run here, and Firesteel has nothing that stands in for it.\n  \
             Way round: leave it out if the program does not need it. Known: {}.",
            table.keys().cloned().collect::<Vec<_>>().join(", ")
        )),
    }
}

/// `/lib/sqlite-jdbc-3.45.1.jar` is the artifact `sqlite-jdbc`.
fn artifact_of_jar(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    let name = name.strip_suffix(".jar").unwrap_or(name);
    let version = name.match_indices('-').find(|(at, _)| name[at + 1..].starts_with(|c: char| c.is_ascii_digit()));
    version.map_or(name, |(at, _)| &name[..at])
}

/// `spark-avro_2.13` is `spark-avro` for one Scala version.
fn without_scala_version(artifact: &str) -> &str {
    match artifact.rsplit_once('_') {
        Some((name, version)) if version.starts_with(|c: char| c.is_ascii_digit()) => name,
        _ => artifact,
    }
}

#[cfg(test)]
mod tests {
    use super::{artifact_of_jar, without_scala_version};

    #[test]
    fn artifacts() {
        assert_eq!(artifact_of_jar("/lib/sqlite-jdbc-3.45.1.jar"), "sqlite-jdbc");
        assert_eq!(artifact_of_jar("postgresql.jar"), "postgresql");
        assert_eq!(without_scala_version("spark-avro_2.13"), "spark-avro");
    }
}
