//! The first bytes of values, endings and records.

/// The first byte of a value.
pub mod tag {
    #![expect(missing_docs, reason = "each is named after the variant of Observed that it begins")]
    pub const NONE: u8 = 0;
    pub const FALSE: u8 = 1;
    pub const TRUE: u8 = 2;
    pub const INT: u8 = 3;
    pub const BIG_INT: u8 = 4;
    pub const FLOAT: u8 = 5;
    pub const STR: u8 = 6;
    pub const BROKEN_STR: u8 = 7;
    pub const BYTES: u8 = 8;
    pub const LIST: u8 = 9;
    pub const TUPLE: u8 = 10;
    pub const SET: u8 = 11;
    pub const DICT: u8 = 12;
    pub const CYCLE: u8 = 13;
    pub const TRUNCATED: u8 = 14;
    pub const OBJECT: u8 = 15;
}

/// The first byte of the ending of a call.
pub mod ending {
    #![expect(missing_docs, reason = "each is named after the variant of Ending that it begins")]
    pub const RETURNED: u8 = 0;
    pub const RAISED: u8 = 1;
    pub const EXITED: u8 = 2;
    pub const OUT_OF_MEMORY: u8 = 3;
    pub const CUT_OFF: u8 = 4;
}

/// The first byte of a record in the reply.
pub mod record {
    /// A call that ended, for the reader of a call's trace.
    pub const CALL: u8 = 1;
    /// The end of a session: changes, cookie, session_cookie.
    pub const SESSION: u8 = 2;
    /// Before the end of an instrumented session: its edges.
    pub const EDGES: u8 = 3;
    /// Before the end of an instrumented session: its comparisons.
    pub const COMPARISONS: u8 = 4;
    /// After a call that was measured: what it cost.
    pub const CALL_USAGE: u8 = 5;
    /// Now and then before the end of a session that was measured: what the process uses.
    pub const PROCESS_USAGE: u8 = 6;
}
