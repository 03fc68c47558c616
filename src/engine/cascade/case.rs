//! The market as the simulator takes it, and the newest result of each underlying.
//!
//! Every ten seconds a snapshot of books, estimated positions and funds goes beside the fold; its grid is
//! published a second later. Prices enter as ratios: books by their distance from the own mid, triggers by
//! theirs from the own mark, so that a venue's premium is no depth.

use std::collections::BTreeMap;

use rust_decimal::prelude::ToPrimitive;

use super::scan::Scan;
use super::{Level, Place, Side, Trigger};
use crate::engine::book::BookSide;
use crate::engine::hidden::series::{Dying, Series};
use crate::engine::hidden::{Hidden, is_due};
use crate::engine::listing::Listing;
use crate::engine::market::Market;
use crate::engine::slow::Slow;
use crate::model::Nanos;
use crate::model::instrument::Payoff;
use crate::model::time::SECOND;
use crate::snapshot::{BookState, Quality};

/// Levels of one side: 0.1 % each, so that a side reaches 25.6 %.
const LEVELS_KEPT: usize = 256;
/// Width of a level as a fraction.
const LEVEL_WIDTH: f64 = 0.001;
/// Part of the last book that counts when a book is not synced. METRICS.md §9.
const OLD_BOOK: f64 = 0.1;
/// Age from which a fund is old.
const FUND_OLD: i64 = 26 * 3_600 * SECOND;
/// Weight of a venue in coverage when its fund is unknown.
const UNKNOWN_FUND: f64 = 0.75;

/// Insurance money that stands behind a head.
#[derive(Clone, Debug, PartialEq)]
pub struct Pool {
    /// The venue's name for it.
    pub name: String,
    /// USD.
    pub usd: f64,
    /// Stated more than 26 hours ago.
    pub is_old: bool,
}

/// A venue in a case.
#[derive(Clone, Debug, PartialEq)]
pub struct Taken {
    /// Venue index.
    pub venue: u16,
    /// Open interest of its head in USD, as far as known.
    pub interest: Option<f64>,
    /// Its positions are estimated; else it is a book only: "not modelled".
    pub is_modelled: bool,
    /// Its book is the last one, cut to a tenth.
    pub is_book_old: bool,
    /// Its fund, as far as known.
    pub pool: Option<Pool>,
}

/// What a result is about.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct About {
    /// When the snapshot was taken.
    pub at: Nanos,
    /// Oldest statement of open interest used.
    pub as_of: Nanos,
    /// USD per unit of the underlying at the start.
    pub index: f64,
    /// Venues, in the order of the places.
    pub venues: Vec<Taken>,
    /// Venues that list it.
    pub expected: u16,
    /// Share of open interest that is simulated; unknown funds weigh less.
    pub coverage: f64,
    /// Trust: an estimate at best.
    pub quality: Quality,
}

impl About {
    /// Some fund is unknown: results are ranges.
    pub fn has_unknown_fund(&self) -> bool {
        self.venues.iter().any(|v| v.is_modelled && v.pool.is_none())
    }
}

/// One underlying.
#[derive(Debug, Default)]
pub struct Case {
    pending: Slow<(About, Scan)>,
    /// Newest result; `None` when the newest snapshot could not be simulated.
    result: Option<(About, Scan)>,
    /// Last synced books by venue.
    books: BTreeMap<u16, [Vec<Level>; 2]>,
}

/// All underlyings.
#[derive(Debug, Default)]
pub struct Cases {
    by_underlying: BTreeMap<u16, Case>,
}

impl Cases {
    /// The newest result of an underlying.
    pub fn result(&self, underlying: u16) -> Option<&(About, Scan)> {
        self.by_underlying.get(&underlying)?.result.as_ref()
    }

    /// The market of now as the simulator takes it, off the beat. `None` with fewer than two books or
    /// without any estimate.
    pub(super) fn now(&self, market: &Market, underlying: u16, now: Nanos) -> Option<(About, Vec<Place>)> {
        let books = self.by_underlying.get(&underlying).map(|c| c.books.clone()).unwrap_or_default();
        Case { books, ..Case::default() }.take(market, &market.hidden, underlying, now)
    }

    /// Takes results that are due, and snapshots of what is due.
    pub(in crate::engine) fn tick(&mut self, market: &Market, hidden: &Hidden, now: Nanos) {
        for case in self.by_underlying.values_mut() {
            if let Some(result) = case.pending.take(now) {
                case.result = Some(result);
            }
        }
        for underlying in (0..market.underlyings.len() as u16).filter(|u| is_due(*u, now)) {
            if hidden.of(underlying).next().is_none() {
                continue; // nobody's positions are known: nothing can cascade
            }
            let case = self.by_underlying.entry(underlying).or_default();
            match case.take(market, hidden, underlying, now) {
                Some((about, places)) => {
                    case.pending.start(now, move || {
                        let scan = Scan::of(about.index, &places);
                        (about, scan)
                    });
                }
                None => case.result = None,
            }
        }
    }
}

impl Case {
    /// A snapshot; `None` with fewer than two books or without any estimate.
    fn take(
        &mut self,
        market: &Market,
        hidden: &Hidden,
        underlying: u16,
        now: Nanos,
    ) -> Option<(About, Vec<Place>)> {
        let (index, trust) = market.index_usd(underlying)?;
        let mut about = About { at: now, quality: trust.max(Quality::Estimated), ..About::default() };
        about.index = index.to_f64().filter(|i| *i > 0.0)?;
        let (mut places, mut open, mut known, mut oldest) = (Vec::new(), 0.0, 0.0, now);
        for venue in 0..market.venues.len() as u16 {
            let head = market.head(venue, underlying).filter(|(_, head)| head.conn.is_some());
            let Some((_, head)) = head else { continue };
            about.expected += 1;
            let interest = interest(market, head);
            open += interest.unwrap_or(0.0);
            let Some((down, up, is_book_old)) = self.books(market, venue, head) else { continue };
            let mut place = Place { weight: head.volume.value(now), fund: None, down, up };
            let pool = pool(market, venue, head, now);
            place.fund = pool.as_ref().map(|p| p.usd);
            let series = hidden.series(underlying, venue).filter(|s| s.reading.is_some());
            let is_modelled = series.is_some();
            if let Some((series, reading)) = series.and_then(|s| Some((s, s.reading.as_ref()?))) {
                let at = anchor(series, head, about.index);
                place.down.triggers = triggers(&series.dying(0), at);
                place.up.triggers = triggers(&series.dying(1), at);
                let weight = if pool.is_some() { 1.0 } else { UNKNOWN_FUND };
                known += weight * reading.interest;
                oldest = oldest.min(reading.as_of);
                about.quality = about.quality.max(reading.quality);
            }
            if is_book_old || pool.as_ref().is_some_and(|p| p.is_old) {
                about.quality = about.quality.max(Quality::Degraded);
            }
            about.venues.push(Taken { venue, interest, is_modelled, is_book_old, pool });
            places.push(place);
        }
        if places.len() < 2 || about.venues.iter().all(|v| !v.is_modelled) {
            return None;
        }
        if about.venues.iter().any(|v| !v.is_modelled) || places.len() < usize::from(about.expected) {
            about.quality = about.quality.max(Quality::Degraded);
        }
        share(&mut places);
        about.as_of = oldest;
        about.coverage = if open > 0.0 { (known / open).min(1.0) } else { 0.0 };
        Some((about, places))
    }

    /// Both sides of a head, and whether they are old.
    fn books(&mut self, market: &Market, venue: u16, head: &Listing) -> Option<(Side, Side, bool)> {
        let is_synced = head.figures.state == BookState::Synced && head.figures.mid.is_some();
        if let (true, Some(mid)) = (is_synced, head.figures.mid) {
            let money = market.usd(head.money_currency).map(|(usd, _)| usd);
            let quote = market.usd(head.quote_currency).map(|(usd, _)| usd);
            let rate = money.zip(quote).map(|(money, quote)| money / quote)?;
            let bids = levels(head, BookSide::Bid, mid, rate)?;
            let asks = levels(head, BookSide::Ask, mid, rate)?;
            self.books.insert(venue, [bids, asks]);
        }
        let [bids, asks] = self.books.get(&venue)?;
        let part = if is_synced { 1.0 } else { OLD_BOOK };
        let side = |levels: &[Level]| Side {
            book: levels.iter().map(|l| Level { qty: part * l.qty, ..*l }).collect(),
            triggers: Vec::new(),
        };
        Some((side(bids), side(asks), !is_synced))
    }
}

/// Weights sum to one; equal where nobody traded.
fn share(places: &mut [Place]) {
    let sum: f64 = places.iter().map(|p| p.weight).sum();
    let equal = 1.0 / places.len().max(1) as f64;
    places.iter_mut().for_each(|p| p.weight = if sum > 0.0 { p.weight / sum } else { equal });
}

/// Open interest of a head in USD.
pub(super) fn interest(market: &Market, head: &Listing) -> Option<f64> {
    let (money, _, _) = head.open_interest()?;
    Some(money * market.usd(head.money_currency)?.0)
}

/// One side in steps of [`LEVEL_WIDTH`] from the mid: quantities in units of the underlying, each step at
/// its mean distance. `rate` is the money currency in quote currency.
fn levels(head: &Listing, side: BookSide, mid: f64, rate: f64) -> Option<Vec<Level>> {
    let factors = head.factors?;
    let sign = if side == BookSide::Bid { 1.0 } else { -1.0 };
    let mut out: Vec<Level> = Vec::new();
    let mut last = usize::MAX;
    head.book.walk(side, |price, size| {
        let price = price.to_f64() / factors.scale;
        let offset = (sign * (1.0 - price / mid)).max(0.0);
        let step = (offset / LEVEL_WIDTH) as usize;
        let contracts = size.to_f64() * factors.multiplier;
        let qty = match factors.payoff {
            Payoff::Linear => contracts * factors.scale,
            Payoff::Inverse => contracts / price,
            Payoff::Quanto => contracts * factors.scale * rate,
        };
        match out.last_mut().filter(|_| step == last) {
            Some(level) => {
                level.offset += (offset - level.offset) * qty / (level.qty + qty);
                level.qty += qty;
            }
            None if step < LEVELS_KEPT => out.push(Level { offset, qty }),
            None => return false,
        }
        last = step;
        true
    });
    Some(out)
}

/// USD of the mark that distances of a series are measured from: between two visits the mark moves on, and
/// triggers stay where they are.
pub(super) fn anchor(series: &Series, head: &Listing, index: f64) -> f64 {
    let mark = head.ticker.mark.and_then(|m| m.to_f64()).filter(|m| *m > 0.0);
    index * mark.map_or(1.0, |mark| series.facts.mark / mark)
}

/// Estimated positions of a side as triggers around a price in USD.
pub(super) fn triggers(dying: &[Dying], anchor: f64) -> Vec<Trigger> {
    let at =
        |d: &Dying| Trigger { price: d.trigger * anchor, qty: d.base, bankruptcy: d.bankruptcy * anchor };
    dying.iter().map(at).collect()
}

/// The fund behind a head: the one named like it, like its settlement or like its asset, but for those that
/// stand behind another instrument alone. Whole pools: what
/// other instruments share is not set aside.
pub(super) fn pool(market: &Market, venue: u16, head: &Listing, now: Nanos) -> Option<Pool> {
    let funds = &market.venues.get(usize::from(venue))?.funds;
    let settle = head.def.as_ref().map(|d| d.settle.as_str())?;
    let listings = &market.venues.get(usize::from(venue))?.listings;
    let is_anothers = |name: &str| name != head.symbol && listings.iter().any(|l| l.symbol == name);
    let by_asset = || funds.iter().find(|(name, fund)| fund.asset == settle && !is_anothers(name));
    let (name, fund) =
        funds.get_key_value(&head.symbol).or_else(|| funds.get_key_value(settle)).or_else(by_asset)?;
    let rate = |asset: &str| market.currencies.iter().find(|c| c.name == asset)?.usd;
    let usd = match fund.usd {
        Some(usd) => usd.to_f64()?,
        None => fund.amount.to_f64()? * rate(&fund.asset)?,
    };
    Some(Pool { name: name.clone(), usd: usd.max(0.0), is_old: now.since(fund.at) > FUND_OLD })
}

#[cfg(test)]
#[path = "case_tests.rs"]
pub(super) mod tests;
