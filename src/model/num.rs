//! `Num`: a decimal exactly as a venue wrote it, small enough for the hot path.
//!
//! Prices and sizes reach the books as a mantissa and a scale; they never pass through `f64`.
//! Where people and money meet (configuration, ledger, reports) `rust_decimal` takes over.

use std::cmp::Ordering;
use std::fmt;

use rust_decimal::Decimal;

/// Powers of ten that fit an `i64`: `POW10[k] == 10^k` for `k <= 18`.
pub const POW10: [i64; 19] = {
    let mut table = [1i64; 19];
    let mut k = 1;
    while k < 19 {
        table[k] = table[k - 1] * 10;
        k += 1;
    }
    table
};

/// Largest scale a `Num` may carry. Deeper fractions are refused unless their tail is zeros.
pub const SCALE_MAX: u8 = 18;

/// An exact decimal: `mantissa × 10^-scale`. The scale keeps the digits the venue sent.
#[derive(Clone, Copy, Debug, Default)]
pub struct Num {
    /// Signed digits without the point.
    pub mantissa: i64,
    /// Digits behind the point, at most [`SCALE_MAX`].
    pub scale: u8,
}

impl Num {
    /// Zero, written `0`.
    pub const ZERO: Num = Num { mantissa: 0, scale: 0 };

    /// Builds a number from digits and the count of digits behind the point.
    pub const fn new(mantissa: i64, scale: u8) -> Self {
        Num { mantissa, scale }
    }

    /// Reads a JSON number or the content of a JSON string: `-12.50`, `1e-05`, `7`.
    ///
    /// Returns `None` for anything else, and for numbers that need more than 18 digits.
    pub fn parse(text: &[u8]) -> Option<Num> {
        let (negative, digits) = match text.first()? {
            b'-' => (true, text.get(1..)?),
            b'+' => (false, text.get(1..)?),
            _ => (false, text),
        };
        let mut mantissa: i64 = 0;
        let mut scale: i32 = 0;
        let mut seen = false;
        let mut point = false;
        let mut zeros: i32 = 0; // zeros behind the point that wait for a digit after them
        let mut rest = digits.iter();
        let mut exponent = 0i32;
        while let Some(&byte) = rest.next() {
            match byte {
                b'0' if point => {
                    seen = true;
                    zeros += 1;
                }
                b'0'..=b'9' => {
                    seen = true;
                    if point {
                        let shift = usize::try_from(zeros + 1).ok()?;
                        mantissa = mantissa.checked_mul(*POW10.get(shift)?)?;
                        scale += zeros + 1;
                        zeros = 0;
                    } else {
                        mantissa = mantissa.checked_mul(10)?;
                    }
                    mantissa = mantissa.checked_add(i64::from(byte - b'0'))?;
                }
                b'.' if !point && seen => point = true,
                b'e' | b'E' if seen => {
                    let tail = std::str::from_utf8(rest.as_slice()).ok()?;
                    exponent = tail.parse().ok()?;
                    break;
                }
                _ => return None,
            }
        }
        if !seen || digits.last() == Some(&b'.') {
            return None;
        }
        // Trailing zeros belong to the text; keep as many as fit.
        while zeros > 0 && scale < i32::from(SCALE_MAX) {
            let Some(next) = mantissa.checked_mul(10) else { break };
            mantissa = next;
            scale += 1;
            zeros -= 1;
        }
        if exponent != 0 {
            scale = scale.checked_sub(exponent)?;
            while scale < 0 {
                mantissa = mantissa.checked_mul(10)?;
                scale += 1;
                if mantissa == 0 {
                    scale = 0;
                }
            }
        }
        while scale > i32::from(SCALE_MAX) && mantissa % 10 == 0 {
            mantissa /= 10;
            scale -= 1;
            if mantissa == 0 {
                scale = 0;
            }
        }
        let scale = u8::try_from(scale).ok().filter(|s| *s <= SCALE_MAX)?;
        Some(Num { mantissa: if negative { -mantissa } else { mantissa }, scale })
    }

    /// True for `0`, `0.000`, `-0`.
    pub const fn is_zero(self) -> bool {
        self.mantissa == 0
    }

    /// The same value without trailing zeros behind the point.
    pub fn trimmed(mut self) -> Self {
        while self.scale > 0 && self.mantissa % 10 == 0 {
            self.mantissa /= 10;
            self.scale -= 1;
        }
        self
    }

    /// The mantissa at another scale, or `None` when digits would be lost or it overflows.
    #[inline]
    pub fn at_scale(self, scale: u8) -> Option<i64> {
        match scale.cmp(&self.scale) {
            Ordering::Equal => Some(self.mantissa),
            Ordering::Greater => self.mantissa.checked_mul(*POW10.get(usize::from(scale - self.scale))?),
            // Venues pad prices with a zero or two; a constant divisor costs a multiplication.
            Ordering::Less => match self.scale - scale {
                1 => exact(self.mantissa, 10),
                2 => exact(self.mantissa, 100),
                more => exact(self.mantissa, *POW10.get(usize::from(more))?),
            },
        }
    }

    /// The same value as a `Decimal`.
    pub fn to_decimal(self) -> Decimal {
        Decimal::new(self.mantissa, u32::from(self.scale))
    }

    /// The nearest `f64`, for statistics only.
    #[inline]
    pub fn to_f64(self) -> f64 {
        self.mantissa as f64 / POW10.get(usize::from(self.scale)).copied().unwrap_or(1) as f64
    }
}

#[inline(always)]
fn exact(mantissa: i64, unit: i64) -> Option<i64> {
    let whole = mantissa / unit;
    (whole * unit == mantissa).then_some(whole)
}

impl PartialEq for Num {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Num {}

impl PartialOrd for Num {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Num {
    fn cmp(&self, other: &Self) -> Ordering {
        let scale = self.scale.max(other.scale);
        let widen = |n: &Num| {
            let unit = POW10.get(usize::from(scale - n.scale)).copied().unwrap_or(1);
            i128::from(n.mantissa) * i128::from(unit)
        };
        widen(self).cmp(&widen(other))
    }
}

impl fmt::Display for Num {
    /// Plain digits with the scale of the source: `0.0100`; any zero prints `0`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.mantissa == 0 {
            return f.write_str("0");
        }
        let sign = if self.mantissa < 0 { "-" } else { "" };
        let digits = self.mantissa.unsigned_abs();
        if self.scale == 0 {
            return write!(f, "{sign}{digits}");
        }
        let unit = POW10.get(usize::from(self.scale)).copied().unwrap_or(1).unsigned_abs();
        let width = usize::from(self.scale);
        write!(f, "{sign}{}.{:0width$}", digits / unit, digits % unit)
    }
}

/// Reads a `Decimal` from a JSON number or string content, exponents included, without `f64`.
///
/// Returns `None` for text that is no number and for numbers beyond 28 significant digits.
pub fn decimal(text: &[u8]) -> Option<Decimal> {
    if let Some(num) = Num::parse(text) {
        return Some(num.to_decimal());
    }
    let text = std::str::from_utf8(text).ok()?;
    if text.len() > 64 || !text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'-' | b'.' | b'e' | b'E' | b'+')) {
        return None;
    }
    Decimal::from_str_exact(text).or_else(|_| Decimal::from_scientific(text)).ok()
}

/// The shortest text that reads back as the same `f64`: no exponent, no `-0`. Statistics only.
pub fn shortest(value: f64) -> String {
    format!("{}", value + 0.0)
}

/// A statistic for a sentence: three significant digits, at least those before the point.
pub fn rounded(value: f64) -> String {
    let digits = match value.abs() {
        v if v >= 100.0 => 0,
        v if v >= 10.0 => 1,
        v if v >= 1.0 => 2,
        _ => 3,
    };
    format!("{:.digits$}", value + 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_survives_as_sent() {
        for (text, shown) in [
            ("58710.20", "58710.20"),
            ("0.000", "0"),
            ("-0.0100", "-0.0100"),
            ("1e-05", "0.00001"),
            ("1.5E3", "1500"),
            ("7", "7"),
            ("0.1000000000000000000000", "0.100000000000000000"),
            ("9223372036854775807", "9223372036854775807"),
        ] {
            assert_eq!(Num::parse(text.as_bytes()).unwrap().to_string(), shown, "{text}");
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in
            ["", "-", ".", "1.", ".5", "abc", "1.2.3", "1e", "0x1", "NaN", "1e400", "99999999999999999999"]
        {
            assert!(Num::parse(text.as_bytes()).is_none(), "{text}");
        }
    }

    #[test]
    fn scales_convert_only_without_loss() {
        let n = Num::parse(b"1.250").unwrap();
        assert_eq!(n.at_scale(2), Some(125));
        assert_eq!(n.at_scale(1), None);
        assert_eq!(n.at_scale(8), Some(125_000_000));
        assert_eq!(n, Num::parse(b"1.25").unwrap());
        assert_eq!(n.trimmed().scale, 2);
    }

    #[test]
    fn wide_numbers_become_decimals() {
        assert_eq!(decimal(b"1516669192.123456789012345").unwrap().to_string(), "1516669192.123456789012345");
        assert!(decimal(b"1e400").is_none());
    }
}
