//! The shapes of two [services](super::services) of the appliance itself: its files, and its box configuration.
//!
//! - `appliance_files`: path to text. A file of [`APPLIANCE_FILES`] that has no entry is absent. The folder `/etc/spp`
//!   has its files only on a node that is joined to Safeguard for Privileged Passwords.
//! - `box_configuration`: what the SDK reads of it \[S\]: `gateway_fqdn` and `starling_join_credential_string`, text or
//!   None; `http_proxy`, None or `{"enabled": …, "server": {"value": …}, "port": …, "authentication": {"selection": …,
//!   "username": …, "password": …}}`; and `endpoints`, a tree of objects in which `_query` looks a path up.

use std::net::IpAddr;

use super::services::{Checked, ServicesProblem, certificate, each, entries, items, known_keys, text, within};
use crate::case::Value;

/// The files of the appliance that a session may have, by their paths there.
pub const APPLIANCE_FILES: [&str; 6] = [
    "/etc/spp/join.json",
    "/etc/spp/cluster_members.json",
    "/etc/spp/server.crt",
    "/etc/spp/client.crt",
    "/etc/spp/client.key",
    "/usr/share/zorp/dictionary",
];

/// The file with a private key, which is a secret.
const PRIVATE_KEY: &str = "/etc/spp/client.key";

/// Keys whose values are addresses, wherever they are in these files.
const ADDRESS_KEYS: [&str; 3] = ["sps_cluster_interface_ip", "spp_primary_ip", "Ipv4Address"];

/// The keys of the box configuration.
const BOX_KEYS: [&str; 4] = ["gateway_fqdn", "starling_join_credential_string", "http_proxy", "endpoints"];

/// Checks one of the files.
pub(super) fn appliance_file(path: &str, content: &Value) -> Checked {
    if !APPLIANCE_FILES.contains(&path) {
        let known = APPLIANCE_FILES.join("`, `");
        return Err(ServicesProblem::new(format!("is not a file that can be given; the files are `{known}`")));
    }
    text(content)?;
    let content = content.as_str().unwrap_or_default();
    match path.rsplit_once('/').map_or(path, |(_, name)| name) {
        "join.json" => match serde_json::from_str(content) {
            Ok(serde_json::Value::Object(join)) => addresses(&join),
            _ => Err(ServicesProblem::new("must be JSON: an object")),
        },
        "cluster_members.json" => {
            let members: Result<Vec<serde_json::Map<String, serde_json::Value>>, _> = serde_json::from_str(content);
            let members = members.map_err(|_| ServicesProblem::new("must be JSON: a list of objects"))?;
            members.iter().try_for_each(addresses)
        }
        "server.crt" | "client.crt" => certificate(&content.into()),
        "client.key" if !content.trim_start().starts_with("-----BEGIN ") => {
            Err(ServicesProblem::new("must be a key in PEM"))
        }
        _ => Ok(()),
    }
}

/// Calls `visit` for each secret in these files.
pub(super) fn secrets_of_files<'v>(files: &'v Value, visit: &mut impl FnMut(&'v str)) {
    files.get(PRIVATE_KEY).and_then(Value::as_str).into_iter().for_each(visit);
}

/// Checks that what the appliance keeps as an address is one.
fn addresses(object: &serde_json::Map<String, serde_json::Value>) -> Checked {
    let of_address = object.iter().filter(|(key, _)| ADDRESS_KEYS.contains(&key.as_str()));
    for (key, value) in of_address {
        let is_address = value.as_str().is_some_and(|text| text.parse::<IpAddr>().is_ok());
        if !is_address {
            return Err(ServicesProblem::new(format!("`{key}` must be an IP address")));
        }
    }
    Ok(())
}

/// Checks the box configuration.
pub(super) fn box_configuration(content: &Value) -> Checked {
    known_keys(content, &BOX_KEYS)?;
    entries(content)?.iter().try_for_each(|(key, value)| {
        within(
            key,
            match key.as_str() {
                _ if *value == Value::Null => Ok(()),
                "gateway_fqdn" => host(value),
                "http_proxy" => http_proxy(value),
                "endpoints" => endpoint(value, 0),
                _ => not_empty(value),
            },
        )
    })
}

fn not_empty(value: &Value) -> Checked {
    text(value)?;
    match value.as_str() {
        Some("") => Err(ServicesProblem::new("must not be empty; without the entry it is None")),
        _ => Ok(()),
    }
}

/// A host name or an address.
fn host(value: &Value) -> Checked {
    not_empty(value)?;
    let is_of_host = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':');
    match value.as_str() {
        Some(host) if host.len() <= 253 && host.bytes().all(is_of_host) => Ok(()),
        _ => Err(ServicesProblem::new("must be the name of a host or an address")),
    }
}

fn http_proxy(proxy: &Value) -> Checked {
    known_keys(proxy, &["enabled", "server", "port", "authentication"])?;
    let Some(Value::Bool(is_enabled)) = proxy.get("enabled") else {
        return Err(ServicesProblem::new("`enabled` must be true or false"));
    };
    let part = |key: &str, check: fn(&Value) -> Checked| match proxy.get(key) {
        Some(value) => within(key, check(value)),
        // The SDK reads all of it if the proxy is enabled.
        None if *is_enabled => Err(ServicesProblem::new(format!("`{key}` is missing"))),
        None => Ok(()),
    };
    part("server", |server| {
        known_keys(server, &["value", "selection"])?;
        server.get("selection").map_or(Ok(()), text)?;
        let value = server.get("value").ok_or_else(|| ServicesProblem::new("`value` is missing"))?;
        within("value", host(value))
    })?;
    part("port", |port| match port {
        Value::Int(1..=65_535) => Ok(()),
        _ => Err(ServicesProblem::new("must be an int from 1 to 65535")),
    })?;
    part("authentication", |authentication| {
        known_keys(authentication, &["selection", "username", "password"])?;
        let selection = authentication.get("selection").and_then(Value::as_str);
        let selection = selection.ok_or_else(|| ServicesProblem::new("`selection` must be text"))?;
        ["username", "password"].into_iter().try_for_each(|key| match authentication.get(key) {
            Some(value) => within(key, not_empty(value)),
            None if selection == "password" => Err(ServicesProblem::new(format!("`{key}` is missing"))),
            None => Ok(()),
        })
    })
}

/// How deep objects may be in each other.
const DEPTH_LIMIT: usize = 16;

/// What `_query` returns: objects, and any value in them.
fn endpoint(value: &Value, depth: usize) -> Checked {
    if depth == DEPTH_LIMIT {
        return Err(ServicesProblem::new(format!("is deeper than {DEPTH_LIMIT} levels")));
    }
    match value {
        Value::Dict(_) => each(value, |_, inner| endpoint(inner, depth + 1)),
        _ if depth == 0 => Err(ServicesProblem::new("must be an object")),
        Value::List(_) => items(value, |item| endpoint(item, depth + 1)),
        Value::Str(_) => text(value),
        _ => Ok(()),
    }
}

/// Calls `visit` for each secret of a box configuration: the credential of Starling, the password of the proxy.
pub(super) fn secrets_of_box<'v>(content: &'v Value, visit: &mut impl FnMut(&'v str)) {
    let password = content.get("http_proxy").and_then(|proxy| proxy.get("authentication")?.get("password"));
    [content.get("starling_join_credential_string"), password]
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .for_each(visit);
}

/// Calls `change` for each secret of a box configuration, in its place.
pub(super) fn change_secrets_of_box(content: &mut Value, change: &mut dyn FnMut(&mut String)) {
    let Value::Dict(entries) = content else { return };
    for (key, value) in entries {
        match (key.as_str(), value) {
            ("starling_join_credential_string" | "password", Value::Str(secret)) => change(secret),
            ("http_proxy" | "authentication", inner) => change_secrets_of_box(inner, change),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::{check_services, secrets_of_services};

    fn said(json: &str) -> String {
        let services: Value = serde_json::from_str(json).unwrap();
        match check_services(&services) {
            Ok(()) => "fine".into(),
            Err(problem) => format!("{}: {}", problem.place(), problem.problem),
        }
    }

    #[test]
    fn files_of_the_appliance_have_known_paths_and_the_form_that_it_writes() {
        let file = |name: &str, text: &str| said(&format!(r#"{{"appliance_files": {{"{name}": {text:?}}}}}"#));
        assert_eq!(file("/etc/spp/join.json", r#"{"spp_primary_ip": "10.0.0.1", "more": 1}"#), "fine");
        assert_eq!(file("/etc/spp/cluster_members.json", r#"[{"Ipv4Address": "10.0.0.1"}]"#), "fine");
        assert_eq!(file("/usr/share/zorp/dictionary", "ATTRIBUTE User-Name 1 string"), "fine");
        for (name, text, expected) in [
            ("/etc/passwd", "x", "`services`, `appliance_files`, `/etc/passwd`: is not a file that can be given"),
            ("/etc/spp/join.json", "[]", "`appliance_files`, `/etc/spp/join.json`: must be JSON: an object"),
            ("/etc/spp/join.json", r#"{"spp_primary_ip": "x"}"#, "join.json`: `spp_primary_ip` must be an IP address"),
            ("/etc/spp/server.crt", "x", "`/etc/spp/server.crt`: must begin with `-----BEGIN CERTIFICATE-----`"),
            ("/etc/spp/client.key", "x", "`/etc/spp/client.key`: must be a key in PEM"),
            ("/etc/spp/cluster_members.json", "{}", "cluster_members.json`: must be JSON: a list of objects"),
        ] {
            let said = file(name, text);
            assert!(said.contains(expected), "{said}");
        }
    }

    #[test]
    fn a_box_configuration_has_the_form_that_the_sdk_reads() {
        let whole = r#"{"gateway_fqdn": "gw.example.com", "starling_join_credential_string": "s-1", "http_proxy":
            {"enabled": true, "server": {"value": "p"}, "port": 1, "authentication":
            {"selection": "password", "username": "u", "password": "pw"}}, "endpoints": {"a": {"b": [1, null]}}}"#;
        assert_eq!(said(&format!(r#"{{"box_configuration": {whole}}}"#)), "fine");
        let services: Value = serde_json::from_str(&format!(r#"{{"box_configuration": {whole}}}"#)).unwrap();
        assert_eq!(secrets_of_services(&services), ["s-1", "pw"]);
        let key = r#"{"appliance_files": {"/etc/spp/join.json": "{}", "/etc/spp/client.key": "-----BEGIN x"}}"#;
        assert_eq!(secrets_of_services(&serde_json::from_str(key).unwrap()), ["-----BEGIN x"]);
        assert_eq!(said(r#"{"box_configuration": {"gateway_fqdn": null, "http_proxy": {"enabled": false}}}"#), "fine");
        for (json, expected) in [
            (r#"{"joined": true}"#, "`box_configuration`: `joined` is not known here"),
            (r#"{"gateway_fqdn": "a b"}"#, "`box_configuration`, `gateway_fqdn`: must be the name of a host"),
            (r#"{"starling_join_credential_string": ""}"#, "must not be empty; without the entry it is None"),
            (r#"{"http_proxy": {}}"#, "`http_proxy`: `enabled` must be true or false"),
            (r#"{"http_proxy": {"enabled": true}}"#, "`http_proxy`: `server` is missing"),
            (r#"{"http_proxy": {"enabled": false, "port": 0}}"#, "`http_proxy`, `port`: must be an int from 1"),
            (
                r#"{"http_proxy": {"enabled": false, "authentication": {"selection": "password", "username": "u"}}}"#,
                "`http_proxy`, `authentication`: `password` is missing",
            ),
            (r#"{"endpoints": 1}"#, "`endpoints`: must be an object"),
        ] {
            let said = said(&format!(r#"{{"box_configuration": {json}}}"#));
            assert!(said.contains(expected), "{said}");
        }
    }

    #[test]
    fn the_secrets_of_a_box_configuration_are_changed_in_their_places() {
        let json = r#"{"starling_join_credential_string":"a","http_proxy":{"authentication":{"selection":"b","password":"c"}}}"#;
        let mut value: Value = serde_json::from_str(json).unwrap();
        change_secrets_of_box(&mut value, &mut |text| text.push('!'));
        assert_eq!(value.to_string(), json.replace(r#""a""#, r#""a!""#).replace(r#""c""#, r#""c!""#));
    }
}
