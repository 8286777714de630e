//! The order in which a session's calls are made, as the platform decides it while the session runs: questions are
//! answered, a verdict ends it, a call that broke ends it, a call that was cut off empties the cookies.
//!
//! One state machine for both ends: the runner drives it in persistent mode, the host in isolated mode.

use crate::{case::Session, contract::Hook};

/// The next call to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Its place in the session's calls.
    pub call: usize,
    /// 0, or which answer it gets, from 1.
    pub round: usize,
    /// Whether that answer was asked for with the echo off.
    pub answer_is_secret: bool,
}

/// What of a call's end decides how the session goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum After {
    /// It returned; nothing in the result decides anything.
    Going,
    /// It asked a question.
    Asked {
        /// Where in `key_value_pairs` the answer goes.
        key: String,
        /// Whether the user does not see what he types.
        disable_echo: bool,
    },
    /// Its verdict refuses the connection.
    Refused,
    /// It raised, exited, crashed or ran out of time.
    Broke,
}

/// Where a session is.
#[derive(Debug, Default)]
pub struct Flow {
    next_call: usize,
    round: usize,
    secret: bool,
    /// Only `session_ended` is still called.
    refused: bool,
    broke: bool,
    /// Answers so far, in the order that they were given: they stay in `key_value_pairs` \[A\].
    pub answered: Vec<(String, String)>,
}

impl Flow {
    /// The call to make now; `None` at the end.
    pub fn step(&mut self, session: &Session) -> Option<Step> {
        if self.broke {
            return None;
        }
        while self.refused && session.calls.get(self.next_call).is_some_and(|call| call.hook != Hook::SessionEnded) {
            self.next_call += 1;
        }
        session.calls.get(self.next_call)?;
        Some(Step { call: self.next_call, round: self.round, answer_is_secret: self.secret })
    }

    /// Takes note of how the call of the last step ended.
    pub fn ended(&mut self, session: &Session, after: After) {
        let call = &session.calls[self.next_call];
        match after {
            After::Asked { key, disable_echo } => {
                if let Some(answer) = call.answers.get(self.round) {
                    self.answered.retain(|(known, _)| *known != key);
                    self.answered.push((key, answer.clone()));
                    self.round += 1;
                    self.secret = disable_echo;
                    return;
                }
                // The user gave up.
                self.refused = true;
            }
            After::Refused => self.refused = true,
            After::Broke => self.broke = true,
            After::Going => {}
        }
        self.next_call += 1;
        self.round = 0;
        self.secret = false;
    }
}

/// What a verdict's word does to the session. A question is looked for by the caller.
pub fn after_verdict(verdict: Option<&str>) -> After {
    match verdict {
        None | Some("ACCEPT" | "NONE") => After::Going,
        Some(_) => After::Refused,
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

    fn walk(session: &Session, mut after: impl FnMut(Step) -> After) -> Vec<(usize, usize)> {
        let mut flow = Flow::default();
        let mut steps = Vec::new();
        while let Some(step) = flow.step(session) {
            steps.push((step.call, step.round));
            let after = after(step);
            flow.ended(session, after);
        }
        steps
    }

    fn ask() -> After {
        After::Asked { key: "otp".into(), disable_echo: true }
    }

    #[test]
    fn a_question_is_answered_and_the_session_goes_on() {
        let steps = walk(&session(&["1"]), |step| if step.call == 0 && step.round == 0 { ask() } else { After::Going });
        assert_eq!(steps, [(0, 0), (0, 1), (1, 0), (2, 0)]);
    }

    #[test]
    fn a_user_who_gives_up_only_ends_the_session() {
        assert_eq!(
            walk(&session(&["1"]), |step| if step.call == 0 { ask() } else { After::Going }),
            [(0, 0), (0, 1), (2, 0)]
        );
    }

    #[test]
    fn a_refused_user_is_not_authorized() {
        assert_eq!(walk(&session(&[]), |_| After::Refused), [(0, 0), (2, 0)]);
    }

    #[test]
    fn nothing_follows_a_call_that_broke() {
        assert_eq!(walk(&session(&[]), |_| After::Broke), [(0, 0)]);
    }
}
