//! Reads a plugin's configuration text as Python's `configparser` does, with its default settings, since that is what
//! the SDK parses it with \[S\]: whether it is INI, which options it sets or documents, and which of their values are
//! secrets.
//!
//! Safe on any text, and linear in it.

use std::sync::Arc;

/// An option that a configuration sets, or documents in a comment of the form `; name=value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigOption {
    /// The section it stands in; empty before the first.
    pub section: String,
    /// Its name, in lower case as `configparser` has it.
    pub name: String,
    /// Its value; `None` for a placeholder such as `<address>`, or an empty one.
    pub value: Option<String>,
    /// Whether it stands in a comment.
    pub commented: bool,
    /// What the comments right above it say, without their signs.
    pub prose: Arc<str>,
}

/// The section, the name (in lower case) and the value of an option that is set.
pub type Assignment<'a> = (&'a str, &'a str, &'a str);

/// Why a text is not INI, and on which line (from 1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NotIni {
    pub(super) line: u32,
    pub(super) reason: String,
}

struct Live {
    section: String,
    name: String,
    lines: Vec<String>,
    /// The prose right above it.
    prose: Arc<str>,
}

#[derive(Default)]
struct Reader {
    live: Vec<Live>,
    commented: Vec<(usize, ConfigOption)>,
    faults: Vec<NotIni>,
}

/// Reads `text` line by line as `configparser.ConfigParser().read_string` does.
fn read(text: &str) -> Reader {
    let mut reader = Reader::default();
    let mut section: Option<String> = None;
    let mut sections = std::collections::HashSet::new();
    let mut names = std::collections::HashSet::new();
    // Whether a deeper line goes on with the last option, and the column of that option's own line.
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
                    reader.commented.push((reader.live.len(), ConfigOption { prose: prose.shared(), ..option }));
                }
                None => prose.push(comment),
            }
            continue;
        }
        if value.is_empty() {
            prose.clear();
            if is_open && let Some(last) = reader.live.last_mut() {
                last.lines.push(String::new());
            }
            continue;
        }
        let column = column(line);
        if is_open && column > indent {
            if let Some(last) = reader.live.last_mut() {
                last.lines.push(value.to_owned());
            }
            continue;
        }
        indent = column;
        let mut fault = |reason: String| reader.faults.push(NotIni { line: number, reason });
        if let Some(name) = header(value) {
            is_open = false;
            if name != "DEFAULT" && !sections.insert(name.to_owned()) {
                fault(format!("section `[{name}]` stands twice"));
            }
            section = Some(name.to_owned());
            prose.clear();
            continue;
        }
        let Some(section) = &section else {
            fault("there is no section header `[name]` before the first line".to_owned());
            return reader;
        };
        let Some((name, first)) = option(value) else {
            fault("neither a section `[name]` nor an option `name = value`".to_owned());
            is_open = false;
            continue;
        };
        if !names.insert((section.clone(), name.clone())) {
            fault(format!("option `{name}` stands twice in section `[{section}]`"));
        }
        is_open = true;
        reader.live.push(Live {
            section: section.clone(),
            name,
            lines: vec![first.to_owned()],
            prose: std::mem::take(&mut prose).shared(),
        });
    }
    reader
}

/// The comments since the last blank line or option. Options that stand under the same ones share them, so that no line is
/// kept twice.
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
fn header(line: &str) -> Option<&str> {
    let (name, _) = line.strip_prefix('[')?.rsplit_once(']')?;
    (!name.is_empty()).then_some(name)
}

/// Name and value of `name = value` or `name: value`.
fn option(line: &str) -> Option<(String, &str)> {
    let (name, value) = line.split_once(['=', ':'])?;
    let name = name.trim_end().to_lowercase();
    (!name.is_empty()).then(|| (name, value.trim()))
}

/// The option that a comment documents. Behind `#` prose is usual, so only `=` counts there.
fn commented(section: &str, comment: &str, is_semicolon: bool) -> Option<ConfigOption> {
    let comment = comment.trim();
    let (name, value) = if is_semicolon { comment.split_once(['=', ':'])? } else { comment.split_once('=')? };
    let name = name.trim_end();
    let is_name = name.chars().all(|character| character.is_alphanumeric() || "_.-".contains(character))
        && name.chars().any(char::is_alphabetic);
    is_name.then(|| ConfigOption {
        section: section.to_owned(),
        name: name.to_lowercase(),
        value: meaningful(value.trim()),
        commented: true,
        prose: Arc::default(),
    })
}

/// The value, unless it is empty or a placeholder such as `<address>` or `<group-1>,<group-2>,...`.
fn meaningful(value: &str) -> Option<String> {
    let is_nothing = value.is_empty() || (value.contains('<') && value.contains('>') && is_placeholder(value));
    (!is_nothing).then(|| value.to_owned())
}

/// Whether nothing is left of `value` but angle brackets with words in them and punctuation.
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

/// The faults for which Python's `configparser` refuses `text`.
pub(super) fn faults(text: &str) -> Vec<NotIni> {
    read(text).faults
}

/// The options of `text` in their order, those in comments included.
pub fn options(text: &str) -> Vec<ConfigOption> {
    let reader = read(text);
    let mut options = Vec::with_capacity(reader.live.len() + reader.commented.len());
    let mut commented = reader.commented.into_iter().peekable();
    for (index, live) in reader.live.into_iter().enumerate() {
        while let Some((_, option)) = commented.next_if(|(before, _)| *before <= index) {
            options.push(option);
        }
        let value = meaningful(live.lines.join("\n").trim_end());
        let Live { section, name, prose, .. } = live;
        options.push(ConfigOption { section, name, value, commented: false, prose });
    }
    options.extend(commented.map(|(_, option)| option));
    options
}

/// `text` with `options` set: each in the place of its own live line, else at the head of its section, else in a section
/// of its own at the end. Every other line stays as it is.
pub fn with_options<'a>(text: &str, options: impl IntoIterator<Item = Assignment<'a>>) -> String {
    let mut lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
    for option in options {
        set(&mut lines, option);
    }
    lines.join("\n")
}

fn set(lines: &mut Vec<String>, option: Assignment<'_>) {
    let (own_section, own_name, _) = option;
    let mut section = "";
    let mut head = None;
    let mut found = None;
    // As in `read`: a deeper line goes on with an option, wherever that stands.
    let mut is_open = false;
    let mut indent = 0;
    for (index, text) in lines.iter().enumerate().filter(|(_, text)| is_live(text)) {
        let column = column(text);
        if is_open && column > indent {
            continue;
        }
        indent = column;
        if let Some(name) = header(text.trim()) {
            is_open = false;
            section = name;
            if section == own_section && head.is_none() {
                head = Some(index);
            }
            continue;
        }
        let name = self::option(text.trim()).map(|(name, _)| name);
        is_open = name.is_some();
        if section == own_section && name.as_deref() == Some(own_name) {
            found = Some(index);
            break;
        }
    }
    match (found, head) {
        (Some(at), _) => {
            let own = column(&lines[at]);
            let rest = lines.iter().enumerate().skip(at + 1).filter(|(_, text)| is_live(text));
            let end = rest.take_while(|(_, text)| column(text) > own).last().map_or(at, |(index, _)| index);
            lines.splice(at..=end, [written(option, own)]);
        }
        (None, Some(head)) => {
            // In front of a line that is deeper it would take that for its own.
            let next = lines[head + 1..].iter().find(|text| is_live(text)).map_or(0, |text| column(text));
            lines.insert(head + 1, written(option, next));
        }
        (None, None) => {
            let at = if lines.last().is_some_and(String::is_empty) { lines.len() - 1 } else { lines.len() };
            lines.splice(at..at, [format!("[{own_section}]"), written(option, 0)]);
        }
    }
}

/// The line of an option that begins in that column. Further lines of the value are deeper, or they would be options.
fn written((_, name, value): Assignment<'_>, column: usize) -> String {
    let indent = " ".repeat(column);
    format!("{indent}{name} = {}", value.replace('\n', &format!("\n{indent} ")))
}

/// Whether a line is neither blank nor a comment.
fn is_live(line: &str) -> bool {
    let line = line.trim();
    !line.is_empty() && !line.starts_with(['#', ';'])
}

/// The column in which a line begins.
fn column(line: &str) -> usize {
    line.chars().take_while(|character| character.is_whitespace()).count()
}

/// Whether `[logging] log_level` is `debug` \[S\].
pub fn logs_debug(text: &str) -> bool {
    read(text).live.iter().any(|live| {
        live.section == "logging"
            && live.name == "log_level"
            && live.lines.join("").trim().eq_ignore_ascii_case("debug")
    })
}

/// Names that mean a secret when they stand last in an option's name.
const SECRETS: [&str; 15] = [
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "passwort",
    "pass",
    "pwd",
    "secret",
    "token",
    "apikey",
    "pin",
    "credential",
    "credentials",
    "apitoken",
    "secretkey",
];
/// What may stand before `key` so that it is no mere name.
const KEYS: [&str; 16] = [
    "api",
    "private",
    "secret",
    "access",
    "auth",
    "encryption",
    "signing",
    "user",
    "ssh",
    "shared",
    "client",
    "account",
    "integration",
    "master",
    "hmac",
    "token",
];
/// First words that make the option say whether, which or where, and not the secret itself.
const ABOUT: [&str; 18] = [
    "use", "reuse", "ask", "is", "has", "enable", "disable", "require", "allow", "public", "check", "show", "send",
    "no", "with", "store", "which", "prompt",
];
/// Values that are no secret wherever they stand.
const TRIVIAL: [&str; 40] = [
    "true",
    "false",
    "none",
    "null",
    "enabled",
    "disabled",
    "default",
    "explicit",
    "gateway",
    "auto",
    "automatic",
    "manual",
    "always",
    "never",
    "required",
    "optional",
    "prompt",
    "plain",
    "basic",
    "bearer",
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "secret",
    "token",
    "totp",
    "hotp",
    "push",
    "credential",
    "credentials",
    "private_key",
    "api_key",
    "username",
    "certificate",
    "ldap",
    "local",
    "user",
    "test",
    "undefined",
];

/// The values of the options of `text` that are named like secrets. Each is long and odd enough to be looked for in a
/// plugin's output: a canary that is a word of every log line would be a false alarm.
pub fn secrets(text: &str) -> Vec<String> {
    let reader = read(text);
    let mut secrets: Vec<String> = Vec::new();
    for live in &reader.live {
        let joined = live.lines.join("\n");
        let value = joined.trim();
        let is_private_key = value.contains("PRIVATE KEY-----");
        if !is_private_key && !is_secret_name(&live.name) {
            continue;
        }
        let is_documented = reader.commented.iter().any(|(_, option)| {
            option.section == live.section && option.name == live.name && option.value.as_deref() == Some(value)
        }) || (!value.contains(char::is_whitespace) && has_word(&live.prose, value));
        if is_documented || is_trivial(value, &live.name) {
            continue;
        }
        // What the plugin gets: `%%` is a percent sign for `configparser`, and `%(name)s` another option's value.
        if value.contains("%(") {
            continue;
        }
        let value = value.replace("%%", "%");
        if !secrets.contains(&value) {
            secrets.push(value);
        }
    }
    secrets
}

fn is_secret_name(name: &str) -> bool {
    let words: Vec<&str> =
        name.split(|character: char| !character.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let Some((last, before)) = words.split_last() else { return false };
    if before.iter().any(|word| ABOUT.contains(word)) {
        return false;
    }
    let last = last.trim_end_matches(|character: char| character.is_ascii_digit());
    SECRETS.contains(&last) || (last == "key" && before.iter().any(|word| KEYS.contains(word)))
}

fn is_trivial(value: &str, name: &str) -> bool {
    let lower = value.to_lowercase();
    value.chars().count() < 4
        // From the credential store, a literal dollar, or a list of certificates [S].
        || matches!(value.as_bytes(), [b'$'] | [b'$', b'$' | b'[' | b'{', ..])
        || meaningful(value).is_none()
        || TRIVIAL.contains(&lower.as_str())
        || name == lower
        || name.split('_').any(|word| word == lower)
}

/// Whether `word` stands in `prose`, whole.
fn has_word(prose: &str, word: &str) -> bool {
    !word.is_empty()
        && prose
            .split(|character: char| character.is_whitespace() || ",;:'\"`()".contains(character))
            .any(|known| known == word || known.trim_end_matches('.') == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> (u32, String) {
        let faults = faults(text);
        assert_eq!(faults.len(), 1, "{faults:?}");
        (faults[0].line, faults[0].reason.clone())
    }

    #[test]
    fn the_values_of_passwords_tokens_and_keys_are_secrets() {
        let text = "[a]\npassword = hunter2-x\nldap_bind_passwd: s3cr=t\napi_key=A1B2C3\nclient-secret=zz%%top\n\
                    backup_password2=winter24\npin=4711\n\
                    [b]\nuser_key =\n -----BEGIN RSA PRIVATE KEY-----\n abcd\n -----END RSA PRIVATE KEY-----\n";
        assert_eq!(
            secrets(text),
            [
                "hunter2-x",
                "s3cr=t",
                "A1B2C3",
                "zz%top",
                "winter24",
                "4711",
                "-----BEGIN RSA PRIVATE KEY-----\nabcd\n-----END RSA PRIVATE KEY-----"
            ]
        );
    }

    #[test]
    fn options_that_speak_about_secrets_hold_none() {
        let text = "[a]\nuse_credential=gateway\npassword_field=password\nsecrets_path=secret/users\nkey_field=keyfield\n\
                    key=ticket_number\nask_pass=maybe\nreuse_gateway_password=sometimes\nserver_public_key=AAAAE2Vj\n\
                    token_url=https://example.com\ndefault_type=secret\npin_length=1234\nsecret_type=something\n";
        assert_eq!(secrets(text), [] as [&str; 0]);
    }

    #[test]
    fn placeholders_store_references_and_documented_choices_are_no_secrets() {
        let text = "[a]\npassword=$\nother_password=$$\ncert_password=$[list]\nadmin_password=<$-or-password>\nsql_pass=yes\n\
                    token=%(other)s\n# One of: hardware, software.\notp_token=hardware\n; web_token=builtin\nweb_token=builtin\n";
        assert_eq!(secrets(text), [] as [&str; 0]);
        assert_eq!(secrets("[a]\npassword=$ecret1\n"), ["$ecret1"]);
    }

    #[test]
    fn what_configparser_refuses_is_a_fault_with_its_line() {
        assert_eq!(fault("name = value\n").0, 1);
        assert_eq!(fault("[a]\nx = 1\nnonsense\ny = 2\n").0, 3);
        assert_eq!(fault("[a]\nX = 1\n\nx = 2\n"), (4, "option `x` stands twice in section `[a]`".to_owned()));
        assert_eq!(fault("[a]\n[b]\n[a]\n"), (3, "section `[a]` stands twice".to_owned()));
        assert_eq!(faults("[a]\nx = 1\n  goes on\n\n  still\n# comment\n[DEFAULT]\n[DEFAULT]\n"), []);
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
        assert_eq!(&*found[1].prose, "", "an option is no prose");
        assert_eq!(&*found[3].prose, " or legacy\n");
        let shared = options("[a]\n# One of: b, c.\n; x=b\n; y=c\n\n# Other.\nz=1\n");
        let prose: Vec<&str> = shared.iter().map(|option| &*option.prose).collect();
        assert_eq!(prose, [" One of: b, c.\n", " One of: b, c.\n", " Other.\n"]);
    }

    #[test]
    fn options_are_set_in_their_place_and_nothing_else_changes() {
        let text = "[a]\n; port=22\nuser = root\n  and more\n# end\n[b]\nx = 1\n";
        let options = [("a", "user", "joe"), ("a", "port", "8200"), ("b", "x", "two\nlines"), ("c", "y", "")];
        assert_eq!(
            with_options(text, options),
            "[a]\nport = 8200\n; port=22\nuser = joe\n# end\n[b]\nx = two\n lines\n[c]\ny = \n"
        );
        assert_eq!(with_options("", options[..1].iter().copied()), "[a]\nuser = joe\n");
    }

    #[test]
    fn an_option_is_set_among_lines_that_are_indented() {
        let set = |text: &str| with_options(text, [("a", "user", "joe\nann")]);
        // In front of an option that would go on with it, in its own column, and over all lines that went on with it.
        assert_eq!(set("[a]\n\n   port = 1\n"), "[a]\n   user = joe\n    ann\n\n   port = 1\n");
        assert_eq!(set("[a]\n  user = x\n    y\n\n    z\n  port = 1\n"), "[a]\n  user = joe\n   ann\n  port = 1\n");
        assert_eq!(set("[a]\nport = 1\n  user = x\n"), "[a]\nuser = joe\n ann\nport = 1\n  user = x\n");
        for text in
            ["[a]\n   port = 1\n", "[a]\n  user = x\n    y\n", "[a]\nport = 1\n  user = x\n", "  [a]\n  user=x\n"]
        {
            let with = set(text);
            assert!(faults(&with).is_empty(), "{with:?}");
            let values: Vec<_> =
                options(&with).into_iter().filter(|one| one.name == "user").map(|one| one.value).collect();
            assert_eq!(values, [Some("joe\nann".to_owned())], "{with:?}");
        }
    }

    #[test]
    fn the_log_level_counts_only_where_it_is_set() {
        assert!(logs_debug("[logging]\nlog_level = DEBUG\n"));
        assert!(!logs_debug("[logging]\n; log_level=debug\n"));
        assert!(!logs_debug("[other]\nlog_level=debug\n"));
    }
}
