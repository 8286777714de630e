//! A session, its calls and their values: [`Session`], [`Call`], [`Value`]; and [`Case`], a session as a JSON file.
//!
//! No randomness here, because `generate/` makes the sessions. No judging: that is the work of the oracles.
#![forbid(unsafe_code)]

mod appliance;
mod file;
mod services;
mod session;
mod usual;
mod value;

pub use appliance::APPLIANCE_FILES;
pub use file::{Case, CaseError, RecordedFinding};
pub use services::{SERVICES, ServicesProblem, check_services};
pub(crate) use services::{change_secrets_of_services, secrets_of_services};
pub use session::{Call, Session, SetOption};
pub(crate) use usual::is_usual;
pub(crate) use value::DictBuilder;
pub use value::Value;
