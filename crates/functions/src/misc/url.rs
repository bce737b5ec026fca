//! `parse_url`, `url_encode`, `url_decode`.

use arrow::array::ArrayRef;
use arrow::datatypes::DataType::Utf8;
use firesteel_protocol::{Result, SparkError};

use crate::kernel::KernelArgs;
use crate::rowwise::{string_at, strings, write_strings};
use crate::{Call, Typed};

/// The parts of a URL as `java.net.URI` cuts them.
struct Url<'a> {
    scheme: Option<&'a str>,
    authority: Option<&'a str>,
    path: &'a str,
    query: Option<&'a str>,
    fragment: Option<&'a str>,
}

impl<'a> Url<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let legal = |c: char| {
            !c.is_control() && !c.is_whitespace() && !matches!(c, '"' | '<' | '>' | '\\' | '^' | '`' | '{' | '|' | '}')
        };
        if !text.chars().all(legal) {
            return None;
        }
        let (rest, fragment) = match text.split_once('#') {
            Some((rest, fragment)) => (rest, Some(fragment)),
            None => (text, None),
        };
        let (rest, query) = match rest.split_once('?') {
            Some((rest, query)) => (rest, Some(query)),
            None => (rest, None),
        };
        let colon = rest.find(':').filter(|at| !rest[..*at].contains('/'));
        let (scheme, rest) = match colon {
            Some(at) => (Some(&rest[..at]), &rest[at + 1..]),
            None => (None, rest),
        };
        if let Some(scheme) = scheme {
            let mut letters = scheme.chars();
            let first = letters.next().is_some_and(|c| c.is_ascii_alphabetic());
            if !first || !letters.all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.')) || rest.is_empty()
            {
                return None;
            }
        }
        let (authority, path) = match rest.strip_prefix("//") {
            Some(rest) => {
                let end = rest.find('/').unwrap_or(rest.len());
                (Some(&rest[..end]).filter(|authority| !authority.is_empty()), &rest[end..])
            }
            None => (None, rest),
        };
        Some(Self { scheme, authority, path, query, fragment })
    }

    fn user_info(&self) -> Option<&'a str> {
        self.authority?.rsplit_once('@').map(|(user, _)| user)
    }

    fn host(&self) -> Option<&'a str> {
        let authority = self.authority?;
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let host = match host.find(']') {
            Some(end) => &host[..=end],
            None => host.rsplit_once(':').map_or(host, |(host, _)| host),
        };
        Some(host).filter(|host| !host.is_empty())
    }

    fn part(&self, part: &str, key: Option<&str>) -> Option<String> {
        let text = match part {
            "HOST" => self.host()?,
            "PATH" => self.path,
            "QUERY" => match key {
                None => self.query?,
                Some(key) => {
                    let pairs = self.query?.split('&');
                    pairs.filter_map(|pair| pair.split_once('=')).find(|(name, _)| *name == key)?.1
                }
            },
            "REF" => self.fragment?,
            "PROTOCOL" => self.scheme?,
            "FILE" => {
                return Some(match self.query {
                    Some(query) => format!("{}?{query}", self.path),
                    None => self.path.to_string(),
                });
            }
            "AUTHORITY" => self.authority?,
            "USERINFO" => self.user_info()?,
            _ => return None,
        };
        Some(text.to_string())
    }
}

/// `parse_url(url, part[, key])`, `try_parse_url`.
pub(super) fn parse_url(call: &Call) -> Result<Typed> {
    call.arity(2..=3)?;
    let label = call.display();
    let call = call.coerced(&[Utf8, Utf8, Utf8])?;
    let tried = call.name.starts_with("try") || !call.env.ansi;
    let mode = if tried { "try" } else { "ansi" };
    Ok(call.kernel_with("ansi_parse_url", Utf8, true, mode.into(), parse_kernel).named(label))
}

fn parse_kernel(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let (urls, parts) = (strings(args, 0)?, strings(args, 1)?);
    let keys = if args.args.len() > 2 { Some(strings(args, 2)?) } else { None };
    write_strings(args.rows, |row, out| {
        let (Some(text), Some(part)) = (string_at(&urls, row), string_at(&parts, row)) else { return Ok(false) };
        let key = match &keys {
            None => None,
            Some(keys) => match string_at(keys, row) {
                // A key is for the query alone.
                Some(key) if part == "QUERY" => Some(key),
                _ => return Ok(false),
            },
        };
        match Url::parse(text) {
            Some(url) => Ok(url.part(part, key).map(|part| out.push_str(&part)).is_some()),
            None if args.param == "try" => Ok(false),
            None => Err(SparkError::new("INVALID_URL").with("url", text)),
        }
    })
}

/// `url_encode(text)`: as HTML forms do.
pub(super) fn url_encode(call: &Call) -> Result<Typed> {
    call.arity(1)?;
    let typed = call.coerced(&[Utf8])?;
    Ok(typed
        .kernel("spark_url_encode", Utf8, true, |args| {
            let texts = strings(args, 0)?;
            write_strings(args.rows, |row, out| {
                let Some(text) = string_at(&texts, row) else { return Ok(false) };
                out.push_str(&encode(text));
                Ok(true)
            })
        })
        .named(call.display()))
}

/// `url_decode(text)`, `try_url_decode`.
pub(super) fn url_decode(call: &Call) -> Result<Typed> {
    call.arity(1)?;
    let typed = call.coerced(&[Utf8])?;
    let mode = if call.name.starts_with("try") { "try" } else { "ansi" };
    Ok(typed.kernel_with("ansi_url_decode", Utf8, true, mode.into(), decode_kernel).named(call.display()))
}

fn decode_kernel(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let texts = strings(args, 0)?;
    write_strings(args.rows, |row, out| {
        let Some(text) = string_at(&texts, row) else { return Ok(false) };
        match decode(text) {
            Some(value) => {
                out.push_str(&value);
                Ok(true)
            }
            None if args.param == "try" => Ok(false),
            None => Err(SparkError::new("CANNOT_DECODE_URL").with("url", text)),
        }
    })
}

/// A text as HTML forms send it.
pub(super) fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b' ' => out.push('+'),
            b'.' | b'-' | b'*' | b'_' => out.push(char::from(byte)),
            byte if byte.is_ascii_alphanumeric() => out.push(char::from(byte)),
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// What [`encode`] was given; None if the text is malformed.
pub(super) fn decode(text: &str) -> Option<String> {
    let mut bytes = vec![];
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
                let (high, low) = (digit(rest.next())?, digit(rest.next())?);
                bytes.push((high * 16 + low) as u8);
            }
            byte => bytes.push(byte),
        }
    }
    // Java puts the replacement character where bytes are no text.
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_urls() {
        let url = Url::parse("https://user:pw@spark.apache.org:8080/path/x?query=1&b=2#ref").unwrap();
        assert_eq!(url.part("HOST", None).as_deref(), Some("spark.apache.org"));
        assert_eq!(url.part("QUERY", Some("b")).as_deref(), Some("2"));
        assert_eq!(url.part("USERINFO", None).as_deref(), Some("user:pw"));
        assert!(Url::parse("inva lid://x").is_none());
        assert_eq!(decode("%zz"), None);
    }
}
