//! A cursor for hot messages: compact JSON of a known shape, read straight from the bytes.
//!
//! It takes what the venue writes every millisecond and nothing else: no white space, no escapes, no
//! exponents. Every method returns `None` at the first surprise, and the caller falls back to the
//! general parser, which accepts any JSON. A property test holds both to the same events.

use crate::model::event::Level;
use crate::model::num::{Num, POW10};

/// Digits that surely fit an `i64`.
const DIGITS_MAX: usize = 18;

/// A position in the bytes of one message.
#[derive(Clone, Copy, Debug)]
pub struct Cursor<'a> {
    bytes: &'a [u8],
}

impl<'a> Cursor<'a> {
    /// At the first byte.
    pub fn new(bytes: &'a [u8]) -> Self {
        Cursor { bytes }
    }

    /// The next byte, without taking it.
    #[inline]
    pub fn peek(&self) -> Option<u8> {
        self.bytes.first().copied()
    }

    /// Takes exactly `text`.
    #[inline]
    pub fn eat(&mut self, text: &[u8]) -> Option<()> {
        self.bytes = self.bytes.strip_prefix(text)?;
        Some(())
    }

    /// Takes one byte if it is `byte`.
    #[inline]
    pub fn eat_byte(&mut self, byte: u8) -> bool {
        match self.bytes.split_first() {
            Some((first, rest)) if *first == byte => {
                self.bytes = rest;
                true
            }
            _ => false,
        }
    }

    /// Takes the text up to the next quote, and the quote. Text with escapes is refused.
    #[inline]
    fn until_quote(&mut self) -> Option<&'a [u8]> {
        let end = position_of_quote(self.bytes)?;
        let (text, rest) = self.bytes.split_at_checked(end)?;
        self.bytes = rest.strip_prefix(b"\"")?;
        Some(text)
    }

    /// Takes `"text"`.
    #[inline]
    pub fn text(&mut self) -> Option<&'a [u8]> {
        self.eat_byte(b'"').then(|| self.until_quote())?
    }

    /// Takes `"key":`.
    #[inline]
    pub fn key(&mut self) -> Option<&'a [u8]> {
        // Hot messages have keys of one letter.
        if let [b'"', _, b'"', b':', rest @ ..] = self.bytes {
            let key = self.bytes.get(1..2)?;
            self.bytes = rest;
            return Some(key);
        }
        let key = self.text()?;
        self.eat_byte(b':').then_some(key)
    }

    /// Takes a whole number without sign.
    #[inline]
    pub fn whole(&mut self) -> Option<u64> {
        let (value, digits) = digits(self.bytes);
        // A point or an exponent behind the digits is left for the caller, who then finds no comma.
        if digits == 0 || digits > DIGITS_MAX {
            return None;
        }
        self.bytes = self.bytes.get(digits..)?;
        Some(value)
    }

    /// Takes `"123.450"` as an exact number that is not negative.
    #[inline]
    pub fn quoted_num(&mut self) -> Option<Num> {
        let text = self.bytes.strip_prefix(b"\"")?;
        let (mut value, before) = digits(text);
        let mut rest = text.get(before..)?;
        let mut scale = 0;
        if let [b'.', fraction @ ..] = rest {
            let (tail, behind) = digits(fraction);
            if behind == 0 || before + behind > DIGITS_MAX {
                return None;
            }
            // At most 18 digits in all: neither step can overflow.
            value = value * POW10.get(behind)?.unsigned_abs() + tail;
            scale = behind;
            rest = fraction.get(behind..)?;
        }
        if before == 0 || before > DIGITS_MAX {
            return None;
        }
        self.bytes = rest.strip_prefix(b"\"")?;
        Some(Num::new(value as i64, scale as u8))
    }

    /// Takes `[["price","size"],...]`; extra members of a level are refused.
    #[inline]
    pub fn levels(&mut self, out: &mut Vec<Level>) -> Option<()> {
        out.clear();
        self.eat_byte(b'[').then_some(())?;
        if self.eat_byte(b']') {
            return Some(());
        }
        loop {
            self.eat_byte(b'[').then_some(())?;
            let price = self.quoted_num()?;
            self.eat_byte(b',').then_some(())?;
            let size = self.quoted_num()?;
            self.eat_byte(b']').then_some(())?;
            if price.mantissa == 0 {
                return None; // let the general parser say what is wrong
            }
            out.push(Level { price, size });
            if !self.eat_byte(b',') {
                return self.eat_byte(b']').then_some(());
            }
        }
    }

    /// Takes any plain value: text, number, word. Objects and arrays are refused.
    #[inline]
    pub fn skip(&mut self) -> Option<()> {
        match self.peek()? {
            b'"' => self.text().map(|_| ()),
            b'0'..=b'9' => self.whole().map(|_| ()),
            b'{' | b'[' => None,
            _ => {
                let end = self.bytes.iter().position(|b| matches!(b, b',' | b'}' | b']'))?;
                self.bytes = self.bytes.get(end..)?;
                Some(())
            }
        }
    }

    /// Takes `true` or `false`.
    #[inline]
    pub fn flag(&mut self) -> Option<bool> {
        if self.eat(b"true").is_some() {
            return Some(true);
        }
        self.eat(b"false").map(|()| false)
    }
}

/// Eight bytes that all hold `byte`.
const fn all(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

/// The next eight bytes as one number, the first byte lowest.
#[inline]
fn eight(bytes: &[u8]) -> Option<u64> {
    bytes.first_chunk().map(|chunk| u64::from_le_bytes(*chunk))
}

/// Value and count of the digits at the start. Beyond 18 digits only the count is right.
///
/// Eight digits at a time: subtracting `'0'` from each byte borrows only behind the first byte that is
/// no digit, so the lowest flagged byte is exact (the flags are those of the usual range test). The
/// digits are then folded in three multiplications: pairs, fours, eight.
#[inline]
fn digits(bytes: &[u8]) -> (u64, usize) {
    let (mut value, mut count) = (0u64, 0usize);
    while let Some(chunk) = bytes.get(count..).and_then(eight) {
        let values = chunk.wrapping_sub(all(b'0'));
        let flags = (chunk.wrapping_add(all(0x7f - b'9')) | values) & all(0x80);
        let found = (flags.trailing_zeros() / 8) as usize;
        if found > 0 {
            let aligned = values << (64 - 8 * found);
            let pairs = aligned.wrapping_mul(10).wrapping_add(aligned >> 8);
            let low = (pairs & 0x0000_00ff_0000_00ff).wrapping_mul(0x000f_4240_0000_0064);
            let high = ((pairs >> 16) & 0x0000_00ff_0000_00ff).wrapping_mul(0x0000_2710_0000_0001);
            let folded = low.wrapping_add(high) >> 32;
            let unit = POW10.get(found).copied().unwrap_or(1).unsigned_abs();
            value = value.wrapping_mul(unit).wrapping_add(folded);
        }
        count += found;
        if found < 8 {
            return (value, count);
        }
    }
    // The last few bytes of a message.
    while let Some(digit) = bytes.get(count).map(|b| b.wrapping_sub(b'0')).filter(|d| *d < 10) {
        value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
        count += 1;
    }
    (value, count)
}

/// Position of the first quote or backslash, eight bytes at a time.
#[inline]
fn position_of_quote(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    while let Some(chunk) = bytes.get(at..).and_then(eight) {
        // A byte is zero where it equals the one looked for; the lowest flag is exact.
        let zero = |x: u64| x.wrapping_sub(all(1)) & !x & all(0x80);
        let flags = zero(chunk ^ all(b'"')) | zero(chunk ^ all(b'\\'));
        if flags != 0 {
            return Some(at + (flags.trailing_zeros() / 8) as usize);
        }
        at += 8;
    }
    let tail = bytes.get(at..)?.iter().position(|b| matches!(b, b'"' | b'\\'))?;
    Some(at + tail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_sent() {
        for (text, shown) in [("\"58710.20\"", "58710.20"), ("\"0.000\"", "0"), ("\"7\"", "7")] {
            let mut cursor = Cursor::new(text.as_bytes());
            let num = cursor.quoted_num().unwrap();
            assert_eq!(num.to_string(), shown);
            assert_eq!(Some(num.scale), Num::parse(text.trim_matches('"').as_bytes()).map(|n| n.scale));
            assert_eq!(cursor.peek(), None);
        }
        for text in ["\"\"", "\".5\"", "\"5.\"", "\"-1\"", "\"1e5\"", "\"1234567890123456789\"", "\"12", "5"]
        {
            assert!(Cursor::new(text.as_bytes()).quoted_num().is_none(), "{text}");
        }
    }

    /// The folded digits against the plain reading, for every length, at every distance from the end.
    #[test]
    fn digits_are_folded_exactly() {
        for text in [
            "0",
            "7",
            "10",
            "99999999",
            "123456789",
            "000000001",
            "123456789012345678",
            "18446744073709551615",
        ] {
            for tail in ["", "\"", ".5\"", ",\"e\":1}}}}", "/:;<=>?@", "\u{80}\u{80}\u{80}\u{80}"] {
                let bytes = format!("{text}{tail}");
                let (value, count) = digits(bytes.as_bytes());
                assert_eq!(count, text.len(), "{bytes}");
                if count <= DIGITS_MAX {
                    assert_eq!(value, text.parse::<u64>().unwrap(), "{bytes}");
                }
            }
        }
        assert_eq!(digits(b""), (0, 0));
        assert_eq!(digits(b"-1234567"), (0, 0));
    }

    #[test]
    fn quotes_are_found_anywhere() {
        for before in 0..40 {
            for (mark, after) in [("\"", 0), ("\"", 20), ("\\", 20)] {
                let text = format!(
                    "{}{mark}{}",
                    "!#[]\u{e9}a".repeat(9).chars().take(before).collect::<String>(),
                    "\"".repeat(after)
                );
                let expected = text.bytes().position(|b| matches!(b, b'"' | b'\\'));
                assert_eq!(position_of_quote(text.as_bytes()), expected, "{text}");
            }
        }
        assert_eq!(position_of_quote(b"no mark in here at all"), None);
    }

    #[test]
    fn levels_are_taken_whole_or_not_at_all() {
        let mut out = Vec::new();
        let mut cursor = Cursor::new(br#"[["1.5","2"],["1.4","0"]]}"#);
        cursor.levels(&mut out).unwrap();
        assert_eq!(out.len(), 2);
        assert_eq!(cursor.peek(), Some(b'}'));
        for text in [
            r#"[["1.5","2","0"]]"#,
            r#"[["1.5","2"]"#,
            r#"[ ["1.5","2"]]"#,
            r#"[["0","2"]]"#,
            r#"[["1","2"],]"#,
        ] {
            assert!(Cursor::new(text.as_bytes()).levels(&mut out).is_none(), "{text}");
        }
    }
}
