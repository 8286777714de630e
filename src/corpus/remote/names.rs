//! Names of objects. They may be hostile, because everyone who can write into the bucket chooses them. [`is_plain`]
//! accepts the names that hookstorm itself writes, and none that leads out of the folder or is hidden in it.

/// How many bytes a part of a name can have.
const PART_BYTES: usize = 128;
/// How many parts a name can have: one for the plugin, the file, and some folders between.
const PARTS: usize = 8;

/// Whether `name` is the relative path of a case: plain parts, and `.json` at its end.
pub(super) fn is_plain(name: &str) -> bool {
    let is_plain = |part: &str| {
        !part.is_empty()
            && part.len() <= PART_BYTES
            && !part.starts_with('.')
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
    };
    name.ends_with(".json") && name.split('/').count() <= PARTS && name.split('/').all(is_plain)
}

/// The name of the file without its folders and its ending.
pub(super) fn stem(name: &str) -> &str {
    let file = name.rsplit('/').next().unwrap_or(name);
    file.strip_suffix(".json").unwrap_or(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_stay_in_the_folder_are_accepted() {
        for name in ["a.json", "Vault/3f9c2a71d0b4.json", "Vault/seeds/00-ff.json", "-my-plugin_1.2/a.b.json"] {
            assert!(is_plain(name), "{name}");
        }
        let long = format!("{}.json", "a".repeat(200));
        let deep = format!("{}a.json", "a/".repeat(20));
        for name in [
            "",
            ".json",
            "../a.json",
            "a/../b.json",
            "/etc/a.json",
            "a//b.json",
            "a/.hidden.json",
            ".ssh/a.json",
            "a.txt",
            "a",
            "a\0.json",
            "a b.json",
            "a;b.json",
            "ä.json",
            "a\\..\\b.json",
            "%2e%2e/a.json",
            &long,
            &deep,
        ] {
            assert!(!is_plain(name), "{name}");
        }
        assert_eq!(stem("Vault/seeds/00ff.json"), "00ff");
    }
}
