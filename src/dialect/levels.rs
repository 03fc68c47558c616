//! Book levels: from JSON straight into reused vectors.
//!
//! # Why
//! Most bytes of most feeds are levels. They are read without building anything in between, in both
//! shapes that venues use; a venue with a shape of its own brings a [`Row`].

use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, de};

use super::wire::{self, Field};
use super::{LEVELS_MAX, WireError};
use crate::model::event::Level;

/// Reads levels into `out`, which is cleared first. A level is `[price, size, …]` or
/// `{"px": price, "sz": size, …}`, with the names written out or not; more than [`LEVELS_MAX`] are refused.
pub fn levels(json: &str, out: &mut Vec<Level>) -> Result<(), WireError> {
    levels_as::<Pair<'_>>(json, out)
}

/// A level as a venue writes it. Its text is read first and judged then: an error names the field.
pub trait Row<'a>: Deserialize<'a> {
    /// Price and size.
    fn level(&self) -> Result<Level, WireError>;
}

/// Reads rows of any shape into `out`, which is cleared first. More than [`LEVELS_MAX`] are refused.
pub fn levels_as<'a, R: Row<'a>>(json: &'a str, out: &mut Vec<Level>) -> Result<(), WireError> {
    out.clear();
    let mut fault = None;
    let mut json = sonic_rs::Deserializer::from_str(json);
    let read = Side { out, fault: &mut fault, row: PhantomData::<R> }.deserialize(&mut json);
    match (fault, read) {
        (Some(error), _) => Err(error),
        (None, Ok(())) => Ok(()),
        (None, Err(_)) => Err(WireError::Shape),
    }
}

/// Levels of an optional field; an absent side has none.
pub fn levels_of(field: &Field<'_>, out: &mut Vec<Level>) -> Result<(), WireError> {
    out.clear();
    match field {
        Some(raw) if raw.json() != "null" => levels(raw.json(), out),
        _ => Ok(()),
    }
}

struct Side<'v, R> {
    out: &'v mut Vec<Level>,
    fault: &'v mut Option<WireError>,
    row: PhantomData<R>,
}

impl<'de, R: Row<'de>> DeserializeSeed<'de> for Side<'_, R> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, R: Row<'de>> Visitor<'de> for Side<'_, R> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of levels")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(row) = seq.next_element::<R>()? {
            let level = row.level().map_err(|error| {
                *self.fault = Some(error);
                de::Error::custom("level")
            })?;
            if self.out.len() >= LEVELS_MAX {
                *self.fault = Some(WireError::TooMany("levels"));
                return Err(de::Error::custom("levels"));
            }
            self.out.push(level);
        }
        Ok(())
    }
}

/// Price and size of one level, as text.
struct Pair<'a> {
    price: Field<'a>,
    size: Field<'a>,
}

impl<'a> Row<'a> for Pair<'a> {
    fn level(&self) -> Result<Level, WireError> {
        Ok(Level { price: wire::price(&self.price, "price")?, size: wire::size(&self.size, "size")? })
    }
}

impl<'a> Deserialize<'a> for Pair<'a> {
    fn deserialize<D: Deserializer<'a>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PairOf)
    }
}

struct PairOf;

impl<'de> Visitor<'de> for PairOf {
    type Value = Pair<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a level")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Pair<'de>, A::Error> {
        let pair = Pair { price: seq.next_element()?, size: seq.next_element()? };
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(pair)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pair<'de>, A::Error> {
        #[derive(Deserialize)]
        #[serde(field_identifier, rename_all = "lowercase")]
        enum Key {
            #[serde(alias = "price")]
            Px,
            #[serde(alias = "qty", alias = "size")]
            Sz,
            #[serde(other)]
            Other,
        }
        let mut pair = Pair { price: None, size: None };
        while let Some(key) = map.next_key()? {
            let twice = match key {
                Key::Px => pair.price.replace(map.next_value()?).is_some(),
                Key::Sz => pair.size.replace(map.next_value()?).is_some(),
                Key::Other => {
                    map.next_value::<IgnoredAny>()?;
                    false
                }
            };
            if twice {
                return Err(de::Error::custom("a key stands twice"));
            }
        }
        Ok(pair)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_come_in_both_shapes() {
        let mut out = Vec::new();
        levels(r#" [ ["1.5" , "2", "0", "7"], [2, 0.25] ] "#, &mut out).unwrap();
        assert_eq!(out.len(), 2);
        assert_eq!(out[1].size.to_string(), "0.25");
        levels(r#"[{"n":3,"sz":"2","px":"1.5"}]"#, &mut out).unwrap();
        assert_eq!((out.len(), out[0].price.to_string()), (1, "1.5".to_string()));
        levels(r#"[{"price":34892.5,"qty":6385}]"#, &mut out).unwrap();
        assert_eq!((out.len(), out[0].size.to_string()), (1, "6385".to_string()));
        for (json, error) in [
            (r#"[["1"]]"#, WireError::Missing("size")),
            (r#"[["0","1"]]"#, WireError::Range("price")),
            (r#"[["1","-1"]]"#, WireError::Range("size")),
            (r#"["1"]"#, WireError::Shape),
            (r#"{}"#, WireError::Shape),
        ] {
            assert_eq!(levels(json, &mut out), Err(error), "{json}");
        }
    }

    #[test]
    fn a_key_that_stands_twice_is_refused() {
        let twice = r#"[{"px":"1","px":"2","sz":"3"}]"#;
        assert_eq!(levels(twice, &mut Vec::new()), Err(WireError::Shape));
    }
}
