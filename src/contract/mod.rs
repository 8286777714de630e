//! What the platform promises a plugin and requires of it, as data: [`Platform`], [`PluginType`], [`Hook`],
//! [`Argument`] and the keys that a hook may return. Every fact names its source: \[G\] the 5.10 guide, \[D\] its later
//! editions, \[A\] the guide for Authentication and Authorization plugins, \[S\] the Plugin SDK 1.9.1.
//!
//! No I/O and no Python here, and no judging: that is the work of the oracles.
#![forbid(unsafe_code)]

mod argument;
mod hook;
mod nearest;
mod platform;
mod python;

pub use argument::{Argument, ArgumentKind};
pub use hook::{Hook, HookSpec, ResultKey, ResultShape};
pub(crate) use nearest::{edit_distance, nearest_word, similarity};
pub use platform::{ARCHIVE_BYTES_LIMIT, Api, Platform, PluginType};
pub(crate) use python::float_repr;
