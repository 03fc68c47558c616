//! The ledger: own positions, orders, balances and margin of all accounts, as their venues state them.
//!
//! Events change it; once a second [`figures`] turns it into money with the marks, terms and rates of the
//! market. What a venue states is kept beside what is computed here and never replaces it.

pub mod figures;
mod pool;
mod prices;
pub mod race;
pub mod risk;
pub mod scenario;
mod shock;
#[cfg(test)]
mod tests;
pub mod value;

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;

use crate::model::Nanos;
use crate::model::account::{
    Balance, Holding, Leg, Margin, MarginMode, Order, OrderKind, OrderState, Position, TimeInForce,
};
use crate::model::entry::GivenPosition;
use crate::model::event::{Body, Event, Side};
use crate::model::time::SECOND;

/// Accounts of one session.
pub const ACCOUNTS_MAX: usize = 64;
/// Positions, orders or balances of one account.
pub const HOLDINGS_MAX: usize = 4_096;
/// Final orders that stay on the screen.
pub const FINAL_ORDERS_MAX: usize = 100;
/// Silence after which the rows of an account are degraded, then stale. METRICS.md §3 rule 1.
const DEGRADED: i64 = 15 * SECOND;
const STALE: i64 = 45 * SECOND;
/// What a stream told less than this ago is not undone by the answer to a request, which may be older than
/// it seems: it was asked for, queued and sent before it came.
const ANSWER_AGE: i64 = 5 * SECOND;
/// Rows of an account whose last telling is remembered.
const TOLD_MAX: usize = 4 * HOLDINGS_MAX;

/// How an event came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Pushed, in the order in which it happened.
    Stream,
    /// In the answer to a request: true at some moment before it came.
    Answer,
}

/// A row of an account that a stream may tell of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Row {
    Position(String, Leg),
    Order(String),
    Balance(String),
}

/// An own position and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// As the venue states it.
    pub position: Position,
    /// When it was last stated.
    pub at: Nanos,
}

/// An own order; the owned side of [`Order`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ordered {
    /// Native symbol.
    pub symbol: String,
    /// Buys or sells.
    pub side: Side,
    /// Leg of hedge mode.
    pub leg: Leg,
    /// Limit price.
    pub price: Option<Decimal>,
    /// Price that wakes it.
    pub trigger: Option<Decimal>,
    /// Size when it was made.
    pub size: Decimal,
    /// Filled so far.
    pub filled: Decimal,
    /// May still fill.
    pub open: Decimal,
    /// Average price of its fills.
    pub average: Option<Decimal>,
    /// Can only make a position smaller.
    pub reduce_only: bool,
    /// Kind.
    pub kind: OrderKind,
    /// Life.
    pub tif: TimeInForce,
    /// Where it stands.
    pub state: OrderState,
    /// When it was last stated.
    pub at: Nanos,
}

/// An own balance; the owned side of [`Balance`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Money {
    /// All of it.
    pub total: Decimal,
    /// Free.
    pub available: Option<Decimal>,
    /// Debt.
    pub borrowed: Option<Decimal>,
    /// Share that does not count as collateral.
    pub haircut: Option<Decimal>,
    /// USD price at which the venue counts it.
    pub collateral_price: Option<Decimal>,
}

/// Margin as stated; the owned side of [`Margin`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stated {
    /// Currency of the figures.
    pub currency: String,
    /// Balance with unrealised profit.
    pub equity: Option<Decimal>,
    /// Margin to open.
    pub initial: Option<Decimal>,
    /// Margin to keep.
    pub maintenance: Option<Decimal>,
}

/// One own account at one venue.
#[derive(Debug)]
pub struct Account {
    /// Venue index.
    pub venue: u16,
    /// The operator's name for it.
    pub name: String,
    /// Open positions by native symbol and leg.
    pub positions: BTreeMap<(String, Leg), Held>,
    /// Orders by the venue's id: open ones and the newest final ones.
    pub orders: BTreeMap<String, Ordered>,
    /// Balances by asset.
    pub balances: BTreeMap<String, Money>,
    /// Margin by pool.
    pub margins: BTreeMap<String, Stated>,
    /// When anything of it was last heard.
    pub heard: Option<Nanos>,
    /// Its positions were given by hand: they do not age, and nobody vouches for them.
    pub is_given: bool,
    /// Its positions were stated at least once: without them it is missing, not empty.
    pub is_known: bool,
    /// Order states that cannot follow each other, all told by a stream.
    pub impossible: u64,
    /// Rows of answers that were older than what a stream had told.
    pub outdated: u64,
    /// Rows beyond [`HOLDINGS_MAX`] that were left out.
    pub left_out: u64,
    /// When a stream last told of a row, gone ones included.
    told: BTreeMap<Row, Nanos>,
    /// Open orders that the newest whole list has not named again, at least not yet.
    unnamed: BTreeMap<String, Ordered>,
}

impl Account {
    fn new(venue: u16, name: &str) -> Self {
        Account {
            venue,
            name: name.to_string(),
            positions: BTreeMap::new(),
            orders: BTreeMap::new(),
            balances: BTreeMap::new(),
            margins: BTreeMap::new(),
            heard: None,
            is_given: false,
            is_known: false,
            impossible: 0,
            outdated: 0,
            left_out: 0,
            told: BTreeMap::new(),
            unnamed: BTreeMap::new(),
        }
    }

    /// True when its rows are older than they should be, and true again when they are useless.
    pub fn age(&self, now: Nanos) -> (bool, bool) {
        let age = self.heard.map_or(i64::MAX, |at| now.since(at));
        (age > DEGRADED, age > STALE)
    }

    /// Notes that a stream told of a row.
    fn tell(&mut self, way: Way, at: Nanos, row: Row) {
        if way == Way::Answer {
            return;
        }
        if self.told.len() >= TOLD_MAX {
            self.told.retain(|_, told| at.since(*told) < ANSWER_AGE);
        }
        if self.told.len() < TOLD_MAX {
            self.told.insert(row, at);
        }
    }

    /// True when a stream told of a row so short a time ago that an answer may be older.
    fn is_fresh(&self, at: Nanos, row: &Row) -> bool {
        self.told.get(row).is_some_and(|told| at.since(*told) < ANSWER_AGE)
    }

    fn whole(&mut self, way: Way, at: Nanos, holding: Holding) {
        let told = &self.told;
        let is_kept =
            |row: &Row| way == Way::Answer && told.get(row).is_some_and(|told| at.since(*told) < ANSWER_AGE);
        match holding {
            Holding::Positions => {
                self.positions.retain(|(symbol, leg), _| is_kept(&Row::Position(symbol.clone(), *leg)));
                self.is_known = true;
            }
            Holding::Orders => {
                let is_left =
                    |id: &String, order: &Ordered| order.state.is_final() || is_kept(&Row::Order(id.clone()));
                let (left, unnamed) =
                    std::mem::take(&mut self.orders).into_iter().partition(|(id, order)| is_left(id, order));
                (self.orders, self.unnamed) = (left, unnamed);
            }
            Holding::Balances => self.balances.retain(|asset, _| is_kept(&Row::Balance(asset.clone()))),
        }
    }

    fn position(&mut self, way: Way, at: Nanos, symbol: &str, position: &Position) {
        self.is_known = true;
        let key = (symbol.to_string(), position.leg);
        let row = Row::Position(key.0.clone(), key.1);
        let held = self.positions.get(&key).map_or(Decimal::ZERO, |held| held.position.size);
        // The same size only adds what the stream leaves out.
        if way == Way::Answer && held != position.size && self.is_fresh(at, &row) {
            self.outdated += 1;
            return;
        }
        self.tell(way, at, row);
        if position.size.is_zero() {
            self.positions.remove(&key);
        } else if self.positions.len() < HOLDINGS_MAX || self.positions.contains_key(&key) {
            self.positions.insert(key, Held { position: position.clone(), at });
        } else {
            self.left_out += 1;
        }
    }

    fn order(&mut self, way: Way, at: Nanos, symbol: &str, order: &Order<'_>) {
        let unnamed = self.unnamed.remove(order.id);
        if let Some(known) = self.orders.get(order.id).or(unnamed.as_ref()) {
            let is_back = !known.state.may_become(order.state) || order.filled < known.filled;
            if is_back {
                // An older answer behind a newer message, or a fault of the venue.
                let count = if way == Way::Answer { &mut self.outdated } else { &mut self.impossible };
                *count += 1;
                if let Some(unnamed) = unnamed {
                    self.orders.insert(order.id.to_string(), unnamed);
                }
                return;
            }
        } else if self.orders.len() >= HOLDINGS_MAX {
            self.left_out += 1;
            return;
        }
        self.tell(way, at, Row::Order(order.id.to_string()));
        let ordered = Ordered {
            symbol: symbol.to_string(),
            side: order.side,
            leg: order.leg,
            price: order.price,
            trigger: order.trigger,
            size: order.size,
            filled: order.filled,
            open: order.open_size(),
            average: order.average,
            reduce_only: order.reduce_only,
            kind: order.kind,
            tif: order.tif,
            state: order.state,
            at,
        };
        self.orders.insert(order.id.to_string(), ordered);
        let finals = self.orders.values().filter(|o| o.state.is_final()).count();
        if finals > FINAL_ORDERS_MAX {
            let oldest = self.orders.iter().filter(|(_, o)| o.state.is_final()).min_by_key(|(_, o)| o.at);
            if let Some(id) = oldest.map(|(id, _)| id.clone()) {
                self.orders.remove(&id);
            }
        }
    }

    fn balance(&mut self, way: Way, at: Nanos, balance: &Balance<'_>) {
        let row = Row::Balance(balance.asset.to_string());
        let is_other = self.balances.get(balance.asset).is_none_or(|money| money.total != balance.total);
        if way == Way::Answer && is_other && self.is_fresh(at, &row) {
            self.outdated += 1;
            return;
        }
        self.tell(way, at, row);
        if self.balances.len() >= HOLDINGS_MAX && !self.balances.contains_key(balance.asset) {
            self.left_out += 1;
            return;
        }
        let money = Money {
            total: balance.total,
            available: balance.available,
            borrowed: balance.borrowed,
            haircut: balance.haircut,
            collateral_price: balance.collateral_price,
        };
        self.balances.insert(balance.asset.to_string(), money);
    }

    fn margin(&mut self, margin: &Margin<'_>) {
        if self.margins.len() >= HOLDINGS_MAX && !self.margins.contains_key(margin.pool) {
            self.left_out += 1;
            return;
        }
        // A message may state some of the figures; the others stand.
        let before = self.margins.get(margin.pool);
        let keep = |new: Option<Decimal>, old: fn(&Stated) -> Option<Decimal>| new.or(before.and_then(old));
        let stated = Stated {
            currency: margin.currency.to_string(),
            equity: keep(margin.equity, |s| s.equity),
            initial: keep(margin.initial, |s| s.initial),
            maintenance: keep(margin.maintenance, |s| s.maintenance),
        };
        self.margins.insert(margin.pool.to_string(), stated);
    }
}

/// All own accounts.
#[derive(Debug, Default)]
pub struct Ledger {
    /// Accounts in order of first sight.
    pub accounts: Vec<Account>,
    /// What they are worth, as of the last whole second.
    pub figures: figures::Figures,
}

impl Ledger {
    /// The index of an account, adding it when new. Beyond [`ACCOUNTS_MAX`] none is added.
    pub fn account(&mut self, venue: u16, name: &str) -> u16 {
        let known = self.accounts.iter().position(|a| a.venue == venue && a.name == name);
        let at = known.unwrap_or(self.accounts.len());
        if known.is_none() && at < ACCOUNTS_MAX {
            self.accounts.push(Account::new(venue, name));
        }
        u16::try_from(at).unwrap_or(u16::MAX)
    }

    /// Takes an event of an own account. Others leave it as it is.
    pub fn own(&mut self, account: u16, way: Way, at: Nanos, event: &Event<'_>) {
        let Some(account) = self.accounts.get_mut(usize::from(account)) else { return };
        account.heard = account.heard.max(Some(at));
        match &event.body {
            Body::Whole(holding) => account.whole(way, at, *holding),
            Body::Position(position) => account.position(way, at, event.symbol.text, position),
            Body::Order(order) => account.order(way, at, event.symbol.text, order),
            Body::Balance(balance) => account.balance(way, at, balance),
            Body::Margin(margin) => account.margin(margin),
            _ => {}
        }
    }

    /// Takes positions given by hand. What an account was given before is gone.
    pub fn given(&mut self, at: Nanos, rows: &[(u16, &GivenPosition)]) {
        let named: BTreeSet<(u16, &str)> = rows.iter().map(|(v, row)| (*v, row.account.as_str())).collect();
        for (venue, name) in named {
            let ix = self.account(venue, name);
            let Some(account) = self.accounts.get_mut(usize::from(ix)) else { continue };
            account.is_given = true;
            account.heard = Some(at);
            account.whole(Way::Stream, at, Holding::Positions);
            for (_, row) in rows.iter().filter(|(v, row)| *v == venue && row.account == name) {
                let margin_mode = match row.margin_mode.as_str() {
                    "isolated" => MarginMode::Isolated,
                    "portfolio" => MarginMode::Portfolio,
                    _ => MarginMode::Cross,
                };
                let position = Position {
                    size: row.contracts,
                    entry: row.entry,
                    margin_mode,
                    isolated_margin: row.margin,
                    leverage: row.leverage,
                    ..Position::default()
                };
                account.position(Way::Stream, at, &row.symbol, &position);
            }
        }
    }

    /// A message of an account's socket came: it proves that silence is not loss.
    pub fn heard(&mut self, account: u16, at: Nanos) {
        if let Some(account) = self.accounts.get_mut(usize::from(account)) {
            account.heard = account.heard.max(Some(at));
        }
    }
}
