//! [`AttemptRunner`]: where shrinking runs its candidates.

use crate::{
    case::Session,
    engine::{
        Plan, Setup,
        reproducer::{Reproduced, Reproducer},
        reproducer_pool::ReproducerPool,
    },
    runtime::RuntimeError,
    trace::Trace,
};

/// Runs a candidate session and returns the finding if it still shows.
pub(super) type Attempt<'a> =
    dyn Fn(&mut Reproducer<'_>, &Session) -> Result<Option<Reproduced>, RuntimeError> + Sync + 'a;

/// One worker or several.
pub(super) enum AttemptRunner<'r, 'p> {
    /// Candidates run one after another: in triage, where the other threads have work of their own.
    One(&'r mut Reproducer<'p>),
    /// Candidates run in parallel, in workers for this setup.
    Pool(&'r ReproducerPool<'p>, &'r Setup),
}

impl<'p> AttemptRunner<'_, 'p> {
    pub(super) fn plan(&self) -> &'p Plan<'p> {
        match self {
            Self::One(reproducer) => reproducer.plan,
            Self::Pool(pool, _) => pool.plan,
        }
    }

    /// How many candidates run at once.
    pub(super) fn width(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Pool(pool, _) => pool.jobs(),
        }
    }

    /// Runs the candidates. The results are in their order. An error is the result of its candidate alone: if the
    /// search does not need that candidate, the error does not matter.
    pub(super) fn run(
        &mut self,
        candidates: &[Session],
        attempt: &Attempt<'_>,
    ) -> Vec<Result<Option<Reproduced>, RuntimeError>> {
        match self {
            Self::One(reproducer) => candidates.iter().map(|session| attempt(reproducer, session)).collect(),
            Self::Pool(pool, setup) => {
                pool.map(candidates, |session| pool.with(setup, |reproducer| attempt(reproducer, session)))
            }
        }
    }

    /// Runs a candidate fast: all its calls in one process.
    ///
    /// State that nobody notices may change what a later session shows. One worker runs the candidates in an order that
    /// depends on nothing else, if its process is new when the search begins (see [`Self::forget`]). Of several workers
    /// each would have a past of its own, so there each candidate has a new process.
    pub(super) fn fast_attempt(
        &self,
    ) -> impl Fn(&mut Reproducer<'_>, &Session) -> Result<Trace, RuntimeError> + Sync + use<> {
        let is_alone = matches!(self, Self::One(_));
        move |reproducer, session| {
            if !is_alone {
                return reproducer.after(&[], session);
            }
            let traces = reproducer.persistent(std::slice::from_ref(session))?;
            Ok(traces.into_iter().next().unwrap_or_default())
        }
    }

    /// Makes a worker forget the sessions before: the next one runs in a new process.
    pub(super) fn forget(&mut self, session: &Session) -> Result<(), RuntimeError> {
        if let Self::One(reproducer) = self {
            reproducer.after(&[], session)?;
        }
        Ok(())
    }

    /// Calls `work` with one reproducer.
    pub(super) fn with<T>(
        &mut self,
        work: impl FnOnce(&mut Reproducer<'p>) -> Result<T, RuntimeError>,
    ) -> Result<T, RuntimeError> {
        match self {
            Self::One(reproducer) => work(reproducer),
            Self::Pool(pool, setup) => pool.with(setup, work),
        }
    }
}
