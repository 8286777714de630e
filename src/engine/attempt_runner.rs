//! [`AttemptRunner`]: where shrinking runs its candidates.

use crate::{
    case::Session,
    engine::{
        Plan, Setup,
        reproducer::{Reproduced, Reproducer},
        reproducer_pool::ReproducerPool,
    },
    runtime::RuntimeError,
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

    /// Runs the candidates. The results are in their order.
    pub(super) fn run(
        &mut self,
        candidates: &[Session],
        attempt: &Attempt<'_>,
    ) -> Result<Vec<Option<Reproduced>>, RuntimeError> {
        match self {
            Self::One(reproducer) => candidates.iter().map(|session| attempt(reproducer, session)).collect(),
            Self::Pool(pool, setup) => {
                let run = |session: &Session| pool.with(setup, |reproducer| attempt(reproducer, session));
                pool.map(candidates, run).into_iter().collect()
            }
        }
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
