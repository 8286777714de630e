//! Reads single values of `hookstorm.toml`; an error names the file and the line.

use std::{
    ops::Range,
    path::{Path, PathBuf},
};

use toml::{Spanned, de::DeValue};

use crate::cli::error::CliError;

/// The file whose values are read.
pub(super) struct TomlFile<'a> {
    pub(super) path: &'a Path,
    pub(super) text: &'a str,
}

impl TomlFile<'_> {
    /// An error at `at`, a range of bytes.
    pub(super) fn error(&self, at: Range<usize>, problem: String, hint: Option<String>) -> CliError {
        let before = &self.text.as_bytes()[..at.start.min(self.text.len())];
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        CliError::Setting { path: self.path.to_owned(), line, problem, hint }
    }

    pub(super) fn wrong_kind(&self, key: &str, value: &Spanned<DeValue<'_>>, wanted: &str) -> CliError {
        let problem = format!("`{key}` must be {wanted}, and is {}", kind(value.get_ref()));
        self.error(value.span(), problem, None)
    }

    /// A text that `read` understands.
    pub(super) fn read<T>(
        &self,
        key: &str,
        value: &Spanned<DeValue<'_>>,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T, CliError> {
        let text = value.get_ref().as_str().ok_or_else(|| self.wrong_kind(key, value, "text in quotes"))?;
        read(text).map_err(|problem| self.error(value.span(), format!("`{key}`: {problem}"), None))
    }

    /// A whole number, in decimal, that `read` understands.
    pub(super) fn number<T>(
        &self,
        key: &str,
        value: &Spanned<DeValue<'_>>,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T, CliError> {
        let number = value.get_ref().as_integer().filter(|number| number.radix() == 10);
        let number = number.ok_or_else(|| self.wrong_kind(key, value, "a whole number"))?;
        read(number.as_str()).map_err(|problem| self.error(value.span(), format!("`{key}`: {problem}"), None))
    }

    pub(super) fn list<T>(
        &self,
        key: &str,
        value: &Spanned<DeValue<'_>>,
        wanted: &str,
        read: impl Fn(&Spanned<DeValue<'_>>) -> Result<T, CliError>,
    ) -> Result<Vec<T>, CliError> {
        let list = value.get_ref().as_array().ok_or_else(|| self.wrong_kind(key, value, wanted))?;
        list.iter().map(read).collect()
    }

    /// A path, relative to the file's folder.
    pub(super) fn path(&self, key: &str, value: &Spanned<DeValue<'_>>) -> Result<PathBuf, CliError> {
        self.read(key, value, |text| {
            if text.is_empty() {
                return Err("is empty".to_owned());
            }
            Ok(self.path.parent().unwrap_or(Path::new("")).join(text))
        })
    }
}

/// The kind of a value, as a user calls it.
const fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "`true` or `false`",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// One of the words that `T` has.
pub(super) fn one_of<T: clap::ValueEnum>(text: &str) -> Result<T, String> {
    T::from_str(text, false).map_err(|_| {
        let known: Vec<_> = T::value_variants().iter().filter_map(clap::ValueEnum::to_possible_value).collect();
        let known: Vec<_> = known.iter().map(|value| format!("`\"{}\"`", value.get_name())).collect();
        format!("`{text}` is not one of {}", known.join(", "))
    })
}
