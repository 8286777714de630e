//! Values of a MANIFEST's fields, with what YAML 1.1 and YAML 1.2 read: tables for what is no text, and every way to write
//! text that changes nothing of it.

use crate::generate::dice::Dice;

/// What a reader has in its hands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reading {
    /// Python's name of its type.
    pub(super) type_name: &'static str,
    /// What Python's `str` makes of it; `None` for what has no short form.
    pub(super) text: Option<String>,
    /// Whether Python takes it for true.
    pub(super) is_truthy: bool,
    /// Type and text as YAML 1.2 reads it, where that is another.
    pub(super) core: Option<(&'static str, &'static str)>,
    /// Whether it is a float to YAML 1.2 that Python writes otherwise.
    pub(super) loses_digits: bool,
}

impl Reading {
    /// Text, the same to both.
    pub(super) fn text(text: impl Into<String>) -> Self {
        let text = text.into();
        Self { type_name: "str", is_truthy: !text.is_empty(), text: Some(text), core: None, loses_digits: false }
    }
}

/// A value with the text that writes it.
#[derive(Clone, Debug)]
pub(super) struct Written {
    /// What stands behind the colon, further lines included.
    pub(super) source: String,
    /// What it is.
    pub(super) reading: Reading,
}

/// A plain scalar that is no text to YAML 1.1, or none to YAML 1.2: source, type, `str`, and what YAML 1.2 reads.
type Row = (&'static str, &'static str, &'static str, Option<(&'static str, &'static str)>);

/// The corners where the versions part, and the everyday numbers.
const SCALARS: &[Row] = &[
    ("1.0", "float", "1.0", None),
    ("1.6", "float", "1.6", None),
    ("1", "int", "1", None),
    ("", "NoneType", "None", None),
    ("~", "NoneType", "None", None),
    ("null", "NoneType", "None", None),
    ("1.10", "float", "1.1", None),
    ("1.00", "float", "1.0", None),
    ("2.0", "float", "2.0", None),
    ("0", "int", "0", None),
    ("7", "int", "7", None),
    ("-3", "int", "-3", None),
    ("on", "bool", "True", Some(("str", "on"))),
    ("No", "bool", "False", Some(("str", "No"))),
    ("true", "bool", "True", None),
    ("False", "bool", "False", None),
    ("0o14", "str", "0o14", Some(("int", "12"))),
    ("014", "int", "12", Some(("int", "14"))),
    ("08", "str", "08", Some(("int", "8"))),
    ("1:30", "int", "90", Some(("str", "1:30"))),
    ("1:30:00", "int", "5400", Some(("str", "1:30:00"))),
    ("190:20:30.15", "float", "685230.15", Some(("str", "190:20:30.15"))),
    ("1_0", "int", "10", Some(("str", "1_0"))),
    ("1e5", "str", "1e5", Some(("float", "100000.0"))),
    ("1.5e+3", "float", "1500.0", None),
    (".5", "float", "0.5", None),
    ("0x1F", "int", "31", None),
    ("0b11", "int", "3", Some(("str", "0b11"))),
    (".inf", "float", "inf", None),
    ("-.INF", "float", "-inf", None),
    (".nan", "float", "nan", None),
    ("2020-01-02", "date", "2020-01-02", Some(("str", "2020-01-02"))),
];

/// What has no short form: source, type, and whether Python takes it for true.
const CONTAINERS: &[(&str, &str, bool)] = &[
    ("[a, b]", "list", true),
    ("[]", "list", false),
    ("{a: b}", "dict", true),
    ("{}", "dict", false),
    ("[[[[]]], {a: [b, {c: d}]}]", "list", true),
    ("!!set {a, b}", "set", true),
    ("!!omap [a: 1, b: 2]", "list", true),
    ("!!binary TWluZQ==", "bytes", true),
    ("!!binary \"\"", "bytes", false),
];

/// A value that is no text, most often. `is_flow`: it stands inside braces.
pub(super) fn odd(dice: &mut Dice<'_, '_>, is_flow: bool) -> Written {
    if dice.chance(64) {
        let (source, type_name, is_truthy) = *dice.pick(CONTAINERS);
        let reading = Reading { type_name, text: None, is_truthy, core: None, loses_digits: false };
        return Written { source: source.to_owned(), reading };
    }
    let (source, type_name, text, core) = *dice.pick(SCALARS);
    // An empty place, or a colon, is another language between braces.
    if is_flow && (source.is_empty() || source.contains(':')) {
        return written_text(dice, "odd", true);
    }
    let is_float = core.map_or(type_name, |(name, _)| name) == "float";
    let is_truthy = !matches!(text, "None" | "False" | "0" | "0.0");
    let loses_digits = is_float && text != source;
    let reading = Reading { type_name, text: Some(text.to_owned()), is_truthy, core, loses_digits };
    Written { source: source.to_owned(), reading }
}

/// Whether `text` may stand without quotes and is text to both versions.
fn may_be_plain(text: &str) -> bool {
    const TYPED: [&str; 10] = ["true", "false", "yes", "no", "on", "off", "null", "y", "n", "nan"];
    let is_number = |text: &str| text.starts_with(|first: char| first.is_ascii_digit());
    let is_version = text.split('.').count() > 2 && text.split('.').all(|part| !part.is_empty() && is_number(part));
    !text.is_empty()
        && !text.ends_with(' ')
        && !TYPED.contains(&text.to_lowercase().as_str())
        && text.chars().all(|character| character.is_ascii_alphanumeric() || "_./@ -".contains(character))
        && (text.starts_with(|first: char| first.is_ascii_alphabetic()) || is_version)
}

/// `text` in one of the ways that leave it as it is.
pub(super) fn written_text(dice: &mut Dice<'_, '_>, text: &str, is_flow: bool) -> Written {
    // YAML 1.2 takes a byte order mark between quotes only.
    let is_block = !is_flow && !text.is_empty() && !text.starts_with([' ', '\t']) && !text.contains(['\n', '\u{feff}']);
    let source = match dice.below(if is_flow { 6 } else { 11 }) {
        0 if may_be_plain(text) => text.to_owned(),
        1 => single(text),
        2 => escaped(dice, text),
        3 => format!("!!str {}", double(text)),
        4 => format!("!<tag:yaml.org,2002:str> {}", single(text)),
        6 if is_block => format!("|-\n  {text}"),
        7 if is_block => format!(">-\n  {text}"),
        8 if is_block => format!("|1-\n {text}\n\n"),
        9 if text.chars().count() > 2 => {
            let middle = text.char_indices().nth(1).map_or(0, |(at, _)| at);
            let (first, second) = text.split_at(middle);
            let (first, second) = (double(first), double(second));
            format!("{}\\\n  \\{}", &first[..first.len() - 1], blank_safe(&second[1..]))
        }
        10 if may_be_plain(text) => format!("{text}   # a comment\twith a tab"),
        _ => double(text),
    };
    Written { source, reading: Reading::text(text) }
}

/// The second half of a text that a backslash at the end of the line divided. A backslash before it would escape its first
/// letter, so that one is written out.
fn blank_safe(rest: &str) -> String {
    let mut characters = rest.chars();
    match characters.next() {
        Some('\\') => rest[1..].to_owned(),
        Some(first) => format!("U{:08x}{}", u32::from(first), characters.as_str()),
        None => String::new(),
    }
}

pub(super) fn single(text: &str) -> String {
    if text.contains('\n') { double(text) } else { format!("'{}'", text.replace('\'', "''")) }
}

/// In double quotes, with the least escapes.
pub(super) fn double(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            _ => out.push(character),
        }
    }
    out.push('"');
    out
}

/// In double quotes, with escapes where chance wants them.
fn escaped(dice: &mut Dice<'_, '_>, text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        let code = u32::from(character);
        match dice.below(5) {
            1 if code < 0x100 => out.push_str(&format!("\\x{code:02x}")),
            2 if code < 0x1_0000 => out.push_str(&format!("\\u{code:04X}")),
            3 => out.push_str(&format!("\\U{code:08x}")),
            _ => out.push_str(double(&character.to_string()).trim_matches('"')),
        }
    }
    // A quote that was trimmed away together with its neighbours.
    if text.contains('"') {
        return double(text);
    }
    out.push('"');
    out
}
