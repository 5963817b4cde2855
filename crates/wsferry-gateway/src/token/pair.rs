//! A target as JSON names it: a host, and a port that is a number or the text of one.

use serde_json::{Map, Value};

use super::line::target_of;
use crate::address::Address;

/// The target of `host` and `port`. The error is for the log.
pub(super) fn target(object: &Map<String, Value>) -> Result<Address, String> {
    let host =
        object.get("host").and_then(Value::as_str).ok_or("there is no \"host\" with a text")?;
    let port = match object.get("port") {
        Some(Value::Number(port)) => port.to_string(),
        Some(Value::String(port)) => port.trim().to_owned(),
        _ => return Err("there is no \"port\" with a number".to_owned()),
    };
    // They are not repeated: a service may put the token there.
    target_of(&format!("{host}:{port}"))
        .ok_or_else(|| "\"host\" and \"port\" are not a target".to_owned())
}

#[cfg(test)]
mod tests {
    use super::target;

    fn read(json: &str) -> Result<String, String> {
        target(&serde_json::from_str(json).unwrap()).map(|target| target.to_string())
    }

    #[test]
    fn a_host_and_a_port_make_a_target() {
        for (json, expected) in [
            (r#"{"host": "vnc", "port": 5900}"#, "vnc:5900"),
            (r#"{"host": "vnc", "port": "5900", "more": 1}"#, "vnc:5900"),
            (r#"{"host": "::1", "port": 5900}"#, "[::1]:5900"),
            (r#"{"host": "[::1]", "port": " 5900\n"}"#, "[::1]:5900"),
            (r#"{"host": "unix_socket", "port": "/run/vnc"}"#, "unix_socket:/run/vnc"),
        ] {
            assert_eq!(read(json).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn anything_else_makes_none() {
        for json in [
            "{}",
            r#"{"host": "vnc"}"#,
            r#"{"port": 5900}"#,
            r#"{"host": 7, "port": 5900}"#,
            r#"{"host": "vnc", "port": 0}"#,
            r#"{"host": "vnc", "port": 65536}"#,
            r#"{"host": "vnc", "port": 5900.5}"#,
            r#"{"host": "vnc", "port": -1}"#,
            r#"{"host": "vnc", "port": true}"#,
            r#"{"host": "vnc", "port": [5900]}"#,
            r#"{"host": "", "port": 5900}"#,
            r#"{"host": "a b", "port": 5900}"#,
        ] {
            assert!(read(json).is_err(), "{json}");
        }
    }
}
