//! Slow figures of Kraken Futures, from the socket and from `GET /tickers`.

use rust_decimal::Decimal;

use super::decode::KrakenDecoder;
use super::messages::{Greeks, TickerData, flag};
use crate::dialect::wire;
use crate::dialect::{Out, WireError};
use crate::model::event::{Body, Event, OptionTick, Quote, Ticker, VenueState};
use crate::model::time::Nanos;

impl KrakenDecoder {
    /// A whole ticker; `at` is its time where it tells none.
    pub(super) fn ticker(
        &mut self,
        json: &str,
        at: Option<Nanos>,
        out: &mut dyn Out,
    ) -> Result<(), WireError> {
        let data: TickerData<'_> = wire::object(json)?;
        let ix = self.table.intern(&wire::required(&data.product_id, "product_id")?)?;
        let ticker = read(&data, self.is_inverse(ix))?;
        let quote = quote(&data)?;
        let option = data.greeks.as_ref().map(|greeks| option(greeks, &ticker)).transpose()?;
        let ts_venue = wire::millis(&data.time, "time")?.or(at);
        let symbol = self.table.symbol(ix);
        if ticker != Ticker::default() {
            out.event(Event { symbol, ts_venue, body: Body::Ticker(&ticker) });
        }
        if let Some(option) = &option {
            out.event(Event { symbol, ts_venue, body: Body::Option(option) });
        }
        if let Some(quote) = quote {
            out.event(Event { symbol, ts_venue, body: Body::Quote(quote) });
        }
        let now = match (flag(&data.suspended), flag(&data.post_only)) {
            (Some(true), _) => VenueState::Halted,
            (_, Some(true)) => VenueState::PostOnly,
            (None, None) => return Ok(()),
            _ => VenueState::Open,
        };
        self.tell_state(ix, now, ts_venue, out);
        Ok(())
    }
}

fn read(data: &TickerData<'_>, inverse: bool) -> Result<Ticker, WireError> {
    let index = wire::slow_price(&data.index, "index")?;
    let rate = |relative, absolute, name| {
        Ok(match wire::figure(relative, name)? {
            Some(rate) => Some(rate),
            None => relative_rate(wire::figure(absolute, name)?, index, inverse),
        })
    };
    let funding_rate = rate(&data.relative_funding_rate, &data.funding_rate, "funding_rate")?;
    Ok(Ticker {
        last: wire::slow_price(&data.last, "last")?,
        mark: wire::slow_price(&data.mark, "markPrice")?,
        index,
        funding_rate,
        funding_interval_h: funding_rate.map(|_| Decimal::ONE),
        funding_next: wire::millis(&data.next_funding_rate_time, "next_funding_rate_time")?,
        predicted_funding_rate: rate(
            &data.relative_funding_rate_prediction,
            &data.funding_rate_prediction,
            "funding_rate_prediction",
        )?,
        funding_cap: None,
        funding_floor: None,
        open_interest: wire::amount(&data.open_interest, "openInterest")?,
        open_interest_value: None,
        volume_24h: wire::amount(&data.volume, "volume")?,
    })
}

/// Greeks of an option, with the figures that its ticker has beside them.
fn option(greeks: &Greeks<'_>, ticker: &Ticker) -> Result<OptionTick, WireError> {
    Ok(OptionTick {
        mark: ticker.mark,
        delta: wire::figure(&greeks.delta, "delta")?,
        gamma: wire::figure(&greeks.gamma, "gamma")?,
        vega: wire::figure(&greeks.vega, "vega")?,
        theta: wire::figure(&greeks.theta, "theta")?,
        rho: wire::figure(&greeks.rho, "rho")?,
        underlying_price: ticker.index,
        open_interest: ticker.open_interest,
        ..OptionTick::default()
    })
}

/// The fraction for one hour of an absolute rate: dollars per base coin on linear contracts, base coins
/// per contract of one dollar on inverse ones.
fn relative_rate(absolute: Option<Decimal>, index: Option<Decimal>, inverse: bool) -> Option<Decimal> {
    let (absolute, index) = (absolute?, index?);
    if inverse { absolute.checked_mul(index) } else { absolute.checked_div(index) }
}

/// Best bid and ask; `None` where the message has neither.
fn quote(data: &TickerData<'_>) -> Result<Option<Quote>, WireError> {
    if data.bid_size.is_none() && data.ask_size.is_none() {
        return Ok(None);
    }
    Ok(Some(Quote {
        bid: wire::side(&data.bid, &data.bid_size, "bid", "bid_size")?,
        ask: wire::side(&data.ask, &data.ask_size, "ask", "ask_size")?,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn d(text: &str) -> Decimal {
        Decimal::from_str_exact(text).unwrap()
    }

    /// The vector of the venue's notes: `PI_LTCUSD` at an index of 60.31.
    #[test]
    fn absolute_rates_are_converted_by_the_kind_of_contract() {
        let rate = relative_rate(Some(d("0.000001739491032443")), Some(d("60.31")), true).unwrap();
        assert!((rate - d("0.000104908704166667")).abs() < d("0.000000000000001"), "{rate}");
        // 0.6 dollars per coin of 60,000 dollars are a hundred-thousandth.
        assert_eq!(relative_rate(Some(d("0.6")), Some(d("60000")), false), Some(d("0.00001")));
        assert_eq!(relative_rate(Some(d("0.6")), None, false), None, "no index, no rate");
    }

    #[test]
    fn the_relative_rate_is_believed_where_it_is_told() {
        let json = r#"{"product_id":"PF_X","index":50000.0,"funding_rate":5.0,"relative_funding_rate":0.00002,
            "funding_rate_prediction":-2.5}"#;
        let ticker = read(&wire::object(json).unwrap(), false).unwrap();
        assert_eq!(ticker.funding_rate, Some(d("0.00002")));
        assert_eq!(ticker.predicted_funding_rate, Some(d("-0.00005")), "absolute: over the index");
        assert_eq!(ticker.funding_interval_h, Some(Decimal::ONE));
        let dated =
            read(&wire::object(r#"{"product_id":"FF_X_261225","index":5.0}"#).unwrap(), false).unwrap();
        assert_eq!((dated.funding_rate, dated.funding_interval_h), (None, None));
    }
}
