//! Fills the platform's services for one session.

use arbitrary::Unstructured;

use super::{
    ServiceNames,
    appliance::{self, ApplianceUse},
};
use crate::{
    case::{Session, Value},
    contract::{Argument, Platform, PluginType},
    generate::{
        Domain,
        source::DomainSource,
        text::{ANSWERS, GROUPS, USERS, joined, push_random, secret, typed},
    },
    package::configuration,
    trace::{OptionToken, PluginTokens},
};

/// A private key that was made for this: a plugin that reads one must get a valid one.
pub(super) const KEY: &str = include_str!("key.pem");
/// A self-signed certificate of that key.
pub(super) const CERTIFICATE: &str = include_str!("certificate.pem");

/// A key of another plugin in the memory cache, with that plugin's prefix \[S\].
const FOREIGN_KEY: &str = "oneidentity:starling:access_token";

/// A time in 2100, in Unix seconds: an authentication at this time never expires during a test.
const LATER: i64 = 4_102_444_800;

/// The bytes that [`configured_services`] draws from: any bytes that make distinctive secrets would do.
const CONFIGURED: &[u8] = b"Lv7#q2Wz9!mR4x@Kt6$Bp1&Hs8*Yd3%Nf5^Gc0-Jj_Ee+Uu=Oo~Aa,Ii.Xx?Zz;Qq:Ww|Pp";

/// The least content of the services that loading a plugin with this configuration needs: each policy that the
/// configuration names, a credential for each option `$`, and everything of the appliance, since nothing is known of
/// the plugin's code yet.
pub fn configured_services(configuration: &str) -> Value {
    with_appliance(configuration, ApplianceUse::ALL)
}

/// The least content of the services that a call of a plugin needs whose code uses these `services` (see
/// [`PluginTokens::services`]).
pub(crate) fn services_of_plugin(configuration: &str, services: &[String]) -> Value {
    with_appliance(configuration, ApplianceUse::of(services, true))
}

fn with_appliance(configuration: &str, uses: ApplianceUse) -> Value {
    let options = configuration::options(configuration).into_iter().filter(|option| !option.commented);
    let options =
        options.map(|option| OptionToken { section: option.section, name: option.name, value: option.value }).collect();
    let tokens = PluginTokens { options, services: vec!["sdk".into()], ..PluginTokens::default() };
    let domain = Domain::new(PluginType::CredentialStore, Platform::newest(), Vec::new(), tokens);
    let mut bytes = Unstructured::new(CONFIGURED);
    let mut services = of_session(&mut DomainSource::nominal(&mut bytes, &domain), &Session::new(Vec::new()), None);
    // Nothing left to draw gives the plain content, but an empty secret.
    let (mut bytes, mut nothing) = (Unstructured::new(CONFIGURED), Unstructured::new(&[]));
    let uses = uses.or(domain.tables().names.appliance);
    for (key, content) in [
        ("box_configuration", appliance::box_configuration(&mut DomainSource::nominal(&mut bytes, &domain), uses)),
        ("appliance_files", appliance::files(&mut DomainSource::nominal(&mut nothing, &domain), uses)),
    ] {
        if !content.is_empty_dict() {
            services.set(key, content);
        }
    }
    services
}

/// As the services of a session, from a source that has drawn the session; `other` is the domain of the session's other
/// plugin. Draws nothing if neither plugin names a policy.
pub(in crate::generate) fn of_session(
    source: &mut DomainSource<'_, '_>,
    session: &Session,
    other: Option<&Domain>,
) -> Value {
    let domain = source.domain;
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
    let participants = Participants::of(session);
    let mut services = Value::empty_dict();
    let mut put = |key: &str, service: Value| {
        if !service.is_empty_dict() {
            services.set(key, service);
        }
    };
    if names.memory_cache && source.deviates(64) {
        put("memory_cache", dict([(FOREIGN_KEY, joined(&["\"", &random(source), "\""]).into())]));
    }
    put("user_lists", named(&names.user_lists, || user_list(source, &participants)));
    put("ldap", named(&names.servers, || ldap_server(source, names, &participants)));
    put("credential_stores", named(&names.stores, || store(source, names, &participants)));
    let authorities = || dict([("certs", Value::List(vec![CERTIFICATE.into()]))]);
    put("trusted_ca_lists", named(&names.ca_lists, authorities));
    if let (Some(folder), Some(user), Some(client)) =
        (&names.authentication_cache, participants.users.first(), &participants.client)
        && source.deviates(100)
    {
        put("state", authentication_cache(source, folder, user, client));
    }
    put("box_configuration", appliance::box_configuration(source, names.appliance));
    put("appliance_files", appliance::files(source, names.appliance));
    services
}

/// The users, accounts and hosts of a session.
pub(super) struct Participants {
    /// The session's users, the one who connects first.
    pub(super) users: Vec<String>,
    /// The accounts on the target.
    pub(super) accounts: Vec<String>,
    /// The names of the target.
    pub(super) hosts: Vec<String>,
    /// The groups of the user who connects.
    groups: Vec<String>,
    /// The client's address.
    client: Option<String>,
}

impl Participants {
    pub(super) fn of(session: &Session) -> Self {
        let mut participants =
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
                Argument::GatewayUser | Argument::GatewayUsername => push(&mut participants.users, value),
                Argument::KeyValuePairs => {
                    ["username", "gu"]
                        .iter()
                        .filter_map(|key| value.get(key))
                        .for_each(|user| push(&mut participants.users, user));
                }
                Argument::ServerUsername => push(&mut participants.accounts, value),
                Argument::ServerIp | Argument::ServerHostname | Argument::Asset => push(&mut participants.hosts, value),
                Argument::GatewayGroups => {
                    let Value::List(groups) = value else { continue };
                    groups.iter().for_each(|group| push(&mut participants.groups, group));
                }
                Argument::ClientIp => participants.client = value.as_str().map(str::to_owned),
                _ => {}
            }
        }
        participants
    }
}

pub(super) fn dict<const N: usize>(entries: [(&str, Value); N]) -> Value {
    Value::Dict(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

/// A service's policies, by name.
fn named(names: &[String], mut policy: impl FnMut() -> Value) -> Value {
    Value::Dict(names.iter().map(|name| (name.clone(), policy())).collect())
}

fn random(source: &mut DomainSource<'_, '_>) -> String {
    let mut text = String::new();
    push_random(source, 16, &mut text);
    text
}

/// A user list: it allows no user or all users, with exceptions. The session's users may be among the exceptions.
fn user_list(source: &mut DomainSource<'_, '_>, participants: &Participants) -> Value {
    let allow = if source.chance(100) { "all_users" } else { "no_user" };
    let mut except = Vec::new();
    for user in participants.users.iter().chain(&participants.accounts).take(2) {
        if source.chance(128) {
            except.push(Value::from(user.as_str()));
        }
    }
    for _ in 0..source.below(3) {
        except.push(typed(source, USERS).into());
    }
    dict([("allow", allow.into()), ("except", Value::List(except))])
}

fn ldap_server(source: &mut DomainSource<'_, '_>, names: &ServiceNames, participants: &Participants) -> Value {
    if source.is_unusual() && source.chance(40) {
        // The server is down: it knows no user and no group.
        return Value::empty_dict();
    }
    let mut users = Value::empty_dict();
    for user in participants.users.iter().chain(&participants.accounts).take(3) {
        if !source.is_absent() {
            let attributes = names.attributes.iter().filter_map(|name| Some((name.clone(), attribute(source, user)?)));
            users.set(user, Value::Dict(attributes.collect()));
        }
    }
    let mut groups = Value::empty_dict();
    for group in names.groups.iter().chain(&participants.groups).take(6) {
        if source.is_unusual() {
            continue;
        }
        let is_member = |_: &&String| source.chance(128);
        let members = participants.users.iter().filter(is_member).map(|user| Value::from(user.as_str())).collect();
        groups.set(group, Value::List(members));
    }
    if source.chance(40) {
        groups.set(source.text(GROUPS), Value::List(vec![source.text(USERS).into()]));
    }
    dict([("users", users), ("groups", groups)])
}

/// The value of an attribute; `None` if the user does not have the attribute.
fn attribute(source: &mut DomainSource<'_, '_>, user: &str) -> Option<Value> {
    Some(match source.byte() {
        0..100 => joined(&[user, "@example.com"]).into(),
        100..150 => typed(source, USERS).into(),
        150..190 => typed(source, ANSWERS).into(),
        190..215 if source.may_deviate() => Value::List((0..2).map(|_| Value::Str(typed(source, USERS))).collect()),
        215..225 if source.may_deviate() => Value::List(Vec::new()),
        225..232 if source.may_deviate() => "".into(),
        232..240 => Value::Int(1000),
        240.. if source.may_deviate() => return None,
        _ => user.into(),
    })
}

/// Credentials by user and host.
fn store(source: &mut DomainSource<'_, '_>, names: &ServiceNames, participants: &Participants) -> Value {
    let mut store = Value::empty_dict();
    let mut put = |user: &str, host: &str, credentials: Vec<Value>| {
        let mut hosts = store.get(user).cloned().unwrap_or_else(Value::empty_dict);
        hosts.set(host, Value::List(credentials));
        store.set(user, hosts);
    };
    for (section, name) in &names.references {
        // The SDK looks an option up with its section as the host and its name as the user [S]. A lookup of passwords
        // gets passwords, a lookup of keys gets keys.
        let mut credentials = vec![Value::from(secret(source))];
        if source.is_unusual() {
            credentials.push(secret(source).into());
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
        for account in participants.accounts.iter().chain(&participants.users).take(2) {
            for host in participants.hosts.iter().take(3) {
                let credentials = match source.byte() {
                    0..140 => vec![secret(source).into()],
                    140..165 => vec![secret(source).into(), secret(source).into()],
                    165..190 => vec![dict([("type", "ssh-rsa".into()), ("key", KEY.into())])],
                    190..210 => vec![secret(source).into(), dict([("type", "ssh-rsa".into()), ("key", KEY.into())])],
                    210..225 => Vec::new(),
                    // The store does not have this account.
                    225.. => continue,
                };
                put(account, host, credentials);
            }
        }
    }
    store
}

/// The file in the SDK's authentication cache of a user who has authenticated before \[S\].
fn authentication_cache(source: &mut DomainSource<'_, '_>, folder: &str, user: &str, client: &str) -> Value {
    let path = joined(&[folder, "/", user, "@", client, ".cache"]);
    let is_path = path.len() <= 255 && path.split('/').count() == folder.split('/').count() + 1;
    if !is_path || path.split('/').any(|part| matches!(part, "" | "." | "..")) || path.contains('\0') {
        return Value::empty_dict();
    }
    let used = *source.pick(&["0", "1", "1000000"]);
    let at = LATER.to_string();
    let text = joined(&["{\"last_authenticated\": ", &at, ", \"last_used\": ", &at, ", \"reuse_count\": ", used, "}"]);
    Value::Dict(vec![(path, text.into())])
}
