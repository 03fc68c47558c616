//! Accounts at Hyperliquid: what the streams of an address and requests about it bring.
//!
//! One stream tells the states of all dexes, each whole, in every message; requests tell one dex. Orders
//! of a dex are listed whole, updates tell their ends. An order that is gone from its list is asked for by
//! its id. Accounts that pool their collateral hold it as spot coins: their equity here is a part of it.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::Deserialize;

use super::messages::Frame;
use super::meta::{Meta, Tokens};
use super::own_rows::{Money, OrderRow, StateRow};
use super::{LIGHT, WEIGHT, info};
use crate::dialect::wire::{self, Field, Raw, quoted};
use crate::dialect::{Decoder, Note, Out, Symbols, Table, WireError, noted};
use crate::model::account::{Balance, Holding, Margin, Order, OrderState, Position};
use crate::model::entry::{ConnIx, Control, RestAnswer};
use crate::model::event::{Body, Event, Symbol};
use crate::model::time::Nanos;
use crate::model::venue::{Command, VenueSpec};

/// Dexes of an address kept. The venue has about ten.
const DEXES_KEPT: usize = 64;
/// Orders kept. What is beyond is told once and not missed later.
const ORDERS_KEPT: usize = 4_096;
/// Orders asked for by their id after one list.
const GONE_MAX: usize = 20;
/// Channels that are known and not needed.
const UNUSED: &[&str] =
    &["notification", "webData2", "webData3", "userFills", "userFundings", "spotState", "twapStates", "post"];

/// The state of one address on one tape.
pub(super) struct OwnDecoder {
    pub(super) table: Table<()>,
    tokens: Tokens,
    /// Collateral of each dex by its name; the main one has none.
    collaterals: BTreeMap<String, String>,
    /// The address, once a message said it.
    pub(super) user: String,
    dexes: BTreeMap<String, Dex>,
    orders: Vec<Resting>,
}

/// What an address holds on one dex.
#[derive(Default)]
struct Dex {
    at: Option<Nanos>,
    positions: Vec<(u32, Position)>,
    money: Money,
}

/// An open order as last told.
struct Resting {
    id: String,
    dex: String,
    ix: u32,
    at: Option<Nanos>,
    order: Order<'static>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Data<'a> {
    #[serde(borrow)]
    user: Field<'a>,
    #[serde(borrow)]
    dex: Field<'a>,
    #[serde(borrow)]
    clearinghouse_states: Field<'a>,
    #[serde(borrow)]
    clearinghouse_state: Field<'a>,
    #[serde(borrow)]
    orders: Field<'a>,
    #[serde(borrow)]
    pub(super) fills: Field<'a>,
}

/// What was asked, as it stands behind the address of an answer.
#[derive(Deserialize, Default)]
struct Asked<'a> {
    #[serde(borrow, rename = "type")]
    kind: Field<'a>,
    #[serde(borrow)]
    user: Field<'a>,
    #[serde(borrow)]
    dex: Field<'a>,
    #[serde(borrow)]
    oid: Field<'a>,
}

impl OwnDecoder {
    pub(super) fn new(venue: &VenueSpec) -> Self {
        OwnDecoder {
            table: Table::new(venue),
            tokens: Tokens::default(),
            collaterals: BTreeMap::from([(String::new(), "USDC".to_string())]),
            user: String::new(),
            dexes: BTreeMap::new(),
            orders: Vec::new(),
        }
    }

    fn message(&mut self, bytes: &[u8], out: &mut dyn Out) -> Result<(), WireError> {
        if bytes.starts_with(b"Websocket connection established") {
            out.note(Note::Heartbeat);
            return Ok(());
        }
        let frame: Frame<'_> = wire::object(wire::guarded(bytes)?)?;
        let channel = wire::word(&frame.channel);
        let data = || wire::json(&frame.data, "data");
        match &*channel {
            "pong" => out.note(Note::Heartbeat),
            "subscriptionResponse" => out.note(Note::Ack),
            "error" => out.note(Note::Refused(&wire::word(&frame.data))),
            "allDexsClearinghouseState" => return self.states(&wire::object(data()?)?, out),
            "clearinghouseState" => {
                let data: Data<'_> = wire::object(data()?)?;
                self.named(&data.user);
                let state =
                    data.clearinghouse_state.as_ref().ok_or(WireError::Missing("clearinghouseState"))?;
                return self.one_state(&wire::word(&data.dex), state.json(), out);
            }
            "openOrders" => {
                let data: Data<'_> = wire::object(data()?)?;
                self.named(&data.user);
                let rows = data.orders.as_ref().ok_or(WireError::Missing("orders"))?;
                return self.open_orders(&wire::word(&data.dex), rows.json(), out);
            }
            "orderUpdates" => return wire::each_row(data()?, |row| self.update(row, out)),
            "user" | "userEvents" => return self.events(data()?, out),
            known if UNUSED.contains(&known) => out.note(Note::Unused(known)),
            "" => out.note(Note::Unknown("message without channel")),
            other => out.note(Note::Unknown(other)),
        }
        Ok(())
    }

    fn named(&mut self, user: &Field<'_>) {
        let user = wire::word(user);
        if !user.is_empty() {
            self.user = user.to_ascii_lowercase();
        }
    }

    /// All dexes at once. Nothing is whole when one of them cannot be read.
    fn states(&mut self, data: &Data<'_>, out: &mut dyn Out) -> Result<(), WireError> {
        self.named(&data.user);
        let rows = data.clearinghouse_states.as_ref().ok_or(WireError::Missing("clearinghouseStates"))?;
        let mut told: Vec<String> = Vec::new();
        wire::each_row(rows.json(), |row| {
            let (dex, state): (Raw<'_>, Raw<'_>) = wire::parse(row)?;
            let dex = dex.text("dex")?.unwrap_or_default().into_owned();
            self.take(&dex, state.json())?;
            told.push(dex);
            Ok(())
        })?;
        self.dexes.retain(|dex, _| told.contains(dex));
        event(None, Body::Whole(Holding::Positions), out);
        for dex in self.dexes.values() {
            for (ix, position) in &dex.positions {
                let symbol = self.table.symbol(*ix);
                out.event(Event { symbol, ts_venue: dex.at, body: Body::Position(position) });
            }
        }
        event(None, Body::Whole(Holding::Balances), out);
        let mut assets: Vec<&String> =
            self.dexes.keys().filter_map(|dex| self.collaterals.get(dex)).collect();
        assets.sort();
        assets.dedup();
        assets.into_iter().for_each(|asset| self.tell_asset(asset, out));
        self.dexes.iter().for_each(|(name, dex)| self.tell_margin(name, dex, out));
        Ok(())
    }

    /// Takes the state of a dex. False when it is older than what is known.
    fn take(&mut self, dex: &str, json: &str) -> Result<bool, WireError> {
        let row: StateRow<'_> = wire::object(json)?;
        let at = wire::millis(&row.time, "time")?;
        let rows = row.positions()?;
        let money = row.money(&rows)?;
        let mut positions = Vec::with_capacity(rows.len());
        for (coin, position) in rows {
            positions.push((self.table.intern(&coin)?, position));
        }
        if self.dexes.get(dex).is_some_and(|known| at < known.at) {
            return Ok(false);
        }
        if self.dexes.len() >= DEXES_KEPT && !self.dexes.contains_key(dex) {
            return Err(WireError::TooMany("dexes"));
        }
        self.dexes.insert(dex.to_string(), Dex { at, positions, money });
        Ok(true)
    }

    /// One dex: what it no longer holds is closed.
    fn one_state(&mut self, dex: &str, json: &str, out: &mut dyn Out) -> Result<(), WireError> {
        let before: Vec<u32> =
            self.dexes.get(dex).into_iter().flat_map(|d| &d.positions).map(|(ix, _)| *ix).collect();
        if !self.take(dex, json)? {
            out.note(Note::Superseded);
            return Ok(());
        }
        let Some(now) = self.dexes.get(dex) else { return Ok(()) };
        for ix in before.iter().filter(|ix| !now.positions.iter().any(|(held, _)| held == *ix)) {
            let closed = Position::default();
            let symbol = self.table.symbol(*ix);
            out.event(Event { symbol, ts_venue: now.at, body: Body::Position(&closed) });
        }
        for (ix, position) in &now.positions {
            let symbol = self.table.symbol(*ix);
            out.event(Event { symbol, ts_venue: now.at, body: Body::Position(position) });
        }
        if let Some(asset) = self.collaterals.get(dex) {
            self.tell_asset(asset, out);
        }
        self.tell_margin(dex, now, out);
        Ok(())
    }

    /// A coin may be collateral on several dexes: its balance is their sum.
    fn tell_asset(&self, asset: &str, out: &mut dyn Out) {
        let mine =
            self.dexes.iter().filter(|(dex, _)| self.collaterals.get(*dex).is_some_and(|a| a == asset));
        let (mut total, mut available, mut at) = (Some(Decimal::ZERO), Some(Decimal::ZERO), None);
        for (_, dex) in mine {
            let add = |a: Option<Decimal>, b: Option<Decimal>| a.zip(b).and_then(|(a, b)| a.checked_add(b));
            (total, available, at) =
                (add(total, dex.money.total), add(available, dex.money.available), at.max(dex.at));
        }
        if let Some(total) = total {
            let balance =
                Balance { asset, total, available, borrowed: None, haircut: None, collateral_price: None };
            event(at, Body::Balance(&balance), out);
        }
    }

    fn tell_margin(&self, name: &str, dex: &Dex, out: &mut dyn Out) {
        let Some(currency) = self.collaterals.get(name).filter(|_| dex.money.equity.is_some()) else {
            return;
        };
        let Money { equity, initial, maintenance, .. } = dex.money;
        let pool = if name.is_empty() { "main" } else { name };
        event(dex.at, Body::Margin(&Margin { pool, currency, equity, initial, maintenance }), out);
    }

    /// The open orders of a dex, all of them.
    fn open_orders(&mut self, dex: &str, rows: &str, out: &mut dyn Out) -> Result<(), WireError> {
        let mut ids = Vec::new();
        wire::each_row(rows, |row| {
            ids.push(self.order(&wire::object(row)?, "open", None, out)?);
            Ok(())
        })?;
        let gone = self.orders.iter().filter(|o| o.dex == dex && !ids.contains(&o.id));
        for order in gone.take(GONE_MAX).filter(|_| !self.user.is_empty()) {
            let more = format!(r#","user":{},"oid":{}"#, quoted(&self.user), order.id);
            out.command(Command::Rest(info("orderStatus", &more, LIGHT)));
        }
        event(None, Body::Whole(Holding::Orders), out);
        self.orders.iter().for_each(|o| self.tell(o.ix, o.at, &o.id, &o.order, out));
        Ok(())
    }

    fn update(&mut self, row: &str, out: &mut dyn Out) -> Result<(), WireError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Update<'a> {
            #[serde(borrow)]
            order: Option<OrderRow<'a>>,
            #[serde(borrow)]
            status: Field<'a>,
            #[serde(borrow)]
            status_timestamp: Field<'a>,
        }
        let row: Update<'_> = wire::object(row)?;
        let at = wire::millis(&row.status_timestamp, "statusTimestamp")?;
        let order = row.order.as_ref().ok_or(WireError::Missing("order"))?;
        self.order(order, &wire::required(&row.status, "status")?, at, out).map(|_| ())
    }

    /// One order: told, and kept while it is open. Returns its id. Spot and outcomes are left out.
    fn order(
        &mut self,
        row: &OrderRow<'_>,
        status: &str,
        at: Option<Nanos>,
        out: &mut dyn Out,
    ) -> Result<String, WireError> {
        let coin = wire::required(&row.coin, "coin")?;
        let id = wire::integer(&row.oid, "oid")?.ok_or(WireError::Missing("oid"))?.to_string();
        if coin.starts_with(['@', '#']) || coin.contains('/') {
            out.note(Note::Unused("order of another market"));
            return Ok(id);
        }
        let known = self.orders.iter().find(|o| o.id == id);
        let order = row.read(status, known.map(|o| &o.order))?;
        // A list may be older than an update: an order never fills backwards.
        if known.is_some_and(|known| order.filled < known.order.filled) {
            out.note(Note::Superseded);
            return Ok(id);
        }
        let ix = self.table.intern(&coin)?;
        self.tell(ix, at, &id, &order, out);
        self.orders.retain(|known| known.id != id);
        if !order.state.is_final() && self.orders.len() < ORDERS_KEPT {
            let dex = coin.split_once(':').map_or("", |(dex, _)| dex).to_string();
            self.orders.push(Resting { id: id.clone(), dex, ix, at, order });
        }
        Ok(id)
    }

    pub(super) fn tell(&self, ix: u32, at: Option<Nanos>, id: &str, order: &Order<'_>, out: &mut dyn Out) {
        let order = Order { id, ..order.clone() };
        out.event(Event { symbol: self.table.symbol(ix), ts_venue: at, body: Body::Order(&order) });
    }

    fn answer(&mut self, answer: &RestAnswer<'_>, out: &mut dyn Out) -> Result<(), WireError> {
        if answer.status != 200 {
            out.note(Note::Refused("REST answer"));
            return Ok(());
        }
        let body = wire::guarded(answer.body)?.trim();
        let request =
            answer.url.split_once(" {").map_or("", |(url, _)| answer.url.get(url.len() + 1..).unwrap_or(""));
        let asked: Asked<'_> = if request.is_empty() {
            Asked::default()
        } else {
            wire::object(wire::guarded(request.as_bytes())?)?
        };
        self.named(&asked.user);
        let dex = wire::word(&asked.dex);
        match &*wire::word(&asked.kind) {
            "clearinghouseState" => self.one_state(&dex, body, out),
            "frontendOpenOrders" | "openOrders" => {
                self.open_orders(&dex, body, out)?;
                if dex.is_empty() {
                    self.ask_builders(out);
                }
                Ok(())
            }
            "orderStatus" => self.status(&asked, body, out),
            "userRole" => role(body, out),
            "spotMeta" | "allPerpMetas" => self.terms(body),
            _ => {
                out.note(Note::Unused("REST answer"));
                Ok(())
            }
        }
    }

    /// Orders on the dexes of builders where the address has money: the list names one dex only.
    fn ask_builders(&self, out: &mut dyn Out) {
        let has_money = |dex: &Dex| dex.money.total.is_some_and(|total| !total.is_zero());
        for (dex, _) in self.dexes.iter().filter(|(name, dex)| !name.is_empty() && has_money(dex)) {
            let more = format!(r#","user":{},"dex":{}"#, quoted(&self.user), quoted(dex));
            out.command(Command::Rest(info("frontendOpenOrders", &more, WEIGHT)));
        }
    }

    /// `{"status":"order","order":{…}}`; an order that the venue no longer knows was taken back.
    fn status(&mut self, asked: &Asked<'_>, body: &str, out: &mut dyn Out) -> Result<(), WireError> {
        #[derive(Deserialize)]
        struct Found<'a> {
            #[serde(borrow)]
            status: Field<'a>,
            #[serde(borrow)]
            order: Field<'a>,
        }
        let found: Found<'_> = wire::object(body)?;
        if wire::word(&found.status) == "order" {
            let order = found.order.as_ref().ok_or(WireError::Missing("order"))?;
            return self.update(order.json(), out);
        }
        let id = wire::word(&asked.oid);
        if let Some(at) = self.orders.iter().position(|o| o.id == id) {
            let gone = self.orders.swap_remove(at);
            let order = Order { state: OrderState::Cancelled, ..gone.order };
            self.tell(gone.ix, None, &gone.id, &order, out);
        }
        Ok(())
    }

    /// Names of tokens, and which of them each dex pays in.
    fn terms(&mut self, body: &str) -> Result<(), WireError> {
        #[derive(Deserialize)]
        struct Spot<'a> {
            #[serde(borrow)]
            tokens: Field<'a>,
        }
        #[derive(Deserialize)]
        struct Coin<'a> {
            #[serde(borrow)]
            name: Field<'a>,
        }
        if body.starts_with('{') {
            let spot: Spot<'_> = wire::object(body)?;
            return self.tokens.learn(spot.tokens.as_ref().ok_or(WireError::Missing("tokens"))?.json());
        }
        wire::each_row(body, |row| {
            let meta: Meta<'_> = wire::object(row)?;
            let Some(collateral) = self.tokens.collateral(&meta)? else { return Ok(()) };
            let mut dex = None;
            wire::each_row(meta.universe.as_ref().map_or("[]", Raw::json), |coin| {
                let coin: Coin<'_> = wire::object(coin)?;
                dex = wire::word(&coin.name).split_once(':').map(|(dex, _)| dex.to_string());
                Ok(())
            })?;
            if let Some(dex) =
                dex.filter(|dex| self.collaterals.len() < DEXES_KEPT || self.collaterals.contains_key(dex))
            {
                self.collaterals.insert(dex, collateral);
            }
            Ok(())
        })
    }
}

impl Decoder for OwnDecoder {
    fn frame(&mut self, _conn: ConnIx, bytes: &[u8], out: &mut dyn Out) {
        noted(self.message(bytes, out), out);
    }

    fn rest(&mut self, answer: &RestAnswer<'_>, out: &mut dyn Out) {
        noted(self.answer(answer, out), out);
    }

    /// A new subscription begins with everything whole.
    fn control(&mut self, _conn: ConnIx, _control: &Control, _out: &mut dyn Out) {}

    fn resync(&mut self, _symbol: u32, _out: &mut dyn Out) {}

    fn symbols(&self) -> &Symbols {
        self.table.symbols()
    }
}

fn event(ts_venue: Option<Nanos>, body: Body<'_>, out: &mut dyn Out) {
    out.event(Event { symbol: Symbol::NONE, ts_venue, body });
}

/// `{"role":"user"}`. An agent signs for another address and owns nothing.
fn role(body: &str, out: &mut dyn Out) -> Result<(), WireError> {
    #[derive(Deserialize)]
    struct Role<'a> {
        #[serde(borrow)]
        role: Field<'a>,
    }
    let role: Role<'_> = wire::object(body)?;
    match &*wire::required(&role.role, "role")? {
        "agent" => out.note(Note::Refused("this address is an agent and owns nothing: watch its master")),
        "missing" => out.note(Note::Refused("the venue does not know this address")),
        _ => out.note(Note::Ack),
    }
    Ok(())
}
