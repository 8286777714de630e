//! The order in which a session's calls are made. The platform decides it while the session runs: it answers questions,
//! a verdict or a call that was aborted ends the session, and a call that was cut off empties the cookies.
//!
//! Both ends use this state machine: the runner in persistent mode, the host in isolated mode.

use crate::{case::Session, contract::Hook};

/// The next call to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Its index in the session's calls.
    pub call: usize,
    /// 0 for the call itself, then the number of the answer that it gets, from 1.
    pub round: usize,
    /// Whether the plugin asked for that answer with the echo off.
    pub answer_is_secret: bool,
}

/// What the end of a call means for the session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallOutcome {
    /// The call returned, and the session goes on.
    Continue,
    /// The plugin asked a question.
    Asked {
        /// The key of the answer in `key_value_pairs`.
        key: String,
        /// Whether the user does not see what they type.
        disable_echo: bool,
    },
    /// The verdict refuses the connection.
    Refused,
    /// The call raised, exited, crashed or ran out of time.
    Aborted,
}

/// How far a session is.
#[derive(Debug, Default)]
pub struct SessionFlow {
    next_call: usize,
    round: usize,
    answer_is_secret: bool,
    /// Whether only `session_ended` is still called.
    is_refused: bool,
    is_aborted: bool,
    /// The answers so far, oldest first: they stay in `key_value_pairs` \[A\].
    pub answered: Vec<(String, String)>,
}

impl SessionFlow {
    /// The call to make now; `None` at the end of the session.
    pub fn step(&mut self, session: &Session) -> Option<Step> {
        if self.is_aborted {
            return None;
        }
        while self.is_refused && session.calls.get(self.next_call).is_some_and(|call| call.hook != Hook::SessionEnded) {
            self.next_call += 1;
        }
        session.calls.get(self.next_call)?;
        Some(Step { call: self.next_call, round: self.round, answer_is_secret: self.answer_is_secret })
    }

    /// Moves on from the call of the last step, which ended with `outcome`.
    pub fn ended(&mut self, session: &Session, outcome: CallOutcome) {
        let call = &session.calls[self.next_call];
        match outcome {
            CallOutcome::Asked { key, disable_echo } => {
                if let Some(answer) = call.answers.get(self.round) {
                    self.answered.retain(|(known, _)| *known != key);
                    self.answered.push((key, answer.clone()));
                    self.round += 1;
                    self.answer_is_secret = disable_echo;
                    return;
                }
                // The user gave up.
                self.is_refused = true;
            }
            CallOutcome::Refused => self.is_refused = true,
            CallOutcome::Aborted => self.is_aborted = true,
            CallOutcome::Continue => {}
        }
        self.next_call += 1;
        self.round = 0;
        self.answer_is_secret = false;
    }
}

/// What a verdict means for the session. The caller handles `NEEDINFO`, which comes with a question.
pub fn verdict_outcome(verdict: Option<&str>) -> CallOutcome {
    match verdict {
        None | Some("ACCEPT" | "NONE") => CallOutcome::Continue,
        Some(_) => CallOutcome::Refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::Call;

    fn session(answers: &[&str]) -> Session {
        let mut authenticate = Call::new(Hook::Authenticate, Vec::new());
        authenticate.answers = answers.iter().map(|answer| (*answer).to_owned()).collect();
        Session::new(vec![
            authenticate,
            Call::new(Hook::Authorize, Vec::new()),
            Call::new(Hook::SessionEnded, Vec::new()),
        ])
    }

    fn walk(session: &Session, mut outcome: impl FnMut(Step) -> CallOutcome) -> Vec<(usize, usize)> {
        let mut flow = SessionFlow::default();
        let mut steps = Vec::new();
        while let Some(step) = flow.step(session) {
            steps.push((step.call, step.round));
            let outcome = outcome(step);
            flow.ended(session, outcome);
        }
        steps
    }

    fn ask() -> CallOutcome {
        CallOutcome::Asked { key: "otp".into(), disable_echo: true }
    }

    #[test]
    fn a_question_is_answered_and_the_session_goes_on() {
        let first = |step: Step| step.call == 0 && step.round == 0;
        let steps = walk(&session(&["1"]), |step| if first(step) { ask() } else { CallOutcome::Continue });
        assert_eq!(steps, [(0, 0), (0, 1), (1, 0), (2, 0)]);
    }

    #[test]
    fn a_user_who_gives_up_only_ends_the_session() {
        assert_eq!(
            walk(&session(&["1"]), |step| if step.call == 0 { ask() } else { CallOutcome::Continue }),
            [(0, 0), (0, 1), (2, 0)]
        );
    }

    #[test]
    fn a_refused_user_is_not_authorized() {
        assert_eq!(walk(&session(&[]), |_| CallOutcome::Refused), [(0, 0), (2, 0)]);
    }

    #[test]
    fn nothing_follows_a_call_that_was_aborted() {
        assert_eq!(walk(&session(&[]), |_| CallOutcome::Aborted), [(0, 0)]);
    }
}
