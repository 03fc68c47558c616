//! The people behind the open interest of one instrument, and the margin engine that closes them.
//!
//! Every open lot belongs to a position with an entry, collateral and so a price of liquidation. At that
//! mark the engine takes the position over and sells it into the book; what is left over or missing at its
//! bankruptcy price is the insurance fund's. Where the fund cannot pay, the most profitable of the other
//! side are closed instead, at the bankruptcy price.
//!
//! Money is whole numbers: a lot is worth its price in `10^-8` of the quote, on inverse contracts
//! `-10^24` over that, in `10^-16` coins. So the sum over everybody is exact, and is a law.

use std::collections::VecDeque;

use super::listing::{Listing, Unit};
use super::people::{Mixture, Past, Shape};
use super::rng::Stream;

/// Longs and shorts.
pub const SIDES: usize = 2;
/// Positions of one side; who comes later joins one of them.
const POSITIONS_MAX: usize = 2_000;
/// Least average size of a position in lots.
const LOTS_LEAST: i64 = 20;
/// The fund at the start, parts of open interest.
const FUND_PARTS: i128 = 6_000;
/// Fee of an opening trade, parts of its value: 5 basis points.
const FEE_PARTS: i128 = 2_000;
/// Room for rounding below which the fund counts as spent.
const FUND_SLACK: i128 = 1_000_000;

/// One position. Money as the module says.
#[derive(Clone, Copy, Debug)]
pub struct Position {
    /// Size.
    pub lots: i64,
    /// Worth of its lots when they were entered.
    cost: i128,
    /// What stands behind it.
    collateral: i128,
    /// Mark in `10^-8` at which it is closed; beyond reach where it is hedged.
    pub trigger_e8: i64,
}

/// Money that went in and out.
#[derive(Clone, Copy, Debug, Default)]
struct Purse {
    paid_in: i128,
    paid_out: i128,
    fees: i128,
    fund: i128,
}

/// What was closed by force since the start, by the side of the position, in cents at the mark.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Sold into the book.
    pub done: [i64; SIDES],
    /// Closed against the other side.
    pub deleveraged: [i64; SIDES],
    /// The part of `done` that the venue tells of.
    pub told: [i64; SIDES],
}

/// The next forced order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Claim {
    pub(super) side: usize,
    pub(super) lots: i64,
    pub(super) bankruptcy_e8: i64,
    /// Signed worth of a lot below which the fund could not pay.
    least: i128,
}

/// Everybody in one instrument.
#[derive(Clone, Debug)]
pub struct Crowd {
    /// What was closed.
    pub tally: Tally,
    /// Draws of the crowd, and of who trades with the engine.
    pub(super) chance: Stream,
    sides: [Vec<Position>; SIDES],
    closing: VecDeque<(usize, Position)>,
    purse: Purse,
    mixture: [Mixture; SIDES],
    unit: Unit,
    maintenance: f64,
}

const fn sign(side: usize) -> i128 {
    if side == 0 { 1 } else { -1 }
}

/// Worth of one lot.
fn worth(unit: Unit, price_e8: i64) -> i128 {
    let price = i128::from(price_e8.max(1));
    match unit {
        Unit::BaseE8(_) => price,
        Unit::Usd(_) => -1_000_000_000_000_000_000_000_000 / price,
    }
}

/// The price at which a lot is worth so much.
fn price_of(unit: Unit, worth: f64) -> i64 {
    match unit {
        Unit::BaseE8(_) => worth as i64,
        Unit::Usd(_) => (-1e24 / worth) as i64,
    }
}

impl Position {
    fn part(&self, lots: i64) -> (i128, i128) {
        let of = |money: i128| money * i128::from(lots) / i128::from(self.lots.max(1));
        (of(self.cost), of(self.collateral))
    }

    /// Takes lots out with their part of cost and collateral.
    fn take(&mut self, lots: i64) -> (i128, i128) {
        let (cost, collateral) = self.part(lots);
        self.lots -= lots;
        self.cost -= cost;
        self.collateral -= collateral;
        (cost, collateral)
    }

    fn equity(&self, side: usize, worth: i128) -> i128 {
        self.collateral + sign(side) * (i128::from(self.lots) * worth - self.cost)
    }
}

impl Crowd {
    /// People who hold `lots` on both sides at `price_e8`, come there along `past`. `name` is venue and
    /// symbol.
    pub(super) fn new(
        seed: u64,
        name: &str,
        listing: &Listing,
        (lots, price_e8): (i64, i64),
        past: &Past,
        shape: Shape,
    ) -> Crowd {
        let mut chance = Stream::named(seed, &format!("{name}/crowd"));
        let most = f64::from(listing.leverage);
        let mixture = [0, 1].map(|side| Mixture::draw(shape, side, most, &mut chance));
        let mut crowd = Crowd {
            tally: Tally::default(),
            chance,
            sides: [Vec::new(), Vec::new()],
            closing: VecDeque::new(),
            purse: Purse::default(),
            mixture,
            unit: listing.unit,
            maintenance: 0.5 / most,
        };
        let fund = i128::from(lots) * worth(listing.unit, price_e8).abs() / FUND_PARTS;
        (crowd.purse.fund, crowd.purse.paid_in) = (fund, fund);
        for side in 0..SIDES {
            crowd.settle(side, lots, price_e8, past);
        }
        crowd
    }

    /// Fills a side. Who would have been closed on the way here is not here.
    fn settle(&mut self, side: usize, lots: i64, now_e8: i64, past: &Past) {
        let count = (lots / LOTS_LEAST).clamp(1, POSITIONS_MAX as i64);
        let sizes: Vec<f64> = (0..count).map(|_| libm::exp(1.2 * self.chance.normal())).collect();
        let sum: f64 = sizes.iter().sum();
        let mut left = lots;
        for (nth, size) in (1..).zip(sizes) {
            let own = if nth == count { left } else { ((size / sum * lots as f64) as i64).max(1).min(left) };
            if own <= 0 {
                continue;
            }
            left -= own;
            for attempt in 0.. {
                let moment = past.moment(&mut self.chance);
                let entry_e8 = (now_e8 as f64 * moment.price) as i64;
                let leverage = self.leverage(side).filter(|_| attempt < 32);
                let position = self.enter(side, own, entry_e8, leverage);
                let (low, high) = (now_e8 as f64 * moment.low, now_e8 as f64 * moment.high);
                let is_alive = match side {
                    0 => (position.trigger_e8 as f64) < low,
                    _ => (position.trigger_e8 as f64) > high,
                };
                if is_alive || attempt == 32 {
                    self.purse.paid_in += position.collateral;
                    // Longs and shorts entered at different prices: the rest left with who was here before.
                    self.purse.paid_out += sign(side) * position.cost;
                    if let Some(own) = self.sides.get_mut(side) {
                        own.push(position);
                    }
                    break;
                }
            }
        }
    }

    /// Leverage of somebody who enters; `None` is hedged or fully paid.
    fn leverage(&mut self, side: usize) -> Option<f64> {
        self.mixture.get(side)?.leverage(&mut self.chance)
    }

    fn enter(&self, side: usize, lots: i64, price_e8: i64, leverage: Option<f64>) -> Position {
        let cost = i128::from(lots) * worth(self.unit, price_e8);
        let collateral = (cost.abs() as f64 / leverage.unwrap_or(1.0)) as i128;
        let mut position = Position { lots, cost, collateral, trigger_e8: out_of_reach(side) };
        if leverage.is_some() {
            self.aim(side, &mut position);
        }
        position
    }

    /// Equity meets maintenance at this mark.
    fn aim(&self, side: usize, position: &mut Position) {
        let lots = position.lots as f64;
        let entry = position.cost.unsigned_abs() as f64 / lots;
        let margin = position.collateral as f64 / lots;
        let is_inverse = matches!(self.unit, Unit::Usd(_));
        // What a long gains when the price rises is lost in coins of an inverse contract's worth.
        let size = if (side == 0) == is_inverse {
            (entry + margin) / (1.0 + self.maintenance)
        } else {
            (entry - margin) / (1.0 - self.maintenance)
        };
        position.trigger_e8 = match size > 0.0 {
            true => price_of(self.unit, if is_inverse { -size } else { size }),
            false => out_of_reach(side),
        };
    }

    /// True when so many lots of both sides can be closed by will: what is taken over cannot.
    pub(super) fn can_close(&self, open: [i64; SIDES], lots: i64) -> bool {
        open.iter().zip(self.waiting()).all(|(open, waiting)| open - waiting > lots)
    }

    /// Somebody enters a position.
    pub(super) fn open(&mut self, side: usize, lots: i64, price_e8: i64) {
        let leverage = self.leverage(side);
        let mut new = self.enter(side, lots, price_e8, leverage);
        let fee = new.cost.abs() / FEE_PARTS;
        self.purse.paid_in += new.collateral + fee;
        self.purse.fees += fee;
        let at = (self.chance.bits() % POSITIONS_MAX as u64) as usize;
        let Some(own) = self.sides.get_mut(side) else { return };
        if own.len() < POSITIONS_MAX {
            own.push(new);
            return;
        }
        let Some(joined) = own.get(at).copied() else { return };
        new.lots += joined.lots;
        new.cost += joined.cost;
        new.collateral += joined.collateral;
        new.trigger_e8 = joined.trigger_e8; // who is hedged stays so
        if joined.trigger_e8 != out_of_reach(side) {
            self.aim(side, &mut new);
        }
        if let Some(place) = self.sides.get_mut(side).and_then(|own| own.get_mut(at)) {
            *place = new;
        }
    }

    /// Some close of their own will.
    pub(super) fn close(&mut self, side: usize, mut lots: i64, price_e8: i64) {
        let each = worth(self.unit, price_e8);
        while let Some(own) = self.sides.get_mut(side).filter(|own| lots > 0 && !own.is_empty()) {
            let at = (self.chance.bits() % own.len() as u64) as usize;
            let Some(position) = own.get_mut(at) else { return };
            let taken = position.lots.min(lots);
            let (cost, collateral) = position.take(taken);
            if position.lots == 0 {
                own.swap_remove(at);
            }
            self.purse.paid_out += collateral + sign(side) * (i128::from(taken) * each - cost);
            lots -= taken;
        }
    }

    /// Takes over whom the mark has reached.
    pub(super) fn margin_call(&mut self, mark_e8: i64) {
        for (side, own) in self.sides.iter_mut().enumerate() {
            let closing = &mut self.closing;
            own.retain(|position| {
                let is_reached = match side {
                    0 => mark_e8 <= position.trigger_e8,
                    _ => mark_e8 >= position.trigger_e8,
                };
                if is_reached {
                    closing.push_back((side, *position));
                }
                !is_reached
            });
        }
    }

    /// The next forced order of at most so many lots.
    pub(super) fn claim(&self, most: i64) -> Option<Claim> {
        let (side, position) = *self.closing.front()?;
        let lots = position.lots.min(most);
        let (cost, collateral) = position.part(lots);
        let bankrupt = sign(side) * cost - collateral;
        let fund = (self.purse.fund - FUND_SLACK).max(0);
        let each = (bankrupt as f64) / lots.max(1) as f64 * sign(side) as f64;
        let least = (bankrupt - fund) / i128::from(lots.max(1));
        (lots > 0).then(|| Claim { side, lots, bankruptcy_e8: price_of(self.unit, each).max(1), least })
    }

    /// True when the fund can pay for a fill at this price.
    pub(super) fn affords(&self, claim: &Claim, price_e8: i64) -> bool {
        sign(claim.side) * worth(self.unit, price_e8) > claim.least
    }

    /// A fill of the forced order. The fund takes what is left and pays what is missing.
    pub(super) fn forced(&mut self, lots: i64, price_e8: i64) {
        let Some((side, position)) = self.closing.front_mut() else { return };
        let (cost, collateral) = position.take(lots);
        self.purse.fund += collateral + sign(*side) * (i128::from(lots) * worth(self.unit, price_e8) - cost);
        if position.lots == 0 {
            self.closing.pop_front();
        }
    }

    /// Closes lots of the forced order against the best ranked of the other side, at the bankruptcy price.
    /// Returns how many.
    pub(super) fn deleverage(&mut self, mut lots: i64, mark_e8: i64) -> i64 {
        let each = worth(self.unit, mark_e8);
        let mut closed = 0;
        while let (Some((side, position)), true) = (self.closing.front_mut(), lots > 0) {
            let other = 1 - *side;
            let Some(own) = self.sides.get_mut(other) else { break };
            let ranked = own.iter().enumerate().map(|(at, p)| (at, rank(p, other, each)));
            let Some((at, _)) = ranked.max_by(|a, b| a.1.total_cmp(&b.1)) else { break };
            let Some(counter) = own.get_mut(at) else { break };
            let taken = lots.min(counter.lots);
            let (cost, collateral) = position.take(taken);
            // The worth at which nothing is left of the forced part.
            let bankrupt = cost - sign(*side) * collateral;
            let (theirs, behind) = counter.take(taken);
            self.purse.paid_out += behind + sign(other) * (bankrupt - theirs);
            if counter.lots == 0 {
                own.swap_remove(at);
            }
            (lots, closed) = (lots - taken, closed + taken);
            if position.lots == 0 {
                self.closing.pop_front();
                break;
            }
        }
        closed
    }

    /// Free positions of a side, 0 for longs.
    pub fn positions(&self, side: usize) -> &[Position] {
        self.sides.get(side).map_or(&[], Vec::as_slice)
    }

    /// Lots that wait to be closed, by side.
    pub fn waiting(&self) -> [i64; SIDES] {
        let lots = |side| self.closing.iter().filter(|c| c.0 == side).map(|c| c.1.lots).sum();
        [lots(0), lots(1)]
    }

    /// What the fund holds, parts of what it began with.
    pub fn is_fund_spent(&self) -> bool {
        self.purse.fund <= FUND_SLACK
    }

    /// The first law that the crowd breaks: positions are the open interest, money is neither made nor lost,
    /// the fund has no debts.
    pub fn broken_law(&self, open: [i64; SIDES], mark_e8: i64) -> Option<&'static str> {
        let mut held = [0; SIDES];
        let mut equity = 0;
        for (side, held) in held.iter_mut().enumerate() {
            let waiting = self.closing.iter().filter(|c| c.0 == side).map(|c| &c.1);
            let (mut cost, mut collateral) = (0, 0);
            for position in self.positions(side).iter().chain(waiting) {
                *held += position.lots;
                (cost, collateral) = (cost + position.cost, collateral + position.collateral);
            }
            equity += collateral + sign(side) * (i128::from(*held) * worth(self.unit, mark_e8) - cost);
        }
        if held != open {
            return Some("positions do not sum to open interest");
        }
        let Purse { paid_in, paid_out, fees, fund } = self.purse;
        if equity + fund + fees != paid_in - paid_out {
            return Some("money was made or lost");
        }
        (fund < 0).then_some("the insurance fund is in debt")
    }
}

const fn out_of_reach(side: usize) -> i64 {
    if side == 0 { 0 } else { i64::MAX }
}

/// Rank in the queue of those who are closed when the fund is spent: profit times leverage.
fn rank(position: &Position, side: usize, worth: i128) -> f64 {
    let equity = position.equity(side, worth);
    let (cost, value) = (position.cost as f64, (i128::from(position.lots) * worth).abs() as f64);
    let profit = (equity - position.collateral) as f64 / cost.abs().max(1.0);
    profit * value / (equity as f64).max(1.0)
}

#[cfg(test)]
#[path = "crowd_tests.rs"]
mod tests;
