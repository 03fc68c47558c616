//! Digits and JSON fragments. Prices and sizes are integers with a count of decimals until here; no
//! float is ever printed.

use super::book::Level;
use super::listing::{Listing, pow10};

/// Appends `units × 10^-decimals` with all its decimals: `90000.10`.
pub(super) fn fixed(out: &mut String, units: i64, decimals: u8) {
    let scale = pow10(decimals).unsigned_abs();
    let digits = units.unsigned_abs();
    if units < 0 {
        out.push('-');
    }
    if decimals == 0 {
        out.push_str(&format!("{digits}"));
    } else {
        out.push_str(&format!(
            "{}.{:0width$}",
            digits / scale,
            digits % scale,
            width = usize::from(decimals)
        ));
    }
}

/// Appends the same without trailing zeros behind the point: `90000.1`, `90000`.
pub(super) fn trimmed(out: &mut String, units: i64, decimals: u8) {
    fixed(out, units, decimals);
    if decimals > 0 {
        let end = out.trim_end_matches('0').trim_end_matches('.').len();
        out.truncate(end);
    }
}

/// How a venue writes numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Digits {
    /// All decimals of the grid.
    Fixed,
    /// No trailing zeros.
    Trimmed,
    /// No trailing zeros, but a price keeps one decimal: `90000.0`.
    Float,
}

/// Appends a price of this many ticks.
pub(super) fn price(out: &mut String, listing: &Listing, ticks: i64, digits: Digits) {
    let units = ticks * listing.tick;
    match digits {
        Digits::Fixed => fixed(out, units, listing.price_decimals),
        Digits::Trimmed => trimmed(out, units, listing.price_decimals),
        Digits::Float => float(out, units, listing.price_decimals),
    }
}

/// Appends a number as the shortest decimal with at least one digit behind the point: `90000.0`.
pub(super) fn float(out: &mut String, units: i64, decimals: u8) {
    let start = out.len();
    trimmed(out, units, decimals);
    if !out.get(start..).is_some_and(|text| text.contains('.')) {
        out.push_str(".0");
    }
}

/// Appends a size of this many lots.
pub(super) fn size(out: &mut String, listing: &Listing, lots: i64, digits: Digits) {
    let units = lots * listing.lot;
    match digits {
        Digits::Fixed if lots == 0 => out.push('0'),
        Digits::Fixed => fixed(out, units, listing.size_decimals),
        Digits::Trimmed => trimmed(out, units, listing.size_decimals),
        Digits::Float => float(out, units, listing.size_decimals),
    }
}

/// Appends `[["price","size"],…]`.
pub(super) fn levels(out: &mut String, listing: &Listing, levels: &[Level], digits: Digits) {
    out.push('[');
    for (i, level) in levels.iter().enumerate() {
        out.push_str(if i == 0 { "[\"" } else { ",[\"" });
        price(out, listing, level.ticks, digits);
        out.push_str("\",\"");
        size(out, listing, level.lots, digits);
        out.push_str("\"]");
    }
    out.push(']');
}

/// A JSON string of a text a client sent, with quotes; anything unusual is escaped.
pub(super) fn quoted(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            c if c.is_control() || !c.is_ascii() => {
                out.push_str(&format!("\\u{:04x}", u32::from(c) & 0xffff));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// A fixed decimal as its own string, for use in a format.
pub(super) fn fixed_text(units: i64, decimals: u8) -> String {
    let mut text = String::with_capacity(20);
    fixed(&mut text, units, decimals);
    text
}

/// A trimmed decimal as its own string.
pub(super) fn trimmed_text(units: i64, decimals: u8) -> String {
    let mut text = String::with_capacity(20);
    trimmed(&mut text, units, decimals);
    text
}

/// A price as its own string.
pub(super) fn price_text(listing: &Listing, ticks: i64, digits: Digits) -> String {
    let mut text = String::with_capacity(20);
    price(&mut text, listing, ticks, digits);
    text
}

/// A size as its own string.
pub(super) fn size_text(listing: &Listing, lots: i64, digits: Digits) -> String {
    let mut text = String::with_capacity(20);
    size(&mut text, listing, lots, digits);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_come_from_integers() {
        let show = |f: fn(&mut String, i64, u8), units, decimals| {
            let mut out = String::new();
            f(&mut out, units, decimals);
            out
        };
        assert_eq!(show(fixed, 9_000_010, 2), "90000.10");
        assert_eq!(show(fixed, -5, 4), "-0.0005");
        assert_eq!(show(trimmed, 9_000_010, 2), "90000.1");
        assert_eq!(show(trimmed, 9_000_000, 2), "90000");
        assert_eq!(show(trimmed, 0, 8), "0");
        assert_eq!(show(trimmed, 900, 0), "900");
        assert_eq!(show(float, 90_000, 0), "90000.0");
        assert_eq!(show(float, 21_001, 4), "2.1001");
    }

    #[test]
    fn a_client_cannot_break_out_of_a_string() {
        let mut out = String::new();
        quoted(&mut out, "a\"b\\c\u{1b}[31m\u{e9}");
        assert_eq!(out, r#""a\"b\\c\u001b[31m\u00e9""#);
    }
}
