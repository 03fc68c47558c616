//! The rows behind a `bitmex` order book: which price an id stands for. See the rules in the parent module.

use std::collections::BTreeMap;

use super::messages::{Action, BookRow, side};
use crate::dialect::wire;
use crate::dialect::{LEVELS_MAX, WireError};
use crate::model::event::{Level, Side};
use crate::model::num::Num;

/// Rows of one symbol, prices by id and side.
#[derive(Debug, Default)]
pub(super) struct Rows {
    prices: BTreeMap<(i64, bool), Num>,
}

/// What a row means for the book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// A level to set; a size of zero deletes it.
    Level(Side, Level),
    /// Nothing of the level changed.
    Same,
    /// Rule 4: the row contradicts the table.
    Contradiction,
}

impl Rows {
    /// Takes one row.
    pub(super) fn take(&mut self, action: Action, row: &BookRow<'_>) -> Result<Taken, WireError> {
        let side = side(&row.side)?;
        let id = wire::integer(&row.id, "id")?.ok_or(WireError::Missing("id"))?;
        let key = (id, side == Side::Buy);
        let told = wire::text(&row.price, "price")?.map(|_| wire::price(&row.price, "price")).transpose()?;
        match action {
            Action::Partial | Action::Insert => {
                let price = told.ok_or(WireError::Missing("price"))?;
                let size = wire::size(&row.size, "size")?;
                if self.prices.len() >= LEVELS_MAX {
                    return Err(WireError::TooMany("levels"));
                }
                let before = self.prices.insert(key, price);
                Ok(if before.is_none_or(|p| p == price) {
                    Taken::Level(side, Level { price, size })
                } else {
                    Taken::Contradiction
                })
            }
            Action::Update | Action::Delete => {
                let known = match self.prices.get(&key) {
                    Some(price) if told.is_none_or(|p| p == *price) => *price,
                    _ => return Ok(Taken::Contradiction),
                };
                if action == Action::Delete {
                    self.prices.remove(&key);
                    return Ok(Taken::Level(side, Level { price: known, size: Num::ZERO }));
                }
                if wire::text(&row.size, "size")?.is_none() {
                    return Ok(Taken::Same);
                }
                Ok(Taken::Level(side, Level { price: known, size: wire::size(&row.size, "size")? }))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(rows: &mut Rows, action: Action, json: &str) -> Result<Taken, WireError> {
        rows.take(action, &wire::object(json).unwrap())
    }

    fn level(side: Side, price: i64, size: i64) -> Result<Taken, WireError> {
        Ok(Taken::Level(side, Level { price: Num::new(price, 0), size: Num::new(size, 0) }))
    }

    #[test]
    fn rule_3_rows_are_known_by_id_and_side() {
        let mut rows = Rows::default();
        let (sell, buy) =
            (r#"{"id":7,"side":"Sell","size":5,"price":100}"#, r#"{"id":7,"side":"Buy","size":6}"#);
        assert_eq!(take(&mut rows, Action::Insert, sell), level(Side::Sell, 100, 5));
        assert_eq!(take(&mut rows, Action::Update, buy), Ok(Taken::Contradiction), "the same id, other side");
        let update = r#"{"id":7,"side":"Sell","size":9,"price":100.0}"#;
        assert_eq!(take(&mut rows, Action::Update, update), level(Side::Sell, 100, 9));
        let time_only = r#"{"id":7,"side":"Sell","timestamp":"2026-11-22T06:00:00.000Z"}"#;
        assert_eq!(take(&mut rows, Action::Update, time_only), Ok(Taken::Same));
        let delete = r#"{"id":7,"side":"Sell","price":100,"size":9}"#;
        assert_eq!(take(&mut rows, Action::Delete, delete), level(Side::Sell, 100, 0));
        assert_eq!(take(&mut rows, Action::Delete, delete), Ok(Taken::Contradiction), "gone already");
    }

    #[test]
    fn rule_4_a_row_whose_price_is_not_the_one_of_its_id_is_a_contradiction() {
        let mut rows = Rows::default();
        take(&mut rows, Action::Partial, r#"{"id":7,"side":"Buy","size":5,"price":100}"#).unwrap();
        for (action, json) in [
            (Action::Update, r#"{"id":7,"side":"Buy","size":5,"price":101}"#),
            (Action::Delete, r#"{"id":7,"side":"Buy","price":101}"#),
            (Action::Insert, r#"{"id":7,"side":"Buy","size":5,"price":101}"#),
            (Action::Update, r#"{"id":8,"side":"Buy","size":5}"#),
        ] {
            assert_eq!(take(&mut rows, action, json), Ok(Taken::Contradiction), "{json}");
        }
    }

    #[test]
    fn rule_5_before_2023_updates_and_deletes_have_no_price() {
        let mut rows = Rows::default();
        take(&mut rows, Action::Partial, r#"{"id":7,"side":"Buy","size":5,"price":100}"#).unwrap();
        let update = take(&mut rows, Action::Update, r#"{"id":7,"side":"Buy","size":6}"#);
        assert_eq!(update, level(Side::Buy, 100, 6));
        let delete = take(&mut rows, Action::Delete, r#"{"id":7,"side":"Buy"}"#);
        assert_eq!(delete, level(Side::Buy, 100, 0));
    }

    #[test]
    fn rows_that_cannot_be_are_errors() {
        let mut rows = Rows::default();
        for (json, error) in [
            (r#"{"id":7,"side":"Up","size":5,"price":100}"#, WireError::Word("side")),
            (r#"{"side":"Buy","size":5,"price":100}"#, WireError::Missing("id")),
            (r#"{"id":7,"side":"Buy","size":-5,"price":100}"#, WireError::Range("size")),
            (r#"{"id":7,"side":"Buy","size":5,"price":0}"#, WireError::Range("price")),
            (r#"{"id":7,"side":"Buy","size":5}"#, WireError::Missing("price")),
        ] {
            assert_eq!(take(&mut rows, Action::Insert, json), Err(error), "{json}");
        }
    }
}
