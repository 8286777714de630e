//! Reads a configuration text line by line.

use std::{collections::HashSet, fmt, sync::Arc};

/// An option that a configuration sets, or documents in a comment of the form `; name=value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigOption {
    /// Its section; empty before the first.
    pub section: String,
    /// Its name, in lower case as `configparser` returns it.
    pub name: String,
    /// Its value; `None` if it is empty or a placeholder such as `<address>`.
    pub value: Option<String>,
    /// Whether it is in a comment.
    pub commented: bool,
    /// The comments right above it, without `#` and `;`.
    pub prose: Arc<str>,
}

/// Why a text is not INI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::package) enum IniFault {
    /// An option before any section.
    NoSection,
    /// A section that appears before.
    DuplicateSection(String),
    /// An option, then its section, that appears before.
    DuplicateOption(String, String),
    /// A line that is neither a section nor an option.
    NoOption,
    /// A value, that of an option in a section, whose `%` begins an interpolation that fails.
    Interpolation(String, String),
}

impl IniFault {
    /// What distinguishes it in a fingerprint. It must never change, so it is not the message.
    pub(in crate::package) fn fingerprint_detail(&self) -> String {
        match self {
            Self::NoSection => "there is no section header `[name]` before the first line".into(),
            Self::DuplicateSection(section) => format!("section `[{section}]` stands twice"),
            Self::DuplicateOption(name, section) => format!("option `{name}` stands twice in section `[{section}]`"),
            Self::NoOption => "neither a section `[name]` nor an option `name = value`".into(),
            Self::Interpolation(name, section) => format!("interpolation of `{name}` in section `[{section}]`"),
        }
    }
}

impl fmt::Display for IniFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSection => f.write_str("there is no section header `[name]` before the first line"),
            Self::DuplicateSection(section) => write!(f, "section `[{section}]` appears twice"),
            Self::DuplicateOption(name, section) => write!(f, "option `{name}` appears twice in section `[{section}]`"),
            Self::NoOption => f.write_str("neither a section `[name]` nor an option `name = value`"),
            Self::Interpolation(name, section) => {
                write!(f, "`[{section}] {name}` has a `%` that the SDK cannot interpolate")
            }
        }
    }
}

/// The section whose options every other section has.
const DEFAULT: &str = "DEFAULT";

/// An option that is set, not only documented in a comment.
pub(super) struct LiveOption {
    pub(super) section: String,
    pub(super) name: String,
    pub(super) lines: Vec<String>,
    /// The line of its name, from 1.
    line: u32,
    /// The comments right above it.
    pub(super) prose: Arc<str>,
}

#[derive(Default)]
pub(super) struct ParsedIni {
    pub(super) live: Vec<LiveOption>,
    /// Options in comments, each with the number of live options before it.
    pub(super) commented: Vec<(usize, ConfigOption)>,
    /// Why the text is not INI, with the line (from 1).
    faults: Vec<(u32, IniFault)>,
}

/// Reads `text` line by line as `configparser.ConfigParser().read_string` does.
pub(super) fn read(text: &str) -> ParsedIni {
    let mut parsed = ParsedIni::default();
    let mut section: Option<String> = None;
    let mut sections = HashSet::new();
    let mut names = HashSet::new();
    // Whether a deeper line continues the last option, and the column of that option's own line.
    let mut is_open = false;
    let mut indent = 0;
    let mut prose = Prose::default();
    for (index, line) in text.split('\n').enumerate() {
        let number = u32::try_from(index + 1).unwrap_or(u32::MAX);
        let value = line.trim();
        if let Some(comment) = value.strip_prefix(['#', ';']) {
            let option = commented(section.as_deref().unwrap_or_default(), comment, value.starts_with(';'));
            match option {
                Some(option) => {
                    parsed.commented.push((parsed.live.len(), ConfigOption { prose: prose.shared(), ..option }));
                }
                None => prose.push(comment),
            }
            continue;
        }
        if value.is_empty() {
            prose.clear();
            if is_open && let Some(last) = parsed.live.last_mut() {
                last.lines.push(String::new());
            }
            continue;
        }
        let column = column(line);
        if is_open && column > indent {
            if let Some(last) = parsed.live.last_mut() {
                last.lines.push(value.to_owned());
            }
            continue;
        }
        indent = column;
        let mut fault = |fault| parsed.faults.push((number, fault));
        if let Some(name) = header(value) {
            is_open = false;
            if name != DEFAULT && !sections.insert(name.to_owned()) {
                fault(IniFault::DuplicateSection(name.to_owned()));
            }
            section = Some(name.to_owned());
            prose.clear();
            continue;
        }
        let Some(section) = &section else {
            fault(IniFault::NoSection);
            return parsed;
        };
        let Some((name, first)) = option(value) else {
            fault(IniFault::NoOption);
            is_open = false;
            continue;
        };
        if !names.insert((section.clone(), name.clone())) {
            fault(IniFault::DuplicateOption(name.clone(), section.clone()));
        }
        is_open = true;
        parsed.live.push(LiveOption {
            section: section.clone(),
            name,
            lines: vec![first.to_owned()],
            line: number,
            prose: std::mem::take(&mut prose).shared(),
        });
    }
    parsed
}

/// The comments since the last blank line or option. Options below the same comments share them, so that no line is
/// stored twice.
#[derive(Default)]
struct Prose {
    text: String,
    shared: Option<Arc<str>>,
}

impl Prose {
    fn push(&mut self, comment: &str) {
        if self.shared.is_some() {
            self.clear();
        }
        self.text.push_str(comment);
        self.text.push('\n');
    }

    fn clear(&mut self) {
        self.text.clear();
        self.shared = None;
    }

    fn shared(&mut self) -> Arc<str> {
        self.shared.get_or_insert_with(|| self.text.as_str().into()).clone()
    }
}

/// The name in `[name]`.
pub(super) fn header(line: &str) -> Option<&str> {
    let (name, _) = line.strip_prefix('[')?.rsplit_once(']')?;
    (!name.is_empty()).then_some(name)
}

/// Name and value of `name = value` or `name: value`.
pub(super) fn option(line: &str) -> Option<(String, &str)> {
    let (name, value) = line.split_once(['=', ':'])?;
    let name = name.trim_end().to_lowercase();
    (!name.is_empty()).then(|| (name, value.trim()))
}

/// The option that a comment documents. After `#` prose is usual, so only `=` counts there.
fn commented(section: &str, comment: &str, is_semicolon: bool) -> Option<ConfigOption> {
    let comment = comment.trim();
    let (name, value) = if is_semicolon { comment.split_once(['=', ':'])? } else { comment.split_once('=')? };
    let name = name.trim_end();
    // `<domain_1>=<suffix_1>` documents an option whose name the administrator chooses.
    let words = name.strip_prefix('<').and_then(|name| name.strip_suffix('>')).unwrap_or(name);
    let is_name = words.chars().all(|character| character.is_alphanumeric() || "_.-".contains(character))
        && words.chars().any(char::is_alphabetic);
    is_name.then(|| ConfigOption {
        section: section.to_owned(),
        name: name.to_lowercase(),
        value: meaningful(value.trim()),
        commented: true,
        prose: Arc::default(),
    })
}

/// The value, unless it is empty or a placeholder such as `<address>` or `<group-1>,<group-2>,...`.
pub(super) fn meaningful(value: &str) -> Option<String> {
    let is_nothing = value.is_empty() || (value.contains('<') && value.contains('>') && is_placeholder(value));
    (!is_nothing).then(|| value.to_owned())
}

/// Whether `value` consists only of angle brackets with words in them and punctuation.
fn is_placeholder(value: &str) -> bool {
    let mut depth = 0_u32;
    for character in value.chars() {
        match character {
            '<' => depth += 1,
            '>' => depth = depth.saturating_sub(1),
            '$' | '[' | ']' | ',' | '.' | ' ' => {}
            _ if depth > 0 => {}
            _ => return false,
        }
    }
    true
}

/// The faults for which Python's `configparser` refuses `text`, each with its line (from 1).
pub(in crate::package) fn faults(text: &str) -> Vec<(u32, IniFault)> {
    read(text).faults
}

/// The options that `configparser` cannot read with its interpolation, which the SDK uses \[S\], each with its line
/// (from 1).
pub(in crate::package) fn interpolation_faults(text: &str) -> Vec<(u32, IniFault)> {
    let live = read(text).live;
    let is_set = |section: &str, name: &str| {
        live.iter().any(|one| one.name == name && (one.section == section || one.section == DEFAULT))
    };
    live.iter()
        .filter(|one| {
            let value = one.lines.join("\n");
            !interpolates(&value, |name| is_set(&one.section, &name.to_lowercase()))
        })
        .map(|one| (one.line, IniFault::Interpolation(one.name.clone(), one.section.clone())))
        .collect()
}

/// Whether each `%` of `value` is doubled, or is `%(name)s` with the name of an option that `is_set`.
pub(super) fn interpolates(value: &str, is_set: impl Fn(&str) -> bool) -> bool {
    let mut rest = value;
    while let Some((_, after)) = rest.split_once('%') {
        rest = match after.strip_prefix('%') {
            Some(after) => after,
            None => match after.strip_prefix('(').and_then(|after| after.split_once(")s")) {
                Some((name, after)) if !name.contains(')') && is_set(name) => after,
                _ => return false,
            },
        };
    }
    true
}

/// The options of `text` in their order, including those in comments.
pub fn options(text: &str) -> Vec<ConfigOption> {
    let parsed = read(text);
    let mut options = Vec::with_capacity(parsed.live.len() + parsed.commented.len());
    let mut commented = parsed.commented.into_iter().peekable();
    for (index, live) in parsed.live.into_iter().enumerate() {
        while let Some((_, option)) = commented.next_if(|(before, _)| *before <= index) {
            options.push(option);
        }
        let value = meaningful(live.lines.join("\n").trim_end());
        let LiveOption { section, name, prose, .. } = live;
        options.push(ConfigOption { section, name, value, commented: false, prose });
    }
    options.extend(commented.map(|(_, option)| option));
    options
}

/// Whether a line is neither blank nor a comment.
pub(super) fn is_live(line: &str) -> bool {
    let line = line.trim();
    !line.is_empty() && !line.starts_with(['#', ';'])
}

/// The column in which a line begins.
pub(super) fn column(line: &str) -> usize {
    line.chars().take_while(|character| character.is_whitespace()).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> (u32, String) {
        let faults = faults(text);
        assert_eq!(faults.len(), 1, "{faults:?}");
        (faults[0].0, faults[0].1.to_string())
    }

    #[test]
    fn what_configparser_refuses_is_a_fault_with_its_line() {
        assert_eq!(fault("name = value\n").0, 1);
        assert_eq!(fault("[a]\nx = 1\nnonsense\ny = 2\n").0, 3);
        assert_eq!(fault("[a]\nX = 1\n\nx = 2\n"), (4, "option `x` appears twice in section `[a]`".to_owned()));
        assert_eq!(fault("[a]\n[b]\n[a]\n"), (3, "section `[a]` appears twice".to_owned()));
        assert_eq!(faults("[a]\nx = 1\n  goes on\n\n  still\n# comment\n[DEFAULT]\n[DEFAULT]\n"), []);
    }

    #[test]
    fn a_percent_sign_that_configparser_cannot_interpolate_is_a_fault() {
        let text = "[DEFAULT]\nhome = /x\n[a]\nok = 100%%\npath = %(home)s/%(OK)s\nbad = 100%\nlong = a\n  %d\n\
            lost = %(nowhere)s\nopen = %(home\n# %\n";
        let faults = interpolation_faults(text);
        let lines: Vec<u32> = faults.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [6, 7, 9, 10]);
        let expected = "`[a] bad` has a `%` that the SDK cannot interpolate";
        assert_eq!(faults[0].1.to_string(), expected);
    }

    #[test]
    fn a_comment_may_document_an_option() {
        let found =
            options("[a]\n; port=8200\n; address=<address>\n# or legacy\n# __all__ = example.com\nuser: root\n");
        let shown: Vec<_> =
            found.iter().map(|option| (option.name.as_str(), option.value.as_deref(), option.commented)).collect();
        assert_eq!(
            shown,
            [
                ("port", Some("8200"), true),
                ("address", None, true),
                ("__all__", Some("example.com"), true),
                ("user", Some("root"), false)
            ]
        );
        assert!(found.iter().all(|option| option.section == "a"));
        assert_eq!(&*found[1].prose, "", "an option is no comment of the next one");
        assert_eq!(&*found[3].prose, " or legacy\n");
        let shared = options("[a]\n# One of: b, c.\n; x=b\n; y=c\n\n# Other.\nz=1\n");
        let prose: Vec<&str> = shared.iter().map(|option| &*option.prose).collect();
        assert_eq!(prose, [" One of: b, c.\n", " One of: b, c.\n", " Other.\n"]);
    }

    #[test]
    fn fingerprints_do_not_depend_on_messages() {
        let details: Vec<String> =
            faults("[a]\nx=1\nX=2\n[a]\nnonsense\n").iter().map(|(_, fault)| fault.fingerprint_detail()).collect();
        let expected = [
            "option `x` stands twice in section `[a]`",
            "section `[a]` stands twice",
            "neither a section `[name]` nor an option `name = value`",
        ];
        assert_eq!(details, expected);
    }
}
