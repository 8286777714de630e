//! The registry: every rule with its id, its severity and the one line that says what it means. Ids stand in reports, in
//! corpora and in other people's CI, and never change.

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
        /// A rule. Its id is the defect: `secret-leak`, read "allow a secret leak".
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Rule { $(#[doc = $summary] $variant,)* }

        impl Rule {
            /// Every rule, in the order of the manual.
            pub const ALL: &'static [Rule] = &[$(Rule::$variant,)*];

            /// The id.
            pub const fn id(self) -> &'static str {
                match self { $(Self::$variant => $id,)* }
            }

            /// When it can be found.
            pub const fn phase(self) -> Phase {
                match self { $(Self::$variant => Phase::$phase,)* }
            }

            /// How bad it is unless the user, or the case at hand, says otherwise.
            pub const fn severity(self) -> Severity {
                match self { $(Self::$variant => Severity::$severity,)* }
            }

            /// What it says, in one line.
            pub const fn summary(self) -> &'static str {
                match self { $(Self::$variant => $summary,)* }
            }

            /// What it is, why it matters on a live gateway, a bad and a good example, and how to turn it off: Markdown,
            /// shown by `hookstorm explain` and made into the page of rules.
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
    ArchiveUnreadable "archive-unreadable" Package Error "not a ZIP, truncated, or an entry fails its CRC";
    ArchiveTooLarge "archive-too-large" Package Error "the archive has 20 MB or more";
    ArchiveUnsafeEntry "archive-unsafe-entry" Package Error
        "an entry has an absolute path, `..`, a drive letter, a NUL, a name that stands twice, or is a symlink or encrypted";
    ArchiveBomb "archive-bomb" Package Error "unpacks to more than the limit, or has over 100,000 entries";
    ManifestMissing "manifest-missing" Package Error "no MANIFEST in the root";
    ManifestUnreadable "manifest-unreadable" Package Error "not YAML, not a mapping, not UTF-8, or a duplicate key";
    ManifestFieldMissing "manifest-field-missing" Package Error "a demanded field is absent or empty";
    ManifestFieldInvalid "manifest-field-invalid" Package Error "a field breaks its form";
    ManifestAmbiguous "manifest-ambiguous" Package Error
        "YAML 1.1 and 1.2 read it differently, or a version loses digits as a float";
    EntryPointMissing "entry-point-missing" Package Error "the module is not in the root";
    ConfigUnreadable "config-unreadable" Package Warning "default.cfg is not INI";
    ImportFailed "import-failed" Loading Error "the module raised, exited or does not compile";
    PluginClassMissing "plugin-class-missing" Loading Error "no class `Plugin` in the module";
    ConstructorFailed "constructor-failed" Loading Error "`Plugin(configuration)` raised";
    HookMissing "hook-missing" Loading Error "a demanded hook is absent or not callable";
    HookArgumentUnknown "hook-argument-unknown" Loading Error "a required parameter that the platform never passes";
    UncaughtException "uncaught-exception" Calling Error "a hook raised";
    InterpreterCrash "interpreter-crash" Calling Error "the process died of a signal";
    ProcessExit "process-exit" Calling Error "a hook ended the process";
    Timeout "timeout" Calling Error "a hook ran past the time limit";
    MemoryLimit "memory-limit" Calling Error "a hook ran past the memory limit";
    ReturnType "return-type" Calling Error "a hook returned neither None nor a dict";
    ReturnValueInvalid "return-value-invalid" Calling Error "a documented key holds what the contract does not allow";
    ReturnKeyUnknown "return-key-unknown" Calling Warning "a key that the contract does not name";
    NotJson "not-json" Calling Error "the result, or a cookie in it, cannot be JSON";
    LossyJson "lossy-json" Calling Warning "a cookie changes when it crosses JSON";
    StateLeak "state-leak" Calling Error "the same session gives another result in a process that ran others before";
    Nondeterministic "nondeterministic" Calling Warning "the same session gives another result in a second fresh process";
    SecretLeak "secret-leak" Calling Error "a secret shows up in output, an exception, metadata or a file";
    ResourceLeak "resource-leak" Calling Warning "a call leaves a thread, process, descriptor or file behind";
    SandboxViolation "sandbox-violation" Calling Warning "it tried the network, a file or a process that is not open to it";
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
    use super::*;

    #[test]
    fn ids_are_unique_and_found_again() {
        for &rule in Rule::ALL {
            assert_eq!(Rule::named(rule.id()), Some(rule));
        }
    }
}
