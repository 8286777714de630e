//! What the oracles must know beside session and trace.

use super::loading;
use crate::{
    contract::{Hook, Platform, PluginType},
    trace::Loading,
};

/// The plugin and the platform under judgement; the same for a whole campaign.
#[derive(Clone, Debug)]
pub struct PluginUnderTest {
    /// The type of plugin.
    pub plugin_type: PluginType,
    /// The platform that is played.
    pub platform: &'static Platform,
    /// Values of the configuration's options that are named like secrets: canaries.
    pub configuration_secrets: Vec<String>,
    /// Whether the configuration sets the log level to debug, where a leak is only a warning.
    pub logs_debug: bool,
    /// Text that the plugin may write without any secret being told: its own constants, and the configuration without
    /// its secrets.
    pub known_text: Vec<String>,
    /// Hooks that demand what the platform never passes. Loading has told it; each call's TypeError is no news.
    pub uncallable_hooks: Vec<Hook>,
    /// Whether the plugin has a hook that tells it that a session is over, as far as is known.
    pub has_session_ended: bool,
    /// Whether the installed SDK is newer than the platform and demands what came later.
    pub sdk_mismatch: bool,
    /// Whether keys that the contract does not name are told. Off for AA plugins, whose guide has such a key in its own
    /// example, unless the user sets the rule's level.
    pub reports_unknown_keys: bool,
}

impl PluginUnderTest {
    /// A plugin of `plugin_type` on `platform`, with its configuration text and the secrets in it. `loading` makes the
    /// judgement finer where it is at hand.
    ///
    /// ```
    /// use hookstorm::{case::Session, contract::{Platform, PluginType}, oracle::{self, PluginUnderTest}, runtime::Trace};
    ///
    /// let subject = PluginUnderTest::new(PluginType::Aa, Platform::newest(), "[auth]\n", Vec::new(), false, None);
    /// assert!(oracle::judge(&subject, &Session::new(Vec::new()), &Trace::default()).is_empty());
    /// ```
    pub fn new(
        plugin_type: PluginType,
        platform: &'static Platform,
        configuration: &str,
        secrets: Vec<String>,
        logs_debug: bool,
        loading: Option<&Loading>,
    ) -> Self {
        let mut known_text = Vec::new();
        if !configuration.is_empty() {
            let mut plain = configuration.to_owned();
            for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
                plain = plain.replace(secret.as_str(), "");
            }
            known_text.push(plain);
        }
        if let Some(loading) = loading {
            known_text.extend(loading.tokens.strings.iter().cloned());
            for option in &loading.tokens.options {
                known_text.extend([option.section.clone(), option.name.clone()]);
                known_text.extend(option.value.clone().filter(|value| !secrets.contains(value)));
            }
        }
        Self {
            plugin_type,
            platform,
            configuration_secrets: secrets,
            logs_debug,
            known_text,
            uncallable_hooks: loading
                .map_or_else(Vec::new, |loading| loading::uncallable(plugin_type, platform, loading)),
            has_session_ended: loading.is_none_or(|loading| {
                loading.hooks.iter().any(|seen| seen.hook == Hook::SessionEnded && seen.callable)
            }),
            sdk_mismatch: loading.is_some_and(|loading| loading::is_sdk_newer(plugin_type, platform, loading)),
            reports_unknown_keys: plugin_type != PluginType::Aa,
        }
    }
}
