//! Turns bytes into a small plugin whose behaviour is known by construction: for each hook how a call ends, what it
//! prints, which findings that brings and at which line. The same bytes, the same plugin; no bytes at all give one that
//! is clean.
//!
//! Hunts slips of runtime and oracles: a result that arrives as another one, an ending taken for another, a place that is
//! off, a finding that is missing or told twice. `acts` holds what hooks do, `results` what they return, `source` writes
//! Python.

mod acts;
mod results;
mod source;

use arbitrary::Unstructured;

pub use acts::Act;

use super::{dice::Dice, expect::Expected};
use crate::{
    contract::{Hook, HookSpec, Platform, PluginType},
    finding::Rule,
};
use source::Source;

/// A hook of a generated plugin.
#[derive(Clone, Debug)]
pub struct PlannedHook {
    /// Which one.
    pub hook: Hook,
    /// How each call of it ends.
    pub act: Act,
    /// What each call of it must bring.
    pub expected: Vec<Expected>,
    /// What each call of it writes to standard output and standard error.
    pub prints: (String, String),
    /// The global that each call of it changes.
    pub changes: Option<String>,
}

/// A plugin and what is known of it.
#[derive(Clone, Debug)]
pub struct PluginSource {
    /// Its files: paths and contents.
    pub files: Vec<(String, String)>,
    /// What loading must bring.
    pub loading: Vec<Expected>,
    /// Its hooks; empty where it cannot be loaded, so that none can be called.
    pub hooks: Vec<PlannedHook>,
    /// What was built, in words.
    pub parts: Vec<&'static str>,
}

/// What every plugin begins with.
const HEAD: &str = "import datetime
import decimal
import faulthandler
import json
import os
import select
import signal
import sys
import time
import lib.helper


class Thing:
    pass


class Boom(Exception):
    pass


class Deep(Boom, ValueError):
    pass


class Mute(Exception):
    def __str__(self):
        raise ValueError('mute')


def _recurse(depth):
    return _recurse(depth + 1) + 1


def _cycle():
    items = []
    items.append(items)
    return items


def _own():
    entries = {}
    entries['self'] = entries
    return entries


def _stubborn():
    while True:
        try:
            while True:
                pass
        except BaseException:
            pass


COUNT = 0
";

/// A plugin of `plugin_type` for `platform`.
pub fn plugin(u: &mut Unstructured<'_>, plugin_type: PluginType, platform: &'static Platform) -> PluginSource {
    let mut dice = Dice(u);
    let mut main = Source::default();
    let mut helper = Source::default();
    helper.lines("import json\nimport sys");
    main.lines(HEAD);
    let mut made = PluginSource { files: Vec::new(), loading: Vec::new(), hooks: Vec::new(), parts: Vec::new() };
    let broken = if dice.chance(40) { dice.below(8) } else { 0 };
    import(&mut main, broken, &mut made);
    if broken == 5 {
        main.line("class Plugins:");
    } else {
        main.line("class Plugin:");
    }
    let may_run = broken == 0;
    constructor(&mut dice, &mut main, may_run, &mut made);
    let has_leak = dice.chance(32);
    for spec in HookSpec::on(plugin_type, platform) {
        if !spec.demanded && dice.chance(96) {
            continue;
        }
        hook(&mut dice, &mut main, &mut helper, (spec, plugin_type, platform), has_leak, &mut made);
    }
    if broken == 6 {
        main.line("");
        main.line("Plugin = 'no class'");
    }
    if broken != 0 {
        // Nothing is told that follows from it.
        made.loading.truncate(1);
    }
    if broken != 0 || made.loading.iter().any(|expected| expected.rule == Rule::ConstructorFailed) {
        made.hooks.clear();
    }
    made.files = vec![("main.py".into(), main.text), ("lib/helper.py".into(), helper.text)];
    if dice.chance(128) {
        made.files.push(("lib/__init__.py".into(), String::new()));
    }
    made
}

/// What happens while the module is imported, where that goes wrong.
fn import(main: &mut Source, broken: usize, made: &mut PluginSource) {
    let failed = Expected::of(Rule::ImportFailed);
    match broken {
        1 => {
            let line = main.line("raise ValueError('Qx import')");
            made.loading.push(failed.at("main.py", line).word("ValueError: Qx import"));
        }
        2 => {
            let line = main.line("def (:");
            made.loading.push(failed.at("main.py", line).word("SyntaxError"));
        }
        3 => {
            let line = main.line("sys.exit(3)");
            made.loading.push(failed.at("main.py", line).word("status 3"));
        }
        4 => {
            main.line("os._exit(5)");
            made.loading.push(failed.word("status 5"));
        }
        5 | 6 => made.loading.push(Expected::of(Rule::PluginClassMissing)),
        7 => {
            // A fault, and no signal: the importing process is the first of its namespace, and takes none from itself.
            main.line("import ctypes");
            let line = main.line("ctypes.string_at(0)");
            made.loading.push(failed.at("main.py", line).word("signal 11"));
        }
        _ => {}
    }
    if broken > 0 {
        made.parts.push("the module does not load");
    }
}

fn constructor(dice: &mut Dice<'_, '_>, main: &mut Source, may_break: bool, made: &mut PluginSource) {
    const FORMS: [&str; 6] = [
        "    def __init__(self, configuration):",
        "    def __init__(self):",
        "    def __init__(self, configuration=None):",
        "    def __init__(self, *args, **kwargs):",
        "    def __init__(self, config, unused=None):",
        "    def __init__(self, *, configuration):",
    ];
    let form = dice.below(5);
    main.line(FORMS[form]);
    let failed = Expected::of(Rule::ConstructorFailed);
    let broken = if may_break && dice.chance(16) { 1 + dice.below(4) } else { 0 };
    match broken {
        1 => {
            let line = main.line("        raise Boom('Qx constructor')");
            made.loading.push(failed.at("main.py", line).word("main.Boom: Qx constructor"));
        }
        2 => {
            main.line("        sys.exit(3)");
            made.loading.push(failed.word("status 3"));
        }
        3 => {
            main.line("        os._exit(6)");
            made.loading.push(failed.word("status 6"));
        }
        4 => {
            let line = main.line("        faulthandler._sigsegv()");
            made.loading.push(failed.at("main.py", line).word("signal 11"));
        }
        _ => {
            main.line("        self.calls = 0");
        }
    }
    if broken > 0 {
        made.parts.push("the constructor fails");
    }
}

/// Writes a hook, unless it is left out.
fn hook(
    dice: &mut Dice<'_, '_>,
    main: &mut Source,
    helper: &mut Source,
    (spec, plugin_type, platform): (&HookSpec, PluginType, &Platform),
    has_leak: bool,
    made: &mut PluginSource,
) {
    let name = spec.hook.name();
    main.line("");
    let missing = || Expected::of(Rule::HookMissing).hook(spec.hook);
    if dice.chance(8) {
        made.parts.push("a hook is missing");
        let is_callable = match dice.below(3) {
            0 => None,
            1 => Some("None"),
            _ => Some("5"),
        };
        if let Some(value) = is_callable {
            main.line(&format!("    {name} = {value}"));
        } else {
            main.line("    # Nothing.");
        }
        made.loading.extend(spec.demanded.then(missing));
        return;
    }
    const FORMS: [&str; 5] = [
        "self, **arguments",
        "self, session_id=None, **arguments",
        "self, cookie, session_cookie, **arguments",
        "self, *unused, session_id, **arguments",
        "self, no_such_argument=None, **arguments",
    ];
    if dice.chance(6) {
        made.parts.push("a hook demands what nobody passes");
        let line = main.line(&format!("    def {name}(self, gateway_usernam, **arguments):"));
        main.line("        return None");
        made.loading.push(
            Expected::of(Rule::HookArgumentUnknown).hook(spec.hook).at("main.py", line).word("`gateway_usernam`"),
        );
        return;
    }
    match dice.below(8) {
        7 => {
            main.line("    @staticmethod");
            main.line(&format!("    def {name}(**arguments):"));
        }
        6 => {
            main.line("    @classmethod");
            main.line(&format!("    def {name}(cls, **arguments):"));
        }
        form => {
            main.line(&format!("    def {name}({}):", FORMS[form.min(FORMS.len() - 1)]));
        }
    }
    let prints = prints(dice, main, made);
    let mut changes = None;
    // Only one hook, and only one call of it in a session, so that the session itself sees nothing of it.
    if has_leak && spec.hook == Hook::SessionEnded {
        main.line("        global COUNT");
        main.line("        COUNT += 1");
        changes = Some("main.COUNT".to_owned());
        made.parts.push("a global changes");
    }
    let body = acts::body(dice, main, helper, (spec, plugin_type, platform));
    made.parts.push(body.words);
    let expected = body.rules.into_iter().map(|rule| {
        let expected = Expected::of(rule).hook(spec.hook);
        match &body.place {
            Some((file, line)) => expected.at(*file, *line),
            None => expected,
        }
    });
    made.hooks.push(PlannedHook { hook: spec.hook, expected: expected.collect(), act: body.act, prints, changes });
}

/// Writes something to standard output and standard error, now and then.
fn prints(dice: &mut Dice<'_, '_>, main: &mut Source, made: &mut PluginSource) -> (String, String) {
    let (statement, stdout, stderr) = match if dice.chance(64) { 1 + dice.below(7) } else { 0 } {
        1 => ("print('Qx out')", "Qx out\n".to_owned(), String::new()),
        2 => ("sys.stderr.write('Qx err\\n')", String::new(), "Qx err\n".to_owned()),
        3 => ("os.write(1, b'\\xff{\"format\": 1}\\n')", "\u{fffd}{\"format\": 1}\n".to_owned(), String::new()),
        4 => ("print('ünïcode 😀', file=sys.stderr)", String::new(), "ünïcode 😀\n".to_owned()),
        5 => ("os.write(2, b'Qx\\x1b[31m')", String::new(), "Qx\u{1b}[31m".to_owned()),
        6 => ("print('no end', end='')", "no end".to_owned(), String::new()),
        7 => ("os.write(1, b'x' * 3000)", "x".repeat(3000), String::new()),
        _ => return (String::new(), String::new()),
    };
    main.line(&format!("        {statement}"));
    made.parts.push("a hook prints");
    (stdout, stderr)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::generate::nth_bytes;

    #[test]
    fn no_bytes_give_a_clean_plugin() {
        let made = plugin(&mut Unstructured::new(&[]), PluginType::CredentialStore, Platform::newest());
        assert!(made.loading.is_empty() && made.hooks.iter().all(|hook| hook.expected.is_empty()), "{made:?}");
        assert_eq!(made.hooks.len(), 6);
    }

    #[test]
    fn every_rule_of_loading_and_calling_that_can_be_built_turns_up() {
        let mut rules = HashSet::new();
        for index in 0..3000 {
            let bytes = nth_bytes(1, index, 512);
            let plugin_type = if index % 2 == 0 { PluginType::Aa } else { PluginType::CredentialStore };
            let made = plugin(&mut Unstructured::new(&bytes), plugin_type, Platform::newest());
            rules.extend(made.loading.iter().map(|expected| expected.rule));
            rules.extend(made.hooks.iter().flat_map(|hook| &hook.expected).map(|expected| expected.rule));
        }
        assert_eq!(rules.len(), 15, "{rules:?}");
    }
}
