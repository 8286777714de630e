//! Names characters that look like others, so that the reader of a value sees why it is odd: `６` is not `6`.

/// How many characters of one text are named.
const NAMED_LIMIT: usize = 4;

/// Letters of other alphabets that look like Latin ones, and letters that only look like ASCII.
const LETTERS: &str = "\u{430}\u{435}\u{43e}\u{440}\u{441}\u{443}\u{445}\u{456}\u{458}\u{455}\u{501}\u{51b}\u{51d}\u{4bb}\u{4cf}\
                       \u{410}\u{412}\u{415}\u{41a}\u{41c}\u{41d}\u{41e}\u{420}\u{421}\u{422}\u{425}\u{406}\u{408}\u{405}\
                       \u{3bf}\u{3b1}\u{3bd}\u{391}\u{392}\u{395}\u{396}\u{397}\u{399}\u{39a}\u{39c}\u{39d}\u{39f}\u{3a1}\u{3a4}\
                       \u{3a5}\u{3a7}\u{131}\u{237}\u{17f}\u{212a}\u{212b}";

/// ` (U+FF16)`: the code points of characters in `text` that look like others; empty if there is none.
pub(crate) fn code_points(text: &str) -> String {
    let mut found: Vec<char> = Vec::new();
    let mut more = false;
    let letters = text.split(|character: char| !character.is_alphabetic()).filter(|word| is_mimicry(word));
    let letters = letters.flat_map(str::chars).filter(|character| LETTERS.contains(*character));
    let signs = text.chars().filter(|character| is_sign(*character));
    for character in signs.chain(letters) {
        if !found.contains(&character) {
            more |= found.len() == NAMED_LIMIT;
            found.extend((found.len() < NAMED_LIMIT).then_some(character));
        }
    }
    if found.is_empty() {
        return String::new();
    }
    let codes: Vec<String> = found.iter().map(|character| format!("U+{:04X}", *character as u32)).collect();
    format!(" ({}{})", codes.join(", "), if more { ", …" } else { "" })
}

/// Whether a word looks like a Latin one: its letters are of several alphabets, or all of them look like Latin ones.
fn is_mimicry(word: &str) -> bool {
    word.chars().any(|character| character.is_ascii()) || word.chars().all(|character| LETTERS.contains(character))
}

fn is_sign(character: char) -> bool {
    if character.is_ascii() {
        return false;
    }
    let is_form = matches!(character as u32,
        // Combining marks, hyphens and dashes, quotation marks, dots, slashes, primes.
        0x300..=0x36f | 0x2010..=0x2015 | 0x2018..=0x201f | 0x2024 | 0x2032..=0x2037 | 0x2043 | 0x2044 | 0x2212
        | 0x2215 | 0x2216 | 0x2217 | 0x2236 | 0x29f5 | 0x29f8 | 0xb4 | 0x2b9..=0x2c9 | 0x37e | 0x387
        // Roman numerals, letters in circles, ligatures, full and half width, letters of mathematics.
        | 0x2160..=0x2188 | 0x2460..=0x24ff | 0xfb00..=0xfb06 | 0xfe50..=0xfe6f | 0xff01..=0xffef
        | 0x1d400..=0x1d7ff);
    is_form || character.is_numeric() || character.is_whitespace()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_that_looks_like_another_is_named_once() {
        assert_eq!(code_points("port ６６"), " (U+FF16)");
        assert_eq!(code_points("\u{440}\u{430}ypal"), " (U+0440, U+0430)");
        assert_eq!(code_points("\u{212a}eyError"), " (U+212A)");
        assert_eq!(code_points("KeyError: 'user'"), "");
        assert_eq!(code_points("a\u{a0}b"), " (U+00A0)");
        assert_eq!(code_points("²③٣५６"), " (U+00B2, U+2462, U+0663, U+096B, …)");
    }

    #[test]
    fn text_that_looks_like_what_it_is_has_no_code_points() {
        for text in ["plain-6", "Ünïcödé ñ ß", "漢字", "оператор входа", "Αθήνα", "🙂", ""]
        {
            assert_eq!(code_points(text), "", "{text}");
        }
    }
}
