//! [`merge`] decides which of two cases with the same name stays. It is pure and the same on every host, so hosts that
//! never communicate end with the same bytes.
//!
//! If the name is a finding's fingerprint, the better case of this finding stays, as in a folder. If the name is made
//! of the content, both sides have the same content. Any other name was chosen by a person; then the bucket's case
//! stays. A case that loses without being worse, because the other is not a case of the same finding, is kept under
//! another name.

use crate::{
    case::Case,
    corpus::case_key::{fingerprint_of, hash, size},
};

/// What to do with the bytes of the folder and of the bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MergeAction {
    /// Nothing: both are the same, or neither is a case.
    Nothing,
    /// Write the bucket's case to the folder.
    Download,
    /// Write the folder's case to the bucket.
    Upload,
    /// Keep the folder's case under another name, and leave the bucket's case where it is.
    SetAside,
    /// Keep the folder's case under another name, and write the bucket's case in its place.
    SetAsideAndDownload,
}

/// The case in these bytes, if they are a case.
pub(super) fn read(bytes: &[u8]) -> Option<Case> {
    Case::from_json(std::str::from_utf8(bytes).ok()?).ok()
}

/// Whether `stem`, a file's name without its extension, is made of `bytes`. Then every file with this name has this
/// content.
pub(super) fn is_named_by_content(stem: &str, bytes: &[u8]) -> bool {
    let hash = hash(&Case::without_note(bytes));
    stem == hash || stem.strip_suffix(&hash).is_some_and(|rest| rest.ends_with('-'))
}

/// What to do if folder and bucket have these bytes under the name `stem`.
pub(super) fn merge(stem: &str, ours: &[u8], theirs: &[u8]) -> MergeAction {
    if ours == theirs {
        return MergeAction::Nothing;
    }
    match (read(ours), read(theirs)) {
        (None, None) => MergeAction::Nothing,
        (None, Some(_)) => MergeAction::Download,
        (Some(_), None) => MergeAction::SetAside,
        (Some(our), Some(their)) => match (fingerprint_of(&our), fingerprint_of(&their)) {
            (None, None) if is_named_by_content(stem, ours) => MergeAction::Nothing,
            (None, None) => MergeAction::Download,
            (one, other) if one == other => match (size(&our), ours) < (size(&their), theirs) {
                true => MergeAction::Upload,
                false => MergeAction::Download,
            },
            (_, other) if other == Some(stem) => MergeAction::SetAsideAndDownload,
            _ => MergeAction::SetAside,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpus::testing::case;

    fn text(calls: usize, fingerprint: Option<&str>) -> Vec<u8> {
        case(calls, fingerprint).to_json().into_bytes()
    }

    #[test]
    fn the_smaller_case_of_a_finding_stays_on_either_side() {
        let (small, large) = (text(1, Some("abc")), text(3, Some("abc")));
        assert_eq!(merge("abc", &small, &large), MergeAction::Upload);
        assert_eq!(merge("abc", &large, &small), MergeAction::Download);
        assert_eq!(merge("abc", &small, &small), MergeAction::Nothing);
    }

    #[test]
    fn two_cases_of_one_size_end_as_the_same_one_on_both_hosts() {
        let (mut one, mut two) = (case(1, Some("abc")), case(1, Some("abc")));
        one.found.as_mut().unwrap().message = "a".into();
        two.found.as_mut().unwrap().message = "b".into();
        let (one, two) = (one.to_json().into_bytes(), two.to_json().into_bytes());
        assert_eq!((merge("abc", &one, &two), merge("abc", &two, &one)), (MergeAction::Upload, MergeAction::Download));
    }

    #[test]
    fn a_case_is_not_replaced_by_one_of_another_finding_or_by_other_bytes() {
        let ours = text(3, Some("abc"));
        assert_eq!(merge("abc", &ours, &text(1, Some("def"))), MergeAction::SetAside);
        assert_eq!(merge("abc", &ours, &text(1, None)), MergeAction::SetAside);
        assert_eq!(merge("abc", &ours, b"{}"), MergeAction::SetAside);
        assert_eq!(merge("abc", &ours, b"\xff"), MergeAction::SetAside);
        assert_eq!(merge("abc", &text(1, Some("def")), &ours), MergeAction::SetAsideAndDownload);
    }

    #[test]
    fn a_broken_copy_is_replaced_from_the_bucket() {
        assert_eq!(merge("abc", b"", &text(1, Some("abc"))), MergeAction::Download);
    }

    #[test]
    fn under_a_name_of_a_person_the_buckets_case_stays_and_under_one_of_content_nothing_happens() {
        let (ours, theirs) = (text(1, None), text(2, None));
        assert_eq!(merge("ipv6", &ours, &theirs), MergeAction::Download);
        assert_eq!(merge(&hash(&ours), &ours, &theirs), MergeAction::Nothing);
        assert!(is_named_by_content(&format!("abc-{}", hash(&ours)), &ours));
    }
}
