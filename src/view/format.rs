//! The only place where figures are rounded and where foreign text is made harmless.
//!
//! Minus is ASCII `-`, zero `0.0`, missing `--`: never blank, never 0. Times are UTC with `Z`.

use std::borrow::Cow;

use unicode_width::UnicodeWidthChar;

use crate::model::time::{Nanos, SECOND};

/// What stands for a value that is missing.
pub const MISSING: &str = "--";

/// Makes text from outside safe to print: escape sequences, control characters, characters of no
/// width (direction overrides, joiners, variation selectors) and private-use characters are dropped.
pub fn clean(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|b| (0x20..0x7f).contains(&b)) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => skip_escape(&mut chars),
            '\u{9b}' => skip_csi(&mut chars),
            '\u{90}' | '\u{98}' | '\u{9d}'..='\u{9f}' => skip_string(&mut chars),
            '\t' | '\n' => out.push(' '),
            c if c.is_control() || is_private(c) || c.width().unwrap_or(0) == 0 || is_blank(c) => {}
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

type Chars<'a> = std::iter::Peekable<std::str::Chars<'a>>;

fn skip_escape(chars: &mut Chars<'_>) {
    match chars.peek() {
        Some('[') => {
            chars.next();
            skip_csi(chars);
        }
        Some(']' | 'P' | 'X' | '^' | '_') => {
            chars.next();
            skip_string(chars);
        }
        Some(c) if c.is_ascii() && !c.is_ascii_control() => {
            // Two-character sequences, with intermediates such as `ESC ( B`.
            while chars.next_if(|c| (' '..='/').contains(c)).is_some() {}
            chars.next_if(|c| ('0'..='~').contains(c));
        }
        _ => {}
    }
}

fn skip_csi(chars: &mut Chars<'_>) {
    while chars.next_if(|c| (' '..='?').contains(c)).is_some() {}
    chars.next_if(|c| ('@'..='~').contains(c));
}

/// Skips an operating-system or device string up to BEL or ST; without an end, all of it.
fn skip_string(chars: &mut Chars<'_>) {
    while let Some(c) = chars.next() {
        if c == '\u{7}' || c == '\u{9c}' || (c == '\u{1b}' && chars.next_if_eq(&'\\').is_some()) {
            return;
        }
    }
}

fn is_private(c: char) -> bool {
    matches!(u32::from(c), 0xe000..=0xf8ff | 0xf_0000..=0x10_ffff)
}

/// Characters that look like nothing but have a width.
fn is_blank(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{115f}' | '\u{1160}' | '\u{2800}' | '\u{3164}' | '\u{ffa0}')
}

/// Columns that a text takes.
pub fn width(text: &str) -> usize {
    text.chars().map(|c| c.width().unwrap_or(0)).sum()
}

/// The text cleaned and cut to `columns`; a cut shows as `>` in the last one.
pub fn fit(text: &str, columns: usize) -> String {
    // Only the head of an overlong text is looked at: a name of a megabyte must not slow a picture down.
    let most = columns.saturating_mul(16).saturating_add(1_024);
    let end = text.char_indices().nth(most).map_or(text.len(), |(at, _)| at);
    let head = text.get(..end).unwrap_or(text);
    let text = clean(head);
    if width(&text) <= columns {
        return text.into_owned();
    }
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used + 1 > columns {
            break;
        }
        out.push(c);
    }
    if columns > 0 {
        out.push('>');
    }
    out
}

/// Decimals of a unit where digits line up in a column; `None` for units with their own form.
fn decimals(unit: &str) -> Option<usize> {
    match unit {
        "bps" | "x" | "vol_points" | "index" | "h" => Some(1),
        "pct" | "ratio" | "z" | "doublings" | "bps_per_musd" | "bps_per_interval" => Some(2),
        _ => None,
    }
}

/// A figure for a cell of at most `columns`; with `sign`, positive values carry `+`.
pub fn cell(value: f64, unit: &str, sign: bool, columns: usize) -> String {
    if !value.is_finite() {
        return MISSING.into();
    }
    let text = match (unit, decimals(unit)) {
        ("ms", _) => duration_ms(value as i64),
        ("s", _) => duration_ms((value * 1_000.0) as i64),
        ("apr", _) => format!("{}%", fixed(value * 100.0, 1, sign)),
        (_, Some(places)) => fixed(value, places, sign),
        _ => si(value),
    };
    if text.len() <= columns {
        return text;
    }
    // Too wide: fewer digits rather than a cut number, and marks rather than a wrong one.
    let shorter = [fixed(value, 0, sign), si(value), format!("{}K", fixed(value / 1e3, 0, false))];
    let fits = shorter.into_iter().find(|t| t.len() <= columns);
    fits.unwrap_or_else(|| "#".repeat(columns))
}

/// Fixed decimals; zero has no sign.
fn fixed(value: f64, places: usize, sign: bool) -> String {
    let text = format!("{value:.places$}");
    let is_zero = text.bytes().all(|b| matches!(b, b'0' | b'.' | b'-'));
    match (is_zero, sign && value > 0.0) {
        (true, _) => text.trim_start_matches('-').into(),
        (_, true) => format!("+{text}"),
        _ => text,
    }
}

/// A figure with its unit: `-18.4 bps`, `31.2x`, `1.9M USD`, `9.1s`.
pub fn with_unit(value: Option<f64>, unit: &str) -> String {
    let Some(value) = value.filter(|v| v.is_finite()) else { return MISSING.into() };
    match unit {
        "bps" => format!("{} bps", fixed(value, 1, false)),
        "pct" => format!("{}%", fixed(value, 2, false)),
        "x" => format!("{}x", fixed(value, 1, false)),
        "usd" => format!("{} USD", si(value)),
        "ratio" | "z" | "" => fixed(value, 2, false),
        "bps_per_interval" => format!("{} bps", fixed(value, 3, false)),
        "bps_per_8h" => format!("{} bps per 8 h", fixed(value, 3, false)),
        "h" => format!("{} h", round_or(value)),
        "count" => round_or(value),
        "contracts" | "base" | "quote" | "own units" => format!("{} {unit}", si(value)),
        "ms" | "s" | "index" => cell(value, unit, false, usize::MAX),
        "apr" => format!("{}% a year", fixed(value * 100.0, 2, false)),
        "usd_per_day" => format!("{} USD a day", si(value)),
        "usd_per_min" => format!("{} USD a minute", si(value)),
        "bps_per_musd" => format!("{} bps a million USD", fixed(value, 2, false)),
        "vol_points" => format!("{} vol points", fixed(value, 1, false)),
        other => format!("{} {other}", significant(value)),
    }
}

/// A whole number as such, others with three digits.
fn round_or(value: f64) -> String {
    if value.fract() == 0.0 { fixed(value, 0, false) } else { significant(value) }
}

/// A figure with its unit as short as a column allows: `-18.4bp`, `.41` stays `0.41`.
pub fn short_unit(value: f64, unit: &str) -> String {
    match unit {
        "bps" if value.is_finite() => format!("{}bp", cell(value, unit, false, 7)),
        "usd" if value.is_finite() => si(value),
        _ => with_unit(Some(value), unit),
    }
}

/// Three significant digits with `K M B T`: `1.90M`, `412M`, `1.14B`.
pub fn si(value: f64) -> String {
    if !value.is_finite() {
        return MISSING.into();
    }
    let size = value.abs();
    let steps = [(1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "K")];
    for (i, (step, letter)) in steps.iter().enumerate() {
        // 999.6K would print as 1000K: it belongs to the next step up.
        if size >= step * 0.999_5 {
            let scaled = value / step;
            let places = match scaled.abs() {
                s if i > 0 && s >= 999.5 => continue,
                s if s < 9.995 => 2,
                s if s < 99.95 => 1,
                _ => 0,
            };
            return format!("{scaled:.places$}{letter}");
        }
    }
    significant(value)
}

/// Three significant digits or whole numbers, for units without a rule.
fn significant(value: f64) -> String {
    match value.abs() {
        s if s >= 100.0 => fixed(value, 0, false),
        s if s >= 10.0 => fixed(value, 1, false),
        s if s >= 0.01 || s == 0.0 => fixed(value, 2, false),
        _ => fixed(value, 4, false),
    }
}

/// A price for a detail pane: five significant digits behind a leading zero, two decimals above 100.
pub fn price(value: f64) -> String {
    if !value.is_finite() {
        return MISSING.into();
    }
    match value.abs() {
        s if s >= 1_000.0 => fixed(value, 2, false),
        s if s >= 10.0 => fixed(value, 3, false),
        s if s >= 0.1 => fixed(value, 5, false),
        _ => fixed(value, 8, false),
    }
}

/// A length of time: `84ms 9.1s 38s 04:12 1h04 3d`.
pub fn duration_ms(ms: i64) -> String {
    let sign = if ms < 0 { "-" } else { "" };
    let ms = ms.unsigned_abs();
    let s = ms / 1_000;
    let text = match s {
        0 => format!("{ms}ms"),
        1..=9 => format!("{s}.{}s", ms % 1_000 / 100),
        10..=59 => format!("{s}s"),
        60..=3_599 => format!("{:02}:{:02}", s / 60, s % 60),
        3_600..=86_399 => format!("{}h{:02}", s / 3_600, s % 3_600 / 60),
        _ => format!("{}d", s / 86_400),
    };
    format!("{sign}{text}")
}

/// Bytes: `214 MB`.
pub fn bytes(count: u64) -> String {
    match count {
        0..=999 => format!("{count} B"),
        1_000..=999_999 => format!("{} kB", count / 1_000),
        1_000_000..=999_999_999 => format!("{} MB", count / 1_000_000),
        _ => format!("{}.{} GB", count / 1_000_000_000, count % 1_000_000_000 / 100_000_000),
    }
}

/// Messages per second: one decimal below ten.
pub fn rate(per_s: f64) -> String {
    if per_s.is_finite() && per_s < 9.95 { fixed(per_s, 1, false) } else { cell(per_s.round(), "", false, 6) }
}

/// Time of day: `14:32:07Z`.
pub fn time(at: Nanos) -> String {
    stamp(at.floor_to(SECOND), 11, 19)
}

/// Time of day with milliseconds: `14:32:07.123Z`.
pub fn time_ms(at: Nanos) -> String {
    stamp(at, 11, 23)
}

/// Date and time: `2026-11-22 14:32:07Z`.
pub fn date_time(at: Nanos) -> String {
    format!("{} {}", stamp(at, 0, 10).trim_end_matches('Z'), time(at))
}

/// Columns of the RFC 3339 text of an instant.
fn stamp(at: Nanos, from: usize, to: usize) -> String {
    format!("{}Z", at.to_string().get(from..to).unwrap_or("?"))
}

/// Shortest text that reads back equal: no exponent, no `-0`. For machines, not for people.
pub fn exact(value: f64) -> String {
    if value == 0.0 { "0".into() } else { value.to_string() }
}

/// A figure in words: `minus 18.4 basis points`.
pub fn spoken(value: f64, unit: &str) -> String {
    if !value.is_finite() {
        return "missing".into();
    }
    let (places, word) = match unit {
        "bps" => (1, "basis points"),
        "pct" => (2, "percent"),
        "x" => (1, "times"),
        "usd" => (0, "dollars"),
        "ratio" => (2, ""),
        "ms" => (0, "milliseconds"),
        "s" => (1, "seconds"),
        "h" => (1, "hours"),
        "apr" => (2, "percent a year"),
        "usd_per_day" => (0, "dollars a day"),
        "usd_per_min" => (0, "dollars a minute"),
        "bps_per_musd" => (2, "basis points a million dollars"),
        "vol_points" => (1, "points of volatility"),
        other => (2, other),
    };
    let value = if unit == "apr" { value * 100.0 } else { value };
    let number = fixed(value, places, false);
    let number = number.strip_prefix('-').map_or(number.clone(), |n| format!("minus {n}"));
    if word.is_empty() { number } else { format!("{number} {word}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_follow_the_house_rules() {
        for (value, unit, sign, shown) in [
            (0.110_2, "apr", true, "+11.0%"),
            (-0.218_9, "apr", true, "-21.9%"),
            (-18.42, "bps", true, "-18.4"),
            (1.25, "bps", true, "+1.2"),
            (0.04, "bps", true, "0.0"),
            (-0.04, "bps", true, "0.0"),
            (0.009, "pct", true, "+0.01"),
            (31.24, "x", false, "31.2"),
            (1_900_000.0, "usd", false, "1.90M"),
            (999_960.0, "usd", false, "1.00M"),
            (412e6, "usd", false, "412M"),
            (1.14e9, "usd", false, "1.14B"),
            (-123_456.7, "bps", true, "-123K"),
            (f64::NAN, "bps", true, "--"),
            (9_100.0, "ms", false, "9.1s"),
        ] {
            assert_eq!(cell(value, unit, sign, 6), shown, "{value} {unit}");
        }
    }

    #[test]
    fn lengths_of_time_change_their_form() {
        for (ms, shown) in [
            (84, "84ms"),
            (9_100, "9.1s"),
            (252_000, "04:12"),
            (3_840_000, "1h04"),
            (3 * 86_400_000, "3d"),
            (-5, "-5ms"),
        ] {
            assert_eq!(duration_ms(ms), shown);
        }
    }

    #[test]
    fn instants_are_utc() {
        let at = Nanos(1_723_161_255_030_314_667);
        assert_eq!((time(at).as_str(), time_ms(at).as_str()), ("23:54:15Z", "23:54:15.030Z"));
        assert_eq!(date_time(at), "2024-08-08 23:54:15Z");
    }

    #[test]
    fn foreign_text_cannot_speak_to_the_terminal() {
        for (text, shown) in [
            ("\u{1b}[31mBTC\u{1b}[0m", "BTC"),
            ("\u{1b}]0;owned\u{7}ETH", "ETH"),
            ("\u{1b}]8;;http://x\u{1b}\\SOL\u{1b}]8;;\u{1b}\\", "SOL"),
            ("\u{1b}]52;c;never ends", ""),
            ("\u{9b}2JX", "X"),
            ("\u{1b}(0A\u{1b}cB", "AB"),
            ("A\u{202e}B\u{200b}C\u{fe0f}", "ABC"),
            ("a\rb\u{8}c\nd", "abc d"),
            ("\u{e000}P\u{f0000}", "P"),
            ("\u{1b}P+q544e\u{1b}\\D\u{1b}", "D"),
        ] {
            assert_eq!(clean(text), shown, "{text:?}");
        }
    }

    #[test]
    fn text_is_cut_by_columns_not_by_bytes() {
        assert_eq!(fit("hyperliquid", 9), "hyperliq>");
        assert_eq!(fit("交易所平台", 5), "交易>");
        assert_eq!(fit("交易", 4), "交易");
        assert_eq!(fit("abc", 0), "");
        assert_eq!(fit(&"交".repeat(1 << 20), 5), "交交>");
    }

    #[test]
    fn words_name_sign_and_unit() {
        assert_eq!(spoken(-18.42, "bps"), "minus 18.4 basis points");
        assert_eq!(spoken(0.409, "ratio"), "0.41");
        assert_eq!(exact(-0.0), "0");
        assert_eq!(exact(1e-7), "0.0000001");
    }
}
