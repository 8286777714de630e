//! Shrinks a session while it still shows its finding: to the fewest calls, then the fewest options and services, the
//! simplest values, and no answers and no cut-off call. Arguments stay unless the hook does not take them.
//!
//! [`Shrinker`] proposes sessions, and its caller runs them. It makes at most [`shrinker::TRIES_LIMIT`] proposals,
//! never proposes a session twice, and keeps the contract: a value changes in all calls that pass it, and calls keep
//! their order. It works by halves (delta debugging), because most of a session does not matter and every try runs the
//! plugin.
//!
//! | file | what it does |
//! | --- | --- |
//! | `shrinker` | the order of the proposals |
//! | `stages` | removes items of a session, or makes them plain, in ranges |
//! | `leaves` | makes one value simpler, step by step |
//! | `slots` | the values of a session, each once, with all places that must change together |

mod leaves;
mod shrinker;
mod slots;
mod stages;
#[cfg(test)]
mod tests;

pub use shrinker::Shrinker;
pub(super) use slots::{passed, plain};
