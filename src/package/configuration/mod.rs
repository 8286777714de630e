//! A plugin's configuration text, read as Python's `configparser` reads it with its default settings, because the SDK
//! parses it with them \[S\]: whether it is INI, which options it sets or documents, and which of their values are
//! secrets.
//!
//! Safe on any text, and linear in its length.

mod percent;
mod read;
mod secrets;
mod write;

pub use percent::{has_stray_percent, options_with_stray_percent};
pub use read::{ConfigOption, options};
pub(super) use read::{faults, interpolation_faults};
pub use secrets::{SecretOption, logs_debug, secret_options, secrets};
pub use write::{Assignment, with_options};
