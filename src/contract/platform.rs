//! Platforms with their API levels, and the types of plugin. The platform decides which arguments are passed, not the
//! plugin's `api`.

use std::fmt;

/// The size in bytes from which on the SDK refuses an archive \[S\].
pub const ARCHIVE_BYTES_LIMIT: u64 = 20 * 1024 * 1024;

/// An API level, `major.minor`. A third number is ignored \[S\].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Api {
    /// The number before the dot; a plugin must have the same as the platform \[S\].
    pub major: u64,
    /// The number after the dot; a plugin's must not be above the platform's \[S\].
    pub minor: u64,
}

impl Api {
    /// `major.minor`.
    pub const fn new(major: u64, minor: u64) -> Self {
        Self { major, minor }
    }
}

impl fmt::Display for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// A version of Safeguard for Privileged Sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Platform {
    /// As people write it, `9.0`.
    pub name: &'static str,
    /// The API level that it offers \[S\].
    pub api: Api,
    /// The Python that runs plugins on it \[S\].
    pub python: &'static str,
}

/// \[S\]; 5.11 and 6.0 offer the same level.
const PLATFORMS: &[Platform] = &[
    Platform { name: "5.10", api: Api::new(1, 0), python: "3.6" },
    Platform { name: "5.11", api: Api::new(1, 1), python: "3.6" },
    Platform { name: "6.0", api: Api::new(1, 1), python: "3.6" },
    Platform { name: "6.1", api: Api::new(1, 2), python: "3.6" },
    Platform { name: "6.2", api: Api::new(1, 3), python: "3.6" },
    Platform { name: "6.3", api: Api::new(1, 4), python: "3.6" },
    Platform { name: "6.5", api: Api::new(1, 5), python: "3.6" },
    Platform { name: "6.7", api: Api::new(1, 6), python: "3.6" },
    Platform { name: "6.12", api: Api::new(1, 7), python: "3.8" },
    Platform { name: "8.0", api: Api::new(1, 8), python: "3.8" },
    Platform { name: "9.0", api: Api::new(1, 9), python: "3.12" },
];

impl Platform {
    /// All platforms, oldest first.
    pub const fn all() -> &'static [Platform] {
        PLATFORMS
    }

    /// The newest platform, which is the default.
    pub const fn newest() -> &'static Platform {
        &PLATFORMS[PLATFORMS.len() - 1]
    }

    /// The platform of that name, `9.0`.
    pub fn named(name: &str) -> Option<&'static Platform> {
        PLATFORMS.iter().find(|platform| platform.name == name)
    }

    /// The oldest platform that offers `api`.
    pub(crate) fn first_with(api: Api) -> Option<&'static Platform> {
        PLATFORMS.iter().find(|platform| platform.api >= api)
    }

    /// Whether the first line of a plugin's module must choose Python 3: guides from 6.0 on demand it \[D\]. Whether
    /// platforms that have Python 3 alone need it, no source says.
    pub(crate) fn has_interpreter_line(&self) -> bool {
        (Api::new(1, 1)..=Api::new(1, 7)).contains(&self.api) && self.name != "5.11"
    }

    /// Whether this is platform 5.10, whose rules for MANIFEST differ from those of all later ones \[G\].
    pub(crate) fn is_first(&self) -> bool {
        self.api == Api::new(1, 0)
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// The purpose of a plugin: `type` in its MANIFEST.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PluginType {
    /// `credentialstore`: returns passwords and keys \[G\].
    CredentialStore,
    /// `aa`: authenticates and authorizes users \[A\].
    Aa,
    /// `signingca` \[S\]. Its hooks are not documented, so hookstorm calls none.
    SigningCa,
    /// `configuration_sync` \[S\]. Its hooks are not documented, so hookstorm calls none.
    ConfigurationSync,
}

impl PluginType {
    /// All types.
    pub const ALL: [PluginType; 4] = [Self::CredentialStore, Self::Aa, Self::SigningCa, Self::ConfigurationSync];

    /// The word in MANIFEST.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CredentialStore => "credentialstore",
            Self::Aa => "aa",
            Self::SigningCa => "signingca",
            Self::ConfigurationSync => "configuration_sync",
        }
    }

    /// The type that MANIFEST calls `name`.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|plugin_type| plugin_type.name() == name)
    }

    /// The protocols that the platform passes to plugins of this type, the most common one first (\[G\], \[A\]).
    pub const fn protocols(self) -> &'static [&'static str] {
        match self {
            Self::CredentialStore => &["ssh", "rdp", "telnet", "http", "ica", "vnc"],
            Self::Aa => &["ssh", "rdp", "telnet", "http", "ica", "vnc", "tsg", "mssql"],
            Self::SigningCa | Self::ConfigurationSync => &[],
        }
    }

    /// Whether `platform` knows this type: 5.10 knows the first two \[G\], later platforms all \[S\].
    pub(crate) fn known_to(self, platform: &Platform) -> bool {
        matches!(self, Self::CredentialStore | Self::Aa) || !platform.is_first()
    }
}

impl fmt::Display for PluginType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms_rise_and_the_newest_is_the_default() {
        assert!(PLATFORMS.windows(2).all(|pair| pair[0].api <= pair[1].api));
        assert_eq!(Platform::newest().api, Api::new(1, 9));
        assert_eq!(Platform::named("6.12").map(|platform| platform.api), Some(Api::new(1, 7)));
        assert_eq!(Platform::named("6.9"), None);
    }

    #[test]
    fn only_later_platforms_know_signing_authorities() {
        assert!(!PluginType::SigningCa.known_to(Platform::named("5.10").unwrap()));
        assert!(PluginType::SigningCa.known_to(Platform::newest()));
    }
}
