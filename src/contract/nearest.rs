//! How near two words are, for messages about unknown words.

/// How many letters must be added, removed, replaced or swapped to get from one word to the other.
pub(crate) fn edit_distance(one: &str, other: &str) -> usize {
    strsim::damerau_levenshtein(one, other)
}

/// How similar two words are, from 0 to 1; a common beginning counts more than a common end.
pub(crate) fn similarity(one: &str, other: &str) -> f64 {
    strsim::jaro_winkler(one, other)
}

/// The word of `words` that is nearest to `word`; `None` if none is near.
pub(crate) fn nearest_word<'a>(word: &str, words: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // A longer text is not a mistyped name, and its distance costs much time.
    const LONGEST: usize = 100;
    if word.len() > LONGEST {
        return None;
    }
    words
        .into_iter()
        .map(|known| (edit_distance(word, known), known))
        .filter(|(distance, known)| *distance <= known.len().max(3) / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelled_word_finds_its_word_and_another_word_finds_none() {
        let words = ["gateway_username", "gateway_domain"];
        assert_eq!(nearest_word("gateway_usernam", words), Some("gateway_username"));
        assert_eq!(nearest_word("colour", words), None);
        assert_eq!(nearest_word(&"g".repeat(1_000_000), words), None);
    }
}
