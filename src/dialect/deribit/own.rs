//! Own accounts at Deribit: positions, orders, balances, margin.
//!
//! Sizes are those of the books: dollars on inverse futures, coins elsewhere. There is one position per
//! instrument and no isolated margin.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::Deserialize;

use super::answered;
use super::decode::side;
use super::grammar::Name;
use super::messages::{Frame, flag};
use super::slow::method;
use crate::dialect::wire::{self, Field};
use crate::dialect::{Decoder, Note, Out, Symbols, Table, WireError, noted};
use crate::model::account::{
    Balance, Holding, Leg, Margin, MarginMode, Order, OrderKind, OrderState, Position, TimeInForce,
};
use crate::model::entry::{ConnIx, Control, RestAnswer};
use crate::model::event::{Body, Event, Symbol};
use crate::model::time::Nanos;
use crate::model::venue::{Command, VenueSpec};

/// Currencies whose margin model is remembered.
const CURRENCIES_MAX: usize = 64;

/// The state of one account on one tape.
pub(super) struct OwnDecoder {
    table: Table<()>,
    /// Margin mode by settlement currency.
    modes: BTreeMap<String, MarginMode>,
}

#[derive(Deserialize)]
struct Changes<'a> {
    #[serde(borrow)]
    orders: Field<'a>,
    #[serde(borrow)]
    positions: Field<'a>,
}

#[derive(Deserialize)]
struct PositionRow<'a> {
    #[serde(borrow)]
    instrument_name: Field<'a>,
    #[serde(borrow)]
    size: Field<'a>,
    #[serde(borrow)]
    direction: Field<'a>,
    #[serde(borrow)]
    average_price: Field<'a>,
    #[serde(borrow)]
    mark_price: Field<'a>,
    #[serde(borrow)]
    leverage: Field<'a>,
    #[serde(borrow)]
    estimated_liquidation_price: Field<'a>,
    #[serde(borrow)]
    floating_profit_loss: Field<'a>,
    #[serde(borrow)]
    maintenance_margin: Field<'a>,
}

#[derive(Deserialize)]
struct OrderRow<'a> {
    #[serde(borrow)]
    order_id: Field<'a>,
    #[serde(borrow)]
    instrument_name: Field<'a>,
    #[serde(borrow)]
    direction: Field<'a>,
    #[serde(borrow)]
    price: Field<'a>,
    #[serde(borrow)]
    trigger_price: Field<'a>,
    #[serde(borrow)]
    amount: Field<'a>,
    #[serde(borrow)]
    filled_amount: Field<'a>,
    #[serde(borrow)]
    average_price: Field<'a>,
    #[serde(borrow)]
    order_state: Field<'a>,
    #[serde(borrow)]
    order_type: Field<'a>,
    #[serde(borrow)]
    time_in_force: Field<'a>,
    #[serde(borrow)]
    reduce_only: Field<'a>,
    #[serde(borrow)]
    post_only: Field<'a>,
    #[serde(borrow)]
    is_liquidation: Field<'a>,
    #[serde(borrow)]
    cancel_reason: Field<'a>,
    #[serde(borrow)]
    last_update_timestamp: Field<'a>,
}

#[derive(Deserialize)]
struct Summaries<'a> {
    #[serde(borrow)]
    summaries: Field<'a>,
}

#[derive(Deserialize)]
struct Summary<'a> {
    #[serde(borrow)]
    currency: Field<'a>,
    #[serde(borrow)]
    balance: Field<'a>,
    #[serde(borrow)]
    available_funds: Field<'a>,
    #[serde(borrow)]
    equity: Field<'a>,
    #[serde(borrow)]
    initial_margin: Field<'a>,
    #[serde(borrow)]
    maintenance_margin: Field<'a>,
    #[serde(borrow)]
    margin_model: Field<'a>,
    #[serde(borrow)]
    total_equity_usd: Field<'a>,
    #[serde(borrow)]
    total_initial_margin_usd: Field<'a>,
    #[serde(borrow)]
    total_maintenance_margin_usd: Field<'a>,
}

impl OwnDecoder {
    pub(super) fn new(venue: &VenueSpec) -> Self {
        OwnDecoder { table: Table::new(venue), modes: BTreeMap::new() }
    }

    fn message(&mut self, conn: ConnIx, bytes: &[u8], out: &mut dyn Out) -> Result<(), WireError> {
        let frame: Frame<'_> = wire::object(wire::guarded(bytes)?)?;
        if &*wire::word(&frame.method) != "subscription" {
            return answered(conn, &frame, out);
        }
        let params = frame.params()?;
        let channel = wire::required(&params.channel, "channel")?;
        if channel.starts_with("user.changes.") {
            let changes: Changes<'_> = wire::object(wire::json(&params.data, "data")?)?;
            let orders = self.rows(&changes.orders, out, Self::order);
            return orders
                .and(self.rows(&changes.positions, out, |own, row, out| own.position(row, None, out)));
        }
        if channel.starts_with("user.portfolio.") {
            return self.summary(wire::json(&params.data, "data")?, None, true, out);
        }
        let head = channel.split('.').next().unwrap_or_default();
        out.note(if head == "user" { Note::Unused("other private channel") } else { Note::Unknown(head) });
        Ok(())
    }

    fn rows(
        &mut self,
        rows: &Field<'_>,
        out: &mut dyn Out,
        read: impl Fn(&mut Self, &str, &mut dyn Out) -> Result<(), WireError>,
    ) -> Result<(), WireError> {
        rows.as_ref().map_or(Ok(()), |rows| wire::each_row(rows.json(), |row| read(self, row, out)))
    }

    /// Rows that are all there are. Said only where every row can be read: one that cannot would count as
    /// gone.
    fn whole(
        &mut self,
        holding: Holding,
        rows: &str,
        ts_venue: Option<Nanos>,
        out: &mut dyn Out,
        read: impl Fn(&mut Self, &str, &mut dyn Out) -> Result<(), WireError>,
    ) -> Result<(), WireError> {
        if wire::each_row(rows, |row| read(self, row, &mut Nowhere)).is_ok() {
            out.event(Event { symbol: Symbol::NONE, ts_venue, body: Body::Whole(holding) });
        }
        wire::each_row(rows, |row| read(self, row, out))
    }

    fn answer(&mut self, answer: &RestAnswer<'_>, out: &mut dyn Out) -> Result<(), WireError> {
        let frame: Frame<'_> = wire::object(wire::guarded(answer.body)?)?;
        let fault = frame.fault();
        if answer.status != 200 || fault.is_some() {
            out.note(Note::Refused(&fault.unwrap_or_default()));
            return Ok(());
        }
        let result = frame.result()?;
        let at = wire::integer(&frame.us_out, "usOut")?.map(|us| Nanos(us.saturating_mul(1_000)));
        match method(answer.url) {
            "get_positions" => {
                self.whole(Holding::Positions, result, at, out, |own, row, out| own.position(row, at, out))
            }
            "get_open_orders" => self.whole(Holding::Orders, result, at, out, Self::order),
            "get_account_summaries" => {
                let summaries: Summaries<'_> = wire::object(result)?;
                let rows = wire::json(&summaries.summaries, "summaries")?;
                let read = |own: &mut Self, row: &str, out: &mut dyn Out| own.summary(row, at, false, out);
                let balances = self.whole(Holding::Balances, rows, at, out, read);
                let mut pools = Pools::default();
                balances.and(wire::each_row(rows, |row| margin_of(row, at, &mut pools, out)))
            }
            _ => {
                out.note(Note::Unused("REST answer"));
                Ok(())
            }
        }
    }

    fn position(&mut self, row: &str, ts_venue: Option<Nanos>, out: &mut dyn Out) -> Result<(), WireError> {
        let row: PositionRow<'_> = wire::object(row)?;
        let name = wire::required(&row.instrument_name, "instrument_name")?;
        let size = wire::figure(&row.size, "size")?.ok_or(WireError::Missing("size"))?.abs();
        let size = match &*wire::required(&row.direction, "direction")? {
            "buy" => size,
            "sell" => -size,
            "zero" => Decimal::ZERO,
            _ => return Err(WireError::Word("direction")),
        };
        let settle = Name::read(&name).and_then(|name| name.settle());
        let position = Position {
            leg: Leg::Net,
            size,
            entry: wire::slow_price(&row.average_price, "average_price")?,
            mark: wire::slow_price(&row.mark_price, "mark_price")?,
            margin_mode: settle.and_then(|s| self.modes.get(s)).copied().unwrap_or_default(),
            isolated_margin: None,
            leverage: wire::slow_price(&row.leverage, "leverage")?,
            liquidation_price: wire::slow_price(
                &row.estimated_liquidation_price,
                "estimated_liquidation_price",
            )?,
            adl_rank: None, // losses are shared by all, nobody is deleveraged
            upnl: wire::figure(&row.floating_profit_loss, "floating_profit_loss")?,
            maintenance: wire::amount(&row.maintenance_margin, "maintenance_margin")?,
        };
        let ix = self.table.intern(&name)?;
        out.event(Event { symbol: self.table.symbol(ix), ts_venue, body: Body::Position(&position) });
        Ok(())
    }

    fn order(&mut self, row: &str, out: &mut dyn Out) -> Result<(), WireError> {
        let row: OrderRow<'_> = wire::object(row)?;
        let id = wire::required(&row.order_id, "order_id")?;
        // A conditional order that sleeps has no fill to tell of.
        let filled = wire::amount(&row.filled_amount, "filled_amount")?.unwrap_or_default();
        let price = if wire::word(&row.price) == "market_price" {
            None
        } else {
            wire::slow_price(&row.price, "price")?
        };
        let order = Order {
            id: &id,
            side: side(&row.direction)?,
            leg: Leg::Net,
            price,
            trigger: wire::slow_price(&row.trigger_price, "trigger_price")?,
            size: wire::amount(&row.amount, "amount")?.ok_or(WireError::Missing("amount"))?,
            filled,
            average: wire::slow_price(&row.average_price, "average_price")?,
            reduce_only: flag(&row.reduce_only) == Some(true),
            kind: kind(&row),
            tif: time_in_force(&row),
            state: state(&row, filled)?,
        };
        let ts_venue = wire::millis(&row.last_update_timestamp, "last_update_timestamp")?;
        let ix = self.table.intern(&wire::required(&row.instrument_name, "instrument_name")?)?;
        out.event(Event { symbol: self.table.symbol(ix), ts_venue, body: Body::Order(&order) });
        Ok(())
    }

    /// Balance of a currency, and its margin where the message is about this currency alone.
    fn summary(
        &mut self,
        json_text: &str,
        ts_venue: Option<Nanos>,
        with_margin: bool,
        out: &mut dyn Out,
    ) -> Result<(), WireError> {
        let row: Summary<'_> = wire::object(json_text)?;
        let currency = wire::required(&row.currency, "currency")?;
        let model = wire::word(&row.margin_model);
        if !model.is_empty() && (self.modes.len() < CURRENCIES_MAX || self.modes.contains_key(&*currency)) {
            let mode = if model.ends_with("_pm") { MarginMode::Portfolio } else { MarginMode::Cross };
            self.modes.insert(currency.to_string(), mode);
        }
        let balance = Balance {
            asset: &currency,
            total: wire::figure(&row.balance, "balance")?.ok_or(WireError::Missing("balance"))?,
            available: wire::figure(&row.available_funds, "available_funds")?,
            borrowed: None,
            haircut: None,
            collateral_price: None,
        };
        out.event(Event { symbol: Symbol::NONE, ts_venue, body: Body::Balance(&balance) });
        if with_margin { margin_of(json_text, ts_venue, &mut Pools::default(), out) } else { Ok(()) }
    }
}

/// What margin was told of in one message.
#[derive(Default)]
struct Pools {
    has_cross: bool,
}

/// Margin of one currency; with cross collateral that of the account, which every currency repeats.
fn margin_of(
    json_text: &str,
    ts_venue: Option<Nanos>,
    pools: &mut Pools,
    out: &mut dyn Out,
) -> Result<(), WireError> {
    let row: Summary<'_> = wire::object(json_text)?;
    let currency = wire::required(&row.currency, "currency")?;
    let is_cross = wire::word(&row.margin_model).starts_with("cross");
    if is_cross && std::mem::replace(&mut pools.has_cross, true) {
        return Ok(());
    }
    let margin = if is_cross {
        Margin {
            pool: "cross",
            currency: "USD",
            equity: wire::figure(&row.total_equity_usd, "total_equity_usd")?,
            initial: wire::amount(&row.total_initial_margin_usd, "total_initial_margin_usd")?,
            maintenance: wire::amount(&row.total_maintenance_margin_usd, "total_maintenance_margin_usd")?,
        }
    } else {
        Margin {
            pool: &currency,
            currency: &currency,
            equity: wire::figure(&row.equity, "equity")?,
            initial: wire::amount(&row.initial_margin, "initial_margin")?,
            maintenance: wire::amount(&row.maintenance_margin, "maintenance_margin")?,
        }
    };
    out.event(Event { symbol: Symbol::NONE, ts_venue, body: Body::Margin(&margin) });
    Ok(())
}

/// Takes a rehearsal.
struct Nowhere;

impl Out for Nowhere {
    fn event(&mut self, _event: Event<'_>) {}

    fn command(&mut self, _command: Command) {}

    fn note(&mut self, _note: Note<'_>) {}
}

fn kind(row: &OrderRow<'_>) -> OrderKind {
    if flag(&row.is_liquidation) == Some(true) {
        return OrderKind::Liquidation;
    }
    match &*wire::word(&row.order_type) {
        "limit" => OrderKind::Limit,
        "market" | "market_limit" => OrderKind::Market,
        "stop_limit" | "stop_market" | "take_limit" | "take_market" | "trailing_stop" => {
            OrderKind::Conditional
        }
        _ => OrderKind::Other,
    }
}

fn time_in_force(row: &OrderRow<'_>) -> TimeInForce {
    match &*wire::word(&row.time_in_force) {
        "immediate_or_cancel" => TimeInForce::Ioc,
        "fill_or_kill" => TimeInForce::Fok,
        _ if flag(&row.post_only) == Some(true) => TimeInForce::PostOnly,
        "good_til_day" => TimeInForce::Gtd,
        _ => TimeInForce::Gtc,
    }
}

/// The end of the day at 08:00 UTC is told as `cancelled` with the reason `settlement`.
fn state(row: &OrderRow<'_>, filled: Decimal) -> Result<OrderState, WireError> {
    Ok(match &*wire::required(&row.order_state, "order_state")? {
        "open" | "triggered" if filled.is_zero() => OrderState::Open,
        "open" | "triggered" => OrderState::PartlyFilled,
        "untriggered" => OrderState::Untriggered,
        "filled" => OrderState::Filled,
        "cancelled"
            if wire::word(&row.time_in_force) == "good_til_day"
                && wire::word(&row.cancel_reason) == "settlement" =>
        {
            OrderState::Expired
        }
        "cancelled" => OrderState::Cancelled,
        "rejected" => OrderState::Rejected,
        _ => return Err(WireError::Word("order_state")),
    })
}

impl Decoder for OwnDecoder {
    fn frame(&mut self, conn: ConnIx, bytes: &[u8], out: &mut dyn Out) {
        noted(self.message(conn, bytes, out), out);
    }

    fn rest(&mut self, answer: &RestAnswer<'_>, out: &mut dyn Out) {
        noted(self.answer(answer, out), out);
    }

    /// Requests bring everything again: nothing is kept that a lost socket could make wrong.
    fn control(&mut self, _conn: ConnIx, _control: &Control, _out: &mut dyn Out) {}

    fn resync(&mut self, _symbol: u32, _out: &mut dyn Out) {}

    fn symbols(&self) -> &Symbols {
        self.table.symbols()
    }
}
