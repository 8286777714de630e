//! Bytes to sessions. Written once, against `arbitrary::Unstructured`: the same bytes, the same session. Proptest
//! strategies, campaigns and fuzz targets all stand on it. [`Domain`] says for what plugin, [`session()`] and
//! [`nth_session`] make sessions, [`strategy()`] is proptest's view of them, [`simplify::Shrinker`] makes a session
//! that shows something as small as it can be, and [`Mutator`] changes one into another like it.
//!
//! Sessions keep the contract, and [`contract_violation`] says so. Nothing here runs anything.
//!
//! ```
//! use hookstorm::{
//!     contract::{Hook, Platform, PluginType},
//!     generate::{Domain, PluginTokens, nth_session},
//! };
//!
//! let hooks = Hook::ALL.to_vec();
//! let domain = Domain::new(PluginType::CredentialStore, Platform::newest(), hooks, PluginTokens::default());
//! assert_eq!(nth_session(&domain, 42, 7), nth_session(&domain, 42, 7));
//! ```
#![forbid(unsafe_code)]

pub mod archive;
mod calls;
mod choices;
mod connection;
mod cookies;
mod dice;
mod disguise;
mod domain;
mod expect;
mod hosts;
pub mod manifest;
mod mutate;
mod options;
pub mod package;
pub mod plugin;
mod services;
mod session;
pub mod simplify;
mod strategy;
mod text;
mod violation;

pub use dice::nth_bytes;
pub use disguise::disguised;
pub use domain::Domain;
pub use expect::{Expect, Expected};
pub use mutate::{Dictionary, Mutator, substitutions};
pub use options::{OptionChoice, option_choices};
pub use services::{configured_services, services};
pub use session::{
    nominal_session, nominal_two_plugin_session, nth_session, nth_two_plugin_session, session, two_plugin_session,
};
pub use strategy::strategy;
pub use violation::{contract_violation, contract_violation_of_two};
