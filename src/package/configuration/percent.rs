//! Options whose values `configparser` refuses, because it reads a percent sign as the beginning of a reference.

use super::read::{interpolates, read};

/// Whether `configparser` refuses `value` when it is read: it has a `%` that begins neither `%%` nor `%(name)s`.
pub fn has_stray_percent(value: &str) -> bool {
    !interpolates(value, |_| true)
}

/// Section and name of the options of `text` whose values `configparser` refuses.
pub fn options_with_stray_percent(text: &str) -> Vec<(String, String)> {
    let live = read(text).live.into_iter();
    live.filter(|option| has_stray_percent(&option.lines.join("\n")))
        .map(|option| (option.section, option.name))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percent_sign_must_begin_a_reference_or_be_doubled() {
        let text = "[a]\nok=50%%\nref=%(ok)s/x\nbad=p%ss\nend=5%\n; off=%x\nopen=%(ok\n";
        let names: Vec<String> = options_with_stray_percent(text).into_iter().map(|(_, name)| name).collect();
        assert_eq!(names, ["bad", "end", "open"]);
    }
}
