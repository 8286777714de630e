//! How far a session departs from a nominal one.

/// How often a generator of sessions takes an unusual value, leaves a value out, or departs from the nominal order of
/// calls.
#[derive(Clone, Copy, Debug)]
pub(super) struct Anomaly {
    /// How many of 256 values are unusual.
    pub(super) unusual: u8,
    /// How many of 256 values that may be None are None.
    pub(super) absent: u8,
    /// Whether calls, cookies and answers may differ from those of a nominal session.
    pub(super) may_deviate: bool,
}

impl Anomaly {
    /// Every value is plain and present, every hook is called once.
    pub(super) const NOMINAL: Self = Self { unusual: 0, absent: 0, may_deviate: false };

    /// Most sessions have one or two anomalies, so that the code behind a plugin's first check is reached as well. In
    /// some sessions nearly every value is unusual.
    pub(super) const ALL: [Self; 5] = [
        Self { unusual: 10, absent: 12, may_deviate: true },
        Self { unusual: 30, absent: 24, may_deviate: true },
        Self { unusual: 80, absent: 40, may_deviate: true },
        Self { unusual: 140, absent: 64, may_deviate: true },
        Self { unusual: 220, absent: 100, may_deviate: true },
    ];
}
