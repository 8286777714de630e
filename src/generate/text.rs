//! Text: what users and administrators type, most of it ordinary, the rest at the boundary, hostile, or made of the
//! plugin's own words.

use crate::generate::choices::Choices;

/// Names of users as people have them.
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

/// Names of groups, those of a directory included.
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

/// Names of what remote applications run on.
pub(super) const ASSETS: &[&str] = &["srv1.example.com", "erp", "vcenter.corp.example.com", "10.0.0.1", "SAP"];

/// What people answer when they are asked.
pub(super) const ANSWERS: &[&str] = &["yes", "12345678", "CHG-4711", "key://secret/web#password", "push"];

/// Text at the boundary: nothing, blanks, what looks like another type, and scripts beyond ASCII.
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
    // Right to left, and what turns text round.
    "שלום",
    "مستخدم",
    "alice\u{202e}ecila",
    // Digits for `isdigit` that are none for `int`, and digits for `int` that are not ASCII.
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

/// Text that means something to what a plugin may hand it to.
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
    "../../etc/passwd",
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

/// Of long text, what is repeated. Digits, since Python refuses to read an int of more than 4,300.
const REPEATED: &[&str] = &["a", "9", "é", "😀", "a ", "(", "a.", "/x", "\u{301}"];

/// The longest text that an administrator chose.
const CHOSEN_BYTES_LIMIT: usize = 512;

const ALPHANUMERIC: &[u8; 64] = b"abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZkm";

/// Appends `count` random letters and digits, 24 at most.
pub(super) fn push_random(choices: &mut Choices<'_, '_>, count: usize, out: &mut String) {
    let mut raw = [0; 24];
    let raw = &mut raw[..count.min(24)];
    choices.fill(raw);
    for byte in raw.iter_mut() {
        *byte = ALPHANUMERIC[usize::from(*byte & 63)];
    }
    out.push_str(std::str::from_utf8(raw).unwrap_or_default());
}

/// Text that somebody typed, `plain` where it is ordinary.
pub(super) fn typed(choices: &mut Choices<'_, '_>, plain: &[&str]) -> String {
    if choices.is_odd() { odd(choices, plain) } else { choices.text(plain).to_owned() }
}

/// Text that an administrator chose: as odd as a form lets through.
pub(super) fn chosen(choices: &mut Choices<'_, '_>, plain: &[&str]) -> String {
    let text = typed(choices, plain);
    if may_be_chosen(&text) { text } else { choices.text(plain).to_owned() }
}

/// Whether an administrator can have chosen `text`: something that can be seen and fits a line.
pub(super) fn may_be_chosen(text: &str) -> bool {
    (1..=CHOSEN_BYTES_LIMIT).contains(&text.len()) && !text.chars().any(char::is_control)
}

/// Text that is not ordinary.
fn odd(choices: &mut Choices<'_, '_>, plain: &[&str]) -> String {
    match choices.byte() {
        0..110 if !choices.domain.tables().strings.is_empty() => own_word(choices, plain),
        0..175 => choices.text(UNUSUAL).to_owned(),
        175..225 => choices.text(HOSTILE).to_owned(),
        225..252 => {
            let (before, after) = (choices.text(plain), choices.text(HOSTILE));
            joined(&[before, after])
        }
        252.. => long(choices),
    }
}

/// One of the plugin's own words, whole, changed, or joined with something.
fn own_word(choices: &mut Choices<'_, '_>, plain: &[&str]) -> String {
    let tables = choices.domain.tables();
    let word = choices.text(&tables.strings);
    match choices.byte() {
        0..115 => word.to_owned(),
        115..130 => joined(&[word, choices.text(plain)]),
        130..145 => joined(&[choices.text(plain), word]),
        145..155 => joined(&[choices.text(plain), word, choices.text(HOSTILE)]),
        155..165 => joined(&[word, choices.text(HOSTILE)]),
        165..175 => word.to_uppercase(),
        175..183 => word.to_lowercase(),
        // Plugins take text apart at separators.
        183..215 => joined(&[word, choices.text(&tables.separators), choices.text(&tables.strings)]),
        215..230 => joined(&[word, choices.text(&tables.separators), choices.text(plain)]),
        230..243 => joined(&[choices.text(plain), choices.text(&tables.separators), word]),
        243..250 => joined(&[
            word,
            choices.text(&tables.separators),
            choices.text(plain),
            choices.text(&tables.separators),
            choices.text(&tables.strings),
        ]),
        250.. => joined(&[word, choices.text(&tables.separators)]),
    }
}

/// 1 to 4 KB, rarely 64 KB: more would only test how fast Python copies.
fn long(choices: &mut Choices<'_, '_>) -> String {
    let unit = choices.text(REPEATED);
    let bytes = if choices.chance(20) { 64 << 10 } else { 1 << (10 + choices.below(3)) };
    unit.repeat(bytes / unit.len())
}

/// A secret: mostly distinctive, so that it is known again wherever it shows up.
pub(super) fn secret(choices: &mut Choices<'_, '_>) -> String {
    let mut text = String::with_capacity(16);
    push_random(choices, 12, &mut text);
    if choices.is_odd() {
        match choices.byte() {
            0..150 => text.push_str(choices.text(HOSTILE)),
            150..200 => text.push_str(choices.text(UNUSUAL)),
            // Then it is not distinctive, and the oracle that looks for secrets passes it over.
            200.. => return odd(choices, &["secret"]),
        }
    }
    text
}

/// `parts` in one piece.
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
    fn tables_begin_with_the_plainest_and_fit_one_byte() {
        for table in [USERS, GROUPS, CONNECTIONS, ASSETS, ANSWERS, UNUSUAL, HOSTILE, REPEATED] {
            assert!(!table.is_empty() && table.len() <= 256);
            let mut seen = std::collections::HashSet::new();
            assert!(table.iter().all(|text| seen.insert(text)), "{table:?}");
        }
        assert_eq!(USERS[0], "alice");
    }
}
