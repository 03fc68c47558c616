//! The desk's account as Coinbase tells it: the user channels and the private answers. One account in
//! USD, all positions on shared collateral.

use super::account::{Change, Order, OrderState, Position};
use super::instrument::Instrument;
use super::market::Venue;
use super::text::{Digits, price_text, size_text, trimmed_text};

/// How far a user channel has been told.
pub(super) struct Told {
    next: u64,
    is_fresh: bool,
}

impl Told {
    /// From now on, after a snapshot.
    pub(super) fn new(venue: &Venue) -> Self {
        Told { next: venue.account.next_change(), is_fresh: true }
    }
}

/// Events that a user channel has to tell, one message each.
pub(super) fn news(told: &mut Told, channel: &str, venue: &Venue) -> Vec<String> {
    let from = std::mem::replace(&mut told.next, venue.account.next_change());
    let is_fresh = std::mem::take(&mut told.is_fresh);
    if channel != "user" {
        let is_money = |(_, _, change): &(u64, _, Change)| matches!(change, Change::Coin(_));
        let is_due = is_fresh || venue.account.changes_from(from).any(|change| is_money(&change));
        let form = if is_fresh { "snapshot" } else { "update" };
        let event = || {
            let summary = Sums::of(venue).write(str::to_string);
            format!(r#"{{"type":"{form}","fcm_balance_summary":{summary}}}"#)
        };
        return is_due.then(event).into_iter().collect();
    }
    if is_fresh {
        let orders: Vec<String> = venue.account.open_orders().filter_map(|o| order(o, venue)).collect();
        let held: Vec<String> =
            venue.account.positions.iter().filter_map(|p| told_position(p, venue)).collect();
        return vec![user("snapshot", &orders.join(","), &held.join(","))];
    }
    let event = |(_, _, change): (u64, _, Change)| match change {
        Change::Order(o) => Some(user("update", &order(&o, venue)?, "")),
        Change::Position(p) => Some(user("update", "", &told_position(&p, venue)?)),
        Change::Coin(_) => None,
    };
    venue.account.changes_from(from).filter_map(event).collect()
}

fn user(form: &str, orders: &str, positions: &str) -> String {
    format!(
        r#"{{"type":"{form}","orders":[{orders}],"positions":{{"perpetual_futures_positions":[],"expiring_futures_positions":[{positions}]}}}}"#
    )
}

/// What of an order both sources tell in the same words.
struct Words {
    id: String,
    side: &'static str,
    status: &'static str,
    price: String,
    average: String,
    size: String,
    filled: String,
    leaves: String,
}

fn words(order: &Order, instrument: &Instrument) -> Words {
    let l = instrument.listing;
    let size = |lots: i64| size_text(l, lots, Digits::Trimmed);
    let price = price_text(l, order.ticks, Digits::Trimmed);
    Words {
        id: format!("51500000-0000-4000-8000-{:012}", order.id),
        side: if order.is_buy { "BUY" } else { "SELL" },
        status: match order.state {
            OrderState::Open => "OPEN",
            OrderState::Filled => "FILLED",
            OrderState::Cancelled => "CANCELLED",
        },
        average: if order.filled > 0 { price.clone() } else { "0".into() },
        price,
        size: size(order.lots),
        filled: size(order.filled),
        leaves: size(order.lots - order.filled),
    }
}

/// An order of the user channel.
fn order(order: &Order, venue: &Venue) -> Option<String> {
    let instrument = venue.instruments.get(order.ix)?;
    let (w, product) = (words(order, instrument), instrument.listing.symbol);
    let fields = [
        format!(r#""order_id":"{}","client_order_id":"desk-{}","product_id":"{product}""#, w.id, order.id),
        format!(r#""cumulative_quantity":"{}","leaves_quantity":"{}""#, w.filled, w.leaves),
        format!(r#""avg_price":"{}","total_fees":"0","status":"{}""#, w.average, w.status),
        format!(r#""creation_time":"{}","order_side":"{}","order_type":"Limit""#, order.made, w.side),
        format!(r#""limit_price":"{}","stop_price":"","post_only":"false""#, w.price),
        r#""cancel_reason":"","reject_reason":"","total_value_after_fees":"0""#.into(),
        r#""contract_expiry_type":"EXPIRING","product_type":"FUTURE","risk_managed_by":"MANAGED_BY_FCM""#
            .into(),
        r#""time_in_force":"GOOD_UNTIL_CANCELLED","trigger_status":"INVALID_ORDER_TYPE""#.into(),
    ];
    Some(format!("{{{}}}", fields.join(",")))
}

/// Orders that rest, as REST tells them.
pub(super) fn open_orders(venue: &Venue) -> String {
    let row = |order: &Order| {
        let instrument = venue.instruments.get(order.ix)?;
        let (w, product) = (words(order, instrument), instrument.listing.symbol);
        let setting =
            format!(r#"{{"base_size":"{}","limit_price":"{}","post_only":false}}"#, w.size, w.price);
        let fields = [
            format!(
                r#""order_id":"{}","product_id":"{product}","client_order_id":"desk-{}""#,
                w.id, order.id
            ),
            format!(r#""order_configuration":{{"limit_limit_gtc":{setting}}},"side":"{}""#, w.side),
            format!(r#""status":"{}","time_in_force":"GOOD_UNTIL_CANCELLED""#, w.status),
            format!(r#""created_time":"{}","filled_size":"{}""#, order.made, w.filled),
            format!(r#""average_filled_price":"{}","pending_cancel":false"#, w.average),
            r#""trigger_status":"INVALID_ORDER_TYPE","order_type":"LIMIT","product_type":"FUTURE""#.into(),
            r#""is_liquidation":false,"leverage":"","margin_type":"""#.into(),
        ];
        Some(format!("{{{}}}", fields.join(",")))
    };
    let rows: Vec<String> = venue.account.open_orders().filter_map(row).collect();
    format!(r#"{{"orders":[{}],"sequence":"0","has_next":false,"cursor":""}}"#, rows.join(","))
}

/// A position of the user channel: size, entry, profit.
fn told_position(position: &Position, venue: &Venue) -> Option<String> {
    let instrument = venue.instruments.get(position.ix)?;
    let side = if position.lots < 0 { "Short" } else { "Long" };
    let count = size_text(instrument.listing, position.lots.abs(), Digits::Trimmed);
    Some(format!(
        r#"{{"product_id":"{}","side":"{side}","number_of_contracts":"{count}","realized_pnl":"0","unrealized_pnl":"{}","entry_price":"{}"}}"#,
        instrument.listing.symbol,
        dollars(position.upnl_e8(instrument)),
        dollars(position.entry_e8)
    ))
}

/// All positions, as REST tells them.
pub(super) fn positions(venue: &Venue) -> String {
    let buffer = Sums::of(venue).buffer();
    let row = |position: &Position| {
        let instrument = venue.instruments.get(position.ix)?;
        let l = instrument.listing;
        let money = |e8: i64| in_usd(&dollars(e8));
        let side = if position.lots < 0 { "SHORT" } else { "LONG" };
        let end = liquidation(position, instrument, buffer).map_or_else(String::new, dollars);
        let fields = [
            format!(r#""product_id":"{}","expiration_time":"","side":"{side}""#, l.symbol),
            format!(r#""number_of_contracts":"{}""#, size_text(l, position.lots.abs(), Digits::Trimmed)),
            format!(r#""contract_size":"{}""#, trimmed_text(l.base_e8(1, instrument.mark_e8), 8)),
            format!(r#""current_price":{},"daily_realized_pnl":{}"#, money(instrument.mark_e8), money(0)),
            format!(r#""avg_entry_price":{0},"entry_vwap":{0}"#, money(position.entry_e8)),
            format!(
                r#""unrealized_pnl":{},"leverage":"{}""#,
                money(position.upnl_e8(instrument)),
                position.leverage
            ),
            format!(r#""liquidation_price":{}"#, in_usd(&end)),
            format!(r#""im_contribution":{}"#, money(position.initial_e8(instrument))),
            format!(r#""mm_contribution":{}"#, money(position.maintenance_e8(instrument))),
            format!(r#""position_notional":{}"#, money(position.value_e8(instrument))),
        ];
        Some(format!("{{{}}}", fields.join(",")))
    };
    let held = venue.account.positions.iter().filter(|p| p.lots != 0);
    format!(r#"{{"positions":[{}]}}"#, held.filter_map(row).collect::<Vec<_>>().join(","))
}

/// Where the account's buffer is used up when this price moves alone and margin stays as it is.
fn liquidation(position: &Position, instrument: &Instrument, buffer_e8: i64) -> Option<i64> {
    let base = instrument.listing.base_e8(position.lots.abs(), instrument.mark_e8);
    let room = i128::from(buffer_e8) * 100_000_000 / i128::from(base.max(1));
    let room = i64::try_from(room).ok()?;
    let price = instrument.mark_e8.checked_sub(if position.lots < 0 { -room } else { room })?;
    (price > 0).then_some(price)
}

/// Money and margin, as REST tells them.
pub(super) fn balance_summary(venue: &Venue) -> String {
    format!(r#"{{"balance_summary":{}}}"#, Sums::of(venue).write(in_usd))
}

fn in_usd(value: &str) -> String {
    format!(r#"{{"value":"{value}","currency":"USD"}}"#)
}

fn dollars(e8: i64) -> String {
    trimmed_text(e8, 8)
}

/// Sums over the account in `10^-8` dollars.
struct Sums {
    total: i64,
    upnl: i64,
    initial: i64,
    maintenance: i64,
    hold: i64,
}

impl Sums {
    fn of(venue: &Venue) -> Sums {
        let account = &venue.account;
        let mut sums = Sums {
            total: account.coins.iter().map(|c| c.total_e8).sum(),
            upnl: 0,
            initial: 0,
            maintenance: 0,
            hold: 0,
        };
        for position in &account.positions {
            let Some(instrument) = venue.instruments.get(position.ix) else { continue };
            sums.upnl += position.upnl_e8(instrument);
            sums.initial += position.initial_e8(instrument);
            sums.maintenance += position.maintenance_e8(instrument);
        }
        for order in account.open_orders() {
            let Some(instrument) = venue.instruments.get(order.ix) else { continue };
            let l = instrument.listing;
            sums.hold += l.cents(order.lots - order.filled, l.price_e8(order.ticks)) * 100_000;
        }
        sums
    }

    /// What margin is measured on.
    const fn available(&self) -> i64 {
        self.total + self.upnl - self.hold
    }

    /// What may be lost before liquidation begins.
    const fn buffer(&self) -> i64 {
        self.available() - self.maintenance
    }

    /// The summary; `money` writes an amount. The socket writes amounts plain, REST with a currency.
    fn write(&self, money: impl Fn(&str) -> String) -> String {
        let plain = |text: &str| {
            let text = money(text);
            if text.starts_with('{') { text } else { format!("\"{text}\"") }
        };
        let e8 = |value: i64| plain(&dollars(value));
        let percent = self.buffer() / (self.maintenance / 100).max(1);
        let power = self.available() - self.initial;
        let window = |name: &str, initial: i64| {
            format!(
                r#"{{"margin_window_type":"FCM_MARGIN_WINDOW_TYPE_{name}","margin_level":"MARGIN_LEVEL_TYPE_BASE","initial_margin":{},"maintenance_margin":{},"liquidation_buffer_percentage":"{percent}","total_hold":{},"futures_buying_power":{}}}"#,
                e8(initial),
                e8(self.maintenance),
                e8(self.hold),
                e8(power)
            )
        };
        let fields = [
            format!(r#""futures_buying_power":{},"total_usd_balance":{}"#, e8(power), e8(self.total)),
            format!(r#""cbi_usd_balance":{},"cfm_usd_balance":{}"#, e8(0), e8(self.total)),
            format!(
                r#""total_open_orders_hold_amount":{},"unrealized_pnl":{}"#,
                e8(self.hold),
                e8(self.upnl)
            ),
            format!(r#""daily_realized_pnl":{},"initial_margin":{}"#, e8(0), e8(self.initial)),
            format!(r#""available_margin":{}"#, e8(self.available())),
            format!(r#""liquidation_threshold":{}"#, e8(self.maintenance)),
            format!(r#""liquidation_buffer_amount":{}"#, e8(self.buffer())),
            format!(r#""liquidation_buffer_percentage":"{percent}""#),
            format!(r#""intraday_margin_window_measure":{}"#, window("INTRADAY", self.initial)),
            format!(r#""overnight_margin_window_measure":{}"#, window("OVERNIGHT", self.initial * 5 / 2)),
        ];
        format!("{{{}}}", fields.join(","))
    }
}
