//! The shape of [`crate::case::Session::services`]: the content of the platform's own services when a session begins, a
//! dict with a key for each of them. A service that is absent is empty.
//!
//! The shapes are those of the SDK's own stand-ins (`safeguard.sessions.plugin_impl` \[S\]), so that authors who test
//! their plugin with pytest can copy their data. Everything is bounded, because each session fills it in again.
//!
//! - `memory_cache`: key, with its prefix, to the text that is stored. `MemoryCache.get` reads JSON \[S\].
//! - `user_lists`: name to `{"allow": "no_user" or "all_users", "except": [user, …]}` \[S\].
//! - `ldap`: name to `{"users": {user: {attribute: value or [value, …]}}, "groups": {group: [user, …]}}`. A server
//!   without `users` answers nothing, and the SDK raises `LDAPOperationError` \[S\].
//! - `credential_stores`: name to `{user: {host: [credential, …]}}`. A credential is a password,
//!   `{"type": "ssh-rsa", "key": …}` or `{"type": "x509v3-sign-rsa", "key": …, "cert": …}`. For an option written `$`
//!   the host is its section and the user its name \[S\].
//! - `trusted_ca_lists`: name to `{"certs": [PEM, …]}`, for options written `$[name]` \[S\].
//! - `box_configuration`, `appliance_files`: see [`super::appliance`].
//! - `state`, `ephemeral`: path to text, the files of the two folders in which a plugin may keep files \[S\].

use super::appliance::{appliance_file, box_configuration, change_secrets_of_box, secrets_of_box, secrets_of_files};
use crate::case::Value;

/// How many entries a dict or list of a service may have.
const ENTRIES_LIMIT: usize = 256;
/// How many bytes a text may have.
const TEXT_LIMIT: usize = 64 << 10;

/// The first line of a certificate.
const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----";

/// Types of keys that the SDK returns \[S\].
const KEY_TYPES: [&str; 3] = ["ssh-rsa", "ssh-dss", "ecdsa-sha2-nistp256"];
/// Types of certificates that the SDK returns \[S\].
const CERTIFICATE_TYPES: [&str; 2] = ["x509v3-sign-rsa", "x509v3-sign-dss"];

/// The services, by their keys.
pub const SERVICES: [&str; 9] = [
    "memory_cache",
    "user_lists",
    "ldap",
    "credential_stores",
    "trusted_ca_lists",
    "box_configuration",
    "appliance_files",
    "state",
    "ephemeral",
];

/// Why services do not have their shape, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServicesProblem {
    /// The keys that lead there.
    pub path: Vec<String>,
    /// What is wrong.
    pub problem: String,
}

impl ServicesProblem {
    pub(super) fn new(problem: impl Into<String>) -> Self {
        Self { path: Vec::new(), problem: problem.into() }
    }

    /// The place for a message: `` `services`, `ldap`, `ad` ``.
    pub fn place(&self) -> String {
        let mut place = "`services`".to_owned();
        for key in &self.path {
            place.push_str(&format!(", `{key}`"));
        }
        place
    }
}

/// Checks that `services` has its shape.
///
/// ```
/// use hookstorm::case::{Value, check_services};
///
/// let json = r#"{"user_lists": {"vip": {"allow": "nobody", "except": []}}}"#;
/// let services: Value = serde_json::from_str(json).unwrap();
/// let problem = check_services(&services).unwrap_err();
/// assert_eq!(problem.place(), "`services`, `user_lists`, `vip`");
/// assert_eq!(problem.problem, "`allow` must be `no_user` or `all_users`");
/// ```
///
/// # Errors
/// The first [`ServicesProblem`].
pub fn check_services(services: &Value) -> Result<(), ServicesProblem> {
    for (key, service) in entries(services)? {
        within(
            key,
            match key.as_str() {
                "memory_cache" => each(service, |_, value| text(value)),
                "user_lists" => each(service, |_, list| user_list(list)),
                "ldap" => each(service, |_, server| ldap_server(server)),
                "credential_stores" => each(service, |_, store| {
                    each(store, |_, hosts| each(hosts, |_, credentials| items(credentials, credential)))
                }),
                "trusted_ca_lists" => each(service, |_, list| {
                    known_keys(list, &["certs"])?;
                    list.get("certs").map_or_else(
                        || Err(ServicesProblem::new("`certs` is missing")),
                        |certs| within("certs", items(certs, certificate)),
                    )
                }),
                "box_configuration" => box_configuration(service),
                "appliance_files" => each(service, appliance_file),
                "state" | "ephemeral" => each(service, file),
                _ => Err(ServicesProblem::new(format!("is not a service; the services are {}", SERVICES.join(", ")))),
            },
        )?;
    }
    Ok(())
}

/// Attributes of a directory's users that contain passwords, in lower case.
const LDAP_SECRETS: [&str; 5] = ["userpassword", "unicodepwd", "sambantpassword", "sambalmpassword", "olcrootpw"];

/// The texts in `services` that are secrets: passwords and keys of credential stores, attributes of the directory that
/// are named like passwords, and the credentials in the box configuration.
pub(crate) fn secrets_of_services(services: &Value) -> Vec<&str> {
    fn texts<'v>(value: &'v Value, into: &mut Vec<&'v str>) {
        match value {
            Value::Str(text) => into.push(text),
            Value::List(items) => items.iter().for_each(|item| texts(item, into)),
            _ => {}
        }
    }
    let mut secrets = Vec::new();
    for (_, hosts) in dict(services.get("credential_stores")).iter().flat_map(|(_, store)| dict(Some(store))) {
        for (_, credentials) in dict(Some(hosts)) {
            let Value::List(credentials) = credentials else { continue };
            for credential in credentials {
                texts(credential.get("key").unwrap_or(credential), &mut secrets);
            }
        }
    }
    for (_, server) in dict(services.get("ldap")) {
        for (_, attributes) in dict(server.get("users")) {
            for (name, value) in dict(Some(attributes)) {
                // Other attributes may be secret or not, so only the usual names of passwords count.
                if LDAP_SECRETS.contains(&name.to_ascii_lowercase().as_str()) {
                    texts(value, &mut secrets);
                }
            }
        }
    }
    if let Some(content) = services.get("box_configuration") {
        secrets_of_box(content, &mut |secret| secrets.push(secret));
    }
    if let Some(files) = services.get("appliance_files") {
        secrets_of_files(files, &mut |secret| secrets.push(secret));
    }
    secrets
}

/// Calls `change` for each of the [`secrets_of_services`], in their places.
pub(crate) fn change_secrets_of_services(services: &mut Value, change: &mut dyn FnMut(&mut String)) {
    fn texts(value: &mut Value, change: &mut dyn FnMut(&mut String)) {
        match value {
            Value::Str(text) => change(text),
            Value::List(items) => items.iter_mut().for_each(|item| texts(item, change)),
            _ => {}
        }
    }
    fn below(value: &mut Value) -> impl Iterator<Item = (&str, &mut Value)> {
        let entries = if let Value::Dict(entries) = value { &mut entries[..] } else { &mut [] };
        entries.iter_mut().map(|(key, value)| (key.as_str(), value))
    }
    for (service, servers) in below(services) {
        if service == "box_configuration" {
            change_secrets_of_box(servers, change);
            continue;
        }
        for (_, server) in below(servers) {
            match service {
                "credential_stores" => {
                    for credential in below(server).flat_map(|(_, hosts)| below(hosts)) {
                        let Value::List(credentials) = credential.1 else { continue };
                        for credential in credentials {
                            match credential {
                                Value::Dict(_) => below(credential)
                                    .filter(|(name, _)| *name == "key")
                                    .for_each(|(_, key)| texts(key, change)),
                                password => texts(password, change),
                            }
                        }
                    }
                }
                "ldap" => {
                    let users = below(server).filter(|(name, _)| *name == "users").flat_map(|(_, users)| below(users));
                    for (name, value) in users.flat_map(|(_, attributes)| below(attributes)) {
                        if LDAP_SECRETS.contains(&name.to_ascii_lowercase().as_str()) {
                            texts(value, change);
                        }
                    }
                }
                _ => {}
            }
        }
    }
}

fn dict(value: Option<&Value>) -> &[(String, Value)] {
    value.and_then(Value::as_dict).unwrap_or_default()
}

pub(super) type Checked = Result<(), ServicesProblem>;

/// Puts `key` before the place of a problem.
pub(super) fn within(key: &str, checked: Checked) -> Checked {
    checked.map_err(|mut problem| {
        problem.path.insert(0, key.to_owned());
        problem
    })
}

pub(super) fn entries(value: &Value) -> Result<&[(String, Value)], ServicesProblem> {
    let entries = value.as_dict().ok_or_else(|| ServicesProblem::new("must be an object"))?;
    bounded(entries.len())?;
    Ok(entries)
}

fn bounded(count: usize) -> Checked {
    if count <= ENTRIES_LIMIT {
        return Ok(());
    }
    Err(ServicesProblem::new(format!("has {count} entries; the limit is {ENTRIES_LIMIT}")))
}

pub(super) fn each(value: &Value, check: impl Fn(&str, &Value) -> Checked) -> Checked {
    entries(value)?.iter().try_for_each(|(key, value)| {
        within(key, if key.len() > TEXT_LIMIT { text(&key.as_str().into()) } else { check(key, value) })
    })
}

pub(super) fn items(value: &Value, check: impl Fn(&Value) -> Checked) -> Checked {
    let Value::List(items) = value else { return Err(ServicesProblem::new("must be a list")) };
    bounded(items.len())?;
    items.iter().enumerate().try_for_each(|(index, item)| within(&(index + 1).to_string(), check(item)))
}

pub(super) fn text(value: &Value) -> Checked {
    match value {
        Value::Str(text) if text.len() <= TEXT_LIMIT => Ok(()),
        Value::Str(_) => Err(ServicesProblem::new(format!("has more than {TEXT_LIMIT} bytes"))),
        _ => Err(ServicesProblem::new("must be text")),
    }
}

pub(super) fn known_keys(value: &Value, known: &[&str]) -> Checked {
    match entries(value)?.iter().find(|(key, _)| !known.contains(&key.as_str())) {
        None => Ok(()),
        Some((key, _)) => {
            Err(ServicesProblem::new(format!("`{key}` is not known here; the keys are `{}`", known.join("`, `"))))
        }
    }
}

fn user_list(list: &Value) -> Checked {
    known_keys(list, &["allow", "except"])?;
    if !matches!(list.get("allow").and_then(Value::as_str), Some("no_user" | "all_users")) {
        return Err(ServicesProblem::new("`allow` must be `no_user` or `all_users`"));
    }
    let except = list.get("except").ok_or_else(|| ServicesProblem::new("`except` is missing"))?;
    within("except", items(except, text))
}

fn ldap_server(server: &Value) -> Checked {
    known_keys(server, &["users", "groups"])?;
    if let Some(users) = server.get("users") {
        within("users", each(users, |_, attributes| each(attributes, |_, value| attribute(value))))?;
    }
    server.get("groups").map_or(Ok(()), |groups| within("groups", each(groups, |_, members| items(members, text))))
}

/// The value of an attribute: text or numbers, one or several.
fn attribute(value: &Value) -> Checked {
    match value {
        Value::Str(_) => text(value),
        Value::Int(_) => Ok(()),
        Value::List(_) => items(value, |item| if matches!(item, Value::Int(_)) { Ok(()) } else { text(item) }),
        _ => Err(ServicesProblem::new("must be text, an int, or a list of them")),
    }
}

fn credential(credential: &Value) -> Checked {
    if credential.as_dict().is_none() {
        return text(credential).map_err(|problem| match credential {
            Value::Str(_) => problem,
            _ => ServicesProblem::new("must be a password, or an object with `type` and `key`"),
        });
    }
    let key_type = credential.get("type").and_then(Value::as_str).unwrap_or_default();
    let parts: &[&str] = match key_type {
        _ if KEY_TYPES.contains(&key_type) => &["key"],
        _ if CERTIFICATE_TYPES.contains(&key_type) => &["key", "cert"],
        _ => {
            let known = KEY_TYPES.into_iter().chain(CERTIFICATE_TYPES).collect::<Vec<_>>().join("`, `");
            return Err(ServicesProblem::new(format!("`type` must be one of `{known}`")));
        }
    };
    let known: Vec<&str> = parts.iter().copied().chain(["type"]).collect();
    known_keys(credential, &known)?;
    parts.iter().try_for_each(|part| {
        let value = credential.get(part).ok_or_else(|| ServicesProblem::new(format!("`{part}` is missing")))?;
        within(part, text(value))
    })
}

pub(super) fn certificate(pem: &Value) -> Checked {
    text(pem)?;
    match pem.as_str() {
        Some(pem) if pem.trim_start().starts_with(CERTIFICATE) => Ok(()),
        _ => Err(ServicesProblem::new(format!("must begin with `{CERTIFICATE}`"))),
    }
}

/// A file of a folder: a path that stays inside it.
fn file(path: &str, content: &Value) -> Checked {
    let stays_inside = !path.is_empty()
        && path.len() <= 1024
        && !path.contains('\0')
        && path.split('/').all(|part| !part.is_empty() && part != "." && part != ".." && part.len() <= 255);
    if !stays_inside {
        return Err(ServicesProblem::new("must be a path inside the folder, with `/` between its parts"));
    }
    text(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = r#"{
        "memory_cache": {"vendor:token": "\"abc\""},
        "user_lists": {"vip": {"allow": "no_user", "except": ["alice"]}},
        "ldap": {"ad": {"users": {"alice": {"mail": ["a@b", "c@d"], "uidNumber": 1000, "userPassword": "{SSHA}x"}},
                        "groups": {"dba": ["alice"]}}, "down": {}},
        "credential_stores": {"local": {"password": {"vault": ["p1", {"type": "ssh-rsa", "key": "k1"}]},
            "client_cert": {"tls": [{"type": "x509v3-sign-rsa", "key": "k2", "cert": "c"}]}}},
        "trusted_ca_lists": {"corp": {"certs": ["-----BEGIN CERTIFICATE-----\n"]}},
        "box_configuration": {"gateway_fqdn": "gw.example.com"}, "appliance_files": {"/etc/spp/join.json": "{}"},
        "state": {"auth_cache/alice.cache": "{}"}, "ephemeral": {}
    }"#;

    fn value(json: &str) -> Value {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn every_service_has_its_shape_and_may_be_absent() {
        assert_eq!(check_services(&value(WHOLE)), Ok(()));
        assert_eq!(check_services(&Value::empty_dict()), Ok(()));
    }

    #[test]
    fn a_wrong_shape_is_named_with_its_place() {
        let said = |json: &str| {
            let problem = check_services(&value(json)).unwrap_err();
            format!("{}: {}", problem.place(), problem.problem)
        };
        for (json, expected) in [
            (
                r#"{"user_list": {}}"#,
                "`services`, `user_list`: is not a service; the services are memory_cache, user_lists, ldap",
            ),
            (r#"{"memory_cache": {"a": 1}}"#, "`services`, `memory_cache`, `a`: must be text"),
            (r#"{"user_lists": {"a": {"allow": "no_user"}}}"#, "`services`, `user_lists`, `a`: `except` is missing"),
            (r#"{"ldap": {"a": {"user": {}}}}"#, "`services`, `ldap`, `a`: `user` is not known here"),
            (r#"{"ldap": {"a": {"users": {"b": {"c": null}}}}}"#, "`a`, `users`, `b`, `c`: must be text, an int"),
            (r#"{"credential_stores": {"a": {"u": {"h": [1]}}}}"#, "`a`, `u`, `h`, `1`: must be a password"),
            (r#"{"credential_stores": {"a": {"u": {"h": [{"type": "ssh-x"}]}}}}"#, "`type` must be one of `ssh-rsa`"),
            (r#"{"trusted_ca_lists": {"a": {"certs": ["x"]}}}"#, "`certs`, `1`: must begin with `-----BEGIN"),
            (r#"{"state": {"../a": ""}}"#, "`services`, `state`, `../a`: must be a path inside the folder"),
            (r#"{"state": {"/a": ""}}"#, "must be a path inside"),
        ] {
            let said = said(json);
            assert!(said.contains(expected), "{said}\n{expected}");
        }
        let many: Vec<_> = (0..257).map(|number| (number.to_string(), "".into())).collect();
        let problem = check_services(&Value::Dict(vec![("memory_cache".into(), Value::Dict(many))])).unwrap_err();
        assert!(problem.problem.contains("the limit is 256"), "{}", problem.problem);
    }

    #[test]
    fn passwords_and_keys_are_secrets_and_names_and_certificates_are_not() {
        let mut services = value(WHOLE);
        assert_eq!(secrets_of_services(&services), ["p1", "k1", "k2", "{SSHA}x"]);
        // In their places, and nothing else.
        change_secrets_of_services(&mut services, &mut |text| text.push('!'));
        assert_eq!(secrets_of_services(&services), ["p1!", "k1!", "k2!", "{SSHA}x!"]);
        change_secrets_of_services(&mut services, &mut |text| _ = text.pop());
        assert_eq!(services, value(WHOLE));
    }
}
