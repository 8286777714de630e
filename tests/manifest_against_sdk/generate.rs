//! Turns bytes into a MANIFEST: the same bytes give the same text. Most texts differ from a valid one in one or two
//! places.
use arbitrary::{Result, Unstructured};

const PLAIN: &[&str] = &[
    "1.6",
    "1.0",
    "1.10",
    "2.0.0",
    "0.9",
    "1",
    "on",
    "No",
    "yes",
    "off",
    "true",
    "~",
    "null",
    "",
    "0o14",
    "014",
    "09",
    "1:30",
    "1:30:00",
    "1_0",
    "1e5",
    "1.5e+3",
    ".5",
    "5.",
    "-1.0",
    "+2",
    "0x1F",
    "0b11",
    ".inf",
    "-.INF",
    ".nan",
    "2020-01-02",
    "2020-13-01",
    "2020-1-2",
    "2001-12-14 21:59:43.1 +2",
    "aa",
    "credentialstore",
    "signingca",
    "configuration_sync",
    "AA",
    "Mine",
    "My_Plugin2",
    "2Mine",
    "my-plugin",
    "main.py",
    "lib/main.py",
    "a@b.example",
    "a b",
    "a#b",
    "a #b",
    "a:b",
    "=",
    "<<",
    "-",
    "- a",
    "a: b",
    "@a",
    "!a",
    "?a",
    "%a",
    "caf\u{e9}",
    "x ",
    "don't",
    "\"a",
    "1.9.0",
    "1.9.9",
    "1.9.1-rc",
    "1.6.0+b",
];
const TAGS: &[&str] = &[
    "!!str",
    "!!int",
    "!!float",
    "!!bool",
    "!!null",
    "!!binary",
    "!!timestamp",
    "!!set",
    "!!omap",
    "!!pairs",
    "!!seq",
    "!!map",
    "!own",
    "!",
    "!<tag:yaml.org,2002:str>",
    "!!python/name:os",
];

pub(crate) fn manifest(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let mut fields: Vec<(String, String)> = vec![
        ("api".to_owned(), u.choose(&["1.6", "\"1.6\"", "1.9.0", "'1.0'", "1.1"])?.to_string()),
        ("type".to_owned(), u.choose(&["aa", "credentialstore", "\"aa\"", "signingca"])?.to_string()),
        ("name".to_owned(), u.choose(&["Mine", "SPS_TPAM", "'M2'", "aa"])?.to_string()),
        ("version".to_owned(), u.choose(&["1.0", "2.0.0", "\"1.10\"", "1.10", "3"])?.to_string()),
        ("description".to_owned(), u.choose(&["text", "some more text", "'it''s'", "\"a: b\""])?.to_string()),
        ("entry_point".to_owned(), u.choose(&["main.py", "\"plugin.py\"", "a-b_c.py"])?.to_string()),
    ];
    for name in ["author_name", "author_email", "scb_min_version", "x-own", "1", "nested"] {
        if u.ratio(1, 4)? {
            let value = if name == "author_email" { "a.b@c-d.example".to_owned() } else { value(u, 0)? };
            fields.push((name.to_owned(), value));
        }
    }
    for _ in 0..u.int_in_range(0..=3)? {
        change(u, &mut fields)?;
    }
    let mut text = match u.int_in_range(0..=9)? {
        0 => flow(&fields),
        1 => fields.iter().map(|(name, value)| format!("{name} : {value}\n")).collect(),
        2 => fields.iter().map(|(name, value)| format!("\"{name}\": {value}\n# comment\n\n")).collect(),
        _ => fields.iter().map(|(name, value)| format!("{name}: {value}\n")).collect::<String>(),
    };
    for _ in 0..u.int_in_range(0..=5)? / 4 {
        text = dress(u, text)?;
    }
    let mut bytes = text.into_bytes();
    if u.ratio(1, 60)? {
        let at = u.choose_index(bytes.len() + 1)?;
        bytes.insert(at, *u.choose(&[0xff, 0xc3, 0x80, 0x00, 0x1b, 0x7f])?);
    }
    Ok(bytes)
}

fn flow(fields: &[(String, String)]) -> String {
    let parts: Vec<String> =
        fields.iter().map(|(name, value)| format!("{name}: {}", value.replace('\n', " "))).collect();
    format!("{{{}}}\n", parts.join(", "))
}

fn change(u: &mut Unstructured<'_>, fields: &mut Vec<(String, String)>) -> Result<()> {
    let at = u.choose_index(fields.len())?;
    match u.int_in_range(0..=12)? {
        0 => drop(fields.remove(at)),
        1 => fields[at].1 = String::new(),
        2 => fields[at].0.push_str(u.choose(&["s", "_", " "])?),
        3 => {
            let copy = (fields[at].0.clone(), value(u, 0)?);
            fields.push(copy);
        }
        4 => {
            fields[at].1.insert_str(0, "&anchor ");
            let name = u.choose(&["author_name", "extra", "scb_max_version"])?.to_string();
            fields.push((name, "*anchor".to_owned()));
        }
        5 => fields.push(("<<".to_owned(), format!("{{author_name: {}, extra: 1}}", plain(u)?))),
        6 => fields.rotate_left(at),
        7 => fields[at].1 = block(u)?,
        8 => {
            let tag = u.choose(TAGS)?;
            fields[at].1 = format!("{tag} {}", fields[at].1);
        }
        9 => fields[at].1.push_str(u.choose(&[" # comment", " #", "  ", "\n"])?),
        10 => {
            let key = *u.choose(&["? a\n", "on", "~", "[a]", "{a: b}", "!!str 5", "=", "2020-01-02", "? [a, b]\n"])?;
            fields.push((key.to_owned(), value(u, 0)?));
        }
        _ => fields[at].1 = value(u, 0)?,
    }
    if fields.is_empty() {
        fields.push(("api".to_owned(), "1.6".to_owned()));
    }
    Ok(())
}

fn plain(u: &mut Unstructured<'_>) -> Result<&'static str> {
    u.choose(PLAIN).copied()
}

/// A value on one line.
fn value(u: &mut Unstructured<'_>, depth: u32) -> Result<String> {
    Ok(match u.int_in_range(0..=11)? {
        0 => format!("'{}'", plain(u)?.replace('\'', "''")),
        1 => format!("\"{}\"", plain(u)?.replace('"', "\\\"")),
        2 => format!(
            "\"{}\"",
            u.choose(&["\\x41b", "\\u00e9", "\\n", "a\\tb", "\\q", "\\", "\\U0001F600", "\\e", "a\tb"])?
        ),
        3 => format!("{} {}", u.choose(TAGS)?, plain(u)?),
        4 if depth < 4 => {
            let mut items = Vec::new();
            for _ in 0..u.int_in_range(0..=3)? {
                items.push(inner(u, depth)?);
            }
            format!("[{}]", items.join(", "))
        }
        5 if depth < 4 => {
            let mut items = Vec::new();
            for at in 0..u.int_in_range(0..=3)? {
                items.push(format!("{}{at}: {}", u.choose(&["k", "key", "'q'", "1"])?, inner(u, depth)?));
            }
            format!("{{{}}}", items.join(", "))
        }
        6 => format!("{}{}", "[".repeat(30), "]".repeat(30)),
        _ => plain(u)?.to_owned(),
    })
}

/// A value inside brackets. Both versions read plain text with `?`, `:` or an indicator differently there; `corners`
/// has the cases in which they agree.
fn inner(u: &mut Unstructured<'_>, depth: u32) -> Result<String> {
    let value = value(u, depth + 1)?;
    let is_odd = |character: char| "?:#%@`&*|>-".contains(character);
    Ok(if value.contains(is_odd) && !value.starts_with(['"', '\'', '[', '{']) { "odd".to_owned() } else { value })
}

fn block(u: &mut Unstructured<'_>) -> Result<String> {
    let header = u.choose(&["|", ">", "|-", ">-", "|+", ">+", "|2", "> # comment"])?;
    let mut text = format!("{header}\n");
    for _ in 0..u.int_in_range(1..=3)? {
        let indent = u.choose(&["  ", "  ", "  ", "    "])?;
        text.push_str(&format!("{indent}{}\n", u.choose(&["1.0", "Mine", "some text", "# text", "a\tb", "- a"])?));
        if u.ratio(1, 5)? {
            text.push('\n');
        }
    }
    text.pop();
    Ok(text)
}

/// Changes the text as a whole.
fn dress(u: &mut Unstructured<'_>, text: String) -> Result<String> {
    let lines: Vec<&str> = text.lines().collect();
    let at = u.choose_index(lines.len().max(1))?;
    let insert = |line: &str| {
        let mut lines = lines.clone();
        lines.insert(at, line);
        lines.join("\n") + "\n"
    };
    Ok(match u.int_in_range(0..=11)? {
        0 => format!("\u{feff}{text}"),
        1 => format!("---\n{text}"),
        2 => format!("{text}...\n"),
        3 => format!("%YAML 1.{}\n---\n{text}", u.choose(&["1", "2"])?),
        4 => text.replace('\n', "\r\n"),
        5 => text.trim_end_matches('\n').to_owned(),
        6 => insert("# a comment\twith a tab"),
        7 => insert(u.choose(&["---", "\t", "", "  ", "loose", "- item", "# é"])?),
        8 => format!("# comment\n\n{text}# end"),
        9 => text.replacen(": ", ":\t", 1),
        10 => format!("{text}---\n{text}"),
        _ => text.replacen(": ", ":   ", 1),
    })
}
