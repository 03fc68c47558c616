//! Own tables of `bitmex`: images, then changed fields only. Money in minor units.

use crate::model::Nanos;

use super::account::{Coin, Order, OrderState, Position};
use super::bitmex::message;
use super::bitmex_rows::{Field, coarse, iso, news, object, terms, value, word};
use super::market::Venue;
use super::text::{Digits, price_text, size_text, trimmed_text};

/// Number of the account.
const ACCOUNT: &str = "1234567";
/// Marks of positions are told this often, in milliseconds.
const MARKS_MS: i64 = 1_000;

/// A table of the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OwnTable {
    /// Positions.
    Position,
    /// Orders.
    Order,
    /// Margin by currency.
    Margin,
    /// Balances by currency.
    Wallet,
}

impl OwnTable {
    /// The table with this name.
    pub(super) fn named(topic: &str) -> Option<Self> {
        Some(match topic {
            "position" => OwnTable::Position,
            "order" => OwnTable::Order,
            "margin" => OwnTable::Margin,
            "wallet" => OwnTable::Wallet,
            _ => return None,
        })
    }

    const fn name(self) -> &'static str {
        match self {
            OwnTable::Position => "position",
            OwnTable::Order => "order",
            OwnTable::Margin => "margin",
            OwnTable::Wallet => "wallet",
        }
    }

    const fn keys(self) -> &'static [&'static str] {
        match self {
            OwnTable::Position => &["account", "symbol"],
            OwnTable::Order => &["orderID"],
            OwnTable::Margin | OwnTable::Wallet => &["account", "currency"],
        }
    }

    /// Its rows. Of orders those that rest and the newest that are over.
    pub(super) fn rows(self, venue: &Venue) -> Vec<Vec<Field>> {
        let account = &venue.account;
        match self {
            OwnTable::Position => account.positions.iter().filter_map(|p| position(venue, p)).collect(),
            OwnTable::Order => account.orders.iter().filter_map(|o| order(venue, o)).collect(),
            OwnTable::Margin => account.coins.iter().map(|c| margin(venue, c)).collect(),
            OwnTable::Wallet => account.coins.iter().map(|c| wallet(venue, c)).collect(),
        }
    }
}

/// One subscription of an own table: the rows as the client has them.
#[derive(Debug)]
pub(super) struct Own {
    table: OwnTable,
    sent: Vec<Vec<Field>>,
    is_fresh: bool,
    /// First change of the account not yet seen.
    change: u64,
    served: Nanos,
}

impl Own {
    pub(super) fn new(table: OwnTable, venue: &Venue) -> Self {
        let change = venue.account.next_change();
        Own { table, sent: Vec::new(), is_fresh: true, change, served: venue.now }
    }

    pub(super) fn table(&self) -> OwnTable {
        self.table
    }

    /// Appends the image, or what changed since the last call.
    pub(super) fn push(&mut self, venue: &Venue, out: &mut Vec<String>) {
        let (name, keys) = (self.table.name(), self.table.keys());
        let mut now = self.table.rows(venue);
        if std::mem::take(&mut self.is_fresh) {
            if self.table == OwnTable::Order {
                now.retain(|row| is_open(row)); // what was over before is not in the image
            }
            let rows: Vec<String> = now.iter().map(|row| object(row)).collect();
            let names: Vec<String> = keys.iter().map(|key| word(key)).collect();
            out.push(format!(
                r#"{{"table":"{name}","action":"partial","keys":[{}],"types":{{}},"filter":{{"account":{ACCOUNT}}},"data":[{}]}}"#,
                names.join(","),
                rows.join(",")
            ));
            self.sent = now;
            return;
        }
        let has_changed =
            std::mem::replace(&mut self.change, venue.account.next_change()) != venue.account.next_change();
        let is_due = venue.now.as_millis() / MARKS_MS > self.served.as_millis() / MARKS_MS;
        if !has_changed && !is_due {
            return;
        }
        self.served = venue.now;
        let key =
            |row: &[Field]| -> Vec<Field> { row.iter().filter(|f| keys.contains(&f.0)).cloned().collect() };
        let (mut inserts, mut updates) = (Vec::new(), Vec::new());
        for row in &now {
            match self.sent.iter().find(|before| key(before) == key(row)) {
                Some(before) => updates.extend(news(before, row, keys, &["symbol", "timestamp"])),
                None if is_open(row) || has_changed => inserts.push(object(row)),
                None => {}
            }
        }
        out.extend(message(name, "insert", &inserts));
        out.extend(message(name, "update", &updates));
        self.sent = now;
    }
}

fn is_open(row: &[Field]) -> bool {
    !row.iter()
        .any(|(name, value)| *name == "ordStatus" && (value == "\"Filled\"" || value == "\"Canceled\""))
}

/// `10^-8` of a currency in its minor units.
fn minor(currency: &str, e8: i64) -> i64 {
    if currency == "XBt" { e8 } else { e8 / 100 }
}

fn position(venue: &Venue, position: &Position) -> Option<Vec<Field>> {
    let instrument = venue.instruments.get(position.ix)?;
    let (l, terms) = (instrument.listing, terms(instrument.listing));
    let money = |e8: i64| minor(terms.currency, e8).to_string();
    let is_open = position.lots != 0;
    let price = |e8: i64| if is_open { trimmed_text(e8 / 10_000, 4) } else { "null".into() };
    let profit = position.upnl_e8(instrument);
    let held = position.isolated_e8.unwrap_or_else(|| position.initial_e8(instrument));
    let maintenance = position.maintenance_e8(instrument);
    let mark_value = value(l, position.lots.abs(), instrument.mark_e8);
    Some(vec![
        ("account", ACCOUNT.into()),
        ("symbol", word(l.symbol)),
        ("currency", word(terms.currency)),
        ("underlying", word(terms.coin)),
        ("quoteCurrency", word(terms.quote)),
        ("initMarginReq", trimmed_text(1_000_000 / position.leverage.max(1), 6)),
        ("maintMarginReq", trimmed_text(500_000 / i64::from(instrument.leverage.max(1)), 6)),
        ("leverage", position.leverage.to_string()),
        ("crossMargin", position.isolated_e8.is_none().to_string()),
        (
            "deleveragePercentile",
            if is_open { if profit > 0 { "0.8" } else { "0.2" } } else { "null" }.into(),
        ),
        ("currentQty", size_text(l, position.lots, Digits::Trimmed)),
        ("isOpen", is_open.to_string()),
        ("markPrice", coarse(l, instrument.mark_e8)),
        ("markValue", mark_value.to_string()),
        ("riskValue", mark_value.to_string()),
        ("homeNotional", trimmed_text(l.base_e8(position.lots, instrument.mark_e8), 8)),
        ("foreignNotional", trimmed_text(l.cents(position.lots, instrument.mark_e8), 2)),
        ("posMargin", money(held)),
        ("posMaint", money(maintenance)),
        ("maintMargin", money(held.saturating_add(profit))),
        ("realisedPnl", "0".into()),
        ("unrealisedPnl", money(profit)),
        ("avgCostPrice", price(position.entry_e8)),
        ("avgEntryPrice", price(position.entry_e8)),
        ("breakEvenPrice", price(position.entry_e8)),
        ("liquidationPrice", position.liquidation_e8(instrument).map_or_else(|| "null".into(), price)),
        ("timestamp", word(&iso(venue.now))),
    ])
}

fn order(venue: &Venue, order: &Order) -> Option<Vec<Field>> {
    let l = venue.instruments.get(order.ix)?.listing;
    let size = |lots: i64| size_text(l, lots, Digits::Trimmed);
    let status = match order.state {
        OrderState::Open if order.filled == 0 => "New",
        OrderState::Open => "PartiallyFilled",
        OrderState::Filled => "Filled",
        OrderState::Cancelled => "Canceled",
    };
    let rests = order.state == OrderState::Open;
    let price = price_text(l, order.ticks, Digits::Trimmed);
    Some(vec![
        ("orderID", word(&format!("550e8400-e29b-41d4-a716-{:012x}", order.id))),
        ("clOrdID", word("")),
        ("clOrdLinkID", word("")),
        ("account", ACCOUNT.into()),
        ("symbol", word(l.symbol)),
        ("side", word(if order.is_buy { "Buy" } else { "Sell" })),
        ("orderQty", size(order.lots)),
        ("price", price.clone()),
        ("displayQty", "null".into()),
        ("stopPx", "null".into()),
        ("pegOffsetValue", "null".into()),
        ("pegPriceType", word("")),
        ("currency", word(terms(l).quote)),
        ("settlCurrency", word(terms(l).currency)),
        ("ordType", word("Limit")),
        ("timeInForce", word("GoodTillCancel")),
        ("execInst", word("")),
        ("contingencyType", word("")),
        ("ordStatus", word(status)),
        ("triggered", word("")),
        ("workingIndicator", rests.to_string()),
        ("ordRejReason", word("")),
        ("leavesQty", size(if rests { order.lots - order.filled } else { 0 })),
        ("cumQty", size(order.filled)),
        ("avgPx", if order.filled > 0 { price } else { "null".into() }),
        ("text", word("Submitted via API.")),
        ("transactTime", word(&iso(order.made))),
        ("timestamp", word(&iso(order.changed))),
    ])
}

/// The venue's spelling of an asset.
fn currency(asset: &str) -> &'static str {
    if asset == "BTC" { "XBt" } else { "USDt" }
}

fn margin(venue: &Venue, coin: &Coin) -> Vec<Field> {
    let code = currency(coin.asset);
    let (mut profit, mut held, mut risk) = (0i64, 0i64, 0i64);
    for p in &venue.account.positions {
        let Some(instrument) = venue.instruments.get(p.ix) else { continue };
        if terms(instrument.listing).currency == code {
            profit = profit.saturating_add(p.upnl_e8(instrument));
            held = held.saturating_add(p.maintenance_e8(instrument));
            risk = risk.saturating_add(p.value_e8(instrument));
        }
    }
    let money = |e8: i64| minor(code, e8).to_string();
    let balance = coin.total_e8.saturating_add(profit);
    let free = balance.saturating_sub(held);
    vec![
        ("account", ACCOUNT.into()),
        ("currency", word(code)),
        ("riskLimit", "1000000000000".into()),
        ("amount", money(coin.total_e8)),
        ("grossMarkValue", money(risk)),
        ("riskValue", money(risk)),
        ("initMargin", "0".into()),
        ("maintMargin", money(held)),
        ("realisedPnl", "0".into()),
        ("unrealisedPnl", money(profit)),
        ("walletBalance", money(coin.total_e8)),
        ("marginBalance", money(balance)),
        ("marginLeverage", trimmed_text(risk.saturating_mul(10) / (balance / 1_000).max(1), 4)),
        ("excessMargin", money(free)),
        ("availableMargin", money(free)),
        ("withdrawableMargin", money(free)),
        ("timestamp", word(&iso(venue.now))),
    ]
}

fn wallet(venue: &Venue, coin: &Coin) -> Vec<Field> {
    let code = currency(coin.asset);
    vec![
        ("account", ACCOUNT.into()),
        ("currency", word(code)),
        ("deposited", "0".into()),
        ("withdrawn", "0".into()),
        ("amount", minor(code, coin.total_e8).to_string()),
        ("pendingCredit", "0".into()),
        ("pendingDebit", "0".into()),
        ("confirmedDebit", "0".into()),
        ("timestamp", word(&iso(venue.now))),
    ]
}
