//! The registry of rules: a row for each rule, with its id, its phase, its severity and a summary. The text that
//! explains a rule is `rules/ID.md`. Ids are used in reports, in corpora and in other people's CI, so they never
//! change.

use std::fmt;

use super::Severity;

/// When a rule can be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Without running Python.
    Package,
    /// By importing the module and constructing `Plugin`.
    Loading,
    /// By running hooks.
    Calling,
}

macro_rules! rules {
    ($($variant:ident $id:literal $phase:ident $severity:ident $summary:literal;)*) => {
        /// A rule. Its id is the defect: `secret-leak`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Rule { $(#[doc = $summary] $variant,)* }

        impl Rule {
            /// Every rule, in the order of reports and of the page of rules.
            pub const ALL: &'static [Rule] = &[$(Rule::$variant,)*];

            /// The id, as users write it: `secret-leak`.
            pub const fn id(self) -> &'static str {
                match self { $(Self::$variant => $id,)* }
            }

            /// When it can be found.
            pub const fn phase(self) -> Phase {
                match self { $(Self::$variant => Phase::$phase,)* }
            }

            /// The severity of its findings, unless the user sets another one or the circumstances make it a warning.
            pub const fn severity(self) -> Severity {
                match self { $(Self::$variant => Severity::$severity,)* }
            }

            /// What is wrong when the rule is broken, in one line.
            pub const fn summary(self) -> &'static str {
                match self { $(Self::$variant => $summary,)* }
            }

            /// What it is, why it matters, a bad and a good example, and how to turn it off, as Markdown: for
            /// `hookstorm explain` and the page of rules.
            pub const fn explanation(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!(
                        "# ", $id, "\n\n",
                        include_str!(concat!("rules/", $id, ".md")),
                        "\n## Silence it\n\n`--rule ", $id,
                        "=off`; `hookstorm.toml` beside MANIFEST takes the same setting.\n",
                    ),)*
                }
            }
        }
    };
}

rules! {
    ArchiveUnreadable "archive-unreadable" Package Error
        "the archive is not a ZIP, is truncated, or an entry fails its checksum";
    ArchiveTooLarge "archive-too-large" Package Error "the archive has 20 MB or more";
    ArchiveUnsafeEntry "archive-unsafe-entry" Package Error
        "an entry has an absolute path, `..`, a drive letter, a NUL or a duplicate name, or is a symlink or encrypted";
    ArchiveBomb "archive-bomb" Package Error "the archive unpacks to more than the limit, or has over 100,000 entries";
    ManifestMissing "manifest-missing" Package Error "there is no MANIFEST in the root";
    ManifestUnreadable "manifest-unreadable" Package Error
        "MANIFEST is not YAML, not a mapping or not UTF-8, or a key appears twice";
    ManifestFieldMissing "manifest-field-missing" Package Error "a required field is absent or empty";
    ManifestFieldInvalid "manifest-field-invalid" Package Error "a field does not have the required form";
    ManifestAmbiguous "manifest-ambiguous" Package Error
        "YAML 1.1 and 1.2 read MANIFEST differently, or a version loses digits as a number";
    EntryPointMissing "entry-point-missing" Package Error "the module is not in the root";
    ConfigUnreadable "config-unreadable" Package Warning
        "default.cfg is not UTF-8, or it is not INI and the plugin reads INI";
    ConfigTooLarge "config-too-large" Package Warning "default.cfg has more than 10 KiB";
    PlatformExcluded "platform-excluded" Package Warning
        "`scb_min_version` and `scb_max_version` leave out the platform, or all platforms";
    InterpreterLineMissing "interpreter-line-missing" Package Warning
        "the module does not begin with the line that chooses Python 3";
    ModuleShadowed "module-shadowed" Package Warning
        "a module in the root has the name of a module of the standard library";
    BinaryModuleMismatch "binary-module-mismatch" Package Error
        "an extension module is built for another Python than the platform's";
    ImportFailed "import-failed" Loading Error "the module raised, exited or does not compile";
    PluginClassMissing "plugin-class-missing" Loading Error "the module has no class `Plugin`";
    ConstructorFailed "constructor-failed" Loading Error "`Plugin(configuration)` raised";
    HookMissing "hook-missing" Loading Error "a required hook is absent or cannot be called";
    HookArgumentUnknown "hook-argument-unknown" Loading Error
        "a hook requires a parameter that the platform never passes";
    UncaughtException "uncaught-exception" Calling Error "a hook raised an exception";
    InterpreterCrash "interpreter-crash" Calling Error "the process died of a signal";
    ProcessExit "process-exit" Calling Error "a hook ended the process";
    Timeout "timeout" Calling Error "a hook ran longer than the time limit";
    MemoryLimit "memory-limit" Calling Error "a hook needed more memory than the limit";
    ReturnType "return-type" Calling Error "a hook returned neither None nor a dict";
    ReturnValueInvalid "return-value-invalid" Calling Error
        "a documented key has a value that the contract does not allow";
    ReturnKeyUnknown "return-key-unknown" Calling Warning "the result has a key that the contract does not name";
    NotJson "not-json" Calling Error "JSON cannot represent the result or a cookie in it";
    LossyJson "lossy-json" Calling Warning "a cookie changes when it crosses JSON";
    StateLeak "state-leak" Calling Error
        "the same session gives another result in a process that ran other sessions before";
    Nondeterministic "nondeterministic" Calling Warning
        "the same session gives another result in a second fresh process";
    SecretLeak "secret-leak" Calling Error "a secret appears in output, an exception, metadata or a file";
    ResourceLeak "resource-leak" Calling Warning "a call leaves a thread, process, descriptor or file behind";
    SandboxViolation "sandbox-violation" Calling Warning
        "the plugin tried to use a network, file or process that is not allowed";
}
impl Rule {
    /// The rule with that id.
    pub fn named(id: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|rule| rule.id() == id)
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    #[test]
    fn ids_are_unique_and_found_again() {
        for &rule in Rule::ALL {
            assert_eq!(Rule::named(rule.id()), Some(rule));
        }
    }

    #[test]
    fn every_text_has_its_parts() {
        for &rule in Rule::ALL {
            let (id, text) = (rule.id(), rule.explanation());
            let lead = text.lines().nth(2).unwrap_or_default();
            assert!(!lead.is_empty() && !lead.starts_with('#'), "{id}: the text does not begin with what the rule is");
            for part in ["## Why it matters", "## Bad", "## Good"] {
                let body = text.split_once(part).unwrap_or_else(|| panic!("{id}: no `{part}`")).1;
                let body = body.split("\n## ").next().unwrap_or_default();
                assert!(body.trim().len() > 20, "{id}: nothing under `{part}`");
            }
            assert_eq!(text.matches("```").count() % 2, 0, "{id}: a block of code is not closed");
            assert!(text.lines().all(|line| line.chars().count() <= 120), "{id}: a line is too long");
        }
    }

    #[test]
    fn every_text_belongs_to_a_rule() {
        for file in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/finding/rules")).unwrap() {
            let path = file.unwrap().path();
            let id = path.file_stem().unwrap().to_string_lossy();
            assert!(Rule::named(&id).is_some(), "{}: no rule has that id", path.display());
        }
    }
}
