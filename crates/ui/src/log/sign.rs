//! Signs requests to S3: AWS's Signature Version 4, as part of the address.

use chrono::{DateTime, Utc};
use ring::{digest, hmac};

/// What proves who asks.
#[derive(Clone)]
pub struct Keys {
    pub access: String,
    pub secret: String,
    /// Of keys that are good for a while only.
    pub token: Option<String>,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").field("access", &self.access).finish_non_exhaustive()
    }
}

/// Where a bucket is.
#[derive(Debug, Clone)]
pub struct Place {
    /// `https` or `http`.
    pub scheme: String,
    /// With its port, where that is not the scheme's own.
    pub host: String,
    /// What stands before keys: `/`, or `/bucket/`.
    pub root: String,
    pub region: String,
}

/// Seconds for which a signed address is good.
const SECONDS: &str = "900";

impl Place {
    /// The address of a key with a query; signed where there are keys.
    pub fn address(
        &self,
        method: &str,
        key: &str,
        query: &[(&str, &str)],
        keys: Option<&Keys>,
        now: DateTime<Utc>,
    ) -> String {
        let path = encoded(&format!("{}{key}", self.root), true);
        let mut query: Vec<(String, String)> =
            query.iter().map(|(name, value)| ((*name).to_owned(), encoded(value, false))).collect();
        if let Some(keys) = keys {
            self.sign(method, &path, &mut query, keys, now);
        }
        let query = joined(&query);
        let mark = if query.is_empty() { "" } else { "?" };
        format!("{}://{}{path}{mark}{query}", self.scheme, self.host)
    }

    fn sign(&self, method: &str, path: &str, query: &mut Vec<(String, String)>, keys: &Keys, now: DateTime<Utc>) {
        let (day, time) = (now.format("%Y%m%d").to_string(), now.format("%Y%m%dT%H%M%SZ").to_string());
        let scope = format!("{day}/{}/s3/aws4_request", self.region);
        let mut add = |name: &str, value: &str| query.push((name.to_owned(), encoded(value, false)));
        add("X-Amz-Algorithm", "AWS4-HMAC-SHA256");
        add("X-Amz-Credential", &format!("{}/{scope}", keys.access));
        add("X-Amz-Date", &time);
        add("X-Amz-Expires", SECONDS);
        add("X-Amz-SignedHeaders", "host");
        if let Some(token) = &keys.token {
            add("X-Amz-Security-Token", token);
        }
        query.sort();
        let request = format!("{method}\n{path}\n{}\nhost:{}\n\nhost\nUNSIGNED-PAYLOAD", joined(query), self.host);
        let hashed = hex(digest::digest(&digest::SHA256, request.as_bytes()).as_ref());
        let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{hashed}");
        let mut own = format!("AWS4{}", keys.secret).into_bytes();
        for part in [&day, &self.region, "s3", "aws4_request", &text] {
            own = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &own), part.as_bytes()).as_ref().to_vec();
        }
        query.push(("X-Amz-Signature".into(), hex(&own)));
    }
}

fn joined(query: &[(String, String)]) -> String {
    query.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Percent-encoded but for letters, digits and `-._~`, and for slashes in paths.
fn encoded(text: &str, is_path: bool) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || (is_path && byte == b'/');
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The keys and the bucket of the examples in AWS's documentation.
    #[test]
    fn address_is_signed() {
        let place = Place {
            scheme: "https".into(),
            host: "examplebucket.s3.amazonaws.com".into(),
            root: "/".into(),
            region: "us-east-1".into(),
        };
        let keys = Keys {
            access: "AKIAIOSFODNN7EXAMPLE".into(),
            secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".into(),
            token: None,
        };
        let now = DateTime::parse_from_rfc3339("2013-05-24T00:00:00Z").unwrap().to_utc();
        let address = place.address("GET", "test.txt", &[], Some(&keys), now);
        // What `botocore` signs for the same request.
        let signature = "48fe7214bdb5177ffc88bb6753db570c585be48e6ea48062c7778215649b0d7e";
        assert!(address.ends_with(&format!("&X-Amz-Signature={signature}")), "{address}");
        assert_eq!(
            place.address("GET", "a b/é", &[("prefix", "x/y")], None, now),
            "https://examplebucket.s3.amazonaws.com/a%20b/%C3%A9?prefix=x%2Fy"
        );
    }
}
