//! dYdX messages to events: trades, markets, REST answers.

use super::decode::DydxDecoder;
use super::messages::{BookData, MarketRow, MarketsData, TradeRow, TradesData, each_member, unwrapped};
use super::{BOOKS, MARKETS, segment};
use crate::dialect::levels::levels_of;
use crate::dialect::wire::{self, Field};
use crate::dialect::{Note, Out, WireError};
use crate::model::entry::RestAnswer;
use crate::model::event::{
    Body, BookChange, Event, Liquidation, LiquidationPrice, PositionSide, Side, Ticker, Trade, TradeId,
};

/// Path of past trades, before the ticker.
const TRADES: &str = "/v4/trades/perpetualMarket/";

impl DydxDecoder {
    /// Trades; on subscription the last hundred or so, newest first, are repeated.
    ///
    /// `side` is the taker's. Where `type` says that the taker was closed by force, by liquidation or by
    /// deleveraging, the position is the opposite of the order: `SELL` closed a long.
    pub(super) fn trades(
        &mut self,
        ix: u32,
        json: &str,
        is_history: bool,
        out: &mut dyn Out,
    ) -> Result<(), WireError> {
        let data: TradesData<'_> = wire::object(json)?;
        let rows = data.trades.as_ref().ok_or(WireError::Missing("trades"))?;
        let symbol = self.table.symbol(ix);
        wire::each_row(rows.json(), |row| {
            let row: TradeRow<'_> = wire::object(row)?;
            let id = wire::word(&row.id);
            let id = if id.is_empty() { TradeId::None } else { TradeId::Text(&id) };
            let (price, size) = (wire::price(&row.price, "price")?, wire::size(&row.size, "size")?);
            let side = side(&row.side)?;
            let ts_venue = wire::instant(&row.created_at, "createdAt")?;
            let is_liquidation = matches!(&*wire::word(&row.kind), "LIQUIDATED" | "DELEVERAGED");
            let trade = Trade { id, price, size, side, is_liquidation, is_history };
            out.event(Event { symbol, ts_venue, body: Body::Trade(trade) });
            if is_liquidation && !is_history {
                let (position, price_is) = (PositionSide::closed_by(side), LiquidationPrice::Fill);
                let body = Body::Liquidation(Liquidation { id, price, size, position, price_is, loss: None });
                out.event(Event { symbol, ts_venue, body });
            }
            Ok(())
        })
    }

    /// All markets, changed figures of some, or oracle prices.
    pub(super) fn markets(&mut self, json: &str, out: &mut dyn Out) -> Result<(), WireError> {
        let data: MarketsData<'_> = wire::object(json)?;
        let mut read = Err(WireError::Missing("markets"));
        for part in [&data.markets, &data.trading, &data.oracle_prices].into_iter().flatten() {
            let part = each_member(part.json(), |name, row| self.market(name, row, out));
            read = if read == Err(WireError::Missing("markets")) { part } else { read.and(part) };
        }
        read
    }

    fn market(&mut self, name: &str, json: &str, out: &mut dyn Out) -> Result<(), WireError> {
        let row: MarketRow<'_> = wire::object(json)?;
        let ts_venue = wire::instant(&row.effective_at, "effectiveAt")?;
        let ix = self.table.intern(name)?;
        let Some((symbol, state)) = self.table.both(ix) else { return Ok(()) };
        let news = state.market.merge(name, &row)?;
        let mut say = |body: Body<'_>| out.event(Event { symbol, ts_venue, body });
        if let Some(def) = &news.def {
            say(Body::Instrument(def));
        }
        if let Some(state) = news.state {
            say(Body::Status(state));
        }
        if let Some(schedule) = &news.schedule {
            say(Body::Schedule(schedule));
        }
        if news.ticker != Ticker::default() {
            say(Body::Ticker(&news.ticker));
        }
        if news.open_interest.is_some() {
            say(Body::Ticker(&Ticker { open_interest: news.open_interest, ..Ticker::default() }));
        }
        Ok(())
    }

    pub(super) fn answer(&mut self, answer: &RestAnswer<'_>, out: &mut dyn Out) -> Result<(), WireError> {
        if answer.status != 200 {
            out.note(Note::Refused(&format!("HTTP {}", answer.status)));
            return Ok(());
        }
        let body = unwrapped(wire::guarded(answer.body)?)?;
        let path = answer.url.split_once('?').map_or(answer.url, |(path, _)| path);
        if path.ends_with(MARKETS) {
            self.markets(&body, out)
        } else if let Some((_, name)) = path.split_once(BOOKS) {
            self.checked_book(name, &body, out)
        } else if let Some((_, name)) = path.split_once(TRADES) {
            let ix = self.named(name).ok_or(WireError::Word("ticker"))?;
            self.trades(ix, &body, true, out)
        } else {
            out.note(Note::Unused("REST answer"));
            Ok(())
        }
    }

    /// A book that was asked for to check the streamed one; uncrossed like it.
    fn checked_book(&mut self, name: &str, json: &str, out: &mut dyn Out) -> Result<(), WireError> {
        let data: BookData<'_> = wire::object(json)?;
        let ix = self.named(name).ok_or(WireError::Word("ticker"))?;
        levels_of(&data.bids, &mut self.bids)?;
        levels_of(&data.asks, &mut self.asks)?;
        let Some((symbol, state)) = self.table.both(ix) else { return Ok(()) };
        state.book.audit(&mut self.bids, &mut self.asks)?;
        let book = BookChange { snapshot: true, bids: &self.bids, asks: &self.asks, seq: None };
        out.event(Event { symbol, ts_venue: None, body: Body::Audit(book) });
        Ok(())
    }

    /// The market that a path names.
    fn named(&mut self, name: &str) -> Option<u32> {
        let plain = self.table.find(name.as_bytes());
        plain
            .or_else(|| self.table.each().find(|(symbol, _)| segment(symbol.text) == name).map(|(s, _)| s.ix))
    }
}

pub(super) fn side(field: &Field<'_>) -> Result<Side, WireError> {
    wire::order_side(field, "side", ["BUY", "SELL"])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::dialect::Decoder;
    use crate::model::entry::ConnIx;
    use crate::model::venue::Command;

    struct Closed(Vec<PositionSide>);

    impl Out for Closed {
        fn event(&mut self, event: Event<'_>) {
            if let Body::Liquidation(liquidation) = event.body {
                self.0.push(liquidation.position);
            }
        }

        fn command(&mut self, _: Command) {}

        fn note(&mut self, _: Note<'_>) {}
    }

    /// The venue's documentation of the socket: "LIQUIDATED is for the taker side of the fill where the
    /// subaccount was liquidated"; deleveraged accounts are takers too. `side` of a trade is the taker's.
    #[test]
    fn who_sold_as_taker_of_a_liquidation_was_long() {
        let venue = config::venues::read("dydx", include_str!("../../../venues/dydx.toml")).unwrap();
        let mut decoder = DydxDecoder::new(&venue);
        let mut closed = Closed(Vec::new());
        for (side, kind) in [
            ("SELL", "LIQUIDATED"),
            ("BUY", "LIQUIDATED"),
            ("BUY", "DELEVERAGED"),
            ("SELL", "LIMIT"),
            ("BUY", "OFFSETTING"),
        ] {
            let trade = format!(r#"{{"id":"0a","size":"1","price":"2","side":"{side}","type":"{kind}"}}"#);
            let text = format!(
                r#"{{"type":"channel_data","message_id":1,"id":"BTC-USD","channel":"v4_trades","contents":{{"trades":[{trade}]}}}}"#
            );
            decoder.frame(ConnIx(closed.0.len() as u16), text.as_bytes(), &mut closed);
        }
        assert_eq!(closed.0, [PositionSide::Long, PositionSide::Short, PositionSide::Short]);
    }
}
