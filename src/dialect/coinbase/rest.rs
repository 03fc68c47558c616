//! REST answers of Coinbase: the product list, books, recent trades.

use super::decode::CoinbaseDecoder;
use super::instruments::{self, Row};
use super::messages::Answer;
use super::{BOOK, PRODUCTS};
use crate::dialect::wire;
use crate::dialect::{Note, Out, WireError};
use crate::model::entry::RestAnswer;
use crate::model::event::{Body, Event, Ticker};

impl CoinbaseDecoder {
    pub(super) fn answer(&mut self, answer: &RestAnswer<'_>, out: &mut dyn Out) -> Result<(), WireError> {
        let text = wire::guarded(answer.body)?;
        if answer.status != 200 {
            refuse(text, out);
            return Ok(());
        }
        let parsed: Answer<'_> = wire::object(text)?;
        let path = answer.url.split_once('?').map_or(answer.url, |(path, _)| path);
        if path.ends_with(BOOK) {
            return self.audit(wire::json(&parsed.pricebook, "pricebook")?, out);
        }
        match path.split_once(PRODUCTS).map(|(_, below)| below) {
            Some("" | "/") => {
                wire::each_row(wire::json(&parsed.products, "products")?, |row| self.product(row, out))
            }
            Some(below) if below.ends_with("/ticker") => {
                self.prints(wire::json(&parsed.trades, "trades")?, true, out)
            }
            Some(_) => self.product(text, out),
            None => {
                out.note(Note::Unused("REST answer"));
                Ok(())
            }
        }
    }

    /// One product: terms, session, margin rates, each when it changed, and the figures of the moment.
    fn product(&mut self, json: &str, out: &mut dyn Out) -> Result<(), WireError> {
        let row: Row<'_> = wire::object(json)?;
        if row.is_no_crypto() {
            out.note(Note::Unused("contract on something else"));
            return Ok(());
        }
        let (name, def) = instruments::terms(&row)?;
        let (session, schedule) = (row.session(), row.schedule()?);
        let (slow, interest) = (row.ticker()?, row.open_interest()?);
        let ix = self.table.intern(&name)?;
        let Some((symbol, state)) = self.table.both(ix) else { return Ok(()) };
        let mut say = |body: Body<'_>| out.event(Event { symbol, ts_venue: None, body });
        if state.def.as_deref() != Some(&def) {
            say(Body::Instrument(&def));
            state.def = Some(Box::new(def));
        }
        if session.is_some() && state.state != session {
            state.state = session;
            say(Body::Status(session.unwrap_or_default()));
        }
        if let Some(schedule) = schedule.filter(|s| state.schedule.as_deref() != Some(s)) {
            say(Body::Schedule(&schedule));
            state.schedule = Some(Box::new(schedule));
        }
        if slow != Ticker::default() {
            say(Body::Ticker(&slow));
        }
        if interest.is_some() {
            say(Body::Ticker(&Ticker { open_interest: interest, ..Ticker::default() }));
        }
        Ok(())
    }
}

/// Notes a refusal in the venue's words: those of its JSON, or the plain text it answers without a key.
pub(super) fn refuse(text: &str, out: &mut dyn Out) {
    let Ok(answer) = wire::object::<Answer<'_>>(text) else { return out.note(Note::Refused(text.trim())) };
    let message = wire::word(&answer.message);
    let words = if message.is_empty() { wire::word(&answer.error) } else { message };
    out.note(Note::Refused(&words));
}
