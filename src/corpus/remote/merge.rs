//! Decides which of two cases of one name stays: [`merge`] is pure, and the same on every host, so that hosts which never
//! speak to each other end with the same bytes.
//!
//! A name that is a finding's fingerprint goes to the better case of that finding, as in a folder. A name made of content
//! never comes to two contents. Any other name was given by a person, and what the bucket has under it counts.
//! Whatever loses without being worse, because the other is no case of that finding, is kept under a name of its own.

use crate::{
    case::Case,
    corpus::folder::{fingerprint_of, hash, size},
};

/// What is to be done with our bytes and theirs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MergeAction {
    /// Nothing: both are the same, or neither is a case.
    Nothing,
    /// Theirs goes into the folder.
    Take,
    /// Ours goes into the bucket.
    Give,
    /// Ours is kept under a name of its own, and theirs left where it is.
    Aside,
    /// Ours is kept under a name of its own, and theirs takes its place.
    AsideAndTake,
}

/// The case that bytes from a bucket or a folder hold.
pub(super) fn read(bytes: &[u8]) -> Option<Case> {
    Case::from_json(std::str::from_utf8(bytes).ok()?).ok()
}

/// Whether `stem`, a file's name without its ending, is made of `bytes`: then one name has one content.
pub(super) fn is_named_by_content(stem: &str, bytes: &[u8]) -> bool {
    let hash = hash(&Case::without_note(bytes));
    stem == hash || stem.strip_suffix(&hash).is_some_and(|rest| rest.ends_with('-'))
}

/// What to do with what the folder and the bucket have under the name `stem`.
pub(super) fn merge(stem: &str, ours: &[u8], theirs: &[u8]) -> MergeAction {
    if ours == theirs {
        return MergeAction::Nothing;
    }
    match (read(ours), read(theirs)) {
        (None, None) => MergeAction::Nothing,
        (None, Some(_)) => MergeAction::Take,
        (Some(_), None) => MergeAction::Aside,
        (Some(our), Some(their)) => match (fingerprint_of(&our), fingerprint_of(&their)) {
            (None, None) if is_named_by_content(stem, ours) => MergeAction::Nothing,
            (None, None) => MergeAction::Take,
            (one, other) if one == other => match (size(&our), ours) < (size(&their), theirs) {
                true => MergeAction::Give,
                false => MergeAction::Take,
            },
            (_, other) if other == Some(stem) => MergeAction::AsideAndTake,
            _ => MergeAction::Aside,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::{super::testing::case, *};

    fn text(calls: usize, fingerprint: Option<&str>) -> Vec<u8> {
        case(calls, fingerprint).to_json().into_bytes()
    }

    #[test]
    fn the_smaller_case_of_a_finding_stays_on_whichever_side_it_is() {
        let (small, large) = (text(1, Some("abc")), text(3, Some("abc")));
        assert_eq!(merge("abc", &small, &large), MergeAction::Give);
        assert_eq!(merge("abc", &large, &small), MergeAction::Take);
        assert_eq!(merge("abc", &small, &small), MergeAction::Nothing);
    }

    #[test]
    fn two_cases_of_one_size_end_as_the_same_one_on_both_hosts() {
        let (mut one, mut two) = (case(1, Some("abc")), case(1, Some("abc")));
        one.found.as_mut().unwrap().message = "a".into();
        two.found.as_mut().unwrap().message = "b".into();
        let (one, two) = (one.to_json().into_bytes(), two.to_json().into_bytes());
        assert_eq!((merge("abc", &one, &two), merge("abc", &two, &one)), (MergeAction::Give, MergeAction::Take));
    }

    #[test]
    fn a_case_cannot_be_pushed_out_by_one_of_another_finding_or_by_none() {
        let ours = text(3, Some("abc"));
        assert_eq!(merge("abc", &ours, &text(1, Some("def"))), MergeAction::Aside);
        assert_eq!(merge("abc", &ours, &text(1, None)), MergeAction::Aside);
        assert_eq!(merge("abc", &ours, b"{}"), MergeAction::Aside);
        assert_eq!(merge("abc", &ours, b"\xff"), MergeAction::Aside);
        assert_eq!(merge("abc", &text(1, Some("def")), &ours), MergeAction::AsideAndTake);
    }

    #[test]
    fn a_broken_copy_is_mended_from_the_bucket() {
        assert_eq!(merge("abc", b"", &text(1, Some("abc"))), MergeAction::Take);
    }

    #[test]
    fn under_a_name_that_a_person_gave_the_bucket_counts_and_under_one_of_content_nobody() {
        let (ours, theirs) = (text(1, None), text(2, None));
        assert_eq!(merge("ipv6", &ours, &theirs), MergeAction::Take);
        assert_eq!(merge(&hash(&ours), &ours, &theirs), MergeAction::Nothing);
        assert!(is_named_by_content(&format!("abc-{}", hash(&ours)), &ours));
    }
}
