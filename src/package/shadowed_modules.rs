//! Modules in the root of a package that have the name of a module of the standard library. The root is first on
//! `sys.path`, but a module that was imported before stays: so it depends on the program around the plugin which of the
//! two an import finds.

use std::{fs, path::Path};

use crate::{
    contract::Platform,
    finding::{Finding, Location, Rule},
};

/// The modules of the standard library on Linux, of CPython 3.6 to 3.12, without private ones and without those that
/// are there for CPython's own tests and for fun.
#[rustfmt::skip]
const MODULES: &[&str] = &[
    "abc", "aifc", "argparse", "array", "ast", "asynchat", "asyncio", "asyncore", "atexit", "audioop", "base64",
    "bdb", "binascii", "binhex", "bisect", "builtins", "bz2", "cProfile", "calendar", "cgi", "cgitb", "chunk",
    "cmath", "cmd", "code", "codecs", "codeop", "collections", "colorsys", "compileall", "concurrent", "configparser",
    "contextlib", "contextvars", "copy", "copyreg", "crypt", "csv", "ctypes", "curses", "dataclasses", "datetime",
    "dbm", "decimal", "difflib", "dis", "distutils", "doctest", "dummy_threading", "email", "encodings", "enum",
    "errno", "faulthandler", "fcntl", "filecmp", "fileinput", "fnmatch", "formatter", "fractions", "ftplib",
    "functools", "gc", "genericpath", "getopt", "getpass", "gettext", "glob", "graphlib", "grp", "gzip", "hashlib",
    "heapq", "hmac", "html", "http", "imaplib", "imghdr", "imp", "importlib", "inspect", "io", "ipaddress",
    "itertools", "json", "keyword", "linecache", "locale", "logging", "lzma", "macpath", "mailbox", "mailcap",
    "marshal", "math", "mimetypes", "mmap", "modulefinder", "multiprocessing", "netrc", "nis", "nntplib", "ntpath",
    "nturl2path", "numbers", "opcode", "operator", "optparse", "os", "ossaudiodev", "parser", "pathlib", "pdb",
    "pickle", "pickletools", "pipes", "pkgutil", "platform", "plistlib", "poplib", "posix", "posixpath", "pprint",
    "profile", "pstats", "pty", "pwd", "py_compile", "pyclbr", "pydoc", "pydoc_data", "pyexpat", "queue", "quopri",
    "random", "re", "readline", "reprlib", "resource", "rlcompleter", "runpy", "sched", "secrets", "select",
    "selectors", "shelve", "shlex", "shutil", "signal", "site", "smtpd", "smtplib", "sndhdr", "socket",
    "socketserver", "spwd", "sqlite3", "sre_compile", "sre_constants", "sre_parse", "ssl", "stat", "statistics",
    "string", "stringprep", "struct", "subprocess", "sunau", "symbol", "symtable", "sys", "sysconfig", "syslog",
    "tabnanny", "tarfile", "telnetlib", "tempfile", "termios", "textwrap", "threading", "time", "timeit", "tkinter",
    "token", "tokenize", "tomllib", "trace", "traceback", "tracemalloc", "tty", "turtle", "types", "typing",
    "unicodedata", "unittest", "urllib", "uu", "uuid", "venv", "warnings", "wave", "weakref", "webbrowser", "wsgiref",
    "xdrlib", "xml", "xmlrpc", "zipapp", "zipfile", "zipimport", "zlib", "zoneinfo",
];

/// Modules that came with a minor version of Python 3.
const SINCE: &[(&str, u32)] =
    &[("contextvars", 7), ("dataclasses", 7), ("graphlib", 9), ("tomllib", 11), ("zoneinfo", 9)];

/// Modules whose last minor version of Python 3 was this one.
const UNTIL: &[(&str, u32)] = &[
    ("asynchat", 11),
    ("asyncore", 11),
    ("binhex", 10),
    ("distutils", 11),
    ("dummy_threading", 8),
    ("formatter", 9),
    ("imp", 11),
    ("macpath", 7),
    ("parser", 9),
    ("smtpd", 11),
    ("symbol", 9),
];

/// How many files a message names.
const NAMED: usize = 12;

/// The finding for all such modules in `root`, if there are any.
pub(super) fn check(root: &Path, platform: &Platform) -> Option<Finding> {
    let minor = platform.python.split('.').nth(1)?.parse().ok()?;
    let mut files: Vec<String> = fs::read_dir(root)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let (module, ending) = name.split_once('.').unwrap_or((&name, ""));
            let is_file = matches!(ending, "py" | "pyc") || ending == "so" || ending.ends_with(".so");
            let is_module = is_file || ending.is_empty() && entry.path().join("__init__.py").is_file();
            (is_module && is_standard(module, minor)).then(|| if is_file { name.clone() } else { format!("{name}/") })
        })
        .collect();
    files.sort();
    let first = files.first()?;
    let file = if first.ends_with('/') { format!("{first}__init__.py") } else { first.clone() };
    let at = Location::in_file(&file, 1, 0);
    let mut named: Vec<String> = files.iter().take(NAMED).map(|file| format!("`{file}`")).collect();
    if files.len() > NAMED {
        named.push(format!("{} more", files.len() - NAMED));
    }
    let text = match &named[..] {
        [one] => format!("{one} has the name of a module of the standard library"),
        [many @ .., last] => {
            format!("{} and {last} have the names of modules of the standard library", many.join(", "))
        }
        [] => return None,
    };
    let them = if files.len() == 1 { "it" } else { "them" };
    let hint = format!("rename {them}, or move {them} into a folder of the plugin: `from lib.NAME import …`");
    Some(Finding::draft(Rule::ModuleShadowed, text).at(Some(at)).hint(hint).finish())
}

/// Whether the standard library of Python 3.`minor` has that module.
fn is_standard(module: &str, minor: u32) -> bool {
    let of = |table: &[(&str, u32)]| table.iter().find(|(name, _)| *name == module).map(|(_, minor)| *minor);
    MODULES.binary_search(&module).is_ok()
        && of(SINCE).is_none_or(|since| minor >= since)
        && of(UNTIL).is_none_or(|until| minor <= until)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[&str], platform: &str) -> Option<String> {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        check(folder.path(), Platform::named(platform).unwrap()).map(|finding| finding.message)
    }

    #[test]
    fn every_module_in_the_root_is_named_in_one_finding() {
        let files = ["main.py", "queue.py", "token.py", "select.cpython-312-x86_64-linux-gnu.so", "json/__init__.py"];
        let text = "`json/`, `queue.py`, `select.cpython-312-x86_64-linux-gnu.so` and `token.py` have the names of \
                    modules \
                    of the standard library";
        let found = found(&files, "9.0").unwrap();
        assert_eq!(found.split_whitespace().collect::<Vec<_>>(), text.split_whitespace().collect::<Vec<_>>());
    }

    #[test]
    fn what_is_no_module_or_lies_deeper_is_fine() {
        assert_eq!(
            found(&["main.py", "json.txt", "lib/queue.py", "types/a.py", "queues.py", "test/__init__.py"], "9.0"),
            None
        );
    }

    #[test]
    fn the_python_of_the_platform_decides() {
        for (file, platform, is_found) in [
            ("dataclasses.py", "6.0", false),
            ("dataclasses.py", "6.12", true),
            ("asyncore.py", "8.0", true),
            ("asyncore.py", "9.0", false),
        ] {
            assert_eq!(found(&[file], platform).is_some(), is_found, "{file} on {platform}");
        }
        assert!(MODULES.is_sorted());
    }
}
