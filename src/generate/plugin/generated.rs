//! Makes a plugin, and works out what is expected of it.

use super::{bodies::HookBehaviour, hooks, loading, python::PythonFile};
use crate::{
    contract::{Hook, HookSpec, Platform, PluginType},
    finding::Rule,
    generate::{expect::ExpectedFinding, source::Source},
};

/// A hook of a generated plugin.
#[derive(Clone, Debug)]
pub(crate) struct GeneratedHook {
    /// Its name.
    pub(crate) hook: Hook,
    /// How each call ends.
    pub(crate) behaviour: HookBehaviour,
    /// The findings that each call must give.
    pub(crate) expected: Vec<ExpectedFinding>,
    /// What each call writes to standard output and standard error.
    pub(crate) prints: (String, String),
    /// The global variable that each call changes.
    pub(crate) changes: Option<String>,
}

/// A plugin and what is expected of it.
#[derive(Clone, Debug)]
pub(crate) struct GeneratedPlugin {
    /// Its files: paths and contents.
    pub(crate) files: Vec<(String, String)>,
    /// The findings that loading must give.
    pub(crate) loading: Vec<ExpectedFinding>,
    /// Its hooks; empty if it cannot be loaded, since nothing can call them then.
    pub(crate) hooks: Vec<GeneratedHook>,
    /// What is special about it, in words.
    pub(crate) parts: Vec<&'static str>,
}

/// The beginning of every main.py.
const HEAD: &str = "#!/usr/bin/env pluginwrapper3
import configparser, datetime, decimal
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
pub(in crate::generate) fn plugin(
    source: &mut Source<'_, '_>,
    plugin_type: PluginType,
    platform: &'static Platform,
) -> GeneratedPlugin {
    let mut main = PythonFile::default();
    let mut helper = PythonFile::default();
    helper.lines("import json\nimport sys");
    main.lines(HEAD);
    let mut made = GeneratedPlugin { files: Vec::new(), loading: Vec::new(), hooks: Vec::new(), parts: Vec::new() };
    let broken = if source.chance(40) { source.below(8) } else { 0 };
    loading::import(&mut main, broken, &mut made);
    if broken == 5 {
        main.line("class Plugins:");
    } else {
        main.line("class Plugin:");
    }
    let may_run = broken == 0;
    loading::constructor(source, &mut main, may_run, &mut made);
    let has_leak = source.chance(32);
    for spec in HookSpec::on(plugin_type, platform) {
        if !spec.required && source.chance(96) {
            continue;
        }
        hooks::add(source, &mut main, &mut helper, (spec, plugin_type, platform), has_leak, &mut made);
    }
    if broken == 6 {
        main.line("");
        main.line("Plugin = 'no class'");
    }
    if broken != 0 {
        // hookstorm does not report what follows from that.
        made.loading.truncate(1);
    }
    if broken != 0 || made.loading.iter().any(|expected| expected.rule == Rule::ConstructorFailed) {
        made.hooks.clear();
    }
    made.files = vec![("main.py".into(), main.text), ("lib/helper.py".into(), helper.text)];
    if source.chance(128) {
        made.files.push(("lib/__init__.py".into(), String::new()));
    }
    made
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use arbitrary::Unstructured;

    use super::*;
    use crate::generate::nth_bytes;

    #[test]
    fn no_bytes_give_a_clean_plugin() {
        let made =
            plugin(&mut Source::new(&mut Unstructured::new(&[])), PluginType::CredentialStore, Platform::newest());
        assert!(made.loading.is_empty() && made.hooks.iter().all(|hook| hook.expected.is_empty()), "{made:?}");
        assert_eq!(made.hooks.len(), 6);
    }

    #[test]
    fn every_rule_of_loading_and_calling_that_can_be_generated_turns_up() {
        let mut rules = HashSet::new();
        for index in 0..3000 {
            let bytes = nth_bytes(1, index, 512);
            let plugin_type = if index % 2 == 0 { PluginType::Aa } else { PluginType::CredentialStore };
            let made = plugin(&mut Source::new(&mut Unstructured::new(&bytes)), plugin_type, Platform::newest());
            rules.extend(made.loading.iter().map(|expected| expected.rule));
            rules.extend(made.hooks.iter().flat_map(|hook| &hook.expected).map(|expected| expected.rule));
        }
        assert_eq!(rules.len(), 15, "{rules:?}");
    }
}
