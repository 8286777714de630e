//! The files of the appliance and its box configuration, for plugins whose code reads them.
//!
//! A nominal session has all of them, as a node has that is joined to Safeguard for Privileged Passwords and to
//! Starling. Elsewhere they may be absent, as on a node that is not. The addresses in a file that is there are always
//! addresses: the appliance itself writes it.

use crate::{
    case::{APPLIANCE_FILES, Value},
    generate::{
        hosts::{domain, hostname},
        source::DomainSource,
        text::secret,
    },
};

use super::fill::{CERTIFICATE, KEY, dict};

/// A dictionary of RADIUS in the usual format.
const DICTIONARY: &str = include_str!("dictionary");
/// Attributes of a vendor, which a dictionary may have too.
const VENDOR: &str =
    "\nVENDOR\tExample\t32473\nBEGIN-VENDOR\tExample\nATTRIBUTE\tExample-Group\t1\tstring\nEND-VENDOR\tExample\n";

/// Addresses of nodes, all of them for documentation or private. A plain file has the first two.
const NODES: [&str; 6] = ["192.0.2.10", "192.0.2.11", "192.0.2.12", "10.20.30.40", "172.16.0.5", "198.51.100.7"];

/// What a plugin's code reads of the appliance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::generate) struct ApplianceUse {
    /// The files of a node that is joined to Safeguard for Privileged Passwords.
    pub(super) joined: bool,
    /// The dictionary of RADIUS.
    pub(super) dictionary: bool,
    pub(super) gateway_fqdn: bool,
    pub(super) starling: bool,
    pub(super) http_proxy: bool,
}

impl ApplianceUse {
    /// All of it.
    pub(super) const ALL: Self =
        Self { joined: true, dictionary: true, gateway_fqdn: true, starling: true, http_proxy: true };

    /// As these services of [`crate::trace::PluginTokens`] say. Only plugins on the SDK read the box configuration.
    pub(super) fn of(services: &[String], is_sdk: bool) -> Self {
        let uses = |service: &str| services.iter().any(|used| used == service);
        Self {
            joined: uses("/etc/spp"),
            dictionary: uses("/usr/share/zorp"),
            gateway_fqdn: is_sdk && uses("gateway_fqdn"),
            starling: is_sdk && uses("starling_join_credential_string"),
            http_proxy: is_sdk && uses("http_proxy"),
        }
    }

    /// Whether one of both uses it.
    pub(super) const fn or(self, other: Self) -> Self {
        Self {
            joined: self.joined | other.joined,
            dictionary: self.dictionary | other.dictionary,
            gateway_fqdn: self.gateway_fqdn | other.gateway_fqdn,
            starling: self.starling | other.starling,
            http_proxy: self.http_proxy | other.http_proxy,
        }
    }

    /// Notes the files that an option names.
    pub(super) fn option(&mut self, value: &str) {
        self.joined |= value.starts_with("/etc/spp/");
        self.dictionary |= value.starts_with("/usr/share/zorp/");
    }
}

/// The plain content of one of [`APPLIANCE_FILES`].
pub(in crate::generate) fn plain_file(path: &str) -> String {
    match path {
        "/etc/spp/join.json" => join_of(NODES[0], NODES[1]),
        "/etc/spp/cluster_members.json" => members_of(&NODES[1..2]),
        "/etc/spp/server.crt" | "/etc/spp/client.crt" => CERTIFICATE.to_owned(),
        "/etc/spp/client.key" => KEY.to_owned(),
        _ => DICTIONARY.to_owned(),
    }
}

fn join_of(own: &str, primary: &str) -> String {
    format!(r#"{{"sps_cluster_interface_ip": "{own}", "spp_primary_ip": "{primary}"}}"#)
}

fn members_of(members: &[&str]) -> String {
    let members: Vec<String> = members.iter().map(|member| format!(r#"{{"Ipv4Address": "{member}"}}"#)).collect();
    format!("[{}]", members.join(", "))
}

/// The files.
pub(super) fn files(source: &mut DomainSource<'_, '_>, uses: ApplianceUse) -> Value {
    let mut files = Value::empty_dict();
    // A node that is not joined has none of them.
    if uses.joined && !source.deviates(56) {
        let [join, members] = joined(source);
        let texts = [join, members, CERTIFICATE.to_owned(), CERTIFICATE.to_owned(), KEY.to_owned()];
        APPLIANCE_FILES.into_iter().zip(texts).for_each(|(path, text)| files.set(path, text.into()));
    }
    if uses.dictionary && !source.deviates(32) {
        let mut text = DICTIONARY.to_owned();
        if source.deviates(64) {
            text.push_str(VENDOR);
        }
        files.set(APPLIANCE_FILES[5], text.into());
    }
    files
}

/// The two files about the nodes of a cluster: the primary node is one of the members, mostly the first.
fn joined(source: &mut DomainSource<'_, '_>) -> [String; 2] {
    let own = source.below(NODES.len());
    let node = |distance: usize| NODES[(own + distance) % NODES.len()];
    let mut members: Vec<&str> = (1..=1 + source.below(3)).map(node).collect();
    let (join, spaced) = (join_of(NODES[own], node(1)), source.deviates(64));
    if source.deviates(64) {
        members.rotate_left(1);
    }
    [join, members_of(&members)].map(|text| {
        // A file may have been written with line breaks.
        if spaced { text.replace(", ", ",\n  ") + "\n" } else { text }
    })
}

/// The box configuration.
pub(super) fn box_configuration(source: &mut DomainSource<'_, '_>, uses: ApplianceUse) -> Value {
    let mut content = Value::empty_dict();
    if uses.gateway_fqdn && !source.deviates(48) {
        let (_, dns_domain) = domain(source);
        content.set("gateway_fqdn", hostname(source, dns_domain).into());
    }
    // A node that is not joined to Starling has none.
    if uses.starling
        && !source.deviates(64)
        && let Some(credential) = not_empty(secret(source))
    {
        content.set("starling_join_credential_string", credential);
    }
    if uses.http_proxy && source.deviates(128) {
        content.set("http_proxy", http_proxy(source));
    }
    content
}

fn not_empty(text: String) -> Option<Value> {
    (!text.is_empty()).then(|| text.into())
}

fn http_proxy(source: &mut DomainSource<'_, '_>) -> Value {
    if source.chance(40) {
        return dict([("enabled", Value::Bool(false))]);
    }
    let server = *source.pick(&["proxy.example.com", "10.0.0.8"]);
    let password = if source.chance(100) { not_empty(secret(source)) } else { None };
    let authentication = match password {
        Some(password) => {
            dict([("selection", "password".into()), ("username", "proxy-user".into()), ("password", password)])
        }
        None => dict([("selection", "none".into())]),
    };
    dict([
        ("enabled", Value::Bool(true)),
        ("server", dict([("value", server.into())])),
        ("port", Value::Int(*source.pick(&[3128, 8080, 1]))),
        ("authentication", authentication),
    ])
}
