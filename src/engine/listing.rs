//! A listing: one instrument on one venue, its book, its newest figures, its state.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::audit::Audits;
use super::beat::Beat;
use super::book::{Book, BookSide, Depth};
use super::flow::Flow;
use super::forced::Forced;
use super::grid::Path;
use super::impact::Impact;
use super::margins::Margins;
use super::window::{DecayedSum, TimeMean};
use crate::model::Nanos;
use crate::model::entry::ConnIx;
use crate::model::event::{BookChange, Channel, OptionTick, Quote, Ticker, Trade, VenueState};
use crate::model::instrument::{Class, InstrumentDef, Payoff, Status};
use crate::model::margin::MarginSchedule;
use crate::model::num::POW10;
use crate::model::time::{MS, SECOND};
use crate::snapshot::BookState;

/// Distances from the mid at which depth is summed, in basis points. METRICS.md C2, DECISIONS 36.
pub const BANDS_BPS: [u32; 5] = [10, 25, 50, 100, 200];
/// Position of the headline band (100 bps) in [`BANDS_BPS`].
pub const HEADLINE_BAND: usize = 3;
/// How long the last good mid of a crossed book stands. METRICS.md §3 rule 3.
const CROSSED_GRACE: i64 = 500 * MS;
/// How long a book may stay crossed before it is asked for anew.
pub const CROSSED_MAX: i64 = 2 * SECOND;
/// Half-life of volume in seconds. METRICS.md C10.
const VOLUME_HALF_LIFE_S: f64 = 3_600.0;

/// Figures of a listing as of the last tick. Prices are canonical: per one unit of the underlying.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Figures {
    /// State of the book.
    pub state: BookState,
    /// Mid in the quote currency.
    pub mid: Option<f64>,
    /// The mid is the last good one of a crossed book.
    pub is_mid_old: bool,
    /// Best bid in the quote currency.
    pub bid: Option<f64>,
    /// Best ask in the quote currency.
    pub ask: Option<f64>,
    /// Money within each band, in the currency of the notional (quote, or settle for quanto);
    /// `None` unless the book is synced.
    pub bid_depth: Option<[f64; BANDS_BPS.len()]>,
    /// Same for asks.
    pub ask_depth: Option<[f64; BANDS_BPS.len()]>,
    /// The book ends nearer than the widest band: depth is a lower bound.
    pub is_truncated: bool,
}

/// Terms as `f64` factors, for statistics.
#[derive(Clone, Copy, Debug)]
pub(super) struct Factors {
    pub(super) payoff: Payoff,
    pub(super) multiplier: f64,
    pub(super) scale: f64, // units of the underlying per unit of base
}

/// One instrument on one venue.
#[derive(Debug)]
pub struct Listing {
    /// Native symbol.
    pub symbol: String,
    /// Canonical name, or the symbol while terms are unknown.
    pub name: String,
    /// Terms, once known.
    pub def: Option<InstrumentDef>,
    pub(super) factors: Option<Factors>,
    /// Index of the underlying.
    pub underlying: Option<u16>,
    /// Index of the quote currency.
    pub quote_currency: u16,
    /// Index of the currency of notional: quote, or settle for quanto.
    pub money_currency: u16,
    /// The order book.
    pub book: Book,
    /// A snapshot is in and no gap came since.
    pub is_synced: bool,
    /// Sequence number of the newest book message.
    pub book_seq: Option<u64>,
    /// Connection of the book.
    pub conn: Option<ConnIx>,
    /// Beats by channel.
    pub beats: [Beat; Channel::ALL.len()],
    /// Best quote of the quote channel.
    pub quote: Option<Quote>,
    /// Newest figures of the ticker channel.
    pub ticker: Ticker,
    /// When open interest was last stated.
    pub oi_at: Option<Nanos>,
    /// When mark or greeks were last stated.
    pub ticker_at: Option<Nanos>,
    /// Newest figures of an option.
    pub option: OptionTick,
    /// Margin the venue asks, once known.
    pub schedule: Option<MarginSchedule>,
    /// The same as rates by size, for statistics.
    pub margins: Option<Margins>,
    /// Open contracts over time.
    pub flow: Flow,
    /// Liquidations, from the first one on.
    pub forced: Option<Box<Forced>>,
    /// What the venue says can be done with it.
    pub state: VenueState,
    /// Audits of the book.
    pub audits: Audits,
    /// Traded USD with a half-life of one hour.
    pub volume: DecayedSum,
    /// Trades counted, history left out.
    pub trades: u64,
    spread: TimeMean,
    /// C1: time-weighted mean spread of the last ten seconds in bps, as of the last whole second.
    pub spread_10s: Option<f64>,
    pub(super) top: Option<(i64, i64)>,
    crossed_since: Option<Nanos>,
    /// The best prices before the book crossed.
    good_top: Option<(i64, i64)>,
    /// The mid in event time, while this listing speaks for its venue.
    pub path: Option<Path>,
    is_dirty: bool,
    /// The book changed since the widest band was summed.
    is_wide_dirty: bool,
    /// Figures of the last tick.
    pub figures: Figures,
    /// Figures of the last tick at which the book was synced, and when that was.
    pub held: Option<(Figures, Nanos)>,
    /// How its book takes what hits it; watched perpetuals only.
    pub impact: Option<Box<Impact>>,
}

impl Listing {
    /// A listing of which only the symbol is known.
    pub fn new(symbol: &str) -> Self {
        Listing {
            symbol: symbol.to_string(),
            name: symbol.to_string(),
            def: None,
            factors: None,
            underlying: None,
            quote_currency: 0,
            money_currency: 0,
            book: Book::default(),
            is_synced: false,
            book_seq: None,
            conn: None,
            beats: [Beat::default(); Channel::ALL.len()],
            quote: None,
            ticker: Ticker::default(),
            oi_at: None,
            ticker_at: None,
            option: OptionTick::default(),
            schedule: None,
            margins: None,
            flow: Flow::default(),
            forced: None,
            state: VenueState::Open,
            audits: Audits::default(),
            volume: DecayedSum::new(VOLUME_HALF_LIFE_S),
            trades: 0,
            spread: TimeMean::default(),
            spread_10s: None,
            top: None,
            crossed_since: None,
            good_top: None,
            path: None,
            is_dirty: true,
            is_wide_dirty: true,
            figures: Figures::default(),
            held: None,
            impact: None,
        }
    }

    /// Takes contract terms; true when they differ from what was known.
    pub fn set_def(&mut self, def: &InstrumentDef) -> bool {
        if self.def.as_ref() == Some(def) {
            return false;
        }
        self.name = def.canonical();
        self.factors = def
            .multiplier
            .to_f64()
            .zip(def.price_scale.to_f64())
            .map(|(multiplier, scale)| Factors { payoff: def.payoff, multiplier, scale });
        self.def = Some(def.clone());
        self.is_dirty = true;
        true
    }

    /// Beats of a channel.
    pub fn beat(&self, channel: Channel) -> &Beat {
        &self.beats[channel as usize]
    }

    /// True for a perpetual that is not over: the class the map compares.
    pub fn is_perp(&self) -> bool {
        self.def.as_ref().is_some_and(|d| d.class == Class::Perp && d.status != Status::Closed)
    }

    /// True when the venue trades it: by its terms, and by what the venue says of itself.
    pub fn is_open(&self) -> bool {
        let is_trading = self.def.as_ref().is_some_and(|d| d.status == Status::Trading);
        is_trading && matches!(self.state, VenueState::Open | VenueState::PostOnly)
    }

    /// Applies a book message. `false` when its numbers fit no scale.
    #[inline]
    pub fn change(&mut self, at: Nanos, conn: ConnIx, change: &BookChange<'_>) -> bool {
        self.conn = Some(conn);
        if !change.snapshot && !self.is_synced {
            return true; // a delta before its snapshot says nothing
        }
        let applied = if change.snapshot {
            self.is_synced = true;
            self.book.replace(change.bids, change.asks)
        } else {
            self.book.update(change.bids, change.asks)
        };
        self.book_seq = change.seq;
        self.is_dirty = true;
        if applied.is_err() {
            self.distrust(at);
            return false;
        }
        self.watch_top(at);
        true
    }

    /// Mid of a synced book in the venue's own quotation, exact.
    pub fn mid_exact(&self) -> Option<Decimal> {
        let (bid, ask) = self.book.best(BookSide::Bid).zip(self.book.best(BookSide::Ask))?;
        let is_good = self.figures.state == BookState::Synced && bid.0 < ask.0;
        let twice = Decimal::from(bid.0).checked_add(Decimal::from(ask.0))?;
        let unit = POW10.get(usize::from(self.book.scales().0)).map(|u| Decimal::from(*u))?;
        twice.checked_div(Decimal::TWO)?.checked_div(unit).filter(|_| is_good)
    }

    /// Follows the best prices: the spread counts by time, a crossed book by how long it lasts.
    #[inline]
    fn watch_top(&mut self, at: Nanos) {
        let top = self.book.best(BookSide::Bid).zip(self.book.best(BookSide::Ask)).map(|(b, a)| (b.0, a.0));
        if top == self.top {
            return;
        }
        let before = std::mem::replace(&mut self.top, top);
        match top {
            Some((bid, ask)) if bid < ask => {
                (self.crossed_since, self.good_top) = (None, None);
                let spread = 2e4 * (ask - bid) as f64 / (ask as f64 + bid as f64);
                self.spread.set(at, Some(spread));
            }
            Some(_) => {
                if self.crossed_since.is_none() {
                    (self.crossed_since, self.good_top) = (Some(at), before);
                }
                self.spread.set(at, None);
            }
            None => {
                (self.crossed_since, self.good_top) = (None, None);
                self.spread.set(at, None);
            }
        }
    }

    /// The book is void until its next snapshot.
    pub fn distrust(&mut self, at: Nanos) {
        self.is_synced = false;
        self.book.clear();
        self.top = None;
        self.crossed_since = None;
        self.good_top = None;
        self.path.iter_mut().for_each(Path::void);
        self.spread.set(at, None);
        self.is_dirty = true;
    }

    /// Nanoseconds since the book is crossed or locked.
    pub fn crossed_for(&self, now: Nanos) -> Option<i64> {
        self.crossed_since.map(|since| now.since(since))
    }

    /// A whole second passed: the mean spread is read off.
    pub fn close_second(&mut self, now: Nanos) {
        if self.conn.is_some() {
            self.spread_10s = self.spread.mean(now);
        }
        self.flow.close_second(now);
        if let Some(forced) = &mut self.forced {
            forced.close_second(now);
        }
    }

    /// Counts a trade. `usd` is the USD price of its money currency.
    #[inline]
    pub fn trade(&mut self, at: Nanos, trade: &Trade<'_>, usd: Option<f64>) {
        if trade.is_history {
            return;
        }
        self.trades += 1;
        if let (Some(factors), Some(usd)) = (self.factors, usd) {
            let size = trade.size.to_f64() * factors.multiplier;
            let money = match factors.payoff {
                Payoff::Linear | Payoff::Quanto => size * trade.price.to_f64(),
                Payoff::Inverse => size,
            };
            self.volume.add(at, money * usd);
            if let Some(impact) = &mut self.impact {
                impact.pressure.trade(trade.side, money * usd);
            }
            if let Some(forced) = &mut self.forced {
                forced.taken(at, trade.side, money * usd);
            }
        }
    }

    /// Brings the figures up to date. `state` is the judged state of the book.
    pub fn refresh(&mut self, now: Nanos, state: BookState) {
        if state == BookState::Synced
            && self.figures.bid_depth.is_some()
            && let Some((_, at)) = &mut self.held
        {
            *at = now;
        }
        self.is_wide_dirty |= self.is_dirty;
        // The widest band reaches far beyond the touch and is summed once a second (METRICS.md C2).
        let is_wide = self.is_wide_dirty && (now.is_on(SECOND) || self.figures.bid_depth.is_none());
        let is_same = state == self.figures.state && self.crossed_since.is_none();
        if !self.is_dirty && !is_wide && is_same {
            return;
        }
        self.is_dirty = false;
        let mut figures = Figures { state, ..Figures::default() };
        if let (BookState::Synced, Some(factors)) = (state, self.factors) {
            self.measure(now, factors, is_wide, &mut figures);
            self.is_wide_dirty &= !is_wide;
            if figures.bid_depth.is_some() {
                self.held = Some((figures, now));
            }
        }
        self.figures = figures;
    }

    fn measure(&mut self, now: Nanos, factors: Factors, is_wide: bool, figures: &mut Figures) {
        let (price_scale, size_scale) = self.book.scales();
        let unit = |scale: u8| POW10.get(usize::from(scale)).map_or(1.0, |u| *u as f64);
        let price_unit = unit(price_scale) * factors.scale;
        let bid = self.book.best(BookSide::Bid);
        let ask = self.book.best(BookSide::Ask);
        figures.bid = bid.map(|b| b.0 as f64 / price_unit);
        figures.ask = ask.map(|a| a.0 as f64 / price_unit);
        // Twice the mid as a mantissa stays exact.
        let twice_mid = match (bid, ask) {
            (Some((bid, _)), Some((ask, _))) => {
                figures.is_mid_old = bid >= ask;
                // Crossed: the last good mid stands for a moment, then nothing is known (erratum 30).
                let is_fresh = self.crossed_for(now).is_some_and(|age| age <= CROSSED_GRACE);
                let top = if bid < ask { Some((bid, ask)) } else { self.good_top.filter(|_| is_fresh) };
                let Some((bid, ask)) = top else { return };
                figures.mid = Some((bid as f64 + ask as f64) / 2.0 / price_unit);
                i128::from(bid) + i128::from(ask)
            }
            // One-sided: the remaining side is measured from its own best price.
            (Some((one, _)), None) | (None, Some((one, _))) => 2 * i128::from(one),
            (None, None) => 0,
        };
        let value_unit = unit(size_scale);
        let money = |depth: Depth| match factors.payoff {
            Payoff::Linear | Payoff::Quanto => {
                depth.value as f64 / value_unit / unit(price_scale) * factors.multiplier
            }
            Payoff::Inverse => depth.size as f64 / value_unit * factors.multiplier,
        };
        let sums = |side: BookSide, before: Option<[f64; BANDS_BPS.len()]>| {
            if is_wide {
                return self.book.depth(side, &BANDS_BPS.map(|band| limit(side, twice_mid, band))).map(money);
            }
            let [a, b, c, d, _] = BANDS_BPS;
            let [a, b, c, d] =
                self.book.depth(side, &[a, b, c, d].map(|band| limit(side, twice_mid, band))).map(money);
            [a, b, c, d, before.map_or(0.0, |b| b[BANDS_BPS.len() - 1])]
        };
        figures.bid_depth = Some(sums(BookSide::Bid, self.figures.bid_depth));
        figures.ask_depth = Some(sums(BookSide::Ask, self.figures.ask_depth));
        let widest = BANDS_BPS[BANDS_BPS.len() - 1];
        figures.is_truncated = self
            .book
            .worst(BookSide::Bid)
            .is_some_and(|p| p > limit(BookSide::Bid, twice_mid, widest))
            || self.book.worst(BookSide::Ask).is_some_and(|p| p < limit(BookSide::Ask, twice_mid, widest));
    }
}

/// The price mantissa that bounds a band: `|P/mid − 1| <= k·1e-4`, rounded inwards, exact.
fn limit(side: BookSide, twice_mid: i128, band_bps: u32) -> i64 {
    let k = i128::from(band_bps);
    let bound = match side {
        // ceil(mid·(1 − k)), floor(mid·(1 + k))
        BookSide::Bid => -(-(twice_mid * (10_000 - k))).div_euclid(20_000),
        BookSide::Ask => (twice_mid * (10_000 + k)).div_euclid(20_000),
    };
    i64::try_from(bound).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Decimal;
    use crate::model::event::Level;
    use crate::model::num::Num;
    use crate::snapshot::Quality;

    fn level(price: &str, size: &str) -> Level {
        Level { price: Num::parse(price.as_bytes()).unwrap(), size: Num::parse(size.as_bytes()).unwrap() }
    }

    fn listing(payoff: Payoff, multiplier: &str) -> Listing {
        let mut listing = Listing::new("X");
        listing.set_def(&InstrumentDef {
            payoff,
            multiplier: Decimal::from_str_exact(multiplier).unwrap(),
            price_scale: Decimal::ONE,
            underlying: "BTC".into(),
            oi_sides: 1,
            ..InstrumentDef::default()
        });
        listing
    }

    fn snapshot(listing: &mut Listing, bids: &[Level], asks: &[Level]) {
        let change = BookChange { snapshot: true, bids, asks, seq: None };
        assert!(listing.change(Nanos(1), ConnIx(0), &change));
        listing.refresh(Nanos(2), BookState::Synced);
    }

    #[test]
    fn c1_and_c2_vectors() {
        let mut x = listing(Payoff::Linear, "1");
        let asks = [level("100.00", "5"), level("100.10", "5"), level("100.30", "10")];
        snapshot(&mut x, &[level("99.98", "1")], &asks);
        assert_eq!(x.figures.mid, Some(99.99));
        // k = 20: 100.00·5 + 100.10·5 = 1000.50; the 25 bps band holds the same two levels.
        assert!((x.figures.ask_depth.unwrap()[1] - 1_000.50).abs() < 1e-9);
        x.close_second(Nanos(SECOND));
        let spread = x.spread_10s.unwrap();
        assert!((spread - 2.000_200_02).abs() < 1e-6, "{spread}");
    }

    #[test]
    fn inverse_depth_counts_contracts_not_price() {
        let mut x = listing(Payoff::Inverse, "100");
        snapshot(&mut x, &[level("60000", "3")], &[level("60001", "4")]);
        assert!((x.figures.bid_depth.unwrap()[0] - 300.0).abs() < 1e-9);
        assert!((x.figures.ask_depth.unwrap()[4] - 400.0).abs() < 1e-9);
    }

    #[test]
    fn an_empty_side_of_a_synced_book_is_zero_and_of_any_other_is_none() {
        let mut x = listing(Payoff::Linear, "1");
        snapshot(&mut x, &[level("100", "1")], &[]);
        assert!((x.figures.ask_depth.unwrap()[HEADLINE_BAND] - 0.0).abs() < 1e-9);
        assert_eq!((x.figures.mid, x.figures.bid_depth.unwrap()[0]), (None, 100.0));
        x.refresh(Nanos(3), BookState::Stale);
        assert_eq!(x.figures.ask_depth, None);
    }

    #[test]
    fn a_crossed_book_keeps_its_mid_for_half_a_second() {
        let mut x = listing(Payoff::Linear, "1");
        snapshot(&mut x, &[level("100", "1")], &[level("102", "1")]);
        let change = BookChange { snapshot: false, bids: &[level("103", "1")], asks: &[], seq: None };
        x.change(Nanos(10), ConnIx(0), &change);
        x.refresh(Nanos(CROSSED_GRACE), BookState::Synced);
        assert_eq!((x.figures.mid, x.figures.is_mid_old), (Some(101.0), true));
        assert!(x.figures.bid_depth.is_some());
        x.refresh(Nanos(CROSSED_GRACE + 11), BookState::Synced);
        assert_eq!((x.figures.mid, x.figures.bid_depth), (None, None));
        assert!(x.crossed_for(Nanos(3 * SECOND)).unwrap() > CROSSED_MAX);
    }

    #[test]
    fn bands_are_exact_at_their_edge() {
        // mid 100: the 10 bps band reaches 99.90 and 100.10, edges included.
        assert_eq!(limit(BookSide::Bid, 2 * 10_000, 10), 9_990);
        assert_eq!(limit(BookSide::Ask, 2 * 10_000, 10), 10_010);
        assert_eq!(limit(BookSide::Bid, 2 * 10_001, 10), 9_991);
        assert_eq!(limit(BookSide::Ask, 2 * 10_001, 10), 10_011);
    }

    #[test]
    fn open_interest_in_every_unit() {
        let mut x = listing(Payoff::Inverse, "100");
        let ticker = Ticker {
            mark: Some(Decimal::from(60_000)),
            open_interest: Some(Decimal::from(1_000_000)),
            ..Ticker::default()
        };
        x.merge(Nanos(1), &ticker);
        let (usd, base, quality) = x.open_interest().unwrap();
        assert_eq!((usd, quality), (100_000_000.0, Quality::Ok));
        assert!((base - 1_666.666_667).abs() < 1e-6);
        let mut y = listing(Payoff::Linear, "0.01");
        y.merge(Nanos(1), &ticker);
        assert!((y.open_interest().unwrap().1 - 10_000.0).abs() < 1e-9);
    }
}
