//! Trades and tickers of Coinbase.

use super::decode::CoinbaseDecoder;
use super::messages::{ListEvent, TickerRow, TradeRow, time};
use crate::dialect::wire;
use crate::dialect::{Note, Out, WireError};
use crate::model::event::{Body, Event, Quote, Side, Ticker, Trade, TradeId};
use crate::model::num::Num;
use crate::model::time::Nanos;

/// Prints at the touch that decide whether the venue still means the maker.
const JUDGED: u32 = 200;

/// Compares the first prints with the best bid and ask before them. It only warns.
#[derive(Default)]
pub(super) struct SideCheck {
    judged: u32,
    agreed: u32,
}

impl SideCheck {
    /// Takes a print and the touch before it. True once, when most prints lie on the wrong side.
    fn contradicts(&mut self, touch: Option<&Quote>, price: Num, taker: Side) -> bool {
        let Some(touch) = touch.filter(|_| self.judged < JUDGED) else { return false };
        let at = match (touch.ask.size.is_zero() || price < touch.ask.price, price <= touch.bid.price) {
            (false, _) => Side::Buy,
            (true, true) if !touch.bid.size.is_zero() => Side::Sell,
            _ => return false, // inside the spread
        };
        self.judged += 1;
        self.agreed += u32::from(at == taker);
        self.judged == JUDGED && self.agreed * 2 < JUDGED
    }
}

impl CoinbaseDecoder {
    /// Events of `market_trades`. A snapshot repeats what was before the subscription.
    pub(super) fn trades(&mut self, events: &str, out: &mut dyn Out) -> Result<(), WireError> {
        wire::each_row(events, |event| {
            let event: ListEvent<'_> = wire::object(event)?;
            let is_history = match &*wire::word(&event.kind) {
                "snapshot" => true,
                "update" => false,
                _ => return Err(WireError::Word("type")),
            };
            self.prints(wire::json(&event.trades, "trades")?, is_history, out)
        })
    }

    /// Rows of trades, of the socket or of REST.
    pub(super) fn prints(
        &mut self,
        json: &str,
        is_history: bool,
        out: &mut dyn Out,
    ) -> Result<(), WireError> {
        wire::each_row(json, |row| {
            let row: TradeRow<'_> = wire::object(row)?;
            let id = wire::word(&row.trade_id);
            let trade = Trade {
                id: if id.is_empty() { TradeId::None } else { TradeId::Text(&id) },
                price: wire::price(&row.price, "price")?,
                size: wire::size(&row.size, "size")?,
                side: taker(&wire::required(&row.side, "side")?)?,
                is_liquidation: false,
                is_history,
            };
            let ts_venue = time(&row.time, "time")?;
            let ix = self.table.intern(&wire::required(&row.product_id, "product_id")?)?;
            let touch = self.table.state(ix).and_then(|state| state.touch.as_ref());
            if !is_history && self.sides.contradicts(touch, trade.price, trade.side) {
                out.note(Note::Unknown("side of market_trades is the taker's?"));
            }
            out.event(Event { symbol: self.table.symbol(ix), ts_venue, body: Body::Trade(trade) });
            Ok(())
        })
    }

    /// Events of `ticker` and `ticker_batch`; the latter has no best bid and ask.
    pub(super) fn tickers(
        &mut self,
        at: Option<Nanos>,
        events: &str,
        out: &mut dyn Out,
    ) -> Result<(), WireError> {
        wire::each_row(events, |event| {
            let event: ListEvent<'_> = wire::object(event)?;
            wire::each_row(wire::json(&event.tickers, "tickers")?, |row| self.ticker(at, row, out))
        })
    }

    fn ticker(&mut self, ts_venue: Option<Nanos>, row: &str, out: &mut dyn Out) -> Result<(), WireError> {
        let row: TickerRow<'_> = wire::object(row)?;
        let ticker = Ticker {
            last: wire::slow_price(&row.price, "price")?,
            volume_24h: wire::amount(&row.volume_24_h, "volume_24_h")?,
            ..Ticker::default()
        };
        let has_touch = !wire::word(&row.best_bid).is_empty() || !wire::word(&row.best_ask).is_empty();
        let quote = Quote {
            bid: wire::side(&row.best_bid, &row.best_bid_quantity, "best_bid", "best_bid_quantity")?,
            ask: wire::side(&row.best_ask, &row.best_ask_quantity, "best_ask", "best_ask_quantity")?,
        };
        let ix = self.table.intern(&wire::required(&row.product_id, "product_id")?)?;
        let Some((symbol, state)) = self.table.both(ix) else { return Ok(()) };
        if ticker != Ticker::default() {
            out.event(Event { symbol, ts_venue, body: Body::Ticker(&ticker) });
        }
        if has_touch {
            state.touch = Some(quote);
            out.event(Event { symbol, ts_venue, body: Body::Quote(quote) });
        }
        Ok(())
    }
}

/// The side of the taker: the venue names the maker. A resting sell that was hit is a taker's buy.
fn taker(maker: &str) -> Result<Side, WireError> {
    match maker {
        "SELL" => Ok(Side::Buy),
        "BUY" => Ok(Side::Sell),
        _ => Err(WireError::Word("side")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::Level;

    fn num(text: &str) -> Num {
        Num::parse(text.as_bytes()).unwrap()
    }

    fn touch() -> Quote {
        let level = |price| Level { price: num(price), size: num("3") };
        Quote { bid: level("60000.01"), ask: level("60000.02") }
    }

    /// In a capture of 2026-04-07 the answer of `products/BTC-USD/ticker` has its newest print at its
    /// `best_ask`, and says `"side":"SELL"`: the side of the resting order.
    #[test]
    fn the_side_of_a_trade_is_the_makers() {
        assert_eq!((taker("SELL"), taker("BUY")), (Ok(Side::Buy), Ok(Side::Sell)));
        assert_eq!(taker("sell"), Err(WireError::Word("side")));
    }

    #[test]
    fn prints_on_the_wrong_side_of_the_touch_warn_once() {
        let mut check = SideCheck::default();
        let at_ask = |check: &mut SideCheck, side| check.contradicts(Some(&touch()), num("60000.02"), side);
        let warned = (0..500).filter(|_| at_ask(&mut check, Side::Sell)).count();
        assert_eq!(warned, 1);
        let mut check = SideCheck::default();
        assert!((0..500).all(|n| !at_ask(&mut check, if n % 3 == 0 { Side::Sell } else { Side::Buy })));
        let mut check = SideCheck::default();
        assert!(!check.contradicts(None, num("1"), Side::Buy) && check.judged == 0, "no touch, no judgement");
    }
}
