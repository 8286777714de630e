//! Text that users and administrators type. Most of it is nominal; the rest is unusual, hostile, or made of the
//! plugin's tokens.

use crate::generate::source::DomainSource;

/// Nominal names of users.
pub(super) const USERS: &[&str] = &[
    "alice",
    "root",
    "Administrator",
    "bob",
    "jane.doe",
    "svc_backup",
    "admin",
    "oracle",
    "peter-petra",
    "alice@example.com",
    "EXAMPLE\\alice",
    "j.smith2",
    "ubuntu",
    "Mary Ann",
];

/// Names of groups, some as a directory writes them.
pub(super) const GROUPS: &[&str] = &[
    "admins",
    "Domain Users",
    "EXAMPLE\\Domain Admins",
    "operators@example.com",
    "CN=dba,OU=Groups,DC=example,DC=com",
    "wheel",
    "linux-users",
    "tier 1",
];

/// Names of connection policies.
pub(super) const CONNECTIONS: &[&str] = &["ssh_connection", "rdp", "production", "Linux servers", "dmz-2"];

/// Names of the assets of remote applications.
pub(super) const ASSETS: &[&str] = &["srv1.example.com", "erp", "vcenter.corp.example.com", "10.0.0.1", "SAP"];

/// Answers to a plugin's questions.
pub(super) const ANSWERS: &[&str] = &["yes", "12345678", "CHG-4711", "key://secret/web#password", "push"];

/// Unusual text: empty, blank, text that looks like another type, and scripts beyond ASCII.
const UNUSUAL: &[&str] = &[
    "",
    " ",
    "a",
    " alice ",
    "\t",
    "0",
    "-1",
    "007",
    "1e999",
    "nan",
    "None",
    "null",
    "true",
    "[]",
    "{}",
    ".",
    "..",
    "/",
    "\\",
    "@",
    "@example.com",
    "alice@",
    "a@b@c",
    "EXAMPLE\\",
    "\\alice",
    // Combining marks: alone, and the decomposed form of a letter that also exists composed.
    "\u{301}",
    "Zoe\u{308}",
    "Zoë",
    "a\u{300}\u{301}\u{302}\u{303}\u{304}\u{305}\u{306}",
    // Right to left, and an override that reverses text.
    "שלום",
    "مستخدم",
    "alice\u{202e}ecila",
    // Digits that `isdigit` accepts and `int` refuses, and digits that `int` accepts although they are not ASCII.
    "²³",
    "①②③",
    "١٢٣٤٥٦",
    "１２３４５６",
    "Ⅷ",
    "½",
    // Letters that change their length or kind with their case.
    "straße",
    "İstanbul",
    "ırmak",
    "ﬁnance",
    "Σίσυφος",
    "Ａｄｍｉｎ",
    // Astral, joined, invisible, and the ends of Unicode.
    "😀",
    "👩‍👩‍👧",
    "𝒜lice",
    "a\u{200b}b",
    "\u{feff}alice",
    "a\u{2028}b",
    "\u{85}",
    "\u{a0}",
    "\u{ffff}",
    "\u{10ffff}",
    "\u{fffd}",
    "a\u{0}b",
    "\u{7f}",
    "\u{1b}[31m",
    "Árvíztűrő tükörfúrógép",
    "管理者",
    "пользователь",
];

/// Text with a special meaning for code that a plugin may pass it to: format strings, shells, paths, URLs, parsers.
const HOSTILE: &[&str] = &[
    "%s%n",
    "%",
    "%d",
    "%(password)s",
    "%(x",
    "%%",
    "{0}",
    "{",
    "}",
    "{}{}{}",
    "{0.__class__}",
    "{x[y]}",
    "${x}",
    "$(id)",
    "`id`",
    "; rm -rf .",
    "| cat",
    "&& true",
    "-rf",
    "--help",
    "../../passwd",
    "/etc/passwd",
    "..\\..\\windows",
    "C:\\x",
    "\\\\host\\share",
    "file:///etc/passwd",
    "http://127.0.0.1/",
    "http://[",
    "key://",
    "://",
    "a#b",
    "##",
    "a//b",
    "a/b",
    "%2F..%2f",
    "%zz",
    "a?b=c&d",
    "a+b",
    "a=b",
    "a:b",
    "a,b",
    ",",
    ",,",
    "a;b",
    "'",
    "\"",
    "'''",
    "' OR '1'='1",
    "\\",
    "\\x",
    "\\N",
    "\r\n",
    "a\nb",
    "a\rb",
    "X: y\r\nZ: w",
    "*",
    "*)(uid=*",
    ")(|(a=*",
    "(",
    ")",
    "[",
    "[a-",
    "(?P<",
    "a{2,1}",
    "\\1",
    "(a+)+$",
    "<x>",
    "<!--",
    "<![CDATA[",
    "<?xml",
    "&lt;",
    "&x;",
    "<script>",
    "{\"a\": 1}",
    "{\"a\":",
    "\"]",
    "- a\n- b",
    "a: b: c",
    "&a *a",
    "!!python/none",
    "[section]",
    "#",
    "= x",
    "$",
    "$missing",
    "~",
    "~root",
    "__class__",
    "__proto__",
    "self",
    "_",
    "cookie",
    "plugin",
];

/// The units that long text repeats. Digits are among them because Python refuses an int of more than 4,300 digits.
const REPEATED: &[&str] = &["a", "9", "é", "😀", "a ", "(", "a.", "/x", "\u{301}"];

/// The longest text that an administrator chose, in bytes.
const CHOSEN_BYTES_LIMIT: usize = 512;

const ALPHANUMERIC: &[u8; 64] = b"abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZkm";

/// Appends `count` random letters and digits, 24 at most.
pub(super) fn push_random(source: &mut DomainSource<'_, '_>, count: usize, out: &mut String) {
    let mut raw = [0; 24];
    let raw = &mut raw[..count.min(24)];
    source.fill(raw);
    for byte in raw.iter_mut() {
        *byte = ALPHANUMERIC[usize::from(*byte & 63)];
    }
    out.push_str(std::str::from_utf8(raw).unwrap_or_default());
}

/// Text that a user typed: one of `plain`, or unusual text.
pub(super) fn typed(source: &mut DomainSource<'_, '_>, plain: &[&str]) -> String {
    if source.is_unusual() { unusual(source, plain) } else { source.text(plain).to_owned() }
}

/// Text that an administrator chose: as unusual as a form accepts.
pub(super) fn chosen(source: &mut DomainSource<'_, '_>, plain: &[&str]) -> String {
    let text = typed(source, plain);
    if may_be_chosen(&text) { text } else { source.text(plain).to_owned() }
}

/// Whether an administrator can have chosen `text`: it is visible and fits a line.
pub(super) fn may_be_chosen(text: &str) -> bool {
    (1..=CHOSEN_BYTES_LIMIT).contains(&text.len()) && !text.chars().any(char::is_control)
}

/// Unusual text, hostile text, text made of the plugin's tokens, or text that its regular expressions are slow on.
fn unusual(source: &mut DomainSource<'_, '_>, plain: &[&str]) -> String {
    match source.byte() {
        0..110 if !source.domain.tables().strings.is_empty() => token(source, plain),
        0..175 => source.text(UNUSUAL).to_owned(),
        175..200 if !source.domain.tables().slow_texts.is_empty() => {
            let texts = &source.domain.tables().slow_texts;
            source.text(texts).to_owned()
        }
        175..225 => source.text(HOSTILE).to_owned(),
        225..252 => {
            let (before, after) = (source.text(plain), source.text(HOSTILE));
            joined(&[before, after])
        }
        252.. => long(source),
    }
}

/// One of the plugin's tokens, whole, changed, or joined with other text.
fn token(source: &mut DomainSource<'_, '_>, plain: &[&str]) -> String {
    let tables = source.domain.tables();
    let word = source.text(&tables.strings);
    match source.byte() {
        0..115 => word.to_owned(),
        115..130 => joined(&[word, source.text(plain)]),
        130..145 => joined(&[source.text(plain), word]),
        145..155 => joined(&[source.text(plain), word, source.text(HOSTILE)]),
        155..165 => joined(&[word, source.text(HOSTILE)]),
        165..175 => word.to_uppercase(),
        175..183 => word.to_lowercase(),
        // Plugins split text at separators.
        183..215 => joined(&[word, source.text(&tables.separators), source.text(&tables.strings)]),
        215..230 => joined(&[word, source.text(&tables.separators), source.text(plain)]),
        230..243 => joined(&[source.text(plain), source.text(&tables.separators), word]),
        243..250 => joined(&[
            word,
            source.text(&tables.separators),
            source.text(plain),
            source.text(&tables.separators),
            source.text(&tables.strings),
        ]),
        250.. => joined(&[word, source.text(&tables.separators)]),
    }
}

/// Text of 1 to 4 KB, rarely 64 KB: longer text would only test how fast Python copies.
fn long(source: &mut DomainSource<'_, '_>) -> String {
    let unit = source.text(REPEATED);
    let bytes = if source.chance(20) { 64 << 10 } else { 1 << (10 + source.below(3)) };
    unit.repeat(bytes / unit.len())
}

/// A secret. It is mostly distinctive, so that the oracles recognise it wherever it appears.
pub(super) fn secret(source: &mut DomainSource<'_, '_>) -> String {
    let mut text = String::with_capacity(16);
    push_random(source, 12, &mut text);
    if source.is_unusual() {
        match source.byte() {
            0..150 => text.push_str(source.text(HOSTILE)),
            150..200 => text.push_str(source.text(UNUSUAL)),
            // This one is not distinctive, so the oracle that looks for secrets ignores it.
            200.. => return unusual(source, &["secret"]),
        }
    }
    text
}

/// `parts` one after another.
pub(super) fn joined(parts: &[&str]) -> String {
    let mut text = String::with_capacity(parts.iter().map(|part| part.len()).sum());
    for part in parts {
        text.push_str(part);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_begin_with_the_plainest_text_and_fit_one_byte() {
        for table in [USERS, GROUPS, CONNECTIONS, ASSETS, ANSWERS, UNUSUAL, HOSTILE, REPEATED] {
            assert!(!table.is_empty() && table.len() <= 256);
            let mut seen = std::collections::HashSet::new();
            assert!(table.iter().all(|text| seen.insert(text)), "{table:?}");
        }
        assert_eq!(USERS[0], "alice");
    }
}
