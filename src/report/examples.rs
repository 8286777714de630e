//! Values made by hand that the tests of reports share.

use std::time::Duration;

use crate::{
    campaign::{Coverage, Reported, Summary},
    case::{Call, Case, Session, Value},
    contract::{Argument, Hook, Platform, PluginType},
    finding::{Finding, Location, Rule, fingerprint},
    report::{Again, Head},
    runtime::{CallTrace, Ending, Exception, Frame, Observed, Origin, Output, Trace},
};

pub(crate) fn head() -> Head {
    Head {
        command: "test",
        name: "MyVault".into(),
        plugin_type: Some(PluginType::CredentialStore),
        version: Some("1.0".into()),
        path: "vault/".into(),
        platform: Platform::newest(),
        python: Some("3.11.7".into()),
        seed: Some(42),
    }
}

pub(crate) fn again() -> Again {
    Again { plugin: "vault/".into(), ..Again::default() }
}

pub(crate) fn finding(rule: Rule) -> Finding {
    Finding {
        rule,
        severity: rule.severity(),
        hook: Some(Hook::GetPasswordList),
        message: "AttributeError: 'list' object has no attribute 'get'".into(),
        location: Some(Location {
            file: "lib/plugin.py".into(),
            line: 92,
            column: 0,
            function: "user_defined_path".into(),
        }),
        fingerprint: fingerprint(rule, Some(Hook::GetPasswordList), "AttributeError", "lib/plugin.py", "path", ""),
        call: Some(0),
        foreign_cookie: false,
        hint: None,
    }
}

pub(crate) fn session() -> Session {
    let arguments = vec![
        (Argument::SessionId, "s-1".into()),
        (Argument::ClientIp, "fe80::1".into()),
        (Argument::GatewayPassword, "correct horse".into()),
        (Argument::GatewayDomain, Value::Null),
        (Argument::ServerUsername, "a\u{202e}b".into()),
    ];
    let mut session = Session::new(vec![
        Call::new(Hook::GetPasswordList, arguments),
        Call::new(Hook::SessionEnded, vec![(Argument::SessionId, "s-1".into())]),
    ]);
    session.session_cookie = Value::Dict(vec![("questions".into(), Value::List(vec!["vp".into()]))]);
    session
}

pub(crate) fn call(hook: Hook, call: usize, ending: Ending) -> CallTrace {
    CallTrace {
        call,
        round: 0,
        hook,
        answer_is_secret: false,
        ending,
        stdout: Output::default(),
        stderr: Output::default(),
        elapsed: Duration::from_micros(1240),
        files: Vec::new(),
    }
}

pub(crate) fn trace() -> Trace {
    let text = |text: &str| Observed::Str(text.into());
    let result = Observed::Dict(vec![
        (text("passwords"), Observed::List(vec![text("hunter22")])),
        (text("cookie"), Observed::Dict(vec![(text("lease"), Observed::Bytes(b"7".to_vec()))])),
    ]);
    let mut first = call(Hook::GetPasswordList, 0, Ending::Returned(result));
    let log = "INFO vault: \x1b[31mgot hunter22 for correct horse\n";
    first.stderr = Output { text: log.into(), bytes: log.len() as u64 };
    let exception = Exception {
        type_name: "KeyError".into(),
        message: "'lease'".into(),
        frames: vec![Frame {
            origin: Origin::Plugin,
            file: "main.py".into(),
            function: "session_ended".into(),
            line: 40,
        }],
        in_constructor: false,
    };
    Trace {
        calls: vec![first, call(Hook::SessionEnded, 1, Ending::Raised(exception))],
        cookie: Value::empty_dict(),
        session_cookie: session().session_cookie,
        ..Trace::default()
    }
}

pub(crate) fn case() -> Case {
    Case {
        plugin_type: PluginType::CredentialStore,
        platform: Platform::newest(),
        configuration: None,
        session: session(),
        earlier: Vec::new(),
        found: None,
    }
}

/// A finding with its case, the first of group `group`.
pub(crate) fn reported(rule: Rule, group: usize) -> Reported {
    let finding = finding(rule);
    Reported {
        occurrences: 118,
        case: Some(case()),
        case_path: Some(format!("corpora/MyVault/{}.json", finding.fingerprint).into()),
        call: Some(trace().calls.remove(0)),
        finding,
        group,
        every_session: false,
    }
}

pub(crate) fn summary(reported: Vec<Reported>) -> Summary {
    Summary {
        sessions: 1000,
        calls: 3712,
        elapsed: Duration::from_millis(1930),
        coverage: Coverage { lines_hit: 61, lines: 74, is_sampled: false, files: Vec::new() },
        reported,
        ..Summary::default()
    }
}
