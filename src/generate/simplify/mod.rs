//! Makes a session smaller while it still shows what it showed: fewest calls, then fewest options and services, fewest
//! arguments, then simplest values, then no answers and no cut.
//!
//! [`Shrinker`] proposes, its caller tries. It ends after at most [`TRIES_LIMIT`] proposals, proposes nothing twice, and
//! keeps the contract: a value is changed in all calls that tell it, calls keep their order. It works by halves (delta
//! debugging), since most of a session does not matter, and a try costs a run of the plugin.

mod leaves;
mod slots;
mod stages;

use std::{
    collections::HashSet,
    hash::{DefaultHasher, Hash, Hasher},
};

use crate::{
    case::{Session, Value, check_services},
    contract::{Argument, Hook},
    generate::violation::keep_order,
};
use leaves::LeafCursor;
use stages::Stage;

/// The most candidates that one shrinker proposes. Typical sessions need a fifth of it.
pub const TRIES_LIMIT: usize = 800;

/// How often all is gone through: simpler values may make more calls needless.
const ROUNDS_LIMIT: usize = 3;

/// Proposes simpler sessions until none is left.
///
/// ```
/// use hookstorm::{
///     contract::{Argument, Hook, Platform, PluginType},
///     generate::{Domain, PluginTokens, nth_session, simplify::Shrinker},
/// };
///
/// let domain = Domain::new(PluginType::Aa, Platform::newest(), Hook::ALL.to_vec(), PluginTokens::default());
/// let mut shrinker = Shrinker::new(nth_session(&domain, 1, 1));
/// while let Some(candidate) = shrinker.next_candidate() {
///     // Here a plugin would be run.
///     if candidate.calls.iter().any(|call| call.argument(Argument::ClientIp).is_some()) {
///         shrinker.accept(candidate);
///     }
/// }
/// assert_eq!(shrinker.session().calls.len(), 1);
/// assert_eq!(shrinker.session().calls[0].arguments, [(Argument::ClientIp, "10.0.0.2".into())]);
/// ```
#[derive(Debug)]
pub struct Shrinker {
    session: Session,
    /// Arguments that must stay.
    kept: HashSet<(Hook, Argument)>,
    /// Whether the session keeps the order of calls, so that its smaller ones must.
    is_ordered: bool,
    stage: Stage,
    range: RangeCursor,
    leaf: LeafCursor,
    round: usize,
    /// Whether anything was accepted in this round.
    changed: bool,
    /// Whether a candidate is out of which nothing was heard yet.
    pending: bool,
    /// Digests of what was proposed.
    proposed: HashSet<u64>,
}

/// Which items of a stage are tried together: all, then halves, and so on down to each alone.
#[derive(Clone, Copy, Debug)]
struct RangeCursor {
    size: usize,
    start: usize,
}

impl RangeCursor {
    const FRESH: Self = Self { size: usize::MAX, start: 0 };
}

impl Shrinker {
    /// A shrinker for a session that shows something.
    pub fn new(session: Session) -> Self {
        Self::keeping(session, [])
    }

    /// The same, where these arguments stay in their hooks: a hook that cannot do without them would only show another
    /// defect, and one that the platform cannot cause.
    pub fn keeping(session: Session, kept: impl IntoIterator<Item = (Hook, Argument)>) -> Self {
        Self {
            is_ordered: keep_order(&session.calls),
            proposed: HashSet::from([digest(&session)]),
            session,
            kept: kept.into_iter().collect(),
            stage: Stage::FIRST,
            range: RangeCursor::FRESH,
            leaf: LeafCursor::default(),
            round: 0,
            changed: false,
            pending: false,
        }
    }

    /// The smallest session that was accepted.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// The smallest session that was accepted.
    pub fn into_session(self) -> Session {
        self.session
    }

    /// A simpler session to try. Unless it is given to [`Shrinker::accept`] before the next one is asked for, it did not
    /// show what is looked for. `None` when nothing simpler is left.
    pub fn next_candidate(&mut self) -> Option<Session> {
        if std::mem::take(&mut self.pending) {
            self.advance();
        }
        while self.proposed.len() <= TRIES_LIMIT {
            match self.propose() {
                Some(Some(candidate)) if self.is_allowed(&candidate) && self.proposed.insert(digest(&candidate)) => {
                    self.pending = true;
                    return Some(candidate);
                }
                Some(_) => self.advance(),
                None => self.next_stage()?,
            }
        }
        None
    }

    /// Takes what [`Shrinker::next_candidate`] gave: it still shows what is looked for.
    pub fn accept(&mut self, session: Session) {
        self.session = session;
        self.changed = true;
        if std::mem::take(&mut self.pending) && self.stage == Stage::Leaves {
            self.leaf.accepted();
        }
        // What was removed or made plain is no item any more, so a range stands on the next ones by itself.
    }

    /// What comes next in this stage: `None` where it is through, `Some(None)` where this item allows nothing.
    fn propose(&mut self) -> Option<Option<Session>> {
        if self.stage == Stage::Leaves {
            return self.leaf.propose(&self.session);
        }
        let count = self.stage.count(&self.session, &self.kept);
        let RangeCursor { size, start } = &mut self.range;
        *size = (*size).min(count);
        if *start >= count {
            *start = 0;
            *size = if *size > 1 { size.div_ceil(2) } else { 0 };
        }
        if *size == 0 {
            return None;
        }
        Some(self.stage.apply(&self.session, &self.kept, *start..(*start + *size).min(count)))
    }

    fn advance(&mut self) {
        if self.stage == Stage::Leaves {
            self.leaf.advance();
        } else {
            self.range.start = self.range.start.saturating_add(self.range.size);
        }
    }

    /// Goes on to the next stage or round; `None` after the last.
    fn next_stage(&mut self) -> Option<()> {
        self.range = RangeCursor::FRESH;
        self.leaf = LeafCursor::default();
        match self.stage.next(self.round) {
            Some(stage) => self.stage = stage,
            None => {
                self.round += 1;
                if !std::mem::take(&mut self.changed) || self.round >= ROUNDS_LIMIT {
                    return None;
                }
                self.stage = Stage::FIRST;
            }
        }
        Some(())
    }

    fn is_allowed(&self, candidate: &Session) -> bool {
        !candidate.calls.is_empty()
            && (!self.is_ordered || keep_order(&candidate.calls))
            // What the services hold keeps its shape: a certificate without its middle is no simpler one.
            && (candidate.services == self.session.services || check_services(&candidate.services).is_ok())
    }
}

/// A number that tells sessions apart.
fn digest(session: &Session) -> u64 {
    let mut hasher = DefaultHasher::new();
    digest_value(&session.cookie, &mut hasher);
    digest_value(&session.session_cookie, &mut hasher);
    digest_value(&session.services, &mut hasher);
    for option in &session.options {
        (&option.section, &option.name, &option.value).hash(&mut hasher);
    }
    for call in &session.calls {
        (call.hook, call.other, &call.answers, call.cut_off, call.arguments.len()).hash(&mut hasher);
        for (argument, value) in &call.arguments {
            argument.hash(&mut hasher);
            digest_value(value, &mut hasher);
        }
    }
    hasher.finish()
}

fn digest_value(value: &Value, hasher: &mut DefaultHasher) {
    std::mem::discriminant(value).hash(hasher);
    match value {
        Value::Null => {}
        Value::Bool(flag) => flag.hash(hasher),
        Value::Int(number) => number.hash(hasher),
        Value::BigInt(digits) => digits.hash(hasher),
        Value::Float(number) => number.to_bits().hash(hasher),
        Value::Str(text) => text.hash(hasher),
        Value::List(items) => {
            items.len().hash(hasher);
            items.iter().for_each(|item| digest_value(item, hasher));
        }
        Value::Dict(entries) => {
            entries.len().hash(hasher);
            for (key, value) in entries {
                key.hash(hasher);
                digest_value(value, hasher);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        case::Call,
        contract::{Platform, PluginType},
        generate::{Domain, contract_violation, contract_violation_of_two, nth_session, nth_two_plugin_session},
        trace::PluginTokens,
    };

    fn domain(plugin_type: PluginType) -> Domain {
        let strings = ["vp", "questions"].map(str::to_owned).to_vec();
        Domain::new(
            plugin_type,
            Platform::newest(),
            Hook::ALL.to_vec(),
            PluginTokens { strings, ..PluginTokens::default() },
        )
    }

    /// The minima of the first 40 sessions that show it, each held against the contract on its way.
    fn minima(plugin_type: PluginType, shows: impl Fn(&Session) -> bool) -> Vec<Session> {
        let domain = domain(plugin_type);
        let sessions =
            (0..200_000).map(|index| nth_session(&domain, 5, index)).filter(|session| shows(session)).take(40);
        let minima: Vec<Session> = sessions
            .map(|session| {
                let mut shrinker = Shrinker::new(session.clone());
                let mut tries = 0;
                while let Some(candidate) = shrinker.next_candidate() {
                    tries += 1;
                    assert_eq!(contract_violation(&candidate, &domain), None, "{candidate:#?}");
                    if shows(&candidate) {
                        shrinker.accept(candidate);
                    }
                }
                assert!(tries < 400, "{tries} tries for {session:#?}");
                shrinker.into_session()
            })
            .collect();
        assert_eq!(minima.len(), 40);
        minima
    }

    fn call(session: &Session, hook: Hook) -> Option<&Call> {
        session.calls.iter().find(|call| call.hook == hook)
    }

    fn bare(hook: Hook) -> Call {
        Call::new(hook, Vec::new())
    }

    #[test]
    fn an_address_that_is_split_at_a_colon_becomes_the_simplest_ipv6_address() {
        let minima = minima(PluginType::CredentialStore, |session| {
            let address = |call: &Call| call.argument(Argument::ServerIp)?.as_str().map(|text| text.contains(':'));
            call(session, Hook::GetPasswordList).and_then(address) == Some(true)
        });
        let smallest = Call::new(Hook::GetPasswordList, vec![(Argument::ServerIp, "::1".into())]);
        assert!(minima.iter().all(|session| *session == Session::new(vec![smallest.clone()])), "{minima:#?}");
    }

    #[test]
    fn a_cookie_keeps_only_the_entry_that_matters() {
        let minima = minima(PluginType::CredentialStore, |session| {
            matches!(session.session_cookie.get("questions"), Some(Value::List(_)))
        });
        for session in minima {
            assert_eq!(session.session_cookie, Value::Dict(vec![("questions".into(), Value::List(Vec::new()))]));
            assert_eq!((session.calls.len(), session.calls[0].arguments.len()), (1, 0), "{session:#?}");
        }
    }

    #[test]
    fn none_in_the_second_call_stays_none_while_the_first_call_is_needed() {
        let minima = minima(PluginType::CredentialStore, |session| {
            let groups = |call: &Call| call.argument(Argument::GatewayGroups) == Some(&Value::Null);
            session.calls.get(1).is_some_and(groups)
        });
        for session in minima {
            assert_eq!(session.calls.len(), 2, "{session:#?}");
            assert_eq!(session.calls[0].arguments, []);
            assert_eq!(session.calls[1].arguments, [(Argument::GatewayGroups, Value::Null)]);
        }
    }

    #[test]
    fn a_hook_keeps_the_call_without_which_it_is_never_reached() {
        let ended = minima(PluginType::CredentialStore, |session| call(session, Hook::SessionEnded).is_some());
        for session in ended {
            assert_eq!(session.calls.len(), 2, "{session:#?}");
            assert!(
                matches!(session.calls[0].hook, Hook::GetPasswordList | Hook::GetPrivateKeyList)
                    || session.calls[0].cut_off
            );
        }
        let authorize = minima(PluginType::Aa, |session| call(session, Hook::Authorize).is_some());
        let smallest = Session::new(vec![bare(Hook::Authenticate), bare(Hook::Authorize)]);
        assert!(authorize.iter().all(|session| *session == smallest), "{authorize:#?}");
    }

    #[test]
    fn text_loses_what_does_not_matter() {
        let minima = minima(PluginType::Aa, |session| {
            let user = |call: &Call| call.argument(Argument::TargetUsername)?.as_str().map(|text| text.contains('%'));
            call(session, Hook::Authenticate).and_then(user) == Some(true)
        });
        let smallest = Call::new(Hook::Authenticate, vec![(Argument::TargetUsername, "%".into())]);
        assert!(minima.iter().all(|session| *session == Session::new(vec![smallest.clone()])), "{minima:#?}");
    }

    #[test]
    fn numbers_and_answers_that_matter_stay_and_are_small() {
        let minima = minima(PluginType::Aa, |session| {
            call(session, Hook::Authenticate).is_some_and(|call| {
                call.answers.len() >= 2 && matches!(call.argument(Argument::ClientPort), Some(Value::Int(1024..)))
            })
        });
        for session in minima {
            assert_eq!(session.calls[0].arguments, [(Argument::ClientPort, 50000.into())]);
            assert_eq!(session.calls[0].answers, ["4nsw3r-Qz7-alice"; 2]);
        }
    }

    #[test]
    fn what_a_signature_demands_is_never_taken_away() {
        let domain = domain(PluginType::CredentialStore);
        let kept = [Argument::ClientIp, Argument::ServerPort].map(|argument| (Hook::GetPasswordList, argument));
        let mut shrinker = Shrinker::keeping(nth_session(&domain, 5, 0), kept);
        while let Some(candidate) = shrinker.next_candidate() {
            for call in candidate.calls.iter().filter(|call| call.hook == Hook::GetPasswordList) {
                assert!(kept.iter().all(|(_, argument)| call.argument(*argument).is_some()));
            }
            if call(&candidate, Hook::GetPasswordList).is_some() {
                shrinker.accept(candidate);
            }
        }
        let smallest = vec![(Argument::ClientIp, "10.0.0.2".into()), (Argument::ServerPort, 22.into())];
        assert_eq!(*shrinker.session(), Session::new(vec![Call::new(Hook::GetPasswordList, smallest)]));
    }

    #[test]
    fn options_and_services_that_do_not_matter_go_and_the_entry_that_does_stays() {
        let domain = domain(PluginType::CredentialStore);
        let option = |name: &str| crate::case::SetOption {
            section: "ldap_server".into(),
            name: name.into(),
            value: "ad".into(),
        };
        let services = r#"{"memory_cache": {"a": "1", "b": "2"}, "user_lists": {"vip": {"allow": "no_user", "except": ["x"]}},
            "ldap": {"ad": {"users": {"alice": {"mail": "alice@example.com", "cn": "alice"}, "bob": {}}, "groups": {}}},
            "trusted_ca_lists": {"corp": {"certs": ["-----BEGIN CERTIFICATE-----\nabc"]}}}"#;
        let session = Session {
            options: vec![option("name"), option("other"), option("third")],
            services: serde_json::from_str(services).unwrap(),
            ..nth_session(&domain, 5, 0)
        };
        let user = |session: &Session| session.services.get("ldap")?.get("ad")?.get("users")?.get("alice").cloned();
        let mut shrinker = Shrinker::new(session);
        let mut tries = 0;
        while let Some(candidate) = shrinker.next_candidate() {
            tries += 1;
            assert_eq!(contract_violation(&candidate, &domain), None, "{candidate:#?}");
            let is_named = candidate.options.iter().any(|option| option.name == "name");
            let mail = user(&candidate).and_then(|user| user.get("mail")?.as_str().map(str::to_owned));
            if is_named && mail.is_some_and(|mail| mail.contains('@')) {
                shrinker.accept(candidate);
            }
        }
        let session = shrinker.into_session();
        assert_eq!(session.options, [option("name")]);
        assert_eq!(session.services.to_string(), r#"{"ldap":{"ad":{"users":{"alice":{"mail":"@"}}}}}"#);
        assert!(session.calls.len() == 1 && session.calls[0].arguments.is_empty() && tries < 200, "{tries}");
    }

    #[test]
    fn sessions_of_two_plugins_keep_the_contract_of_both_while_they_shrink() {
        let (aa, store) = (domain(PluginType::Aa), domain(PluginType::CredentialStore));
        for index in 0..200 {
            let session = nth_two_plugin_session(&aa, &store, PluginType::CredentialStore, 7, index);
            let mut shrinker = Shrinker::new(session);
            let mut tries = 0;
            while let Some(candidate) = shrinker.next_candidate() {
                tries += 1;
                assert_eq!(contract_violation_of_two(&candidate, &store, &aa), None, "{candidate:#?}");
                // Any other rule that comes and goes with what changes would do.
                if digest(&candidate).is_multiple_of(3) {
                    shrinker.accept(candidate);
                }
            }
            assert!(tries < TRIES_LIMIT, "{index}: {tries}");
        }
    }

    #[test]
    fn a_session_of_which_everything_matters_ends_as_well() {
        let domain = domain(PluginType::CredentialStore);
        for index in 0..200 {
            let session = nth_session(&domain, 6, index);
            let mut shrinker = Shrinker::new(session.clone());
            let tries = std::iter::from_fn(|| shrinker.next_candidate()).count();
            assert!(tries <= TRIES_LIMIT);
            assert_eq!(*shrinker.session(), session);
        }
    }
}
