//! Stores beyond the local disk, opened with Hadoop's settings.

use std::sync::Arc;

use firesteel_protocol::{Result, SparkError};
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::path::Path;
use object_store::{ClientOptions, ObjectStore};

/// A place in a store: `s3a://bucket/a/b`.
#[derive(Debug, Clone)]
pub struct Place {
    pub store: Arc<dyn ObjectStore>,
    /// Within the bucket.
    pub path: Path,
}

/// Opens what a URL names; `setting` answers for Hadoop's keys, without `spark.hadoop.` before them. Of an S3 bucket these
/// are `fs.s3a.endpoint`, `endpoint.region`, `access.key`, `secret.key`, `session.token`, `path.style.access`,
/// `connection.ssl.enabled` and `aws.credentials.provider`, each also as `fs.s3a.bucket.NAME.KEY`; what they leave open
/// comes of the environment (`AWS_ACCESS_KEY_ID`, `AWS_REGION` and so on). Nothing is asked of the store yet.
///
/// # Errors
/// `UNSUPPORTED_FEATURE.FIRESTEEL` for other schemes and other providers of credentials; `INVALID_CONF_VALUE.REQUIREMENT` for a value
/// that is none.
pub fn open(url: &str, setting: &dyn Fn(&str) -> Option<String>) -> Result<Place> {
    let Some((bucket, key)) = bucket_and_key(url) else {
        return Err(SparkError::unsupported(format!("the location {url}"), "Use s3a:// or a local folder."));
    };
    let own = |name: &str| {
        let of_bucket = setting(&format!("fs.s3a.bucket.{bucket}.{name}"));
        of_bucket.or_else(|| setting(&format!("fs.s3a.{name}"))).filter(|value| !value.trim().is_empty())
    };
    let flag = |name: &str, otherwise: bool| match own(name) {
        None => Ok(otherwise),
        Some(text) => {
            text.trim().to_ascii_lowercase().parse().map_err(|_| invalid(name, &text, "It should be true or false."))
        }
    };
    let mut builder = AmazonS3Builder::from_env().with_bucket_name(bucket);
    for (name, key) in [
        ("access.key", AmazonS3ConfigKey::AccessKeyId),
        ("secret.key", AmazonS3ConfigKey::SecretAccessKey),
        ("session.token", AmazonS3ConfigKey::Token),
        ("endpoint.region", AmazonS3ConfigKey::Region),
    ] {
        if let Some(value) = own(name) {
            builder = builder.with_config(key, value.trim());
        }
    }
    let provider = own("aws.credentials.provider").unwrap_or_default();
    for class in provider.split(',').map(str::trim).filter(|class| !class.is_empty()) {
        match class.rsplit('.').next().unwrap_or_default() {
            "AnonymousAWSCredentialsProvider" | "AnonymousCredentialsProvider" => {
                builder = builder.with_skip_signature(true);
            }
            "SimpleAWSCredentialsProvider"
            | "TemporaryAWSCredentialsProvider"
            | "EnvironmentVariableCredentialsProvider"
            | "DefaultAWSCredentialsProviderChain"
            | "DefaultCredentialsProvider"
            | "IAMInstanceCredentialsProvider"
            | "InstanceProfileCredentialsProvider"
            | "ContainerCredentialsProvider"
            | "WebIdentityTokenFileCredentialsProvider"
            | "WebIdentityTokenCredentialsProvider" => {}
            _ => {
                return Err(SparkError::unsupported(
                    format!("fs.s3a.aws.credentials.provider {class}"),
                    "Give fs.s3a.access.key and fs.s3a.secret.key.",
                ));
            }
        }
    }
    let encrypted = flag("connection.ssl.enabled", true)?;
    if let Some(endpoint) = own("endpoint") {
        let endpoint = endpoint.trim().trim_end_matches('/').to_string();
        let full = match endpoint.split_once("://") {
            Some(_) => endpoint,
            None => format!("{}://{endpoint}", if encrypted { "https" } else { "http" }),
        };
        builder = builder.with_client_options(ClientOptions::new().with_allow_http(full.starts_with("http://")));
        // Else the builder takes the endpoint for that of the one bucket.
        let path_style = flag("path.style.access", false)?;
        let full = match full.split_once("://") {
            Some((scheme, host)) if !path_style => format!("{scheme}://{bucket}.{host}"),
            _ => full,
        };
        builder = builder.with_endpoint(full).with_virtual_hosted_style_request(!path_style);
    }
    let store = builder.build().map_err(|error| {
        SparkError::unsupported(format!("the location {url} ({error})"), "See the settings fs.s3a.*.")
    })?;
    let path = Path::parse(key.trim_matches('/')).map_err(|error| invalid("path", url, &error.to_string()))?;
    Ok(Place { store: Arc::new(store), path })
}

fn invalid(name: &str, value: &str, wanted: &str) -> SparkError {
    SparkError::new("INVALID_CONF_VALUE.REQUIREMENT")
        .with("confValue", value)
        .with("confName", format!("fs.s3a.{name}"))
        .with("confRequirement", wanted)
}

/// The bucket and the key of an S3 URL.
fn bucket_and_key(url: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = url.split_once("://")?;
    if !["s3a", "s3", "s3n"].contains(&scheme.to_ascii_lowercase().as_str()) {
        return None;
    }
    let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
    (!bucket.is_empty()).then_some((bucket, key))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(url: &str, settings: &[(&str, &str)]) -> Result<Place> {
        let found = |name: &str| settings.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_string());
        open(url, &found)
    }

    #[test]
    fn hadoops_settings_open_a_bucket() -> Result<()> {
        let keys = [
            ("fs.s3a.endpoint", "127.0.0.1:9000"),
            ("fs.s3a.connection.ssl.enabled", "false"),
            ("fs.s3a.path.style.access", "true"),
            ("fs.s3a.access.key", "a"),
            ("fs.s3a.bucket.logs.secret.key", "b"),
        ];
        let place = opened("s3a://logs/spark/events/", &keys)?;
        assert_eq!(place.path.as_ref(), "spark/events");
        Ok(())
    }

    #[test]
    fn what_is_not_there_is_refused() {
        let condition = |result: Result<Place>| result.err().map(|error| error.condition().to_string());
        assert_eq!(condition(opened("hdfs://n/x", &[])).as_deref(), Some("UNSUPPORTED_FEATURE.FIRESTEEL"));
        let other = [("fs.s3a.aws.credentials.provider", "com.example.Own")];
        assert_eq!(condition(opened("s3a://b/x", &other)).as_deref(), Some("UNSUPPORTED_FEATURE.FIRESTEEL"));
        let odd = [("fs.s3a.connection.ssl.enabled", "maybe")];
        assert_eq!(condition(opened("s3a://b/x", &odd)).as_deref(), Some("INVALID_CONF_VALUE.REQUIREMENT"));
    }
}
