//! A canary in a text: where it is, how it is encoded, and the finding, which quotes the text without the secret.
//! Tested with `secret_leak`, which searches.

use std::cell::OnceCell;

use super::{
    canary::{self, Canary},
    context::Context,
    encoding::{self, Encoding},
    mask, message, stack,
};
use crate::finding::{Finding, Rule, Severity};

/// How many characters of a line are quoted on either side of the secret.
const QUOTED_CHARACTERS: usize = 60;
/// How many bytes of a line on either side of the secret are masked for a quotation.
const MASKED_BYTES: usize = 1000;

/// Where other people can read text of a call.
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
    const fn description(self) -> &'static str {
        match self {
            Self::Stderr => "is written to standard error",
            Self::Stdout => "is written to standard output",
            Self::Exception => "is in the text of an exception",
            Self::Metadata => "is in `additional_metadata`",
            Self::File => "is left behind in a file",
            Self::SessionCookie => "is in the session cookie",
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

    /// Whether text of one call is still there after the next, so that only the first call is reported.
    pub(super) const fn lasts(self) -> bool {
        matches!(self, Self::File | Self::SessionCookie)
    }
}

/// Where a canary is in a text, and how it is encoded, if it is.
pub(super) struct CanaryMatch {
    start: usize,
    end: usize,
    encoding: Option<Encoding>,
}

/// Searches for `canary`. `may_be_encoded` is shared by all searches of one text, so that it is computed at most once.
pub(super) fn find(text: &str, canary: &Canary<'_>, may_be_encoded: &OnceCell<bool>) -> Option<CanaryMatch> {
    if text.len() < canary.text.len() {
        return None;
    }
    let whole_word = canary::must_be_word(&canary.text);
    let at = |start, part: &str, encoding| CanaryMatch { start, end: start + part.len(), encoding };
    let plain = memchr::memmem::find_iter(text.as_bytes(), canary.text.as_bytes())
        .find(|&start| !whole_word || mask::is_word_at(text, start, start + canary.text.len()));
    if let Some(start) = plain {
        return Some(at(start, &canary.text, None));
    }
    if !may_be_encoded.get_or_init(|| encoding::may_contain(text)) {
        return None;
    }
    canary.encodings().iter().find_map(|(encoding, part)| {
        memchr::memmem::find(text.as_bytes(), part.as_bytes()).map(|start| at(start, part, Some(*encoding)))
    })
}

pub(super) fn finding(
    context: &Context<'_>,
    index: usize,
    channel: Channel,
    canary: &Canary<'_>,
    text: &str,
    found: &CanaryMatch,
) -> Finding {
    let encoding = found.encoding.map_or("", Encoding::description);
    let quoted = quote(context, text, found);
    let message = format!("{} {}{encoding}: `{quoted}`", canary.kind.description(), channel.description());
    let place = match channel {
        Channel::Exception => stack::location_of_ending(&context.trace.calls[index].ending),
        _ => None,
    };
    let is_debug = context.plugin.logs_debug && channel == Channel::Stderr;
    let severity =
        if is_debug || channel == Channel::SessionCookie { Severity::Warning } else { Rule::SecretLeak.severity() };
    context
        .draft(Rule::SecretLeak, index, message)
        .severity(severity)
        .at(place)
        .detail(format!("{} {}", canary.kind.id(), channel.id()))
        .finish()
}

/// The line around a match with its secrets masked, cut to the surroundings of the first of them.
fn quote(context: &Context<'_>, text: &str, found: &CanaryMatch) -> String {
    let line_start = text[..found.start].rfind('\n').map_or(0, |line| line + 1);
    let start = text.floor_char_boundary(line_start.max(found.start.saturating_sub(MASKED_BYTES)));
    // A secret may contain line ends, so the line ends after it.
    let end = text.floor_char_boundary((found.end + MASKED_BYTES).min(text.len()));
    let masked = context.mask(&text[start..end]);
    let hidden = masked.find("***").unwrap_or(0);
    let line_end = masked[hidden..].find('\n').map_or(masked.len(), |line| hidden + line);
    let near: usize = masked[..hidden].chars().count().saturating_sub(QUOTED_CHARACTERS);
    let line: String = masked[..line_end].chars().skip(near).collect();
    let before = if near > 0 { "…" } else { "" };
    format!("{before}{}", message::one_line(&line, 2 * QUOTED_CHARACTERS))
}
