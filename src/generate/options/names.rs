//! Names for options whose names an administrator chooses: `; <domain_1>=<suffix_1>` documents one for each domain.

/// Kinds of names, each with words of placeholders for it and with names that generated sessions have. `configparser`
/// makes them lower case.
const KINDS: &[(&[&str], &[&str])] = &[
    (&["domain", "realm", "suffix"], &["example.com", "corp", "corp.example.com"]),
    (&["user", "username", "login", "account", "person"], &["alice", "root", "bob"]),
    (&["group", "role"], &["admins", "operators", "dba"]),
    (&["host", "hostname", "server", "target", "asset"], &["srv1.example.com", "10.0.0.1", "db-2.example.com"]),
    (&["ip", "address"], &["10.0.0.1", "192.0.2.10", "::1"]),
    (&["protocol"], &["ssh", "rdp", "telnet"]),
    (&["port"], &["22", "3389", "8200"]),
];
/// Names for every other placeholder.
const OTHER: &[&str] = &["a", "b", "c"];

/// A name for the placeholder `<domain_1>`, and its words, which say what its value may be. `None` if `name` is none.
/// The number at its end chooses among the names.
pub(super) fn of_placeholder(name: &str) -> Option<(String, String)> {
    let words = name.strip_prefix('<')?.strip_suffix('>')?;
    let parts = || words.split(|character: char| !character.is_alphanumeric()).filter(|part| !part.is_empty());
    let number = parts().next_back().and_then(|part| part.parse::<usize>().ok()).unwrap_or(1);
    let bare = |part: &str| part.trim_end_matches(|character: char| character.is_ascii_digit()).to_owned();
    let words: Vec<String> = parts().map(bare).filter(|part| !part.is_empty()).collect();
    // The last word says most: `user_domain` is a domain.
    let kind = words.iter().rev().find_map(|word| KINDS.iter().find(|(known, _)| known.contains(&word.as_str())));
    let names = kind.map_or(OTHER, |(_, names)| names);
    Some((names[number.saturating_sub(1) % names.len()].to_owned(), words.join("_")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_choose_and_the_last_word_says_most() {
        let name = |placeholder: &str| of_placeholder(placeholder).map(|(name, _)| name);
        assert_eq!(name("<domain_1>").as_deref(), Some("example.com"));
        assert_eq!(name("<domain2>").as_deref(), Some("example.com"));
        assert_eq!(name("<user-domain-2>").as_deref(), Some("corp"));
        assert_eq!(name("<domain-user>").as_deref(), Some("alice"));
        assert_eq!(name("<thing>").as_deref(), Some("a"));
        assert_eq!(name("domain"), None);
    }
}
