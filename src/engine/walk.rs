//! What a size costs: walks one side of a book, or of several books merged in USD, from the best level
//! outwards. METRICS.md C6 to C9, errata 4, 15 and 31.
//!
//! Books stay exact integers; a level becomes a [`Step`] of two floats once, at the border, and from there
//! on everything is a statistic. Nothing here allocates but the buffer that the caller keeps.

use super::book::{Book, BookSide};
use super::metric::Note;
use crate::model::instrument::Payoff;
use crate::model::num::POW10;

/// Levels of one side that a walk takes up.
pub const STEPS_MAX: usize = 8_192;
/// Sides that one merge takes up.
const SIDES_MAX: usize = 64;

/// One level in USD.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// USD per unit of the underlying.
    pub price: f64,
    /// USD that rest there.
    pub usd: f64,
}

/// What turns a level into USD. Erratum 4.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// Payoff of the contract.
    pub payoff: Payoff,
    /// Base units (linear), quote units (inverse), settlement units per unit of price (quanto) per contract.
    pub multiplier: f64,
    /// Units of the underlying per unit of base.
    pub scale: f64,
    /// USD per unit of the quote currency: for prices.
    pub quote_usd: f64,
    /// USD per unit of the currency of the notional (quote, or settlement for quanto): for money.
    pub money_usd: f64,
}

impl Terms {
    /// A level in USD. `price` and `size` are as the venue writes them.
    ///
    /// Linear `size·m·P·π_q`, inverse `size·m·π_q`, quanto `size·m·P·π_s`.
    #[inline]
    pub fn step(&self, price: f64, size: f64) -> Step {
        let native = match self.payoff {
            Payoff::Linear | Payoff::Quanto => size * self.multiplier * price,
            Payoff::Inverse => size * self.multiplier,
        };
        Step { price: price / self.scale * self.quote_usd, usd: native * self.money_usd }
    }
}

/// Appends the levels of one side until they hold `most` USD. Returns true when the walk was cut at
/// [`STEPS_MAX`] before that.
pub fn collect(book: &Book, side: BookSide, terms: &Terms, most: f64, out: &mut Vec<Step>) -> bool {
    let unit = |scale: u8| POW10.get(usize::from(scale)).map_or(1.0, |u| *u as f64);
    let (price_scale, size_scale) = book.scales();
    let (price_unit, size_unit) = (unit(price_scale), unit(size_scale));
    let (mut sum, mut left) = (0.0, STEPS_MAX);
    book.walk(side, |price, size| {
        let step = terms.step(price.mantissa as f64 / price_unit, size.mantissa as f64 / size_unit);
        sum += step.usd;
        left -= 1;
        out.push(step);
        sum < most && left > 0
    });
    left == 0 && sum < most
}

/// In what a size is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    /// US dollars.
    Usd,
    /// Units of the underlying.
    Base,
}

/// What was taken from a book.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Fill {
    /// US dollars.
    pub usd: f64,
    /// Units of the underlying.
    pub base: f64,
    /// Share of the size that the book could fill: 1, or the book ended before.
    pub filled: f64,
    /// Price of the last level that was touched.
    pub last: f64,
}

impl Fill {
    /// True when the book did not end before the size.
    pub fn is_whole(&self) -> bool {
        self.filled >= 1.0
    }

    /// Cost against a reference in USD: `1e4·(vwap/reference − 1)·σ`, of what was filled. `None` when
    /// nothing was.
    pub fn bps(&self, side: BookSide, reference: f64) -> Option<f64> {
        let sign = match side {
            BookSide::Ask => 1.0, // a buyer takes asks
            BookSide::Bid => -1.0,
        };
        (self.base > 0.0).then(|| 1e4 * (self.usd / self.base / reference - 1.0) * sign)
    }

    /// The note of a size that was not filled.
    pub fn note(&self, side: BookSide, reference: f64) -> Note {
        match self.is_whole() {
            true => Note::None,
            false => {
                Note::Insufficient { filled: self.filled, bps: self.bps(side, reference).unwrap_or(f64::NAN) }
            }
        }
    }

    /// Same as [`Fill::bps`], but only of a size that was filled whole.
    pub fn cost(&self, side: BookSide, reference: f64) -> Option<f64> {
        self.bps(side, reference).filter(|_| self.is_whole())
    }
}

/// Takes each of the sizes, which ascend, from levels that go from the best outwards.
pub fn take<const N: usize>(steps: impl Iterator<Item = Step>, of: Of, sizes: [f64; N]) -> [Fill; N] {
    let mut fills = [Fill::default(); N];
    let mut waiting = fills.iter_mut().zip(sizes).peekable();
    let (mut usd, mut base, mut sum, mut last) = (0.0, 0.0, 0.0, 0.0);
    for step in steps {
        last = step.price;
        let all = step.usd / step.price;
        let amount = if of == Of::Usd { step.usd } else { all };
        while let Some((fill, size)) = waiting.next_if(|(_, size)| sum + amount >= *size) {
            let part = if amount > 0.0 { (size - sum) / amount } else { 0.0 };
            *fill = Fill { usd: usd + part * step.usd, base: base + part * all, filled: 1.0, last };
        }
        if waiting.peek().is_none() {
            return fills;
        }
        (usd, base, sum) = (usd + step.usd, base + all, sum + amount);
    }
    for (fill, size) in waiting {
        *fill = Fill { usd, base, filled: sum / size, last };
    }
    fills
}

/// Levels of several books as if they were one, from the best outwards. Of equal prices the earlier book
/// comes first.
#[derive(Clone, Debug)]
pub struct Merge<'a> {
    side: BookSide,
    books: [&'a [Step]; SIDES_MAX],
    count: usize,
}

impl<'a> Merge<'a> {
    /// The books, in venue order; from the best outwards each.
    pub fn new(side: BookSide, books: impl Iterator<Item = &'a [Step]>) -> Self {
        let mut merge = Merge { side, books: [&[]; SIDES_MAX], count: 0 };
        for (slot, book) in merge.books.iter_mut().zip(books) {
            *slot = book;
            merge.count += 1;
        }
        merge
    }
}

impl Iterator for Merge<'_> {
    type Item = Step;

    /// O(books): a dozen of them are searched faster than a heap is kept.
    fn next(&mut self) -> Option<Step> {
        let mut best: Option<(Step, &mut &[Step])> = None;
        for book in self.books.iter_mut().take(self.count) {
            let Some(step) = book.first().copied() else { continue };
            let is_better = best.as_ref().is_none_or(|(b, _)| match self.side {
                BookSide::Ask => step.price < b.price,
                BookSide::Bid => step.price > b.price,
            });
            if is_better {
                best = Some((step, book));
            }
        }
        let (step, book) = best?;
        *book = book.get(1..).unwrap_or_default();
        Some(step)
    }
}

/// What a comparison of books came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict {
    /// A number: basis points, unless said otherwise.
    Bps(f64),
    /// All together can and no one alone can: no number is large enough.
    Unbounded,
    /// Venues of this share, 0 to 1, cannot: there is no average.
    Uncovered(f64),
}

impl Verdict {
    /// A number divided by another; what is no number stays what it is.
    pub fn over(self, usual: f64) -> Verdict {
        match self {
            Verdict::Bps(bps) => Verdict::Bps(bps / usual),
            other => other,
        }
    }

    /// As value and note of a row.
    pub const fn read(self) -> (Option<f64>, Note) {
        match self {
            Verdict::Bps(bps) => (Some(bps), Note::None),
            Verdict::Unbounded => (None, Note::UnboundedHigh),
            Verdict::Uncovered(share) => (None, Note::Uncovered(share)),
        }
    }
}

/// C7: the cheapest single book against all of them as one, both in basis points; `None` where a book ends
/// before the size.
pub fn fragmentation(singles: impl Iterator<Item = Option<f64>>, merged: Option<f64>) -> Option<Verdict> {
    let merged = merged?;
    let cheapest = singles.flatten().min_by(f64::total_cmp);
    Some(cheapest.map_or(Verdict::Unbounded, |cost| Verdict::Bps(cost - merged)))
}

/// Share of a venue from which its missing cost leaves no average. Erratum 31.
const SHARE_MIN: f64 = 0.05;

/// C8: the average over venues, weighted with their shares, against all of them as one. Rows are (weight,
/// cost or `None` where the book ends before the size). Small venues that cannot fill are left out.
pub fn silo(
    venues: impl Iterator<Item = (f64, Option<f64>)> + Clone,
    merged: Option<f64>,
) -> Option<Verdict> {
    let merged = merged?;
    let all: f64 = venues.clone().map(|v| v.0).sum();
    let (mut sum, mut used, mut lost) = (0.0, 0.0, 0.0);
    for (weight, cost) in venues {
        let share = weight / all;
        match cost {
            Some(cost) => (sum, used) = (sum + share * cost, used + share),
            None if share >= SHARE_MIN => lost += share,
            None => {}
        }
    }
    if lost > 0.0 {
        return Some(Verdict::Uncovered(lost));
    }
    (used > 0.0).then(|| Verdict::Bps(sum / used - merged))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::Level;
    use crate::model::num::Num;

    const LINEAR: Terms =
        Terms { payoff: Payoff::Linear, multiplier: 1.0, scale: 1.0, quote_usd: 1.0, money_usd: 1.0 };
    const MID: f64 = 99.99;

    fn steps(levels: &[(f64, f64)]) -> Vec<Step> {
        levels.iter().map(|(price, size)| LINEAR.step(*price, *size)).collect()
    }

    fn a() -> Vec<Step> {
        steps(&[(100.0, 5.0), (100.1, 5.0), (100.3, 10.0)])
    }

    fn b() -> Vec<Step> {
        steps(&[(100.05, 3.0), (100.2, 6.0)])
    }

    fn cost(books: &[Vec<Step>], of: Of, size: f64) -> Option<f64> {
        let merge = Merge::new(BookSide::Ask, books.iter().map(Vec::as_slice));
        take(merge, of, [size])[0].cost(BookSide::Ask, MID)
    }

    fn near(found: Option<f64>, expected: f64) {
        let found = found.unwrap();
        assert!((found - expected).abs() <= 1e-9 * expected.abs().max(1.0), "{found} is not {expected}");
    }

    #[test]
    fn c6_cost_to_trade_800_usd() {
        near(cost(&[a()], Of::Usd, 800.0), 4.748_132_527_181_426);
        near(cost(&[b()], Of::Usd, 800.0), 15.368_455_453_828_034);
        near(cost(&[a(), b()], Of::Usd, 800.0), 2.874_701_715_720_462_4);
    }

    #[test]
    fn c7_fragmentation_cost() {
        let all = cost(&[a(), b()], Of::Usd, 800.0);
        let singles = [cost(&[a()], Of::Usd, 800.0), cost(&[b()], Of::Usd, 800.0)];
        let Some(Verdict::Bps(found)) = fragmentation(singles.into_iter(), all) else { panic!() };
        near(Some(found), 1.873_430_811_460_963_2);
        // Erratum 31: together they fill, alone none does; and nobody does.
        assert_eq!(fragmentation([None, None].into_iter(), all), Some(Verdict::Unbounded));
        assert_eq!(fragmentation([None, None].into_iter(), None), None);
    }

    #[test]
    fn c7_fragmentation_cost_of_12_units() {
        let all = cost(&[a(), b()], Of::Base, 12.0);
        near(cost(&[a()], Of::Base, 12.0), 10.167_683_435_009_511);
        near(all, 5.583_891_722_507_062);
        assert_eq!(cost(&[b()], Of::Base, 12.0), None, "nine units rest there");
        let partial = take(b().into_iter(), Of::Base, [12.0])[0];
        assert!((partial.filled - 0.75).abs() < 1e-12);
        near(partial.bps(BookSide::Ask, MID), 16.001_600_160_016_06);
        let usd = (cost(&[a()], Of::Base, 12.0).unwrap() - all.unwrap()) / 1e4 * 12.0 * MID;
        assert!((usd - 0.55).abs() < 1e-9);
    }

    #[test]
    fn c8_silo_cost() {
        let all = cost(&[a(), b()], Of::Usd, 800.0);
        let (a, b) = (cost(&[a()], Of::Usd, 800.0), cost(&[b()], Of::Usd, 800.0));
        let Some(Verdict::Bps(found)) = silo([(7.0, a), (3.0, b)].into_iter(), all) else { panic!() };
        near(Some(found), 5.059_527_689_454_946);
        // Erratum 31: a large venue that cannot fill leaves no average, a small one is left out.
        assert_eq!(silo([(7.0, a), (3.0, None)].into_iter(), all), Some(Verdict::Uncovered(0.3)));
        let Some(Verdict::Bps(rest)) = silo([(96.0, a), (4.0, None)].into_iter(), all) else { panic!() };
        near(Some(rest), 1.873_430_811_460_963_2);
    }

    /// The access of clients is in no venue file yet; the arithmetic is that of two merges.
    #[test]
    fn c9_access_cost_of_one_venue() {
        let (reached, all) = (cost(&[b()], Of::Usd, 800.0), cost(&[a(), b()], Of::Usd, 800.0));
        near(reached.zip(all).map(|(r, a)| r - a), 12.493_753_738_107_571);
    }

    /// Erratum 4. Catches: inverse sizes multiplied with the price; quanto money at the quote's rate.
    #[test]
    fn a_level_is_worth_what_its_payoff_says() {
        let terms = |payoff, multiplier| Terms {
            payoff,
            multiplier,
            scale: 1.0,
            quote_usd: 0.9985,
            money_usd: if payoff == Payoff::Quanto { 1.0 } else { 0.9985 },
        };
        let linear = terms(Payoff::Linear, 0.01).step(60_000.0, 150.0);
        assert!((linear.usd - 90_000.0 * 0.9985).abs() < 1e-6 && (linear.price - 59_910.0).abs() < 1e-9);
        let inverse = terms(Payoff::Inverse, 100.0).step(60_000.0, 150.0);
        assert!((inverse.usd - 15_000.0 * 0.9985).abs() < 1e-6);
        // V+ of erratum 5: 1.5 BTC quoted in USDT, settled in USDC.
        let quanto = terms(Payoff::Quanto, 1.0).step(60_000.0, 1.5);
        assert!((quanto.usd - 90_000.0).abs() < 1e-6 && (quanto.price - 59_910.0).abs() < 1e-9);
        assert!((quanto.usd / quanto.price - 1.502_253).abs() < 1e-6);
        let thousand = Terms { scale: 1_000.0, ..LINEAR }.step(0.02, 5.0);
        assert!((thousand.price - 0.000_02).abs() < 1e-12 && (thousand.usd - 0.1).abs() < 1e-12);
    }

    fn level(price: i64, size: i64) -> Level {
        Level { price: Num::new(price, 2), size: Num::new(size, 1) }
    }

    #[test]
    fn a_book_is_collected_from_the_best_outwards_until_it_holds_enough() {
        let mut book = Book::default();
        book.replace(
            &[level(9_999, 10), level(9_998, 20), level(9_990, 5)],
            &[level(10_001, 10), level(10_002, 7)],
        )
        .unwrap();
        let mut out = Vec::new();
        assert!(!collect(&book, BookSide::Bid, &LINEAR, 150.0, &mut out));
        assert_eq!(out, steps(&[(99.99, 1.0), (99.98, 2.0)]));
        let deep: Vec<Level> = (1..=STEPS_MAX as i64 + 10).map(|n| level(20_000 + n, 10)).collect();
        book.replace(&[], &deep).unwrap();
        out.clear();
        assert!(collect(&book, BookSide::Ask, &LINEAR, 1e12, &mut out), "cut");
        assert_eq!(out.len(), STEPS_MAX);
        assert_eq!((out[0].price, out[1].price), (200.01, 200.02));
    }

    #[test]
    fn sizes_at_the_edge_of_a_level_take_it_whole() {
        let fills = take(a().into_iter(), Of::Usd, [500.0, 1_000.5, 2_003.5, 2_003.6]);
        assert!(fills[..3].iter().all(Fill::is_whole) && !fills[3].is_whole());
        assert!((fills[0].base - 5.0).abs() < 1e-12 && (fills[2].base - 20.0).abs() < 1e-9);
        assert_eq!(take([].into_iter(), Of::Usd, [1.0])[0], Fill::default());
    }

    /// Random books, some of them empty, from the best outwards.
    fn books(seed: u64, side: BookSide) -> Vec<Vec<Step>> {
        let mut state = seed | 1;
        let mut next = move |below: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state % below) as f64
        };
        let venues = 1 + next(6) as usize;
        let book = |next: &mut dyn FnMut(u64) -> f64| {
            let mut price = 1_000.0 + next(20);
            let levels = next(40) as usize;
            let mut level = || {
                price += (1.0 + next(5)) * if side == BookSide::Ask { 0.5 } else { -0.5 };
                LINEAR.step(price, 1.0 + next(50))
            };
            (0..levels).map(|_| level()).collect()
        };
        (0..venues).map(|_| book(&mut next)).collect()
    }

    /// METRICS.md §12. Catches: a merge that loses order or levels, a walk that skips a part.
    #[test]
    fn merged_books_cost_least_and_more_costs_more() {
        let sizes = [1e3, 2.5e3, 4e4, 1e5, 7e5];
        for seed in 0..400 {
            let side = if seed % 2 == 0 { BookSide::Ask } else { BookSide::Bid };
            let books = books(seed * 7_919 + 3, side);
            let merged = take(Merge::new(side, books.iter().map(Vec::as_slice)), Of::Usd, sizes);
            let costs = merged.map(|f| f.cost(side, 1_000.0));
            assert!(costs.windows(2).all(|w| match (w[0], w[1]) {
                (Some(small), Some(large)) => large >= small - 1e-9,
                (small, large) => small.is_some() || large.is_none(),
            }));
            for book in &books {
                let single = take(book.iter().copied(), Of::Usd, sizes).map(|f| f.cost(side, 1_000.0));
                for (single, merged) in single.iter().zip(&costs) {
                    assert!(single.is_none() || merged.unwrap() <= single.unwrap() + 1e-9, "seed {seed}");
                }
            }
            let total: f64 = books.iter().flatten().map(|s| s.usd).sum();
            let filled = take(Merge::new(side, books.iter().map(Vec::as_slice)), Of::Usd, [1e12])[0];
            assert!((filled.usd - total).abs() <= 1e-9 * total, "every level is there once");
        }
    }

    /// METRICS.md §12, erratum 42: prices, sizes in USD and the reference times k leave basis points as
    /// they are; the order of venues changes nothing.
    #[test]
    fn scaling_and_permuting_change_nothing() {
        for seed in 0..200 {
            let mut books = books(seed * 104_729 + 1, BookSide::Ask);
            let of = |books: &[Vec<Step>], k: f64| {
                let merge = Merge::new(BookSide::Ask, books.iter().map(Vec::as_slice));
                take(merge, Of::Usd, [5e3 * k, 8e4 * k]).map(|f| f.cost(BookSide::Ask, 1_000.0 * k))
            };
            let before = of(&books, 1.0);
            books.reverse();
            let turned = of(&books, 1.0);
            let scaled: Vec<Vec<Step>> = books
                .iter()
                .map(|b| b.iter().map(|s| Step { price: s.price * 7.3, usd: s.usd * 7.3 }).collect())
                .collect();
            for (before, after) in before.iter().zip(turned).chain(before.iter().zip(of(&scaled, 7.3))) {
                assert_eq!(before.is_some(), after.is_some());
                assert!(before.zip(after).is_none_or(|(b, a)| (b - a).abs() < 1e-7), "seed {seed}");
            }
        }
    }
}
