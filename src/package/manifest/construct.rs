//! Constructs what the platform would have in its hands: PyYAML's `SafeConstructor` over our nodes, merge keys and all.
//!
//! Everything in the file is constructed, since one date that does not exist in a forgotten list is enough for the
//! platform to refuse the whole. Bounded: each node is constructed once, and merging stops at a limit.

use std::collections::{HashMap, HashSet};

use super::{
    python,
    scalar::{Refusal, Resolved, Value, brief, construct, core, resolve},
    yaml::{Document, Fault, Kind, Node, NodeId, Place, Tag},
};

/// How many pairs merge keys may bring together. Nobody writes that many by hand.
const MERGED: usize = 100_000;
const PREFIX: &str = "tag:yaml.org,2002:";

/// A key that stands twice in one mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Duplicate {
    pub(super) key: String,
    pub(super) first: Place,
    pub(super) second: Place,
}

/// A field of the root mapping.
#[derive(Clone, Debug)]
pub(super) struct Pair {
    pub(super) key: Value,
    pub(super) key_place: Place,
    pub(super) place: Place,
    /// What the platform reads.
    pub(super) value: Value,
    /// What YAML 1.2 reads; `None` where the field comes through a merge key, which YAML 1.2 does not have.
    pub(super) core: Option<Value>,
    /// The text of a plain scalar.
    pub(super) source: Option<String>,
}

/// The whole file.
#[derive(Debug, Default)]
pub(super) struct Constructed {
    /// The root's pairs in the order in which a dict takes them: the last one of a key counts.
    pub(super) pairs: Vec<Pair>,
    pub(super) duplicates: Vec<Duplicate>,
}

/// Constructs `document`, whose root must be a mapping.
pub(super) fn document(document: Document) -> Result<Constructed, Fault> {
    let top = Place { line: 1, column: 1 };
    let Some(root) = document.root else { return Err(top.fault("the file is empty")) };
    let mut constructor = Constructor {
        done: vec![false; document.nodes.len()],
        flat: HashSet::new(),
        merged: 0,
        own: HashSet::new(),
        nodes: document.nodes,
        duplicates: Vec::new(),
    };
    if let Kind::Mapping(pairs) = &constructor.nodes[root].kind {
        constructor.own = pairs.iter().map(|(key, _)| *key).collect();
    }
    constructor.find_duplicates();
    match constructor.construct(root)? {
        Value::Container { name: "dict", .. } => {}
        Value::Null => return Err(top.fault("the file is empty")),
        other => {
            let reason = format!("not a mapping of fields to values, but {}", other.described());
            return Err(constructor.nodes[root].place.fault(reason));
        }
    }
    let Kind::Mapping(pairs) = constructor.nodes[root].kind.clone() else {
        return Err(top.fault("not a mapping of fields to values"));
    };
    let mut constructed =
        Constructed { duplicates: std::mem::take(&mut constructor.duplicates), ..Constructed::default() };
    for (key, value) in pairs {
        let (key_node, value_node) = (&constructor.nodes[key], &constructor.nodes[value]);
        let (key_place, place) = (key_node.place, value_node.place);
        let source = match &value_node.kind {
            Kind::Scalar { text, is_plain: true } if value_node.tag == Tag::Absent => Some(text.clone()),
            _ => None,
        };
        let value = constructor.value(value)?;
        let core = match (&source, &value_node.tag, &value_node.kind) {
            _ if !constructor.own.contains(&key) => None,
            (Some(text), _, _) => Some(core(text)),
            (None, Tag::Bare, Kind::Scalar { text, .. }) => Some(Value::Text(text.clone())),
            _ => Some(value.clone()),
        };
        constructed.pairs.push(Pair { key: constructor.value(key)?, key_place, place, value, core, source });
    }
    Ok(constructed)
}

struct Constructor {
    nodes: Vec<Node>,
    done: Vec<bool>,
    /// Mappings whose merge keys are dissolved.
    flat: HashSet<NodeId>,
    merged: usize,
    /// The root's own keys, before merging.
    own: HashSet<NodeId>,
    duplicates: Vec<Duplicate>,
}

impl Constructor {
    fn refuse(&self, id: NodeId, refusal: Refusal) -> Fault {
        self.nodes[id].place.fault(refusal)
    }

    /// The tag that a scalar without one of its own gets.
    fn resolved(node: &Node) -> Option<Resolved> {
        let Kind::Scalar { text, is_plain } = &node.kind else { return None };
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

    /// A node's own value, without what lies in it.
    fn value(&self, id: NodeId) -> Result<Value, Fault> {
        let node = &self.nodes[id];
        let tag = match &node.tag {
            Tag::Named(tag) => Some(tag.strip_prefix(PREFIX).ok_or_else(|| self.unknown(id, tag))?),
            Tag::Absent | Tag::Bare => None,
        };
        let container = |name, length| Ok(Value::Container { name, is_empty: length == 0 });
        match (&node.kind, tag) {
            (Kind::Scalar { text, .. }, Some("binary")) => {
                let is_empty = bytes(text).map_err(|refusal| self.refuse(id, refusal))?;
                Ok(Value::Bytes { is_empty })
            }
            (Kind::Scalar { text, .. }, tag) => match Self::resolved(node) {
                Some(resolved) => construct(resolved, text).map_err(|refusal| self.refuse(id, refusal)),
                None => Err(self.unknown(id, tag.unwrap_or_default())),
            },
            (Kind::Sequence(items), None | Some("seq" | "omap" | "pairs")) => container("list", items.len()),
            (Kind::Mapping(pairs), None | Some("map")) => container("dict", pairs.len()),
            (Kind::Mapping(pairs), Some("set")) => container("set", pairs.len()),
            (Kind::Sequence(_) | Kind::Mapping(_), Some(tag)) => Err(self.unknown(id, tag)),
        }
    }

    fn unknown(&self, id: NodeId, tag: &str) -> Fault {
        self.refuse(
            id,
            format!(
                "the tag `{}` cannot stand here: the platform's YAML reader constructs nothing from it",
                brief(tag)
            ),
        )
    }

    /// A node's value, with everything that lies in it constructed as well.
    fn construct(&mut self, id: NodeId) -> Result<Value, Fault> {
        if let Kind::Mapping(_) = self.nodes[id].kind
            && !matches!(&self.nodes[id].tag, Tag::Named(tag) if tag.ends_with(":omap"))
        {
            self.flatten(id)?;
        }
        let value = self.value(id)?;
        if std::mem::replace(&mut self.done[id], true) {
            return Ok(value);
        }
        match self.nodes[id].kind.clone() {
            Kind::Scalar { .. } => {}
            Kind::Sequence(items) => {
                let is_pairs =
                    matches!(&self.nodes[id].tag, Tag::Named(tag) if tag.ends_with("omap") || tag.ends_with("pairs"));
                for item in items {
                    let is_single = matches!(&self.nodes[item].kind, Kind::Mapping(pairs) if pairs.len() == 1);
                    if is_pairs && !is_single {
                        return Err(
                            self.refuse(item, "not a mapping of one pair, as `!!omap` and `!!pairs` demand".to_owned())
                        );
                    }
                    self.construct(item)?;
                }
            }
            Kind::Mapping(pairs) => {
                for (key, value) in pairs {
                    if let Value::Container { name, .. } = self.construct(key)? {
                        return Err(self.refuse(key, format!("a {name} cannot be a key")));
                    }
                    self.construct(value)?;
                }
            }
        }
        Ok(value)
    }

    /// Dissolves the merge keys of a mapping as `flatten_mapping` of PyYAML 6.0.1 does, which the SDK pins: what is merged
    /// comes before the mapping's own pairs, and so loses against them; of a list the first mapping wins. Newer releases
    /// let the last one win.
    fn flatten(&mut self, id: NodeId) -> Result<(), Fault> {
        if !self.flat.insert(id) {
            return Ok(());
        }
        let Kind::Mapping(pairs) = self.nodes[id].kind.clone() else { return Ok(()) };
        if !pairs
            .iter()
            .any(|(key, _)| matches!(Self::resolved(&self.nodes[*key]), Some(Resolved::Merge | Resolved::Value)))
        {
            return Ok(());
        }
        // A mapping that merges itself finds its merge key gone.
        let without = pairs.iter().copied().filter(|(key, _)| !self.is_merge(*key)).collect();
        self.nodes[id].kind = Kind::Mapping(without);
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
                Kind::Mapping(_) => vec![value],
                Kind::Sequence(items) => items.iter().rev().copied().collect(),
                Kind::Scalar { .. } => Vec::new(),
            };
            if matches!(self.nodes[value].kind, Kind::Scalar { .. }) {
                return Err(self.refuse(value, "a merge key `<<` demands a mapping or a list of mappings".to_owned()));
            }
            for source in sources {
                if !matches!(self.nodes[source].kind, Kind::Mapping(_)) {
                    return Err(
                        self.refuse(source, "a merge key `<<` demands a mapping or a list of mappings".to_owned())
                    );
                }
                self.flatten(source)?;
                let Kind::Mapping(pairs) = &self.nodes[source].kind else { continue };
                self.merged += pairs.len();
                if self.merged > MERGED {
                    return Err(self.refuse(source, format!("merge keys bring more than {MERGED} pairs together")));
                }
                merged.extend(pairs);
            }
        }
        merged.extend(own);
        self.nodes[id].kind = Kind::Mapping(merged);
        Ok(())
    }

    /// Finds keys that stand twice in one mapping as it is written. PyYAML takes the last one and says nothing.
    fn find_duplicates(&mut self) {
        for node in &self.nodes {
            let Kind::Mapping(pairs) = &node.kind else { continue };
            let mut seen: HashMap<String, NodeId> = HashMap::new();
            for (key, _) in pairs {
                let Kind::Scalar { text, .. } = &self.nodes[*key].kind else { continue };
                let same = match self.value(*key) {
                    Ok(value) => equality(&value),
                    Err(_) => format!("?{text}"),
                };
                match seen.get(&same) {
                    Some(first) => self.duplicates.push(Duplicate {
                        key: brief(text),
                        first: self.nodes[*first].place,
                        second: self.nodes[*key].place,
                    }),
                    None => {
                        seen.insert(same, *key);
                    }
                }
            }
        }
        self.duplicates.sort_by_key(|duplicate| (duplicate.second.line, duplicate.second.column));
    }
}

/// A text that is equal for keys that are equal in Python: `1`, `1.0` and `yes` are one key.
fn equality(value: &Value) -> String {
    let number = |number: f64| {
        if number.fract() == 0.0 && number.abs() < 1e15 {
            format!("n{number:.0}")
        } else {
            format!("n{}", python::float_repr(number))
        }
    };
    match value {
        Value::Bool(value) => format!("n{}", u8::from(*value)),
        Value::Int(text) => format!("n{text}"),
        Value::Float(value) => number(*value + 0.0),
        Value::Text(text) => format!("s{text}"),
        other => format!("{}{:?}", other.type_name(), other.python_str()),
    }
}

/// Whether the base64 `text` is empty when decoded; an error where Python's `base64.decodebytes` raises.
fn bytes(text: &str) -> Result<bool, Refusal> {
    if !text.is_ascii() {
        return Err("`!!binary` takes ASCII only".to_owned());
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
    if place == 0 { Ok(!has_bytes) } else { Err("the base64 text of `!!binary` is cut short".to_owned()) }
}
