//! [`Html`] is text that a browser obeys. All other text is escaped when it becomes `Html`, so that no text of a plugin
//! can become an element: the compiler keeps the two apart.

use std::fmt;

use crate::report::plain;

/// As `format!`, but of HTML: parts that are not [`Html`] are escaped. `concat!` forbids names in the braces, which
/// would not be escaped.
macro_rules! html {
    ($format:literal $(, $part:expr)* $(,)?) => {
        $crate::report::page::html::Html::own(format!(
            concat!($format) $(, $crate::report::page::html::Html::from($part))*
        ))
    };
}
pub(super) use html;

/// A piece of the page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Html(String);

impl Html {
    /// HTML that hookstorm itself wrote.
    pub(super) const fn own(text: String) -> Self {
        Self(text)
    }

    /// Text of many lines, each shown literally.
    pub(super) fn lines(text: &str) -> Self {
        let lines = text.lines().map(|line| escaped(&plain::source(line)));
        Self(lines.collect::<Vec<_>>().join("\n"))
    }

    /// `text` as code.
    pub(super) fn code(text: &str) -> Self {
        html!("<code>{}</code>", text)
    }

    pub(super) fn push(&mut self, more: Self) {
        self.0.push_str(&more.0);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn into_text(self) -> String {
        self.0
    }
}

impl fmt::Display for Html {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl From<&str> for Html {
    /// One line of text; characters that a browser or a terminal would obey are written out.
    fn from(text: &str) -> Self {
        Self(escaped(&plain::harmless(text)))
    }
}

impl From<&String> for Html {
    fn from(text: &String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<String> for Html {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<u64> for Html {
    fn from(number: u64) -> Self {
        Self(number.to_string())
    }
}

impl From<usize> for Html {
    fn from(number: usize) -> Self {
        Self(number.to_string())
    }
}

impl FromIterator<Html> for Html {
    fn from_iter<I: IntoIterator<Item = Html>>(parts: I) -> Self {
        let mut all = Self::default();
        parts.into_iter().for_each(|part| all.push(part));
        all
    }
}

fn escaped(text: &str) -> String {
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            '&' => shown.push_str("&amp;"),
            '<' => shown.push_str("&lt;"),
            '>' => shown.push_str("&gt;"),
            '"' => shown.push_str("&quot;"),
            '\'' => shown.push_str("&#39;"),
            other => shown.push(other),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_html_already_is_obeyed() {
        let shown = html!("<p class=\"{}\">{}{}</p>", "\" onload='x'", "<b>&\u{202e}", html!("<i>{}</i>", 3_usize));
        assert_eq!(shown.into_text(), r#"<p class="&quot; onload=&#39;x&#39;">&lt;b&gt;&amp;\u202e<i>3</i></p>"#);
        assert_eq!(Html::lines("a\t<\r\n\x1b[1m").into_text(), "a    &lt;\n\\x1b[1m");
    }
}
