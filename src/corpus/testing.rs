//! Cases for the tests of this room.

use crate::{
    case::{Call, Case, RecordedFinding, Session},
    contract::{Hook, Platform, PluginType},
};

/// A case with so many calls, which records a finding with this fingerprint if there is one.
pub(super) fn case(calls: usize, fingerprint: Option<&str>) -> Case {
    Case {
        plugin_type: PluginType::CredentialStore,
        platform: Platform::newest(),
        configuration: None,
        session: Session::new(vec![Call::new(Hook::GetPasswordList, Vec::new()); calls]),
        earlier: Vec::new(),
        found: fingerprint.map(|fingerprint| RecordedFinding {
            rule: "timeout".into(),
            fingerprint: fingerprint.into(),
            message: String::new(),
        }),
    }
}
