//! The desk's own account at a simulated venue: a few positions, an order now and then, its money.
//!
//! It is moved by the same steps as the market and is a pure function of the seed. What a private stream
//! tells is a [`Change`] of its log; what a request answers is its state. Every fill is booked once:
//! position, entry, money and log always agree, which [`Account::broken_law`] checks at each step.

use std::collections::VecDeque;

use crate::model::Nanos;
use crate::model::time::SECOND;

use super::instrument::Instrument;
use super::listing::{Listing, Unit};
use super::rng::Stream;

/// Credentials that every simulated venue takes. They open nothing else: the secret is valid base64 so
/// that venues with binary secrets take it too.
pub const KEY: &str = "faultline-demo-key";
/// See [`KEY`].
pub const SECRET: &str = "ZmF1bHRsaW5lIGRlbW8gc2VjcmV0LCByZWFkLW9ubHk=";
/// See [`KEY`].
pub const PASSPHRASE: &str = "demo";
/// See [`KEY`]: the secret of venues whose keys are elliptic, P-256 in PEM.
pub const PEM: &str = "\
-----BEGIN EC PRIVATE KEY-----\n\
MHcCAQEEIHyfBNrxlNEJ9/x/Pf1bpD0mR6w+VfAgHipySgUgNIDzoAoGCCqGSM49\n\
AwEHoUQDQgAExqvIy6vZvA+dWjzsUV42j5F/cywsqMyOfmVy7kKx/EOuDMlofbRl\n\
bR0YXAgqJh6pfs0jTG9WBVrIC/UpPYj8/Q==\n\
-----END EC PRIVATE KEY-----\n";
/// Address of the account on venues without keys.
pub const ADDRESS: &str = "0x5150000000000000000000000000000000000051";

/// Changes kept for sessions that lag.
const CHANGES_KEPT: usize = 256;
/// Final orders kept for requests.
const FINAL_KEPT: usize = 16;
/// Instruments held at each venue, from the first of its list.
const HELD: usize = 3;
/// Age at which an order is taken back.
const ORDER_LIFE: i64 = 12 * SECOND;
/// Order ids begin here.
const FIRST_ORDER: u64 = 700_000_001;

/// An open position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Index of the instrument at the venue.
    pub ix: usize,
    /// Signed size in lots.
    pub lots: i64,
    /// Average entry in `10^-8`: arithmetic, or harmonic for inverse contracts.
    pub entry_e8: i64,
    /// Leverage chosen.
    pub leverage: i64,
    /// Margin set aside in `10^-8` of the settlement currency; `None` in cross mode.
    pub isolated_e8: Option<i64>,
}

/// Where an order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderState {
    /// Rests, maybe after fills.
    Open,
    /// Filled whole.
    Filled,
    /// Taken back.
    Cancelled,
}

/// An order of the desk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// Consecutive within the venue.
    pub id: u64,
    /// Index of the instrument at the venue.
    pub ix: usize,
    /// Buys or sells.
    pub is_buy: bool,
    /// Limit price in ticks.
    pub ticks: i64,
    /// Size in lots.
    pub lots: i64,
    /// Filled so far in lots.
    pub filled: i64,
    /// Where it stands.
    pub state: OrderState,
    /// When it was made.
    pub made: Nanos,
    /// When it last changed.
    pub changed: Nanos,
}

/// Money of one asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Coin {
    /// Asset code.
    pub asset: &'static str,
    /// Balance without unrealised profit, in `10^-8`.
    pub total_e8: i64,
}

/// What a private stream tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// An order was made, filled in part or whole, or taken back.
    Order(Order),
    /// A position after a fill.
    Position(Position),
    /// A balance after a fill.
    Coin(Coin),
}

/// The account at one venue.
#[derive(Clone, Debug)]
pub struct Account {
    /// Open positions, in the order of the instruments.
    pub positions: Vec<Position>,
    /// Orders by id: those that rest and the newest final ones.
    pub orders: Vec<Order>,
    /// Balances.
    pub coins: Vec<Coin>,
    changes: VecDeque<(u64, Nanos, Change)>,
    next_change: u64,
    next_order: u64,
    mood: Stream,
    /// Net lots bought since the start and at the start, by instrument: the law of positions.
    booked: Vec<i64>,
}

impl Account {
    /// The account at a venue that settles its linear contracts in `cash`.
    pub(super) fn new(seed: u64, venue: &str, cash: &'static str, instruments: &[Instrument]) -> Self {
        let mut mood = Stream::named(seed, &format!("{venue}/account"));
        let mut account = Account {
            positions: Vec::new(),
            orders: Vec::new(),
            coins: Vec::new(),
            changes: VecDeque::new(),
            next_change: 1,
            next_order: FIRST_ORDER,
            booked: vec![0; instruments.len()],
            mood: mood.clone(),
        };
        for (ix, instrument) in instruments.iter().enumerate().take(HELD) {
            let l = instrument.listing;
            let dollars = instrument.fair_dollars();
            let usd = 120_000.0 * libm::exp(0.8 * mood.normal());
            let size = ((usd / l.usd_per_lot(dollars)) as i64).max(1);
            let lots = if mood.chance(0.5) { size } else { -size };
            let entry = (dollars * (1.0 + 0.006 * mood.normal()) * 1e8) as i64;
            let leverage =
                [3, 5, 10].get((mood.bits() % 3) as usize).copied().unwrap_or(5).min(i64::from(l.leverage));
            let mut position = Position { ix, lots, entry_e8: entry, leverage, isolated_e8: None };
            let initial = value_e8(l, size, entry) / leverage;
            if ix % 2 == 1 {
                position.isolated_e8 = Some(initial);
            }
            account.positions.push(position);
            if let Some(booked) = account.booked.get_mut(ix) {
                *booked = lots;
            }
            let asset = asset_of(l, cash);
            match account.coins.iter_mut().find(|c| c.asset == asset) {
                Some(coin) => coin.total_e8 = coin.total_e8.saturating_add(initial * 3),
                None => account.coins.push(Coin { asset, total_e8: initial.saturating_mul(3) }),
            }
        }
        account.mood = mood;
        account
    }

    /// Changes with a number of at least `from`, oldest first, with their times.
    pub fn changes_from(&self, from: u64) -> impl Iterator<Item = (u64, Nanos, Change)> {
        self.changes.iter().copied().filter(move |(seq, ..)| *seq >= from)
    }

    /// The number that the next change will have.
    pub fn next_change(&self) -> u64 {
        self.next_change
    }

    /// Orders that rest.
    pub fn open_orders(&self) -> impl Iterator<Item = &Order> {
        self.orders.iter().filter(|o| o.state == OrderState::Open)
    }

    /// One step: perhaps an order, a fill, a cancellation.
    pub(super) fn advance(&mut self, cash: &'static str, instruments: &[Instrument], now: Nanos) {
        if self.mood.chance(0.02) && self.open_orders().count() < 2 {
            self.order(instruments, now);
        }
        for at in 0..self.orders.len() {
            let Some(order) = self.orders.get(at).copied().filter(|o| o.state == OrderState::Open) else {
                continue;
            };
            let Some(instrument) = instruments.get(order.ix) else { continue };
            if self.mood.chance(0.04) {
                self.fill(at, order, instrument, cash, now);
            } else if now.since(order.made) > ORDER_LIFE {
                let order = Order { state: OrderState::Cancelled, changed: now, ..order };
                self.put(at, order, now);
            }
        }
        let finals = self.orders.iter().filter(|o| o.state != OrderState::Open).count();
        if finals > FINAL_KEPT
            && let Some(oldest) = self.orders.iter().position(|o| o.state != OrderState::Open)
        {
            self.orders.remove(oldest);
        }
    }

    fn order(&mut self, instruments: &[Instrument], now: Nanos) {
        let held = instruments.len().clamp(1, HELD);
        let ix = (self.mood.bits() % held as u64) as usize;
        let Some(instrument) = instruments.get(ix) else { return };
        let (Some(bid), Some(ask)) = (instrument.book.bid(), instrument.book.ask()) else { return };
        let is_buy = self.mood.chance(0.5);
        let usd = 6_000.0 * libm::exp(0.5 * self.mood.normal());
        let dollars = instrument.listing.dollars(bid.ticks);
        let lots = ((usd / instrument.listing.usd_per_lot(dollars)) as i64).max(2);
        let ticks = if is_buy { bid.ticks } else { ask.ticks };
        let id = self.next_order;
        self.next_order += 1;
        let order = Order {
            id,
            ix,
            is_buy,
            ticks,
            lots,
            filled: 0,
            state: OrderState::Open,
            made: now,
            changed: now,
        };
        self.orders.push(order);
        self.log(now, Change::Order(order));
    }

    fn fill(&mut self, at: usize, order: Order, instrument: &Instrument, cash: &'static str, now: Nanos) {
        let rest = order.lots - order.filled;
        let lots = if self.mood.chance(0.5) { rest } else { (rest / 2).max(1) };
        let filled = order.filled + lots;
        let state = if filled == order.lots { OrderState::Filled } else { OrderState::Open };
        self.put(at, Order { filled, state, changed: now, ..order }, now);
        let signed = if order.is_buy { lots } else { -lots };
        if let Some(booked) = self.booked.get_mut(order.ix) {
            *booked += signed;
        }
        let price_e8 = instrument.listing.price_e8(order.ticks);
        let known = self.positions.iter().position(|p| p.ix == order.ix);
        let before = known.and_then(|k| self.positions.get(k).copied()).unwrap_or(Position {
            ix: order.ix,
            lots: 0,
            entry_e8: price_e8,
            leverage: 5,
            isolated_e8: None,
        });
        let (after, profit) = book(instrument.listing, before, signed, price_e8);
        match known.and_then(|k| self.positions.get_mut(k)) {
            Some(place) => *place = after,
            None => self.positions.push(after),
        }
        self.log(now, Change::Position(after));
        let asset = asset_of(instrument.listing, cash);
        if let Some(coin) = self.coins.iter_mut().find(|c| c.asset == asset) {
            coin.total_e8 = coin.total_e8.saturating_add(profit);
            let coin = *coin;
            self.log(now, Change::Coin(coin));
        }
    }

    fn put(&mut self, at: usize, order: Order, now: Nanos) {
        if let Some(place) = self.orders.get_mut(at) {
            *place = order;
        }
        self.log(now, Change::Order(order));
    }

    fn log(&mut self, now: Nanos, change: Change) {
        if self.changes.len() == CHANGES_KEPT {
            self.changes.pop_front();
        }
        self.changes.push_back((self.next_change, now, change));
        self.next_change += 1;
    }

    /// The first law that the account breaks, if any.
    pub fn broken_law(&self) -> Option<&'static str> {
        for (ix, booked) in self.booked.iter().enumerate() {
            let held: i64 = self.positions.iter().filter(|p| p.ix == ix).map(|p| p.lots).sum();
            if held != *booked {
                return Some("a position is not the sum of its fills");
            }
        }
        if self.orders.iter().any(|o| o.filled > o.lots || o.filled < 0) {
            return Some("an order is filled beyond its size");
        }
        self.positions.iter().any(|p| p.entry_e8 <= 0).then_some("a position has no entry")
    }
}

impl Position {
    /// Unrealised profit at the mark, in `10^-8` of the settlement currency.
    pub fn upnl_e8(&self, instrument: &Instrument) -> i64 {
        profit_e8(instrument.listing, self.lots, self.entry_e8, instrument.mark_e8)
    }

    /// Value at the mark, in `10^-8` of the settlement currency.
    pub fn value_e8(&self, instrument: &Instrument) -> i64 {
        value_e8(instrument.listing, self.lots.abs(), instrument.mark_e8)
    }

    /// Maintenance margin: half of the least initial rate, on the value at the mark.
    pub fn maintenance_e8(&self, instrument: &Instrument) -> i64 {
        self.value_e8(instrument) / (2 * i64::from(instrument.leverage.max(1)))
    }

    /// Initial margin at the chosen leverage.
    pub fn initial_e8(&self, instrument: &Instrument) -> i64 {
        self.value_e8(instrument) / self.leverage.max(1)
    }

    /// Price at which an isolated position is liquidated, in `10^-8`; `None` in cross mode and where
    /// there is none.
    pub fn liquidation_e8(&self, instrument: &Instrument) -> Option<i64> {
        let l = instrument.listing;
        let margin = self.isolated_e8? as f64 * 1e-8;
        let (entry, sign) = (self.entry_e8 as f64 * 1e-8, if self.lots < 0 { -1.0 } else { 1.0 });
        let rate = 0.5 / f64::from(instrument.leverage.max(1));
        let size = l.usd_per_lot(1.0) * self.lots.unsigned_abs() as f64; // base, or dollars when inverse
        let price = match l.unit {
            Unit::BaseE8(_) => (sign * size * entry - margin) / (size * (sign - rate)),
            Unit::Usd(_) => size * (sign + rate) / (margin + sign * size / entry),
        };
        (price.is_finite() && price > 0.0).then_some((price * 1e8) as i64)
    }
}

/// Settlement currency of a contract at a venue with this cash.
pub fn asset_of(listing: &Listing, cash: &'static str) -> &'static str {
    match listing.unit {
        Unit::BaseE8(_) => cash,
        Unit::Usd(_) => listing.underlying,
    }
}

/// Value of `lots` at a price in `10^-8` of the settlement currency.
fn value_e8(l: &Listing, lots: i64, price_e8: i64) -> i64 {
    match l.unit {
        Unit::BaseE8(_) => {
            let value = i128::from(l.base_e8(lots, price_e8)) * i128::from(price_e8) / 100_000_000;
            i64::try_from(value).unwrap_or(i64::MAX)
        }
        Unit::Usd(_) => l.base_e8(lots, price_e8),
    }
}

/// Profit of signed `lots` between two prices in `10^-8` of the settlement currency.
fn profit_e8(l: &Listing, lots: i64, entry_e8: i64, price_e8: i64) -> i64 {
    let (at_entry, at_price) = (value_e8(l, lots.abs(), entry_e8), value_e8(l, lots.abs(), price_e8));
    let gain = match l.unit {
        Unit::BaseE8(_) => at_price.saturating_sub(at_entry),
        Unit::Usd(_) => at_entry.saturating_sub(at_price),
    };
    if lots < 0 { gain.saturating_neg() } else { gain }
}

/// The position after a fill, and the profit that the fill realised.
fn book(l: &Listing, before: Position, signed: i64, price_e8: i64) -> (Position, i64) {
    let after = before.lots + signed;
    let opens = before.lots == 0 || (before.lots > 0) == (signed > 0);
    if opens {
        let (a, b) = (i128::from(before.lots.abs()), i128::from(signed.abs()));
        let (e, p) = (i128::from(before.entry_e8), i128::from(price_e8));
        let entry = match l.unit {
            Unit::BaseE8(_) => (a * e + b * p) / (a + b).max(1),
            // Harmonic: (a + b) / (a/e + b/p).
            Unit::Usd(_) => {
                let unit = 10_i128.pow(26);
                (a + b) * unit / (a * unit / e.max(1) + b * unit / p.max(1)).max(1)
            }
        };
        let entry_e8 = i64::try_from(entry).unwrap_or(price_e8);
        return (Position { lots: after, entry_e8, ..before }, 0);
    }
    let closed = before.lots.abs().min(signed.abs()) * before.lots.signum();
    let profit = profit_e8(l, closed, before.entry_e8, price_e8);
    let turned = after != 0 && (after > 0) != (before.lots > 0);
    let entry_e8 = if turned || after == 0 { price_e8 } else { before.entry_e8 };
    (Position { lots: after, entry_e8, ..before }, profit)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINEAR: Listing =
        Listing::row(["BTC-L", "BTC"], (1, 1), (1, 3), Unit::BaseE8(100_000_000), (1, 1, 1.0), 50);
    const INVERSE: Listing = Listing::row(["BTC-I", "BTC"], (1, 1), (1, 0), Unit::Usd(100), (1, 1, 1.0), 50);
    const E8: i64 = 100_000_000;

    fn at(lots: i64, dollars: i64) -> Position {
        Position { ix: 0, lots, entry_e8: dollars * E8, leverage: 10, isolated_e8: None }
    }

    #[test]
    fn fills_average_realise_and_turn() {
        let (more, profit) = book(&LINEAR, at(2_000, 60_000), 1_000, 63_000 * E8);
        assert_eq!((more.lots, more.entry_e8, profit), (3_000, 61_000 * E8, 0));
        let (less, profit) = book(&LINEAR, at(2_000, 60_000), -500, 61_000 * E8);
        assert_eq!((less.lots, less.entry_e8, profit), (1_500, 60_000 * E8, 500 * E8));
        let (turned, profit) = book(&LINEAR, at(1_000, 60_000), -3_000, 59_000 * E8);
        assert_eq!((turned.lots, turned.entry_e8, profit), (-2_000, 59_000 * E8, -1_000 * E8));
        // METRICS C2b: 200 at 60,000 and 100 at 63,000 average to 60,967.741935.
        let (inverse, _) = book(&INVERSE, at(200, 60_000), 100, 63_000 * E8);
        assert!((inverse.entry_e8 - 6_096_774_193_548).abs() < 10_000, "{}", inverse.entry_e8);
    }

    #[test]
    fn profit_is_in_the_settlement_currency() {
        assert_eq!(profit_e8(&LINEAR, 1_500, 60_000 * E8, 61_200 * E8), 1_800 * E8);
        assert_eq!(profit_e8(&LINEAR, -1_500, 60_000 * E8, 61_200 * E8), -1_800 * E8);
        // METRICS C2: 300 contracts of 100 dollars.
        assert!((profit_e8(&INVERSE, 300, 60_000 * E8, 61_200 * E8) - 980_392).abs() < 2);
    }
}
