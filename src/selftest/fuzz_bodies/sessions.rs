//! Targets that make or read sessions and cases.

use arbitrary::Unstructured;

use crate::{
    case::{Case, CaseError, Session, Value},
    contract::{Hook, Platform, PluginType},
    generate::{self, Domain, contract_violation},
    runtime::protocol::wire::{Reader, Writer},
    trace::{Observed, OptionToken, PluginTokens},
};

/// Any bytes give a session that keeps the contract, and that stays the same when it is written and read again.
pub(super) fn arguments(data: &[u8]) {
    let Some((&first, rest)) = data.split_first() else { return };
    let plugin_type = if first % 2 == 0 { PluginType::CredentialStore } else { PluginType::Aa };
    let platform = &Platform::all()[usize::from(first / 2) % Platform::all().len()];
    let domain = domain(plugin_type, platform);
    let Ok(session) = generate::session(&mut Unstructured::new(rest), &domain) else { return };
    assert_eq!(contract_violation(&session, &domain), None);
    written_and_read(plugin_type, platform, session);
}

/// A domain with tokens of every kind.
fn domain(plugin_type: PluginType, platform: &'static Platform) -> Domain {
    let option = OptionToken { section: "pins".into(), name: "bob".into(), value: Some("tin-saddle, 10.0.0.1".into()) };
    let tokens = PluginTokens {
        strings: ["vp", "questions", "(\\w+)://(.*)", "srv1.example.com"].map(str::to_owned).to_vec(),
        numbers: vec![8200, -1],
        options: vec![option],
        ..PluginTokens::default()
    };
    Domain::new(plugin_type, platform, Hook::ALL.to_vec(), tokens)
}

/// Case JSON and the wire carry the session unchanged.
fn written_and_read(plugin_type: PluginType, platform: &'static Platform, session: Session) {
    let mut writer = Writer::default();
    writer.session(&session);
    assert_eq!(Reader::new(&writer.bytes).session().as_ref(), Ok(&session));
    let case = Case { plugin_type, platform, configuration: None, session, earlier: Vec::new(), found: None };
    let text = case.to_json();
    match Case::from_json(&text) {
        Ok(read) => assert_eq!(read, case),
        Err(error) => panic!("a written case is refused: {error}\n{text}"),
    }
}

/// Any JSON object is a cookie. Cases, the wire and a plugin that returns it leave it unchanged.
pub(super) fn cookie(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(value) = serde_json::from_str::<Value>(text) else { return };
    let Value::Dict(_) = &value else { return };
    let observed = Observed::from(&value);
    assert_eq!(observed.through_json().as_ref(), Some(&value));
    let session = Session { session_cookie: value.clone(), cookie: value, ..Session::new(Vec::new()) };
    written_and_read(PluginType::CredentialStore, Platform::newest(), session);
}

/// Any text is read as a case, or refused with a message. A case stays the same when it is written and read again, with
/// its note and without. A text of a later format is refused for that reason, whatever else it contains.
pub(super) fn case(data: &[u8]) {
    #[derive(serde::Deserialize)]
    struct FormatOnly {
        format: u64,
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    let later = serde_json::from_str::<FormatOnly>(text).is_ok_and(|read| read.format != 1);
    let case = match Case::from_json(text) {
        Ok(case) => case,
        Err(error) => {
            assert_eq!(later, matches!(error, CaseError::Format(_)), "{error}");
            assert!(!error.to_string().is_empty(), "a refusal has a message");
            return;
        }
    };
    assert!(!later, "a later format is refused");
    let (plain, file) = (case.to_json(), case.to_file());
    for written in [&plain, &file] {
        match Case::from_json(written) {
            Ok(read) => assert_eq!(read, case),
            Err(error) => panic!("a written case is refused: {error}\n{written}"),
        }
    }
    assert_eq!(Case::without_note(file.as_bytes()), plain.as_bytes());
    let mut writer = Writer::default();
    writer.session(&case.session);
    assert_eq!(Reader::new(&writer.bytes).session().as_ref(), Ok(&case.session));
}
