//! A canary in a text: where it is, in which form, and the finding that tells it without the secret. Tested with
//! `secrets`, which searches.

use std::cell::OnceCell;

use super::{
    Context,
    canary::{self, Canary},
    encoding::{self, Form},
    ending, mask, message, stack,
};
use crate::{
    finding::{Finding, Rule, Severity},
    trace::Ending,
};

/// How much of a line is quoted on either side of the secret.
const QUOTE: usize = 60;
/// How much of a line is masked for a quote.
const LINE: usize = 1000;

/// Where text of a call can be read by others.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Channel {
    Stderr,
    Stdout,
    Exception,
    Metadata,
    File,
    SessionCookie,
}

impl Channel {
    const fn words(self) -> &'static str {
        match self {
            Self::Stderr => "is written to standard error",
            Self::Stdout => "is written to standard output",
            Self::Exception => "is in the text of an exception",
            Self::Metadata => "is in `additional_metadata`",
            Self::File => "is left behind in a file",
            Self::SessionCookie => "is put into the session cookie",
        }
    }

    const fn id(self) -> &'static str {
        match self {
            Self::Stderr => "stderr",
            Self::Stdout => "stdout",
            Self::Exception => "exception",
            Self::Metadata => "additional_metadata",
            Self::File => "file",
            Self::SessionCookie => "session_cookie",
        }
    }

    /// Whether what was there after one call is there after the next, so that only the first is to blame.
    pub(super) const fn lasts(self) -> bool {
        matches!(self, Self::File | Self::SessionCookie)
    }
}

/// Where a canary is in a text, and in which form if not as it is.
pub(super) struct Hit {
    start: usize,
    end: usize,
    form: Option<Form>,
}

/// `may_hold_forms` is found out once for each text, and only where there is something to look for.
pub(super) fn find(text: &str, canary: &Canary<'_>, may_hold_forms: &OnceCell<bool>) -> Option<Hit> {
    if text.len() < canary.text.len() {
        return None;
    }
    let whole_word = canary::must_be_word(&canary.text);
    let hit = |start, part: &str, form| Hit { start, end: start + part.len(), form };
    let plain = memchr::memmem::find_iter(text.as_bytes(), canary.text.as_bytes())
        .find(|&start| !whole_word || mask::is_word_at(text, start, start + canary.text.len()));
    if let Some(start) = plain {
        return Some(hit(start, &canary.text, None));
    }
    if !may_hold_forms.get_or_init(|| encoding::may_hold(text)) {
        return None;
    }
    canary.forms().iter().find_map(|(form, part)| {
        memchr::memmem::find(text.as_bytes(), part.as_bytes()).map(|start| hit(start, part, Some(*form)))
    })
}

/// The finding.
pub(super) fn tell(
    context: &Context<'_>,
    index: usize,
    channel: Channel,
    canary: &Canary<'_>,
    text: &str,
    hit: &Hit,
) -> Finding {
    let seen = &context.trace.calls[index];
    let form = hit.form.map_or("", Form::words);
    let quoted = quote(context, text, hit);
    let message = format!("{} {}{form}: `{quoted}`", canary.kind.words(), channel.words());
    let place = match &seen.ending {
        Ending::Raised(exception) if channel == Channel::Exception => ending::place_of(exception),
        ending if channel == Channel::Exception => stack::of(ending.frames()),
        _ => None,
    };
    let is_debug = context.subject.logs_debug && channel == Channel::Stderr;
    let severity =
        if is_debug || channel == Channel::SessionCookie { Severity::Warning } else { Rule::SecretLeak.severity() };
    Finding::draft(Rule::SecretLeak, message)
        .severity(severity)
        .hook(seen.hook)
        .call(index)
        .at(place)
        .detail(format!("{} {}", canary.kind.id(), channel.id()))
        .finish()
}

/// The line around a hit with its secrets masked, cut to what stands near the first of them.
fn quote(context: &Context<'_>, text: &str, hit: &Hit) -> String {
    let line_start = text[..hit.start].rfind('\n').map_or(0, |line| line + 1);
    let start = text.floor_char_boundary(line_start.max(hit.start.saturating_sub(LINE)));
    // A secret may have line ends of its own, so the line ends after it.
    let end = text.floor_char_boundary((hit.end + LINE).min(text.len()));
    let masked = context.mask(&text[start..end]);
    let hidden = masked.find("***").unwrap_or(0);
    let line_end = masked[hidden..].find('\n').map_or(masked.len(), |line| hidden + line);
    let near: usize = masked[..hidden].chars().count().saturating_sub(QUOTE);
    let line: String = masked[..line_end].chars().skip(near).collect();
    let before = if near > 0 { "…" } else { "" };
    format!("{before}{}", message::one_line(&line, 2 * QUOTE))
}
