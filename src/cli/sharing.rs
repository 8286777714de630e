//! A command on a corpus that lies in a bucket: begins with what others found, exchanges while it runs, sends the rest at its
//! end. Where the corpus is a folder, nothing of this is there: no thread, no connection.

use std::{path::PathBuf, sync::Arc};

use super::{console::Console, error::CliError, seams::Job, settings::Settings};
use crate::{
    corpus::remote::{Location, News, RemoteError, Scope, Shared, SyncCount, Syncing},
    engine::{Event, Stop},
    report::{plain, progress::Progress},
};

/// The exchange, if there is one.
pub(super) struct Sharing(Option<Running>);

struct Running {
    syncing: Syncing,
    bucket: Location,
    copy: PathBuf,
    console: Console,
}

impl Sharing {
    /// Begins, and waits until the copy is as good as the bucket. `stop` ends the waiting.
    ///
    /// # Errors
    /// [`CliError`] where the bucket refuses: a night alone is not what somebody wants who asked for company.
    pub(super) fn begin(
        settings: &Settings,
        job: &Job,
        scope: fn(String) -> Scope,
        stop: &Stop,
        progress: &Progress,
        console: Console,
    ) -> Result<Self, CliError> {
        let Some(bucket) = settings.bucket.clone() else { return Ok(Self(None)) };
        let tell = {
            let (above_bar, bucket) = (progress.teller(), bucket.clone());
            move |news: News| {
                let is_refused = matches!(news, News::Alone(RemoteError::Refused { .. }));
                let text = told(&news, &bucket);
                // Who wants quiet wants to hear of errors all the same.
                match () {
                    () if !console.is_quiet && above_bar(text.trim_end()) => {}
                    () if is_refused => console.error(&text),
                    () => console.aside(&text),
                }
            }
        };
        let folder = job.corpus.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let syncing = Syncing::start(&bucket, settings.corpus.clone(), scope(folder), settings.sync_every, tell)
            .map_err(|error| remote_error(&error))?;
        syncing.first(|| stop.requested()).map_err(|error| remote_error(&error))?;
        Ok(Self(Some(Running { syncing, bucket, copy: settings.corpus.clone(), console })))
    }

    /// Takes an event in: what was found goes to the others at once.
    pub(super) fn listen(&self, event: &Event) {
        if let (Some(running), Event::Found(_)) = (&self.0, event) {
            running.syncing.found();
        }
    }

    /// What a campaign that learns asks for cases of other hosts.
    pub(super) fn shared(&self) -> Option<Arc<Shared>> {
        self.0.as_ref().map(|running| running.syncing.shared())
    }

    /// Ends, and tells what was exchanged. Gives what belongs into the report, where the user must know something.
    pub(super) fn end(self) -> Vec<String> {
        let Some(Running { syncing, bucket, copy, console }) = self.0 else { return Vec::new() };
        let SyncCount { taken, given, skipped, waiting } = syncing.stop();
        let cases = |number: usize| plain::counted(number as u64, "case");
        console.aside(&format!("`{bucket}`: {} came from there, {} went there\n", cases(taken), cases(given)));
        let mut notes = Vec::new();
        if waiting > 0 {
            let place = copy.display();
            let note = format!(
                "{} of this host may not be in `{bucket}` yet: they are in `{place}`, and the next run that shares this \
                 corpus from there sends them",
                cases(waiting),
            );
            notes.push(note);
        }
        if skipped > 0 {
            let what = if skipped == 1 { "1 object".to_owned() } else { format!("{skipped} objects") };
            notes.push(format!("{what} in `{bucket}` can be no case, and was left alone"));
        }
        notes
    }
}

fn told(news: &News, bucket: &Location) -> String {
    match news {
        News::Alone(error) => {
            let hint = error.hint().map(|hint| format!("\n  hint: {hint}")).unwrap_or_default();
            let text = plain::harmless(&error.to_string()).into_owned();
            format!("warning: {text}; going on alone, what is found is kept in the copy{hint}\n")
        }
        News::Back => format!("`{bucket}` is there again\n"),
    }
}

fn remote_error(error: &RemoteError) -> CliError {
    CliError::Usage { problem: error.to_string(), hint: error.hint().map(str::to_owned) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpus::remote::Place;

    #[test]
    fn going_alone_is_told_with_the_reason_and_what_to_set() {
        let Ok(Place::Bucket(bucket)) = Place::parse("s3://nights/vault") else { panic!("it is a bucket") };
        let refused = RemoteError::Refused {
            place: bucket.to_string(),
            said: "Expired\x1b[2JToken".into(),
            hint: "set AWS_ACCESS_KEY_ID".into(),
        };
        insta::assert_snapshot!(told(&News::Alone(refused), &bucket) + &told(&News::Back, &bucket), @r"
        warning: `s3://nights/vault` refuses: Expired\x1b[2JToken; going on alone, what is found is kept in the copy
          hint: set AWS_ACCESS_KEY_ID
        `s3://nights/vault` is there again
        ");
    }
}
