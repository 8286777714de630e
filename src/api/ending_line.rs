//! Finds the line that ended a function each time, from the lines that ran. Reads indentation and the first word of
//! each line, which is enough for statements; whatever it does not understand, it leaves out.

/// A line that ended its function each time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct EndingLine {
    /// The line, from 1.
    pub(super) line: u32,
    /// Whether it raised. If not, it returns or raises by itself.
    pub(super) is_raised: bool,
    /// How many lines behind it never ran.
    pub(super) left_out: usize,
}

/// The line that ended its function each time, with the most lines left out. `lines` are those that contain code, in
/// order, each with whether it ran.
pub(super) fn ending_line(text: &[String], lines: &[(u32, bool)]) -> Option<EndingLine> {
    let lines: Vec<Line<'_>> = lines.iter().filter_map(|&(number, ran)| Line::new(text, number, ran)).collect();
    let ends = (0..lines.len()).filter_map(|at| end_at(text, &lines, at));
    ends.max_by_key(|end| (end.left_out, std::cmp::Reverse(end.line)))
}

#[derive(Clone, Copy)]
struct Line<'t> {
    number: u32,
    ran: bool,
    indent: usize,
    word: &'t str,
}

impl<'t> Line<'t> {
    fn new(text: &'t [String], number: u32, ran: bool) -> Option<Self> {
        let source = text.get((number as usize).checked_sub(1)?)?;
        Some(Self { number, ran, indent: indent(source), word: first_word(source) })
    }

    fn leaves(&self) -> bool {
        matches!(self.word, "return" | "raise")
    }

    /// Whether it has a body, or goes on somewhere else than at the next line of its block.
    fn is_compound(&self) -> bool {
        const WORDS: [&str; 16] = [
            "async", "break", "case", "class", "continue", "def", "elif", "else", "except", "finally", "for", "if",
            "match", "try", "while", "with",
        ];
        WORDS.contains(&self.word) || self.word.is_empty()
    }
}

fn indent(text: &str) -> usize {
    text.len() - text.trim_start().len()
}

fn first_word(text: &str) -> &str {
    text.trim_start()
        .split(|character: char| !character.is_alphanumeric() && character != '_')
        .next()
        .unwrap_or_default()
}

fn end_at(text: &[String], lines: &[Line<'_>], at: usize) -> Option<EndingLine> {
    let line = lines[at];
    if !line.ran || line.indent == 0 || (line.is_compound() && line.word != "with") {
        return None;
    }
    let function = function_indent(text, line)?;
    if line.word == "with" {
        // Its body always runs, unless the first line raises.
        let body = lines.get(at + 1).filter(|next| next.indent > line.indent && !next.ran)?;
        let left_out = lines[at + 1..].iter().take_while(|line| line.indent > function && !line.ran).count();
        return (body.number > line.number).then_some(EndingLine { line: line.number, is_raised: true, left_out });
    }
    // Deeper lines continue the statement.
    let next = lines[at + 1..].iter().position(|next| next.indent <= line.indent)? + at + 1;
    let is_last = lines[next].indent < line.indent;
    if lines[next].ran || lines[next].indent <= function || matches!(lines[next].word, "except" | "finally") {
        return None;
    }
    let left_out = lines[next..].iter().take_while(|line| line.indent > function && !line.ran).count();
    if line.leaves() && is_last {
        let cause = raised_before(lines, at).unwrap_or(line.number);
        return Some(EndingLine { line: cause, is_raised: cause != line.number, left_out });
    }
    (!line.leaves() && !is_last).then_some(EndingLine { line: line.number, is_raised: true, left_out })
}

/// The only statement of the `try` whose handler contains the line `at`.
fn raised_before(lines: &[Line<'_>], at: usize) -> Option<u32> {
    let handler = lines[..at].iter().rposition(|line| line.indent < lines[at].indent)?;
    let is_handler = lines[handler].word == "except" && lines[handler].ran;
    let start = lines[..handler].iter().rposition(|line| line.indent == lines[handler].indent)?;
    let body = &lines[start + 1..handler];
    let [only, rest @ ..] = body else { return None };
    let is_only = rest.iter().all(|line| line.indent > only.indent) && !only.is_compound() && only.ran;
    (is_handler && lines[start].word == "try" && is_only).then_some(only.number)
}

/// The indentation of the function around a line; `None` for a hook that decides nothing.
fn function_indent(text: &[String], line: Line<'_>) -> Option<usize> {
    let before = text[..line.number as usize - 1].iter().rev();
    let mut functions = before.filter(|text| {
        let start = text.trim_start();
        (start.starts_with("def ") || start.starts_with("async def ")) && indent(text) < line.indent
    });
    // These hooks run after it is known whether there is a credential.
    const LATER: [&str; 2] = ["def authentication_completed(", "def session_ended("];
    let function = functions.next()?;
    (!LATER.iter().any(|name| function.trim_start().starts_with(name))).then(|| indent(function))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The end in a text whose lines begin with `+` if they ran, `-` if they did not, and a blank without code.
    fn end(text: &str) -> Option<(u32, bool, usize)> {
        let mut lines = Vec::new();
        let mut source = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            source.push(line.get(1..).unwrap_or_default().to_owned());
            match line.chars().next() {
                Some('+') => lines.push((number, true)),
                Some('-') => lines.push((number, false)),
                _ => {}
            }
        }
        ending_line(&source, &lines).map(|end| (end.line, end.is_raised, end.left_out))
    }

    #[test]
    fn a_statement_whose_next_one_never_ran_raised() {
        let text = "\
+def get(self):
+    try:
+        with_key = open(
+            self.path)
-        key = json.load(with_key)
-        return key
+    except OSError:
+        log.error('no')
+    return None
";
        assert_eq!(end(text), Some((3, true, 2)));
    }

    #[test]
    fn a_with_whose_body_never_ran_raised() {
        let text = "\
+def get(self):
+    try:
+        with open(self.path) as file:
-            return file.read()
+    except OSError:
+        return None
";
        assert_eq!(end(text), Some((3, true, 1)));
    }

    #[test]
    fn a_return_before_code_that_never_ran_is_an_end() {
        let text = "\
+def get(self, name):
+    if not self.ready:
+        return None
-    name = name.strip()
-    return {'passwords': [name]}
+def other(self):
+    return None
";
        assert_eq!(end(text), Some((3, false, 2)));
    }

    #[test]
    fn the_only_statement_of_a_try_is_named_for_its_handler() {
        let text = "\
+def get(self):
+    try:
+        key = read()
+    except OSError as error:
+        return None
-    return key
";
        assert_eq!(end(text), Some((3, true, 1)));
    }

    #[test]
    fn code_that_ran_to_its_end_has_no_ending_line() {
        let text = "\
+def get(self):
+    try:
+        return find()
-    except OSError:
-        log.error('no')
-        return None
+def other(self, flag):
+    if flag:
-        return 1
+    for one in ():
-        use(one)
+    return 2
";
        assert_eq!(end(text), None);
    }
}
