//! Parses a MANIFEST into nodes with their positions, as PyYAML's composer would.
//!
//! `saphyr-parser` reads YAML 1.2; [`strict`](super::strict) finds what PyYAML refuses beyond that. Safe on any text:
//! depth is bounded, the caller bounds the length, and an alias is the id of a node, so that nothing is expanded.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Span, Tag as ParsedTag};

use super::node::{Document, Fault, Node, NodeId, NodeKind, Position, ScalarSpan, Tag};

/// How deep nodes may be nested. PyYAML reaches Python's recursion limit a little below 500.
const DEPTH_LIMIT: usize = 400;

fn position(span: &Span) -> Position {
    let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    Position { line: number(span.start.line()), column: number(span.start.col() + 1) }
}

/// Parses `text`, whose characters are `characters`, whose line breaks are `\n` and which has no byte order mark.
pub(super) fn parse(text: &str, characters: &[char]) -> Result<(Document, Vec<ScalarSpan>), Fault> {
    let mut builder = Builder::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| {
            let marker = error.marker();
            position(&Span::empty(*marker)).fault(error.info())
        })?;
        builder.take(event, &span, characters)?;
    }
    Ok((Document { nodes: builder.nodes, root: builder.root }, builder.scalars))
}

/// Whether `text` is valid YAML 1.2.
pub(super) fn is_well_formed(text: &str) -> bool {
    Parser::new_from_str(text).all(|event| event.is_ok())
}

/// A collection that is not closed yet.
struct OpenCollection {
    id: NodeId,
    children: Vec<NodeId>,
    is_flow: bool,
}

#[derive(Default)]
struct Builder {
    nodes: Vec<Node>,
    root: Option<NodeId>,
    documents: usize,
    open: Vec<OpenCollection>,
    anchors: HashMap<usize, NodeId>,
    scalars: Vec<ScalarSpan>,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, span: &Span, characters: &[char]) -> Result<(), Fault> {
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(position(span).fault("a second document begins here; a MANIFEST has only one"));
                }
            }
            Event::Alias(anchor) => {
                let Some(&id) = self.anchors.get(&anchor) else {
                    return Err(position(span).fault("an alias of an anchor that does not exist"));
                };
                self.attach(id);
            }
            Event::Scalar(text, style, anchor, tag) => {
                let mut text = text.into_owned();
                let is_block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
                // PyYAML does not add a line break at the end of the file.
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
                        open.children.len() % 2 == 0 && matches!(self.nodes[open.id].kind, NodeKind::Mapping(_))
                    }),
                });
                let kind = NodeKind::Scalar { text, is_plain: style == ScalarStyle::Plain };
                let id = self.add(kind, tag.as_deref(), anchor, span);
                self.attach(id);
            }
            Event::SequenceStart(anchor, tag) => {
                self.open(NodeKind::Sequence(Vec::new()), tag.as_deref(), anchor, span, characters)?;
            }
            Event::MappingStart(anchor, tag) => {
                self.open(NodeKind::Mapping(Vec::new()), tag.as_deref(), anchor, span, characters)?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
        Ok(())
    }

    fn add(&mut self, kind: NodeKind, tag: Option<&ParsedTag>, anchor: usize, span: &Span) -> NodeId {
        let tag = match tag {
            None => Tag::Absent,
            Some(tag) if tag.handle.is_empty() && tag.suffix == "!" => Tag::Bare,
            Some(tag) if tag.handle == "!" && tag.suffix.is_empty() => Tag::Bare,
            Some(tag) => Tag::Named(format!("{}{}", tag.handle, tag.suffix)),
        };
        self.nodes.push(Node { tag, kind, position: position(span) });
        let id = self.nodes.len() - 1;
        if anchor > 0 {
            self.anchors.insert(anchor, id);
        }
        id
    }

    fn open(
        &mut self,
        kind: NodeKind,
        tag: Option<&ParsedTag>,
        anchor: usize,
        span: &Span,
        characters: &[char],
    ) -> Result<(), Fault> {
        if self.open.len() >= DEPTH_LIMIT {
            return Err(position(span).fault(format!("nested deeper than {DEPTH_LIMIT} levels")));
        }
        // The span of a flow collection with properties begins before them and ends after its bracket.
        let last = span.end.index().checked_sub(1).and_then(|last| characters.get(last));
        let is_flow = self.open.last().is_some_and(|open| open.is_flow) || matches!(last, Some('[' | '{'));
        let id = self.add(kind, tag, anchor, span);
        self.open.push(OpenCollection { id, children: Vec::new(), is_flow });
        Ok(())
    }

    fn close(&mut self) {
        let Some(OpenCollection { id, children, .. }) = self.open.pop() else { return };
        match &mut self.nodes[id].kind {
            NodeKind::Sequence(items) => *items = children,
            NodeKind::Mapping(pairs) => *pairs = children.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect(),
            NodeKind::Scalar { .. } => {}
        }
        self.attach(id);
    }

    /// Adds a finished node to its parent. A collection is added when it ends; its id is older.
    fn attach(&mut self, id: NodeId) {
        match self.open.last_mut() {
            Some(open) => open.children.push(id),
            None => self.root = Some(id),
        }
    }
}
