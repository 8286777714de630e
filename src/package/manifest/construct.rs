//! Constructs the values that the platform reads: PyYAML's `SafeConstructor` over our nodes, with merge keys.
//!
//! Every node of the file is constructed, because the platform refuses the whole file for one date that does not exist,
//! wherever it is. Bounded: each node is constructed once, and merging stops at a limit.

use std::collections::{HashMap, HashSet};

use super::{
    node::{Document, Fault, Node, NodeId, NodeKind, Position, Tag},
    scalar::{Refusal, Resolved, YamlValue, brief, construct, core, resolve},
};
use crate::contract::float_repr;

/// How many pairs merge keys may combine. Nobody writes that many by hand.
const MERGED_LIMIT: usize = 100_000;
const PREFIX: &str = "tag:yaml.org,2002:";

/// A key that appears twice in one mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Duplicate {
    pub(super) key: String,
    pub(super) first: Position,
    pub(super) second: Position,
}

/// A field of the root mapping.
#[derive(Clone, Debug)]
pub(super) struct RootPair {
    pub(super) key: YamlValue,
    pub(super) key_position: Position,
    /// The position of the value.
    pub(super) position: Position,
    /// The value that the platform reads.
    pub(super) value: YamlValue,
    /// The value in YAML 1.2; `None` if the field comes from a merge key, which YAML 1.2 does not have.
    pub(super) core: Option<YamlValue>,
    /// The text of the value, if it is a plain scalar.
    pub(super) source: Option<String>,
}

/// The whole file.
#[derive(Debug, Default)]
pub(super) struct Constructed {
    /// The root's pairs in the order in which Python puts them into a dict: the last one of a key counts.
    pub(super) pairs: Vec<RootPair>,
    pub(super) duplicates: Vec<Duplicate>,
}

/// Constructs `document`, whose root must be a mapping.
pub(super) fn document(document: Document) -> Result<Constructed, Fault> {
    let top = Position { line: 1, column: 1 };
    let Some(root) = document.root else { return Err(top.fault("the file is empty")) };
    let mut constructor = Constructor {
        done: vec![false; document.nodes.len()],
        flat: HashSet::new(),
        merged: 0,
        own: HashSet::new(),
        nodes: document.nodes,
        duplicates: Vec::new(),
    };
    if let NodeKind::Mapping(pairs) = &constructor.nodes[root].kind {
        constructor.own = pairs.iter().map(|(key, _)| *key).collect();
    }
    constructor.find_duplicates();
    match constructor.construct(root)? {
        YamlValue::Container { name: "dict", .. } => {}
        YamlValue::Null => return Err(top.fault("the file is empty")),
        other => {
            let reason = format!("not a mapping of fields to values, but {}", other.described());
            return Err(constructor.nodes[root].position.fault(reason));
        }
    }
    let NodeKind::Mapping(pairs) = constructor.nodes[root].kind.clone() else {
        return Err(top.fault("not a mapping of fields to values"));
    };
    let mut constructed =
        Constructed { duplicates: std::mem::take(&mut constructor.duplicates), ..Constructed::default() };
    for (key, value) in pairs {
        let (key_node, value_node) = (&constructor.nodes[key], &constructor.nodes[value]);
        let (key_position, position) = (key_node.position, value_node.position);
        let source = match &value_node.kind {
            NodeKind::Scalar { text, is_plain: true } if value_node.tag == Tag::Absent => Some(text.clone()),
            _ => None,
        };
        let value = constructor.value(value)?;
        let core = match (&source, &value_node.tag, &value_node.kind) {
            _ if !constructor.own.contains(&key) => None,
            (Some(text), _, _) => Some(core(text)),
            (None, Tag::Bare, NodeKind::Scalar { text, .. }) => Some(YamlValue::Text(text.clone())),
            _ => Some(value.clone()),
        };
        constructed.pairs.push(RootPair { key: constructor.value(key)?, key_position, position, value, core, source });
    }
    Ok(constructed)
}

struct Constructor {
    nodes: Vec<Node>,
    done: Vec<bool>,
    /// Mappings whose merge keys are resolved.
    flat: HashSet<NodeId>,
    merged: usize,
    /// The root's own keys, before merging.
    own: HashSet<NodeId>,
    duplicates: Vec<Duplicate>,
}

impl Constructor {
    fn refuse(&self, id: NodeId, refusal: Refusal) -> Fault {
        self.nodes[id].position.fault(refusal)
    }

    /// The type of a scalar, by its tag or by its text.
    fn resolved(node: &Node) -> Option<Resolved> {
        let NodeKind::Scalar { text, is_plain } = &node.kind else { return None };
        match &node.tag {
            Tag::Absent if *is_plain => Some(resolve(text)),
            Tag::Absent => Some(Resolved::Text),
            Tag::Bare => Some(resolve(text)),
            Tag::Named(tag) => match tag.strip_prefix(PREFIX)? {
                "null" => Some(Resolved::Null),
                "bool" => Some(Resolved::Bool),
                "int" => Some(Resolved::Int),
                "float" => Some(Resolved::Float),
                "timestamp" => Some(Resolved::Timestamp),
                "str" => Some(Resolved::Text),
                "merge" => Some(Resolved::Merge),
                "value" => Some(Resolved::Value),
                _ => None,
            },
        }
    }

    fn is_merge(&self, id: NodeId) -> bool {
        Self::resolved(&self.nodes[id]) == Some(Resolved::Merge)
    }

    /// A node's own value, without its children.
    fn value(&self, id: NodeId) -> Result<YamlValue, Fault> {
        let node = &self.nodes[id];
        let tag = match &node.tag {
            Tag::Named(tag) => Some(tag.strip_prefix(PREFIX).ok_or_else(|| self.unknown(id, tag))?),
            Tag::Absent | Tag::Bare => None,
        };
        let container = |name, length| Ok(YamlValue::Container { name, is_empty: length == 0 });
        match (&node.kind, tag) {
            (NodeKind::Scalar { text, .. }, Some("binary")) => {
                let is_empty = bytes(text).map_err(|refusal| self.refuse(id, refusal))?;
                Ok(YamlValue::Bytes { is_empty })
            }
            (NodeKind::Scalar { text, .. }, tag) => match Self::resolved(node) {
                Some(resolved) => construct(resolved, text).map_err(|refusal| self.refuse(id, refusal)),
                None => Err(self.unknown(id, tag.unwrap_or_default())),
            },
            (NodeKind::Sequence(items), None | Some("seq" | "omap" | "pairs")) => container("list", items.len()),
            (NodeKind::Mapping(pairs), None | Some("map")) => container("dict", pairs.len()),
            (NodeKind::Mapping(pairs), Some("set")) => container("set", pairs.len()),
            (NodeKind::Sequence(_) | NodeKind::Mapping(_), Some(tag)) => Err(self.unknown(id, tag)),
        }
    }

    fn unknown(&self, id: NodeId, tag: &str) -> Fault {
        self.refuse(id, format!("the platform's YAML reader does not support the tag `{}` here", brief(tag)))
    }

    /// A node's value. Constructs its children as well, which may fail.
    fn construct(&mut self, id: NodeId) -> Result<YamlValue, Fault> {
        if let NodeKind::Mapping(_) = self.nodes[id].kind
            && !matches!(&self.nodes[id].tag, Tag::Named(tag) if tag.ends_with(":omap"))
        {
            self.flatten(id)?;
        }
        let value = self.value(id)?;
        if std::mem::replace(&mut self.done[id], true) {
            return Ok(value);
        }
        match self.nodes[id].kind.clone() {
            NodeKind::Scalar { .. } => {}
            NodeKind::Sequence(items) => {
                let is_pairs =
                    matches!(&self.nodes[id].tag, Tag::Named(tag) if tag.ends_with("omap") || tag.ends_with("pairs"));
                for item in items {
                    let is_single = matches!(&self.nodes[item].kind, NodeKind::Mapping(pairs) if pairs.len() == 1);
                    if is_pairs && !is_single {
                        return Err(self
                            .refuse(item, "not a mapping of one pair, as `!!omap` and `!!pairs` require".to_owned()));
                    }
                    self.construct(item)?;
                }
            }
            NodeKind::Mapping(pairs) => {
                for (key, value) in pairs {
                    if let YamlValue::Container { name, .. } = self.construct(key)? {
                        return Err(self.refuse(key, format!("a {name} cannot be a key")));
                    }
                    self.construct(value)?;
                }
            }
        }
        Ok(value)
    }

    /// Resolves the merge keys of a mapping as `flatten_mapping` of PyYAML 6.0.1 does, which the SDK pins \[S\]: merged
    /// pairs come before the mapping's own pairs, which replace them; in a list the first mapping wins. In newer
    /// releases the last one wins.
    fn flatten(&mut self, id: NodeId) -> Result<(), Fault> {
        if !self.flat.insert(id) {
            return Ok(());
        }
        let NodeKind::Mapping(pairs) = self.nodes[id].kind.clone() else { return Ok(()) };
        if !pairs
            .iter()
            .any(|(key, _)| matches!(Self::resolved(&self.nodes[*key]), Some(Resolved::Merge | Resolved::Value)))
        {
            return Ok(());
        }
        // A mapping that merges itself must not find its merge key again.
        let without = pairs.iter().copied().filter(|(key, _)| !self.is_merge(*key)).collect();
        self.nodes[id].kind = NodeKind::Mapping(without);
        let mut own = Vec::with_capacity(pairs.len());
        let mut merged: Vec<(NodeId, NodeId)> = Vec::new();
        for (key, value) in pairs {
            if !self.is_merge(key) {
                if Self::resolved(&self.nodes[key]) == Some(Resolved::Value) {
                    self.nodes[key].tag = Tag::Named(format!("{PREFIX}str"));
                }
                own.push((key, value));
                continue;
            }
            let sources = match &self.nodes[value].kind {
                NodeKind::Mapping(_) | NodeKind::Scalar { .. } => vec![value],
                NodeKind::Sequence(items) => items.iter().rev().copied().collect(),
            };
            for source in sources {
                if !matches!(self.nodes[source].kind, NodeKind::Mapping(_)) {
                    return Err(
                        self.refuse(source, "a merge key `<<` requires a mapping or a list of mappings".to_owned())
                    );
                }
                self.flatten(source)?;
                let NodeKind::Mapping(pairs) = &self.nodes[source].kind else { continue };
                self.merged += pairs.len();
                if self.merged > MERGED_LIMIT {
                    return Err(self.refuse(source, format!("merge keys combine more than {MERGED_LIMIT} pairs")));
                }
                merged.extend(pairs);
            }
        }
        merged.extend(own);
        self.nodes[id].kind = NodeKind::Mapping(merged);
        Ok(())
    }

    /// Finds keys that appear twice in one mapping of the text. PyYAML uses the last one without a message.
    fn find_duplicates(&mut self) {
        for node in &self.nodes {
            let NodeKind::Mapping(pairs) = &node.kind else { continue };
            let mut seen: HashMap<String, NodeId> = HashMap::new();
            for (key, _) in pairs {
                let NodeKind::Scalar { text, .. } = &self.nodes[*key].kind else { continue };
                let same = match self.value(*key) {
                    Ok(value) => equality(&value),
                    Err(_) => format!("?{text}"),
                };
                match seen.get(&same) {
                    Some(first) => self.duplicates.push(Duplicate {
                        key: brief(text),
                        first: self.nodes[*first].position,
                        second: self.nodes[*key].position,
                    }),
                    None => {
                        seen.insert(same, *key);
                    }
                }
            }
        }
        self.duplicates.sort_by_key(|duplicate| duplicate.second);
    }
}

/// A text that is equal for keys that are equal in Python: `1`, `1.0` and `yes` are one key.
fn equality(value: &YamlValue) -> String {
    let number = |number: f64| {
        if number.fract() == 0.0 && number.abs() < 1e15 {
            format!("n{number:.0}")
        } else {
            format!("n{}", float_repr(number))
        }
    };
    match value {
        YamlValue::Bool(value) => format!("n{}", u8::from(*value)),
        YamlValue::Int(text) => format!("n{text}"),
        YamlValue::Float(value) => number(*value + 0.0),
        YamlValue::Text(text) => format!("s{text}"),
        other => format!("{}{:?}", other.type_name(), other.python_str()),
    }
}

/// Whether the base64 `text` is empty when decoded; an error where Python's `base64.decodebytes` raises.
fn bytes(text: &str) -> Result<bool, Refusal> {
    if !text.is_ascii() {
        return Err("`!!binary` accepts only ASCII".to_owned());
    }
    let (mut place, mut padding, mut has_bytes) = (0, 0, false);
    for byte in text.bytes() {
        if byte == b'=' {
            padding += 1;
            if place >= 2 && place + padding >= 4 {
                return Ok(!has_bytes);
            }
        } else if byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/') {
            padding = 0;
            place = (place + 1) % 4;
            has_bytes |= place != 1;
        }
    }
    if place == 0 { Ok(!has_bytes) } else { Err("the base64 text of `!!binary` is truncated".to_owned()) }
}
