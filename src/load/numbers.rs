//! Small functions on numbers: reading and showing them, and the median.

/// Rounds to three decimals, as reports have them. Infinity and NaN become 0, because JSON has neither.
pub(crate) fn rounded(number: f64) -> f64 {
    let rounded = (number * 1000.0).round() / 1000.0;
    if rounded.is_finite() { rounded } else { 0.0 }
}

/// Reads digits with at most one point between them. Rust also reads `1e3`, `inf` and `.5`; this does not.
pub(super) fn plain_number(text: &str) -> Option<f64> {
    let text = text.trim();
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let is_plain = is_plain && !text.starts_with('.') && !text.ends_with('.');
    is_plain.then(|| text.parse().ok()).flatten()
}

/// `value` with so many significant digits, without zeros at the end of the decimals. A larger whole number has all of
/// its digits.
pub(super) fn significant(value: f64, digits: i32) -> String {
    if value == 0.0 || !value.is_finite() {
        return "0".into();
    }
    let decimals = (digits - 1 - value.abs().log10().floor() as i32).clamp(0, 12) as usize;
    let text = format!("{value:.decimals$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// The value in the middle, or the mean of the two in the middle; 0 if there is none.
pub(super) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => 0.0,
        length if length % 2 == 1 => sorted[length / 2],
        length => f64::midpoint(sorted[length / 2 - 1], sorted[length / 2]),
    }
}
