//! What the platform's services hold when a session begins: the policies that the plugin's configuration names, filled so
//! that they hang together with the session. Its user stands in the list or does not, the directory knows him or not, the
//! credential store has the password for his account on the target.
//!
//! Never made: a policy that the configuration names and the platform lacks, or an option written `$` without a
//! credential. Those are faults of whoever configured the plugin, and would be told of every plugin there is. What a
//! service may answer all the same is made: nobody of that name, nothing in the attribute, a directory that is down.
//! Nor is the plugin's own place in the memory cache filled: only the plugin knows what it keeps there.

mod names;

use arbitrary::Unstructured;

pub(super) use names::Names;

use crate::{
    case::{Session, Value},
    contract::{Argument, Platform, PluginType},
    generate::{
        Domain,
        choices::Choices,
        text::{ANSWERS, GROUPS, USERS, joined, secret, typed},
    },
    package::configuration,
    trace::{OptionToken, PluginTokens},
};

/// A key that nobody uses, made for this: what a plugin reads must be one.
const KEY: &str = include_str!("key.pem");
/// A certificate of that key, which is its own authority.
const CERTIFICATE: &str = include_str!("certificate.pem");

/// What another plugin keeps in the memory cache, under its own prefix \[S\].
const FOREIGN_KEY: &str = "oneidentity:starling:access_token";

/// A time that does not pass while anybody tests: an authentication of then is not over.
const LATER: i64 = 4_102_444_800;

/// The bytes of what a configuration needs at the least: any would do that make secrets which are known again.
const CONFIGURED: &[u8] = b"Lv7#q2Wz9!mR4x@Kt6$Bp1&Hs8*Yd3%Nf5^Gc0-Jj_Ee+Uu=Oo~Aa,Ii.Xx?Zz;Qq:Ww|Pp";

/// What the platform's services hold at the beginning of `session`; empty for a plugin that uses none. It depends on
/// nothing but bytes, domain and session.
pub fn services(u: &mut Unstructured<'_>, domain: &Domain, session: &Session) -> Value {
    of_session(&mut Choices::new(u, domain), session, None)
}

/// What the services hold at the least where a plugin has this configuration: each policy that it names, and a credential
/// for each of its options written `$`.
pub fn configured_services(configuration: &str) -> Value {
    let options = configuration::options(configuration).into_iter().filter(|option| !option.commented);
    let options =
        options.map(|option| OptionToken { section: option.section, name: option.name, value: option.value }).collect();
    let words = PluginTokens { options, services: vec!["sdk".into()], ..PluginTokens::default() };
    let domain = Domain::new(PluginType::CredentialStore, Platform::newest(), Vec::new(), words);
    let mut bytes = Unstructured::new(CONFIGURED);
    of_session(&mut Choices::ordinary(&mut bytes, &domain), &Session::new(Vec::new()), None)
}

/// The same from choices that go on; `other` is the domain of the session's other plugin. Draws nothing where nothing is
/// named.
pub(super) fn of_session(choices: &mut Choices<'_, '_>, session: &Session, other: Option<&Domain>) -> Value {
    let domain = choices.domain;
    let mut changed;
    let mut names = &domain.tables().names;
    if let Some(other) = other.filter(|other| other.tables().names != *names) {
        changed = names.and(&other.tables().names);
        names = &changed;
    }
    if !session.options.is_empty() {
        changed = names.with(&session.options);
        names = &changed;
    }
    if names.is_empty() {
        return Value::empty_dict();
    }
    let people = People::of(session);
    let mut services = Value::empty_dict();
    let mut put = |key: &str, service: Value| {
        if !service.is_empty_dict() {
            services.set(key, service);
        }
    };
    if names.memory_cache && choices.strays(64) {
        put("memory_cache", dict([(FOREIGN_KEY, joined(&["\"", &random(choices), "\""]).into())]));
    }
    put("user_lists", named(&names.user_lists, || user_list(choices, &people)));
    put("ldap", named(&names.servers, || ldap_server(choices, names, &people)));
    put("credential_stores", named(&names.stores, || store(choices, names, &people)));
    let authorities = || dict([("certs", Value::List(vec![CERTIFICATE.into()]))]);
    put("trusted_ca_lists", named(&names.ca_lists, authorities));
    if let (Some(folder), Some(user), Some(client)) =
        (&names.authentication_cache, people.users.first(), &people.client)
        && choices.strays(100)
    {
        put("state", authentication_cache(choices, folder, user, client));
    }
    services
}

/// Who and what a session is about.
struct People {
    /// Its users, who connects first.
    users: Vec<String>,
    /// The accounts on its target.
    accounts: Vec<String>,
    /// The names of its target.
    hosts: Vec<String>,
    /// The groups of who connects.
    groups: Vec<String>,
    /// The client's address.
    client: Option<String>,
}

impl People {
    fn of(session: &Session) -> Self {
        let mut people =
            Self { users: Vec::new(), accounts: Vec::new(), hosts: Vec::new(), groups: Vec::new(), client: None };
        let push = |into: &mut Vec<String>, value: &Value| {
            if let Some(text) = value.as_str().filter(|text| !text.is_empty() && text.len() <= 512)
                && !into.iter().any(|known| known == text)
            {
                into.push(text.to_owned());
            }
        };
        for (argument, value) in session.calls.iter().flat_map(|call| &call.arguments) {
            match argument {
                Argument::GatewayUser | Argument::GatewayUsername => push(&mut people.users, value),
                Argument::KeyValuePairs => {
                    ["username", "gu"]
                        .iter()
                        .filter_map(|key| value.get(key))
                        .for_each(|user| push(&mut people.users, user));
                }
                Argument::ServerUsername => push(&mut people.accounts, value),
                Argument::ServerIp | Argument::ServerHostname | Argument::Asset => push(&mut people.hosts, value),
                Argument::GatewayGroups => {
                    let Value::List(groups) = value else { continue };
                    groups.iter().for_each(|group| push(&mut people.groups, group));
                }
                Argument::ClientIp => people.client = value.as_str().map(str::to_owned),
                _ => {}
            }
        }
        people
    }
}

fn dict<const N: usize>(entries: [(&str, Value); N]) -> Value {
    Value::Dict(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

/// A service's policies by their names.
fn named(names: &[String], mut policy: impl FnMut() -> Value) -> Value {
    Value::Dict(names.iter().map(|name| (name.clone(), policy())).collect())
}

fn random(choices: &mut Choices<'_, '_>) -> String {
    let mut text = String::new();
    crate::generate::text::push_random(choices, 16, &mut text);
    text
}

/// Whom it lets through: nobody but some, or everybody but some; the session's users among them or not.
fn user_list(choices: &mut Choices<'_, '_>, people: &People) -> Value {
    let allow = if choices.chance(100) { "all_users" } else { "no_user" };
    let mut except = Vec::new();
    for user in people.users.iter().chain(&people.accounts).take(2) {
        if choices.chance(128) {
            except.push(Value::from(user.as_str()));
        }
    }
    for _ in 0..choices.below(3) {
        except.push(typed(choices, USERS).into());
    }
    dict([("allow", allow.into()), ("except", Value::List(except))])
}

fn ldap_server(choices: &mut Choices<'_, '_>, names: &Names, people: &People) -> Value {
    if choices.is_odd() && choices.chance(40) {
        // It is down: it has nobody, and says so to whoever asks.
        return Value::empty_dict();
    }
    let mut users = Value::empty_dict();
    for user in people.users.iter().chain(&people.accounts).take(3) {
        if !choices.is_none() {
            let attributes = names.attributes.iter().filter_map(|name| Some((name.clone(), attribute(choices, user)?)));
            users.set(user, Value::Dict(attributes.collect()));
        }
    }
    let mut groups = Value::empty_dict();
    for group in names.groups.iter().chain(&people.groups).take(6) {
        if choices.is_odd() {
            continue;
        }
        let is_member = |_: &&String| choices.chance(128);
        let members = people.users.iter().filter(is_member).map(|user| Value::from(user.as_str())).collect();
        groups.set(group, Value::List(members));
    }
    if choices.chance(40) {
        groups.set(choices.text(GROUPS), Value::List(vec![choices.text(USERS).into()]));
    }
    dict([("users", users), ("groups", groups)])
}

/// The value of an attribute; `None` where the user has none.
fn attribute(choices: &mut Choices<'_, '_>, user: &str) -> Option<Value> {
    Some(match choices.byte() {
        0..100 => joined(&[user, "@example.com"]).into(),
        100..150 => typed(choices, USERS).into(),
        150..190 => typed(choices, ANSWERS).into(),
        190..215 if choices.mood.strays => Value::List((0..2).map(|_| Value::Str(typed(choices, USERS))).collect()),
        215..225 if choices.mood.strays => Value::List(Vec::new()),
        225..232 if choices.mood.strays => "".into(),
        232..240 => Value::Int(1000),
        240.. if choices.mood.strays => return None,
        _ => user.into(),
    })
}

/// Credentials by user and host.
fn store(choices: &mut Choices<'_, '_>, names: &Names, people: &People) -> Value {
    let mut store = Value::empty_dict();
    let mut put = |user: &str, host: &str, credentials: Vec<Value>| {
        let mut hosts = store.get(user).cloned().unwrap_or_else(Value::empty_dict);
        hosts.set(host, Value::List(credentials));
        store.set(user, hosts);
    };
    for (section, name) in &names.references {
        // For an option the host is its section and the user its name [S]. Whoever asks gets his kind of them.
        let mut credentials = vec![Value::from(secret(choices))];
        if choices.is_odd() {
            credentials.push(secret(choices).into());
        }
        if name.contains("key") {
            credentials.push(dict([("type", "ssh-rsa".into()), ("key", KEY.into())]));
        }
        if name.contains("cert") {
            let parts = [("type", "x509v3-sign-rsa".into()), ("key", KEY.into()), ("cert", CERTIFICATE.into())];
            credentials.push(dict(parts));
        }
        put(name, section, credentials);
    }
    if names.looks_up {
        for account in people.accounts.iter().chain(&people.users).take(2) {
            for host in people.hosts.iter().take(3) {
                let credentials = match choices.byte() {
                    0..140 => vec![secret(choices).into()],
                    140..165 => vec![secret(choices).into(), secret(choices).into()],
                    165..190 => vec![dict([("type", "ssh-rsa".into()), ("key", KEY.into())])],
                    190..210 => vec![secret(choices).into(), dict([("type", "ssh-rsa".into()), ("key", KEY.into())])],
                    210..225 => Vec::new(),
                    // The store knows nothing of it.
                    225.. => continue,
                };
                put(account, host, credentials);
            }
        }
    }
    store
}

/// What the SDK's authentication cache keeps of a user who was here before \[S\].
fn authentication_cache(choices: &mut Choices<'_, '_>, folder: &str, user: &str, client: &str) -> Value {
    let path = joined(&[folder, "/", user, "@", client, ".cache"]);
    let is_path = path.len() <= 255 && path.split('/').count() == folder.split('/').count() + 1;
    if !is_path || path.split('/').any(|part| matches!(part, "" | "." | "..")) || path.contains('\0') {
        return Value::empty_dict();
    }
    let used = *choices.pick(&["0", "1", "1000000"]);
    let at = LATER.to_string();
    let text = joined(&["{\"last_authenticated\": ", &at, ", \"last_used\": ", &at, ", \"reuse_count\": ", used, "}"]);
    Value::Dict(vec![(path, text.into())])
}

#[cfg(test)]
mod tests;
