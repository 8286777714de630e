//! [`Observer`] shows what happens during a run: progress and warnings on standard error, and with `--format ndjson`
//! every event on standard output.

use super::{console::Console, explanation};
use crate::{
    api::{Event, Plugin},
    corpus::remote::{BucketUrl, RemoteError, SyncEvent},
    report::{Format, ndjson, plain, progress::Progress},
};

/// Shows events, from any thread, until it is dropped.
pub(super) struct Observer {
    progress: Progress,
    stream: ndjson::Stream,
    console: Console,
}

impl Observer {
    pub(super) fn new(command: &str, plugin: &Plugin, format: Format, console: Console) -> Self {
        // `replay` has no events on standard output: its report has the outcome of each case.
        let streams = format.is_stream && command != "replay";
        // A closed pipe does not end the run.
        let write = streams.then(|| Box::new(move |line: &str| drop(console.out(line))) as _);
        let is_wanted = !console.is_quiet && plugin.can_run();
        let new = if matches!(command, "fuzz" | "load") { Progress::steered } else { Progress::new };
        Self {
            progress: new(is_wanted, console.has_colourful_errors(), console.width()),
            stream: ndjson::Stream::new(write, plugin.mask().clone()),
            console,
        }
    }

    pub(super) fn listen(&self, event: &Event) {
        match event {
            Event::Run(event) => {
                self.progress.listen(event);
                self.stream.listen(event);
            }
            Event::Load(event) => {
                self.progress.load(event);
                self.stream.load(event);
            }
            Event::Sync(bucket, event) => {
                // A refusal is an error, which is printed even with `--quiet`.
                let is_refused = matches!(event, SyncEvent::Alone(RemoteError::Refused { .. }));
                self.line(&message(event, bucket), is_refused);
            }
            Event::Synced(bucket, count) => {
                let cases = |number: usize| plain::counted(number as u64, "case");
                let (received, sent) = (cases(count.received), cases(count.sent));
                self.line(&format!("`{bucket}`: received {received}, sent {sent}\n"), false);
            }
        }
    }

    /// Prints above the progress bar, if there is one.
    fn line(&self, text: &str, is_error: bool) {
        match () {
            () if !self.console.is_quiet && self.progress.line_writer()(text.trim_end()) => {}
            () if is_error => self.console.error(text),
            () => self.console.aside(text),
        }
    }
}

fn message(event: &SyncEvent, bucket: &BucketUrl) -> String {
    match event {
        SyncEvent::Alone(error) => {
            let hint = explanation::bucket(error).map(|hint| format!("\n  hint: {hint}")).unwrap_or_default();
            let text = plain::harmless(&error.to_string()).into_owned();
            let consequence = match error {
                RemoteError::Copy { .. } => format!("continuing without `{bucket}`"),
                _ => "continuing alone, findings are kept in the local copy".to_owned(),
            };
            format!("warning: {text}; {consequence}{hint}\n")
        }
        SyncEvent::Back => format!("`{bucket}` is reachable again\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpus::{CorpusRemedy, remote::CorpusLocation};

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
        let copy = RemoteError::Copy { message: "`c/1.json`: disk full".into(), remedy: Some(CorpusRemedy::FreeSpace) };
        let text = message(&SyncEvent::Alone(copy), &bucket);
        assert!(
            text.ends_with("\n  hint: make room on the disk, or use a folder on another one: `--corpus-cache DIR`\n")
        );
        insta::assert_snapshot!(message(&SyncEvent::Alone(refused), &bucket) + &message(&SyncEvent::Back, &bucket), @r"
        warning: `s3://nights/vault` refuses: Expired\x1b[2JToken; continuing alone, findings are kept in the local copy
          hint: set AWS_ACCESS_KEY_ID
        `s3://nights/vault` is reachable again
        ");
    }
}
