//! One run of the cascade: rounds of triggers, fills, losses and a new index.

use super::{Place, ROUNDS_MAX, Set, Trigger, Way};

/// Share of the most it held below which a fund counts as spent. Erratum 35 says of its start: a fund that
/// starts empty and gains would then never be spent, for its last digits can be halved no further.
const SPENT: f64 = 1e-9;

/// What stands in for funds. METRICS.md §9 and erratum 34.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Funds {
    /// As stated; an unknown one is empty.
    UnknownEmpty,
    /// As stated; an unknown one never ends.
    UnknownEndless,
    /// None ends: what would be owed in all.
    Endless,
}

impl Funds {
    const fn of(self, place: &Place) -> f64 {
        match (self, place.fund) {
            (Funds::Endless, _) | (Funds::UnknownEndless, None) => f64::INFINITY,
            (Funds::UnknownEmpty, None) => 0.0,
            (_, Some(fund)) => fund,
        }
    }
}

/// What became of one venue.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PlaceOutcome {
    /// Base units closed by force.
    pub liquidated: f64,
    /// The same in USD, at the mark of the trigger.
    pub liquidated_usd: f64,
    /// Base units that the book took.
    pub filled: f64,
    /// Base units closed against winners.
    pub adl: f64,
    /// The same in USD, at bankruptcy prices.
    pub adl_usd: f64,
    /// Part of `adl` that an empty book left, base units.
    pub unfilled: f64,
    /// USD paid by the fund.
    pub shortfall: f64,
    /// USD left in the fund.
    pub fund: f64,
    /// Worst price.
    pub worst: f64,
}

/// What became of everything.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Size of the shock as a fraction.
    pub shock: f64,
    /// Index at the end.
    pub index: f64,
    /// Move of the index as a fraction, positive the way of the shock.
    pub moved: f64,
    /// Rounds it took.
    pub rounds: u32,
    /// Venues, in the order given.
    pub places: Vec<PlaceOutcome>,
}

impl Outcome {
    /// F6: final move over the shock; `None` without a shock.
    pub fn amplification(&self) -> Option<f64> {
        (self.shock > 0.0).then(|| self.moved.abs() / self.shock)
    }

    /// Sum of a figure over venues.
    pub fn sum(&self, of: impl Fn(&PlaceOutcome) -> f64) -> f64 {
        self.places.iter().map(of).sum()
    }
}

/// One venue in one round.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// Mark that triggers met.
    pub mark: f64,
    /// Base units triggered.
    pub triggered: f64,
    /// Base units filled.
    pub filled: f64,
    /// Last fill, or the index where nothing traded.
    pub price: f64,
    /// USD in the fund afterwards.
    pub fund: f64,
    /// Base units to ADL.
    pub adl: f64,
}

/// One round.
#[derive(Clone, Debug, PartialEq)]
pub struct Round {
    /// Index that books are measured from.
    pub index: f64,
    /// Index afterwards.
    pub after: f64,
    /// Venues in order.
    pub places: Vec<Step>,
}

#[derive(Clone, Debug, Default)]
struct State {
    fund: f64,
    fund_most: f64,
    mark: f64,
    /// Last fill of the current step of the shock.
    step_price: Option<f64>,
    /// Last fill of this round.
    round_price: Option<f64>,
    /// Triggers met so far.
    met: usize,
    /// First of them that is not closed, and what is left of it.
    open: usize,
    rest: Option<f64>,
    /// Best level with something left.
    best: usize,
    levels: Vec<f64>,
    out: PlaceOutcome,
}

/// A market ready to be shocked many times.
#[derive(Debug)]
pub struct Run<'a> {
    index: f64,
    places: &'a [Place],
    states: Vec<State>,
}

impl<'a> Run<'a> {
    /// Starts from an index in USD. Weights of the venues sum to one.
    pub fn new(index: f64, places: &'a [Place]) -> Self {
        Run { index, places, states: vec![State::default(); places.len()] }
    }

    /// One shock: `x` is a fraction, 0.05 for 5 %.
    pub fn shock(&mut self, way: Way, x: f64, set: &Set, funds: Funds) -> Outcome {
        self.play(way, x, set, funds, None)
    }

    /// The same with what happened in each round.
    pub fn traced(&mut self, way: Way, x: f64, set: &Set, funds: Funds) -> (Outcome, Vec<Round>) {
        let mut rounds = Vec::new();
        let outcome = self.play(way, x, set, funds, Some(&mut rounds));
        (outcome, rounds)
    }

    fn play(
        &mut self,
        way: Way,
        x: f64,
        set: &Set,
        funds: Funds,
        mut trace: Option<&mut Vec<Round>>,
    ) -> Outcome {
        self.reset(way, set, funds);
        let mut index = self.index;
        let mut steps_left = set.steps.max(1);
        let factor = libm::pow(1.0 - way.sign() * x, 1.0 / f64::from(steps_left));
        let mut rounds = 0;
        while rounds < ROUNDS_MAX {
            rounds += 1;
            if steps_left > 0 {
                index *= factor;
                steps_left -= 1;
                self.states.iter_mut().for_each(|s| (s.mark, s.step_price) = (index, None));
            }
            let mut round = Round { index, after: index, places: Vec::new() };
            let mut mean = 0.0;
            for (place, state) in self.places.iter().zip(&mut self.states) {
                let before = state.out;
                state.trigger(&place.side(way).triggers, way);
                state.close(place, way, index, set);
                let price = state.round_price.unwrap_or(index);
                state.out.worst = if rounds == 1 || way.sign() * (state.out.worst - price) > 0.0 {
                    price
                } else {
                    state.out.worst
                };
                mean += place.weight * price;
                if trace.is_some() {
                    round.places.push(state.step(&before, price));
                }
            }
            let before = index;
            index += set.lasting * (mean - index);
            for (place, state) in self.places.iter().zip(&mut self.states) {
                let price = state.step_price.unwrap_or(before);
                state.mark = set.index_share * index + (1.0 - set.index_share) * price;
                state.refill(place, way, set);
            }
            if let Some(trace) = &mut trace {
                round.after = index;
                trace.push(round);
            }
            if steps_left == 0 && self.is_settled(way) {
                break;
            }
        }
        self.finish(way, x, index, rounds)
    }

    fn reset(&mut self, way: Way, set: &Set, funds: Funds) {
        for (place, state) in self.places.iter().zip(&mut self.states) {
            let mut levels = std::mem::take(&mut state.levels);
            levels.clear();
            levels.extend(place.side(way).book.iter().map(|l| set.depth * l.qty));
            let fund = funds.of(place);
            *state = State { fund, fund_most: fund, levels, ..State::default() };
        }
    }

    /// True when nothing is queued and no mark has reached a further trigger.
    fn is_settled(&self, way: Way) -> bool {
        self.places.iter().zip(&self.states).all(|(place, state)| {
            let next = place.side(way).triggers.get(state.met);
            state.open == state.met && next.is_none_or(|t| way.sign() * (t.price - state.mark) < 0.0)
        })
    }

    fn finish(&mut self, way: Way, x: f64, index: f64, rounds: u32) -> Outcome {
        for (place, state) in self.places.iter().zip(&mut self.states) {
            let triggers = &place.side(way).triggers;
            while let Some(trigger) = triggers.get(state.open).filter(|_| state.open < state.met) {
                state.deleverage(trigger, true);
            }
            state.out.fund = state.fund;
        }
        Outcome {
            shock: x,
            index,
            moved: way.sign() * (1.0 - index / self.index),
            rounds,
            places: self.states.iter().map(|s| s.out).collect(),
        }
    }
}

impl State {
    /// Queues what the mark has reached; the pointer only moves forward.
    fn trigger(&mut self, triggers: &[Trigger], way: Way) {
        self.round_price = None;
        while let Some(next) = triggers.get(self.met).filter(|t| way.sign() * (t.price - self.mark) >= 0.0) {
            self.out.liquidated += next.qty;
            self.out.liquidated_usd += next.qty * self.mark;
            self.met += 1;
        }
    }

    /// Closes the queue into the book, and against winners where fund or book end.
    fn close(&mut self, place: &Place, way: Way, index: f64, set: &Set) {
        let side = place.side(way);
        while let Some(trigger) = side.triggers.get(self.open).filter(|_| self.open < self.met) {
            while self.levels.get(self.best).is_some_and(|left| *left <= 0.0) {
                self.best += 1;
            }
            let (Some(level), Some(left)) = (side.book.get(self.best), self.levels.get_mut(self.best)) else {
                if set.refill > 0.0 {
                    return;
                }
                self.deleverage(trigger, true);
                continue;
            };
            let price = index * (1.0 - way.sign() * level.offset);
            let gap = way.sign() * (trigger.bankruptcy - price);
            let rest = self.rest.unwrap_or(trigger.qty);
            let mut taken = rest.min(*left);
            if gap > 0.0 {
                if self.fund.is_finite() && self.fund <= SPENT * self.fund_most {
                    self.deleverage(trigger, false);
                    continue;
                }
                taken = taken.min(self.fund / gap);
                self.fund = (self.fund - gap * taken).max(0.0);
                self.out.shortfall += gap * taken;
            } else {
                self.fund -= set.kept * gap * taken;
                self.fund_most = self.fund_most.max(self.fund);
            }
            *left -= taken;
            self.out.filled += taken;
            (self.step_price, self.round_price) = (Some(price), Some(price));
            self.rest = Some(rest - taken).filter(|rest| *rest > 0.0);
            self.open += usize::from(self.rest.is_none());
        }
    }

    /// What is left of the open trigger goes to ADL, at its bankruptcy price, without touching the book.
    fn deleverage(&mut self, trigger: &Trigger, is_book_empty: bool) {
        let rest = self.rest.take().unwrap_or(trigger.qty);
        self.out.adl += rest;
        self.out.adl_usd += rest * trigger.bankruptcy;
        self.out.unfilled += if is_book_empty { rest } else { 0.0 };
        self.open += 1;
    }

    fn refill(&mut self, place: &Place, way: Way, set: &Set) {
        if set.refill <= 0.0 {
            return;
        }
        for (left, level) in self.levels.iter_mut().zip(&place.side(way).book) {
            let full = set.depth * level.qty;
            *left = full.min(*left + set.refill * full);
        }
        self.best = 0;
    }

    fn step(&self, before: &PlaceOutcome, price: f64) -> Step {
        Step {
            mark: self.mark,
            triggered: self.out.liquidated - before.liquidated,
            filled: self.out.filled - before.filled,
            price,
            fund: self.fund,
            adl: self.out.adl - before.adl,
        }
    }
}
