//! The rules for the fields of a MANIFEST: those of platform 5.10 \[G\] and those of all later platforms \[S\]. Each
//! message quotes the form that is required.

use std::collections::BTreeSet;

use super::{
    FILE, Manifest, ManifestField,
    api::ApiVersion,
    construct::{Constructed, RootPair},
    node::Position,
    scalar::{YamlValue, brief},
};
use crate::{
    contract::{Platform, PluginType, edit_distance, float_repr, similarity},
    finding::{Draft, Finding, Location, Rule, Severity},
};

/// Every field that some platform or tool knows.
const KNOWN: [&str; 10] = [
    "api",
    "type",
    "name",
    "version",
    "description",
    "entry_point",
    "author_name",
    "author_email",
    "scb_min_version",
    "scb_max_version",
];
/// Fields that every reader requires.
const REQUIRED: [&str; 4] = ["api", "type", "name", "version"];
/// Fields that contain a version, which the SDK converts to text \[S\].
const VERSIONS: [&str; 4] = ["api", "version", "scb_min_version", "scb_max_version"];

/// Checks every field, and returns what can be read.
pub(super) fn check(constructed: &Constructed, platform: &Platform, findings: &mut Vec<Finding>) -> Manifest {
    let mut checker = FieldChecker { constructed, platform, findings };
    let plugin_type = checker.check_type();
    checker.check_api();
    checker.check_name();
    checker.check_version();
    checker.check_description();
    checker.check_entry_point();
    checker.check_author_email();
    checker.check_platform_range();
    let names = constructed.pairs.iter().filter_map(|pair| pair.key.as_text());
    let unknown: BTreeSet<&str> = names.filter(|name| !KNOWN.contains(name)).collect();
    for name in KNOWN.into_iter().chain(unknown) {
        checker.check_ambiguity(name);
    }
    let text = |name: &str| {
        checker.field(name).and_then(|pair| pair.value.python_str().filter(|_| pair.value != YamlValue::Null))
    };
    Manifest {
        api: text("api"),
        plugin_type,
        name: text("name"),
        version: text("version"),
        description: text("description"),
        entry_point: text("entry_point").filter(|_| !platform.is_first() && checker.is_text("entry_point")),
        author_name: text("author_name"),
        author_email: text("author_email"),
        scb_min_version: text("scb_min_version"),
        scb_max_version: text("scb_max_version"),
        fields: constructed.pairs.iter().filter_map(field).collect(),
    }
}

fn field(pair: &RootPair) -> Option<ManifestField> {
    Some(ManifestField {
        name: pair.key.as_text()?.to_owned(),
        type_name: pair.value.type_name(),
        text: pair.value.python_str(),
        line: pair.position.line,
        column: pair.position.column,
    })
}

/// A finding about `name` at a position.
pub(super) fn draft(rule: Rule, name: &str, position: Position, message: String) -> Draft {
    Finding::draft(rule, message).detail(name).at(Some(Location::in_file(FILE, position.line, position.column)))
}

pub(super) struct FieldChecker<'a> {
    constructed: &'a Constructed,
    pub(super) platform: &'a Platform,
    findings: &'a mut Vec<Finding>,
}

impl<'a> FieldChecker<'a> {
    /// The pair that counts for `name`: the last one.
    pub(super) fn field(&self, name: &str) -> Option<&'a RootPair> {
        self.constructed.pairs.iter().rfind(|pair| pair.key.as_text() == Some(name))
    }

    fn is_text(&self, name: &str) -> bool {
        self.field(name).is_some_and(|pair| pair.value.as_text().is_some())
    }

    pub(super) fn push(&mut self, draft: Draft) {
        self.findings.push(draft.finish());
    }

    /// The field, unless it is absent or null, which is reported after `finish` has changed the finding.
    fn required(&mut self, name: &str, form: &str, finish: impl FnOnce(Draft) -> Draft) -> Option<&'a RootPair> {
        let (message, position) = match self.field(name) {
            None => (format!("`{name}` is missing"), Position::default()),
            Some(pair) if pair.value == YamlValue::Null => (format!("`{name}` is empty"), pair.key_position),
            found => return found,
        };
        let hint = format!("write `{name}: …`: {form}");
        let nearest = self.nearest_key(name).map(|key| format!("{hint}; is `{key}` misspelled?"));
        let draft = draft(Rule::ManifestFieldMissing, name, position, message).hint(nearest.unwrap_or(hint));
        self.push(finish(draft));
        None
    }

    /// An unknown key that is similar to `name`.
    fn nearest_key(&self, name: &str) -> Option<String> {
        let keys = self.constructed.pairs.iter().filter_map(|pair| pair.key.as_text());
        keys.filter(|key| !KNOWN.contains(key) && is_near(key, name)).map(brief).next()
    }

    /// The value as text. If it is something else, that is reported, with what YAML reads.
    fn text(&mut self, name: &str, pair: &'a RootPair, form: &str) -> Option<&'a str> {
        if let Some(text) = pair.value.as_text() {
            return Some(text);
        }
        let source = pair.source.as_deref().unwrap_or("…");
        let message = format!(
            "YAML 1.1 reads `{name}: {}` as {}; it must be text: {form}",
            brief(source),
            pair.value.described()
        );
        let draft = invalid(name, pair, message).hint(format!("quote it: `{name}: \"{}\"`", brief(source)));
        // The SDK checks only values that are true in Python \[S\].
        let is_error = matches!(name, "name" | "type") || pair.value.is_truthy() && name != "description";
        self.push(if is_error { draft } else { draft.severity(Severity::Warning) });
        None
    }

    fn check_type(&mut self) -> Option<PluginType> {
        let platform = self.platform;
        let known: Vec<&str> =
            PluginType::ALL.into_iter().filter(|known| known.known_to(platform)).map(PluginType::name).collect();
        let form = format!("one of {}", known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "));
        let pair = self.required("type", &form, |draft| draft)?;
        let text = self.text("type", pair, &form)?;
        if let Some(plugin_type) = PluginType::named(text).filter(|known| known.known_to(platform)) {
            return Some(plugin_type);
        }
        let message = if PluginType::named(text).is_some() {
            format!("platform {platform} does not know `type: {text}`; it must be {form}")
        } else {
            format!("`type: {}` is not a type of plugin; it must be {form}", brief(text))
        };
        let draft = invalid("type", pair, message);
        let lower = text.trim().to_lowercase().replace(['-', ' '], "_");
        let nearest = known.iter().max_by(|a, b| similarity(a, &lower).total_cmp(&similarity(b, &lower)));
        let nearest = nearest.filter(|nearest| similarity(nearest, &lower) > 0.75);
        self.push(draft.hint(nearest.map(|nearest| format!("the nearest is `{nearest}`"))));
        None
    }

    fn check_api(&mut self) {
        let (is_first, platform) = (self.platform.is_first(), self.platform);
        let form = if is_first { "exactly `1.0`" } else { "`x.y` or `x.y.z`" };
        let Some(pair) = self.required("api", form, |draft| draft) else { return };
        let text = pair.value.python_str();
        let shown = text.as_deref().map_or_else(|| pair.value.described(), |text| format!("`{}`", brief(text)));
        if is_first {
            if text.as_deref() != Some("1.0") {
                let message = format!("`api` is {shown}; on platform {platform} it must be {form}");
                self.push(invalid("api", pair, message));
            }
            return;
        }
        let Some(version) = text.as_deref().and_then(ApiVersion::read) else {
            let message = format!("`api` is {shown}; it must be {form}");
            self.push(invalid("api", pair, message).hint(format!("platform {platform} offers API {}", platform.api)));
            return;
        };
        if version.api.major != platform.api.major {
            let message = format!(
                "`api` is {shown}; platform {platform} offers API {}, and the first number must be the same",
                platform.api
            );
            self.push(invalid("api", pair, message));
        } else if version.is_above(platform.api) {
            let message = format!("`api` is {shown}, above the API {} that platform {platform} offers", platform.api);
            let hint = "lower `api`, or choose a newer `--platform`".to_owned();
            self.push(invalid("api", pair, message).hint(hint));
        }
    }

    fn check_name(&mut self) {
        let is_first = self.platform.is_first();
        let form = if is_first {
            "any text"
        } else {
            "a letter and then letters, digits and `_`, at least two in all: `[a-zA-Z][a-zA-Z0-9_]+`"
        };
        let Some(pair) = self.required("name", form, |draft| draft) else { return };
        let Some(name) = self.text("name", pair, form) else { return };
        if is_first {
            if name.is_empty() {
                self.push(draft(Rule::ManifestFieldMissing, "name", pair.position, "`name` is empty".to_owned()));
            }
            return;
        }
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if name.len() < 2 || !name.as_bytes()[0].is_ascii_alphabetic() || !name.bytes().all(is_word) {
            self.push(invalid("name", pair, format!("`name` is `{}`; it must be {form}", brief(name))));
        }
    }

    fn check_version(&mut self) {
        let is_first = self.platform.is_first();
        let form = if is_first { "`<major>.<minor>`, two numbers" } else { "a version that starts with a digit" };
        let Some(pair) = self.required("version", form, |draft| draft) else { return };
        let text = pair.value.python_str();
        let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let is_valid = text.as_deref().is_some_and(|text| {
            if is_first {
                text.split_once('.').is_some_and(|(major, minor)| is_number(major) && is_number(minor))
            } else {
                text.starts_with(|first: char| first.is_ascii_digit()) && !text.contains('\n')
            }
        });
        if !is_valid {
            let message = format!("`version` is {}; it must be {form}", pair.value.described());
            self.push(invalid("version", pair, message));
        }
    }

    fn check_description(&mut self) {
        if let Some(pair) = self.required("description", "any text", |draft| draft.severity(Severity::Warning)) {
            self.text("description", pair, "any text");
        }
    }

    fn check_entry_point(&mut self) {
        if self.platform.is_first() {
            return;
        }
        let form = "the file of the module, `[A-Za-z0-9._-]+`";
        let hint = "write `entry_point: main.py`; a MANIFEST without it is valid up to platform 5.10: if the plugin is for \
                    that one, name it with `--platform 5.10`";
        let warning = |draft: Draft| draft.severity(Severity::Warning);
        let pair = self.required("entry_point", form, |draft| warning(draft).hint(hint.to_owned()));
        let Some(pair) = pair else { return };
        let Some(file) = self.text("entry_point", pair, form) else { return };
        if file.is_empty() {
            let message = format!("`entry_point` is empty; it must be {form}");
            self.push(warning(invalid("entry_point", pair, message)));
        } else if !file.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)) {
            let message = format!("`entry_point` is `{}`; it must be {form}", brief(file));
            let hint = "the module must be in the package's root; it can import other files";
            let hint = file.contains('/').then(|| hint.to_owned());
            self.push(invalid("entry_point", pair, message).hint(hint));
        }
    }

    fn check_author_email(&mut self) {
        if self.platform.is_first() {
            return;
        }
        let form = "an address like `name@example.com`";
        let Some(pair) = self.field("author_email").filter(|pair| pair.value != YamlValue::Null) else { return };
        let Some(address) = self.text("author_email", pair, form) else { return };
        if !address.is_empty() && !is_address(address) {
            let message = format!("`author_email` is `{}`; it must be {form}", brief(address));
            self.push(invalid("author_email", pair, message));
        }
    }

    /// Checks whether YAML 1.1 and 1.2 read the field differently, and whether a version loses digits.
    fn check_ambiguity(&mut self, name: &str) {
        let Some(pair) = self.field(name) else { return };
        let is_here = |at: &Location| (at.line, at.column) == (pair.position.line, pair.position.column);
        let is_reported = self.findings.iter().any(|finding| {
            finding.rule == Rule::ManifestFieldInvalid && finding.location.as_ref().is_some_and(is_here)
        });
        if is_reported {
            // That message already says how YAML reads it.
            return;
        }
        let is_version = VERSIONS.contains(&name);
        let source = pair.source.as_deref().map(brief).unwrap_or_default();
        let (message, hint) = match &pair.core {
            None => (
                format!("`{name}` comes from a merge key `<<`, which YAML 1.2 does not have"),
                format!("write the field `{name}` without a merge key"),
            ),
            Some(core) if !is_same(&pair.value, core, is_version) => (
                format!(
                    "`{name}: {source}` is {} in YAML 1.1, but {} in YAML 1.2",
                    pair.value.described(),
                    core.described()
                ),
                format!("quote it: `{name}: \"{source}\"`"),
            ),
            Some(YamlValue::Float(value)) if is_version && pair.source.as_deref() != Some(&float_repr(*value)) => (
                format!("YAML reads `{name}: {source}` as the number `{}`", float_repr(*value)),
                format!("quote it, so that it keeps all digits: `{name}: \"{source}\"`"),
            ),
            Some(_) => return,
        };
        let draft = draft(Rule::ManifestAmbiguous, name, pair.position, message).hint(hint);
        self.push(if REQUIRED.contains(&name) { draft } else { draft.severity(Severity::Warning) });
    }
}

fn invalid(name: &str, pair: &RootPair, message: String) -> Draft {
    draft(Rule::ManifestFieldInvalid, name, pair.position, message)
}

/// Whether both versions of YAML read the same. The SDK converts a version to text, so only its text counts \[S\].
fn is_same(old: &YamlValue, new: &YamlValue, is_version: bool) -> bool {
    old.python_str() == new.python_str() && (is_version || old.type_name() == new.type_name())
}

fn is_near(key: &str, name: &str) -> bool {
    let key = key.to_lowercase().replace(['-', ' '], "_");
    key == name || (key.len() < 40 && edit_distance(&key, name) <= name.len().min(6) / 3)
}

/// The SDK's pattern \[S\]: `[-+_.a-zA-Z0-9]+@[-_a-zA-Z0-9]+(\.[-_a-zA-Z0-9]+)*`.
fn is_address(text: &str) -> bool {
    let Some((user, host)) = text.split_once('@') else { return false };
    let is_part = |part: &str, more: &[u8]| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || more.contains(&byte))
    };
    is_part(user, b"-+_.") && host.split('.').all(|part| is_part(part, b"-_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A good MANIFEST in which `line` replaces the line of its field, or is added.
    fn with(line: &str) -> String {
        let name = line.split(':').next().unwrap_or_default();
        let good = [
            "api: 1.0",
            "type: credentialstore",
            "name: Mine",
            "version: 1.0",
            "description: d",
            "entry_point: main.py",
        ];
        let own = |known: &&&str| name.is_empty() || !known.starts_with(&format!("{name}:"));
        good.iter().filter(own).map(|known| format!("{known}\n")).collect::<String>() + line + "\n"
    }

    fn check(platform: &str, line: &str) -> Vec<Finding> {
        Manifest::read(with(line).as_bytes(), Platform::named(platform).unwrap()).1
    }

    /// The one finding that `line` causes.
    fn only(platform: &str, line: &str) -> Finding {
        let mut findings = check(platform, line);
        assert_eq!(findings.len(), 1, "{line}: {findings:?}");
        findings.remove(0)
    }

    #[test]
    fn platform_5_10_follows_the_guide() {
        for line in [
            "",
            "name: any text, even this",
            "entry_point: what/ever",
            "author_email: nobody",
            "type: aa",
            "api: '1.0'",
        ] {
            assert_eq!(check("5.10", line), [], "{line}");
        }
        for (line, words) in [
            ("api: 1.1", "exactly `1.0`"),
            ("api: 1", "exactly `1.0`"),
            (
                "type: signingca",
                "platform 5.10 does not know `type: signingca`; it must be one of `credentialstore`, `aa`",
            ),
            ("version: 1.0.0", "`<major>.<minor>`"),
            ("version: '1'", "`<major>.<minor>`"),
            ("name: 12", "quote"),
        ] {
            let finding = only("5.10", line);
            assert_eq!((finding.rule, finding.severity), (Rule::ManifestFieldInvalid, Severity::Error), "{line}");
            let shown = format!("{} {}", finding.message, finding.hint.unwrap_or_default());
            assert!(shown.contains(words), "{shown}");
        }
        assert_eq!(only("5.10", "name: ''").rule, Rule::ManifestFieldMissing);
    }

    #[test]
    fn messages_for_later_platforms_quote_the_required_form() {
        for (line, words) in [
            ("api: 2.0", "platform 9.0 offers API 1.9, and the first number must be the same"),
            ("api: '1.10'", "above the API 1.9 that platform 9.0 offers"),
            ("api: latest", "`x.y` or `x.y.z`"),
            ("type: credential-store", "is not a type of plugin"),
            ("name: my-plugin", "`[a-zA-Z][a-zA-Z0-9_]+`"),
            ("name: on", "YAML 1.1 reads `name: on` as the bool `true`"),
            ("version: v1", "starts with a digit"),
            ("entry_point: lib/main.py", "`[A-Za-z0-9._-]+`"),
            ("entry_point: 7", "YAML 1.1 reads `entry_point: 7` as the number `7`"),
            ("author_email: 5", "YAML 1.1 reads `author_email: 5` as the number `5`"),
            ("author_email: somebody", "`name@example.com`"),
        ] {
            let finding = only("9.0", line);
            assert_eq!((finding.rule, finding.severity), (Rule::ManifestFieldInvalid, Severity::Error), "{line}");
            assert!(finding.message.contains(words), "{}", finding.message);
        }
        assert_eq!(only("6.7", "api: 1.7").rule, Rule::ManifestFieldInvalid);
        assert_eq!(only("9.0", "type: credential-store").hint.as_deref(), Some("the nearest is `credentialstore`"));
        assert_eq!(only("9.0", "name: on").hint.as_deref(), Some("quote it: `name: \"on\"`"));
    }

    #[test]
    fn what_only_strict_readers_require_is_a_warning() {
        for (line, severity) in [
            ("description: ~", Severity::Warning),
            ("entry_point:", Severity::Warning),
            ("name:", Severity::Error),
            ("type: null", Severity::Error),
        ] {
            let finding = only("9.0", line);
            assert_eq!((finding.rule, finding.severity), (Rule::ManifestFieldMissing, severity), "{line}");
        }
        let misspelled =
            Manifest::read(with("").replace("version", "verison").as_bytes(), Platform::newest()).1.remove(0);
        assert!(misspelled.hint.unwrap().contains("is `verison` misspelled?"));
    }

    #[test]
    fn a_version_that_loses_digits_is_ambiguous_and_another_float_is_not() {
        for line in ["api: 1.6", "version: 1.0", "version: 2.0.0", "version: '1.10'", "version: 2020-01-02"] {
            assert_eq!(check("9.0", line), [], "{line}");
        }
        for (line, severity) in [
            ("version: 1.10", Severity::Error),
            ("version: 1.00", Severity::Error),
            ("version: 0o14", Severity::Error),
            ("version: 1:30", Severity::Error),
            ("api: 1.10", Severity::Error),
            ("scb_min_version: 5.10", Severity::Warning),
            ("author_name: Off", Severity::Warning),
        ] {
            let findings = check("9.0", line);
            let ambiguous = findings.iter().find(|finding| finding.rule == Rule::ManifestAmbiguous);
            assert_eq!(ambiguous.map(|finding| finding.severity), Some(severity), "{line}: {findings:?}");
        }
        assert_eq!(only("9.0", "version: 1.10").location.map(|at| (at.line, at.column)), Some((6, 10)));
    }

    #[test]
    fn a_key_that_no_platform_knows_may_be_ambiguous_too() {
        let finding = only("9.0", "built_at: 1:30");
        assert_eq!((finding.rule, finding.severity), (Rule::ManifestAmbiguous, Severity::Warning));
        assert!(finding.message.starts_with("`built_at: 1:30` is "), "{}", finding.message);
        for line in ["build: 0x1f", "tags: [a, b]", "note: 'on'", "public: true"] {
            assert_eq!(check("9.0", line), [], "{line}");
        }
    }

    #[test]
    fn a_field_from_a_merge_key_is_ambiguous() {
        let text = with("").replace("name: Mine\n", "") + "<<: {name: Mine}\n";
        let findings = Manifest::read(text.as_bytes(), Platform::newest()).1;
        assert_eq!(findings.len(), 1, "{findings:?}");
        assert_eq!((findings[0].rule, findings[0].severity), (Rule::ManifestAmbiguous, Severity::Error));
    }

    #[test]
    fn no_two_fields_share_a_fingerprint() {
        let findings = Manifest::read(b"x: y\n", Platform::newest()).1;
        let fingerprints: std::collections::HashSet<_> = findings.iter().map(|finding| &finding.fingerprint).collect();
        assert_eq!((findings.len(), fingerprints.len()), (6, 6));
    }
}
