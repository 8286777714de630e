//! The nodes of a YAML document, each with its position.

use saphyr_parser::ScalarStyle;

/// Why a document cannot be read, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) position: Position,
    pub(super) reason: String,
}

/// Line and column, from 1; the default, 0, means the file as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position {
    pub(super) line: u32,
    pub(super) column: u32,
}

impl Position {
    pub(super) fn fault(self, reason: impl Into<String>) -> Fault {
        Fault { position: self, reason: reason.into() }
    }
}

/// A node's index in [`Document::nodes`].
pub(super) type NodeId = usize;

/// The tag of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Tag {
    /// No tag.
    Absent,
    /// `!`, which lets PyYAML resolve even a quoted scalar.
    Bare,
    /// A full tag.
    Named(String),
}

#[derive(Clone, Debug)]
pub(super) enum NodeKind {
    Scalar { text: String, is_plain: bool },
    Sequence(Vec<NodeId>),
    Mapping(Vec<(NodeId, NodeId)>),
}

#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) tag: Tag,
    pub(super) kind: NodeKind,
    pub(super) position: Position,
}

/// The nodes of the one document.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) nodes: Vec<Node>,
    /// `None` for an empty file.
    pub(super) root: Option<NodeId>,
}

/// The part of the text that is a scalar, in characters.
#[derive(Clone, Copy, Debug)]
pub(super) struct ScalarSpan {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) style: ScalarStyle,
    pub(super) in_flow: bool,
    pub(super) is_key: bool,
}
