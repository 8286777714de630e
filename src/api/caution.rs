//! Says why few findings prove little: no session was accepted or had a credential, or all of them ended at one line.

use super::{Plugin, ending_line::ending_line};
use crate::{
    contract::{HookSpec, PluginType, nearest_word},
    engine::{End, EndPlace, Reach, ReportedFinding, Summary},
};

/// How much of a line of source is quoted.
const QUOTE_CHARACTERS: usize = 80;

impl Plugin {
    /// What limits the findings of a run.
    pub(super) fn cautions(&self, summary: &Summary) -> Option<String> {
        let reach = &summary.reach;
        if let Some(hook) = reach.unreached {
            let remedy = match &self.options.other {
                Some((_, Some(_))) => "the configuration that `--with-config` sets lets no user in",
                _ => "use `--with-config` to give it a configuration that lets users in",
            };
            return Some(format!(
                "no session reached `{hook}`: the plugin named with `--with` ended every session before; {remedy}"
            ));
        }
        let loaded = self.loaded.as_ref().filter(|_| reach.sessions > 0)?;
        if let End::Same(place) = &reach.end {
            return Some(format!(
                "all {} sessions ended at {}:{}: {}; nothing behind that line was tested",
                reach.sessions,
                place.file,
                place.line,
                reason(place, &summary.reported)
            ));
        }
        let plugin_type = loaded.target.plugin_type;
        let what = match (plugin_type, reach.successes) {
            (PluginType::Aa, 0) => "no session was accepted".to_owned(),
            (PluginType::Aa, _) => return None,
            (_, 0) => "no session got a password or a key".to_owned(),
            (_, _) if reach.has_no_nominal_success() => "no nominal session got a password or a key".to_owned(),
            _ => return None,
        };
        let more = unknown_keys(plugin_type, reach).or_else(|| self.line_that_ends_sessions(summary));
        Some(match more {
            Some(more) => format!("{what}: {more}"),
            None if plugin_type == PluginType::Aa => format!("{what}, so what follows on that was not tested"),
            None => format!("{what}, so what the plugin does with one was not tested"),
        })
    }

    /// The line behind which the code of a function never ran in nominal sessions.
    fn line_that_ends_sessions(&self, summary: &Summary) -> Option<String> {
        let is_reported = |file: &str, line: u32| {
            let mut places = summary.reported.iter().filter_map(|one| one.finding.location.as_ref());
            places.any(|place| place.file == file && place.line == line)
        };
        let (loaded, package) = (self.loaded.as_ref()?, self.package.as_ref()?);
        let files = loaded.loading.files.iter().enumerate().filter_map(|(index, file)| {
            let text = package.source_lines(&file.path)?;
            let is_hit = |line: u32| summary.reach.lines.contains(&(index, line));
            let lines: Vec<(u32, bool)> = file.lines.iter().map(|&line| (line, is_hit(line))).collect();
            let end = ending_line(&text, &lines).filter(|end| !is_reported(&file.path, end.line))?;
            Some((file, end, text))
        });
        let (file, end, text) = files.max_by_key(|(_, end, _)| end.left_out)?;
        let quoted = text.get(end.line as usize - 1).map(|text| text.trim()).unwrap_or_default();
        let quoted: String = quoted.chars().take(QUOTE_CHARACTERS).collect();
        let raised = if end.is_raised { "raised an exception, and " } else { "was reached, and " };
        Some(format!(
            "in nominal sessions {}:{} (`{quoted}`) {raised}the code behind it never ran",
            file.path, end.line
        ))
    }
}

/// The message of the finding at `place`, else the exception's type.
fn reason<'a>(place: &'a EndPlace, reported: &'a [ReportedFinding]) -> &'a str {
    let is_there = |one: &&ReportedFinding| one.finding.location.as_ref().is_some_and(|at| place.is_at(at));
    let message = reported.iter().find(is_there).map(|one| one.finding.message.as_str());
    message.filter(|message| message.contains(&place.type_name)).unwrap_or(&place.type_name)
}

/// The keys of results, if the platform knows none of them.
fn unknown_keys(plugin_type: PluginType, reach: &Reach) -> Option<String> {
    let known: Vec<&str> =
        HookSpec::all(plugin_type).iter().flat_map(|spec| spec.result.iter().map(|key| key.name)).collect();
    if reach.keys.is_empty() || reach.keys.iter().any(|key| known.contains(&key.as_str())) {
        return None;
    }
    let shown: Vec<String> = reach.keys.iter().map(|key| format!("`{key}`")).collect();
    let near = reach.keys.iter().find_map(|key| nearest_word(key, known.iter().copied()));
    let near = near.map(|near| format!("; the nearest that it knows is `{near}`")).unwrap_or_default();
    let keys = if shown.len() == 1 { "the key" } else { "the keys" };
    Some(format!("their results have {keys} {}, which the platform does not know{near}", shown.join(", ")))
}
