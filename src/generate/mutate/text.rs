//! Changes a text: inserts tokens, changes case, blanks, digits, length and Unicode form.

use std::borrow::Cow;

use crate::generate::{
    mutate::Dictionary,
    source::DomainSource,
    text::{ANSWERS, joined, typed},
};

/// The longest text that grows, in bytes.
const TEXT_BYTES_LIMIT: usize = 16 << 10;
/// Lengths at which plugins may behave differently.
const LENGTHS: &[usize] = &[0, 1, 2, 3, 8, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 255, 256, 257, 1023, 1024];
/// Blanks that `strip` removes, and one that it does not.
const BLANKS: &[&str] = &[" ", "\t", "\n", "\u{a0}", "\r\n", "\u{200b}"];
/// The most digits of a random number.
const LONGEST_NUMBER: usize = 6;
/// Characters that get longer in another Unicode form, or that NFKC makes ASCII.
const FORMS: &[&str] = &["\u{301}", "\u{308}", "é", "ﬁ", "ſ", "K", "İ", "ß", "²", "\u{ad}"];

/// Mostly another text than `text`.
pub(super) fn changed<'d>(text: &str, source: &mut DomainSource<'d, '_>, dictionary: &'d Dictionary) -> String {
    let text = if text.len() > TEXT_BYTES_LIMIT { &text[..floor(text, TEXT_BYTES_LIMIT)] } else { text };
    match source.byte() {
        0..60 => token(source, dictionary).into_owned(),
        60..72 => joined(&[text, &token(source, dictionary)]),
        72..84 => joined(&[&token(source, dictionary), text]),
        84..92 => {
            let at = boundary(text, source);
            joined(&[&text[..at], &token(source, dictionary), &text[at..]])
        }
        92..118 => separated(text, source, dictionary),
        118..140 => part_replaced(text, source, dictionary),
        140..156 => cased(text, source),
        156..170 => blanked(text, source),
        170..186 => digits(text, source, dictionary),
        186..204 => {
            let length = match dictionary.number(source) {
                Some(number) if source.byte() < 160 => usize::try_from(number).unwrap_or_default(),
                _ => *source.pick(LENGTHS),
            };
            resized(text, length.min(TEXT_BYTES_LIMIT / 4))
        }
        204..218 => {
            let (from, to) = (boundary(text, source), boundary(text, source));
            let (from, to) = (from.min(to), from.max(to));
            match source.byte() {
                0..128 => joined(&[&text[..from], &text[to..]]),
                128.. => joined(&[&text[..to], &text[from..]]),
            }
        }
        218..230 => formed(text, source),
        230..240 => dictionary.number(source).map_or_else(String::new, |number| number.to_string()),
        240..246 if !source.domain.tables().slow_texts.is_empty() => {
            let texts = &source.domain.tables().slow_texts;
            source.text(texts).to_owned()
        }
        240.. => typed(source, ANSWERS),
    }
}

/// A token of the dictionary, or another text if it has none.
pub(super) fn token<'d>(source: &mut DomainSource<'d, '_>, dictionary: &'d Dictionary) -> Cow<'d, str> {
    match dictionary.text(source) {
        Some(word) => word,
        None => typed(source, ANSWERS).into(),
    }
}

/// Text and tokens with a separator.
fn separated<'d>(text: &str, source: &mut DomainSource<'d, '_>, dictionary: &'d Dictionary) -> String {
    let separators = &source.domain.tables().separators;
    let separator = source.text(separators);
    match source.byte() {
        0..80 => joined(&[text, separator, &token(source, dictionary)]),
        80..140 => joined(&[&token(source, dictionary), separator, text]),
        140..180 => joined(&[&token(source, dictionary), separator, &token(source, dictionary)]),
        180..200 => joined(&[text, separator]),
        200..220 => joined(&[separator, text]),
        220..240 => {
            let at = boundary(text, source);
            joined(&[&text[..at], separator, &text[at..]])
        }
        240.. => joined(&[text, separator, text]),
    }
}

/// Replaces, removes, doubles or moves one of the parts between separators.
fn part_replaced<'d>(text: &str, source: &mut DomainSource<'d, '_>, dictionary: &'d Dictionary) -> String {
    let separators = &source.domain.tables().separators;
    let start = source.below(separators.len());
    let own = separators[start..].iter().chain(&separators[..start]).find(|separator| text.contains(**separator));
    let Some(separator) = own else { return token(source, dictionary).into_owned() };
    let mut parts: Vec<Cow<'_, str>> = text.split(separator).map(Cow::Borrowed).collect();
    let at = source.below(parts.len());
    match source.byte() {
        0..130 => parts[at] = token(source, dictionary),
        130..170 => parts[at] = digits(&parts[at], source, dictionary).into(),
        170..195 => _ = parts.remove(at),
        195..220 => parts.insert(at, parts[at].clone()),
        220.. => parts.rotate_left(1),
    }
    parts.join(separator)
}

fn cased(text: &str, source: &mut DomainSource<'_, '_>) -> String {
    let swapped = |character: char| -> String {
        if character.is_lowercase() { character.to_uppercase().collect() } else { character.to_lowercase().collect() }
    };
    match source.byte() {
        0..70 => text.to_lowercase(),
        70..140 => text.to_uppercase(),
        140..170 => text.chars().map(swapped).collect(),
        170.. => {
            let at = boundary(text, source);
            let mut rest = text[at..].chars();
            let one = rest.next().map(swapped).unwrap_or_default();
            joined(&[&text[..at], &one, rest.as_str()])
        }
    }
}

fn blanked(text: &str, source: &mut DomainSource<'_, '_>) -> String {
    let blank = source.text(BLANKS);
    match source.byte() {
        0..60 => joined(&[blank, text]),
        60..120 => joined(&[text, blank]),
        120..150 => joined(&[blank, text, blank]),
        150..190 => text.trim().to_owned(),
        190..230 => {
            let at = boundary(text, source);
            joined(&[&text[..at], blank, &text[at..]])
        }
        230.. => blank.to_owned(),
    }
}

/// Replaces the first number in the text, or adds one if there is none.
fn digits(text: &str, source: &mut DomainSource<'_, '_>, dictionary: &Dictionary) -> String {
    let is_digit = |character: char| character.is_ascii_digit();
    let from = text.find(is_digit).unwrap_or(text.len());
    let to = from + text[from..].find(|character| !is_digit(character)).unwrap_or(text.len() - from);
    let old: i64 = text[from..to].parse().unwrap_or_default();
    let new = match source.byte() {
        // Of any length: the number may have to be in a range that no comparison shows.
        0..96 => of_digits(source.below(LONGEST_NUMBER) + 1, source),
        96.. => number(old, source, dictionary),
    };
    let new = new.to_string();
    joined(&[&text[..from], &new, &text[to..]])
}

/// Mostly another number than `number`: near it, at a boundary, or a number of the dictionary.
pub(super) fn number(number: i64, source: &mut DomainSource<'_, '_>, dictionary: &Dictionary) -> i64 {
    let step = i64::from(source.byte() % 8) + 1;
    match source.byte() {
        0..40 => number.saturating_add(1),
        40..80 => number.saturating_sub(1),
        80..95 => number.saturating_add(step),
        95..110 => number.saturating_sub(step),
        110..190 => {
            let known = dictionary.number(source).unwrap_or(step);
            match source.byte() {
                0..170 => known,
                170..213 => known.saturating_add(1),
                213.. => known.saturating_sub(1),
            }
        }
        190..200 => number.saturating_neg(),
        200..210 => number.saturating_mul(2),
        210..216 => number / 2,
        216..236 => of_as_many_digits(number, source),
        236.. => {
            *source.pick(&[0, 1, -1, 22, 100, 255, 256, 65535, 65536, 1 << 31, -(1 << 31), 1 << 53, i64::MAX, i64::MIN])
        }
    }
}

/// A number with as many digits: it may have to be in a range that no comparison shows.
fn of_as_many_digits(number: i64, source: &mut DomainSource<'_, '_>) -> i64 {
    let digits = number.unsigned_abs().checked_ilog10().unwrap_or_default() as usize + 1;
    let other = of_digits(digits, source);
    if number < 0 { -other } else { other }
}

/// A number with `digits` digits, at most 18.
fn of_digits(digits: usize, source: &mut DomainSource<'_, '_>) -> i64 {
    let mut bytes = [0; 8];
    source.fill(&mut bytes);
    let least = (1..digits.min(18)).fold(1, |power: i64, _| power * 10);
    i64::from_be_bytes(bytes).rem_euclid(least * 9) + least
}

fn formed(text: &str, source: &mut DomainSource<'_, '_>) -> String {
    match source.byte() {
        // Equal only after NFKC.
        0..90 => text
            .chars()
            .map(|character| match character {
                '!'..='~' => char::from_u32(character as u32 + 0xfee0).unwrap_or(character),
                other => other,
            })
            .collect(),
        90.. => {
            let at = boundary(text, source);
            joined(&[&text[..at], source.text(FORMS), &text[at..]])
        }
    }
}

/// `text` cut or repeated to `length` characters.
pub(super) fn resized(text: &str, length: usize) -> String {
    let text = if text.is_empty() { "a" } else { text };
    text.chars().cycle().take(length).collect()
}

/// A position between two characters.
fn boundary(text: &str, source: &mut DomainSource<'_, '_>) -> usize {
    floor(text, source.below(text.len() + 1))
}

/// The start of the character that contains byte `at`.
fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default()
}
