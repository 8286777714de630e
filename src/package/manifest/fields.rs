//! The rules for the fields of a MANIFEST, as in the contract's table: those of platform 5.10 \[G\] and those of all later
//! ones \[S\]. Each message quotes the form that is demanded.

use super::{
    FILE, Manifest, ManifestField,
    api::Level,
    as_text,
    construct::{Constructed, Pair},
    python,
    scalar::{Value, brief},
    yaml::Place,
};
use crate::{
    contract::{Platform, PluginType, edit_distance, similarity},
    finding::{Finding, Rule},
    package::note::{Note, note},
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
/// Fields without which no reader takes a MANIFEST.
const DEMANDED: [&str; 4] = ["api", "type", "name", "version"];
/// Fields that hold a version, and are written as text whatever YAML made of them.
const VERSIONS: [&str; 4] = ["api", "version", "scb_min_version", "scb_max_version"];

/// Checks every field, and takes what can be read.
pub(super) fn check(constructed: &Constructed, platform: &Platform, findings: &mut Vec<Finding>) -> Manifest {
    let mut checker = Checker { constructed, platform, findings };
    let plugin_type = checker.check_type();
    checker.check_api();
    checker.check_name();
    checker.check_version();
    checker.check_description();
    checker.check_entry_point();
    checker.check_author_email();
    for name in KNOWN {
        checker.check_ambiguity(name);
    }
    let text =
        |name: &str| checker.field(name).and_then(|pair| pair.value.python_str().filter(|_| pair.value != Value::Null));
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

fn field(pair: &Pair) -> Option<ManifestField> {
    Some(ManifestField {
        name: as_text(&pair.key)?.to_owned(),
        type_name: pair.value.type_name(),
        text: pair.value.python_str(),
        line: pair.place.line,
        column: pair.place.column,
    })
}

struct Checker<'a> {
    constructed: &'a Constructed,
    platform: &'a Platform,
    findings: &'a mut Vec<Finding>,
}

impl<'a> Checker<'a> {
    /// The pair that counts for `name`: the last one.
    fn field(&self, name: &str) -> Option<&'a Pair> {
        self.constructed.pairs.iter().rfind(|pair| as_text(&pair.key) == Some(name))
    }

    fn is_text(&self, name: &str) -> bool {
        self.field(name).is_some_and(|pair| as_text(&pair.value).is_some())
    }

    fn push(&mut self, note: Note) {
        self.findings.push(note.into());
    }

    /// The field, unless it is absent or null; then that is told, as `note` has it.
    fn demanded(&mut self, name: &str, form: &str, finish: impl FnOnce(Note) -> Note) -> Option<&'a Pair> {
        let (message, place) = match self.field(name) {
            None => (format!("`{name}` is missing"), Place::default()),
            Some(pair) if pair.value == Value::Null => (format!("`{name}` is empty"), pair.key_place),
            found => return found,
        };
        let hint = format!("write `{name}: …`: {form}");
        let nearest = self.nearest_key(name).map(|key| format!("{hint}; is `{key}` a slip of the pen?"));
        let note = note(Rule::ManifestFieldMissing, "", message)
            .at(FILE, place.line, place.column, name)
            .hint(nearest.unwrap_or(hint));
        self.push(finish(note));
        None
    }

    /// An unknown key that looks like `name`.
    fn nearest_key(&self, name: &str) -> Option<String> {
        let keys = self.constructed.pairs.iter().filter_map(|pair| as_text(&pair.key));
        keys.filter(|key| !KNOWN.contains(key) && is_near(key, name)).map(brief).next()
    }

    fn invalid(&self, name: &str, pair: &Pair, message: String) -> Note {
        note(Rule::ManifestFieldInvalid, "", message).at(FILE, pair.place.line, pair.place.column, name)
    }

    /// The value as text; where it is something else, the message says what YAML made of it.
    fn text(&mut self, name: &str, pair: &'a Pair, form: &str) -> Option<&'a str> {
        if let Some(text) = as_text(&pair.value) {
            return Some(text);
        }
        let source = pair.source.as_deref().unwrap_or("…");
        let message =
            format!("`{name}: {}` is {} to YAML 1.1, and must be text: {form}", brief(source), pair.value.described());
        let note = self.invalid(name, pair, message).hint(format!("quote it: `{name}: \"{}\"`", brief(source)));
        // The SDK looks closer only at what Python takes for true.
        let is_error = matches!(name, "name" | "type") || pair.value.is_truthy() && name != "description";
        self.push(if is_error { note } else { note.warning() });
        None
    }

    fn check_type(&mut self) -> Option<PluginType> {
        let platform = self.platform;
        let known: Vec<&str> =
            PluginType::ALL.into_iter().filter(|known| known.known_to(platform)).map(PluginType::name).collect();
        let form = format!("one of {}", known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "));
        let pair = self.demanded("type", &form, |note| note)?;
        let text = self.text("type", pair, &form)?;
        if let Some(plugin_type) = PluginType::named(text).filter(|known| known.known_to(platform)) {
            return Some(plugin_type);
        }
        let message = if PluginType::named(text).is_some() {
            format!("`type: {text}` is not known to platform {platform}; it must be {form}")
        } else {
            format!("`type: {}` is no type of plugin; it must be {form}", brief(text))
        };
        let note = self.invalid("type", pair, message);
        let lower = text.trim().to_lowercase().replace(['-', ' '], "_");
        let nearest = known.iter().max_by(|a, b| similarity(a, &lower).total_cmp(&similarity(b, &lower)));
        let note = match nearest {
            Some(nearest) if similarity(nearest, &lower) > 0.75 => note.hint(format!("the nearest is `{nearest}`")),
            _ => note,
        };
        self.push(note);
        None
    }

    fn check_api(&mut self) {
        let (is_first, platform) = (self.platform.is_first(), self.platform);
        let form = if is_first { "exactly `1.0`" } else { "`x.y` or `x.y.z`" };
        let Some(pair) = self.demanded("api", form, |note| note) else { return };
        let text = pair.value.python_str();
        let shown = text.as_deref().map_or_else(|| pair.value.described(), |text| format!("`{}`", brief(text)));
        if is_first {
            if text.as_deref() != Some("1.0") {
                let message = format!("`api` is {shown}, and on platform {platform} it must be {form}");
                self.push(self.invalid("api", pair, message));
            }
            return;
        }
        let Some(level) = text.as_deref().and_then(Level::read) else {
            let message = format!("`api` is {shown}, and must be {form}");
            self.push(
                self.invalid("api", pair, message).hint(format!("platform {platform} offers API {}", platform.api)),
            );
            return;
        };
        if level.api.major != platform.api.major {
            let message = format!(
                "`api` is {shown}; platform {platform} offers API {}, and the first number must be the same",
                platform.api
            );
            self.push(self.invalid("api", pair, message));
        } else if level.is_above(platform.api) {
            let message = format!("`api` is {shown}, above the API {} that platform {platform} offers", platform.api);
            self.push(self.invalid("api", pair, message).hint("lower `api`, or choose a newer `--platform`"));
        }
    }

    fn check_name(&mut self) {
        let is_first = self.platform.is_first();
        let form = if is_first {
            "any text"
        } else {
            "letters, digits and `_`, the first a letter, two at least: `[a-zA-Z][a-zA-Z0-9_]+`"
        };
        let Some(pair) = self.demanded("name", form, |note| note) else { return };
        let Some(name) = self.text("name", pair, form) else { return };
        if is_first {
            if name.is_empty() {
                let empty = note(Rule::ManifestFieldMissing, "", "`name` is empty".to_owned());
                self.push(empty.at(FILE, pair.place.line, pair.place.column, "name"));
            }
            return;
        }
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if name.len() < 2 || !name.as_bytes()[0].is_ascii_alphabetic() || !name.bytes().all(is_word) {
            self.push(self.invalid("name", pair, format!("`name` is `{}`, and must be {form}", brief(name))));
        }
    }

    fn check_version(&mut self) {
        let is_first = self.platform.is_first();
        let form = if is_first { "`<major>.<minor>`, two numbers" } else { "a version that starts with a digit" };
        let Some(pair) = self.demanded("version", form, |note| note) else { return };
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
            let message = format!("`version` is {}, and must be {form}", pair.value.described());
            self.push(self.invalid("version", pair, message));
        }
    }

    fn check_description(&mut self) {
        if let Some(pair) = self.demanded("description", "any text", Note::warning) {
            self.text("description", pair, "any text");
        }
    }

    fn check_entry_point(&mut self) {
        if self.platform.is_first() {
            return;
        }
        let form = "the file of the module, `[A-Za-z0-9._-]+`";
        let hint = "without it some readers refuse the plugin, others take `main.py`; write `entry_point: main.py`";
        let Some(pair) = self.demanded("entry_point", form, |note| note.warning().hint(hint)) else { return };
        let Some(file) = self.text("entry_point", pair, form) else { return };
        if file.is_empty() {
            let message = format!("`entry_point` is empty, and must be {form}");
            self.push(self.invalid("entry_point", pair, message).warning());
        } else if !file.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)) {
            let message = format!("`entry_point` is `{}`, and must be {form}", brief(file));
            let note = self.invalid("entry_point", pair, message);
            self.push(if file.contains('/') {
                note.hint("the module lies in the package's root; import the rest from there")
            } else {
                note
            });
        }
    }

    fn check_author_email(&mut self) {
        if self.platform.is_first() {
            return;
        }
        let form = "an address like `name@example.com`";
        let Some(pair) = self.field("author_email").filter(|pair| pair.value != Value::Null) else { return };
        let Some(address) = self.text("author_email", pair, form) else { return };
        if !address.is_empty() && !is_address(address) {
            let message = format!("`author_email` is `{}`, and must be {form}", brief(address));
            self.push(self.invalid("author_email", pair, message));
        }
    }

    /// Whether YAML 1.1 and 1.2 give the field another value, or a version lost digits.
    fn check_ambiguity(&mut self, name: &str) {
        let Some(pair) = self.field(name) else { return };
        let is_told = self.findings.iter().any(|finding| {
            finding.rule == Rule::ManifestFieldInvalid
                && finding
                    .location
                    .as_ref()
                    .is_some_and(|at| (at.line, at.column) == (pair.place.line, pair.place.column))
        });
        if is_told {
            // Its message already says what became of it.
            return;
        }
        let is_version = VERSIONS.contains(&name);
        let source = pair.source.as_deref().map(brief).unwrap_or_default();
        let (message, hint) = match &pair.core {
            None => (
                format!("`{name}` comes through a merge key `<<`, which YAML 1.2 does not have"),
                format!("write `{name}` out"),
            ),
            Some(core) if !is_same(&pair.value, core, is_version) => (
                format!(
                    "`{name}: {source}` is {} in YAML 1.1, and {} in YAML 1.2",
                    pair.value.described(),
                    core.described()
                ),
                format!("quote it: `{name}: \"{source}\"`"),
            ),
            Some(Value::Float(value)) if is_version && pair.source.as_deref() != Some(&python::float_repr(*value)) => (
                format!("`{name}: {source}` is the number `{}` to YAML", python::float_repr(*value)),
                format!("quote it, so that no digit is lost: `{name}: \"{source}\"`"),
            ),
            Some(_) => return,
        };
        let note =
            note(Rule::ManifestAmbiguous, "", message).at(FILE, pair.place.line, pair.place.column, name).hint(hint);
        self.push(if DEMANDED.contains(&name) { note } else { note.warning() });
    }
}

/// Whether both readings come to the same. A version is turned into text by the SDK, so that only its text counts.
fn is_same(old: &Value, new: &Value, is_version: bool) -> bool {
    old.python_str() == new.python_str() && (is_version || old.type_name() == new.type_name())
}

fn is_near(key: &str, name: &str) -> bool {
    let key = key.to_lowercase().replace(['-', ' '], "_");
    key == name || (key.len() < 40 && edit_distance(&key, name) <= name.len().min(6) / 3)
}

/// The SDK's pattern: `[-+_.a-zA-Z0-9]+@[-_a-zA-Z0-9]+(\.[-_a-zA-Z0-9]+)*`.
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
    use crate::finding::Severity;

    /// A good MANIFEST with `line` in place of its field's own line, or added.
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

    /// The one finding that `line` brings.
    fn only(platform: &str, line: &str) -> Finding {
        let mut findings = check(platform, line);
        assert_eq!(findings.len(), 1, "{line}: {findings:?}");
        findings.remove(0)
    }

    #[test]
    fn platform_5_10_keeps_to_the_words_of_the_guide() {
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
            ("type: signingca", "is not known to platform 5.10; it must be one of `credentialstore`, `aa`"),
            ("version: 1.0.0", "`<major>.<minor>`"),
            ("version: '1'", "`<major>.<minor>`"),
            ("name: 12", "quote"),
        ] {
            let finding = only("5.10", line);
            assert_eq!((finding.rule, finding.severity), (Rule::ManifestFieldInvalid, Severity::Error), "{line}");
            let told = format!("{} {}", finding.message, finding.hint.unwrap_or_default());
            assert!(told.contains(words), "{told}");
        }
        assert_eq!(only("5.10", "name: ''").rule, Rule::ManifestFieldMissing);
    }

    #[test]
    fn later_platforms_quote_the_form_that_they_demand() {
        for (line, words) in [
            ("api: 2.0", "platform 9.0 offers API 1.9, and the first number must be the same"),
            ("api: '1.10'", "above the API 1.9 that platform 9.0 offers"),
            ("api: latest", "`x.y` or `x.y.z`"),
            ("type: credential-store", "no type of plugin"),
            ("name: my-plugin", "`[a-zA-Z][a-zA-Z0-9_]+`"),
            ("name: on", "is the bool `true` to YAML 1.1"),
            ("version: v1", "starts with a digit"),
            ("entry_point: lib/main.py", "`[A-Za-z0-9._-]+`"),
            ("entry_point: 7", "is the number `7` to YAML 1.1"),
            ("author_email: 5", "is the number `5` to YAML 1.1"),
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
    fn what_only_strict_readers_demand_is_a_warning() {
        for (line, severity) in [
            ("description: ~", Severity::Warning),
            ("entry_point:", Severity::Warning),
            ("name:", Severity::Error),
            ("type: null", Severity::Error),
        ] {
            let finding = only("9.0", line);
            assert_eq!((finding.rule, finding.severity), (Rule::ManifestFieldMissing, severity), "{line}");
        }
        let slip = Manifest::read(with("").replace("version", "verison").as_bytes(), Platform::newest()).1.remove(0);
        assert!(slip.hint.unwrap().contains("is `verison` a slip of the pen?"));
    }

    #[test]
    fn a_version_that_loses_digits_is_ambiguous_and_an_ordinary_float_is_not() {
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
    fn a_field_that_a_merge_key_brings_is_ambiguous() {
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
