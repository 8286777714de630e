//! Chooses the fields of a MANIFEST: valid ones, and changes that may break them.

use super::values::{Reading, Written};
use crate::{
    contract::{Platform, PluginType},
    generate::source::Source,
};

/// A field before it is written.
#[derive(Clone, Debug)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) value: FieldValue,
}

#[derive(Clone, Debug)]
/// The value of a field before it is written.
pub(super) enum FieldValue {
    /// This text, written in any way.
    Text(String),
    /// Another type than text; the writer chooses the value.
    NoText,
    /// Exactly this.
    Fixed(Written),
}

fn field(name: &str, text: &str) -> Field {
    Field { name: name.to_owned(), value: FieldValue::Text(text.to_owned()) }
}

/// The fields of a valid MANIFEST.
pub(super) fn nominal(source: &mut Source<'_, '_>, plugin_type: Option<PluginType>, platform: &Platform) -> Vec<Field> {
    const TYPES: [&str; 4] = ["credentialstore", "aa", "signingca", "configuration_sync"];
    let is_first = platform.is_first();
    let number = |name: &str, text: &'static str| {
        let reading = Reading { type_name: "float", text: Some(text.to_owned()), ..Reading::text(text) };
        Field { name: name.to_owned(), value: FieldValue::Fixed(Written { yaml: text.to_owned(), reading }) }
    };
    let types = if is_first { &TYPES[..2] } else { &TYPES };
    let api: &[&str] = if is_first { &["1.0"] } else { &["1.0", "1.6", "1.6.7", "1.2"] };
    let version: &[&str] = if is_first { &["1.0", "12.3"] } else { &["1.0", "2.0.0", "1.10", "3", "1.0-rc1"] };
    let mut fields = vec![
        if source.chance(128) { number("api", "1.0") } else { field("api", source.text(api)) },
        field("type", plugin_type.map_or_else(|| source.text(types), PluginType::name)),
        field("name", source.text(&["Mine", "SPS_TPAM", "M2", "aB", "x0_"])),
        if source.chance(128) { number("version", "1.0") } else { field("version", source.text(version)) },
        field("description", source.text(&["text", "it's a: b #c", "ünïcode 😀", "", "two\nlines", "true"])),
        field("entry_point", "main.py"),
    ];
    let more: &[(&str, &[&str])] = &[
        ("author_name", &["Somebody", "on", "", "Ö"]),
        ("author_email", &["a.b@c-d.example", "a@b", "a+b@c.d"]),
        ("scb_min_version", &["5.10", "5.10.1"]),
        ("scb_max_version", &["10.0~", "9.9.9"]),
        ("x-own", &["anything", "1.0"]),
    ];
    for (name, texts) in more {
        if source.chance(48) {
            let text = source.text(texts);
            fields.push(field(name, text));
        }
    }
    if source.chance(48) {
        let at = source.below(fields.len());
        fields.rotate_left(at);
    }
    fields
}

/// A text that breaks the form of field `name`, or almost breaks it. `keeps_type`: it is not another type of plugin.
fn unusual_text(source: &mut Source<'_, '_>, name: &str, keeps_type: bool) -> FieldValue {
    let texts: &[&str] = match name {
        "api" => {
            &["1.6", "1.7", "1.9", "1.10", "2.0", "0.9", "1", "1.06", "1.9.7", "latest", "", "v1.0", "1.6 ", "1.0.x"]
        }
        "type" if keeps_type => &["AA", "credential-store", "credentialsstore", "", "a a", "aa "],
        "type" => &["AA", "credential-store", "credentialsstore", "signingca", "", "a a", "aa "],
        "name" => &["M", "2Mine", "my-plugin", "Miné", "", " Mine", "Mine ", "A b", "_x", "Mine\n", "Zz"],
        "version" => &["v1", "", "1", "1.0.0", " 1", "1.", "x", "0", "٣.1", "1.0 beta"],
        "description" => &["", " ", "\t", "\u{feff}", "a\n\nb"],
        "entry_point" => &["", "lib/main.py", "..", "main py", "Main-2.0_x.py", "m\u{e4}in.py", ".", "main.py\n"],
        "author_email" => &["nobody", "a@b.", "@b", "a@", "", "a@b@c", "a b@c", "ä@b.de", "a@b\n"],
        _ => &[
            "",
            "x",
            "5.10",
            "a: b",
            "# no comment",
            "- a",
            "[a",
            "{",
            "*a",
            "&a",
            "%",
            "@",
            "`",
            "? a",
            "!x",
            "|",
            ">",
        ],
    };
    FieldValue::Text(source.text(texts).to_owned())
}

/// Changes, removes or adds one field, and says which. `keeps_type`: no change makes it another type of plugin.
pub(super) fn change(
    source: &mut Source<'_, '_>,
    fields: &mut Vec<Field>,
    platform: &Platform,
    keeps_type: bool,
) -> &'static str {
    let at = source.below(fields.len());
    match source.below(6) {
        1 if fields.len() > 1 => {
            fields.remove(at);
            "a field is absent"
        }
        2 | 3 => {
            fields[at].value = FieldValue::NoText;
            "a field is not a text"
        }
        4 => {
            let names = ["author_name", "author_email", "scb_min_version", "x", "7", "description", "äö", "on"];
            let name = source.text(&names).to_owned();
            if !fields.iter().any(|field| field.name == name) {
                let value =
                    if source.chance(128) { FieldValue::NoText } else { unusual_text(source, &name, keeps_type) };
                fields.push(Field { name, value });
            }
            "a field is added"
        }
        5 if platform.is_first() => {
            fields.retain(|field| field.name != "entry_point");
            "no entry point, which 5.10 does not have"
        }
        _ => {
            fields[at].value = unusual_text(source, &fields[at].name, keeps_type);
            "a field has an unusual text"
        }
    }
}
