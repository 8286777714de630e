//! Parses a MANIFEST into nodes that know their place, as PyYAML's composer would.
//!
//! `saphyr-parser` reads YAML 1.2 and does the work; what PyYAML refuses beyond that is looked for in [`super::strict`].
//! Safe on any text: nodes, depth and length are bounded, and an alias is a number, so that nothing is expanded.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Span, Tag as ParsedTag};

use super::strict;

/// The most bytes that a MANIFEST may have. Real ones have a few hundred.
pub(super) const BYTES: usize = 256 << 10;
/// How deep nodes may lie. PyYAML runs into Python's recursion limit a little below 500.
const DEPTH: usize = 400;

/// What cannot be read, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) line: u32,
    pub(super) column: u32,
    pub(super) reason: String,
}

/// A place, from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) line: u32,
    pub(super) column: u32,
}

impl Place {
    pub(super) fn fault(self, reason: impl Into<String>) -> Fault {
        Fault { line: self.line, column: self.column, reason: reason.into() }
    }
}

/// A node's place in [`Document::nodes`].
pub(super) type NodeId = usize;

/// What a node says its type is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Tag {
    /// Nothing.
    Absent,
    /// `!`, which lets PyYAML resolve even a quoted scalar.
    Bare,
    /// A full tag.
    Named(String),
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    Scalar { text: String, is_plain: bool },
    Sequence(Vec<NodeId>),
    Mapping(Vec<(NodeId, NodeId)>),
}

#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) tag: Tag,
    pub(super) kind: Kind,
    pub(super) place: Place,
}

/// The nodes of the one document.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) nodes: Vec<Node>,
    /// `None` for an empty file.
    pub(super) root: Option<NodeId>,
}

/// A scalar's part of the text.
#[derive(Clone, Copy, Debug)]
pub(super) struct ScalarSpan {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) style: ScalarStyle,
    pub(super) in_flow: bool,
    pub(super) is_key: bool,
}

fn place(span: &Span) -> Place {
    let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    Place { line: number(span.start.line()), column: number(span.start.col() + 1) }
}

/// Parses `text`, whose line breaks are `\n` and whose byte order mark is gone.
pub(super) fn parse(text: &str) -> Result<Document, Fault> {
    let characters: Vec<char> = text.chars().collect();
    let mut builder = Builder::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| {
            let marker = error.marker();
            place(&Span::empty(*marker)).fault(error.info())
        })?;
        builder.take(event, &span, &characters)?;
    }
    strict::check(&characters, &builder.scalars)?;
    Ok(Document { nodes: builder.nodes, root: builder.root })
}

/// Whether the parser of YAML 1.2 gets to the end of `text`.
pub(super) fn is_well_formed(text: &str) -> bool {
    Parser::new_from_str(text).all(|event| event.is_ok())
}

/// A collection that is not closed yet.
struct Open {
    id: NodeId,
    children: Vec<NodeId>,
    is_flow: bool,
}

#[derive(Default)]
struct Builder {
    nodes: Vec<Node>,
    root: Option<NodeId>,
    documents: usize,
    open: Vec<Open>,
    anchors: HashMap<usize, NodeId>,
    scalars: Vec<ScalarSpan>,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, span: &Span, characters: &[char]) -> Result<(), Fault> {
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(place(span).fault("a second document begins here, and a MANIFEST is one"));
                }
            }
            Event::Alias(anchor) => {
                let Some(&id) = self.anchors.get(&anchor) else {
                    return Err(place(span).fault("an alias of an anchor that does not exist"));
                };
                self.attach(id);
            }
            Event::Scalar(text, style, anchor, tag) => {
                let mut text = text.into_owned();
                let is_block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
                // PyYAML keeps no line break that the file does not have.
                if is_block && characters.last() != Some(&'\n') && span.end.index() >= characters.len() {
                    while text.ends_with('\n') {
                        text.pop();
                    }
                }
                self.scalars.push(ScalarSpan {
                    start: span.start.index(),
                    end: span.end.index(),
                    style,
                    in_flow: self.open.last().is_some_and(|open| open.is_flow),
                    is_key: self.open.last().is_some_and(|open| {
                        open.children.len() % 2 == 0 && matches!(self.nodes[open.id].kind, Kind::Mapping(_))
                    }),
                });
                let kind = Kind::Scalar { text, is_plain: style == ScalarStyle::Plain };
                let id = self.add(kind, tag.as_deref(), anchor, span);
                self.attach(id);
            }
            Event::SequenceStart(anchor, tag) => {
                self.open(Kind::Sequence(Vec::new()), tag.as_deref(), anchor, span, characters)?;
            }
            Event::MappingStart(anchor, tag) => {
                self.open(Kind::Mapping(Vec::new()), tag.as_deref(), anchor, span, characters)?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
        Ok(())
    }

    fn add(&mut self, kind: Kind, tag: Option<&ParsedTag>, anchor: usize, span: &Span) -> NodeId {
        let tag = match tag {
            None => Tag::Absent,
            Some(tag) if tag.handle.is_empty() && tag.suffix == "!" => Tag::Bare,
            Some(tag) if tag.handle == "!" && tag.suffix.is_empty() => Tag::Bare,
            Some(tag) => Tag::Named(format!("{}{}", tag.handle, tag.suffix)),
        };
        self.nodes.push(Node { tag, kind, place: place(span) });
        let id = self.nodes.len() - 1;
        if anchor > 0 {
            self.anchors.insert(anchor, id);
        }
        id
    }

    fn open(
        &mut self,
        kind: Kind,
        tag: Option<&ParsedTag>,
        anchor: usize,
        span: &Span,
        characters: &[char],
    ) -> Result<(), Fault> {
        if self.open.len() >= DEPTH {
            return Err(place(span).fault(format!("nested deeper than {DEPTH} levels")));
        }
        // The span of a flow collection with properties begins before them and ends behind its bracket.
        let last = span.end.index().checked_sub(1).and_then(|last| characters.get(last));
        let is_flow = self.open.last().is_some_and(|open| open.is_flow) || matches!(last, Some('[' | '{'));
        let id = self.add(kind, tag, anchor, span);
        self.open.push(Open { id, children: Vec::new(), is_flow });
        Ok(())
    }

    fn close(&mut self) {
        let Some(Open { id, children, .. }) = self.open.pop() else { return };
        match &mut self.nodes[id].kind {
            Kind::Sequence(items) => *items = children,
            Kind::Mapping(pairs) => *pairs = children.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect(),
            Kind::Scalar { .. } => {}
        }
        self.attach(id);
    }

    /// Gives a finished node to what it lies in. A collection joins its parent when it ends; its number is older.
    fn attach(&mut self, id: NodeId) {
        match self.open.last_mut() {
            Some(open) => open.children.push(id),
            None => self.root = Some(id),
        }
    }
}
