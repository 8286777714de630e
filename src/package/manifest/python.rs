//! How Python reads and writes the numbers of a MANIFEST: `int` of any size and `float`.

/// How many digits a decimal `int` may have before Python refuses to convert it (`sys.int_info`).
const DECIMAL_DIGITS: usize = 4300;

/// The result of PyYAML's `construct_yaml_int`, in decimal; `None` if Python raises.
pub(super) fn yaml_int(text: &str) -> Option<String> {
    let text = text.replace('_', "");
    let is_negative = text.starts_with('-');
    let digits = text.strip_prefix(['-', '+']).unwrap_or(&text);
    let first = digits.chars().next()?;
    if let Some(binary) = digits.strip_prefix("0b") {
        int(binary, 2, is_negative)
    } else if let Some(hexadecimal) = digits.strip_prefix("0x") {
        int(hexadecimal, 16, is_negative)
    } else if digits == "0" {
        Some("0".to_owned())
    } else if first == '0' {
        int(digits.strip_prefix("0o").or_else(|| digits.strip_prefix("0O")).unwrap_or(digits), 8, is_negative)
    } else if digits.contains(':') {
        sexagesimal(digits, is_negative)
    } else {
        int(digits, 10, is_negative)
    }
}

/// Python's `int(digits, radix)`, made negative where `is_negative`.
fn int(digits: &str, radix: u32, is_negative: bool) -> Option<String> {
    let digits = digits.trim();
    let (inner_negative, digits) = match digits.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, digits.strip_prefix('+').unwrap_or(digits)),
    };
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(radix)) {
        return None;
    }
    if radix == 10 && digits.len() > DECIMAL_DIGITS {
        return None;
    }
    Some(in_radix(digits, radix, is_negative != inner_negative))
}

fn sexagesimal(digits: &str, is_negative: bool) -> Option<String> {
    if digits.len() > DECIMAL_DIGITS {
        return Some(digits.replace(':', ""));
    }
    let mut value = vec![0];
    for part in digits.split(':') {
        let part = int(part, 10, false)?;
        if part.starts_with('-') || part.len() > 9 {
            return None;
        }
        multiply_add(&mut value, 60, part.parse().ok()?);
    }
    Some(written(&value, is_negative))
}

/// Decimal digits without leading zeros, with the sign.
pub(super) fn decimal(digits: &str, is_negative: bool) -> String {
    let digits = digits.trim_start_matches('0');
    match (digits, is_negative) {
        ("", _) => "0".to_owned(),
        (digits, true) => format!("-{digits}"),
        (digits, false) => digits.to_owned(),
    }
}

/// `digits` of `radix` in decimal. The caller has checked that they are digits. A number with too many digits stays as
/// it is: nothing compares it, and converting it would take long.
pub(super) fn in_radix(digits: &str, radix: u32, is_negative: bool) -> String {
    if radix == 10 {
        return decimal(digits, is_negative);
    }
    if digits.len() > DECIMAL_DIGITS {
        return digits.to_owned();
    }
    let mut value = vec![0];
    for digit in digits.chars() {
        multiply_add(&mut value, u64::from(radix), u64::from(digit.to_digit(radix).unwrap_or(0)));
    }
    written(&value, is_negative)
}

/// Nine decimal digits in each part, the lowest first.
const PART: u64 = 1_000_000_000;

fn multiply_add(value: &mut Vec<u64>, factor: u64, summand: u64) {
    let mut carry = summand;
    for part in value.iter_mut() {
        let sum = *part * factor + carry;
        *part = sum % PART;
        carry = sum / PART;
    }
    while carry > 0 {
        value.push(carry % PART);
        carry /= PART;
    }
}

fn written(value: &[u64], is_negative: bool) -> String {
    let text: String = value.iter().rev().map(|part| format!("{part:09}")).collect();
    decimal(&text, is_negative)
}

/// The result of PyYAML's `construct_yaml_float`; `None` if Python raises.
pub(super) fn yaml_float(text: &str) -> Option<f64> {
    let text = text.replace('_', "").to_lowercase();
    let sign = if text.starts_with('-') { -1.0 } else { 1.0 };
    let digits = text.strip_prefix(['-', '+']).unwrap_or(&text);
    let magnitude = match digits {
        "" => return None,
        ".inf" => f64::INFINITY,
        ".nan" => return Some(f64::NAN),
        _ if digits.contains(':') => {
            let mut base = 1.0;
            let mut value = 0.0;
            for part in digits.rsplit(':') {
                value += float(part)? * base;
                base *= 60.0;
            }
            value
        }
        _ => float(digits)?,
    };
    Some(sign * magnitude)
}

/// Python's `float(text)` for lower-case text.
fn float(text: &str) -> Option<f64> {
    // Rust accepts the same forms as Python: digits, exponent, `inf`, `infinity`, `nan`, and a sign before them.
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ints_are_read_as_pyyaml_reads_them() {
        for (text, value) in [
            ("0", Some("0")),
            ("-017", Some("-15")),
            ("0x_ff", Some("255")),
            ("+0b101", Some("5")),
            ("1:30:00", Some("5400")),
            ("0xffffffffffffffffffff", Some("1208925819614629174706175")),
            ("0o14", Some("12")),
            ("0b", None),
            ("_", None),
            ("08", None),
        ] {
            assert_eq!(yaml_int(text).as_deref(), value, "{text}");
        }
    }
}
