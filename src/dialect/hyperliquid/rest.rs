//! What `info` requests of Hyperliquid bring: terms, first figures, books, the state of the venue.

use super::decode::HyperliquidDecoder;
use super::messages::BookData;
use super::meta::{self, Meta, Tables};
use crate::dialect::levels::levels;
use crate::dialect::wire::{self, Field, Raw};
use crate::dialect::{Note, Out, WireError};
use crate::model::entry::RestAnswer;
use crate::model::event::{Body, BookChange, Event, Symbol, VenueState};
use crate::model::time::SECOND;
use serde::Deserialize;

/// A book asked for is compared with deep levels of about the same time only: those come each 5 s.
const AUDIT_NEAR: i64 = SECOND;

/// Fields that tell what an answer is. The request stands in the address, which foreign captures do not
/// keep.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Any<'a> {
    #[serde(borrow)]
    universe: Field<'a>,
    #[serde(borrow)]
    tokens: Field<'a>,
    #[serde(borrow)]
    levels: Field<'a>,
    #[serde(borrow)]
    special_statuses: Field<'a>,
}

impl HyperliquidDecoder {
    pub(super) fn answer(&mut self, answer: &RestAnswer<'_>, out: &mut dyn Out) -> Result<(), WireError> {
        if answer.status != 200 {
            out.note(Note::Refused("REST answer"));
            return Ok(());
        }
        let body = wire::guarded(answer.body)?.trim();
        if body.starts_with('{') {
            let any: Any<'_> = wire::object(body)?;
            return match (&any.tokens, &any.universe, &any.levels) {
                (Some(tokens), ..) => {
                    self.tokens.learn(tokens.json())?;
                    out.note(Note::Unused("names of tokens")); // kept, nothing to tell
                    Ok(())
                }
                (_, Some(_), _) => self.universe(body, |_| {}, out),
                (.., Some(_)) => self.audit(body, out),
                _ if answer.url.contains("exchangeStatus") => {
                    status(&any.special_statuses, out);
                    Ok(())
                }
                _ => {
                    out.note(Note::Unused("REST answer"));
                    Ok(())
                }
            };
        }
        if let Ok((meta, contexts)) = wire::parse::<(Raw<'_>, Raw<'_>)>(body)
            && meta.json().starts_with('{')
            && contexts.json().starts_with('[')
        {
            let mut coins = Vec::new();
            let read = self.universe(meta.json(), |coin| coins.push(coin), out);
            let mut coins = coins.into_iter();
            return read.and(wire::each_row(contexts.json(), |row| match coins.next().flatten() {
                Some(coin) => self.context(&coin, row, out),
                None => Ok(()),
            }));
        }
        if answer.url.contains("allPerpMetas") {
            return wire::each_row(body, |meta| self.universe(meta, |_| {}, out));
        }
        out.note(Note::Unused("REST answer"));
        Ok(())
    }

    /// The universe of a dex in its order; `None` for a coin whose row cannot be read.
    fn universe(
        &mut self,
        json: &str,
        mut each: impl FnMut(Option<String>),
        out: &mut dyn Out,
    ) -> Result<(), WireError> {
        let meta: Meta<'_> = wire::object(json)?;
        let rows = meta.universe.as_ref().ok_or(WireError::Missing("universe"))?;
        let Some(collateral) = self.tokens.collateral(&meta)? else {
            out.note(Note::Unused("perpetuals whose collateral has no name yet"));
            return Ok(());
        };
        let tables = Tables::read(&meta)?;
        wire::each_row(rows.json(), |row| {
            let read = meta::read(row, &collateral, &tables).and_then(|listed| {
                let ix = self.symbol(&listed.name)?;
                let (symbol, ts_venue) = (self.symbols.get(ix), None);
                out.event(Event { symbol, ts_venue, body: Body::Instrument(&listed.def) });
                if let Some(schedule) = &listed.schedule {
                    out.event(Event { symbol, ts_venue, body: Body::Schedule(schedule) });
                }
                Ok(listed.name)
            });
            match read {
                Ok(name) => {
                    each(Some(name));
                    Ok(())
                }
                Err(error) => {
                    each(None);
                    Err(error)
                }
            }
        })
    }

    /// A book as it is now.
    fn audit(&mut self, json: &str, out: &mut dyn Out) -> Result<(), WireError> {
        let data: BookData<'_> = wire::object(json)?;
        let ix = self.symbol(&wire::required(&data.coin, "coin")?)?;
        let (bids, asks) = data.levels.as_ref().ok_or(WireError::Missing("levels"))?;
        levels(bids.json(), &mut self.bids)?;
        levels(asks.json(), &mut self.asks)?;
        let ts_venue = wire::millis(&data.time, "time")?;
        if !self.states.get(ix as usize).is_some_and(|state| state.book.is_near(ts_venue, AUDIT_NEAR)) {
            out.note(Note::Superseded);
            return Ok(());
        }
        let book = BookChange { snapshot: true, bids: &self.bids, asks: &self.asks, seq: None };
        out.event(Event { symbol: self.symbols.get(ix), ts_venue, body: Body::Audit(book) });
        Ok(())
    }
}

/// Nothing special is the rule; whatever is said otherwise stands between a desk and its orders.
fn status(special: &Field<'_>, out: &mut dyn Out) {
    let is_quiet = special.as_ref().is_none_or(|raw| matches!(raw.json(), "null" | "[]"));
    let state = if is_quiet { VenueState::Open } else { VenueState::Maintenance };
    out.event(Event { symbol: Symbol::NONE, ts_venue: None, body: Body::Status(state) });
}
