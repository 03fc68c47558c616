//! Numbers of rules: limits with their unit, durations.

/// A limit: number and unit as written.
#[derive(Clone, Debug, PartialEq)]
pub struct Limit {
    /// The number.
    pub value: f64,
    /// The unit, empty when none was written.
    pub unit: String,
}

/// Reads `15bps`, `0.35`, `1e6usd`.
pub(super) fn limit(text: &str) -> Option<Limit> {
    let text = text.trim();
    let split = text.len()
        - text.trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | '+')).len();
    let (number, unit) = text.split_at_checked(split)?;
    // `1e6usd`: an exponent belongs to the number.
    let (number, unit) = match unit.strip_prefix(['e', 'E']) {
        Some(tail) if tail.starts_with(|c: char| c.is_ascii_digit()) => {
            let digits = tail.len() - tail.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            text.split_at_checked(split + 1 + digits)?
        }
        _ => (number, unit),
    };
    let value: f64 = number.parse().ok()?;
    value.is_finite().then(|| Limit { value, unit: unit.trim().to_string() })
}

/// Reads `500ms`, `30s`, `5m`, `8h`, `2d` as milliseconds.
pub fn duration_ms(text: &str) -> Option<u64> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at_checked(digits)?;
    let unit = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(unit)
}
