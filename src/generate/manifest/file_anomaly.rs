//! Anomalies of a MANIFEST as a whole: its encoding, text around and between the fields, and errors that no reader of
//! YAML accepts.

use super::{
    generated::{FILE, GeneratedField, GeneratedManifest, line_of, unreadable},
    values,
};
use crate::{
    contract::Platform,
    finding::Rule,
    generate::{
        expect::{ExpectedFinding, ExpectedFindings},
        source::Source,
    },
};

macro_rules! file_anomalies {
    ($($variant:ident $words:literal;)*) => {
        /// One anomaly of the file.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum FileAnomaly { $(#[doc = $words] $variant,)* }

        impl FileAnomaly {
            /// All of them, the plain one first.
            pub(super) const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The anomaly, in words.
            const fn words(self) -> &'static str {
                match self { $(Self::$variant => $words,)* }
            }
        }
    };
}

file_anomalies! {
    Plain "a plain file";
    ByteOrderMark "a byte order mark";
    CrLf "CR LF";
    Cr "CR alone";
    Marked "document markers";
    Directive "a directive %YAML 1.1";
    Comments "comments and empty lines";
    Spaced "blanks around the colons";
    Flow "one mapping in braces";
    Nested "an unknown field that is deep, wide and long";
    Merge "a merge key";
    Duplicate "a key that occurs twice";
    Separator "a line separator of YAML 1.1";
    Utf16 "UTF-16";
    Latin1 "a byte that is not UTF-8";
    Control "a control character";
    Tab "a tab behind a colon";
    Second "a second document";
    NoAlias "an alias of nothing";
    TwoAnchors "an anchor that occurs twice";
    Tag "a tag without a constructor";
    TooDeep "600 nested lists";
    TooLong "more bytes than a MANIFEST may have";
    Empty "nothing but a comment";
    List "a list instead of a mapping";
    BadDate "a date that does not exist";
    Cut "cut off at a random byte";
}

/// How many anomalies, from the first, change nothing that a reader reads.
const HARMLESS: usize = 10;

impl FileAnomaly {
    /// Any anomaly; a plain file half of the time.
    pub(super) fn any(source: &mut Source<'_, '_>) -> Self {
        if source.chance(140) { *source.pick(Self::ALL) } else { Self::Plain }
    }

    /// An anomaly that changes nothing that a reader reads.
    pub(super) fn harmless(source: &mut Source<'_, '_>) -> Self {
        if source.chance(140) { *source.pick(&Self::ALL[..HARMLESS]) } else { Self::Plain }
    }

    /// The text before the first field.
    pub(super) fn head(self) -> String {
        match self {
            Self::Marked => "# a comment\n---\n",
            Self::Directive => "%YAML 1.1\n# a comment\n---\n",
            Self::Flow => "{",
            Self::Nested => return nested(),
            _ => "",
        }
        .to_owned()
    }

    /// Adds text before a field. It is not indented after a block scalar, to which it would belong.
    pub(super) fn between(self, source: &mut Source<'_, '_>, text: &mut String, is_behind_block: bool) {
        const COMMENTS: [&str; 6] = ["", "\n", "# name: Other\n", "#\n\n\n", "   \n", "  # deeper\n"];
        if self == Self::Comments {
            text.push_str(source.text(if is_behind_block { &COMMENTS[..4] } else { &COMMENTS }));
        }
    }

    /// The text after a colon.
    pub(super) fn gap(self, yaml: &str) -> &'static str {
        match self {
            _ if yaml.is_empty() => "",
            Self::Spaced => "    ",
            _ => " ",
        }
    }

    /// Completes the file, and its expected findings.
    pub(super) fn finish(
        self,
        source: &mut Source<'_, '_>,
        mut text: String,
        mut found: Vec<ExpectedFinding>,
        mut read: Vec<GeneratedField>,
        platform: &'static Platform,
        mut parts: Vec<&'static str>,
    ) -> GeneratedManifest {
        parts.push(self.words());
        let mut may = Vec::new();
        let end = line_of(&text);
        let mut is_read = true;
        let mut is_known = true;
        let mut append = |more: &str| text.push_str(more);
        match self {
            Self::Nested => read.insert(0, GeneratedField::new("x-nested", "dict", None)),
            Self::Marked => append("...\n# the end"),
            Self::Second => append("---\nx: y\n"),
            Self::NoAlias => append("x-a: *nothing\n"),
            Self::TwoAnchors => append("x-a: &a 1\nx-b: &a 2\n"),
            Self::Tag => append(source.text(&["x-a: !own b\n", "x-a: !!python/name:os.system\n", "x-a: !!int [a]\n"])),
            Self::TooDeep => append(&format!("x-a: {}{}\n", "[".repeat(600), "]".repeat(600))),
            Self::TooLong => append(&format!("x-a: {}\n", "a".repeat(263_000))),
            Self::BadDate => append(source.text(&["x-a: [2020-02-30]\n", "x-a: {b: 2001-13-01}\n"])),
            Self::Tab => append("x-a:\tb\n"),
            Self::Separator => {
                append("# a comment\u{2028}");
                found.push(ExpectedFinding::of(Rule::ManifestAmbiguous).at(FILE, end).word("line separator"));
            }
            Self::Control => {
                append(source.text(&["x-a: \u{1}\n", "# \u{7f}\n", "x-a: 'a\u{0}b'\n", "x-a: \u{fffe}\n"]))
            }
            Self::Empty => text = "# only a comment\n\n".to_owned(),
            Self::List => text = text.lines().map(|line| format!("- '{}'\n", line.replace('\'', ""))).collect(),
            _ => {}
        }
        let mut bytes = match self {
            Self::ByteOrderMark => format!("\u{feff}{text}").into_bytes(),
            Self::CrLf => text.replace('\n', "\r\n").into_bytes(),
            Self::Cr => text.replace('\n', "\r").into_bytes(),
            Self::Utf16 => {
                let big = source.chance(128);
                let bytes = |unit: u16| if big { unit.to_be_bytes() } else { unit.to_le_bytes() };
                std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(bytes).collect()
            }
            _ => text.into_bytes(),
        };
        match self {
            Self::Latin1 => {
                let at = source.below(bytes.len());
                let at = (0..=at).rev().find(|&at| bytes[at].is_ascii()).unwrap_or(0);
                bytes.insert(at, *source.pick(&[0xe9, 0xff, 0xc3, 0x80]));
            }
            Self::Cut => {
                let at = source.below(bytes.len() + 1);
                bytes.truncate(at);
                let about_manifest = |rule: &Rule| rule.id().starts_with("manifest") || *rule == Rule::PlatformExcluded;
                may = Rule::ALL.iter().copied().filter(about_manifest).collect();
                found.clear();
                is_known = false;
            }
            Self::Second
            | Self::NoAlias
            | Self::TwoAnchors
            | Self::Tag
            | Self::TooDeep
            | Self::TooLong
            | Self::BadDate
            | Self::Tab
            | Self::Control
            | Self::Utf16
            | Self::Empty
            | Self::List => is_read = false,
            _ => {}
        }
        is_read &= self != Self::Latin1;
        if !is_read {
            found = unreadable();
        }
        GeneratedManifest {
            bytes,
            platform,
            expect: ExpectedFindings { findings: found, may },
            fields: if is_known { is_read.then_some(read) } else { Some(Vec::new()) },
            parts,
        }
    }
}

/// An unknown field that every reader must accept.
fn nested() -> String {
    let deep = format!("{}{}", "[".repeat(90), "]".repeat(90));
    let wide = vec!["{k: [v]}"; 20].join(", ");
    let long = "long ".repeat(300);
    format!(
        "x-nested:\n  deep: {deep}\n  wide: [{wide}]\n  ? long\n  : {}\n  block: |+\n    a\n\n   # b\n",
        values::double(&long)
    )
}

/// A field's name as a key.
pub(super) fn key(name: &str) -> String {
    let is_plain = name.chars().all(|character| character.is_ascii_alphanumeric() || "_-".contains(character));
    if is_plain { name.to_owned() } else { format!("\"{name}\"") }
}
