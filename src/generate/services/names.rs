//! The names by which a plugin uses the platform's services: the policies that its configuration names, the options
//! that it reads from a credential store, the attributes and groups that it looks up in a directory \[S\].

use super::appliance::ApplianceUse;
use crate::{case::SetOption, generate::domain::is_key, trace::PluginTokens};

/// The most names of each kind.
const LIMIT: usize = 8;

/// Attributes of users that plugins look up.
const ATTRIBUTES: &[&str] = &[
    "cn",
    "mail",
    "description",
    "sAMAccountName",
    "userPrincipalName",
    "uid",
    "displayName",
    "telephoneNumber",
    "mobile",
    "employeeID",
    "department",
    "memberOf",
    "physicalDeliveryOfficeName",
];

/// The names that a plugin uses; none if it does not use the SDK.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::generate) struct ServiceNames {
    /// Whether the SDK reads the plugin's configuration.
    is_sdk: bool,
    pub(super) stores: Vec<String>,
    /// Options with the value `$`: section and name.
    pub(super) references: Vec<(String, String)>,
    /// Whether the plugin's code looks credentials up itself.
    pub(super) looks_up: bool,
    pub(super) user_lists: Vec<String>,
    /// LDAP servers.
    pub(super) servers: Vec<String>,
    /// Attributes that the plugin looks up.
    pub(super) attributes: Vec<String>,
    /// Groups that the plugin looks up.
    pub(super) groups: Vec<String>,
    /// Lists of trusted CAs.
    pub(super) ca_lists: Vec<String>,
    /// Whether the plugin reads the memory cache, which may contain other plugins' entries.
    pub(super) memory_cache: bool,
    /// The folder of the SDK's authentication cache; `None` if it is off.
    pub(super) authentication_cache: Option<String>,
    /// What it reads of the appliance; a plugin without the SDK may do that too.
    pub(super) appliance: ApplianceUse,
}

impl ServiceNames {
    /// The names in `tokens`.
    pub(in crate::generate) fn of(tokens: &PluginTokens) -> Self {
        let uses = |service: &str| tokens.services.iter().any(|used| used == service);
        let mut names = Self { is_sdk: uses("sdk"), ..Self::default() };
        names.appliance = ApplianceUse::of(&tokens.services, names.is_sdk);
        if !names.is_sdk {
            return names;
        }
        (names.memory_cache, names.looks_up) = (uses("memory_cache"), uses("credential_stores"));
        for option in &tokens.options {
            names.option(&option.section, &option.name, option.value.as_deref().unwrap_or_default());
        }
        // Names that occur only in the code.
        let hinted = |hints: &[&str]| {
            let is_hinted =
                |text: &&String| is_key(text) && hints.iter().any(|hint| text.to_lowercase().contains(hint));
            tokens.strings.iter().filter(is_hinted).take(LIMIT).cloned().collect()
        };
        if names.stores.is_empty() && names.looks_up {
            names.stores = hinted(&["store", "cred", "vault", "local"]);
        }
        if names.user_lists.is_empty() && uses("user_lists") {
            names.user_lists = hinted(&["list", "exempt", "vip", "allow", "deny", "user"]);
        }
        if names.servers.is_empty() && uses("ldap") {
            names.servers = hinted(&["ldap", "directory", "server", "ad"]);
        }
        if !names.servers.is_empty() {
            let known = |text: &&String| ATTRIBUTES.iter().any(|attribute| attribute.eq_ignore_ascii_case(text));
            for attribute in tokens.strings.iter().filter(known) {
                push(&mut names.attributes, attribute);
            }
            if names.attributes.is_empty() {
                names.attributes = ATTRIBUTES[..3].iter().map(|&attribute| attribute.to_owned()).collect();
            }
        }
        names
    }

    /// Whether there is no service to fill.
    pub(super) fn is_empty(&self) -> bool {
        let Self { stores, user_lists, servers, ca_lists, memory_cache, authentication_cache, appliance, .. } = self;
        [stores, user_lists, servers, ca_lists].iter().all(|names| names.is_empty())
            && !memory_cache
            && *appliance == ApplianceUse::default()
            && authentication_cache.is_none()
    }

    /// These names, and those of the options that a session sets.
    pub(super) fn with(&self, options: &[SetOption]) -> Self {
        let mut names = self.clone();
        if self.is_sdk {
            options.iter().for_each(|option| names.option(&option.section, &option.name, &option.value));
        }
        names
    }

    /// These names, and those of the session's other plugin.
    pub(super) fn and(&self, other: &Self) -> Self {
        let mut names = self.clone();
        for (own, others) in [
            (&mut names.stores, &other.stores),
            (&mut names.user_lists, &other.user_lists),
            (&mut names.servers, &other.servers),
            (&mut names.attributes, &other.attributes),
            (&mut names.groups, &other.groups),
            (&mut names.ca_lists, &other.ca_lists),
        ] {
            others.iter().for_each(|name| push(own, name));
        }
        names.references.extend(other.references.iter().cloned());
        names.looks_up |= other.looks_up;
        names.memory_cache |= other.memory_cache;
        names.appliance = names.appliance.or(other.appliance);
        names.authentication_cache = names.authentication_cache.or_else(|| other.authentication_cache.clone());
        names
    }

    /// Adds the names in the value of an option.
    fn option(&mut self, section: &str, name: &str, value: &str) {
        let value = value.trim();
        if value.is_empty() {
            return;
        }
        if value == "$" {
            if self.references.len() < LIMIT && !self.references.iter().any(|(s, n)| s == section && n == name) {
                self.references.push((section.to_owned(), name.to_owned()));
            }
            return;
        }
        if let Some((_, rest)) = value.split_once("$[")
            && let Some((list, _)) = rest.rsplit_once(']')
        {
            push(&mut self.ca_lists, list);
            return;
        }
        self.appliance.option(value);
        let (section, name) = (section.to_lowercase(), name.to_lowercase());
        let list = |into: &mut Vec<String>| value.split(',').map(str::trim).for_each(|item| push(into, item));
        if section == "authentication_cache" {
            match name.as_str() {
                "reuse_limit" if value != "0" => {
                    self.authentication_cache.get_or_insert_with(|| "auth_cache".to_owned());
                }
                "cache_dir" if self.authentication_cache.is_some() => {
                    self.authentication_cache = Some(value.to_owned())
                }
                _ => {}
            }
        } else if name.contains("attribute") {
            list(&mut self.attributes);
        } else if name.contains("group") || (section.contains("group") && name == "except") {
            list(&mut self.groups);
        } else {
            let what = if name == "name" { &section } else { &name };
            let is = |words: &[&str]| words.iter().any(|word| what.contains(word));
            let is_switch = matches!(value, "yes" | "no" | "true" | "false") || value.parse::<f64>().is_ok();
            match () {
                () if is_switch => {}
                () if is(&["credential_store", "credstore"]) => push(&mut self.stores, value),
                () if is(&["user_list", "userlist"]) => push(&mut self.user_lists, value),
                () if is(&["ldap_server"]) || (name == "name" && is(&["ldap"])) => push(&mut self.servers, value),
                () => {}
            }
        }
    }
}

fn push(names: &mut Vec<String>, name: &str) {
    if !name.is_empty() && names.len() < LIMIT && !names.iter().any(|known| known == name) {
        names.push(name.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::OptionToken;

    fn names(services: &[&str], options: &[(&str, &str, &str)], strings: &[&str]) -> ServiceNames {
        let option = |(section, name, value): &(&str, &str, &str)| OptionToken {
            section: (*section).into(),
            name: (*name).into(),
            value: Some((*value).into()),
        };
        ServiceNames::of(&PluginTokens {
            strings: strings.iter().map(|&text| text.to_owned()).collect(),
            options: options.iter().map(option).collect(),
            services: services.iter().map(|&service| service.to_owned()).collect(),
            ..PluginTokens::default()
        })
    }

    const OPTIONS: &[(&str, &str, &str)] = &[
        ("credential_store", "name", "local secrets"),
        ("tpam", "server_user_key", "$"),
        ("tls", "ca_cert", "$[corporate]"),
        ("whitelist source=user_list", "name", "exempt"),
        ("whitelist source=ldap_server_group", "except", "dba, wheel"),
        ("whitelist source=ldap_server_group", "allow", "no_user"),
        ("usermapping source=ldap_server", "user_attribute", "employeeID"),
        ("ldap_server", "name", "ad"),
        ("authentication_cache", "reuse_limit", "3"),
    ];

    #[test]
    fn the_sdks_own_sections_name_its_services() {
        let names = names(&["sdk"], OPTIONS, &[]);
        assert_eq!(names.stores, ["local secrets"]);
        assert_eq!(names.references, [("tpam".to_owned(), "server_user_key".to_owned())]);
        assert_eq!(names.ca_lists, ["corporate"]);
        assert_eq!(names.user_lists, ["exempt"]);
        assert_eq!(names.groups, ["dba", "wheel"]);
        assert_eq!(names.attributes, ["employeeID"]);
        assert_eq!(names.servers, ["ad"]);
        assert_eq!(names.authentication_cache.as_deref(), Some("auth_cache"));
    }

    #[test]
    fn a_plugin_without_the_sdk_names_no_service() {
        assert_eq!(names(&[], OPTIONS, &["user_list"]), ServiceNames::default());
    }

    #[test]
    fn names_in_the_code_count_if_no_option_has_one() {
        assert_eq!(names(&["sdk", "user_lists"], &[], &["vp", "mfa_exempt"]).user_lists, ["mfa_exempt"]);
        assert_eq!(names(&["sdk"], &[], &["mfa_exempt"]).user_lists, [""; 0]);
        assert_eq!(names(&["sdk", "user_lists"], OPTIONS, &["mfa_exempt"]).user_lists, ["exempt"]);
    }
}
