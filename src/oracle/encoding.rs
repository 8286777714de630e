//! The forms in which a secret turns up in text: as it is, as Python's repr or JSON escapes it, as a URL carries it, and
//! inside base64, at whichever of the three offsets it begins there (`Authorization: Basic` is user, colon, password).

use crate::trace::Observed;

/// How a secret is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// As repr or JSON escape it.
    Escaped,
    /// As a URL carries it.
    Url,
    /// A part of a base64 text.
    Base64,
}

impl Form {
    /// For the end of a sentence.
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Escaped => ", escaped",
            Self::Url => ", URL-encoded",
            Self::Base64 => ", in base64",
        }
    }
}

/// The shortest part of a base64 text that is taken for a secret.
const BASE64_SHORTEST: usize = 8;

/// Whether `text` can hold another form of anything: every escape has a backslash, every URL's a `%` or a `+`, and
/// base64 mixes small letters with capitals that begin no word. Spares most text the search for them.
pub(super) fn may_hold(text: &str) -> bool {
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

/// Every form of `secret` that differs from itself.
pub(super) fn of(secret: &str) -> Vec<(Form, String)> {
    let mut forms: Vec<(Form, String)> = Vec::new();
    let mut add = |form, text: String| {
        if text != secret && !text.is_empty() && forms.iter().all(|(_, known)| *known != text) {
            forms.push((form, text));
        }
    };
    // Most secrets are plain, and then all of these are the secret itself.
    if !secret.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~')) {
        add(Form::Escaped, inside_quotes(&Observed::Str(secret.to_owned()).to_string(), 1));
        add(Form::Escaped, inside_quotes(&Observed::Bytes(secret.as_bytes().to_vec()).to_string(), 2));
        add(Form::Escaped, inside_quotes(&serde_json::Value::from(secret).to_string(), 1));
        add(Form::Escaped, json_ascii(secret));
        add(Form::Url, url(secret, "", false));
        add(Form::Url, url(secret, "/", false));
        add(Form::Url, url(secret, "", true));
    }
    for offset in 0..3 {
        let text = base64(secret.as_bytes(), offset);
        if text.len() >= BASE64_SHORTEST {
            if text.contains(['+', '/']) {
                add(Form::Base64, text.replace('+', "-").replace('/', "_"));
            }
            add(Form::Base64, text);
        }
    }
    forms
}

fn inside_quotes(quoted: &str, before: usize) -> String {
    quoted.get(before..quoted.len().saturating_sub(1)).unwrap_or_default().to_owned()
}

/// As `json.dumps` writes it by default: only ASCII.
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
    fn finds(secret: &str, text: &str, form: Form) {
        let forms = of(secret);
        assert!(forms.iter().any(|(known, part)| *known == form && text.contains(part)), "{forms:?}");
    }

    #[test]
    fn a_secret_is_known_however_python_writes_it() {
        // Each text is what Python 3.11 wrote.
        finds("p\"ä\nß'x", r#"'p"ä\nß\'x'"#, Form::Escaped);
        finds("p\"ä\nß'x", r#"{"a": "p\"\u00e4\n\u00df'x"}"#, Form::Escaped);
        finds("päss", r"b'p\xc3\xa4ss'", Form::Escaped);
        finds("🔑key", r#""\ud83d\udd11key""#, Form::Escaped);
        finds("a b/c&d", "q=a%20b/c%26d", Form::Url);
        finds("a b/c&d", "q=a+b%2Fc%26d", Form::Url);
    }

    #[test]
    fn a_secret_is_known_in_base64_wherever_it_begins() {
        // base64 of "alice:Tr0ub4dor&3", "al:Tr0ub4dor&3!" and "a:Tr0ub4dor&3".
        finds("Tr0ub4dor&3", "Basic YWxpY2U6VHIwdWI0ZG9yJjM=", Form::Base64);
        finds("Tr0ub4dor&3", "YWw6VHIwdWI0ZG9yJjMh", Form::Base64);
        finds("Tr0ub4dor&3", "YTpUcjB1YjRkb3ImMw==", Form::Base64);
    }

    #[test]
    fn ordinary_lines_are_not_searched_for_forms() {
        assert!(!may_hold("Logging initialized to level=info\nFetching passwords for account=root asset=10.0.0.1"));
        for text in ["Basic YWxpY2U6VHIwdWI0ZG9yJjM=", "a%20b", "a+b", "'a\\nb'"] {
            assert!(may_hold(text), "{text}");
        }
    }

    #[test]
    fn a_plain_secret_has_no_escaped_form() {
        assert!(of("Correct-Horse_7").iter().all(|(form, _)| *form == Form::Base64));
    }
}
