//! Finds the values of an option that the comments above it name: `One of: a, b, c`, `a choice of a or b`, `a|b`,
//! `yes/no`, `a means that …`, and words in quotes.

/// The most choices of one comment.
const CHOICES_LIMIT: usize = 16;
/// The longest choice, in bytes.
const CHOICE_BYTES_LIMIT: usize = 48;
/// The phrases before a list of choices. The longer ones come first, because they contain shorter ones.
const MARKERS: &[&str] = &[
    "one of the following values:",
    "one of the following:",
    "the following values:",
    "can be the following:",
    "possible values:",
    "possible values are",
    "valid values:",
    "valid values are",
    "allowed values:",
    "values are:",
    "choices:",
    "options are:",
    "a choice of",
    "one of:",
    "one of",
    "can be either",
    "either",
];

/// The choices that `prose` lists, in its order.
pub(super) fn choices(prose: &str) -> Vec<String> {
    let mut choices: Vec<String> = Vec::new();
    let words: Vec<&str> = prose.split_whitespace().collect();
    let text = words.join(" ");
    // Lower case in ASCII only, so that positions are the same in both texts.
    let lower = text.to_ascii_lowercase();
    if let Some(marker) = MARKERS.iter().find(|marker| lower.contains(**marker))
        && let Some(at) = lower.find(marker)
    {
        listed(&text[at + marker.len()..], &mut choices);
    }
    // `gateway means that …`, at the beginning of a line.
    for line in prose.lines() {
        if let Some((word, _)) = line.trim().split_once(" means ") {
            push(word, &mut choices);
        }
    }
    for word in &words {
        let bare = bare(word);
        let parts: Vec<&str> = bare.split('|').collect();
        let is_switch = ["yes/no", "no/yes", "true/false", "false/true", "on/off", "off/on"].contains(&bare);
        if is_switch {
            bare.split('/').for_each(|part| push(part, &mut choices));
        } else if parts.len() > 1 && parts.iter().all(|part| is_choice(part) && part.len() <= 20) {
            parts.iter().for_each(|part| push(part, &mut choices));
        }
    }
    choices
}

/// The words in quotes and the words that a user is asked to enter, except the names of options (`is_name`).
pub(super) fn mentioned(prose: &str, is_name: impl Fn(&str) -> bool) -> Vec<String> {
    let mut mentioned = Vec::new();
    for quote in ['\'', '`', '"'] {
        for quoted in prose.split(quote).skip(1).step_by(2) {
            if !is_name(quoted) {
                push(quoted, &mut mentioned);
            }
        }
    }
    let words: Vec<&str> = prose.split_whitespace().map(bare).collect();
    for pair in words.windows(3) {
        let is_entered = pair[0] == "enter" && ["as", "to"].contains(&pair[2])
            || pair[0].eq_ignore_ascii_case("default") && pair[1] == "is"
            || pair[0] == "parameter" && pair[1] == "to" && pair[2].starts_with('$');
        let value = if pair[0] == "enter" { pair[1] } else { pair[2] };
        if is_entered && !["the", "a", "an", "one"].contains(&value) {
            push(value, &mut mentioned);
        }
    }
    mentioned
}

/// Adds the items at the beginning of `text`, up to the first that is no choice.
fn listed(text: &str, choices: &mut Vec<String>) {
    let sentence = text.split_once(". ").map_or(text, |(sentence, _)| sentence);
    let sentence = sentence.trim_start_matches([' ', ':']);
    for item in sentence.split([',', ';', '|']).flat_map(|item| item.split(" or ")).flat_map(|item| item.split(" and "))
    {
        let item = item.trim();
        let item = item.strip_prefix("or ").or_else(|| item.strip_prefix("and ")).unwrap_or(item);
        let item = bare(item);
        if item.is_empty() {
            continue;
        }
        if !is_choice(item) {
            break;
        }
        push(item, choices);
    }
}

/// `word` without the quotes, brackets and punctuation around it.
fn bare(word: &str) -> &str {
    word.trim_matches(['\'', '"', '`', '(', ')', ',', ';', ':', '.', '!'])
}

fn is_choice(word: &str) -> bool {
    (1..=CHOICE_BYTES_LIMIT).contains(&word.len())
        && word.chars().all(|character| character.is_alphanumeric() || "_-.$+@/".contains(character))
}

fn push(word: &str, choices: &mut Vec<String>) {
    if is_choice(word) && choices.len() < CHOICES_LIMIT && !choices.iter().any(|known| known == word) {
        choices.push(word.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_found_in_the_forms_that_authors_write() {
        let cases: &[(&str, &[&str])] = &[
            ("One of 'debug', 'info', 'critical'.", &["debug", "info", "critical"]),
            ("The value can be the following: password or key.\nIf not set, both.", &["password", "key"]),
            ("can be one of the following: explicit or\ngateway. If you use it, more.", &["explicit", "gateway"]),
            ("a choice of dns or tpam, default is tpam", &["dns", "tpam"]),
            ("Ask? (yes/no)", &["yes", "no"]),
            ("mode: fast|slow", &["fast", "slow"]),
            ("Possible values: a, b, and c. More", &["a", "b", "c"]),
            ("|1|shAKuZdzJelKykkXBo+l4qpE+Fo=|J8oYavGEL2Rmo ecdsa", &[]),
            ("Nothing of the kind.", &[]),
        ];
        for (prose, expected) in cases {
            assert_eq!(choices(prose), *expected, "{prose}");
        }
    }

    #[test]
    fn quoted_words_count_and_names_of_options_do_not() {
        let prose = "To hide the characters, set 'disable_echo' to 'yes'. Default is no.";
        assert_eq!(mentioned(prose, |word| word == "disable_echo"), ["yes", "no"]);
        assert_eq!(mentioned("enter no as the value. The default is yes", |_| false), ["no", "yes"]);
        assert_eq!(mentioned("set the parameter to $ and read", |_| false), ["$"]);
    }
}
