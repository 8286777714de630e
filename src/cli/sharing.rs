//! A run on a corpus in a bucket: fetches the cases of other hosts, exchanges cases while it runs, and sends the rest at its
//! end. If the corpus is a folder, there is no thread and no connection.

use std::{path::PathBuf, sync::Arc};

use super::{console::Console, error::CliError, seams::Job, settings::Settings};
use crate::{
    corpus::remote::{BackgroundSync, BucketUrl, RemoteError, SharedCorpus, SyncCount, SyncEvent, SyncScope},
    engine::{Event, Stop},
    report::{plain, progress::Progress},
};

/// The exchange with a bucket, if there is one.
pub(super) struct Sharing(Option<Running>);

struct Running {
    syncing: BackgroundSync,
    bucket: BucketUrl,
    copy: PathBuf,
    console: Console,
}

impl Sharing {
    /// Begins, and waits until the copy has all cases of the bucket. `stop` ends the waiting.
    ///
    /// # Errors
    /// [`CliError`] if the bucket refuses: the user asked for a shared corpus, so the run must not begin alone.
    pub(super) fn begin(
        settings: &Settings,
        job: &Job,
        scope: fn(String) -> SyncScope,
        stop: &Stop,
        progress: &Progress,
        console: Console,
    ) -> Result<Self, CliError> {
        let Some(bucket) = settings.bucket.clone() else { return Ok(Self(None)) };
        let print = {
            let (above_bar, bucket) = (progress.line_writer(), bucket.clone());
            move |news: SyncEvent| {
                let is_refused = matches!(news, SyncEvent::Alone(RemoteError::Refused { .. }));
                let text = message(&news, &bucket);
                // An error is printed even with `--quiet`.
                match () {
                    () if !console.is_quiet && above_bar(text.trim_end()) => {}
                    () if is_refused => console.error(&text),
                    () => console.aside(&text),
                }
            }
        };
        let folder = job.corpus.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let syncing =
            BackgroundSync::start(&bucket, settings.corpus.clone(), scope(folder), settings.sync_every, print)
                .map_err(|error| remote_error(&error))?;
        syncing.first(|| stop.requested()).map_err(|error| remote_error(&error))?;
        Ok(Self(Some(Running { syncing, bucket, copy: settings.corpus.clone(), console })))
    }

    /// Sends a new finding to the bucket at once.
    pub(super) fn listen(&self, event: &Event) {
        if let (Some(running), Event::Found(_)) = (&self.0, event) {
            running.syncing.found();
        }
    }

    /// The cases of other hosts, for `fuzz`.
    pub(super) fn shared(&self) -> Option<Arc<SharedCorpus>> {
        self.0.as_ref().map(|running| running.syncing.shared())
    }

    /// Ends the exchange, prints its counts, and returns notes for the report.
    pub(super) fn end(self) -> Vec<String> {
        let Some(Running { syncing, bucket, copy, console }) = self.0 else { return Vec::new() };
        let SyncCount { received, sent, skipped, unsent } = syncing.stop();
        let cases = |number: usize| plain::counted(number as u64, "case");
        console.aside(&format!("`{bucket}`: received {}, sent {}\n", cases(received), cases(sent)));
        let mut notes = Vec::new();
        if unsent > 0 {
            let place = copy.display();
            let note = format!(
                "{} of this host may not be in `{bucket}` yet: they are in `{place}`, and the next run with this corpus and \
                 this copy sends them",
                cases(unsent),
            );
            notes.push(note);
        }
        if skipped > 0 {
            let objects = plain::counted(skipped as u64, "object");
            notes.push(format!("ignored {objects} in `{bucket}` that cannot be a case"));
        }
        notes
    }
}

fn message(news: &SyncEvent, bucket: &BucketUrl) -> String {
    match news {
        SyncEvent::Alone(error) => {
            let hint = error.hint().map(|hint| format!("\n  hint: {hint}")).unwrap_or_default();
            let text = plain::harmless(&error.to_string()).into_owned();
            format!("warning: {text}; continuing alone, findings are kept in the local copy{hint}\n")
        }
        SyncEvent::Back => format!("`{bucket}` is reachable again\n"),
    }
}

fn remote_error(error: &RemoteError) -> CliError {
    CliError::Usage { problem: error.to_string(), hint: error.hint().map(str::to_owned) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpus::remote::CorpusLocation;

    #[test]
    fn a_lost_connection_is_reported_with_its_reason_and_a_hint() {
        let Ok(CorpusLocation::Bucket(bucket)) = CorpusLocation::parse("s3://nights/vault") else {
            panic!("it is not a bucket")
        };
        let refused = RemoteError::Refused {
            bucket: bucket.to_string(),
            message: "Expired\x1b[2JToken".into(),
            hint: "set AWS_ACCESS_KEY_ID".into(),
        };
        insta::assert_snapshot!(message(&SyncEvent::Alone(refused), &bucket) + &message(&SyncEvent::Back, &bucket), @r"
        warning: `s3://nights/vault` refuses: Expired\x1b[2JToken; continuing alone, findings are kept in the local copy
          hint: set AWS_ACCESS_KEY_ID
        `s3://nights/vault` is reachable again
        ");
    }
}
