//! Levels as Deribit writes them: `["change", 60000.5, 900.0]` in a streamed book, `[60000.5, 900.0]` in
//! a grouped one and over REST.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};

use crate::dialect::WireError;
use crate::dialect::levels::{Row, levels_as};
use crate::dialect::wire::{self, Field, Raw};
use crate::model::event::Level;
use crate::model::num::Num;

/// Reads levels into `out`, which is cleared first.
pub(super) fn levels(json: &str, out: &mut Vec<Level>) -> Result<(), WireError> {
    levels_as::<RowText<'_>>(json, out)
}

/// One level, as text: two figures, or an action and two figures.
struct RowText<'a>([Field<'a>; 3]);

impl<'a> Row<'a> for RowText<'a> {
    fn level(&self) -> Result<Level, WireError> {
        let RowText([first, second, third]) = self;
        let action = match first.as_ref().map(Raw::json) {
            Some(json) if json.starts_with('"') => wire::word(first),
            _ => {
                return Ok(Level {
                    price: wire::price(first, "price")?,
                    size: wire::size(second, "amount")?,
                });
            }
        };
        let (price, size) = (wire::price(second, "price")?, wire::size(third, "amount")?);
        match &*action {
            "new" | "change" => Ok(Level { price, size }),
            "delete" => Ok(Level { price, size: Num::ZERO }),
            _ => Err(WireError::Word("action")),
        }
    }
}

impl<'a> Deserialize<'a> for RowText<'a> {
    fn deserialize<D: Deserializer<'a>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(RowOf)
    }
}

struct RowOf;

impl<'de> Visitor<'de> for RowOf {
    type Value = RowText<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a level")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<RowText<'de>, A::Error> {
        let row = RowText([seq.next_element()?, seq.next_element()?, seq.next_element()?]);
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_come_with_and_without_an_action() {
        let mut out = Vec::new();
        levels(r#"[["new",60000.5,10.0],["change",60000.0,5e1],["delete",59999.5,7.0]]"#, &mut out).unwrap();
        let shown: Vec<String> = out.iter().map(|l| format!("{} {}", l.price, l.size)).collect();
        assert_eq!(shown, ["60000.5 10.0", "60000.0 50", "59999.5 0"]);
        levels("[[0.0005, 153.1]]", &mut out).unwrap();
        assert_eq!((out.len(), out[0].size.to_string().as_str()), (1, "153.1"));
        for (json, error) in [
            (r#"[["new",1.0]]"#, WireError::Missing("amount")),
            (r#"[["new",0.0,1.0]]"#, WireError::Range("price")),
            (r#"[["new",1.0,-1.0]]"#, WireError::Range("amount")),
            (r#"[["move",1.0,1.0]]"#, WireError::Word("action")),
            (r#"[{"new":1}]"#, WireError::Shape),
            ("{}", WireError::Shape),
        ] {
            assert_eq!(levels(json, &mut out), Err(error), "{json}");
        }
    }
}
