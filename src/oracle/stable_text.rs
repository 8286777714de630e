//! Text without the addresses of objects, because `<Client object at 0x7f…>` differs in each process.

use std::borrow::Cow;

/// Whether two texts differ in nothing but addresses.
pub(super) fn is_same(one: &str, other: &str) -> bool {
    one == other || (one.contains("0x") && without_addresses(one) == without_addresses(other))
}

/// `text` with `0x` alone in place of each address. An address stands in angle brackets, as Python's `repr` writes
/// objects, or after `at`. Other hexadecimal numbers stay.
pub(super) fn without_addresses(text: &str) -> Cow<'_, str> {
    if !text.contains("0x") {
        return text.into();
    }
    let mut stable = String::with_capacity(text.len());
    let mut rest = text;
    let mut open = 0_i64;
    while let Some(start) = rest.find("0x") {
        let (before, after) = rest.split_at(start + 2);
        stable.push_str(before);
        let digits = after.len() - after.trim_start_matches(|character: char| character.is_ascii_hexdigit()).len();
        open += before.bytes().map(|byte| i64::from(byte == b'<') - i64::from(byte == b'>')).sum::<i64>();
        if open <= 0 && !stable.ends_with("at 0x") {
            stable.push_str(&after[..digits]);
        }
        rest = &after[digits..];
    }
    stable.push_str(rest);
    stable.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_left_out_however_python_writes_it() {
        for (text, stable) in [
            ("<main.Client object at 0x7f01> failed", "<main.Client object at 0x> failed"),
            ("<cdata 'EVP_MD *' 0x55aa> and <f at 0x1>", "<cdata 'EVP_MD *' 0x> and <f at 0x>"),
            ("<bound method A.f of <A object at 0x7f>>", "<bound method A.f of <A object at 0x>>"),
            ("segment at 0x7f01", "segment at 0x"),
            ("code 0x80070005, <x>", "code 0x80070005, <x>"),
            ("no number", "no number"),
        ] {
            assert_eq!(without_addresses(text), stable);
        }
    }
}
