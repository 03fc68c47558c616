//! A cursor for hot messages: compact JSON of a known shape, read straight from the bytes.
//!
//! It takes what the venue writes every millisecond and nothing else: no white space, no escapes, no
//! exponents. Every method returns `None` at the first surprise, and the caller falls back to the
//! general parser, which accepts any JSON. A property test holds both to the same events.
//!
//! Bytes are read one by one: texts and numbers of these messages are short, and eight at a time was
//! measured to be slower.

use crate::model::event::Level;
use crate::model::num::Num;

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
        let end = self.bytes.iter().position(|b| *b == b'"' || *b == b'\\')?;
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
        let (mut value, mut digits) = (0u64, 0usize);
        while let Some(digit) = self.bytes.get(digits).map(|b| b.wrapping_sub(b'0')).filter(|d| *d < 10) {
            value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
            digits += 1;
        }
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
        let (num, rest) = num(self.bytes.strip_prefix(b"\"")?)?;
        self.bytes = rest;
        Some(num)
    }

    /// Takes `123.450`, written without quotes, as an exact number that is not negative. What ends it
    /// stays: an exponent is then no comma for the caller.
    #[inline]
    pub fn bare_num(&mut self) -> Option<Num> {
        let (whole, mark, rest) = digits(0, self.bytes)?;
        let before = self.bytes.len() - rest.len() - 1;
        let (value, scale, rest) = match mark {
            b'.' => {
                let (value, _, behind) = digits(whole, rest)?;
                let scale = rest.len() - behind.len() - 1;
                (value, (scale > 0).then_some(scale)?, behind)
            }
            _ => (whole, 0, rest),
        };
        let has_leading_zero = before > 1 && self.peek() == Some(b'0');
        if before == 0 || before + scale > DIGITS_MAX || has_leading_zero {
            return None;
        }
        self.bytes = self.bytes.get(self.bytes.len() - rest.len() - 1..)?;
        Some(Num::new(value as i64, scale as u8))
    }

    /// Takes `[["price","size"],...]`; extra members of a level are refused.
    #[inline]
    pub fn levels(&mut self, out: &mut Vec<Level>) -> Option<()> {
        out.clear();
        let mut bytes = match self.bytes {
            [b'[', b']', rest @ ..] => {
                self.bytes = rest;
                return Some(());
            }
            [b'[', rest @ ..] => rest,
            _ => return None,
        };
        loop {
            let [b'[', b'"', text @ ..] = bytes else { return None };
            let (price, text) = num(text)?;
            let [b',', b'"', text @ ..] = text else { return None };
            let (size, text) = num(text)?;
            if price.mantissa == 0 {
                return None; // let the general parser say what is wrong
            }
            out.push(Level { price, size });
            match text {
                [b']', b',', rest @ ..] => bytes = rest,
                [b']', b']', rest @ ..] => {
                    self.bytes = rest;
                    return Some(());
                }
                _ => return None,
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

/// A number from behind its opening quote, and what follows its closing quote.
#[inline]
fn num(text: &[u8]) -> Option<(Num, &[u8])> {
    let (whole, mark, rest) = digits(0, text)?;
    let before = text.len() - rest.len() - 1;
    let (value, scale, rest) = match mark {
        b'"' => (whole, 0, rest),
        b'.' => {
            let (value, b'"', behind) = digits(whole, rest)? else { return None };
            let scale = rest.len() - behind.len() - 1;
            (value, (scale > 0).then_some(scale)?, behind)
        }
        _ => return None,
    };
    let is_short = before > 0 && before + scale <= DIGITS_MAX;
    is_short.then(|| (Num::new(value as i64, scale as u8), rest))
}

/// Goes on with `value` over the digits at the start: the number, the byte that ends it, what follows.
/// Beyond 18 digits the number is wrong; the caller counts them.
#[inline]
fn digits(mut value: u64, bytes: &[u8]) -> Option<(u64, u8, &[u8])> {
    let mut rest = bytes.iter();
    loop {
        let byte = *rest.next()?;
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return Some((value, byte, rest.as_slice()));
        }
        value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
    }
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

    #[test]
    fn bare_numbers_end_before_what_follows() {
        for (text, shown, next) in [("58710.20,", "58710.20", b','), ("0.0}", "0", b'}'), ("7]", "7", b']')] {
            let mut cursor = Cursor::new(text.as_bytes());
            assert_eq!(cursor.bare_num().unwrap().to_string(), shown);
            assert_eq!(cursor.peek(), Some(next));
        }
        for text in [",", ".5,", "5.,", "-1,", "01,", "1234567890123456789,", "12", "\"5\"", "x"] {
            assert!(Cursor::new(text.as_bytes()).bare_num().is_none(), "{text}");
        }
        let mut cursor = Cursor::new(b"1e5,");
        assert!(cursor.bare_num().is_some() && cursor.peek() == Some(b'e'), "no comma: the caller gives up");
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
