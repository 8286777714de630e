//! The plugins of these tests, and how they are run.

use std::{path::Path, sync::Arc, time::Duration};

use hookstorm::{
    case::{Call, Session, Value},
    contract::{Argument, Hook, HookSpec, Platform, PluginType},
    runtime::{Executor, Isolation, Limits, Network, Sandbox, Target, Worker},
    trace::{LoadEnding, Loading, Trace},
};

pub(crate) const BOTH: [Isolation; 2] = [Isolation::Persistent, Isolation::Isolated];

/// A folder with a plugin of that text.
pub(crate) struct Folder(pub(crate) tempfile::TempDir);

impl Folder {
    pub(crate) fn new(main: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("main.py"), main).unwrap();
        Self(folder)
    }

    pub(crate) fn target(&self) -> Target {
        target(self.0.path(), PluginType::CredentialStore)
    }
}

pub(crate) fn target(root: &Path, plugin_type: PluginType) -> Target {
    Target {
        root: std::fs::canonicalize(root).unwrap(),
        entry_point: "main.py".into(),
        plugin_type,
        platform: Platform::newest(),
        configuration: String::new(),
        services: hookstorm::case::Value::empty_dict(),
        venv: None,
        limits: Limits { timeout: Duration::from_secs(10), ..Limits::default() },
        network: Network::Closed,
        sandbox: Sandbox::default(),
        coverage: true,
        instrument: false,
    }
}

pub(crate) fn start(target: Target) -> (Worker, Loading) {
    let (worker, loading) = Worker::start(&Arc::new(target)).unwrap();
    assert_eq!(loading.import, LoadEnding::Done, "{}", loading.output);
    (worker, loading)
}

/// A call with a plain value for everything that the platform passes.
pub(crate) fn call(hook: Hook) -> Call {
    let plugin_type =
        if matches!(hook, Hook::Authenticate | Hook::Authorize) { PluginType::Aa } else { PluginType::CredentialStore };
    let spec: &HookSpec = hook.spec(plugin_type).unwrap();
    let arguments = spec
        .arguments(Platform::newest())
        .filter(|argument| !matches!(argument, Argument::Cookie | Argument::SessionCookie))
        .map(|argument| {
            let value = match argument {
                Argument::KeyValuePairs => Value::empty_dict(),
                Argument::GatewayGroups => Value::List(vec![Value::text("g")]),
                Argument::ClientPort | Argument::TargetPort | Argument::ServerPort => Value::Int(22),
                other => Value::text(other.name()),
            };
            (argument, value)
        })
        .collect();
    Call::new(hook, arguments)
}

pub(crate) fn store_session() -> Session {
    Session::new(vec![call(Hook::GetPasswordList), call(Hook::AuthenticationCompleted), call(Hook::SessionEnded)])
}

pub(crate) fn one(worker: &mut Worker, session: &Session, isolation: Isolation) -> Trace {
    worker.run(std::slice::from_ref(session), isolation).unwrap().pop().unwrap()
}

pub(crate) const STORE: &str = "
class Plugin:
    def __init__(self, configuration):
        self.configuration = configuration
    def get_private_key_list(self):
        pass
    def authentication_completed(self, cookie, session_cookie):
        return {'cookie': cookie, 'session_cookie': session_cookie}
    def session_ended(self, **kwargs):
        return {'seen': kwargs}
";

pub(crate) fn store(get_password_list: &str) -> Folder {
    Folder::new(&format!("{STORE}{get_password_list}"))
}
