//! Why each rule matters and what to do: a text per rule, kept as Markdown beside this file, shown by `hookstorm explain`
//! and made into the manual's page of rules. Every text has the same form: the id as its title, what it is, why it
//! matters on a live gateway, a bad example, a good one, and how to silence it.

use super::Rule;

macro_rules! explanations {
    ($($variant:ident $id:literal)*) => {
        /// The explanation of `rule`, as Markdown.
        pub const fn explanation(rule: Rule) -> &'static str {
            match rule {
                $(Rule::$variant => include_str!(concat!("explanations/", $id, ".md")),)*
            }
        }
    };
}

explanations! {
    ArchiveUnreadable "archive-unreadable"
    ArchiveTooLarge "archive-too-large"
    ArchiveUnsafeEntry "archive-unsafe-entry"
    ArchiveBomb "archive-bomb"
    ManifestMissing "manifest-missing"
    ManifestUnreadable "manifest-unreadable"
    ManifestFieldMissing "manifest-field-missing"
    ManifestFieldInvalid "manifest-field-invalid"
    ManifestAmbiguous "manifest-ambiguous"
    EntryPointMissing "entry-point-missing"
    ConfigUnreadable "config-unreadable"
    ImportFailed "import-failed"
    PluginClassMissing "plugin-class-missing"
    ConstructorFailed "constructor-failed"
    HookMissing "hook-missing"
    HookArgumentUnknown "hook-argument-unknown"
    UncaughtException "uncaught-exception"
    InterpreterCrash "interpreter-crash"
    ProcessExit "process-exit"
    Timeout "timeout"
    MemoryLimit "memory-limit"
    ReturnType "return-type"
    ReturnValueInvalid "return-value-invalid"
    ReturnKeyUnknown "return-key-unknown"
    NotJson "not-json"
    LossyJson "lossy-json"
    StateLeak "state-leak"
    Nondeterministic "nondeterministic"
    SecretLeak "secret-leak"
    ResourceLeak "resource-leak"
    SandboxViolation "sandbox-violation"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_is_explained_in_full() {
        for &rule in Rule::ALL {
            let text = explanation(rule);
            let id = rule.id();
            assert_eq!(text.lines().next(), Some(format!("# {id}").as_str()), "{id}: the title is the id");
            for part in ["## Why it matters", "## Bad", "## Good", "## Silence it"] {
                let body = text.split_once(part).unwrap_or_else(|| panic!("{id}: no `{part}`")).1;
                let body = body.split("\n## ").next().unwrap_or_default();
                assert!(body.trim().len() > 20, "{id}: nothing under `{part}`");
            }
            assert!(text.contains(&format!("--rule {id}=off")), "{id}: does not say how to silence it");
            assert_eq!(text.matches("```").count() % 2, 0, "{id}: a block of code is not closed");
            assert!(text.lines().all(|line| line.chars().count() <= 120), "{id}: a line is too long");
        }
    }
}
