//! Names that are other ones in each run, made the same: temporary files, process numbers, numbered threads.

use super::PluginUnderTest;

/// What stands for the part of a name that chance made.
const ANY: &str = "…";
/// How long the part of a temporary file's name is that Python draws.
const DRAWN: usize = 8;

/// `name` with `…` for what is another text in each run. What the plugin's own code spells stays.
pub(super) fn steady(subject: &PluginUnderTest, name: &str) -> String {
    let is_own = |part: &str| subject.known_text.iter().any(|text| text.contains(part));
    let mut steady = String::with_capacity(name.len());
    let mut rest = name;
    while !rest.is_empty() {
        let end = rest.find(|character| !is_word(character)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        steady.push_str(&steady_word(word, &is_own));
        let end = after.find(is_word).unwrap_or(after.len());
        let (between, after) = after.split_at(end);
        steady.push_str(between);
        rest = after;
    }
    steady
}

fn is_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}

fn steady_word(word: &str, is_own: &dyn Fn(&str) -> bool) -> String {
    if word.is_empty() || is_own(word) {
        return word.to_owned();
    }
    if let Some(drawn) = word.strip_prefix("tmp")
        && is_drawn(drawn)
    {
        return format!("tmp{ANY}");
    }
    // Numbers of pools have an underscore inside: `ThreadPoolExecutor-0_0`.
    let is_numbered = word.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_');
    if is_drawn(word) && word.bytes().any(|byte| !byte.is_ascii_lowercase()) || is_numbered {
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

/// Whether Python's `tempfile` may have drawn that.
fn is_drawn(part: &str) -> bool {
    part.len() == DRAWN && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::testing::store;

    #[test]
    fn what_chance_made_is_the_same_in_each_run() {
        let subject = PluginUnderTest { known_text: vec!["vault_log1 2024 %s-state.json".into()], ..store() };
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
            assert_eq!(steady(&subject, name), expected);
        }
    }
}
