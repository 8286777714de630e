//! Makes names that differ in each run equal: temporary files, process ids, numbered threads.

use super::PluginUnderTest;

/// What replaces the random part of a name.
const ANY: &str = "…";
/// The length of the random part of a name that Python's `tempfile` makes.
const RANDOM_LENGTH: usize = 8;

/// `name` with `…` for each part that differs in each run. Parts that the plugin's own code contains stay.
pub(super) fn stable_name(plugin: &PluginUnderTest, name: &str) -> String {
    let is_own = |part: &str| plugin.known_text.iter().any(|text| text.contains(part));
    let mut stable = String::with_capacity(name.len());
    let mut rest = name;
    while !rest.is_empty() {
        let end = rest.find(|character| !is_word(character)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        stable.push_str(&stable_word(word, &is_own));
        let end = after.find(is_word).unwrap_or(after.len());
        let (between, after) = after.split_at(end);
        stable.push_str(between);
        rest = after;
    }
    stable
}

fn is_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}

fn stable_word(word: &str, is_own: &dyn Fn(&str) -> bool) -> String {
    if word.is_empty() || is_own(word) {
        return word.to_owned();
    }
    if let Some(rest) = word.strip_prefix("tmp")
        && is_random(rest)
    {
        return format!("tmp{ANY}");
    }
    // The threads of a pool have numbers with an underscore: `ThreadPoolExecutor-0_0`.
    let is_numbered = word.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_');
    if is_random(word) && word.bytes().any(|byte| !byte.is_ascii_lowercase()) || is_numbered {
        return ANY.to_owned();
    }
    let parts = word.split('_').map(|part| {
        let is_hex = part.len() >= 4 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
        let is_number = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let has_digit = part.bytes().any(|byte| byte.is_ascii_digit());
        if (is_number || is_hex && has_digit) && !is_own(part) { ANY } else { part }
    });
    parts.collect::<Vec<_>>().join("_")
}

/// Whether Python's `tempfile` may have made that.
fn is_random(part: &str) -> bool {
    part.len() == RANDOM_LENGTH
        && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::testing::store;

    #[test]
    fn random_names_are_the_same_in_each_run() {
        let plugin = PluginUnderTest { known_text: vec!["vault_log1 2024 %s-state.json".into()], ..store() };
        let cases = [
            ("tmp/tmpab12cd_x", "tmp/tmp…"),
            ("<scratch>/tmp/vault_log1.txt", "<scratch>/tmp/vault_log1.txt"),
            ("tmp/a1b2c3d4.log", "tmp/….log"),
            ("tmp/psm_0a1b2c3d", "tmp/psm_…"),
            ("work/pid-4711-state.json", "work/pid-…-state.json"),
            ("Thread-7 (poll)", "Thread-… (poll)"),
            ("ThreadPoolExecutor-0_0", "ThreadPoolExecutor-…"),
            ("work/2024/password.txt", "work/2024/password.txt"),
            ("poller", "poller"),
        ];
        for (name, expected) in cases {
            assert_eq!(stable_name(&plugin, name), expected);
        }
    }
}
