//! Bitget messages to events: best quotes, slow figures, liquidations.

use rust_decimal::Decimal;

use super::decode::{BitgetDecoder, Touch, side};
use super::messages::{Address, BookRow, Frame, LiquidationRow, TickerRow};
use super::product::Product;
use crate::dialect::levels::levels_of;
use crate::dialect::wire;
use crate::dialect::{Out, WireError};
use crate::model::entry::ConnIx;
use crate::model::event::{
    Body, Event, Liquidation, LiquidationPrice, PositionSide, Quote, Side, Ticker, TradeId,
};
use crate::model::num::Num;
use crate::model::time::Nanos;

/// Digits behind the point of a size that is computed from an amount of money.
const SIZE_PLACES: u32 = 8;

impl BitgetDecoder {
    /// `books1`: the best level of each side, always whole.
    pub(super) fn touches(
        &mut self,
        conn: ConnIx,
        address: &Address,
        product: Product,
        frame: &Frame<'_>,
        out: &mut dyn Out,
    ) -> Result<(), WireError> {
        let ix = self.place(product, &address.symbol)?;
        wire::each_row(frame.rows()?, |row| {
            let row: BookRow<'_> = wire::object(row)?;
            levels_of(&row.b, &mut self.bids)?;
            levels_of(&row.a, &mut self.asks)?;
            let ts_venue = wire::millis(&row.ts, "ts")?;
            self.touch(ix, conn, product, ts_venue, out)
        })
    }

    /// Takes a `books1` message whose levels stand in `bids` and `asks`.
    pub(super) fn touch(
        &mut self,
        ix: u32,
        conn: ConnIx,
        product: Product,
        ts_venue: Option<Nanos>,
        out: &mut dyn Out,
    ) -> Result<(), WireError> {
        let Touch(mut quote) = Touch::default();
        for (place, levels) in [(&mut quote.bid, &self.bids), (&mut quote.ask, &self.asks)] {
            if let Some(best) = levels.first().filter(|l| !l.size.is_zero()) {
                *place = *best;
            }
        }
        let touch = Touch(quote);
        let quote = touch.quote(product)?;
        let Some((symbol, state)) = self.table.both(ix) else { return Ok(()) };
        state.touch = touch;
        state.touch_conn = Some(conn);
        out.event(Event { symbol, ts_venue, body: Body::Quote(quote) });
        Ok(())
    }

    /// A ticker, whole or in part: what is absent is unchanged.
    pub(super) fn tickers(
        &mut self,
        address: &Address,
        product: Product,
        frame: &Frame<'_>,
        out: &mut dyn Out,
    ) -> Result<(), WireError> {
        let ix = self.place(product, &address.symbol)?;
        let sent = wire::millis(&frame.ts, "ts")?;
        wire::each_row(frame.rows()?, |row| {
            let row: TickerRow<'_> = wire::object(row)?;
            let ts_venue = wire::millis(&row.ts, "ts")?.or(sent);
            let ticker = ticker(product, &row)?;
            let Some((symbol, state)) = self.table.both(ix) else { return Ok(()) };
            if ticker != Ticker::default() {
                out.event(Event { symbol, ts_venue, body: Body::Ticker(&ticker) });
            }
            if state.touch_conn.is_none() && row.best_into(&mut state.touch.0)? {
                let quote = state.touch.quote(product)?;
                out.event(Event { symbol, ts_venue, body: Body::Quote(quote) });
            }
            Ok(())
        })
    }

    /// `side` is that of the position, `amount` is money in the quote coin: price × size. The price is the
    /// liquidation price of the position, where no trade happens.
    pub(super) fn liquidations(
        &mut self,
        product: Product,
        frame: &Frame<'_>,
        out: &mut dyn Out,
    ) -> Result<(), WireError> {
        wire::each_row(frame.rows()?, |row| {
            let row: LiquidationRow<'_> = wire::object(row)?;
            let price = wire::price(&row.price, "price")?;
            let liquidation = Liquidation {
                id: TradeId::None,
                price,
                size: bought(product, wire::size(&row.amount, "amount")?, price)?,
                position: match side(&row.side)? {
                    Side::Buy => PositionSide::Long,
                    Side::Sell => PositionSide::Short,
                },
                price_is: LiquidationPrice::Bankruptcy,
                loss: None,
            };
            let ts_venue = wire::millis(&row.ts, "ts")?;
            let ix = self.place(product, &wire::required(&row.symbol, "symbol")?)?;
            out.event(Event {
                symbol: self.table.symbol(ix),
                ts_venue,
                body: Body::Liquidation(liquidation),
            });
            Ok(())
        })
    }
}

/// The size that an amount of money stands for: base coins, or the dollars themselves where sizes are
/// dollars.
fn bought(product: Product, amount: Num, price: Num) -> Result<Num, WireError> {
    if product == Product::Coin {
        return Ok(amount);
    }
    let size = amount.to_decimal().checked_div(price.to_decimal()).ok_or(WireError::Number("amount"))?;
    let size = size.round_dp(SIZE_PLACES).normalize();
    Num::parse(size.to_string().as_bytes()).ok_or(WireError::Number("amount"))
}

/// Figures of a ticker. A dated contract has no next funding: its rate of zero says nothing.
fn ticker(product: Product, row: &TickerRow<'_>) -> Result<Ticker, WireError> {
    let funding_next = wire::millis(&row.next_funding_time, "nextFundingTime")?;
    let is_funded = row.next_funding_time.is_none() || funding_next.is_some();
    let volume = match product {
        Product::Coin => wire::amount(&row.turnover, "turnover24h")?,
        Product::Usdt | Product::Usdc => wire::amount(&row.volume, "volume24h")?,
    };
    let rate: Option<Decimal> = wire::figure(&row.funding_rate, "fundingRate")?;
    Ok(Ticker {
        last: wire::slow_price(&row.last_price, "lastPrice")?,
        mark: wire::slow_price(&row.mark_price, "markPrice")?,
        index: wire::slow_price(&row.index_price, "indexPrice")?,
        funding_rate: rate.filter(|_| is_funded),
        funding_next,
        open_interest: wire::amount(&row.open_interest, "openInterest")?,
        volume_24h: volume,
        ..Ticker::default()
    })
}

impl TickerRow<'_> {
    /// Takes the best bid and ask into `quote`. False when the message carries neither.
    fn best_into(&self, quote: &mut Quote) -> Result<bool, WireError> {
        let bid = wire::side_into(&mut quote.bid, &self.bid1_price, &self.bid1_size)?;
        let ask = wire::side_into(&mut quote.ask, &self.ask1_price, &self.ask1_size)?;
        Ok(bid || ask)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fault: the amount of money taken for coins, which is what other collectors do.
    #[test]
    fn an_amount_of_money_is_a_size_at_its_price() {
        let num = |text: &str| Num::parse(text.as_bytes()).unwrap();
        let bought = |amount, price| bought(Product::Usdt, num(amount), num(price));
        assert_eq!(bought("1790.002", "89500.1").unwrap().to_string(), "0.02");
        assert_eq!(bought("37.72", "89500.1").unwrap().to_string(), "0.00042145");
        assert!(bought("900000000000000000", "0.000000001").is_err());
        let dollars = super::bought(Product::Coin, num("37.72"), num("89500.1"));
        assert_eq!(dollars.unwrap().to_string(), "37.72");
    }

    /// The venue's table of the channel: "`buy` Long position liquidation, `sell` Short position
    /// liquidation"; "Liquidation amount. Unit: quote coin."
    #[test]
    fn the_side_of_a_liquidation_is_that_of_the_position() {
        #[derive(Default)]
        struct Sides(Vec<PositionSide>);
        impl Out for Sides {
            fn event(&mut self, event: Event<'_>) {
                if let Body::Liquidation(l) = event.body {
                    self.0.push(l.position);
                }
            }
            fn command(&mut self, _: crate::model::venue::Command) {}
            fn note(&mut self, _: crate::dialect::Note<'_>) {}
        }
        let venue =
            crate::config::venues::read("bitget", include_str!("../../../venues/bitget.toml")).unwrap();
        let mut sides = Sides::default();
        let frame = br#"{"action":"update","arg":{"instType":"usdt-futures","topic":"liquidation"},"data":[
            {"symbol":"BTCUSDT","side":"buy","price":"89000","amount":"37.72","ts":"1790000000950"},
            {"symbol":"BTCUSDT","side":"sell","price":"91000","amount":"37.72","ts":"1790000000950"}],"ts":1790000001000}"#;
        crate::dialect::Decoder::frame(&mut BitgetDecoder::new(&venue), ConnIx(0), frame, &mut sides);
        assert_eq!(sides.0, [PositionSide::Long, PositionSide::Short]);
    }
}
