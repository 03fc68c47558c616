//! Cost to trade of every underlying, once a second: each representative alone and all of them as one book.
//! METRICS.md C6, C7, C8, errata 15, 20 and 31.
//!
//! Walking is the dearest thing done at a tick, so underlyings take turns: one in ten at each tick, the first
//! on the whole second. Figures are therefore up to 0.9 s old when they are published.

use super::book::BookSide;
use super::listing::Listing;
use super::market::Market;
use super::metric::consensus;
use super::walk::{Fill, Merge, Of, Step, Verdict, collect, fragmentation, silo, take};
use super::window::{Robz, TimeOfDay};
use crate::model::Nanos;
use crate::model::event::Channel;
use crate::model::time::{SECOND, TICK};
use crate::snapshot::{BookState, Quality};

/// Sizes in USD whose cost is followed. METRICS.md C6.
pub const SIZES_USD: [f64; SIZES] = [1e5, 1e6, 1e7];
const SIZES: usize = 3;
/// Position of the headline size in [`SIZES_USD`]: baselines are of it.
pub const HEADLINE_SIZE: usize = 1;
/// What a buyer and a seller walk, in the order of all pairs of sides here.
pub const SIDES: [BookSide; 2] = [BookSide::Ask, BookSide::Bid];
/// Ticks of a round of turns.
const ROUND: i64 = SECOND / TICK;
/// Smallest deviation of a cost that means something, in basis points.
const BPS_TICK: f64 = 0.1;
/// Share of sources below which nothing is compared. METRICS.md §3 rule 6.
const COVERAGE_MIN: f64 = 0.5;

/// One representative.
#[derive(Clone, Debug)]
pub struct VenueCost {
    /// Venue index.
    pub venue: u16,
    /// Symbol index.
    pub symbol: u32,
    /// Its book was walked.
    pub is_used: bool,
    /// What was taken, by side and size.
    pub fills: [[Fill; SIZES]; 2],
    /// Its feed shows only a part of the book.
    pub is_part: bool,
    /// Trust in the book and its rates.
    pub quality: Quality,
    /// When its book last spoke.
    pub as_of: Nanos,
    weight: f64, // open interest of the venue in USD; NaN where unknown
    spans: [(usize, usize); 2],
}

impl VenueCost {
    /// Walks both sides of one book to the largest size.
    fn walk(market: &Market, at: (u16, u32), head: &Listing, steps: &mut Vec<Step>) -> VenueCost {
        let figures = &head.figures;
        let mut part = VenueCost {
            venue: at.0,
            symbol: at.1,
            is_used: false,
            fills: Default::default(),
            is_part: figures.is_truncated,
            quality: Quality::Missing,
            as_of: head.beat(Channel::Book).last().unwrap_or_default(),
            weight: f64::NAN,
            spans: Default::default(),
        };
        let is_crossed = figures.is_mid_old;
        let rates = market.usd(head.quote_currency).zip(market.usd(head.money_currency));
        let (Some(factors), Some((quote, money))) = (head.factors, rates) else { return part };
        if figures.state != BookState::Synced || is_crossed || !head.is_open() {
            return part;
        }
        let terms = factors.terms(quote.0, money.0);
        (part.is_used, part.quality) = (true, quote.1.max(money.1));
        for (side, name) in SIDES.into_iter().enumerate() {
            let from = steps.len();
            part.is_part |= collect(&head.book, name, &terms, SIZES_USD[SIZES - 1], steps);
            part.spans[side] = (from, steps.len());
            part.fills[side] = take(part.steps(side, steps).iter().copied(), Of::Usd, SIZES_USD);
        }
        part
    }

    fn steps<'a>(&self, side: usize, steps: &'a [Step]) -> &'a [Step] {
        let (from, to) = self.spans[side];
        steps.get(from..to).unwrap_or_default()
    }

    /// The shown part of its book ended before a merged walk to `last` did.
    fn is_cut(&self, side: usize, steps: &[Step], last: f64) -> bool {
        let end = self.steps(side, steps).last().map(|s| s.price);
        self.is_part
            && end.is_none_or(|end| match SIDES[side] {
                BookSide::Ask => last > end,
                BookSide::Bid => last < end,
            })
    }
}

/// A comparison by size and side.
type Verdicts = [[Option<Verdict>; 2]; SIZES];

/// One underlying.
#[derive(Debug)]
pub struct Cost {
    /// When it was walked.
    pub at: Nanos,
    /// Consensus in USD, from which costs are measured.
    pub reference: Option<f64>,
    /// Trust in the reference.
    pub quality: Quality,
    /// Representatives in venue order.
    pub venues: Vec<VenueCost>,
    /// Weight of the books used over that of all.
    pub coverage: f64,
    /// What was taken from all books as one, by side and size.
    pub merged: [[Fill; SIZES]; 2],
    /// By side and size: a feed that shows only a part ended before the walk did.
    pub is_cut: [[bool; SIZES]; 2],
    /// C7.
    pub fragmentation: Verdicts,
    /// C8.
    pub silo: Verdicts,
    /// Merged cost of the headline size, the worse side, over what is usual, and whether that is young.
    pub ratio: Option<(Verdict, bool)>,
    /// Robust z-scores of C7 and C8: headline size, the worse side.
    pub robz: [Option<Verdict>; 2],
    tod: TimeOfDay<1>,
    streams: [Robz; 2],
}

impl Default for Cost {
    fn default() -> Self {
        Cost {
            at: Nanos(0),
            reference: None,
            quality: Quality::Missing,
            venues: Vec::new(),
            coverage: 0.0,
            merged: Default::default(),
            is_cut: Default::default(),
            fragmentation: Default::default(),
            silo: Default::default(),
            ratio: None,
            robz: [None; 2],
            tod: TimeOfDay::default(),
            streams: [Robz::new(BPS_TICK), Robz::new(BPS_TICK)],
        }
    }
}

impl Cost {
    /// Books that were walked.
    pub fn used(&self) -> impl Iterator<Item = &VenueCost> + Clone {
        self.venues.iter().filter(|v| v.is_used)
    }

    fn turn(&mut self, market: &Market, underlying: u16, steps: &mut Vec<Step>, now: Nanos) {
        steps.clear();
        self.venues.clear();
        self.at = now;
        for venue in 0..market.venues.len() as u16 {
            let Some((symbol, head)) = market.head(venue, underlying) else { continue };
            if head.conn.is_some() {
                let mut part = VenueCost::walk(market, (venue, symbol), head, steps);
                part.weight = interest(market, underlying, venue).unwrap_or(f64::NAN);
                self.venues.push(part);
            }
        }
        if self.venues.is_empty() {
            return;
        }
        let consensus = consensus(market, underlying, now);
        self.reference = consensus.map(|c| c.0);
        self.quality = consensus.map_or(Quality::Missing, |c| c.1);
        self.weigh();
        for (side, name) in SIDES.into_iter().enumerate() {
            let books = self.venues.iter().map(|v| v.steps(side, steps));
            self.merged[side] = take(Merge::new(name, books), Of::Usd, SIZES_USD);
            let is_cut = |fill: &Fill| self.used().any(|v| v.is_cut(side, steps, fill.last));
            self.is_cut[side] = self.merged[side].each_ref().map(is_cut);
        }
        self.compare();
        self.follow(now);
    }

    /// Weights are open interest, equal where some venue that is used states none (erratum 15).
    fn weigh(&mut self) {
        let is_known = |v: &VenueCost| v.weight > 0.0; // NaN is not
        let is_all_known = self.venues.iter().all(is_known);
        let sum = |venues: &mut dyn Iterator<Item = &VenueCost>| -> f64 {
            venues.map(|v| if is_all_known { v.weight } else { 1.0 }).sum()
        };
        let all = sum(&mut self.venues.iter());
        self.coverage = if all > 0.0 { sum(&mut self.used()) / all } else { 0.0 };
        if !self.used().all(is_known) {
            self.venues.iter_mut().for_each(|v| v.weight = 1.0);
        }
    }

    /// C7 and C8; nothing with one venue, nor with less than half of the market.
    fn compare(&mut self) {
        (self.fragmentation, self.silo) = Default::default();
        let is_enough = self.used().count() >= 2 && self.coverage >= COVERAGE_MIN;
        let Some(reference) = self.reference.filter(|_| is_enough) else { return };
        for (side, name) in SIDES.into_iter().enumerate() {
            for size in 0..SIZES {
                let merged = self.merged[side][size].cost(name, reference);
                let costs = self.used().map(|v| (v.weight, v.fills[side][size].cost(name, reference)));
                let found = (fragmentation(costs.clone().map(|c| c.1), merged), silo(costs, merged));
                (self.fragmentation[size][side], self.silo[size][side]) = found;
            }
        }
    }

    /// Baselines of the headline size.
    fn follow(&mut self, now: Nanos) {
        let cost = |side: usize| {
            let fill = self.merged[side][HEADLINE_SIZE];
            match fill.cost(SIDES[side], self.reference?) {
                None if self.used().next().is_some() => Some(Verdict::Unbounded),
                cost => cost.map(Verdict::Bps),
            }
        };
        let worse = worse([cost(0), cost(1)]);
        let usual = self.tod.usual(now).filter(|u| u.values[0] > 0.0);
        self.ratio = worse.zip(usual).map(|(cost, usual)| (cost.over(usual.values[0]), usual.is_cold));
        if let Some(Verdict::Bps(cost)) = worse {
            self.tod.add(now, [cost]);
        }
        let is_sample = now.floor_to(SECOND).is_on(10 * SECOND);
        let verdicts = [self.fragmentation[HEADLINE_SIZE], self.silo[HEADLINE_SIZE]].map(self::worse);
        for ((verdict, stream), z) in verdicts.into_iter().zip(&mut self.streams).zip(&mut self.robz) {
            *z = match verdict {
                Some(Verdict::Bps(cost)) => stream.z(cost).map(Verdict::Bps),
                other => other.filter(|_| stream.z(0.0).is_some()),
            };
            if let Some(Verdict::Bps(cost)) = verdict.filter(|_| is_sample) {
                stream.add(now, cost);
            }
        }
    }
}

/// The worse of two sides; `None` when one of them is not known, unless the other knows no bound.
pub fn worse(sides: [Option<Verdict>; 2]) -> Option<Verdict> {
    let [buy, sell] = sides;
    match (buy, sell) {
        (Some(Verdict::Unbounded), _) | (_, Some(Verdict::Unbounded)) => Some(Verdict::Unbounded),
        (Some(Verdict::Uncovered(a)), Some(Verdict::Uncovered(b))) => Some(Verdict::Uncovered(a.max(b))),
        (Some(Verdict::Uncovered(a)), Some(_)) | (Some(_), Some(Verdict::Uncovered(a))) => {
            Some(Verdict::Uncovered(a))
        }
        (Some(Verdict::Bps(a)), Some(Verdict::Bps(b))) => Some(Verdict::Bps(a.max(b))),
        _ => None,
    }
}

/// Open interest of a venue in an underlying over all its perpetuals, in USD.
fn interest(market: &Market, underlying: u16, venue: u16) -> Option<f64> {
    let members = market.members.get(usize::from(underlying))?.iter().filter(|m| m.0 == venue);
    let mut sum = None;
    for (_, symbol) in members {
        let Some(listing) = market.listing(venue, *symbol) else { continue };
        if let Some((money, ..)) = listing.open_interest() {
            *sum.get_or_insert(0.0) += money * market.usd(listing.money_currency)?.0;
        }
    }
    sum
}

/// All underlyings, and the buffer of the walk.
#[derive(Debug, Default)]
pub struct Costs {
    by_underlying: Vec<Cost>,
    steps: Vec<Step>,
}

impl Costs {
    /// What was found at the newest turn of an underlying.
    pub fn of(&self, underlying: u16) -> Option<&Cost> {
        self.by_underlying.get(usize::from(underlying)).filter(|c| !c.venues.is_empty())
    }
}

impl Market {
    /// Walks the underlyings whose turn it is.
    pub(super) fn follow_costs(&mut self, now: Nanos) {
        let mut costs = std::mem::take(&mut self.costs);
        costs.by_underlying.resize_with(self.underlyings.len(), Cost::default);
        let turn = now.0.div_euclid(TICK).rem_euclid(ROUND) as usize;
        for (underlying, cost) in
            costs.by_underlying.iter_mut().enumerate().skip(turn).step_by(ROUND as usize)
        {
            cost.turn(self, underlying as u16, &mut costs.steps, now);
        }
        self.costs = costs;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::entry::ConnIx;
    use crate::model::event::{Body, BookChange, Event, Level, Symbol, VenueState};
    use crate::model::instrument::InstrumentDef;
    use crate::model::{Decimal, Num};

    const VENUES: [&str; 2] = ["a", "b"];

    fn market(underlyings: u32) -> Market {
        let spec = |id: &&str| {
            let text = format!(
                "id = \"{id}\"\nbrand = \"v\"\nshort = \"{id}\"\nname = \"V\"\ndialect = \"x\"\n\
                [[endpoint]]\nname = \"e\"\nurl = \"wss://v.invalid\"\nchannels = [\"book\"]\n\
                [rest]\nurl = \"https://v.invalid\"\n"
            );
            toml::from_str(&text).unwrap()
        };
        let mut market = Market::new(VENUES.iter().map(spec).collect());
        for (venue, symbol) in (0..2).flat_map(|v| (0..underlyings).map(move |s| (v, s))) {
            let def = InstrumentDef {
                underlying: format!("U{symbol:02}"),
                quote: "USD".into(),
                multiplier: Decimal::ONE,
                price_scale: Decimal::ONE,
                ..InstrumentDef::default()
            };
            market.define(venue, symbol, &format!("S{symbol}"), &def);
        }
        market
    }

    /// Five hundred levels of 60 kUSD a side.
    fn book(market: &mut Market, venue: u16, symbol: u32, at: Nanos) {
        let level = |price| Level { price: Num::new(price, 1), size: Num::new(1, 0) };
        let bids: Vec<Level> = (1..=500).map(|k| level(600_000 - k)).collect();
        let asks: Vec<Level> = (1..=500).map(|k| level(600_000 + k)).collect();
        let change = BookChange { snapshot: true, bids: &bids, asks: &asks, seq: None };
        let text = format!("S{symbol}");
        let symbol = Symbol { ix: symbol, text: &text };
        market.apply(venue, ConnIx(0), at, &Event { symbol, ts_venue: None, body: Body::Book(change) });
    }

    /// Catches: a second in which every book is walked at one tick; walks that go on when a size is filled;
    /// a buffer that grows with every turn.
    #[test]
    fn underlyings_take_turns_and_a_walk_ends_with_the_largest_size() {
        let mut market = market(12);
        let first = Nanos(1_000 * SECOND);
        for (venue, symbol) in (0..2).flat_map(|v| (0..12).map(move |s| (v, s))) {
            book(&mut market, venue, symbol, first);
        }
        let is_walked = |market: &Market, tick: i64| -> Vec<u16> {
            let at = first.plus(tick * TICK);
            (0..12).filter(|u| market.costs.of(*u).is_some_and(|c| c.at == at)).collect()
        };
        for tick in 0..20 {
            market.judge(first.plus(tick * TICK), &mut Vec::new());
            let expected: Vec<u16> = (0..12).filter(|u| i64::from(*u) % ROUND == tick % ROUND).collect();
            assert_eq!(is_walked(&market, tick), expected);
            // 10 MUSD are 167 levels of 60 kUSD, on each side of both venues.
            assert_eq!(market.costs.steps.len(), 4 * 167);
        }
        let cost = market.costs.of(3).unwrap();
        assert!(cost.merged.iter().flatten().all(Fill::is_whole) && cost.coverage > 0.999);
        let bps = |fill: &Fill| fill.cost(BookSide::Ask, 60_000.0).unwrap();
        let [alone, all] = [&cost.venues[0].fills[0], &cost.merged[0]].map(|f| f.each_ref().map(bps));
        assert!(alone[0] < alone[1] && alone[1] < alone[2] && all[2] < alone[2]);
        assert_eq!(worse(cost.fragmentation[2]), cost.fragmentation[2][1], "a basis point down is more");
    }

    /// Catches: a halted, crossed or distrusted book that someone could trade with.
    #[test]
    fn only_books_that_can_be_traded_are_walked() {
        let mut market = market(1);
        let at = Nanos(1_000 * SECOND);
        book(&mut market, 0, 0, at);
        book(&mut market, 1, 0, at);
        market.judge(at, &mut Vec::new());
        let used = |market: &Market| market.costs.of(0).unwrap().used().count();
        assert_eq!(used(&market), 2);
        let crossed = [Level { price: Num::new(700_000, 1), size: Num::new(1, 0) }];
        let change = BookChange { snapshot: false, bids: &crossed, asks: &[], seq: None };
        let symbol = Symbol { ix: 0, text: "S0" };
        market.apply(1, ConnIx(0), at, &Event { symbol, ts_venue: None, body: Body::Book(change) });
        market.judge(at.plus(SECOND), &mut Vec::new());
        assert_eq!(used(&market), 1);
        let cost = market.costs.of(0).unwrap();
        assert_eq!((cost.fragmentation[0], cost.silo[0]), ([None; 2], [None; 2]), "one is no comparison");
        let halt = Body::Status(VenueState::Maintenance);
        market.apply(0, ConnIx(0), at, &Event { symbol, ts_venue: None, body: halt });
        market.judge(at.plus(2 * SECOND), &mut Vec::new());
        assert_eq!(used(&market), 0);
    }

    /// Catches: an unbounded side that is hidden by a known one; a missing side that counts as cheap.
    #[test]
    fn the_worse_side_speaks() {
        let bps = |v| Some(Verdict::Bps(v));
        assert_eq!(worse([bps(1.0), bps(2.0)]), bps(2.0));
        assert_eq!(worse([bps(1.0), None]), None);
        assert_eq!(worse([None, Some(Verdict::Unbounded)]), Some(Verdict::Unbounded));
        assert_eq!(worse([bps(1.0), Some(Verdict::Uncovered(0.3))]), Some(Verdict::Uncovered(0.3)));
    }
}
