//! The encodings in which a secret can appear in text: escaped as Python's repr or JSON do it, URL-encoded, and inside
//! base64, at each of the three offsets where it can begin (`Authorization: Basic` is user, colon, password).

use crate::trace::Observed;

/// How a secret is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Escaped,
    Url,
    Base64,
}

impl Encoding {
    /// For the end of a sentence.
    pub(super) const fn description(self) -> &'static str {
        match self {
            Self::Escaped => ", escaped",
            Self::Url => ", URL-encoded",
            Self::Base64 => ", in base64",
        }
    }
}

/// The shortest part of a base64 text that counts as a secret.
const BASE64_SHORTEST: usize = 8;

/// Whether `text` can contain anything encoded: every escape has a backslash, every URL-encoding a `%` or a `+`, and
/// base64 mixes small letters with capitals inside of words. Most text needs no further search then.
pub(super) fn may_contain(text: &str) -> bool {
    let (mut run, mut small, mut capital) = (0, false, false);
    for byte in text.bytes() {
        match byte {
            b'\\' | b'%' | b'+' => return true,
            b'a'..=b'z' => small = true,
            b'A'..=b'Z' => capital |= run > 0,
            b'0'..=b'9' | b'/' | b'-' | b'_' => {}
            _ => {
                (run, small, capital) = (0, false, false);
                continue;
            }
        }
        run += 1;
        if run >= BASE64_SHORTEST && small && capital {
            return true;
        }
    }
    false
}

/// Every encoding of `secret` that differs from itself.
pub(super) fn encoded(secret: &str) -> Vec<(Encoding, String)> {
    let mut all: Vec<(Encoding, String)> = Vec::new();
    let mut add = |encoding, text: String| {
        if text != secret && !text.is_empty() && all.iter().all(|(_, known)| *known != text) {
            all.push((encoding, text));
        }
    };
    // Most secrets have only plain characters, and then all of these are the secret itself.
    if !secret.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~')) {
        add(Encoding::Escaped, inside_quotes(&Observed::Str(secret.to_owned()).to_string(), 1));
        add(Encoding::Escaped, inside_quotes(&Observed::Bytes(secret.as_bytes().to_vec()).to_string(), 2));
        add(Encoding::Escaped, inside_quotes(&serde_json::Value::from(secret).to_string(), 1));
        add(Encoding::Escaped, json_ascii(secret));
        add(Encoding::Url, url(secret, "", false));
        add(Encoding::Url, url(secret, "/", false));
        add(Encoding::Url, url(secret, "", true));
    }
    for offset in 0..3 {
        let text = base64(secret.as_bytes(), offset);
        if text.len() >= BASE64_SHORTEST {
            if text.contains(['+', '/']) {
                add(Encoding::Base64, text.replace('+', "-").replace('/', "_"));
            }
            add(Encoding::Base64, text);
        }
    }
    all
}

fn inside_quotes(quoted: &str, before: usize) -> String {
    quoted.get(before..quoted.len().saturating_sub(1)).unwrap_or_default().to_owned()
}

/// As `json.dumps` writes it by default: ASCII only.
fn json_ascii(text: &str) -> String {
    let escaped = inside_quotes(&serde_json::Value::from(text).to_string(), 1);
    let mut ascii = String::with_capacity(escaped.len());
    for character in escaped.chars() {
        if character.is_ascii() {
            ascii.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                ascii.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    ascii
}

/// As `urllib.parse.quote` and `quote_plus` write it.
fn url(text: &str, safe: &str, plus: bool) -> String {
    let mut url = String::with_capacity(text.len() * 3);
    for byte in text.bytes() {
        let character = char::from(byte);
        if character.is_ascii_alphanumeric() || "-_.~".contains(character) || safe.contains(character) {
            url.push(character);
        } else if plus && character == ' ' {
            url.push('+');
        } else {
            url.push_str(&format!("%{byte:02X}"));
        }
    }
    url
}

/// The characters of a base64 text that depend on `bytes` alone where they begin `offset` bytes after a group of three.
fn base64(bytes: &[u8], offset: usize) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let byte =
        |index: usize| u32::from(index.checked_sub(offset).and_then(|index| bytes.get(index)).copied().unwrap_or(0));
    let first = (offset * 8).div_ceil(6);
    let end = (offset + bytes.len()) * 8 / 6;
    (first..end)
        .map(|place| {
            let group = place / 4 * 3;
            let bits = byte(group) << 16 | byte(group + 1) << 8 | byte(group + 2);
            char::from(ALPHABET[(bits >> (18 - 6 * (place % 4)) & 63) as usize])
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn finds(secret: &str, text: &str, encoding: Encoding) {
        let all = encoded(secret);
        assert!(all.iter().any(|(known, part)| *known == encoding && text.contains(part)), "{all:?}");
    }

    #[test]
    fn a_secret_is_found_however_python_writes_it() {
        // Each text is what Python 3.11 wrote.
        finds("p\"ä\nß'x", r#"'p"ä\nß\'x'"#, Encoding::Escaped);
        finds("p\"ä\nß'x", r#"{"a": "p\"\u00e4\n\u00df'x"}"#, Encoding::Escaped);
        finds("päss", r"b'p\xc3\xa4ss'", Encoding::Escaped);
        finds("🔑key", r#""\ud83d\udd11key""#, Encoding::Escaped);
        finds("a b/c&d", "q=a%20b/c%26d", Encoding::Url);
        finds("a b/c&d", "q=a+b%2Fc%26d", Encoding::Url);
    }

    #[test]
    fn a_secret_is_found_in_base64_wherever_it_begins() {
        // base64 of "alice:Tr0ub4dor&3", "al:Tr0ub4dor&3!" and "a:Tr0ub4dor&3".
        finds("Tr0ub4dor&3", "Basic YWxpY2U6VHIwdWI0ZG9yJjM=", Encoding::Base64);
        finds("Tr0ub4dor&3", "YWw6VHIwdWI0ZG9yJjMh", Encoding::Base64);
        finds("Tr0ub4dor&3", "YTpUcjB1YjRkb3ImMw==", Encoding::Base64);
    }

    #[test]
    fn plain_lines_are_not_searched_for_encodings() {
        assert!(!may_contain("Logging initialized to level=info\nFetching passwords for account=root asset=10.0.0.1"));
        for text in ["Basic YWxpY2U6VHIwdWI0ZG9yJjM=", "a%20b", "a+b", "'a\\nb'"] {
            assert!(may_contain(text), "{text}");
        }
    }

    #[test]
    fn a_plain_secret_has_no_escaped_encoding() {
        assert!(encoded("Correct-Horse_7").iter().all(|(encoding, _)| *encoding == Encoding::Base64));
    }
}
