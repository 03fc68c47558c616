//! JSON as venues send it: scalars kept as text until their exact value is asked for, rows one by one.
//!
//! # Why
//! Venues write the same figure as a string here and as a number there, and an empty string where
//! they have none. [`Raw`] keeps the text of a value, so that no figure passes through `f64`, nothing
//! absent turns into zero, and a field of the wrong type is an error of that field alone. A key that
//! stands twice is refused by every decoder: nobody can say which one counts.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use rust_decimal::Decimal;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use sonic_rs::LazyValue;

use super::WireError;
use crate::model::event::{Level, Side};
use crate::model::num::{Num, decimal};
use crate::model::time::Nanos;

/// Deepest nesting of brackets in a message. Venues use six.
pub const DEPTH_MAX: usize = 64;

/// A JSON value as it stands in the message: `"90000.10"`, `7`, `[…]`, quotes included.
#[derive(Clone, Debug)]
pub struct Raw<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Raw<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Raw(LazyValue::deserialize(deserializer)?.as_raw_cow()))
    }
}

impl Raw<'_> {
    /// The JSON text.
    pub fn json(&self) -> &str {
        &self.0
    }

    /// The content of a string or the digits of a number. `None` for `null` and for an empty string.
    pub fn text(&self, field: &'static str) -> Result<Option<Cow<'_, str>>, WireError> {
        match self.0.as_bytes() {
            [b'"', inner @ .., b'"'] if !inner.contains(&b'\\') => {
                let inner = std::str::from_utf8(inner).map_err(|_| WireError::Shape)?;
                Ok((!inner.is_empty()).then_some(Cow::Borrowed(inner)))
            }
            [b'"', ..] => sonic_rs::from_str::<String>(&self.0)
                .map(|text| Some(Cow::Owned(text)))
                .map_err(|_| WireError::Shape),
            [b'0'..=b'9' | b'-', ..] => Ok(Some(Cow::Borrowed(&self.0))),
            b"null" => Ok(None),
            _ => Err(WireError::Number(field)),
        }
    }
}

/// A field that may be absent, `null` or empty.
pub type Field<'a> = Option<Raw<'a>>;

/// The text of a field, if it has one.
pub fn text<'f>(field: &'f Field<'_>, name: &'static str) -> Result<Option<Cow<'f, str>>, WireError> {
    field.as_ref().map_or(Ok(None), |raw| raw.text(name))
}

/// The text of a field that must be there.
pub fn required<'f>(field: &'f Field<'_>, name: &'static str) -> Result<Cow<'f, str>, WireError> {
    text(field, name)?.ok_or(WireError::Missing(name))
}

/// The text of a field, empty when there is none or it is no scalar. For words, not figures.
pub fn word<'f>(field: &'f Field<'_>) -> Cow<'f, str> {
    text(field, "").ok().flatten().unwrap_or_default()
}

/// The JSON of a field that must be there.
pub fn json<'f>(field: &'f Field<'_>, name: &'static str) -> Result<&'f str, WireError> {
    field.as_ref().map(Raw::json).ok_or(WireError::Missing(name))
}

/// The JSON of a list; an absent one is empty.
pub fn list<'f>(field: &'f Field<'_>) -> &'f str {
    field.as_ref().map(Raw::json).filter(|json| *json != "null").unwrap_or("[]")
}

/// A whole number.
pub fn integer(field: &Field<'_>, name: &'static str) -> Result<Option<i64>, WireError> {
    text(field, name)?.map(|t| t.parse().map_err(|_| WireError::Number(name))).transpose()
}

/// Milliseconds since the epoch. Zero is how venues write "never" and gives nothing.
pub fn millis(field: &Field<'_>, name: &'static str) -> Result<Option<Nanos>, WireError> {
    Ok(integer(field, name)?.filter(|ms| *ms > 0).map(Nanos::from_millis))
}

/// A time as ISO 8601 writes it: `2026-11-22T06:00:00.627Z`.
pub fn instant(field: &Field<'_>, name: &'static str) -> Result<Option<Nanos>, WireError> {
    text(field, name)?.map(|t| stamp(&t).ok_or(WireError::Number(name))).transpose()
}

/// The time that a text of ISO 8601 stands for. `None` for any other text, and outside the years 1678
/// to 2261.
pub fn stamp(text: &str) -> Option<Nanos> {
    let stamp: jiff::Timestamp = text.parse().ok()?;
    i64::try_from(stamp.as_nanosecond()).ok().map(Nanos)
}

/// A slow figure of any sign.
pub fn figure(field: &Field<'_>, name: &'static str) -> Result<Option<Decimal>, WireError> {
    text(field, name)?.map(|t| decimal(t.as_bytes()).ok_or(WireError::Number(name))).transpose()
}

/// A slow figure that cannot be negative: open interest, volume.
pub fn amount(field: &Field<'_>, name: &'static str) -> Result<Option<Decimal>, WireError> {
    match figure(field, name)? {
        Some(value) if value.is_sign_negative() && !value.is_zero() => Err(WireError::Range(name)),
        value => Ok(value),
    }
}

/// A mark, index or last price. A zero is how venues write "no price yet" and gives nothing.
pub fn slow_price(field: &Field<'_>, name: &'static str) -> Result<Option<Decimal>, WireError> {
    Ok(amount(field, name)?.filter(|value| !value.is_zero()))
}

/// The price of a trade or of a liquidation: above zero.
pub fn price(field: &Field<'_>, name: &'static str) -> Result<Num, WireError> {
    as_price(&required(field, name)?, name)
}

/// The size of a trade or of a liquidation: not negative.
pub fn size(field: &Field<'_>, name: &'static str) -> Result<Num, WireError> {
    as_size(&required(field, name)?, name)
}

/// The side of an order, as one of the venue's two words: the one that buys, the one that sells.
pub fn order_side(
    field: &Field<'_>,
    name: &'static str,
    [buys, sells]: [&str; 2],
) -> Result<Side, WireError> {
    match &*required(field, name)? {
        word if word == buys => Ok(Side::Buy),
        word if word == sells => Ok(Side::Sell),
        _ => Err(WireError::Word(name)),
    }
}

/// One side of a quote. Without a price, or with a size of zero, the side is empty.
pub fn side(
    px: &Field<'_>,
    sz: &Field<'_>,
    px_name: &'static str,
    sz_name: &'static str,
) -> Result<Level, WireError> {
    let empty = Level { price: Num::ZERO, size: Num::ZERO };
    let (Some(px), Some(sz)) = (text(px, px_name)?, text(sz, sz_name)?) else { return Ok(empty) };
    let size = as_size(&sz, sz_name)?;
    if size.is_zero() {
        return Ok(empty);
    }
    Ok(Level { price: as_price(&px, px_name)?, size })
}

/// Takes what a partial message tells of one side of a quote; what is absent stays. False when it tells
/// nothing of it.
pub fn side_into(side: &mut Level, px: &Field<'_>, sz: &Field<'_>) -> Result<bool, WireError> {
    *side = match (px.is_some(), sz.is_some()) {
        (false, false) => return Ok(false),
        (true, true) => self::side(px, sz, "price", "size")?,
        (true, false) => Level { price: price(px, "price")?, size: side.size },
        (false, true) => Level { price: side.price, size: size(sz, "size")? },
    };
    Ok(true)
}

fn as_price(text: &str, name: &'static str) -> Result<Num, WireError> {
    let num = Num::parse(text.as_bytes()).ok_or(WireError::Number(name))?;
    if num.mantissa > 0 { Ok(num) } else { Err(WireError::Range(name)) }
}

fn as_size(text: &str, name: &'static str) -> Result<Num, WireError> {
    let num = Num::parse(text.as_bytes()).ok_or(WireError::Number(name))?;
    if num.mantissa >= 0 { Ok(num) } else { Err(WireError::Range(name)) }
}

/// Members of an object whose keys are data: names of assets, of wallets. A key that stands twice is refused.
#[derive(Clone, Debug, Default)]
pub struct Members<'a>(BTreeMap<String, Raw<'a>>);

impl<'a> Deref for Members<'a> {
    type Target = BTreeMap<String, Raw<'a>>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit<'a>(PhantomData<&'a ()>);
        impl<'de: 'a, 'a> Visitor<'de> for Visit<'a> {
            type Value = Members<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = BTreeMap::new();
                while let Some((key, value)) = map.next_entry::<String, Raw<'a>>()? {
                    if members.insert(key, value).is_some() {
                        return Err(A::Error::custom("a key stands twice"));
                    }
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Visit(PhantomData))
    }
}

/// Reads a JSON object of a known shape. An array in its place is refused: serde would take its items
/// for the fields in their order.
pub fn object<'a, T: Deserialize<'a>>(json: &'a str) -> Result<T, WireError> {
    if json.trim_ascii_start().starts_with('{') { parse(json) } else { Err(WireError::Shape) }
}

/// Reads one JSON document of a known shape.
pub fn parse<'a, T: Deserialize<'a>>(json: &'a str) -> Result<T, WireError> {
    sonic_rs::from_str(json).map_err(|_| WireError::Shape)
}

/// The text of a message that is safe to parse: UTF-8 and nested no deeper than [`DEPTH_MAX`].
///
/// The JSON library descends by recursion even where it only skips, so that a megabyte of brackets
/// would end the process. Everything parsed in a dialect passes here first.
pub fn guarded(bytes: &[u8]) -> Result<&str, WireError> {
    let opens = |byte: &&u8| matches!(byte, b'[' | b'{');
    if bytes.iter().filter(opens).count() > DEPTH_MAX && depth(bytes) > DEPTH_MAX {
        return Err(WireError::TooMany("levels of nesting"));
    }
    std::str::from_utf8(bytes).map_err(|_| WireError::Shape)
}

/// Deepest nesting of brackets outside strings.
fn depth(bytes: &[u8]) -> usize {
    let (mut now, mut most, mut quoted, mut escaped) = (0usize, 0usize, false, false);
    for byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'[' | b'{' if !quoted => {
                now += 1;
                most = most.max(now);
            }
            b']' | b'}' if !quoted => now = now.saturating_sub(1),
            _ => {}
        }
    }
    most
}

/// Hands the rows of a JSON array on, one by one. A row that fails does not cost the others: the
/// first error is returned at the end.
pub fn each_row(json: &str, mut row: impl FnMut(&str) -> Result<(), WireError>) -> Result<(), WireError> {
    let mut first = Ok(());
    if !json.starts_with('[') {
        return Err(WireError::Shape);
    }
    for item in sonic_rs::to_array_iter(json) {
        let item = item.map_err(|_| WireError::Shape)?;
        first = first.and(row(item.as_raw_str()));
    }
    first
}

/// A JSON string with `text` in it, quotes included.
pub fn quoted(text: &str) -> String {
    sonic_rs::to_string(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_that_stands_twice_is_refused() {
        assert_eq!(parse::<Members<'_>>(r#"{"XBT":1,"ETH":2}"#).unwrap().len(), 2);
        assert_eq!(parse::<Members<'_>>(r#"{"XBT":1,"XBT":2}"#).unwrap_err(), WireError::Shape);
    }

    #[derive(Deserialize)]
    struct Two<'a> {
        #[serde(borrow)]
        a: Field<'a>,
        #[serde(borrow)]
        b: Field<'a>,
    }

    #[test]
    fn empty_and_null_are_absent_never_zero() {
        let two: Two<'_> = parse(r#"{"a":"","b":null}"#).unwrap();
        assert_eq!(figure(&two.a, "a"), Ok(None));
        assert_eq!(figure(&two.b, "b"), Ok(None));
        assert_eq!(price(&two.a, "a"), Err(WireError::Missing("a")));
    }

    #[test]
    fn times_are_utc_and_keep_their_nanoseconds() {
        assert_eq!(stamp("2026-04-07T14:30:00.123456789Z"), Some(Nanos(1_775_572_200_123_456_789)));
        assert_eq!(stamp("2026-04-07T16:30:00+02:00"), stamp("2026-04-07T14:30:00Z"));
        for text in ["2026-04-07 14:30", "3000-01-01T00:00:00Z", "yesterday", "1790000000"] {
            assert_eq!(stamp(text), None, "{text}");
        }
        let two: Two<'_> = parse(r#"{"a":"2026-09-21T14:13:20.627Z","b":""}"#).unwrap();
        assert_eq!(instant(&two.a, "a"), Ok(Some(Nanos::from_millis(1_790_000_000_627))));
        assert_eq!(instant(&two.b, "b"), Ok(None));
        assert_eq!(
            instant(&parse::<Two<'_>>(r#"{"a":"soon"}"#).unwrap().a, "a"),
            Err(WireError::Number("a"))
        );
    }

    #[test]
    fn figures_keep_their_digits_as_string_and_as_number() {
        let two: Two<'_> = parse(r#"{"a":"605822.2557999999000000001","b":1e-05}"#).unwrap();
        assert_eq!(figure(&two.a, "a").unwrap().unwrap().to_string(), "605822.2557999999000000001");
        assert_eq!(figure(&two.b, "b").unwrap().unwrap().to_string(), "0.00001");
    }

    #[test]
    fn numbers_that_cannot_be_are_refused() {
        for (json, error) in [
            (r#"{"a":"-1"}"#, WireError::Range("a")),
            (r#"{"a":0}"#, WireError::Range("a")),
            (r#"{"a":"1e400"}"#, WireError::Number("a")),
            (r#"{"a":true}"#, WireError::Number("a")),
            (r#"{"a":[1]}"#, WireError::Number("a")),
        ] {
            let two: Two<'_> = parse(json).unwrap();
            assert_eq!(price(&two.a, "a"), Err(error), "{json}");
        }
    }

    #[test]
    fn a_key_that_stands_twice_is_refused() {
        assert!(parse::<Two<'_>>(r#"{"a":1,"a":2}"#).is_err());
    }

    #[test]
    fn deep_nesting_is_refused_before_it_exhausts_the_stack() {
        let refused = Err(WireError::TooMany("levels of nesting"));
        for deep in ["[".repeat(1_000_000), "{\"a\":".repeat(1_000_000), "[{\"a\":".repeat(65)] {
            assert_eq!(guarded(deep.as_bytes()), refused);
        }
        let wide = format!("[{}[]]", "[\"[[[[\\\"[[[\"],".repeat(10_000));
        assert!(
            guarded(wide.as_bytes()).is_ok(),
            "many brackets are no depth, brackets in strings are no brackets"
        );
        let deepest = format!("{{\"a\":{}{}}}", "[".repeat(63), "]".repeat(63));
        assert!(parse::<Two<'_>>(guarded(deepest.as_bytes()).unwrap()).is_ok());
    }

    #[test]
    fn a_bad_row_does_not_cost_the_others() {
        let mut seen = 0;
        let end = each_row("[1,2,3]", |row| {
            seen += 1;
            if row == "2" { Err(WireError::Shape) } else { Ok(()) }
        });
        assert_eq!((seen, end), (3, Err(WireError::Shape)));
    }
}
