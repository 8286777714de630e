//! [`WorkItem`]: the batch that a thread runs next.

use std::sync::Arc;

use crate::{case::Session, generate::Dictionary};

/// A batch to run.
pub(super) struct WorkItem {
    /// The number of the batch.
    pub(super) batch: u64,
    /// The number of its first session.
    pub(super) first: u64,
    /// Whether it has the nominal sessions.
    pub(super) is_nominal: bool,
    pub(super) inputs: Vec<InputPlan>,
    /// The dictionary so far.
    pub(super) dictionary: Arc<Dictionary>,
}

/// How to make one session. The thread that runs the session also makes it, outside the lock.
pub(super) enum InputPlan {
    /// Take this session as it is.
    Given(Box<Session>),
    /// The nominal session with this number.
    Nominal(u64),
    /// The generated session with this number.
    Generated(u64),
    /// A mutation.
    Mutation {
        /// The mutation depends only on this seed and on the two sessions.
        seed: u64,
        parent: Arc<Session>,
        /// A session to splice from.
        donor: Option<Arc<Session>>,
    },
}
