//! The texts that a text may stand for: what a plugin makes of a value when it undoes an encoding. A password that a
//! hook returns may be a value that the session itself passed in, in another form, and is no secret then.
//!
//! Safe on any text, and bounded: long texts have no other form, and no text has more than a few.

/// A longer text is not decoded, in bytes.
pub(super) const TEXT_LIMIT: usize = 1 << 16;
/// The most forms of a text.
const FORMS_LIMIT: usize = 24;
/// The shortest part of a text that is decoded as base64, base32 or hexadecimal digits.
const ENCODED_SHORTEST: usize = 6;
/// The digits zero of other alphabets: `int()` reads them all.
const ZEROS: [u32; 22] = [
    0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xde6, 0xe50, 0xed0, 0xf20,
    0x1040, 0x1090, 0x17e0, 0x1810, 0xa620, 0xff10,
];

/// `text` itself, and what is left of it when one encoding after the other is undone.
pub(super) fn forms(text: &str) -> Vec<String> {
    let mut forms = vec![text.to_owned()];
    let mut at = 0;
    while let Some(form) = forms.get(at).cloned().filter(|form| form.len() <= TEXT_LIMIT) {
        at += 1;
        let parts = form
            .split(|character: char| !(character.is_ascii_alphanumeric() || "+/-_".contains(character)))
            .filter(|part| part.len() >= ENCODED_SHORTEST);
        let decoded = parts.flat_map(|part| [base64(part), base32(part), hexadecimal(part)]).map(readable);
        let whole = [readable(percent(&form)), readable(unescaped(&form)), Some(folded(&form))];
        for next in whole.into_iter().chain(decoded).flatten() {
            if forms.len() < FORMS_LIMIT && !forms.contains(&next) {
                forms.push(next);
            }
        }
    }
    forms
}

/// Bytes as text: what was no encoding hardly ever is UTF-8.
fn readable(bytes: Option<Vec<u8>>) -> Option<String> {
    String::from_utf8(bytes?).ok().filter(|text| !text.is_empty())
}

/// In small letters, with the letters and digits of ASCII in place of wide ones and of other digits.
fn folded(text: &str) -> String {
    let plain = |character: char| {
        let code = character as u32;
        if let Some(zero) = ZEROS.iter().find(|zero| (**zero..**zero + 10).contains(&code)) {
            return char::from_u32(0x30 + code - zero).unwrap_or(character);
        }
        match code {
            0xff01..=0xff5e => char::from_u32(code - 0xfee0).unwrap_or(character),
            0x3000 => ' ',
            _ => character,
        }
    };
    text.chars().map(plain).flat_map(char::to_lowercase).collect()
}

/// As `urllib.parse.unquote_plus` reads it.
fn percent(text: &str) -> Option<Vec<u8>> {
    if !text.contains(['%', '+']) {
        return None;
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        match (byte, digits) {
            (b'%', Some(value)) => {
                decoded.push(value);
                rest = &after[2..];
                continue;
            }
            (b'+', _) => decoded.push(b' '),
            _ => decoded.push(byte),
        }
        rest = after;
    }
    Some(decoded)
}

/// As Python's and JSON's escapes are read.
fn unescaped(text: &str) -> Option<Vec<u8>> {
    let quoted = format!("\"{}\"", text.replace("\\x", "\\u00").replace("\\'", "'"));
    let read = serde_json::from_str::<String>(&quoted).ok().filter(|_| text.contains('\\'))?;
    Some(read.into_bytes())
}

fn base64(text: &str) -> Option<Vec<u8>> {
    let value = |byte: u8| {
        Some(match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        })
    };
    (text.len() % 4 != 1).then(|| bits(text, 6, &value)).flatten()
}

fn base32(text: &str) -> Option<Vec<u8>> {
    let value = |byte: u8| match byte.to_ascii_uppercase() {
        byte @ b'A'..=b'Z' => Some(byte - b'A'),
        byte @ b'2'..=b'7' => Some(byte - b'2' + 26),
        _ => None,
    };
    bits(text, 5, &value)
}

fn hexadecimal(text: &str) -> Option<Vec<u8>> {
    let value = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    text.len().is_multiple_of(2).then(|| bits(text, 4, &value)).flatten()
}

/// The bytes that characters of `width` bits each make; what is left at the end is padding.
fn bits(text: &str, width: u32, value: &dyn Fn(u8) -> Option<u8>) -> Option<Vec<u8>> {
    let (mut bytes, mut held, mut count) = (Vec::new(), 0_u32, 0);
    for byte in text.bytes() {
        held = held << width | u32::from(value(byte)?);
        count += width;
        if count >= 8 {
            count -= 8;
            bytes.push((held >> count & 0xff) as u8);
            held &= (1 << count) - 1;
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encoding_is_undone_as_a_plugin_would() {
        for (text, expected) in [
            ("QWxpY2U6c2VzYW1l", "Alice:sesame"),
            ("Basic QWxpY2U6c2VzYW1l", "Alice:sesame"),
            ("8J-Ukeyalg", "🔑욖"),
            ("IFWGSY3FHI======", "Alice:"),
            ("416c6963653a", "Alice:"),
            ("a%20b%2fc+d", "a b/c d"),
            (r"p\u00e4ss\x21", "päss!"),
            ("ＡＢ１２", "ab12"),
            ("١٢٣٤٥٦", "123456"),
            // One in the other.
            ("QWxp%59%32U=", "Alice"),
        ] {
            let forms = forms(text);
            assert!(forms.iter().any(|form| form == expected), "{text}: {forms:?}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_no_form() {
        assert_eq!(forms("srv1.example.com"), ["srv1.example.com"]);
        assert_eq!(forms(&"%41".repeat(TEXT_LIMIT / 2)).len(), 1);
        assert!(forms(&"QUFB".repeat(500)).len() <= FORMS_LIMIT);
    }
}
