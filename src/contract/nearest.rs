//! The word that was most likely meant, for messages about words that nobody knows.

/// The word of `words` that `word` was most likely meant to be; `None` where none is near.
pub(crate) fn nearest_word<'a>(word: &str, words: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Nobody mistypes a name into a text of this length, and the distance of long texts is costly.
    const LONGEST: usize = 100;
    if word.len() > LONGEST {
        return None;
    }
    words
        .into_iter()
        .map(|known| (strsim::damerau_levenshtein(word, known), known))
        .filter(|(distance, known)| *distance <= known.len().max(3) / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_word_and_another_word_finds_none() {
        let words = ["gateway_username", "gateway_domain"];
        assert_eq!(nearest_word("gateway_usernam", words), Some("gateway_username"));
        assert_eq!(nearest_word("colour", words), None);
        assert_eq!(nearest_word(&"g".repeat(1_000_000), words), None);
    }
}
