//! What the oracles must know besides session and trace.

use super::signature;
use crate::{
    contract::{Hook, Platform, PluginType},
    trace::Loading,
};

/// The plugin and the platform under test; the same for all sessions that share a configuration.
#[derive(Clone, Debug)]
pub struct PluginUnderTest {
    /// The type of plugin.
    pub plugin_type: PluginType,
    /// The platform that hookstorm simulates.
    pub platform: &'static Platform,
    /// Values of the configuration's options that are named like secrets: canaries.
    pub configuration_secrets: Vec<String>,
    /// Whether the configuration sets the log level to debug, where a leak is only a warning.
    pub logs_debug: bool,
    /// Text that the plugin may write although a canary contains it: its own constants, and the configuration without
    /// its secrets.
    pub known_text: Vec<String>,
    /// Hooks that require what the platform never passes. A finding of loading reports them, so the TypeError of each
    /// call is not reported.
    pub uncallable_hooks: Vec<Hook>,
    /// Whether the plugin has the hook `session_ended`; true where loading was not observed.
    pub has_session_ended: bool,
    /// Whether the installed SDK is newer than the platform and requires arguments that came later.
    pub sdk_mismatch: bool,
    /// Whether keys that the contract does not name are reported. Off for AA plugins, because an example in their guide
    /// has such a key \[A\], unless the user sets the rule's level.
    pub reports_unknown_keys: bool,
}

impl PluginUnderTest {
    /// A plugin of `plugin_type` on `platform`, with its configuration text and the secrets in it. With `loading` the
    /// oracles know the plugin's own text and signatures, and so report less that is not the plugin's fault.
    ///
    /// ```
    /// use hookstorm::{case::Session, contract::{Platform, PluginType}, oracle::{self, PluginUnderTest}, trace::Trace};
    ///
    /// let plugin = PluginUnderTest::new(PluginType::Aa, Platform::newest(), "[auth]\n", Vec::new(), false, None);
    /// assert!(oracle::judge(&plugin, &Session::new(Vec::new()), &Trace::default()).is_empty());
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
                .map_or_else(Vec::new, |loading| signature::uncallable(plugin_type, platform, loading)),
            has_session_ended: loading.is_none_or(|loading| {
                loading.hooks.iter().any(|signature| signature.hook == Hook::SessionEnded && signature.callable)
            }),
            sdk_mismatch: loading
                .is_some_and(|loading| !signature::newer_sdk_requires(plugin_type, platform, loading).is_empty()),
            reports_unknown_keys: plugin_type != PluginType::Aa,
        }
    }
}
