//! Order books of Coinbase: `l2_data` and REST snapshots.

use super::decode::{CoinbaseDecoder, Head, UNDECODABLE};
use super::messages::{BookEvent, LevelRow, PriceBook, PriceRow, time};
use crate::dialect::follow::Orphan;
use crate::dialect::wire::{self, Field};
use crate::dialect::{LEVELS_MAX, Note, Out, WireError};
use crate::model::event::{Body, BookChange, Event, Level};

impl CoinbaseDecoder {
    /// Every event of an `l2_data` message. One that cannot be read costs its book: rule 5.
    pub(super) fn books(
        &mut self,
        head: Head,
        events: &Field<'_>,
        out: &mut dyn Out,
    ) -> Result<(), WireError> {
        let (mut all_named, mut one_lost) = (true, false);
        let read = wire::json(events, "events").and_then(|events| {
            wire::each_row(events, |row| {
                let named = self.named(head, row);
                all_named &= named.is_ok();
                let (ix, event) = named?;
                let read = self.read_event(&event);
                match read {
                    Ok(snapshot) => self.apply(ix, head, snapshot, out),
                    Err(_) => {
                        one_lost = true;
                        self.lose(ix, UNDECODABLE, head.at, out);
                    }
                }
                read.map(|_| ())
            })
        });
        if !all_named || read.is_err() && !one_lost {
            self.lose_all(head.conn, UNDECODABLE, head.at, out);
        }
        read
    }

    /// The product of an event; it lives on this connection from now on.
    fn named<'a>(&mut self, head: Head, row: &'a str) -> Result<(u32, BookEvent<'a>), WireError> {
        let event: BookEvent<'a> = wire::object(row)?;
        let ix = self.table.intern(&wire::required(&event.product_id, "product_id")?)?;
        let state = self.table.state_mut(ix).ok_or(WireError::TooMany("symbols"))?;
        state.follow.conn = Some(head.conn);
        Ok((ix, event))
    }

    /// Reads the levels of an event into `bids` and `asks`; true for a snapshot.
    fn read_event(&mut self, event: &BookEvent<'_>) -> Result<bool, WireError> {
        let snapshot = match &*wire::word(&event.kind) {
            "snapshot" => true,
            "update" => false,
            _ => return Err(WireError::Word("type")),
        };
        self.bids.clear();
        self.asks.clear();
        let mut fault = Ok(());
        wire::each_row(wire::json(&event.updates, "updates")?, |row| {
            let row: LevelRow<'_> = wire::object(row)?;
            let level = Level {
                price: wire::price(&row.price_level, "price_level")?,
                size: wire::size(&row.new_quantity, "new_quantity")?,
            };
            if self.bids.len() + self.asks.len() >= LEVELS_MAX {
                fault = Err(WireError::TooMany("levels"));
                return fault;
            }
            match &*wire::word(&row.side) {
                "bid" => self.bids.push(level),
                "offer" => self.asks.push(level),
                _ => return Err(WireError::Word("side")),
            }
            Ok(())
        })?;
        fault.map(|()| snapshot)
    }

    /// Takes an event whose levels stand in `bids` and `asks`.
    pub(super) fn apply(&mut self, ix: u32, head: Head, snapshot: bool, out: &mut dyn Out) {
        let Some((symbol, state)) = self.table.both(ix) else { return };
        state.follow.conn = Some(head.conn);
        if snapshot {
            state.follow.start(head.conn, ()); // rule 1
        } else if !state.follow.is_live() {
            out.note(Note::Superseded);
            if state.follow.orphan() == Orphan::Ask {
                let product = [symbol.text.to_string()];
                self.ask_again(head.conn, &product, out);
            }
            return;
        }
        let seq = u64::try_from(head.number).ok();
        let change = BookChange { snapshot, bids: &self.bids, asks: &self.asks, seq };
        out.event(Event { symbol, ts_venue: head.at, body: Body::Book(change) });
    }

    /// A book asked for over REST: rule 6.
    pub(super) fn audit(&mut self, json: &str, out: &mut dyn Out) -> Result<(), WireError> {
        let book: PriceBook<'_> = wire::object(json)?;
        let ts_venue = time(&book.time, "time")?;
        let ix = self.table.intern(&wire::required(&book.product_id, "product_id")?)?;
        for (side, levels) in [(&book.bids, &mut self.bids), (&book.asks, &mut self.asks)] {
            levels.clear();
            wire::each_row(wire::list(side), |row| {
                let row: PriceRow<'_> = wire::object(row)?;
                if levels.len() >= LEVELS_MAX {
                    return Err(WireError::TooMany("levels"));
                }
                levels.push(Level {
                    price: wire::price(&row.price, "price")?,
                    size: wire::size(&row.size, "size")?,
                });
                Ok(())
            })?;
        }
        let change = BookChange { snapshot: true, bids: &self.bids, asks: &self.asks, seq: None };
        out.event(Event { symbol: self.table.symbol(ix), ts_venue, body: Body::Audit(change) });
        Ok(())
    }
}
