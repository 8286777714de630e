//! Turns bytes into sessions, manifests, archives and plugins, and changes and shrinks sessions. It runs nothing.
//!
//! The same bytes always give the same result, and fewer or lower bytes give a plainer one. Proptest strategies, the
//! engine's seeds and libFuzzer's inputs all use this. Every session keeps the contract; [`contract_violation`] checks
//! it.
//!
//! | for | use |
//! | --- | --- |
//! | a plugin's type, platform, hooks and tokens | [`Domain`] |
//! | sessions | [`session()`], [`nth_session`], [`nominal_session`] |
//! | property-based tests with proptest | [`strategy()`] |
//! | a session like another one | [`Mutator`] with its [`Dictionary`], [`input_to_state`] |
//! | the smallest session that still shows a finding | [`Shrinker`] |
//!
//! Manifests, archives and plugins with known behaviour are for `selftest` and for the command `generate`.
//!
//! ```
//! use hookstorm::{
//!     contract::{Hook, Platform, PluginType},
//!     generate::{Domain, nth_session},
//!     trace::PluginTokens,
//! };
//!
//! let hooks = Hook::ALL.to_vec();
//! let domain = Domain::new(PluginType::CredentialStore, Platform::newest(), hooks, PluginTokens::default());
//! assert_eq!(nth_session(&domain, 42, 7), nth_session(&domain, 42, 7));
//! ```
#![forbid(unsafe_code)]

mod anomaly;
pub(crate) mod archive;
mod artefact;
mod calls;
mod complete;
mod connection;
mod cookies;
mod domain;
mod expect;
mod hosts;
pub(crate) mod manifest;
mod mutate;
mod options;
pub(crate) mod package;
mod paths;
mod plain_arguments;
pub(crate) mod plugin;
mod regex;
mod replace_secrets;
#[cfg(test)]
mod same_bytes;
mod services;
mod session;
mod shrink;
mod source;
mod strategy;
mod text;
mod violation;

pub(crate) use artefact::{Artefact, ArtefactKind, ArtefactSettings, artefact};
pub(crate) use complete::complete;
pub use domain::Domain;
pub(crate) use expect::ExpectedFindings;
pub(crate) use mutate::neighbours;
pub use mutate::{Dictionary, Mutator, input_to_state};
pub use options::{OptionChoice, option_choices};
pub(crate) use plain_arguments::plain_arguments;
pub(crate) use replace_secrets::{SecretPlaces, replace_secrets, without_one_time_password};
pub use services::configured_services;
pub(crate) use services::services_of_plugin;
pub(crate) use session::nominal_two_plugin_session;
pub use session::{nominal_session, nth_session, nth_two_plugin_session, session, two_plugin_session};
pub use shrink::Shrinker;
pub(crate) use source::nth_bytes;
pub use strategy::strategy;
pub(crate) use violation::call_outside_contract;
pub use violation::{contract_violation, contract_violation_of_two, outside_contract};
