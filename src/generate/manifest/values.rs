//! Values of a MANIFEST's fields, with what YAML 1.1 and YAML 1.2 read: tables of values that are not text, and every
//! way to write a text without changing it.

use crate::generate::source::Source;

/// A value as readers see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reading {
    /// Python's name of its type.
    pub(super) type_name: &'static str,
    /// Its text by Python's `str`; `None` for values without a short form.
    pub(super) text: Option<String>,
    /// Whether it is true in Python.
    pub(super) is_truthy: bool,
    /// Type and text by YAML 1.2, if they differ.
    pub(super) core: Option<(&'static str, &'static str)>,
    /// Whether it is a float in YAML 1.2 whose text differs from the source.
    pub(super) loses_digits: bool,
}

impl Reading {
    /// A text, the same in both versions.
    pub(super) fn text(text: impl Into<String>) -> Self {
        let text = text.into();
        Self { type_name: "str", is_truthy: !text.is_empty(), text: Some(text), core: None, loses_digits: false }
    }
}

/// A value with the text that writes it.
#[derive(Clone, Debug)]
pub(super) struct Written {
    /// The YAML after the colon, which may have several lines.
    pub(super) yaml: String,
    /// What readers see.
    pub(super) reading: Reading,
}

/// A plain scalar that is not a text in YAML 1.1 or in YAML 1.2: its YAML, its type and `str`, and what YAML 1.2 reads.
type Row = (&'static str, &'static str, &'static str, Option<(&'static str, &'static str)>);

/// The scalars that the versions read differently, and common numbers.
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

/// Values without a short form: YAML, type, and whether the value is true in Python.
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

/// A value that is mostly not a text. `is_flow`: it is inside braces.
pub(super) fn not_text(source: &mut Source<'_, '_>, is_flow: bool) -> Written {
    if source.chance(64) {
        let (yaml, type_name, is_truthy) = *source.pick(CONTAINERS);
        let reading = Reading { type_name, text: None, is_truthy, core: None, loses_digits: false };
        return Written { yaml: yaml.to_owned(), reading };
    }
    let (yaml, type_name, text, core) = *source.pick(SCALARS);
    // Inside braces an empty value and a colon have another meaning.
    if is_flow && (yaml.is_empty() || yaml.contains(':')) {
        return written_text(source, "odd", true);
    }
    let is_float = core.map_or(type_name, |(name, _)| name) == "float";
    let is_truthy = !matches!(text, "None" | "False" | "0" | "0.0");
    let loses_digits = is_float && text != yaml;
    let reading = Reading { type_name, text: Some(text.to_owned()), is_truthy, core, loses_digits };
    Written { yaml: yaml.to_owned(), reading }
}

/// Whether `text` is a text in both versions without quotes.
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

/// `text`, written in one of the ways that do not change it.
pub(super) fn written_text(source: &mut Source<'_, '_>, text: &str, is_flow: bool) -> Written {
    // YAML 1.2 accepts a byte order mark only in quotes.
    let is_block = !is_flow && !text.is_empty() && !text.starts_with([' ', '\t']) && !text.contains(['\n', '\u{feff}']);
    let yaml = match source.below(if is_flow { 6 } else { 11 }) {
        0 if may_be_plain(text) => text.to_owned(),
        1 => single(text),
        2 => escaped(source, text),
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
    Written { yaml, reading: Reading::text(text) }
}

/// The second half of a text that a backslash at the end of a line divides. The backslash before it would escape its
/// first character, so that character becomes an escape itself.
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

/// `text` in double quotes, with few escapes.
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

/// `text` in double quotes, with random escapes.
fn escaped(source: &mut Source<'_, '_>, text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        let code = u32::from(character);
        match source.below(5) {
            1 if code < 0x100 => out.push_str(&format!("\\x{code:02x}")),
            2 if code < 0x1_0000 => out.push_str(&format!("\\u{code:04X}")),
            3 => out.push_str(&format!("\\U{code:08x}")),
            _ => out.push_str(double(&character.to_string()).trim_matches('"')),
        }
    }
    // `trim_matches` above also removes an escaped quote.
    if text.contains('"') {
        return double(text);
    }
    out.push('"');
    out
}
