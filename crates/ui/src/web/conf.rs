//! `spark.ui.*`: where the web UI listens and what it shows.

use crate::limits::Lookup;
use crate::log::write::flag;

/// What the web UI is started with.
#[derive(Debug, Clone)]
pub struct UiConf {
    pub host: String,
    pub port: u16,
    /// Ports that are tried after the first; `spark.port.maxRetries`.
    pub retries: u16,
    /// What stands before every path where a proxy leads here; `spark.ui.proxyBase`.
    pub root: String,
    /// Whether operations and streams can be ended; `spark.ui.killEnabled`.
    pub kill: bool,
    /// Whether threads are shown; `spark.ui.threadDumpsEnabled`.
    pub threads: bool,
    /// Whether numbers are served for Prometheus; `spark.ui.prometheus.enabled`.
    pub prometheus: bool,
    pub timeline: Timeline,
}

/// How many things a timeline shows at most; `spark.ui.timeline.*`.
#[derive(Debug, Clone, Copy)]
pub struct Timeline {
    pub jobs: usize,
    pub stages: usize,
    pub tasks: usize,
}

impl Default for UiConf {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".into(),
            port: 4040,
            retries: 16,
            root: String::new(),
            kill: true,
            threads: true,
            prometheus: true,
            timeline: Timeline { jobs: 60, stages: 60, tasks: 60 },
        }
    }
}

impl UiConf {
    /// What the settings say. On this machine only, unless they say otherwise.
    ///
    /// # Errors
    /// A setting would have to keep people out, which nothing here does, or makes no sense: text for the user.
    pub fn of(lookup: Lookup) -> Result<Self, String> {
        refuse(lookup)?;
        let local_ip = || std::env::var("SPARK_LOCAL_IP").ok();
        let host = lookup("spark.driver.bindAddress").or_else(local_ip).filter(|host| !host.trim().is_empty());
        let proxy = lookup("spark.ui.proxyBase").or_else(|| std::env::var("APPLICATION_WEB_PROXY_BASE").ok());
        let own = Self::default();
        let shows = flag(lookup, "spark.ui.timelineEnabled", true);
        let most = |key: &str, default: usize| -> Result<usize, String> {
            Ok(if shows { number(lookup, key, default)? } else { 0 })
        };
        Ok(Self {
            host: host.unwrap_or(own.host),
            port: number(lookup, "spark.ui.port", own.port)?,
            retries: number(lookup, "spark.port.maxRetries", own.retries)?,
            root: root(&proxy.unwrap_or_default()),
            kill: flag(lookup, "spark.ui.killEnabled", true),
            threads: flag(lookup, "spark.ui.threadDumpsEnabled", true),
            prometheus: flag(lookup, "spark.ui.prometheus.enabled", true),
            timeline: Timeline {
                jobs: most("spark.ui.timeline.jobs.maximum", own.timeline.jobs)?,
                stages: most("spark.ui.timeline.stages.maximum", own.timeline.stages)?,
                tasks: most("spark.ui.timeline.tasks.maximum", own.timeline.tasks)?,
            },
        })
    }
}

fn number<T: std::str::FromStr>(lookup: Lookup, key: &str, default: T) -> Result<T, String> {
    lookup(key).map_or(Ok(default), |text| {
        text.trim().parse().map_err(|_| format!("conf `{key}`: expected a number, got {text:?}"))
    })
}

/// `/proxy/app`: one slash in front, none at the end.
fn root(text: &str) -> String {
    let inner = text.trim().trim_matches('/');
    let is_path = inner.chars().all(|c| c.is_ascii_alphanumeric() || "-._~/%".contains(c));
    if inner.is_empty() || !is_path { String::new() } else { format!("/{inner}") }
}

/// Who may see or end what is not asked here: settings that count on it must not be taken in silence.
fn refuse(lookup: Lookup) -> Result<(), String> {
    for key in [
        "spark.acls.enable",
        "spark.ui.acls.enable",
        "spark.ssl.enabled",
        "spark.ssl.ui.enabled",
        "spark.ssl.historyServer.enabled",
    ] {
        if flag(lookup, key, false) {
            return Err(format!("{key} is not supported: put a proxy in front that knows users and speaks TLS"));
        }
    }
    match lookup("spark.ui.filters").filter(|text| !text.trim().is_empty()) {
        Some(filters) => Err(format!("spark.ui.filters ({filters}) is not supported: put a proxy in front")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_protects_is_not_ignored() {
        let conf = |key: &'static str, value: &'static str| {
            UiConf::of(&move |asked| (asked == key).then(|| value.to_string()))
        };
        assert!(conf("spark.acls.enable", "true").is_err());
        assert!(conf("spark.ui.filters", "com.example.Filter").is_err());
        assert!(conf("spark.ui.port", "many").is_err());
        assert!(!conf("spark.ui.killEnabled", "false").unwrap().kill);
        assert_eq!(conf("spark.ui.timelineEnabled", "false").unwrap().timeline.jobs, 0);
        assert_eq!(conf("spark.ui.proxyBase", "proxy/app_1/").unwrap().root, "/proxy/app_1");
        assert_eq!(conf("spark.ui.proxyBase", "\"><script>").unwrap().root, "");
    }
}
