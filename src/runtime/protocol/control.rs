//! The commands of the host and the replies of the zygote and its runner: packets of a few bytes, each with its meaning
//! in the first one.

/// What the host sends: [`command::BATCH`] to a runner, everything else to the zygote.
pub mod command {
    /// Import the plugin that the request area describes.
    pub const LOAD: u8 = b'L';
    /// Fork a child that constructs `Plugin` and reports the result.
    pub const CONSTRUCT: u8 = b'N';
    /// Fork a child that makes the one call in the request area.
    pub const CALL: u8 = b'C';
    /// Fork a runner.
    pub const RUNNER: u8 = b'R';
    /// Run the batch in the request area.
    pub const BATCH: u8 = b'b';
    /// Fork children that exit at once; their number is in the next four bytes. For the benches.
    pub const FORKS: u8 = b'B';
    /// Send the signal in the next byte to the child.
    pub const SIGNAL: u8 = b'S';
}

/// What the host receives.
pub mod reply {
    /// The zygote runs. A [`Started`](crate::runtime::protocol::start::Started) follows as JSON. With it come a
    /// descriptor of the zygote's process and, if a scratch folder is mounted for this worker alone, one of that
    /// folder.
    pub const STARTED: u8 = b'w';
    /// The worker's program cannot be executed. The four bytes that follow are the `errno`.
    pub const NOT_STARTED: u8 = b'n';
    /// The plugin was loaded, or could not be; the reply area has the result.
    pub const LOADED: u8 = b'l';
    /// The child ended. The four bytes that follow are its exit status, or the negative of the signal that ended it.
    pub const ENDED: u8 = b'x';
    /// The runner has finished the batch, or as much of it as the reply area holds.
    pub const DONE: u8 = b'd';
    /// The same, and the runner exits: another one is to run the rest.
    pub const RETIRED: u8 = b'r';
}
