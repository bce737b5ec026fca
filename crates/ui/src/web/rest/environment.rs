//! `/environment`.

use serde_json::{Value, json};

use crate::web::view::View;

pub(super) fn environment(view: &View) -> Value {
    let own = &view.store.environment;
    let runtime = |key: &str| own.runtime.iter().find(|(name, _)| name == key).map_or("", |(_, value)| value.as_str());
    let profiles: Vec<Value> = own
        .resource_profiles
        .iter()
        .map(|profile| {
            json!({
                "id": profile["Resource Profile Id"],
                "executorResources": requests(&profile["Executor Resource Requests"]),
                "taskResources": requests(&profile["Task Resource Requests"]),
            })
        })
        .collect();
    json!({
        "runtime": {
            "javaVersion": runtime("Java Version"),
            "javaHome": runtime("Java Home"),
            "scalaVersion": runtime("Scala Version"),
        },
        "sparkProperties": own.spark,
        "hadoopProperties": own.hadoop,
        "systemProperties": own.system,
        "metricsProperties": own.metrics,
        "classpathEntries": own.classpath,
        "resourceProfiles": profiles,
    })
}

/// `Resource Name` becomes `resourceName`.
fn requests(value: &Value) -> Value {
    let camel = |key: &str| {
        let mut words = key.split(' ');
        let first = words.next().unwrap_or("").to_lowercase();
        words.fold(first, |sum, word| sum + word)
    };
    let all = value.as_object().into_iter().flatten().map(|(name, request)| {
        let request = request.as_object().into_iter().flatten().map(|(key, value)| (camel(key), value.clone()));
        (name.clone(), Value::Object(request.collect()))
    });
    Value::Object(all.collect())
}
