//! [`KnownHangs`]: the places at which a run has confirmed a timeout. Sessions that reach one of them again are ended
//! early, since each would cost the time limit again and show nothing new.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{
    case::Session,
    engine::reproducer::Reproduced,
    finding::{Finding, Fingerprint, Rule},
    runtime::KnownHang,
};

/// How often confirming a timeout is tried between two looks of triage: each try costs five times the limit.
const TRIES: u32 = 2;

/// The places. Clones belong to the same run.
#[derive(Clone, Debug, Default)]
pub(super) struct KnownHangs(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    places: Vec<KnownHang>,
    tries: BTreeMap<Fingerprint, u32>,
    /// Confirmed before triage came to them.
    confirmed: Vec<Reproduced>,
}

impl KnownHangs {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The places so far.
    pub(super) fn places(&self) -> Vec<KnownHang> {
        self.known().places.clone()
    }

    /// Whether to confirm this finding at once. True for one thread at a time, and not often.
    pub(super) fn wants(&self, finding: &Finding) -> bool {
        if finding.rule != Rule::Timeout {
            return false;
        }
        let tries = &mut self.known().tries;
        let tried = tries.entry(finding.fingerprint.clone()).or_default();
        *tried += 1;
        *tried <= TRIES
    }

    /// A timeout was confirmed.
    pub(super) fn add(&self, reproduced: &Reproduced) {
        let call = reproduced.finding.call.and_then(|call| reproduced.trace.calls.get(call));
        let Some(hang) = call.and_then(|call| KnownHang::of(call.hook, call.ending.frames())) else { return };
        let mut known = self.known();
        known.tries.insert(reproduced.finding.fingerprint.clone(), TRIES);
        if !known.places.contains(&hang) {
            known.places.push(hang);
        }
    }

    /// Keeps a confirmed timeout until triage comes to its session.
    pub(super) fn keep(&self, reproduced: Reproduced) {
        self.add(&reproduced);
        self.known().confirmed.push(reproduced);
    }

    /// The timeout of this session, if it was confirmed already.
    pub(super) fn take(&self, session: &Session, finding: &Finding) -> Option<Reproduced> {
        let confirmed = &mut self.known().confirmed;
        let is_it = |one: &Reproduced| one.finding.fingerprint == finding.fingerprint && one.session == *session;
        let at = confirmed.iter().position(is_it)?;
        Some(confirmed.swap_remove(at))
    }
}
