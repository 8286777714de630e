//! Python's regular expressions, as far as the generator has to understand them: their syntax as a tree ([`parse()`]),
//! and how many steps a backtracking matcher takes on a text ([`Program`]).
//!
//! Rust's crates for regular expressions do not backtrack and refuse backreferences, so they can show neither. What is
//! here never decides about a finding: a text that is expected to take long still has to exceed the time limit in
//! CPython.

mod parser;
mod program;
mod tree;

pub(super) use parser::parse;
pub(super) use program::Program;
pub(super) use tree::{Item, Node, Set};
