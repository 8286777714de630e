//! What one user connection does: calls in order, with the cookies that the first one gets.

use serde::{Deserialize, Serialize};

use crate::{
    case::Value,
    contract::{Argument, Hook},
};

/// An ordered list of calls with the cookies that are carried between them.
///
/// The cookies here are what the first call gets; later calls get what came back, so no call's arguments hold them.
#[derive(Clone, Debug, PartialEq)]
pub struct Session {
    /// What the plugin's first call gets as `cookie`. The platform passes `{}`; anything else is a foreign cookie.
    pub cookie: Value,
    /// What the plugin's first call gets as `session_cookie`: any JSON object, since other plugins made it.
    pub session_cookie: Value,
    /// The calls in order.
    pub calls: Vec<Call>,
    /// Options that are set for this session, on top of the configuration in use.
    pub options: Vec<SetOption>,
    /// What the platform's own services hold when the session begins \[S\]: a dict with a key for each service. What
    /// is absent is empty.
    pub services: Value,
}

/// An option of the configuration with a value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetOption {
    /// Its section.
    pub section: String,
    /// Its name, in lower case.
    pub name: String,
    /// Its value.
    pub value: String,
}

impl SetOption {
    /// Section, name and value, as the reader of configurations takes them.
    pub fn assignment(&self) -> (&str, &str, &str) {
        (&self.section, &self.name, &self.value)
    }
}

/// One invocation of a hook.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// Which hook.
    pub hook: Hook,
    /// Whether it goes to the other plugin of a session of two (`--with`) instead of the one under test.
    pub other: bool,
    /// What is passed, without the cookies. An argument that is absent is not passed.
    pub arguments: Vec<(Argument, Value)>,
    /// What the user answers, in turn, when the verdict is NEEDINFO: the hook is called again with the answer in
    /// `key_value_pairs` until it asks nothing more or no answer is left. Answers stay in the later calls' pairs \[A\].
    pub answers: Vec<String>,
    /// Whether the platform ends this call at its time limit: its result is dropped and the calls after it get empty
    /// cookies \[G\].
    pub cut_off: bool,
}

impl Session {
    /// A session of `calls` with empty cookies.
    pub const fn new(calls: Vec<Call>) -> Self {
        Self {
            cookie: Value::empty_dict(),
            session_cookie: Value::empty_dict(),
            calls,
            options: Vec::new(),
            services: Value::empty_dict(),
        }
    }

    /// Whether the first call gets a cookie that the plugin never returned.
    pub fn has_foreign_cookie(&self) -> bool {
        !self.cookie.is_empty_dict()
    }
}

impl Call {
    /// A call of the plugin under test.
    pub const fn new(hook: Hook, arguments: Vec<(Argument, Value)>) -> Self {
        Self { hook, other: false, arguments, answers: Vec::new(), cut_off: false }
    }

    /// What is passed as `argument`.
    pub fn argument(&self, argument: Argument) -> Option<&Value> {
        self.arguments.iter().find(|(known, _)| *known == argument).map(|(_, value)| value)
    }
}
