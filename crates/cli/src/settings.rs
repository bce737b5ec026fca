//! The configuration of a run, gathered as spark-submit gathers it: properties file, then `--conf`,
//! then the flags that stand for a key. What a script sets on its builder comes later and wins.

use std::path::{Path, PathBuf};

use clap::Args;
use indexmap::IndexMap;

use crate::packages;
use crate::properties;

/// The options of spark-submit that every command takes.
#[derive(Debug, Default, Args)]
pub struct SettingsOptions {
    /// Where to run: local, `local[N]` or `local[*]` (default: `local[*]`)
    #[arg(long, value_name = "MASTER_URL")]
    pub master: Option<String>,
    /// A name for the application
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// A Spark configuration property; can be given several times
    #[arg(long, short = 'c', value_name = "PROP=VALUE")]
    pub conf: Vec<String>,
    /// A file of properties, instead of conf/spark-defaults.conf
    #[arg(long, value_name = "FILE")]
    pub properties_file: Option<PathBuf>,
    /// Read conf/spark-defaults.conf too when --properties-file is given
    #[arg(long)]
    pub load_spark_defaults: bool,
    /// Memory for the program (for example 1000M, 2G)
    #[arg(long, value_name = "MEM")]
    pub driver_memory: Option<String>,
    /// Memory of an executor; executors exist on clusters only
    #[arg(long, value_name = "MEM")]
    pub executor_memory: Option<String>,
    /// Cores of an executor; executors exist on clusters only
    #[arg(long, value_name = "NUM")]
    pub executor_cores: Option<String>,
    /// Number of executors; executors exist on clusters only
    #[arg(long, value_name = "NUM")]
    pub num_executors: Option<String>,
    /// Cores of all executors; executors exist on clusters only
    #[arg(long, value_name = "NUM")]
    pub total_executor_cores: Option<String>,
    /// Cores of the driver; used on clusters only
    #[arg(long, value_name = "NUM")]
    pub driver_cores: Option<String>,
    /// Where the program itself runs; only "client" works here
    #[arg(long, value_name = "DEPLOY_MODE")]
    pub deploy_mode: Option<String>,
    /// Comma-separated jars; only those that Firesteel stands in for
    #[arg(long, value_name = "JARS")]
    pub jars: Option<String>,
    /// Comma-separated Maven coordinates; only those that Firesteel stands in for
    #[arg(long, value_name = "PACKAGES")]
    pub packages: Option<String>,
    /// Coordinates to leave out of --packages
    #[arg(long, value_name = "PACKAGES")]
    pub exclude_packages: Option<String>,
    /// Repositories for --packages; nothing is downloaded
    #[arg(long, value_name = "URLS")]
    pub repositories: Option<String>,
    /// Comma-separated .py, .zip or .egg files for the Python path
    #[arg(long, value_name = "PY_FILES")]
    pub py_files: Option<String>,
    /// Comma-separated files that the program finds with SparkFiles.get
    #[arg(long, value_name = "FILES")]
    pub files: Option<String>,
    /// Comma-separated archives to unpack for the program (.zip, .tar.gz, .tgz, .tar)
    #[arg(long, value_name = "ARCHIVES")]
    pub archives: Option<String>,
    /// Java options; accepted, there is no Java here
    #[arg(long, value_name = "OPTIONS", allow_hyphen_values = true)]
    pub driver_java_options: Option<String>,
    /// Java's library path; accepted, there is no Java here
    #[arg(long, value_name = "PATH")]
    pub driver_library_path: Option<String>,
    /// Java's class path; only jars that Firesteel stands in for
    #[arg(long, value_name = "PATH")]
    pub driver_class_path: Option<String>,
    /// YARN's queue; used on YARN only
    #[arg(long, value_name = "QUEUE")]
    pub queue: Option<String>,
    /// Say what was understood, on standard error
    #[arg(long, short = 'v')]
    pub verbose: bool,
}

/// The configuration of a run: what the engine starts with.
#[derive(Debug)]
pub struct Settings {
    /// Keys and values, each key once.
    pub conf: IndexMap<String, String>,
    /// A local master.
    pub master: String,
    /// The program has Python functions by the look of it.
    pub python_functions: bool,
    /// The directory of this run: the files of `--files` among others.
    pub run_dir: Option<PathBuf>,
}

impl Settings {
    /// Gather the settings. `default_name` is the application's name where none is given.
    ///
    /// # Errors
    /// An option that Spark refuses, or that asks for something Firesteel does not have.
    pub fn gather(options: &SettingsOptions, default_name: &str) -> Result<Self, String> {
        let mut conf = IndexMap::new();
        for path in properties_files(options) {
            conf.extend(properties::read(&path)?);
        }
        for pair in &options.conf {
            let (key, value) = pair.split_once('=').ok_or_else(|| format!("Spark config without '=': {pair}"))?;
            conf.insert(key.trim().to_owned(), value.to_owned());
        }
        for (key, value) in flags(options) {
            if let Some(value) = value {
                conf.insert(key.to_owned(), value.clone());
            }
        }
        let from_environment = std::env::var("MASTER").ok().filter(|master| !master.is_empty());
        let master = conf.get("spark.master").cloned().or(from_environment).unwrap_or_else(|| "local[*]".to_owned());
        check_master(&master)?;
        check_deploy_mode(conf.get("spark.submit.deployMode").map_or("client", String::as_str))?;
        packages::check(&conf, options.driver_class_path.as_deref())?;
        conf.insert("spark.master".to_owned(), master.clone());
        conf.entry("spark.app.name".to_owned()).or_insert_with(|| default_name.to_owned());
        conf.entry("spark.submit.deployMode".to_owned()).or_insert_with(|| "client".to_owned());
        // Spark, too, has types that are still being worked on where programs are tested.
        if std::env::var_os("SPARK_TESTING").is_some() {
            conf.entry("spark.sql.timeType.enabled".to_owned()).or_insert_with(|| "true".to_owned());
        }
        Ok(Self { conf, master, python_functions: false, run_dir: None })
    }

    /// Tables outlive the process, as in spark-sql and pyspark, unless it is said otherwise.
    pub fn with_metastore(mut self) -> Self {
        self.conf.entry("spark.sql.catalogImplementation".to_owned()).or_insert_with(|| "hive".to_owned());
        self
    }

    pub fn app_name(&self) -> &str {
        self.conf.get("spark.app.name").map_or("", String::as_str)
    }

    pub fn get(&self, key: &str) -> Option<&str> {
        self.conf.get(key).map(String::as_str)
    }

    /// The items of a comma-separated setting such as `spark.files`.
    pub fn list(&self, key: &str) -> Vec<&str> {
        self.get(key).unwrap_or("").split(',').map(str::trim).filter(|item| !item.is_empty()).collect()
    }

    /// Keys and values as the engine takes them.
    pub fn pairs(&self) -> Vec<(String, String)> {
        self.conf.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    /// What `--verbose` prints. Values that look secret are not shown, as in Spark.
    pub fn describe(&self) -> String {
        let mut lines: Vec<String> = self.conf.iter().map(|(key, value)| describe(key, value)).collect();
        lines.sort();
        lines.join("\n")
    }
}

fn describe(key: &str, value: &str) -> String {
    let lower = key.to_lowercase();
    let is_secret = ["secret", "password", "token", "access.key", "access_key"].iter().any(|word| lower.contains(word));
    format!("({key},{})", if is_secret { "*********(redacted)" } else { value })
}

fn flags(options: &SettingsOptions) -> [(&'static str, &Option<String>); 17] {
    [
        ("spark.master", &options.master),
        ("spark.app.name", &options.name),
        ("spark.driver.memory", &options.driver_memory),
        ("spark.executor.memory", &options.executor_memory),
        ("spark.executor.cores", &options.executor_cores),
        ("spark.executor.instances", &options.num_executors),
        ("spark.cores.max", &options.total_executor_cores),
        ("spark.driver.cores", &options.driver_cores),
        ("spark.submit.deployMode", &options.deploy_mode),
        ("spark.jars", &options.jars),
        ("spark.jars.packages", &options.packages),
        ("spark.jars.excludes", &options.exclude_packages),
        ("spark.jars.repositories", &options.repositories),
        ("spark.submit.pyFiles", &options.py_files),
        ("spark.files", &options.files),
        ("spark.archives", &options.archives),
        ("spark.driver.extraJavaOptions", &options.driver_java_options),
    ]
}

fn properties_files(options: &SettingsOptions) -> Vec<PathBuf> {
    let mut files = Vec::new();
    if options.properties_file.is_none() || options.load_spark_defaults {
        files.extend(spark_defaults());
    }
    files.extend(options.properties_file.clone());
    files
}

/// `spark-defaults.conf` of `SPARK_CONF_DIR`, else of `./conf`, else of `SPARK_HOME/conf`.
fn spark_defaults() -> Option<PathBuf> {
    let directory = |variable: &str| std::env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = directory("SPARK_HOME").map(|home| home.join("conf"));
    [directory("SPARK_CONF_DIR"), Some(Path::new("conf").to_owned()), home]
        .into_iter()
        .flatten()
        .map(|directory| directory.join("spark-defaults.conf"))
        .find(|file| file.is_file())
}

/// Only this machine can be the master yet.
fn check_master(master: &str) -> Result<(), String> {
    if is_local(master) {
        return Ok(());
    }
    let is_cluster =
        ["spark://", "k8s://", "mesos://", "local-cluster"].iter().any(|prefix| master.starts_with(prefix))
            || master.starts_with("yarn");
    if is_cluster {
        return Err(format!(
            "the master {master} is a cluster, and Firesteel runs on one machine only so far.\n  \
             Way round: --master local[*] uses all cores of this machine."
        ));
    }
    if master.starts_with("sc://") {
        return Err(format!("{master} is a Spark Connect server: give it with --remote"));
    }
    Err(format!("could not understand the master {master:?}: use local, local[N] or local[*]"))
}

fn is_local(master: &str) -> bool {
    if master == "local" {
        return true;
    }
    let Some(inside) = master.strip_prefix("local[").and_then(|rest| rest.strip_suffix(']')) else { return false };
    // `local[4,2]` also says how often a task may fail.
    let (cores, failures) = inside.split_once(',').unwrap_or((inside, "1"));
    let cores = cores.trim();
    (cores == "*" || cores.parse::<usize>().is_ok_and(|count| count > 0)) && failures.trim().parse::<usize>().is_ok()
}

fn check_deploy_mode(mode: &str) -> Result<(), String> {
    match mode {
        "client" => Ok(()),
        "cluster" => Err("--deploy-mode cluster needs a cluster, and Firesteel runs on one machine only so far.\n  \
             Way round: leave it out, or say --deploy-mode client."
            .to_owned()),
        other => Err(format!("--deploy-mode must be either \"client\" or \"cluster\", not {other:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::is_local;

    #[test]
    fn masters() {
        for master in ["local", "local[1]", "local[*]", "local[ 4 ]", "local[*,3]"] {
            assert!(is_local(master), "{master}");
        }
        for master in ["local[0]", "local[]", "local[x]", "yarn", "local[1", "local-cluster[1,1,1]"] {
            assert!(!is_local(master), "{master}");
        }
    }
}
