//! What the call that runs has tried. The worker's process or its guardian notes an attempt while it happens, so that
//! the host knows it even if the call never ends.

use std::sync::atomic::Ordering;

use super::SharedMemory;
use crate::trace::AttemptKind;

/// The size of the area.
pub(super) const BYTES: usize = 64 << 10;
/// How many attempts of a call are noted.
const COUNT_LIMIT: usize = 32;
/// How many bytes of a target are noted, and how many of a stack.
const TARGET_LIMIT: usize = 512;
const STACK_LIMIT: usize = 8 << 10;

/// An attempt as it was noted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotedAttempt {
    /// What kind it was.
    pub kind: AttemptKind,
    /// A path, an address or a process.
    pub target: String,
    /// The stack as `faulthandler` writes it; empty if it is unknown.
    pub stack: String,
}

impl SharedMemory {
    /// Notes an attempt of the call that runs, unless it is noted already or there is no room.
    pub fn note_attempt(&self, kind: AttemptKind, target: &str, stack: &str) {
        let noted = self.attempts();
        let target = cut(target, TARGET_LIMIT);
        let stack = cut(stack, STACK_LIMIT);
        let is_known = |one: &NotedAttempt| one.kind == kind && one.target == target && one.stack == stack;
        if noted.len() >= COUNT_LIMIT || noted.iter().any(is_known) {
            return;
        }
        let mut record = vec![kind as u8];
        for text in [target, stack] {
            record.extend_from_slice(&(text.len() as u32).to_le_bytes());
            record.extend_from_slice(text.as_bytes());
        }
        let used = self.header().attempts_bytes.load(Ordering::Acquire) as usize;
        if used > BYTES || record.len() > BYTES - used {
            return;
        }
        self.write_attempts(used, &record);
        self.header().attempts_bytes.store((used + record.len()) as u32, Ordering::Release);
    }

    /// Whether the call that runs has tried anything.
    pub fn has_attempts(&self) -> bool {
        self.header().attempts_bytes.load(Ordering::Acquire) != 0
    }

    /// What the call that runs has tried, as far as the area makes sense.
    pub fn attempts(&self) -> Vec<NotedAttempt> {
        NotedAttempt::read(&self.read_attempts(self.header().attempts_bytes.load(Ordering::Acquire)))
    }

    /// Empties the area, before a call begins.
    pub fn clear_attempts(&self) {
        self.header().attempts_bytes.store(0, Ordering::Release);
    }
}

impl NotedAttempt {
    /// The attempts in `rest`, any bytes, as far as they make sense.
    pub fn read(mut rest: &[u8]) -> Vec<Self> {
        let mut noted = Vec::new();
        while let Some((&kind, after)) = rest.split_first() {
            let (Some(kind), true) = (AttemptKind::numbered(kind), noted.len() < COUNT_LIMIT) else { break };
            rest = after;
            let (Some(target), Some(stack)) = (text(&mut rest), text(&mut rest)) else { break };
            noted.push(Self { kind, target, stack });
        }
        noted
    }
}

/// A text with its length before it.
fn text(rest: &mut &[u8]) -> Option<String> {
    let (length, after) = rest.split_first_chunk::<4>()?;
    let (bytes, after) = after.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    *rest = after;
    Some(String::from_utf8_lossy(bytes).into_owned())
}

/// The beginning of `text`, at most `limit` bytes.
fn cut(text: &str, limit: usize) -> &str {
    &text[..text.floor_char_boundary(limit)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_is_noted_once_and_cleared_with_its_call() {
        let shared = SharedMemory::new().unwrap();
        for target in ["10.0.0.1:443", "10.0.0.1:443", "10.0.0.2:443"] {
            shared.note_attempt(AttemptKind::Connect, target, "stack");
        }
        let targets: Vec<_> = shared.attempts().into_iter().map(|noted| noted.target).collect();
        assert_eq!(targets, ["10.0.0.1:443", "10.0.0.2:443"]);
        shared.clear_attempts();
        assert!(!shared.has_attempts() && shared.attempts().is_empty());
    }

    #[test]
    fn many_and_long_ones_are_bounded() {
        let shared = SharedMemory::new().unwrap();
        for number in 0..10_000 {
            shared.note_attempt(AttemptKind::Write, &format!("{number}{}", "ü".repeat(4096)), &"x".repeat(1 << 20));
        }
        let noted = shared.attempts();
        assert!((1..=COUNT_LIMIT).contains(&noted.len()));
        assert!(noted.iter().all(|one| one.target.len() <= TARGET_LIMIT && one.stack.len() <= STACK_LIMIT));
    }

    #[test]
    fn what_a_plugin_wrote_over_is_read_as_far_as_it_makes_sense() {
        let shared = SharedMemory::new().unwrap();
        shared.note_attempt(AttemptKind::Read, "/etc/shadow", "");
        shared.header().attempts_bytes.store(u32::MAX, Ordering::Release);
        assert_eq!(shared.attempts().len(), 1);
        shared.write_attempts(1, &[0xff; 64]);
        assert!(shared.attempts().is_empty());
    }
}
