//! How a run went over time, in the report for machines.

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    load::rounded,
    report::{History, Point},
};

/// How far it was at one moment.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct PointJson {
    /// Since the beginning.
    at_seconds: f64,
    /// Sessions that ran.
    sessions: u64,
    /// Calls that ran.
    calls: u64,
    /// Findings that were confirmed.
    findings: usize,
    /// Lines of the plugin's own files that ran; null where they were not counted meanwhile.
    lines_hit: Option<u64>,
}

impl PointJson {
    /// The points of `history`, and the end with what was counted by then.
    pub(super) fn all(history: &History, sessions: u64, calls: u64, findings: usize) -> Vec<Self> {
        let points = history.points();
        let mut all: Vec<Self> = points.iter().map(Self::new).collect();
        let last = points.last();
        all.push(Self {
            at_seconds: rounded(history.elapsed().as_secs_f64()),
            // Counts never become less, whatever a campaign that failed reports.
            sessions: sessions.max(last.map_or(0, |point| point.sessions)),
            calls: calls.max(last.map_or(0, |point| point.calls)),
            findings: findings.max(last.map_or(0, |point| point.findings)),
            lines_hit: last.and_then(|point| point.lines_hit),
        });
        all
    }

    fn new(point: &Point) -> Self {
        Self {
            at_seconds: rounded(point.at.as_secs_f64()),
            sessions: point.sessions,
            calls: point.calls,
            findings: point.findings,
            lines_hit: point.lines_hit,
        }
    }

    /// With the lines that ran by then.
    pub(super) fn reach(&mut self, lines_hit: u64) {
        self.lines_hit = Some(lines_hit.max(self.lines_hit.unwrap_or(0)));
    }
}
