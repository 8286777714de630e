//! What sessions are made for: a type of plugin on a platform, its hooks and its tokens. Everything that is the same
//! for all sessions is computed here, once.

use std::{borrow::Cow, collections::HashMap, sync::Arc};

use crate::{
    contract::{Argument, Hook, HookSpec, Platform, PluginType},
    generate::{
        hosts::is_hostname,
        mutate,
        services::ServiceNames,
        text::{USERS, may_be_chosen},
    },
    trace::PluginTokens,
};

/// Keys through which plugins share values in `session_cookie` \[D\], \[S\].
pub(super) const SHARED_KEYS: &[&str] = &["questions", "account", "asset", "token", "SessionKey"];

/// Separators at which plugins split text.
const SEPARATORS: &[&str] = &[
    "/", "://", "#", "@", ":", ",", "\\", "=", ".", ";", "//", "##", "::", "|", "%", "&", "?", "+", "-", "_", "$", "~",
    " ", "\n", "\t",
];
/// How many of the separators are used whether or not they occur in the plugin's tokens.
const COMMON_SEPARATORS: usize = 10;
/// The most regular expressions of the plugin for which texts are made.
const PATTERNS_LIMIT: usize = 256;
/// How many texts are made for all of them.
const SLOW_TEXTS_LIMIT: usize = 256;
/// How many times more often a separator is used that occurs in the plugin's tokens.
const OWN_SEPARATOR_WEIGHT: usize = 4;

/// What sessions are made for. Only `tokens` makes a clone expensive.
#[derive(Clone, Debug)]
pub struct Domain {
    /// The type of plugin under test.
    pub plugin_type: PluginType,
    /// The platform that hookstorm simulates.
    pub platform: &'static Platform,
    /// The hooks that the plugin has and the platform calls.
    pub hooks: Vec<Hook>,
    /// The plugin's tokens, normalised.
    pub tokens: PluginTokens,
    tables: Arc<Tables>,
    /// For each hook, by its number: the arguments that it takes; `None` if it takes all.
    taken: [Option<Vec<Argument>>; Hook::ALL.len()],
    /// Whether the plugin's first cookie may be one that it never returned.
    foreign_cookies: bool,
}

/// Tables that generators read while they make sessions.
#[derive(Debug, Default)]
pub(super) struct Tables {
    /// For each hook, by its number: the arguments that the platform passes, without the cookies.
    arguments: [Vec<Argument>; Hook::ALL.len()],
    /// The plugin's tokens that are text, with those of its configuration.
    pub(super) strings: Vec<String>,
    /// The strings that may be keys of a dict.
    pub(super) keys: Vec<String>,
    /// The values of the configuration's options. Plugins often compare arguments with them.
    pub(super) values: Vec<String>,
    /// The strings that may be host names.
    pub(super) hostnames: Vec<String>,
    /// Separators, more often those that occur in the plugin's tokens.
    pub(super) separators: Vec<&'static str>,
    /// The plugin's numbers.
    pub(super) numbers: Vec<i64>,
    /// The numbers that may be ports.
    pub(super) ports: Vec<u16>,
    /// Nominal users that are an option's name in the configuration, with its value: a PIN, for instance.
    pub(super) answers: Vec<(&'static str, String)>,
    /// Texts on which the plugin's regular expressions may take long.
    pub(super) slow_texts: Vec<String>,
    /// The same for each expression that was looked at.
    texts_of_patterns: HashMap<String, Vec<String>>,
    /// The names by which the plugin uses the platform's services.
    pub(super) names: ServiceNames,
}

impl Domain {
    /// The domain of a plugin that has `hooks` and `tokens`. Hooks that the platform does not call are left out.
    pub fn new(
        plugin_type: PluginType,
        platform: &'static Platform,
        hooks: Vec<Hook>,
        mut tokens: PluginTokens,
    ) -> Self {
        tokens.normalise();
        let specs: Vec<&HookSpec> = HookSpec::on(plugin_type, platform).collect();
        // In the contract's order: the order of `hooks` must not change any session.
        let hooks = specs.iter().map(|spec| spec.hook).filter(|hook| hooks.contains(hook)).collect();
        let mut tables = Tables::from_tokens(&tokens);
        for spec in specs {
            tables.arguments[spec.hook as usize] = spec
                .arguments(platform)
                .filter(|argument| !matches!(argument, Argument::Cookie | Argument::SessionCookie))
                .collect();
        }
        Self {
            plugin_type,
            platform,
            hooks,
            tokens,
            tables: Arc::new(tables),
            taken: Default::default(),
            foreign_cookies: false,
        }
    }

    /// The same, with sessions in which the plugin's first cookie is one that it never returned. The platform does that
    /// only where a plugin is replaced in the middle of a session.
    #[must_use]
    pub const fn with_foreign_cookies(mut self, foreign_cookies: bool) -> Self {
        self.foreign_cookies = foreign_cookies;
        self
    }

    /// Whether the plugin's first cookie may be one that it never returned.
    pub(crate) const fn foreign_cookies(&self) -> bool {
        self.foreign_cookies
    }

    /// The same for a plugin whose `hook` takes only `arguments`: mutations prefer them. Generated sessions stay the
    /// same.
    #[must_use]
    pub fn taking(mut self, hook: Hook, arguments: impl IntoIterator<Item = Argument>) -> Self {
        self.taken[hook as usize] = Some(arguments.into_iter().collect());
        self
    }

    /// Whether `hook` takes `argument`.
    pub(crate) fn takes(&self, hook: Hook, argument: Argument) -> bool {
        self.taken[hook as usize].as_ref().is_none_or(|taken| taken.contains(&argument))
    }

    /// Whether the plugin has the hook and the platform calls it.
    pub fn has(&self, hook: Hook) -> bool {
        self.hooks.contains(&hook)
    }

    /// The arguments that the platform passes to `hook`, without the cookies.
    pub(super) fn arguments(&self, hook: Hook) -> &[Argument] {
        &self.tables.arguments[hook as usize]
    }

    /// Texts on which the regular expression may take long.
    pub(super) fn slow_texts_of(&self, pattern: &str) -> Cow<'_, [String]> {
        match self.tables.texts_of_patterns.get(pattern) {
            Some(texts) => Cow::Borrowed(texts),
            None => Cow::Owned(mutate::slow_texts(pattern)),
        }
    }

    pub(super) fn tables(&self) -> &Tables {
        &self.tables
    }

    /// The value of the option named `user` in the configuration: most likely the right answer to a question.
    pub(super) fn answer_of(&self, user: &str) -> Option<&str> {
        self.tables.answers.iter().find(|(known, _)| *known == user).map(|(_, answer)| answer.as_str())
    }
}

impl Tables {
    fn from_tokens(tokens: &PluginTokens) -> Self {
        let mut all = tokens.clone();
        let mut values: Vec<String> = tokens.options.iter().filter_map(|option| option.value.clone()).collect();
        values.retain(|value| !value.is_empty());
        values.sort();
        values.dedup();
        for option in &tokens.options {
            all.strings.extend([option.section.clone(), option.name.clone()]);
            if let Some(value) = &option.value {
                // The whole value, and each item if it is a list.
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
            let option = tokens.options.iter().find(|option| option.name == *user)?;
            let value = option.value.as_ref().filter(|value| may_be_chosen(value))?;
            Some((*user, value.clone()))
        };
        let texts_of_patterns = texts_of_patterns(tokens);
        Self {
            arguments: Default::default(),
            names: ServiceNames::of(tokens),
            slow_texts: slow_texts(&texts_of_patterns),
            texts_of_patterns: texts_of_patterns.into_iter().collect(),
            answers: USERS.iter().filter_map(answer).collect(),
            keys: strings.iter().filter(|text| is_key(text)).cloned().collect(),
            hostnames: strings.iter().filter(|text| is_hostname(text)).cloned().collect(),
            values,
            separators,
            ports: tokens
                .numbers
                .iter()
                .filter_map(|number| u16::try_from(*number).ok())
                .filter(|port| *port > 0)
                .collect(),
            numbers: tokens.numbers.clone(),
            strings,
        }
    }
}

/// The plugin's regular expressions, and the strings of its code and configuration that look like some, each with texts
/// on which it may take long.
fn texts_of_patterns(tokens: &PluginTokens) -> Vec<(String, Vec<String>)> {
    let is_pattern = |text: &&str| text.contains(['*', '+', '{']) && text.contains(['\\', '[', '(', '.', '^', '$']);
    let known = tokens.patterns.iter().map(String::as_str);
    let strings = tokens.strings.iter().map(String::as_str);
    let values = tokens.options.iter().filter_map(|option| option.value.as_deref());
    let patterns = known.chain(strings).chain(values).filter(is_pattern).take(PATTERNS_LIMIT).flat_map(|pattern| {
        // Nothing shows whether a string of several lines is compiled as a verbose expression.
        let verbose = pattern.contains('\n').then(|| format!("(?x){pattern}"));
        std::iter::once(pattern.to_owned()).chain(verbose)
    });
    let with_texts = |pattern: String| {
        let texts = mutate::slow_texts(&pattern);
        (pattern, texts)
    };
    patterns.map(with_texts).collect()
}

/// All these texts, each once.
fn slow_texts(texts_of_patterns: &[(String, Vec<String>)]) -> Vec<String> {
    let mut texts: Vec<String> = Vec::new();
    for text in texts_of_patterns.iter().flat_map(|(_, texts)| texts) {
        if texts.len() < SLOW_TEXTS_LIMIT && !texts.contains(text) {
            texts.push(text.clone());
        }
    }
    texts
}

/// Whether `text` looks like a key that a plugin looks up in a dict.
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
        let tokens = PluginTokens {
            strings: vec!["(\\w+)://(.*)".into(), "vp".into()],
            numbers: vec![-1, 8200, 70000],
            options: vec![OptionToken {
                section: "hosts_for_groups".into(),
                name: "dba".into(),
                value: Some("srv1.example.com, 10.0.0.1".into()),
            }],
            services: Vec::new(),
            ..PluginTokens::default()
        };
        let domain = Domain::new(PluginType::Aa, Platform::newest(), Vec::new(), tokens);
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
