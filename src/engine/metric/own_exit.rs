//! H12: what leaving the own positions costs, and how long it takes. METRICS.md H12 and C6.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::own::{card, figures};
use super::{Bad, Card, Input, Metric, Note, Over, Part, Row, Scope, Unit};
use crate::engine::book::BookSide;
use crate::engine::listing::Listing;
use crate::engine::market::Market;
use crate::engine::walk::{Fill, Of, Step, Terms, take};
use crate::model::Nanos;
use crate::model::event::Channel;
use crate::model::instrument::Payoff;
use crate::snapshot::{BookState, Quality};

/// Share of the traded volume that leaving may be.
const PACE: f64 = 0.1;
/// Names of positions by the side that leaves them: sellers leave longs, buyers leave shorts.
const PARTS: &[&str] = &["long", "short"];

/// Which of the two figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    /// Basis points.
    Cost,
    /// Seconds.
    Time,
}

static COST: Card = Card {
    inputs: &[Input::Account, Input::Book, Input::Rate],
    scopes: &[Over::Instrument],
    parts: PARTS,
    ..card(
        [
            "exit_cost_bps",
            "own exit cost",
            "what closing the own position at its own venue costs now",
            "side * 1e4 * (vwap / reference - 1) of the own size in its own book; the reference of a perpetual is the consensus, of anything else its own mid; fees are not in it",
            "METRICS.md H12, C6",
        ],
        Unit::Bps,
        Some((25.0, 100.0)),
        Bad::High,
    )
};

static TIME: Card = Card {
    inputs: &[Input::Account, Input::Trade, Input::Rate],
    scopes: &[Over::Instrument],
    parts: PARTS,
    ..card(
        [
            "exit_time_s",
            "own exit time",
            "how long closing the own position takes without being more than a tenth of what trades",
            "own USD / (0.1 * USD traded in 5 min / 300 s)",
            "METRICS.md H12",
        ],
        Unit::Seconds,
        None,
        Bad::High,
    )
};

/// The amount of a position as a walk takes it: contracts are dollars where they do not move with price.
fn amount(terms: &Terms, contracts: f64) -> (Of, f64) {
    let one = terms.step(1.0, contracts);
    match terms.payoff {
        Payoff::Inverse => (Of::Usd, one.usd),
        Payoff::Linear | Payoff::Quanto => (Of::Base, one.usd / one.price),
    }
}

/// Takes `contracts` from one side of a book, no level more than it needs.
fn leave(listing: &Listing, side: BookSide, terms: &Terms, contracts: f64, steps: &mut Vec<Step>) -> Fill {
    steps.clear();
    let mut left = contracts;
    listing.book.walk(side, |price, size| {
        let size = size.to_f64();
        steps.push(terms.step(price.to_f64(), size));
        left -= size;
        left > 0.0
    });
    let (of, size) = amount(terms, contracts);
    let [fill] = take(steps.iter().copied(), of, [size]);
    fill
}

/// Own contracts of one instrument on all accounts together, longs and shorts apart, and what they are worth.
#[derive(Clone, Copy, Debug, Default)]
struct Held {
    contracts: [Decimal; 2],
    usd: [Option<Decimal>; 2],
}

/// Own positions by (underlying, venue, symbol).
fn held(market: &Market) -> BTreeMap<(u16, u16, u32), Held> {
    let mut all: BTreeMap<_, Held> = BTreeMap::new();
    for worth in figures(market).iter().flat_map(|f| &f.positions).filter(|w| !w.size.is_zero()) {
        let Some(underlying) = worth.underlying else { continue };
        let Some(symbol) = market.symbol_of(worth.venue, &worth.symbol) else { continue };
        let held = all.entry((underlying, worth.venue, symbol)).or_default();
        let side = usize::from(worth.size.is_sign_negative());
        held.contracts[side] += worth.size.abs();
        held.usd[side] = match worth.notional_usd {
            Some(usd) => Some(held.usd[side].unwrap_or_default() + usd),
            None => held.usd[side],
        };
    }
    all
}

impl Exit {
    fn cost(market: &Market, listing: &Listing, underlying: u16, row: Row, side: usize, held: &Held) -> Row {
        let none = Row { value: None, quality: Quality::Missing, ..row };
        let figures = &listing.figures;
        let rates = market.usd(listing.quote_currency).zip(market.usd(listing.money_currency));
        let (Some(factors), Some((quote, money))) = (listing.factors, rates) else { return none };
        if figures.state != BookState::Synced || figures.is_mid_old {
            return none;
        }
        let own = figures.mid.map(|mid| mid * quote.0);
        let consensus = || market.costs.of(underlying).and_then(|c| c.reference);
        let reference = if listing.is_perp() { consensus().or(own) } else { own };
        let (Some(reference), Some(contracts)) = (reference, held.contracts[side].to_f64()) else {
            return none;
        };
        let book = [BookSide::Bid, BookSide::Ask][side];
        let terms = factors.terms(quote.0, money.0);
        let fill = leave(listing, book, &terms, contracts, &mut Vec::new());
        let note = match fill.note(book, reference) {
            Note::None if figures.is_truncated => Note::Truncated,
            Note::None => Note::FeeUnknown,
            note => note,
        };
        // Without fees: no better than degraded.
        let quality = quote.1.max(money.1).max(Quality::Degraded);
        Row { value: fill.cost(book, reference), quality, ..row }.note(note)
    }

    fn time(listing: &Listing, at: Nanos, row: Row, side: usize, held: &Held) -> Row {
        let none = Row { value: None, quality: Quality::Missing, ..row };
        let Some((usd, traded)) = held.usd[side].and_then(|u| u.to_f64()).zip(listing.traded.as_ref()) else {
            return none;
        };
        let (volume, span_s) = traded.rate(at);
        if matches!(listing.figures.state, BookState::Dead | BookState::Stale) {
            return Row { quality: Quality::Stale, ..none }; // silence is not a market without trades
        }
        if volume <= 0.0 {
            return Row { quality: Quality::Ok, ..none }.note(Note::UnboundedHigh);
        }
        let note = if traded.is_full(at) { Note::None } else { Note::Cold };
        Row { value: Some(usd / (PACE * volume / span_s)), ..row }.note(note)
    }
}

impl Metric for Exit {
    fn card(&self) -> &'static Card {
        match self {
            Exit::Cost => &COST,
            Exit::Time => &TIME,
        }
    }

    fn eval(&self, market: &Market, at: Nanos, out: &mut Vec<Row>) {
        for ((underlying, venue, symbol), held) in held(market) {
            let Some(listing) = market.listing(venue, symbol) else { continue };
            for (side, part) in PARTS.iter().enumerate().filter(|(side, _)| !held.contracts[*side].is_zero())
            {
                let scope = Scope::instrument(underlying, venue, symbol).part(Part::Named(part));
                let channel = if *self == Exit::Cost { Channel::Book } else { Channel::Trade };
                let as_of = listing.beat(channel).last().unwrap_or_default();
                let row = Row::single(scope, Some(0.0), Quality::Ok, as_of);
                out.push(match self {
                    Exit::Cost => Exit::cost(market, listing, underlying, row, side, &held),
                    Exit::Time => Exit::time(listing, at, row, side, &held),
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::traded::Traded;
    use crate::model::entry::ConnIx;
    use crate::model::event::{BookChange, Level};
    use crate::model::num::Num;
    use crate::model::time::SECOND;

    fn listing(asks: &[(&str, &str)]) -> Listing {
        let num = |text: &str| Num::parse(text.as_bytes()).unwrap();
        let asks: Vec<_> =
            asks.iter().map(|(price, size)| Level { price: num(price), size: num(size) }).collect();
        let bids = [Level { price: num("99.98"), size: num("1") }];
        let mut listing = Listing::new("A");
        let change = BookChange { snapshot: true, bids: &bids, asks: &asks, seq: None };
        assert!(listing.change(Nanos(1), ConnIx(0), &change));
        listing
    }

    fn terms(payoff: Payoff, multiplier: f64) -> Terms {
        Terms { payoff, multiplier, scale: 1.0, quote_usd: 1.0, money_usd: 1.0 }
    }

    /// Fault: a size in dollars of the first level, a walk that stops a level early.
    #[test]
    fn h12_twelve_units_on_a() {
        let a = listing(&[("100.00", "5"), ("100.10", "5"), ("100.30", "10")]);
        let of = |terms, contracts| leave(&a, BookSide::Ask, &terms, contracts, &mut Vec::new());
        let fill = of(terms(Payoff::Linear, 1.0), 12.0);
        assert!((fill.cost(BookSide::Ask, 99.99).unwrap() - 10.167_683).abs() < 1e-6);
        // The same units in contracts of a tenth; what the book does not hold is no figure.
        let tenths = of(terms(Payoff::Linear, 0.1), 12.0);
        assert!((tenths.base - 1.2).abs() < 1e-12);
        let all = of(terms(Payoff::Linear, 1.0), 21.0);
        assert_eq!(all.cost(BookSide::Ask, 99.99), None);
        assert!((all.filled - 20.0 / 21.0).abs() < 1e-12);
    }

    /// Fault: contracts of dollars that are taken for coins.
    #[test]
    fn h12_inverse_contracts_are_dollars() {
        let a = listing(&[("100.00", "5"), ("110.00", "5")]);
        let fill = leave(&a, BookSide::Ask, &terms(Payoff::Inverse, 100.0), 7.5, &mut Vec::new());
        assert!((fill.usd - 750.0).abs() < 1e-9);
        assert!((fill.base - (5.0 + 250.0 / 110.0)).abs() < 1e-9);
    }

    /// Fault: the volume of an hour, a first minute that is taken for five, no volume as no time.
    #[test]
    fn h12_time_at_a_tenth_of_the_volume() {
        let mut a = listing(&[("100.00", "5")]);
        let held = Held { contracts: [Decimal::ONE; 2], usd: [Some(Decimal::from(60_000)); 2] };
        let at = |s: i64| Nanos(1_000_000 * SECOND + s * SECOND);
        let row = Row::single(Scope::GLOBAL, Some(0.0), Quality::Ok, at(0));
        assert_eq!(Exit::time(&a, at(0), row, 0, &held).quality, Quality::Missing);
        let mut traded = Traded::new(at(0));
        (0..30).for_each(|n| traded.add(at(n * 10), 10_000.0));
        a.traded = Some(Box::new(traded));
        // 300,000 USD in 300 s: a tenth is 100 USD a second.
        let full = Exit::time(&a, at(299), row, 0, &held);
        assert!((full.value.unwrap() - 598.0).abs() < 1e-9, "299 seconds are known");
        assert_eq!(full.note, Note::Cold);
        let later = Exit::time(&a, at(440), row, 0, &held);
        assert!((later.value.unwrap() - 1_200.0).abs() < 1e-9, "half of it has left the window");
        assert_eq!(later.note, Note::None);
        let dead = Exit::time(&a, at(900), row, 0, &held);
        assert_eq!((dead.value, dead.note), (None, Note::UnboundedHigh));
    }
}
