//! Replaces secrets in text before anybody sees it.

use super::encoding;

/// What replaces a secret.
const MASK: &str = "***";
/// Secrets below this length are masked only as whole words: a password `a` must not replace every `a`.
const ANYWHERE: usize = 6;
/// As [`ANYWHERE`], for secrets of letters only, which may be parts of ordinary words.
const ANYWHERE_LETTERS: usize = 12;

/// `text` with `***` for each of `secrets`, also where they are escaped, URL-encoded or in base64. A secret of one
/// character is not masked, and a short one only where it is a whole word.
///
/// ```
/// let masked = hookstorm::oracle::mask("login with Tr0ub4dor&3", &["Tr0ub4dor&3".to_owned()]);
/// assert_eq!(masked, "login with ***");
/// ```
pub fn mask(text: &str, secrets: &[String]) -> String {
    Masker::new(secrets).mask(text)
}

/// Secrets in all their encodings, prepared for the search.
pub(super) struct Masker {
    /// Longest first, so that a part of a secret is not masked before the whole. The flag says: only as a whole word.
    needles: Vec<(String, bool)>,
}

impl Masker {
    pub(super) fn new(secrets: &[String]) -> Self {
        let mut needles = Vec::new();
        for secret in secrets {
            let letters = secret.chars().all(|character| character.is_ascii_alphabetic());
            let is_word = secret.chars().count() < if letters { ANYWHERE_LETTERS } else { ANYWHERE };
            if !is_word {
                needles.extend(encoding::encoded(secret).into_iter().map(|(_, text)| (text, false)));
            }
            for text in [secret.as_str(), secret.trim()] {
                if text.chars().nth(1).is_some() && !text.bytes().all(|byte| byte == b'*') {
                    needles.push((text.to_owned(), is_word));
                }
            }
        }
        needles.sort_by(|(one, _), (other, _)| other.len().cmp(&one.len()).then_with(|| one.cmp(other)));
        needles.dedup();
        Self { needles }
    }

    pub(super) fn mask(&self, text: &str) -> String {
        let mut masked = text.to_owned();
        for (needle, is_word) in &self.needles {
            if needle.len() <= masked.len() && memchr::memmem::find(masked.as_bytes(), needle.as_bytes()).is_some() {
                masked = if *is_word { replace_words(&masked, needle) } else { masked.replace(needle.as_str(), MASK) };
            }
        }
        masked
    }
}

fn replace_words(text: &str, word: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut done = 0;
    for (start, found) in text.match_indices(word) {
        let end = start + found.len();
        if is_word_at(text, start, end) {
            masked.push_str(&text[done..start]);
            masked.push_str(MASK);
            done = end;
        }
    }
    masked.push_str(&text[done..]);
    masked
}

/// Whether the text from `start` to `end` is not part of a longer word, or of a number with a point, comma or colon.
pub(super) fn is_word_at(text: &str, start: usize, end: usize) -> bool {
    let (mut before, mut after) = (text[..start].chars().rev(), text[end..].chars());
    let first = text[start..].chars().next();
    let last = text[..end].chars().next_back();
    let joins = |inner: Option<char>, near: Option<char>, far: Option<char>| {
        let digit = |character: Option<char>| character.is_some_and(|character| character.is_ascii_digit());
        match near {
            Some(near) if near.is_alphanumeric() || near == '_' => inner.is_some_and(char::is_alphanumeric),
            Some('.' | ',' | ':' | '-') => digit(inner) && digit(far),
            _ => false,
        }
    };
    !joins(first, before.next(), before.next()) && !joins(last, after.next(), after.next())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(text: &str, secrets: &[&str]) -> String {
        mask(text, &secrets.iter().map(|&secret| secret.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn the_whole_of_a_secret_is_masked_before_a_part_of_it() {
        assert_eq!(masked("x Tr0ub4dor&3&4 y Tr0ub4dor&3", &["Tr0ub4dor&3", "Tr0ub4dor&3&4"]), "x *** y ***");
    }

    #[test]
    fn escaped_and_encoded_secrets_are_masked() {
        assert_eq!(masked(r"'a\nb-c-d-e'", &["a\nb-c-d-e"]), "'***'");
        assert_eq!(masked("Basic YWxpY2U6VHIwdWI0ZG9yJjM=", &["Tr0ub4dor&3"]), "Basic YWxpY2U6***M=");
    }

    #[test]
    fn a_short_secret_does_not_make_holes_in_other_words() {
        assert_eq!(masked("'NoneType' is None", &["None"]), "'NoneType' is ***");
        assert_eq!(masked("a banana", &["a", "", "*", "****"]), "a banana");
        assert_eq!(masked("at 12:00:00.1234, code 1234.", &["1234"]), "at 12:00:00.1234, code ***.");
    }
}
