//! Words of the page.

use claim::{Value, Verdict};
use present::foreign_text::escape_controls;

/// Text as it may be shown; maud makes the characters of markup harmless.
pub(super) fn shown(text: &str) -> String {
    escape_controls(text)
}

/// The mark of a verdict.
pub(super) fn mark(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Holds => "✔",
        Verdict::HoldsWith(_) => "~",
        Verdict::Refuted => "✘",
        Verdict::NotMeasured { .. } | Verdict::ControlFailed { .. } => "–",
        Verdict::Error(_) => "!",
    }
}

/// A verdict's name in the document, in words.
pub(super) fn words(name: &str) -> &'static str {
    match name {
        "holds" => "holds",
        "holds_with" => "holds with a caveat",
        "refuted" => "refuted",
        "error" => "error",
        _ => "not measured",
    }
}

/// An observed value: of a small number its first three digits.
pub(super) fn value(value: &Value) -> String {
    match value {
        Value::Number(number) => number_in_short(*number),
        other => shown(&other.to_string()),
    }
}

/// A number as short as it can be read: 100, 7.39, 0.0089, 0.00006, 1e-9.
pub(super) fn number_in_short(number: f64) -> String {
    let size = number.abs();
    if size >= 1e16 || size > 0.0 && size < 1e-6 {
        return format!("{number:.2e}").replace(".00e", "e");
    }
    if number.fract() == 0.0 || number.abs() >= 100.0 {
        return format!("{number:.0}");
    }
    let decimals = (2.0 - number.abs().log10().floor()).clamp(0.0, 6.0);
    let text = format!("{number:.*}", decimals as usize);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_as_short_as_they_can_be_read() {
        let cases = [
            (100.0, "100"),
            (42735.4, "42735"),
            (7.388, "7.39"),
            (0.5, "0.5"),
            (0.008_99, "0.00899"),
            (0.000_064_38, "0.000064"),
            (0.0, "0"),
            (1e-9, "1e-9"),
            (-1.5e308, "-1.50e308"),
            (123_456_789_012_345.0, "123456789012345"),
        ];
        for (number, text) in cases {
            assert_eq!(number_in_short(number), text);
        }
    }
}
