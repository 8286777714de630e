//! What sessions are made for: a type of plugin on a platform, the hooks that it has and the words that it knows.
//! Everything that is the same for all sessions is worked out here, once.

use std::sync::Arc;

use crate::{
    contract::{Argument, Hook, HookSpec, Platform, PluginType},
    generate::{
        hosts::is_hostname,
        services::Names,
        text::{USERS, may_be_chosen},
    },
    trace::PluginTokens,
};

/// Keys that plugins share in `session_cookie` \[D\], \[S\].
pub(super) const SHARED_KEYS: &[&str] = &["questions", "account", "asset", "token", "SessionKey"];

/// Where plugins take text apart.
const SEPARATORS: &[&str] = &[
    "/", "://", "#", "@", ":", ",", "\\", "=", ".", ";", "//", "##", "::", "|", "%", "&", "?", "+", "-", "_", "$", "~",
    " ", "\n", "\t",
];
/// How many of them are used whether or not the plugin's words have them.
const COMMON_SEPARATORS: usize = 10;
/// How much oftener those are used that do stand in the plugin's words.
const OWN_SEPARATOR_WEIGHT: usize = 4;

/// What sessions are made for. Cheap to clone but for `words`.
#[derive(Clone, Debug)]
pub struct Domain {
    /// The type of plugin under test.
    pub plugin_type: PluginType,
    /// The platform that is played.
    pub platform: &'static Platform,
    /// The hooks that the plugin has and the platform calls.
    pub hooks: Vec<Hook>,
    /// The plugin's own words, normalised.
    pub words: PluginTokens,
    tables: Arc<Tables>,
    /// For each hook, by its number: what it takes, where that is not everything.
    taken: [Option<Vec<Argument>>; Hook::ALL.len()],
}

/// What is looked up while sessions are made.
#[derive(Debug, Default)]
pub(super) struct Tables {
    /// For each hook, by its number: what is passed, without the cookies.
    arguments: [Vec<Argument>; Hook::ALL.len()],
    /// The plugin's words as text, those of its configuration included.
    pub(super) strings: Vec<String>,
    /// Those that may be keys of a dict.
    pub(super) keys: Vec<String>,
    /// The values of the configuration's options: what opens a door, often.
    pub(super) values: Vec<String>,
    /// Those that may be hosts' names.
    pub(super) hostnames: Vec<String>,
    /// What stands between words, oftener those that the plugin's words have.
    pub(super) separators: Vec<&'static str>,
    /// The plugin's numbers.
    pub(super) numbers: Vec<i64>,
    /// Those that may be ports.
    pub(super) ports: Vec<u16>,
    /// Ordinary users that the configuration has an option for, with its value: a PIN, for instance.
    pub(super) answers: Vec<(&'static str, String)>,
    /// What the plugin calls the platform's services by.
    pub(super) names: Names,
}

impl Domain {
    /// The domain of a plugin that has `hooks` and knows `words`. Hooks that the platform does not call are left out.
    pub fn new(
        plugin_type: PluginType,
        platform: &'static Platform,
        hooks: Vec<Hook>,
        mut words: PluginTokens,
    ) -> Self {
        words.normalise();
        let specs: Vec<&HookSpec> = HookSpec::on(plugin_type, platform).collect();
        // In the contract's order, so that the order of `hooks` changes no session.
        let hooks = specs.iter().map(|spec| spec.hook).filter(|hook| hooks.contains(hook)).collect();
        let mut tables = Tables::from_words(&words);
        for spec in specs {
            tables.arguments[spec.hook as usize] = spec
                .arguments(platform)
                .filter(|argument| !matches!(argument, Argument::Cookie | Argument::SessionCookie))
                .collect();
        }
        Self { plugin_type, platform, hooks, words, tables: Arc::new(tables), taken: Default::default() }
    }

    /// The same where `hook` takes `arguments` by name and sees nothing else: changes prefer them. What is generated is as
    /// before.
    #[must_use]
    pub fn taking(mut self, hook: Hook, arguments: impl IntoIterator<Item = Argument>) -> Self {
        self.taken[hook as usize] = Some(arguments.into_iter().collect());
        self
    }

    /// Whether `hook` sees `argument`.
    pub(super) fn takes(&self, hook: Hook, argument: Argument) -> bool {
        self.taken[hook as usize].as_ref().is_none_or(|taken| taken.contains(&argument))
    }

    /// Whether the plugin has the hook and the platform calls it.
    pub fn has(&self, hook: Hook) -> bool {
        self.hooks.contains(&hook)
    }

    /// What the platform passes to `hook`, without the cookies.
    pub(super) fn arguments(&self, hook: Hook) -> &[Argument] {
        &self.tables.arguments[hook as usize]
    }

    pub(super) fn tables(&self) -> &Tables {
        &self.tables
    }

    /// What the configuration holds ready for `user`: the right answer, most likely.
    pub(super) fn answer_of(&self, user: &str) -> Option<&str> {
        self.tables.answers.iter().find(|(known, _)| *known == user).map(|(_, answer)| answer.as_str())
    }
}

impl Tables {
    fn from_words(words: &PluginTokens) -> Self {
        let mut all = words.clone();
        let mut values: Vec<String> = words.options.iter().filter_map(|option| option.value.clone()).collect();
        values.retain(|value| !value.is_empty());
        values.sort();
        values.dedup();
        for option in &words.options {
            all.strings.extend([option.section.clone(), option.name.clone()]);
            if let Some(value) = &option.value {
                // Whole, and each item of what may be a list.
                all.strings.push(value.clone());
                all.strings.extend(
                    value
                        .split([',', ';', ' ', '\n'])
                        .map(str::trim)
                        .filter(|item| !item.is_empty())
                        .map(str::to_owned),
                );
            }
        }
        all.strings.retain(|text| !text.is_empty());
        all.normalise();
        let strings = all.strings;

        let found = |separator: &&str| strings.iter().any(|text| text.contains(separator));
        let mut separators = SEPARATORS[..COMMON_SEPARATORS].to_vec();
        for separator in SEPARATORS.iter().filter(|separator| found(separator)) {
            separators.extend([*separator; OWN_SEPARATOR_WEIGHT]);
        }
        let answer = |user: &&'static str| {
            let option = words.options.iter().find(|option| option.name == *user)?;
            let value = option.value.as_ref().filter(|value| may_be_chosen(value))?;
            Some((*user, value.clone()))
        };
        Self {
            arguments: Default::default(),
            names: Names::of(words),
            answers: USERS.iter().filter_map(answer).collect(),
            keys: strings.iter().filter(|text| is_key(text)).cloned().collect(),
            hostnames: strings.iter().filter(|text| is_hostname(text)).cloned().collect(),
            values,
            separators,
            ports: words
                .numbers
                .iter()
                .filter_map(|number| u16::try_from(*number).ok())
                .filter(|port| *port > 0)
                .collect(),
            numbers: words.numbers.clone(),
            strings,
        }
    }
}

/// Whether a plugin is likely to look `text` up in a dict.
pub(super) fn is_key(text: &str) -> bool {
    text.len() <= 64
        && text.starts_with(|first: char| first.is_alphabetic() || first == '_')
        && text.chars().all(|character| character.is_alphanumeric() || matches!(character, '_' | '-' | '.'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::OptionToken;

    #[test]
    fn the_configuration_gives_words_as_well() {
        let words = PluginTokens {
            strings: vec!["(\\w+)://(.*)".into(), "vp".into()],
            numbers: vec![-1, 8200, 70000],
            options: vec![OptionToken {
                section: "hosts_for_groups".into(),
                name: "dba".into(),
                value: Some("srv1.example.com, 10.0.0.1".into()),
            }],
            services: Vec::new(),
        };
        let domain = Domain::new(PluginType::Aa, Platform::newest(), Vec::new(), words);
        let tables = domain.tables();
        for word in ["dba", "10.0.0.1", "srv1.example.com, 10.0.0.1", "hosts_for_groups", "vp"] {
            assert!(tables.strings.iter().any(|known| known == word), "{word}");
        }
        assert_eq!(tables.keys, ["vp", "dba", "hosts_for_groups", "srv1.example.com"]);
        assert_eq!(tables.ports, [8200]);
        let weight = |separator: &str| tables.separators.iter().filter(|known| **known == separator).count();
        assert!(weight("://") > weight("#"));
    }

    #[test]
    fn hooks_that_the_platform_does_not_call_are_left_out_in_any_order() {
        let old = Platform::named("5.10").unwrap();
        let all: Vec<Hook> = Hook::ALL.iter().rev().copied().collect();
        let domain = Domain::new(PluginType::CredentialStore, old, all, PluginTokens::default());
        assert_eq!(
            domain.hooks,
            [Hook::GetPasswordList, Hook::GetPrivateKeyList, Hook::AuthenticationCompleted, Hook::SessionEnded]
        );
    }
}
