//! What one user connection does: calls in order, with the cookies for the first one.

use serde::{Deserialize, Serialize};

use crate::{
    case::Value,
    contract::{Argument, Hook},
};

/// An ordered list of calls, with cookies carried between them.
///
/// The first call gets the cookies of the session. Later calls get the cookies that the plugin returned, so the
/// arguments of a call contain none.
#[derive(Clone, Debug, PartialEq)]
pub struct Session {
    /// What the plugin's first call gets as `cookie`. The platform passes `{}` \[G\]; anything else is a foreign
    /// cookie.
    pub cookie: Value,
    /// What the plugin's first call gets as `session_cookie`: any JSON object, because other plugins made it \[G\].
    pub session_cookie: Value,
    /// The calls, in order.
    pub calls: Vec<Call>,
    /// Options that are set for this session, on top of the configuration in use.
    pub options: Vec<SetOption>,
    /// The content of the platform's own services when the session begins \[S\]: a dict with a key for each service. A
    /// service that is absent is empty.
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
    /// Section, name and value, as the functions on configurations take them.
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
    /// The arguments without the cookies. An argument that is absent is not passed.
    pub arguments: Vec<(Argument, Value)>,
    /// What the user answers, in this order, to the verdict NEEDINFO: the hook is called again with the answer in
    /// `key_value_pairs`, until it asks no more or no answer is left. Answers stay in the pairs of later calls \[A\].
    pub answers: Vec<String>,
    /// Whether the platform ends this call at its time limit: it drops the result, and passes empty cookies to the
    /// calls after it \[G\].
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

    /// The value of `argument`, if it is passed.
    pub fn argument(&self, argument: Argument) -> Option<&Value> {
        self.arguments.iter().find(|(known, _)| *known == argument).map(|(_, value)| value)
    }
}
