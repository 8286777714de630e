//! Changes one text into another: words put in, before, behind or between, cases, blanks, digits, lengths and forms.

use std::borrow::Cow;

use crate::generate::{
    choices::Choices,
    mutate::Dictionary,
    text::{ANSWERS, joined, typed},
};

/// The longest text that is made, in bytes: beyond it nothing is grown.
const TEXT_BYTES_LIMIT: usize = 16 << 10;
/// Lengths at which something may change.
const LENGTHS: &[usize] = &[0, 1, 2, 3, 8, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 255, 256, 257, 1023, 1024];
/// What `strip` takes off, and what looks like it and is not.
const BLANKS: &[&str] = &[" ", "\t", "\n", "\u{a0}", "\r\n", "\u{200b}"];
/// How many digits a number that is made up has at most.
const LONGEST_NUMBER: usize = 6;
/// Characters that are longer in another form, or the same to NFKC as an ASCII one.
const FORMS: &[&str] = &["\u{301}", "\u{308}", "é", "ﬁ", "ſ", "K", "İ", "ß", "²", "\u{ad}"];

/// Another text than `text`, most often.
pub(super) fn changed<'d>(text: &str, choices: &mut Choices<'d, '_>, dictionary: &'d Dictionary) -> String {
    let text = if text.len() > TEXT_BYTES_LIMIT { &text[..floor(text, TEXT_BYTES_LIMIT)] } else { text };
    match choices.byte() {
        0..60 => word(choices, dictionary).into_owned(),
        60..72 => joined(&[text, &word(choices, dictionary)]),
        72..84 => joined(&[&word(choices, dictionary), text]),
        84..92 => {
            let at = place(text, choices);
            joined(&[&text[..at], &word(choices, dictionary), &text[at..]])
        }
        92..118 => separated(text, choices, dictionary),
        118..140 => part_replaced(text, choices, dictionary),
        140..156 => cased(text, choices),
        156..170 => blanked(text, choices),
        170..186 => digits(text, choices, dictionary),
        186..204 => {
            let length = match dictionary.number(choices) {
                Some(number) if choices.byte() < 160 => usize::try_from(number).unwrap_or_default(),
                _ => *choices.pick(LENGTHS),
            };
            resized(text, length.min(TEXT_BYTES_LIMIT / 4))
        }
        204..218 => {
            let (from, to) = (place(text, choices), place(text, choices));
            let (from, to) = (from.min(to), from.max(to));
            match choices.byte() {
                0..128 => joined(&[&text[..from], &text[to..]]),
                128.. => joined(&[&text[..to], &text[from..]]),
            }
        }
        218..230 => formed(text, choices),
        230..240 => dictionary.number(choices).map_or_else(String::new, |number| number.to_string()),
        240.. => typed(choices, ANSWERS),
    }
}

/// A word of the dictionary, or some other text where it has none.
pub(super) fn word<'d>(choices: &mut Choices<'d, '_>, dictionary: &'d Dictionary) -> Cow<'d, str> {
    match dictionary.text(choices) {
        Some(word) => word,
        None => typed(choices, ANSWERS).into(),
    }
}

/// Text and words with what stands between words.
fn separated<'d>(text: &str, choices: &mut Choices<'d, '_>, dictionary: &'d Dictionary) -> String {
    let separator = choices.text(&choices.domain.tables().separators);
    match choices.byte() {
        0..80 => joined(&[text, separator, &word(choices, dictionary)]),
        80..140 => joined(&[&word(choices, dictionary), separator, text]),
        140..180 => joined(&[&word(choices, dictionary), separator, &word(choices, dictionary)]),
        180..200 => joined(&[text, separator]),
        200..220 => joined(&[separator, text]),
        220..240 => {
            let at = place(text, choices);
            joined(&[&text[..at], separator, &text[at..]])
        }
        240.. => joined(&[text, separator, text]),
    }
}

/// One of the parts between separators made another, left out, doubled, or moved.
fn part_replaced<'d>(text: &str, choices: &mut Choices<'d, '_>, dictionary: &'d Dictionary) -> String {
    let separators = &choices.domain.tables().separators;
    let start = choices.below(separators.len());
    let own = separators[start..].iter().chain(&separators[..start]).find(|separator| text.contains(**separator));
    let Some(separator) = own else { return word(choices, dictionary).into_owned() };
    let mut parts: Vec<Cow<'_, str>> = text.split(separator).map(Cow::Borrowed).collect();
    let at = choices.below(parts.len());
    match choices.byte() {
        0..130 => parts[at] = word(choices, dictionary),
        130..170 => parts[at] = digits(&parts[at], choices, dictionary).into(),
        170..195 => _ = parts.remove(at),
        195..220 => parts.insert(at, parts[at].clone()),
        220.. => parts.rotate_left(1),
    }
    parts.join(separator)
}

fn cased(text: &str, choices: &mut Choices<'_, '_>) -> String {
    let swapped = |character: char| -> String {
        if character.is_lowercase() { character.to_uppercase().collect() } else { character.to_lowercase().collect() }
    };
    match choices.byte() {
        0..70 => text.to_lowercase(),
        70..140 => text.to_uppercase(),
        140..170 => text.chars().map(swapped).collect(),
        170.. => {
            let at = place(text, choices);
            let mut rest = text[at..].chars();
            let one = rest.next().map(swapped).unwrap_or_default();
            joined(&[&text[..at], &one, rest.as_str()])
        }
    }
}

fn blanked(text: &str, choices: &mut Choices<'_, '_>) -> String {
    let blank = choices.text(BLANKS);
    match choices.byte() {
        0..60 => joined(&[blank, text]),
        60..120 => joined(&[text, blank]),
        120..150 => joined(&[blank, text, blank]),
        150..190 => text.trim().to_owned(),
        190..230 => {
            let at = place(text, choices);
            joined(&[&text[..at], blank, &text[at..]])
        }
        230.. => blank.to_owned(),
    }
}

/// The first number in the text made another one; a number behind the text where there is none.
fn digits(text: &str, choices: &mut Choices<'_, '_>, dictionary: &Dictionary) -> String {
    let is_digit = |character: char| character.is_ascii_digit();
    let from = text.find(is_digit).unwrap_or(text.len());
    let to = from + text[from..].find(|character| !is_digit(character)).unwrap_or(text.len() - from);
    let old: i64 = text[from..to].parse().unwrap_or_default();
    let new = match choices.byte() {
        // Of any length: what a text is taken apart to may have to lie in a range that nothing tells.
        0..96 => of_digits(choices.below(LONGEST_NUMBER) + 1, choices),
        96.. => number(old, choices, dictionary),
    };
    let new = new.to_string();
    joined(&[&text[..from], &new, &text[to..]])
}

/// Another number than `number`, most often: near it, at a boundary, or one that is known.
pub(super) fn number(number: i64, choices: &mut Choices<'_, '_>, dictionary: &Dictionary) -> i64 {
    let step = i64::from(choices.byte() % 8) + 1;
    match choices.byte() {
        0..40 => number.saturating_add(1),
        40..80 => number.saturating_sub(1),
        80..95 => number.saturating_add(step),
        95..110 => number.saturating_sub(step),
        110..190 => {
            let known = dictionary.number(choices).unwrap_or(step);
            match choices.byte() {
                0..170 => known,
                170..213 => known.saturating_add(1),
                213.. => known.saturating_sub(1),
            }
        }
        190..200 => number.saturating_neg(),
        200..210 => number.saturating_mul(2),
        210..216 => number / 2,
        216..236 => of_as_many_digits(number, choices),
        236.. => *choices.pick(&[
            0,
            1,
            -1,
            22,
            100,
            255,
            256,
            65535,
            65536,
            1 << 31,
            -(1 << 31),
            1 << 53,
            i64::MAX,
            i64::MIN,
        ]),
    }
}

/// Any number with as many digits: where a range waits that no comparison names.
fn of_as_many_digits(number: i64, choices: &mut Choices<'_, '_>) -> i64 {
    let digits = number.unsigned_abs().checked_ilog10().unwrap_or_default() as usize + 1;
    let other = of_digits(digits, choices);
    if number < 0 { -other } else { other }
}

/// Any number with so many digits, at most 18.
fn of_digits(digits: usize, choices: &mut Choices<'_, '_>) -> i64 {
    let mut bytes = [0; 8];
    choices.fill(&mut bytes);
    let least = (1..digits.min(18)).fold(1, |power: i64, _| power * 10);
    i64::from_be_bytes(bytes).rem_euclid(least * 9) + least
}

fn formed(text: &str, choices: &mut Choices<'_, '_>) -> String {
    match choices.byte() {
        // The same to NFKC, and no other way.
        0..90 => text
            .chars()
            .map(|character| match character {
                '!'..='~' => char::from_u32(character as u32 + 0xfee0).unwrap_or(character),
                other => other,
            })
            .collect(),
        90.. => {
            let at = place(text, choices);
            joined(&[&text[..at], choices.text(FORMS), &text[at..]])
        }
    }
}

/// `text` cut or repeated to `length` characters.
pub(super) fn resized(text: &str, length: usize) -> String {
    let text = if text.is_empty() { "a" } else { text };
    text.chars().cycle().take(length).collect()
}

/// A place between two characters.
fn place(text: &str, choices: &mut Choices<'_, '_>) -> usize {
    floor(text, choices.below(text.len() + 1))
}

/// The start of the character in which byte `at` lies.
fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default()
}
