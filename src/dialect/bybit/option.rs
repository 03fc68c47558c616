//! Option tickers of Bybit: always whole, volatilities as fractions, a zero where there is none.

use serde::Deserialize;

use super::decode::BybitDecoder;
use crate::dialect::wire::{self, Field};
use crate::dialect::{Out, WireError};
use crate::model::event::{Body, Event, OptionTick, Quote, Ticker};
use crate::model::time::Nanos;

/// A ticker of the socket or, with other names for the touch, of REST.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data<'a> {
    #[serde(borrow)]
    symbol: Field<'a>,
    #[serde(borrow, alias = "bid1Price")]
    bid_price: Field<'a>,
    #[serde(borrow, alias = "bid1Size")]
    bid_size: Field<'a>,
    #[serde(borrow, alias = "bid1Iv")]
    bid_iv: Field<'a>,
    #[serde(borrow, alias = "ask1Price")]
    ask_price: Field<'a>,
    #[serde(borrow, alias = "ask1Size")]
    ask_size: Field<'a>,
    #[serde(borrow, alias = "ask1Iv")]
    ask_iv: Field<'a>,
    #[serde(borrow)]
    last_price: Field<'a>,
    #[serde(borrow)]
    mark_price: Field<'a>,
    #[serde(borrow, alias = "markIv")]
    mark_price_iv: Field<'a>,
    #[serde(borrow)]
    index_price: Field<'a>,
    #[serde(borrow)]
    underlying_price: Field<'a>,
    #[serde(borrow)]
    open_interest: Field<'a>,
    #[serde(borrow, rename = "volume24h")]
    volume_24h: Field<'a>,
    #[serde(borrow)]
    delta: Field<'a>,
    #[serde(borrow)]
    gamma: Field<'a>,
    #[serde(borrow)]
    vega: Field<'a>,
    #[serde(borrow)]
    theta: Field<'a>,
}

impl BybitDecoder {
    pub(super) fn option(
        &mut self,
        json: &str,
        ts_venue: Option<Nanos>,
        out: &mut dyn Out,
    ) -> Result<(), WireError> {
        let data: Data<'_> = wire::object(json)?;
        let ix = self.table.intern(&wire::required(&data.symbol, "symbol")?)?;
        let mark = wire::slow_price(&data.mark_price, "markPrice")?;
        let open_interest = wire::amount(&data.open_interest, "openInterest")?;
        let ticker = Ticker {
            last: wire::slow_price(&data.last_price, "lastPrice")?,
            mark,
            index: wire::slow_price(&data.index_price, "indexPrice")?,
            open_interest,
            volume_24h: wire::amount(&data.volume_24h, "volume24h")?,
            ..Ticker::default()
        };
        let tick = OptionTick {
            mark,
            mark_iv: wire::slow_price(&data.mark_price_iv, "markPriceIv")?,
            bid_iv: wire::slow_price(&data.bid_iv, "bidIv")?,
            ask_iv: wire::slow_price(&data.ask_iv, "askIv")?,
            delta: wire::figure(&data.delta, "delta")?,
            gamma: wire::figure(&data.gamma, "gamma")?,
            vega: wire::figure(&data.vega, "vega")?,
            theta: wire::figure(&data.theta, "theta")?,
            rho: None,
            underlying_price: wire::slow_price(&data.underlying_price, "underlyingPrice")?,
            open_interest,
        };
        let quote = Quote {
            bid: wire::side(&data.bid_price, &data.bid_size, "bidPrice", "bidSize")?,
            ask: wire::side(&data.ask_price, &data.ask_size, "askPrice", "askSize")?,
        };
        let symbol = self.table.symbol(ix);
        for body in [Body::Ticker(&ticker), Body::Option(&tick), Body::Quote(quote)] {
            out.event(Event { symbol, ts_venue, body });
        }
        Ok(())
    }
}
