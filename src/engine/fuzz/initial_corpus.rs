//! [`InitialCorpus`]: the sessions of the corpus that fuzzing starts with.

use crate::{
    case::{Case, Session},
    corpus::{CorpusError, size},
    engine::{EngineError, Plan, Setup, fuzz::settings::FuzzSettings},
    oracle::PluginUnderTest,
};

/// What the corpus had at the start.
pub(super) struct InitialCorpus {
    pub(super) sessions: Vec<Session>,
    /// Which files were left out and why.
    pub(super) notes: Vec<String>,
}

impl InitialCorpus {
    /// Reads seeds and cases of findings. Smaller ones come first, so that of two with the same coverage the smaller
    /// one becomes the testcase. What cannot be used is left out, with a note.
    pub(super) fn read(plan: &Plan<'_>, settings: &FuzzSettings) -> Result<Self, EngineError> {
        let mut cases: Vec<Case> = Vec::new();
        let (mut unreadable, mut first_unreadable, mut unusable) = (0, None, 0);
        let subject = (plan.subject)(&Setup::default());
        for corpus in [settings.corpus.seeds(), settings.corpus.clone()] {
            let entries = match corpus.read_all() {
                Err(CorpusError::Missing(_)) => continue,
                entries => entries?,
            };
            for (path, case) in entries {
                match case {
                    Ok(case) => {
                        if is_usable(plan, settings, &subject, &case) {
                            cases.push(case);
                        } else {
                            unusable += 1;
                        }
                    }
                    Err(error) => {
                        unreadable += 1;
                        first_unreadable.get_or_insert_with(|| format!("`{}`: {error}", path.display()));
                    }
                }
            }
        }
        cases.sort_by_cached_key(|case| (size(case), case.to_json()));
        let mut notes = Vec::new();
        if let Some(first) = first_unreadable {
            notes.push(format!(
                "files of the corpus left out because they cannot be read: {unreadable}; the first is {first}"
            ));
        }
        if unusable > 0 {
            notes.push(format!(
                "cases of the corpus left out because they are for another platform, type or configuration: {unusable}"
            ));
        }
        let mut sessions: Vec<Session> = cases.into_iter().map(|case| plan.source.completed(case.session)).collect();
        sessions.dedup();
        Ok(Self { sessions, notes })
    }
}

/// Whether the case is for this plugin type, platform and configuration.
pub(super) fn is_usable(plan: &Plan<'_>, settings: &FuzzSettings, subject: &PluginUnderTest, case: &Case) -> bool {
    case.plugin_type == subject.plugin_type
        && case.platform == subject.platform
        && case.configuration.is_none()
        && (settings.options || case.session.options.is_empty())
        && !plan.lacks_other(case)
        && !case.session.calls.iter().any(|call| call.other)
}
