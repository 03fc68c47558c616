//! Family E: open interest, its flow and its shift, and what it would take to close it.
//!
//! E6 (share of the market's value) and E7 (share of exchange reserves) are not here: no feed states
//! supplies or reserves.

use super::tally::{self, Rows, interest_trust};
use super::{Bad, Card, Every, Input, Metric, Over, Row, Scope, Unit};
use crate::engine::figures::BANDS_BPS;
use crate::engine::flow::{Window, shift_tv, unit_money};
use crate::engine::listing::Listing;
use crate::engine::market::{FROZEN, Market};
use crate::model::Nanos;
use crate::snapshot::Quality;
use rust_decimal::prelude::ToPrimitive;

/// E1 in USD.
pub(super) struct OiUsd;
/// E1 in units of the underlying.
pub(super) struct OiBase;
/// E2 over a window.
pub(super) struct Flow(pub(super) Window);
/// E3 over an hour.
pub(super) struct Shift;
/// E4.
pub(super) struct DepthRatio;
/// E5.
pub(super) struct VolumeHours;

const CARD: Card = Card {
    inputs: &[Input::OpenInterest, Input::Ticker, Input::Rate],
    scopes: &[Over::Instrument, Over::Cell, Over::Underlying],
    ..Card::PLAIN
};

static USD: Card = Card {
    id: "oi_usd",
    title: "open interest",
    unit: Unit::Usd,
    meaning: "money at risk in open contracts, each counted once",
    formula: "contracts * multiplier * mark * usd (inverse: contracts * multiplier * usd)",
    source: "METRICS.md E1, §4.3",
    map_cap: Some(5e9),
    ..CARD
};

static BASE: Card = Card {
    id: "oi_base",
    title: "open interest, base",
    unit: Unit::Base,
    meaning: "open contracts in units of the underlying: inverse contracts shrink in USD terms only here",
    formula: "contracts to base with the mark of the venue",
    source: "METRICS.md E1, §4.3, erratum 1",
    ..CARD
};

/// The open interest of a listing in money, base, USD per money, and the trust in it.
fn interest(market: &Market, venue: u16, listing: &Listing, at: Nanos) -> Option<(f64, f64, f64, Quality)> {
    let (money, base, trust) = listing.open_interest()?;
    let (usd, rate) = market.usd(listing.money_currency)?;
    let age = interest_trust(market, venue, listing, at)?;
    Some((money, base, usd, trust.max(rate).max(age)))
}

impl Metric for OiUsd {
    fn card(&self) -> &'static Card {
        &USD
    }

    fn eval(&self, market: &Market, at: Nanos, out: &mut Vec<Row>) {
        let read = |venue, listing: &_| {
            interest(market, venue, listing, at)
                .map(|(money, _, usd, trust)| ([money * usd, 0.0, 0.0], trust))
        };
        tally::rows(market, Rows::All, out, read, |[usd, ..]| Some(usd));
    }
}

impl Metric for OiBase {
    fn card(&self) -> &'static Card {
        &BASE
    }

    fn eval(&self, market: &Market, at: Nanos, out: &mut Vec<Row>) {
        let read = |venue, listing: &_| {
            interest(market, venue, listing, at).map(|(_, base, _, trust)| ([base, 0.0, 0.0], trust))
        };
        tally::rows(market, Rows::All, out, read, |[base, ..]| Some(base));
    }
}

const fn flow_card(id: &'static str, title: &'static str, every: Every) -> Card {
    Card {
        id,
        title,
        unit: Unit::Percent,
        meaning: "positions being opened or closed, the effect of the price removed",
        formula: "100 * sum of contracts that came or went * their price at the start / open interest at the start",
        source: "METRICS.md E2, §4.3, erratum 1",
        bad: Bad::Both,
        every,
        ..CARD
    }
}

static FLOW_5M: Card = flow_card("oi_flow_pct_5m", "open interest flow 5 m", Every::Second);
static FLOW_1H: Card = Card {
    limits: Some((5.0, 10.0)), // per hour: the other windows have no limits of their own
    map_cap: Some(10.0),
    ..flow_card("oi_flow_pct_1h", "open interest flow 1 h", Every::TenSeconds)
};
static FLOW_24H: Card = flow_card("oi_flow_pct_24h", "open interest flow 24 h", Every::TenSeconds);

/// Open interest at the start of a window, and the same plus what came since, both at the price of the start.
fn moved(
    market: &Market,
    venue: u16,
    listing: &Listing,
    window: Window,
    at: Nanos,
) -> Option<(f64, f64, Quality)> {
    let (start, now) = listing.flow.start(window, at).zip(listing.flow.now())?;
    let trust = interest_trust(market, venue, listing, at)?.max(market.usd(listing.money_currency)?.1);
    Some((start.usd(), now.contracts * start.unit_usd, trust))
}

impl Metric for Flow {
    fn card(&self) -> &'static Card {
        match self.0 {
            Window::Minutes5 => &FLOW_5M,
            Window::Hour => &FLOW_1H,
            Window::Day => &FLOW_24H,
        }
    }

    fn eval(&self, market: &Market, at: Nanos, out: &mut Vec<Row>) {
        let read = |venue, listing: &_| {
            let (before, after, trust) = moved(market, venue, listing, self.0, at)?;
            Some(([after - before, before, 0.0], trust))
        };
        let percent = |[flow, before, _]: [f64; 3]| (before > 0.0).then(|| 100.0 * flow / before);
        tally::rows(market, Rows::All, out, read, percent);
    }
}

static SHIFT: Card = Card {
    id: "oi_shift_tv",
    title: "open interest shift 1 h",
    unit: Unit::Ratio,
    meaning: "leverage is migrating between venues",
    formula: "half the sum of |share now - share an hour ago|, both at the prices of an hour ago",
    source: "METRICS.md E3, erratum 2",
    limits: Some((0.03, 0.08)),
    every: Every::TenSeconds,
    scopes: &[Over::Underlying],
    ..CARD
};

impl Metric for Shift {
    fn card(&self) -> &'static Card {
        &SHIFT
    }

    fn eval(&self, market: &Market, at: Nanos, out: &mut Vec<Row>) {
        let (mut before, mut after) = (Vec::new(), Vec::new());
        for (underlying, members) in (0u16..).zip(&market.members) {
            before.clear();
            after.clear();
            let (mut expected, mut quality, mut as_of) = (0, Quality::Ok, Nanos(0));
            for of_venue in members.chunk_by(|a, b| a.0 == b.0) {
                let watched = of_venue.iter().filter_map(|m| Some((m.0, market.listing(m.0, m.1)?)));
                let mut sum = None;
                let mut is_watched = false;
                for (venue, listing) in watched.filter(|(_, l)| l.conn.is_some()) {
                    is_watched = true;
                    let Some((b, a, trust)) = moved(market, venue, listing, Window::Hour, at) else {
                        continue;
                    };
                    let (b0, a0) = sum.unwrap_or((0.0, 0.0));
                    sum = Some((b0 + b, a0 + a));
                    quality = quality.max(trust);
                    as_of = as_of.max(listing.oi_at.unwrap_or_default());
                }
                expected += u16::from(is_watched);
                if let Some((b, a)) = sum {
                    before.push(b);
                    after.push(a);
                }
            }
            if expected < 2 {
                continue; // one venue has nobody to lose to
            }
            let value = shift_tv(&before, &after);
            let used = before.len() as u16;
            if used < expected {
                quality = quality.max(Quality::Degraded);
            }
            let quality = value.map_or(Quality::Missing, |_| quality);
            let coverage = f64::from(used) / f64::from(expected);
            let row = Row::single(Scope::underlying(underlying), value, quality, as_of);
            out.push(Row { coverage, used, expected, ..row });
        }
    }
}

static DEPTH: Card = Card {
    id: "oi_depth_ratio",
    title: "open interest over depth",
    unit: Unit::Times,
    meaning: "how many times over the book would have to be eaten to close everything",
    formula: "oi_usd / USD within 200 bps of the mid, the smaller side, over venues with both; \
              1000000 stands for an empty side and all above",
    source: "METRICS.md E4",
    limits: Some((150.0, 400.0)),
    map_cap: Some(400.0),
    inputs: &[Input::OpenInterest, Input::Book, Input::Rate],
    scopes: &[Over::Cell, Over::Underlying],
    ..CARD
};

/// Stands for "more than any book".
const EMPTY_BOOK: f64 = 1e6;

/// E4: open interest over the depth of the smaller side. Nothing open is no figure; nothing to close it
/// with is the worst there is.
fn depth_ratio([interest, bid, ask]: [f64; 3]) -> Option<f64> {
    let side = bid.min(ask);
    let ratio = if side > 0.0 { interest / side } else { EMPTY_BOOK };
    (interest > 0.0).then_some(ratio.min(EMPTY_BOOK))
}

impl Metric for DepthRatio {
    fn card(&self) -> &'static Card {
        &DEPTH
    }

    fn eval(&self, market: &Market, at: Nanos, out: &mut Vec<Row>) {
        let read = |venue, listing: &Listing| {
            let (money, _, usd, mut trust) = interest(market, venue, listing, at)?;
            // A venue that stopped keeps its last depth for a minute, so that the ratio does not jump.
            let (figures, seen) = listing.held.filter(|(_, seen)| at.since(*seen) <= FROZEN)?;
            let band = |depth: Option<[f64; BANDS_BPS.len()]>| depth.and_then(|d| d.last().copied());
            let (bid, ask) = (band(figures.bid_depth)?, band(figures.ask_depth)?);
            if seen < at || figures.is_truncated {
                trust = trust.max(Quality::Degraded);
            }
            Some(([money * usd, bid * usd, ask * usd], trust))
        };
        tally::rows(market, Rows::Cells, out, read, depth_ratio);
    }
}

static HOURS: Card = Card {
    id: "oi_volume_hours",
    title: "hours to unwind",
    unit: Unit::Hours,
    meaning: "hours to close everything at a tenth of the volume",
    formula: "24 * oi_usd / (0.1 * USD traded in 24 h as the venue states it); reference lines 48 and 120 h",
    source: "METRICS.md E5, erratum 29",
    every: Every::TenSeconds,
    scopes: &[Over::Cell, Over::Underlying],
    ..CARD
};

/// E5. `None` without volume.
fn volume_hours([interest, volume, _]: [f64; 3]) -> Option<f64> {
    (volume > 0.0).then(|| 24.0 * interest / (0.1 * volume))
}

impl Metric for VolumeHours {
    fn card(&self) -> &'static Card {
        &HOURS
    }

    fn eval(&self, market: &Market, at: Nanos, out: &mut Vec<Row>) {
        let read = |venue, listing: &Listing| {
            let (money, _, usd, trust) = interest(market, venue, listing, at)?;
            let traded = listing.ticker.volume_24h?.to_f64()?;
            let factors = listing.factors?;
            let unit = unit_money(factors.payoff, factors.multiplier, listing.interest_price()?.0);
            Some(([money * usd, traded * unit * usd, 0.0], trust))
        };
        tally::rows(market, Rows::Cells, out, read, volume_hours);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::entry::ConnIx;
    use crate::model::event::{Body, BookChange, Event, Symbol, Ticker};
    use crate::model::instrument::InstrumentDef;
    use crate::model::time::SECOND;
    use rust_decimal::Decimal;

    fn near(value: Option<f64>, expected: f64) {
        assert!(
            value.is_some_and(|v| (v - expected).abs() <= expected.abs() * 1e-9),
            "{value:?}: {expected}"
        );
    }

    #[test]
    fn e4_open_interest_over_depth() {
        near(depth_ratio([6e9, 40e6, 55e6]), 150.0);
        near(depth_ratio([6e9, 55e6, 40e6]), 150.0);
        near(depth_ratio([6e9, 55e6, 0.0]), EMPTY_BOOK); // an empty side of a synced book
        assert_eq!(depth_ratio([0.0, 1.0, 1.0]), None);
    }

    #[test]
    fn e5_hours_at_a_tenth_of_the_volume() {
        near(volume_hours([6e9, 30e9, 0.0]), 48.0);
        assert_eq!(volume_hours([6e9, 0.0, 0.0]), None);
    }

    const SYMBOL: Symbol<'static> = Symbol { ix: 0, text: "X" };

    /// Three venues with a perpetual each, watched.
    fn market() -> Market {
        let spec = |id: &str| {
            let text = format!(
                "id = \"{id}\"\nbrand = \"v\"\nshort = \"v\"\nname = \"V\"\ndialect = \"x\"\n\
                 [[endpoint]]\nname = \"e\"\nurl = \"wss://v.invalid\"\nchannels = [\"book\"]\n\
                 [rest]\nurl = \"https://v.invalid\"\n"
            );
            toml::from_str(&text).unwrap()
        };
        let mut market = Market::new(["a", "b", "c"].map(spec).to_vec());
        for venue in 0..3 {
            let def = InstrumentDef {
                underlying: "BTC".into(),
                quote: "USD".into(),
                multiplier: Decimal::ONE,
                price_scale: Decimal::ONE,
                ..InstrumentDef::default()
            };
            market.define(venue, 0, "X", &def);
            let change = BookChange { snapshot: true, bids: &[], asks: &[], seq: None };
            let event = Event { symbol: SYMBOL, ts_venue: None, body: Body::Book(change) };
            market.apply(venue, ConnIx(venue), Nanos(0), &event);
        }
        market
    }

    fn tell(market: &mut Market, seconds: i64, mark: i64, interest: [i64; 3]) {
        for (venue, contracts) in (0u16..).zip(interest) {
            let ticker = Ticker {
                mark: Some(mark.into()),
                open_interest: Some(contracts.into()),
                ..Ticker::default()
            };
            let event = Event { symbol: SYMBOL, ts_venue: None, body: Body::Ticker(&ticker) };
            market.apply(venue, ConnIx(venue), Nanos(seconds * SECOND), &event);
        }
        market.judge(Nanos(seconds * SECOND), &mut Vec::new());
    }

    /// E3 through the market, over an hour in which the price doubles: shares are those of contracts.
    #[test]
    fn e3_an_hour_of_migration() {
        let mut market = market();
        tell(&mut market, 7_200, 100, [40, 35, 25]);
        tell(&mut market, 10_800, 200, [45, 35, 20]);
        let mut out = Vec::new();
        Shift.eval(&market, Nanos(10_800 * SECOND), &mut out);
        assert_eq!((out.len(), out[0].quality, out[0].used), (1, Quality::Ok, 3));
        near(out[0].value, 0.05);
        out.clear();
        Flow(Window::Hour).eval(&market, Nanos(10_800 * SECOND), &mut out);
        near(out[1].value, 12.5); // the row of venue a
        near(out[5].value.map(|v| -v), 20.0); // and of venue c
    }

    /// Catches: a venue that fell silent and counts for ever, or that leaves at once.
    #[test]
    fn a_silent_venue_keeps_its_open_interest_for_a_minute() {
        let mut market = market();
        tell(&mut market, 7_200, 100, [40, 35, 25]);
        let total = |market: &Market, seconds: i64| {
            let mut out = Vec::new();
            OiUsd.eval(market, Nanos(seconds * SECOND), &mut out);
            let row = out.last().copied().unwrap();
            (row.value, row.quality)
        };
        assert_eq!(total(&market, 7_205), (Some(10_000.0), Quality::Ok));
        assert_eq!(total(&market, 7_206), (Some(10_000.0), Quality::Degraded));
        assert_eq!(total(&market, 7_265), (Some(10_000.0), Quality::Degraded));
        assert_eq!(total(&market, 7_266), (None, Quality::Missing));
    }
}
