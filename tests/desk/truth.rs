//! The simulator's accounts as they were, and what follows from them by arithmetic of its own.

use std::collections::{BTreeMap, BTreeSet};

use faultline::model::Nanos;
use faultline::model::time::SECOND;
use faultline::sim::account::OrderState;
use faultline::sim::listing::Unit;
use faultline::sim::{Listing, Market};
use faultline::snapshot::portfolio::{Portfolio, PositionRow};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

/// What is shown was true at most this long ago: a poll, its answer, a tick, a slow machine.
const LAG: i64 = 12 * SECOND;

/// Values over time, with the instants from which each was true.
type Past<T> = Vec<(Nanos, T)>;

#[derive(Clone, Copy, PartialEq, Debug)]
struct Held {
    lots: i64,
    entry_e8: i64,
    isolated_e8: Option<i64>,
}

#[derive(Default)]
pub(crate) struct Truth {
    listings: BTreeMap<(String, String), &'static Listing>,
    positions: BTreeMap<(String, String), Past<Held>>,
    /// Symbol, lots, lots filled, `open`, `filled` or `cancelled`: everything that ever was.
    orders: BTreeSet<(String, String, i64, i64, &'static str)>,
    open: BTreeMap<String, Past<usize>>,
    coins: BTreeMap<(String, String), Past<i64>>,
    index: BTreeMap<String, f64>,
    /// What was wrong when it was last looked for.
    pub(crate) newest_wrong: std::cell::RefCell<Vec<String>>,
}

fn note<T: PartialEq>(past: &mut Past<T>, now: Nanos, value: T) {
    if past.last().is_none_or(|(_, last)| *last != value) {
        past.push((now, value));
    }
}

/// Values that were true within the last [`LAG`].
fn recent<T: Copy>(past: &Past<T>, now: Nanos) -> Vec<T> {
    let oldest = now.plus(-LAG);
    let ends = |n: usize| past.get(n + 1).map_or(now, |next| next.0);
    past.iter().enumerate().filter(|(n, _)| ends(*n) >= oldest).map(|(_, (_, value))| *value).collect()
}

fn near(a: f64, b: f64, tolerance: f64) -> bool {
    (a - b).abs() <= tolerance * b.abs().max(1e-6)
}

fn f(value: Option<Decimal>) -> f64 {
    value.and_then(|v| v.to_f64()).unwrap_or(f64::NAN)
}

fn size(listing: &Listing, lots: i64) -> Decimal {
    Decimal::from_i128_with_scale(
        i128::from(lots) * i128::from(listing.lot),
        u32::from(listing.size_decimals),
    )
    .normalize()
}

impl Truth {
    pub(crate) fn look(&mut self, market: &Market, now: Nanos) {
        for venue in market.venues() {
            let symbol = |ix: usize| venue.instruments[ix].listing.symbol.to_string();
            for (ix, instrument) in venue.instruments.iter().enumerate() {
                let key = (venue.id.to_string(), symbol(ix));
                self.listings.entry(key.clone()).or_insert(instrument.listing);
                self.index.insert(instrument.listing.underlying.into(), instrument.index_e8 as f64 * 1e-8);
                let held = venue.account.positions.iter().find(|p| p.ix == ix);
                let held = held.map_or(Held { lots: 0, entry_e8: 0, isolated_e8: None }, |p| Held {
                    lots: p.lots,
                    entry_e8: p.entry_e8,
                    isolated_e8: p.isolated_e8,
                });
                note(self.positions.entry(key).or_default(), now, held);
            }
            for order in &venue.account.orders {
                let state = match order.state {
                    OrderState::Open => "open",
                    OrderState::Filled => "filled",
                    OrderState::Cancelled => "cancelled",
                };
                self.orders.insert((venue.id.into(), symbol(order.ix), order.lots, order.filled, state));
            }
            let open = venue.account.open_orders().count();
            note(self.open.entry(venue.id.into()).or_default(), now, open);
            for coin in &venue.account.coins {
                let key = (venue.id.to_string(), coin.asset.to_string());
                note(self.coins.entry(key).or_default(), now, coin.total_e8);
            }
        }
    }

    /// What is shown of these venues and was not so.
    pub(crate) fn wrong(&self, shown: &Portfolio, venues: &[String], now: Nanos) -> Vec<String> {
        let mut wrong = Vec::new();
        let at = |venue: &String| venues.contains(venue);
        for (key, past) in self.positions.iter().filter(|(key, _)| at(&key.0)) {
            let row = shown.positions.iter().find(|w| (&w.venue, &w.symbol) == (&key.0, &key.1));
            let listing = self.listings[key];
            let recent = recent(past, now);
            let is_true = match row {
                None => recent.iter().any(|held| held.lots == 0),
                Some(row) => recent.iter().any(|held| is_position(row, listing, held)),
            };
            if is_true {
                wrong.extend(row.into_iter().filter_map(|row| self.money(row, listing, &recent)));
            } else {
                wrong.push(format!("{key:?} is {row:?}, not {recent:?}"));
            }
        }
        for order in shown.orders.iter().filter(|o| at(&o.venue)) {
            let listing = self.listings[&(order.venue.clone(), order.symbol.clone())];
            let is_order = |known: &&(String, String, i64, i64, &'static str)| {
                let state = if order.is_final { order.state } else { "open" };
                let are = (size(listing, known.2), size(listing, known.3), known.4);
                (&known.0, &known.1) == (&order.venue, &order.symbol)
                    && are == (order.size.normalize(), order.filled.normalize(), state)
            };
            if self.orders.iter().find(is_order).is_none() {
                wrong.push(format!("no such order: {order:?}"));
            }
        }
        for (venue, past) in self.open.iter().filter(|(venue, _)| at(venue)) {
            let open = shown.orders.iter().filter(|o| o.venue == *venue && !o.is_final).count();
            if !recent(past, now).contains(&open) {
                wrong.push(format!("{venue} shows {open} open orders, not {:?}", recent(past, now)));
            }
        }
        for ((venue, asset), past) in self.coins.iter().filter(|(key, _)| at(&key.0)) {
            let account = shown.accounts.iter().find(|a| a.venue == *venue);
            let row = account.and_then(|a| a.collateral.iter().find(|c| c.0 == *asset)).map(|c| c.1);
            let are: Vec<Decimal> = recent(past, now).iter().map(|e8| Decimal::new(*e8, 8)).collect();
            // Venues write money with as few as two digits.
            if !row.is_some_and(|row| are.iter().any(|a| (row - a).abs() <= Decimal::new(1, 2))) {
                wrong.push(format!("{venue} has {row:?} {asset}, not {are:?}"));
            }
        }
        wrong
    }

    /// What the money of a row should be, from its mark and the simulator's books alone.
    fn money(&self, row: &PositionRow, listing: &Listing, recent: &[Held]) -> Option<String> {
        let held = recent.iter().find(|held| is_position(row, listing, held))?;
        let (mark, entry) = (f(row.mark), f(row.entry));
        let sign = (held.lots as f64).signum();
        let units =
            held.lots.abs() as f64 * listing.lot as f64 / 10f64.powi(i32::from(listing.size_decimals));
        let index = self.index[listing.underlying];
        let (notional, upnl, delta) = match listing.unit {
            Unit::BaseE8(base) => {
                let coins = units * base as f64 * 1e-8;
                (coins * mark, sign * coins * (mark - entry), sign * coins * index)
            }
            Unit::Usd(usd) => {
                let dollars = units * usd as f64;
                // The rate of the coin is the one in the delta, which is held against the true one below.
                let rate = f(row.delta_usd) * mark / (sign * dollars);
                let profit = sign * dollars * (1.0 / entry - 1.0 / mark) * rate;
                (dollars, profit, sign * dollars / mark * index)
            }
        };
        let is_right = near(f(row.notional_usd), notional, 1e-9)
            && (f(row.upnl_usd) - upnl).abs() <= 1e-9 * notional
            && near(f(row.delta_usd), delta, 0.01);
        let liquidation = held
            .isolated_e8
            .and_then(|margin| ruin(&row.venue, listing, held, (entry, margin as f64 * 1e-8)));
        let is_close = match (row.liquidation, liquidation) {
            (Some(shown), Some(price)) => near(f(Some(shown)), price, 1e-9),
            _ => true,
        };
        (!is_right || !is_close).then(|| format!("{row:?}: {notional} {upnl} {delta} {liquidation:?}"))
    }

    /// What was compared, for the one who reads the log.
    pub(crate) fn told(&self, shown: &Portfolio, now: Nanos) -> String {
        let fills = self.positions.values().map(|past| past.len() - 1).sum::<usize>();
        let computed = shown.positions.iter().filter(|w| w.liquidation.is_some()).count();
        let open: usize = self.open.values().filter_map(|past| recent(past, now).last().copied()).sum();
        format!(
            "{} positions, {computed} liquidation prices, {fills} changes, {} orders ever, {open} open",
            shown.positions.len(),
            self.orders.len()
        )
    }
}

fn is_position(row: &PositionRow, listing: &Listing, held: &Held) -> bool {
    row.size.normalize() == size(listing, held.lots) && near(f(row.entry), held.entry_e8 as f64 * 1e-8, 1e-6)
}

/// Price at which a margin is used up to the maintenance margin, by halving.
fn ruin(venue: &str, listing: &Listing, held: &Held, (entry, margin): (f64, f64)) -> Option<f64> {
    let units = held.lots.abs() as f64 * listing.lot as f64 / 10f64.powi(i32::from(listing.size_decimals));
    let sign = (held.lots as f64).signum();
    // dYdX states its maintenance as a part of the initial rate; BitMEX asks for a part of the value at entry.
    // OKX gives half and a third of the leverage above 1,000 and 5,000 contracts, a hundred times as many
    // X-perps; the other positions here are within the first tier of their venue.
    let per = if listing.symbol.ends_with("_XPERP-310404") { 100.0 } else { 1.0 };
    let tier = match venue.starts_with("okx") {
        true if units > 5_000.0 * per => 3,
        true if units > 1_000.0 * per => 2,
        _ => 1,
    };
    let rate = if venue == "dydx" { 0.6 } else { 0.5 } / f64::from((listing.leverage / tier).max(1));
    let room = |price: f64| {
        let base = if venue == "bitmex" { entry } else { price };
        match listing.unit {
            Unit::BaseE8(per) => {
                let coins = units * per as f64 * 1e-8;
                margin + sign * coins * (price - entry) - rate * coins * base
            }
            Unit::Usd(usd) => {
                let dollars = units * usd as f64;
                margin + sign * dollars * (1.0 / entry - 1.0 / price) - rate * dollars / base
            }
        }
    };
    let (mut safe, mut lost) = (entry, if sign > 0.0 { entry * 1e-3 } else { entry * 1e3 });
    if room(lost) > 0.0 {
        return None;
    }
    for _ in 0..200 {
        let mid = (safe + lost) / 2.0;
        if room(mid) > 0.0 { safe = mid } else { lost = mid }
    }
    Some(lost)
}
