//! Commands to a worker, and how the host waits for it under a time limit.

use std::{
    os::unix::process::ExitStatusExt,
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    net::{RecvFlags, SendFlags},
    process::Signal,
};

use super::{RuntimeError, process::Process};
use crate::runtime::protocol::{
    control::{command, reply},
    shared::{Phase, now_ns},
};

/// How long the host sleeps at most before it looks at a worker again.
const SLEEP: Duration = Duration::from_millis(20);
/// How long a worker may take while no code of the plugin runs: far more than it ever does.
const IDLE_LIMIT: Duration = Duration::from_secs(60);
/// How long the worker's own processes may take to end when they have to. A plugin may have stopped them.
pub(super) const REACTION_TIME: Duration = Duration::from_secs(5);

/// What a worker did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WorkerEvent {
    /// The zygote or the runner sent a reply.
    Replied(u8),
    /// The zygote's child ended: its exit status, or the negative of the signal.
    ChildEnded(i32),
    /// The plugin's code has run longer than the limit, and still runs.
    TimedOut,
    /// The zygote itself ended: its exit status, or the negative of the signal.
    Gone(i32),
    /// No reply came, although no code of the plugin runs, according to the shared memory.
    Silent,
}

impl Process {
    /// Sends a command to the zygote. False if the zygote is gone.
    pub(super) fn command(&mut self, packet: &[u8]) -> bool {
        self.send(true, packet)
    }

    /// Tells the runner to run the batch. False if the runner is gone.
    pub(super) fn send_batch(&mut self) -> bool {
        self.send(false, &[command::BATCH])
    }

    fn send(&mut self, to_zygote: bool, packet: &[u8]) -> bool {
        if packet[0] != command::SIGNAL {
            // What an earlier child did when it died says nothing about this one.
            self.shared.header().since_ns.store(0, Ordering::Relaxed);
            self.shared.header().phase.store(Phase::Idle as u32, Ordering::Release);
        }
        loop {
            let socket = if to_zygote { &self.control } else { &self.data };
            // If the buffer is full, nobody reads the socket any more.
            match rustix::net::send(socket, packet, SendFlags::NOSIGNAL | SendFlags::DONTWAIT) {
                Ok(_) => return true,
                Err(Errno::INTR) => {}
                Err(_) => return false,
            }
        }
    }

    /// Sends a signal to the zygote's child.
    pub(super) fn signal(&mut self, signal: Signal) -> bool {
        self.command(&[command::SIGNAL, signal.as_raw() as u8])
    }

    /// Kills the child. False if its end is not reported in time.
    pub(super) fn kill_child(&mut self) -> bool {
        self.signal(Signal::KILL) && self.wait_for_end()
    }

    /// Waits for an event, while the plugin's code may run for `limit` at a time, and `times` times in all.
    pub(super) fn wait(&mut self, limit: Duration, times: usize) -> Result<WorkerEvent, RuntimeError> {
        let limit_ns = u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX);
        let begin = Instant::now();
        // A plugin can write over the times in the shared memory, so the wait as a whole has a limit too.
        let most = IDLE_LIMIT.saturating_add(limit.saturating_mul(u32::try_from(times).unwrap_or(u32::MAX)));
        let mut idle_since = begin;
        loop {
            let since_ns = self.shared.header().since_ns.load(Ordering::Acquire);
            if since_ns > now_ns() {
                // No worker writes a time in the future.
                return Ok(WorkerEvent::Silent);
            }
            let left = match since_ns {
                // It may begin at any moment.
                0 => limit,
                _ => Duration::from_nanos((since_ns.saturating_add(limit_ns)).saturating_sub(now_ns())),
            };
            match self.poll_event(left.min(SLEEP))? {
                Some(event) => return Ok(event),
                None if begin.elapsed() > most => {
                    return Ok(if since_ns == 0 { WorkerEvent::Silent } else { WorkerEvent::TimedOut });
                }
                None if since_ns == 0 => {
                    if idle_since.elapsed() > IDLE_LIMIT {
                        return Ok(WorkerEvent::Silent);
                    }
                }
                None => {
                    idle_since = Instant::now();
                    let header = self.shared.header();
                    self.stdout.trim(header.stdout_start.load(Ordering::Relaxed));
                    self.stderr.trim(header.stderr_start.load(Ordering::Relaxed));
                    let still_runs = header.since_ns.load(Ordering::Acquire) == since_ns;
                    if still_runs && now_ns().saturating_sub(since_ns) > limit_ns {
                        return Ok(WorkerEvent::TimedOut);
                    }
                }
            }
        }
    }

    /// The event that happens within `time`, if one does.
    fn poll_event(&mut self, time: Duration) -> Result<Option<WorkerEvent>, RuntimeError> {
        let timeout = Timespec { tv_sec: time.as_secs() as i64, tv_nsec: i64::from(time.subsec_nanos()) };
        let mut fds = [PollFd::new(&self.data, PollFlags::IN), PollFd::new(&self.control, PollFlags::IN)];
        match poll(&mut fds, Some(&timeout)) {
            Ok(0) | Err(Errno::INTR) => return Ok(None),
            Ok(_) => {}
            Err(error) => return Err(RuntimeError::Start(error.into())),
        }
        let (data, control) = (fds[0].revents(), fds[1].revents());
        let mut packet = [0_u8; 16];
        if data.contains(PollFlags::IN)
            && let Ok((1.., _)) = rustix::net::recv(&self.data, &mut packet, RecvFlags::DONTWAIT)
        {
            return Ok(Some(WorkerEvent::Replied(packet[0])));
        }
        if !control.is_empty() {
            match rustix::net::recv(&self.control, &mut packet, RecvFlags::DONTWAIT) {
                Ok((5, _)) if packet[0] == reply::ENDED => {
                    let status = i32::from_le_bytes([packet[1], packet[2], packet[3], packet[4]]);
                    return Ok(Some(WorkerEvent::ChildEnded(status)));
                }
                Ok((0, _)) | Err(Errno::CONNRESET) => return Ok(Some(WorkerEvent::Gone(self.status()))),
                Ok((_, _)) => return Ok(Some(WorkerEvent::Replied(packet[0]))),
                Err(_) => {}
            }
        }
        Ok(None)
    }

    /// Waits until the child has ended that is about to. False if its end is not reported in time.
    pub(super) fn wait_for_end(&mut self) -> bool {
        let begin = Instant::now();
        while begin.elapsed() < REACTION_TIME {
            match self.poll_event(SLEEP) {
                Ok(Some(WorkerEvent::ChildEnded(_))) => {
                    // Discard a reply that it still sent.
                    let mut packet = [0_u8; 16];
                    while rustix::net::recv(&self.data, &mut packet, RecvFlags::DONTWAIT).is_ok_and(|(n, _)| n > 0) {}
                    return true;
                }
                Ok(Some(WorkerEvent::Gone(_))) | Err(_) => return false,
                _ => {}
            }
        }
        false
    }

    /// How the guardian ended, which exits as the zygote did: the exit status, or the negative of the signal.
    pub(super) fn status(&mut self) -> i32 {
        let begin = Instant::now();
        while begin.elapsed() < REACTION_TIME {
            match self.guardian.try_wait() {
                Ok(Some(status)) => {
                    return match (status.code(), status.signal()) {
                        (Some(code @ 129..=192), _) => 128 - code,
                        (Some(code), _) => code,
                        (None, Some(signal)) => -signal,
                        (None, None) => 0,
                    };
                }
                Ok(None) => std::thread::yield_now(),
                Err(_) => return 0,
            }
        }
        let _ = self.guardian.kill();
        0
    }
}
