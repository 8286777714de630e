//! Pure functions from (session, trace, contract) to findings, a file for each family of rules: [`judge()`] for a
//! session, [`judge_loading`] for what loading showed, [`state_leak`] and [`nondeterministic`] for two traces of one
//! session.
//!
//! No I/O, no Python, no knowledge of processes, so every oracle is tested on traces that are written by hand. No
//! message contains a secret. A session without findings costs no memory, because nearly all sessions have none.
#![forbid(unsafe_code)]

mod canary;
mod canary_match;
mod cause;
mod compare;
mod context;
mod decoding;
mod encoding;
mod ending;
mod json;
mod judge;
mod known_text;
mod loading;
mod mask;
mod message;
mod own_limit;
mod plugin_under_test;
mod private_key;
mod resource_leak;
mod result;
mod result_shape;
mod run;
mod sandbox_violation;
mod secret_leak;
mod signature;
mod stable_name;
mod stable_text;
mod stack;
#[cfg(test)]
mod testing;
mod typed_path;
mod value_path;

pub(crate) use canary::asks_otp_openly;
pub use canary::secrets_of;
pub(crate) use compare::difference;
pub use compare::{nondeterministic, state_leak};
pub use judge::judge;
pub use loading::judge_loading;
pub(crate) use loading::sdk_mismatch;
pub use mask::mask;
pub use plugin_under_test::PluginUnderTest;
pub use signature::WrappedHook;
