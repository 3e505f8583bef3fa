//! The digits of a number, as people group them and as a program reads them.

/// The digits of a number without what groups them, with a point before its decimals, and with the
/// power of ten that stands behind it: `1e300`.
pub(super) fn plain(number: &str) -> Option<String> {
    let Some((number, power)) = number.split_once('e') else {
        return mantissa(number);
    };
    let digits = power.strip_prefix(['+', '-']).unwrap_or(power);
    let is_power = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    match mantissa(number) {
        Some(mantissa) if is_power => Some(format!("{mantissa}e{power}")),
        _ => None,
    }
}

/// The same without a power.
fn mantissa(number: &str) -> Option<String> {
    let is_group = |letter: char| matches!(letter, ',' | ' ' | '_' | '\'' | '\u{a0}' | '\u{202f}');
    let (whole, decimals) = match number.split_once('.') {
        Some((whole, decimals)) => (whole, decimals),
        None => (number, ""),
    };
    let groups: Vec<&str> = whole.split(is_group).collect();
    let is_number = |text: &&str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !groups.iter().chain([&decimals]).all(is_number) {
        return None;
    }
    let (first, rest) = groups.split_first()?;
    if rest.iter().all(|group| group.len() == 3) && !first.is_empty() {
        return Some(format!("{}.{decimals}0", groups.concat()));
    }
    // A comma before decimals, as most of the world writes it.
    match rest {
        [rest] if decimals.is_empty() && whole.contains(',') => Some(format!("{first}.{rest}")),
        _ => None,
    }
}
