//! What the platform promises a plugin and demands of it, as data: [`Platform`], [`PluginType`], [`Hook`], [`Argument`]
//! and the keys that a hook may return. Every fact names its source as the contract does: \[G\] the 5.10 guide, \[D\] its
//! later editions, \[A\] the guide for Authentication and Authorization plugins, \[S\] the Plugin SDK 1.9.1.
//!
//! No I/O and no Python here, and no opinion about what a plugin did: that is the oracles' work.
#![forbid(unsafe_code)]

mod argument;
mod hook;
mod nearest;
mod platform;

pub use argument::{Argument, ArgumentKind};
pub use hook::{Hook, HookSpec, ResultKey, ResultShape};
pub(crate) use nearest::{edit_distance, nearest_word, similarity};
pub use platform::{Api, Platform, PluginType};

/// The most bytes that a plugin's archive may have, exclusive: the SDK refuses a file of this size \[S\].
pub const ARCHIVE_BYTES_LIMIT: u64 = 20 * 1024 * 1024;

/// The platform's own time limit for a call, in seconds: half of the proxy's default timeout of 600 s \[G\].
pub const PLATFORM_TIMEOUT_SECONDS: u64 = 300;
