//! Reads Rust as far as these tests need it: words and punctuation with their lines, without comments, without the text
//! of literals, and without code that only tests use.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// A word (`crate`, `Session`) or one character of punctuation. A literal is the empty word.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Token {
    pub(crate) text: String,
    pub(crate) line: usize,
}

/// A path that code names: `crate::case::Value` is `["crate", "case", "Value"]`.
#[derive(Debug, PartialEq)]
pub(crate) struct Named {
    pub(crate) path: Vec<String>,
    pub(crate) line: usize,
}

/// A file of Rust, without what only tests use.
pub(crate) struct Source {
    /// From the root of the repository, with `/`.
    pub(crate) name: String,
    pub(crate) tokens: Vec<Token>,
    /// Every path with at least two parts, groups taken apart, and the single names after `use`; `self::` and `super::`
    /// are resolved to `crate::`.
    pub(crate) named: Vec<Named>,
}

impl Source {
    pub(crate) fn new(name: &str, text: &str) -> Self {
        Self::of(name.to_owned(), without_tests(tokens(text)).0)
    }

    fn of(name: String, tokens: Vec<Token>) -> Self {
        let named = named(&name, &tokens);
        Self { name, tokens, named }
    }
}

fn named(name: &str, tokens: &[Token]) -> Vec<Named> {
    let module = module(name);
    // How many `mod name {` are open.
    let mut inline = 0;
    let mut braces: Vec<bool> = Vec::new();
    let mut all = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if tokens[at].text == "{" {
            let is_module = at >= 2 && tokens[at - 2].text == "mod";
            braces.push(is_module);
            inline += usize::from(is_module);
        } else if tokens[at].text == "}" && braces.pop() == Some(true) {
            inline -= 1;
        }
        let after_use = at > 0 && tokens[at - 1].text == "use";
        let (found, next) = paths(tokens, at);
        at = next.max(at + 1);
        for mut named in found {
            // The names of inline modules do not matter, since only `super::` looks at them.
            let around: Vec<String> =
                module.iter().cloned().chain(std::iter::repeat_n("inline".to_owned(), inline)).collect();
            resolve(&mut named.path, &around);
            if named.path.len() > 1 || after_use {
                all.push(named);
            }
        }
    }
    all
}

/// The modules that a file stands for: `src/case/value.rs` is `["case", "value"]`.
fn module(name: &str) -> Vec<String> {
    let inside = name.split_once("src/").map_or(name, |(_, inside)| inside).trim_end_matches(".rs");
    let mut parts: Vec<String> = inside.split('/').map(str::to_owned).collect();
    if ["mod", "lib", "main"].contains(&parts.last().map_or("", String::as_str)) {
        parts.pop();
    }
    parts
}

/// Turns a path that begins with `self` or `super` into one that begins with `crate`.
fn resolve(path: &mut Vec<String>, module: &[String]) {
    let ups = path.iter().take_while(|part| *part == "super" || *part == "self").count();
    if ups == 0 {
        return;
    }
    let supers = path.iter().take(ups).filter(|part| *part == "super").count();
    let mut whole = vec!["crate".to_owned()];
    whole.extend(module.iter().take(module.len().saturating_sub(supers)).cloned());
    whole.extend(path.drain(..).skip(ups));
    *path = whole;
}

/// The paths that begin at a token, a group's members each on their own, and where to go on.
fn paths(tokens: &[Token], start: usize) -> (Vec<Named>, usize) {
    let is_name = |at: usize| tokens.get(at).is_some_and(|token| is_word(&token.text));
    let is_colons = |at: usize| {
        tokens.get(at).is_some_and(|token| token.text == ":") && tokens.get(at + 1).is_some_and(|t| t.text == ":")
    };
    let mut at = start;
    // `::zip::write` is `zip::write`.
    let mut path = Vec::new();
    loop {
        if is_name(at) {
            path.push(tokens[at].text.clone());
            at += 1;
        } else if tokens.get(at).is_some_and(|token| token.text == "{") && at > start {
            let mut found = Vec::new();
            at += 1;
            while tokens.get(at).is_some_and(|token| token.text != "}") {
                let (members, next) = paths(tokens, at);
                for member in members {
                    let whole = path.iter().cloned().chain(member.path).collect();
                    found.push(Named { path: whole, line: member.line });
                }
                at = next.max(at + 1);
            }
            return (found, at + 1);
        } else {
            break;
        }
        if tokens.get(at).is_some_and(|token| token.text == "as") && is_name(at + 1) {
            at += 2;
        }
        // In `use ::zip::read` the path begins after the colons.
        if !is_colons(at) || path == ["use"] {
            break;
        }
        at += 2;
        // `collect::<Vec<_>>` and `a::*` end the path.
        if tokens.get(at).is_some_and(|token| token.text == "<" || token.text == "*") {
            break;
        }
    }
    if path.is_empty() {
        return (Vec::new(), start + 1);
    }
    let line = tokens[start].line;
    (vec![Named { path, line }], at)
}

fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Takes out each item after `#[cfg(test)]`, and names the files that such a `mod name;` stands for.
fn without_tests(tokens: Vec<Token>) -> (Vec<Token>, Vec<String>) {
    const MARK: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let is_mark =
        |at: usize| MARK.iter().enumerate().all(|(i, text)| tokens.get(at + i).is_some_and(|t| t.text == *text));
    let (mut kept, mut modules) = (Vec::new(), Vec::new());
    let mut at = 0;
    while at < tokens.len() {
        if !is_mark(at) {
            kept.push(tokens[at].clone());
            at += 1;
            continue;
        }
        at += MARK.len();
        let begin = at;
        let mut depth = 0usize;
        while let Some(token) = tokens.get(at) {
            at += 1;
            match token.text.as_str() {
                "{" | "(" | "[" => depth += 1,
                "}" | ")" | "]" => {
                    depth = depth.saturating_sub(1);
                    // An attribute or the arguments of a function do not end an item; its body does.
                    if depth == 0 && token.text == "}" {
                        break;
                    }
                }
                ";" if depth == 0 => {
                    let words: Vec<&str> = tokens[begin..at - 1].iter().map(|token| token.text.as_str()).collect();
                    if let [.., "mod", name] = words[..] {
                        modules.push(name.to_owned());
                    }
                    break;
                }
                _ => {}
            }
        }
    }
    (kept, modules)
}

/// What a piece of a text is.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Blank,
    Comment,
    Literal,
    Word,
}

/// Takes a text apart: the kind and the length of each piece.
fn pieces(chars: &[char]) -> Vec<(Kind, usize)> {
    let mut pieces = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        let rest = &chars[at..];
        let piece = match rest {
            ['/', '/', ..] => (Kind::Comment, rest.iter().position(|&c| c == '\n').unwrap_or(rest.len())),
            ['/', '*', ..] => (Kind::Comment, block_comment(rest)),
            [c, ..] if c.is_whitespace() => (Kind::Blank, 1),
            _ => literal(rest).map_or_else(|| (Kind::Word, word_or_mark(rest)), |length| (Kind::Literal, length)),
        };
        at += piece.1;
        pieces.push(piece);
    }
    pieces
}

fn tokens(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let (mut at, mut line) = (0, 1);
    for (kind, length) in pieces(&chars) {
        let piece = &chars[at..at + length];
        match kind {
            Kind::Word => {
                let text: String = piece.iter().collect();
                tokens.push(Token { text: text.trim_start_matches("r#").to_owned(), line });
            }
            Kind::Literal => tokens.push(Token { text: String::new(), line }),
            Kind::Blank | Kind::Comment => {}
        }
        line += piece.iter().filter(|&&c| c == '\n').count();
        at += length;
    }
    tokens
}

/// How many columns of each line lie in literals.
pub(crate) fn literal_columns(text: &str) -> Vec<usize> {
    let chars: Vec<char> = text.chars().collect();
    let (mut columns, mut at) = (vec![0], 0);
    for (kind, length) in pieces(&chars) {
        for c in &chars[at..at + length] {
            if *c == '\n' {
                columns.push(0);
            } else if kind == Kind::Literal {
                *columns.last_mut().expect("it begins with a line") += 1;
            }
        }
        at += length;
    }
    columns
}

/// How long a word is, or one character of punctuation.
fn word_or_mark(rest: &[char]) -> usize {
    let is_part = |c: &char| c.is_alphanumeric() || *c == '_';
    let start = if rest.starts_with(&['r', '#']) && rest.get(2).is_some_and(is_part) { 2 } else { 0 };
    (start + rest[start..].iter().take_while(|c| is_part(c)).count()).max(1)
}

fn block_comment(rest: &[char]) -> usize {
    let (mut depth, mut at) = (0usize, 0);
    while at < rest.len() {
        match rest[at..] {
            ['/', '*', ..] => {
                depth += 1;
                at += 2;
            }
            ['*', '/', ..] => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    break;
                }
            }
            _ => at += 1,
        }
    }
    at
}

/// How long a string, a character or a lifetime is, if one begins here.
fn literal(rest: &[char]) -> Option<usize> {
    let prefix = ["br", "cr", "b", "c", "r", ""].into_iter().find(|prefix| {
        let length = prefix.len();
        rest.iter().zip(prefix.chars()).all(|(have, want)| *have == want)
            && match rest.get(length) {
                Some('"') => true,
                Some('\'') => *prefix == "b" || prefix.is_empty(),
                Some('#') if prefix.ends_with('r') => {
                    rest[length..].iter().find(|&&c| c != '#').is_some_and(|&c| c == '"')
                }
                _ => false,
            }
    })?;
    let begin = prefix.len();
    if prefix.ends_with('r') {
        let hashes = rest[begin..].iter().take_while(|&&c| c == '#').count();
        let end: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
        let body = begin + hashes + 1;
        let length = rest[body..].windows(end.len()).position(|window| window == end)?;
        return Some(body + length + end.len());
    }
    let quote = rest[begin];
    // `'a` without a second quote is a lifetime.
    if quote == '\'' && rest.get(begin + 1) != Some(&'\\') && rest.get(begin + 2) != Some(&'\'') {
        return Some(begin + 1 + rest[begin + 1..].iter().take_while(|c| c.is_alphanumeric() || **c == '_').count());
    }
    let mut at = begin + 1;
    while *rest.get(at)? != quote {
        at += if rest[at] == '\\' { 2 } else { 1 };
    }
    Some(at + 1)
}

/// All files below a folder with that ending, sorted; what Cargo builds is left out.
pub(crate) fn files(root: &Path, folder: &str, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root.join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() && entry.file_name() != "target" {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// A path as it is named from the root of the repository.
pub(crate) fn name(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).to_string_lossy().into_owned()
}

/// The files of Rust below a folder that are more than tests.
pub(crate) fn sources(root: &Path, folder: &str) -> Vec<Source> {
    let files = files(root, folder, "rs");
    let mut only_tests = BTreeSet::new();
    let mut all = Vec::new();
    for path in &files {
        let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("`{}`: {error}", path.display()));
        let (tokens, modules) = without_tests(tokens(&text));
        let is_folder = ["mod.rs", "lib.rs", "main.rs"].iter().any(|name| path.ends_with(name));
        let below = if is_folder { path.with_file_name("") } else { path.with_extension("") };
        only_tests.extend(modules.iter().map(|module| below.join(module)));
        all.push(Source::of(name(root, path), tokens));
    }
    let is_test = |source: &Source| {
        let path = root.join(&source.name);
        only_tests.iter().any(|test| path.starts_with(test) || path == test.with_extension("rs"))
    };
    all.into_iter().filter(|source| !is_test(source)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths_in(text: &str) -> Vec<String> {
        Source::new("src/oracle/text/mod.rs", text).named.iter().map(|named| named.path.join("::")).collect()
    }

    #[test]
    fn paths_are_read_from_use_lines_groups_and_code() {
        assert_eq!(paths_in("use crate::case::Value;"), ["crate::case::Value"]);
        assert_eq!(
            paths_in("use crate::{case::{Value, Call as C}, oracle};"),
            ["crate::case::Value", "crate::case::Call", "crate::oracle"]
        );
        assert_eq!(paths_in("fn f() -> crate::case::Value { zip::new() }"), ["crate::case::Value", "zip::new"]);
        assert_eq!(paths_in("use libc;"), ["libc"]);
        assert_eq!(paths_in("use ::zip::{read, *};"), ["zip::read"]);
    }

    #[test]
    fn self_and_super_are_resolved() {
        assert_eq!(paths_in("use self::a::B;"), ["crate::oracle::text::a::B"]);
        assert_eq!(paths_in("use super::a;"), ["crate::oracle::a"]);
        assert_eq!(paths_in("use super::super::runtime::Worker;"), ["crate::runtime::Worker"]);
        assert_eq!(
            paths_in("mod inner { use super::super::a; } use super::b;"),
            ["crate::oracle::a", "crate::oracle::b"]
        );
    }

    #[test]
    fn comments_and_literals_name_nothing() {
        let text = "// crate::a::b\n/* crate::a /* x */ crate::b */ let x = \"crate::a::b \\\" c::d\"; r#\"a::\"b\"#; 'c'; '\\'';
                    b'\"'; fn f<'a>(x: &'a str) {} c::d(b\"e::f\");";
        assert_eq!(paths_in(text), ["c::d"]);
    }

    #[test]
    fn code_for_tests_is_left_out() {
        let text = "use a::b; #[cfg(test)] mod tests { use crate::runtime::X; fn f() { } } use c::d;
                    #[cfg(test)] use crate::e::f; #[cfg(test)] #[allow(x)] fn g(a: crate::h::i) { j::k() } #[cfg(test)] mod l;";
        assert_eq!(paths_in(text), ["a::b", "c::d"]);
        assert_eq!(without_tests(tokens(text)).1, ["l"]);
    }

    #[test]
    fn lines_are_counted() {
        let named = Source::new("src/case/mod.rs", "/* a\n b */\nlet s = \"c\nd\";\ncrate::case::f();").named;
        assert_eq!(named[0].line, 5);
    }
}
