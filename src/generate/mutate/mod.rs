//! Changes a session into a similar one. [`Mutator`] makes one or a few small changes, [`Dictionary`] keeps the tokens
//! that they use, and [`input_to_state()`] puts one side of a comparison where the other side came from.
//!
//! Mutations change the typed session, never its bytes, and their results keep the contract: a value changes in all
//! calls that pass it, a new target gets a new server, and [`contract_violation`](super::contract_violation) decides.
//! New values come from the generators, which draw from bytes, so that the same seed gives the same session.
//!
//! The `mutatis` crate does not fit. It counts the possible changes of each field of a type and picks one. Here one
//! value is in many calls and has two names, the tokens matter more than the fields, and the generators of new values
//! draw from `Unstructured`, which `mutatis` does not know.
//!
//! | file | what it does |
//! | --- | --- |
//! | `mutator` | picks the changes |
//! | `arguments` | changes arguments |
//! | `calls` | changes which hooks are called, and the user's answers |
//! | `context` | changes cookies, services and options |
//! | `splice` | takes a part of another session |
//! | `text`, `value` | change one text, one value |
//! | `session_values` | finds values in a session, and changes them in all calls |
//! | `input_to_state`, `transforms`, `pattern` | input-to-state replacement, as in RedQueen and AFL++ CmpLog |
//! | `backtracking` | texts on which a regular expression takes long |
//! | `neighbours` | a session with one or two arguments changed |
//! | `dictionary` | keeps what plugins compared and returned |

mod arguments;
mod backtracking;
mod calls;
mod context;
mod dictionary;
mod input_to_state;
mod mutator;
mod neighbours;
mod pattern;
mod session_values;
mod splice;
mod text;
mod transforms;
mod value;

#[cfg(test)]
mod reach;
#[cfg(test)]
mod tests;

pub(in crate::generate) use backtracking::slow_texts;
pub use dictionary::Dictionary;
pub use input_to_state::input_to_state;
pub use mutator::Mutator;
pub(crate) use neighbours::neighbours;
