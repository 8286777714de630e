//! Which modules the plugin's own code imports, read from its text: no code of it runs. Files of vendored packages, as
//! the `RECORD` of each `*.dist-info` lists them, virtual environments and hidden folders are not the plugin's own.

use std::{cell::OnceCell, collections::BTreeSet, path::Path};

use super::files::{below, read};

/// The Python files of a plugin in a folder.
pub(crate) struct PluginSources<'a> {
    root: &'a Path,
    imports: OnceCell<BTreeSet<String>>,
}

impl<'a> PluginSources<'a> {
    /// The files below `root`; they are read when they are needed.
    pub(crate) fn new(root: &'a Path) -> Self {
        Self { root, imports: OnceCell::new() }
    }

    /// Whether the plugin imports the Plugin SDK.
    pub(crate) fn imports_sdk(&self) -> bool {
        self.imports_module("safeguard")
    }

    /// Whether the plugin reads INI: the SDK parses the configuration with `configparser` \[S\], and other plugins may.
    pub(crate) fn reads_ini(&self) -> bool {
        self.imports_sdk() || self.imports_module("configparser")
    }

    /// Whether the plugin imports `module`, or a module inside it.
    fn imports_module(&self, module: &str) -> bool {
        let imports = self.imports.get_or_init(|| {
            let own = own_modules(self.root).into_iter();
            own.flat_map(|file| {
                let bytes = read(&self.root.join(file)).unwrap_or_default();
                imported(&String::from_utf8_lossy(&bytes))
            })
            .collect()
        });
        let inside = format!("{module}.");
        imports.iter().any(|name| name == module || name.starts_with(&inside))
    }
}

/// The Python files below `root` that no `RECORD` lists: `pip install --target` writes one beside what it installs.
fn own_modules(root: &Path) -> Vec<String> {
    let files = below(root);
    let mut vendored = BTreeSet::new();
    for record in files.iter().filter(|file| file.ends_with(".dist-info/RECORD")) {
        let folder = record.rsplitn(3, '/').nth(2).map(|folder| format!("{folder}/")).unwrap_or_default();
        let text = read(&root.join(record)).unwrap_or_default();
        // The file is CSV; a name with a quote or a comma is no module.
        let listed = String::from_utf8_lossy(&text);
        vendored.extend(listed.lines().filter_map(|line| Some(format!("{folder}{}", line.split(',').next()?))));
    }
    files.into_iter().filter(|file| file.ends_with(".py") && !vendored.contains(file)).collect()
}

/// The modules that a text imports, `a.b` for `import a.b`, `from a.b import c` and `import x, a.b as y`. What is in a
/// string or a comment does not count.
fn imported(text: &str) -> Vec<String> {
    let code = without_strings(text);
    let mut modules = Vec::new();
    for statement in code.split(['\n', ';']) {
        let statement = statement.trim_start();
        if let Some(rest) = statement.strip_prefix("from ").or_else(|| statement.strip_prefix("from\t")) {
            modules.extend(rest.split_whitespace().next().map(str::to_owned));
        } else if let Some(rest) = statement.strip_prefix("import ").or_else(|| statement.strip_prefix("import\t")) {
            let names = rest.split(',').filter_map(|one| one.split_whitespace().next());
            modules.extend(names.map(str::to_owned));
        }
    }
    modules
}

/// The text without the content of strings and without comments; line ends inside of strings are left out too.
fn without_strings(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let quote = ["\"\"\"", "'''", "\"", "'"].into_iter().find(|quote| rest.starts_with(quote));
        if let Some(quote) = quote {
            rest = after_string(&rest[quote.len()..], quote);
            code.push_str("''");
        } else if first == '#' {
            rest = &rest[rest.find('\n').unwrap_or(rest.len())..];
        } else if first == '\\' && rest[1..].starts_with('\n') {
            // A statement that goes on in the next line.
            code.push(' ');
            rest = &rest[2..];
        } else {
            code.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    code
}

/// What follows the string that `quote` opened.
fn after_string<'a>(text: &'a str, quote: &str) -> &'a str {
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        if character == '\\' {
            characters.next();
        } else if text[at..].starts_with(quote) {
            return &text[at + quote.len()..];
        } else if character == '\n' && quote.len() == 1 {
            // The text is not Python; the next line is read again.
            return &text[at..];
        }
    }
    ""
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    fn reads_ini(files: &[(&str, &str)]) -> bool {
        PluginSources::new(folder(files).path()).reads_ini()
    }

    #[test]
    fn every_form_of_an_import_is_seen() {
        for text in [
            "import configparser",
            "import os, configparser as c",
            "from configparser import ConfigParser",
            "def f():\n    import configparser\n",
            "import os; import configparser",
            "try:\n\tfrom \\\n  configparser import X\nexcept ImportError: pass",
            "'it\\'s'; import configparser",
            "from safeguard.sessions.plugin import AAPlugin",
        ] {
            assert!(reads_ini(&[("lib/a.py", text)]), "{text}");
        }
    }

    #[test]
    fn what_only_looks_like_an_import_is_not_one() {
        for text in [
            "# import configparser",
            "\"\"\"\nimport configparser\n\"\"\"",
            "x = 'a\\\nimport configparser'",
            "r'''x\n\\'''\nimport json",
            "import configparsers",
            "from .configparser import X",
            "important = 1",
        ] {
            assert!(!reads_ini(&[("main.py", text)]), "{text}");
        }
    }

    #[test]
    fn vendored_packages_environments_and_hidden_folders_are_not_the_plugin() {
        let import = "import configparser";
        assert!(!reads_ini(&[
            ("setuptools/a.py", import),
            ("six.py", import),
            ("s-1.dist-info/RECORD", "../bin/x,,\nsetuptools/a.py,sha256=x,1\nsix.py,,\n"),
            (".git/a.py", import),
            ("env/pyvenv.cfg", ""),
            ("env/lib/a.py", import),
        ]));
        assert!(reads_ini(&[("six.py", import), ("s-1.dist-info/METADATA", "")]));
    }
}
