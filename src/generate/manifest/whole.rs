//! What may be odd of a MANIFEST as a whole: how it is encoded, what stands around and between the fields, and what no
//! reader of YAML gets over.

use super::{Expect, Expected, FILE, ManifestText, line_of, unreadable, values};
use crate::{contract::Platform, finding::Rule, generate::dice::Dice};

macro_rules! wholes {
    ($($(#[$doc:meta])* $variant:ident $words:literal;)*) => {
        /// One oddity of the whole.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Whole { $(#[doc = $words] $variant,)* }

        impl Whole {
            /// All of them, the plain one first.
            pub(super) const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// It, in words.
            const fn words(self) -> &'static str {
                match self { $(Self::$variant => $words,)* }
            }
        }
    };
}

wholes! {
    Plain "nothing is odd of the whole";
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
    Duplicate "a key that stands twice";
    Separator "a line separator of YAML 1.1";
    Utf16 "UTF-16";
    Latin1 "a byte that is not UTF-8";
    Control "a control character";
    Tab "a tab behind a colon";
    Second "a second document";
    NoAlias "an alias of nothing";
    TwoAnchors "an anchor that stands twice";
    Tag "a tag that nobody constructs";
    TooDeep "nesting beyond all reason";
    TooLong "more bytes than a MANIFEST may have";
    Empty "nothing but a comment";
    List "a list instead of a mapping";
    BadDate "a date that does not exist";
    Cut "cut off anywhere";
}

/// How many of them leave everything as it is.
const HARMLESS: usize = 10;

impl Whole {
    /// Any of them, nothing odd half of the time.
    pub(super) fn any(dice: &mut Dice<'_, '_>) -> Self {
        if dice.chance(140) { *dice.pick(Self::ALL) } else { Self::Plain }
    }

    /// One that changes nothing.
    pub(super) fn harmless(dice: &mut Dice<'_, '_>) -> Self {
        if dice.chance(140) { *dice.pick(&Self::ALL[..HARMLESS]) } else { Self::Plain }
    }

    /// What stands before the first field.
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

    /// What stands before a field. Behind a block scalar what is indented would belong to it.
    pub(super) fn between(self, dice: &mut Dice<'_, '_>, text: &mut String, is_behind_block: bool) {
        const COMMENTS: [&str; 6] = ["", "\n", "# name: Other\n", "#\n\n\n", "   \n", "  # deeper\n"];
        if self == Self::Comments {
            text.push_str(dice.word(if is_behind_block { &COMMENTS[..4] } else { &COMMENTS }));
        }
    }

    /// What stands behind a colon.
    pub(super) fn gap(self, source: &str) -> &'static str {
        match self {
            _ if source.is_empty() => "",
            Self::Spaced => "    ",
            _ => " ",
        }
    }

    /// The file as it is in the end, and what must be found.
    pub(super) fn finish(
        self,
        dice: &mut Dice<'_, '_>,
        mut text: String,
        mut found: Vec<Expected>,
        mut read: Vec<(String, &'static str, Option<String>)>,
        platform: &'static Platform,
        mut parts: Vec<&'static str>,
    ) -> ManifestText {
        parts.push(self.words());
        let mut may = Vec::new();
        let end = line_of(&text);
        let mut is_read = true;
        let mut is_known = true;
        let mut append = |more: &str| text.push_str(more);
        match self {
            Self::Nested => read.insert(0, ("x-nested".to_owned(), "dict", None)),
            Self::Marked => append("...\n# the end"),
            Self::Second => append("---\nx: y\n"),
            Self::NoAlias => append("x-a: *nothing\n"),
            Self::TwoAnchors => append("x-a: &a 1\nx-b: &a 2\n"),
            Self::Tag => append(dice.word(&["x-a: !own b\n", "x-a: !!python/name:os.system\n", "x-a: !!int [a]\n"])),
            Self::TooDeep => append(&format!("x-a: {}{}\n", "[".repeat(600), "]".repeat(600))),
            Self::TooLong => append(&format!("x-a: {}\n", "a".repeat(263_000))),
            Self::BadDate => append(dice.word(&["x-a: [2020-02-30]\n", "x-a: {b: 2001-13-01}\n"])),
            Self::Tab => append("x-a:\tb\n"),
            Self::Separator => {
                append("# a comment\u{2028}");
                found.push(Expected::of(Rule::ManifestAmbiguous).at(FILE, end).word("line separator"));
            }
            Self::Control => append(dice.word(&["x-a: \u{1}\n", "# \u{7f}\n", "x-a: 'a\u{0}b'\n", "x-a: \u{fffe}\n"])),
            Self::Empty => text = "# only a comment\n\n".to_owned(),
            Self::List => text = text.lines().map(|line| format!("- '{}'\n", line.replace('\'', ""))).collect(),
            _ => {}
        }
        let mut bytes = match self {
            Self::ByteOrderMark => format!("\u{feff}{text}").into_bytes(),
            Self::CrLf => text.replace('\n', "\r\n").into_bytes(),
            Self::Cr => text.replace('\n', "\r").into_bytes(),
            Self::Utf16 => {
                let big = dice.chance(128);
                let bytes = |unit: u16| if big { unit.to_be_bytes() } else { unit.to_le_bytes() };
                std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(bytes).collect()
            }
            _ => text.into_bytes(),
        };
        match self {
            Self::Latin1 => {
                let at = dice.below(bytes.len());
                let at = (0..=at).rev().find(|&at| bytes[at].is_ascii()).unwrap_or(0);
                bytes.insert(at, *dice.pick(&[0xe9, 0xff, 0xc3, 0x80]));
            }
            Self::Cut => {
                let at = dice.below(bytes.len() + 1);
                bytes.truncate(at);
                may = Rule::ALL.iter().copied().filter(|rule| rule.id().starts_with("manifest")).collect();
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
        ManifestText {
            bytes,
            platform,
            expect: Expect { findings: found, may },
            fields: if is_known { is_read.then_some(read) } else { Some(Vec::new()) },
            parts,
        }
    }
}

/// An unknown field that no reader should mind.
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
