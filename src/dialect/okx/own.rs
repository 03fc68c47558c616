//! Own accounts at OKX: what the private sockets and signed requests bring.
//!
//! Sockets tell single rows, answers tell all there is. A row that is older than what is known is left
//! out. An order that is gone from the list of open ones has ended while a push was lost, or was made
//! after the list was written: it is asked for by its id. An isolated and a cross position of one
//! instrument may stand side by side; they are told as their sum.

use super::decode::parameter;
use super::messages::Frame;
use super::own_rows::{AccountRow, CoinRow, OrderRow, PositionRow};
use crate::dialect::wire;
use crate::dialect::{Decoder, Note, Out, Symbols, Table, WireError, noted};
use crate::model::account::{Holding, Leg, Margin, Order, OrderState, Position};
use crate::model::entry::{ConnIx, Control, RestAnswer};
use crate::model::event::{Body, Event, Symbol};
use crate::model::time::Nanos;
use crate::model::venue::{Command, RestRequest, VenueSpec};

/// Positions and orders kept, each. What is beyond is told once and not missed later.
const OWN_KEPT: usize = 4_096;
/// Orders on one page of the list.
const PAGE: usize = 100;
/// Orders asked for by their id after one list.
const GONE_MAX: usize = 20;
/// Code of an answer: no such order.
const ORDER_UNKNOWN: &str = "51603";
/// Channels that are known and not needed.
const UNUSED: &[&str] =
    &["balance_and_position", "liquidation-warning", "account-greeks", "algo-advance", "fills", "grid-"];

const POSITIONS: &str = "/api/v5/account/positions";
const BALANCE: &str = "/api/v5/account/balance";
const PENDING: &str = "/api/v5/trade/orders-pending";
const ORDER: &str = "/api/v5/trade/order";
const ALGO: &str = "/api/v5/trade/order-algo";
/// Conditional orders that wait.
pub(super) const ALGOS: &str = "/api/v5/trade/orders-algo-pending";
/// What one request for them may name.
pub(super) const ALGO_KINDS: [&str; 3] = ["conditional,oco", "trigger", "move_order_stop"];

/// What is asked for again and again.
pub(super) fn requests() -> [RestRequest; 3] {
    [POSITIONS, BALANCE, PENDING].map(RestRequest::get)
}

/// The state of one account on one tape.
pub(super) struct OwnDecoder {
    table: Table<()>,
    positions: Vec<Held>,
    orders: Vec<Resting>,
}

/// A position as last told.
#[derive(Clone)]
struct Held {
    id: String,
    ix: u32,
    at: Option<Nanos>,
    position: Position,
}

/// An open order as last told.
struct Resting {
    id: String,
    /// Kind of a conditional order; `None` for others.
    algo: Option<String>,
    ix: u32,
    at: Option<Nanos>,
    order: Order<'static>,
}

impl OwnDecoder {
    pub(super) fn new(venue: &VenueSpec) -> Self {
        OwnDecoder { table: Table::new(venue), positions: Vec::new(), orders: Vec::new() }
    }

    fn message(&mut self, bytes: &[u8], out: &mut dyn Out) -> Result<(), WireError> {
        if bytes == b"pong" {
            out.note(Note::Heartbeat);
            return Ok(());
        }
        let frame: Frame<'_> = wire::object(wire::guarded(bytes)?)?;
        let event = wire::word(&frame.event);
        match &*event {
            "" => {}
            "subscribe" | "unsubscribe" => {
                out.note(Note::Ack);
                return Ok(());
            }
            "login" if wire::word(&frame.code) == "0" => {
                out.note(Note::Ack);
                return Ok(());
            }
            "login" | "error" | "channel-conn-count-error" => {
                out.note(Note::Refused(&wire::word(&frame.msg)));
                return Ok(());
            }
            "notice" | "channel-conn-count" => {
                out.note(Note::Unused(&event));
                return Ok(());
            }
            _ => {
                out.note(Note::Unknown(&event));
                return Ok(());
            }
        }
        let channel = frame.arg.as_ref().map(|arg| wire::word(&arg.channel)).unwrap_or_default();
        let data = || wire::json(&frame.data, "data");
        match &*channel {
            "positions" => wire::each_row(data()?, |row| self.position(row, out)),
            "account" => wire::each_row(data()?, |row| account(row, false, out)),
            "orders" => wire::each_row(data()?, |row| self.order(row, false, out).map(|_| ())),
            "orders-algo" => wire::each_row(data()?, |row| self.order(row, true, out).map(|_| ())),
            known if UNUSED.iter().any(|start| known.starts_with(start)) => {
                out.note(Note::Unused(known));
                Ok(())
            }
            "" => {
                out.note(Note::Unknown("message without channel"));
                Ok(())
            }
            other => {
                out.note(Note::Unknown(other));
                Ok(())
            }
        }
    }

    /// Reads a row; `None` for pairs on margin, which are no derivatives.
    fn held(&mut self, row: &str) -> Result<Option<Held>, WireError> {
        let row: PositionRow<'_> = wire::object(row)?;
        if wire::word(&row.inst_type) == "MARGIN" {
            return Ok(None);
        }
        let position = row.read()?;
        let ix = self.table.intern(&wire::required(&row.inst_id, "instId")?)?;
        let id = wire::required(&row.pos_id, "posId")?.into_owned();
        Ok(Some(Held { id, ix, at: wire::millis(&row.u_time, "uTime")?, position }))
    }

    /// A position of the socket.
    fn position(&mut self, row: &str, out: &mut dyn Out) -> Result<(), WireError> {
        let Some(news) = self.held(row)? else {
            out.note(Note::Unused("pair on margin"));
            return Ok(());
        };
        if self.positions.iter().any(|known| known.id == news.id && news.at < known.at) {
            out.note(Note::Superseded);
            return Ok(());
        }
        self.positions.retain(|known| known.id != news.id);
        let (ix, leg, at) = (news.ix, news.position.leg, news.at);
        if !news.position.size.is_zero() && self.positions.len() < OWN_KEPT {
            self.positions.push(news);
        }
        let position = self.sum(ix, leg);
        out.event(Event { symbol: self.table.symbol(ix), ts_venue: at, body: Body::Position(&position) });
        Ok(())
    }

    /// What is held of one instrument and leg.
    fn sum(&self, ix: u32, leg: Leg) -> Position {
        let mut mine = self.positions.iter().filter(|h| h.ix == ix && h.position.leg == leg);
        let Some(first) = mine.next() else { return Position { leg, ..Position::default() } };
        let add = |a: Option<_>, b: Option<_>| {
            a.zip(b).map(|(a, b): (rust_decimal::Decimal, _)| a.saturating_add(b))
        };
        mine.fold(first.position.clone(), |all, Held { position: p, .. }| Position {
            leg,
            size: all.size.saturating_add(p.size),
            mark: all.mark,
            upnl: add(all.upnl, p.upnl),
            maintenance: add(all.maintenance, p.maintenance),
            ..Position::default()
        })
    }

    /// All positions there are. Nothing is closed when a row cannot be read.
    fn all_positions(&mut self, rows: &str, out: &mut dyn Out) -> Result<(), WireError> {
        let mut found: Vec<Held> = Vec::new();
        wire::each_row(rows, |row| {
            let Some(told) = self.held(row)? else { return Ok(()) };
            let known = self.positions.iter().find(|known| known.id == told.id && told.at < known.at);
            found.push(known.cloned().unwrap_or(told));
            Ok(())
        })?;
        found.retain(|held| !held.position.size.is_zero());
        found.truncate(OWN_KEPT);
        self.positions = found;
        whole(Holding::Positions, out);
        let mut told: Vec<(u32, Leg)> = Vec::new();
        for held in &self.positions {
            let place = (held.ix, held.position.leg);
            if !told.contains(&place) {
                told.push(place);
                let position = self.sum(held.ix, held.position.leg);
                let symbol = self.table.symbol(held.ix);
                out.event(Event { symbol, ts_venue: held.at, body: Body::Position(&position) });
            }
        }
        Ok(())
    }

    /// One order: told, and kept while it is open. Returns its id.
    fn order(&mut self, row: &str, is_algo: bool, out: &mut dyn Out) -> Result<String, WireError> {
        let row: OrderRow<'_> = wire::object(row)?;
        let id = if is_algo { &row.algo_id } else { &row.ord_id };
        let id = wire::required(id, "ordId")?.into_owned();
        if matches!(&*wire::word(&row.inst_type), "SPOT" | "MARGIN" | "EVENTS") {
            out.note(Note::Unused("order of another market"));
            return Ok(id);
        }
        let order = row.read(is_algo)?;
        let at = wire::millis(&row.u_time, "uTime")?;
        if self.orders.iter().any(|known| known.id == id && at < known.at) {
            out.note(Note::Superseded);
            return Ok(id);
        }
        let ix = self.table.intern(&wire::required(&row.inst_id, "instId")?)?;
        self.tell(ix, at, &id, &order, out);
        self.orders.retain(|known| known.id != id);
        if !order.state.is_final() && self.orders.len() < OWN_KEPT {
            let algo = is_algo.then(|| wire::word(&row.ord_type).into_owned());
            self.orders.push(Resting { id: id.clone(), algo, ix, at, order });
        }
        Ok(id)
    }

    fn tell(&self, ix: u32, at: Option<Nanos>, id: &str, order: &Order<'_>, out: &mut dyn Out) {
        let order = Order { id, ..order.clone() };
        out.event(Event { symbol: self.table.symbol(ix), ts_venue: at, body: Body::Order(&order) });
    }

    /// A page of open orders; `kinds` names those of conditional ones.
    fn pending(
        &mut self,
        url: &str,
        rows: &str,
        kinds: Option<&str>,
        out: &mut dyn Out,
    ) -> Result<(), WireError> {
        let mut ids = Vec::new();
        wire::each_row(rows, |row| {
            ids.push(self.order(row, kinds.is_some(), out)?);
            Ok(())
        })?;
        if let (true, Some(last)) = (ids.len() >= PAGE, ids.last()) {
            let path = match kinds {
                Some(kinds) => format!("{ALGOS}?ordType={kinds}&after={last}"),
                None => format!("{PENDING}?after={last}"),
            };
            out.command(Command::Rest(RestRequest::get(path)));
            return Ok(());
        }
        if !parameter(url, "after").is_empty() {
            return Ok(()); // one page of several proves no order gone
        }
        let is_meant = |o: &&Resting| match (&o.algo, kinds) {
            (Some(kind), Some(kinds)) => kinds.split(',').any(|k| k == kind),
            (None, None) => true,
            _ => false,
        };
        for gone in self.orders.iter().filter(is_meant).filter(|o| !ids.contains(&o.id)).take(GONE_MAX) {
            let (symbol, id) = (self.table.symbol(gone.ix).text, &gone.id);
            let path = match &gone.algo {
                Some(_) => format!("{ALGO}?algoId={id}"),
                None => format!("{ORDER}?instId={symbol}&ordId={id}"),
            };
            out.command(Command::Rest(RestRequest::get(path)));
        }
        if kinds.is_none() {
            whole(Holding::Orders, out);
            for o in &self.orders {
                self.tell(o.ix, o.at, &o.id, &o.order, out);
            }
        }
        Ok(())
    }

    /// An order that the venue no longer knows: told as taken back, with what was known of it.
    fn forget(&mut self, id: &str, out: &mut dyn Out) {
        if let Some(at) = self.orders.iter().position(|o| o.id == id) {
            let gone = self.orders.swap_remove(at);
            let order = Order { state: OrderState::Cancelled, ..gone.order };
            self.tell(gone.ix, None, &gone.id, &order, out);
        }
    }

    fn answer(&mut self, answer: &RestAnswer<'_>, out: &mut dyn Out) -> Result<(), WireError> {
        let frame: Frame<'_> = wire::object(wire::guarded(answer.body)?)?;
        let path = answer.url.split_once('?').map_or(answer.url, |(path, _)| path);
        if answer.status != 200 || wire::word(&frame.code) != "0" {
            if wire::word(&frame.code) == ORDER_UNKNOWN {
                let name = if path.ends_with(ALGO) { "algoId" } else { "ordId" };
                self.forget(parameter(answer.url, name), out);
                return Ok(());
            }
            out.note(Note::Refused(&wire::word(&frame.msg)));
            return Ok(());
        }
        let data = wire::json(&frame.data, "data")?;
        let is = |known: &str| path.ends_with(known);
        if is(POSITIONS) {
            self.all_positions(data, out)
        } else if is(BALANCE) {
            wire::each_row(data, |row| account(row, true, out))
        } else if is(PENDING) {
            self.pending(answer.url, data, None, out)
        } else if is(ALGOS) {
            self.pending(answer.url, data, Some(&parameter(answer.url, "ordType").replace("%2C", ",")), out)
        } else if is(ORDER) || is(ALGO) {
            wire::each_row(data, |row| self.order(row, is(ALGO), out).map(|_| ()))
        } else {
            out.note(Note::Unused("REST answer"));
            Ok(())
        }
    }
}

impl Decoder for OwnDecoder {
    fn frame(&mut self, _conn: ConnIx, bytes: &[u8], out: &mut dyn Out) {
        noted(self.message(bytes, out), out);
    }

    fn rest(&mut self, answer: &RestAnswer<'_>, out: &mut dyn Out) {
        noted(self.answer(answer, out), out);
    }

    /// What was missed is asked for at once.
    fn control(&mut self, _conn: ConnIx, control: &Control, out: &mut dyn Out) {
        if matches!(control, Control::Opened { .. } | Control::Overrun { .. }) {
            requests().into_iter().for_each(|request| out.command(Command::Rest(request)));
        }
    }

    fn resync(&mut self, _symbol: u32, _out: &mut dyn Out) {}

    fn symbols(&self) -> &Symbols {
        self.table.symbols()
    }
}

fn event(at: Option<Nanos>, body: Body<'_>) -> Event<'_> {
    Event { symbol: Symbol::NONE, ts_venue: at, body }
}

fn whole(holding: Holding, out: &mut dyn Out) {
    out.event(event(None, Body::Whole(holding)));
}

/// Balances and margin; `is_list` when no other currency is there. Margin is told for the account in
/// dollars, or for each currency where currencies stand alone.
fn account(row: &str, is_list: bool, out: &mut dyn Out) -> Result<(), WireError> {
    let row: AccountRow<'_> = wire::object(row)?;
    let at = wire::millis(&row.u_time, "uTime")?;
    let (imr, mmr) = (wire::amount(&row.imr, "imr")?, wire::amount(&row.mmr, "mmr")?);
    if is_list {
        wire::each_row(row.details(), |coin| wire::object::<CoinRow<'_>>(coin)?.read("").map(|_| ()))?;
        whole(Holding::Balances, out);
    }
    let is_pooled = mmr.is_some();
    let read = wire::each_row(row.details(), |coin| {
        let coin: CoinRow<'_> = wire::object(coin)?;
        let asset = wire::required(&coin.ccy, "ccy")?;
        let at = wire::millis(&coin.u_time, "uTime")?.or(at);
        out.event(event(at, Body::Balance(&coin.read(&asset)?)));
        let margin = Margin {
            pool: &asset,
            currency: &asset,
            equity: wire::figure(&coin.eq, "eq")?,
            initial: wire::amount(&coin.imr, "imr")?,
            maintenance: wire::amount(&coin.mmr, "mmr")?,
        };
        if !is_pooled && margin.maintenance.is_some() {
            out.event(event(at, Body::Margin(&margin)));
        }
        Ok(())
    });
    if is_pooled {
        let equity = match wire::figure(&row.adj_eq, "adjEq")? {
            Some(equity) => Some(equity),
            None => wire::figure(&row.total_eq, "totalEq")?,
        };
        let margin = Margin { pool: "unified", currency: "USD", equity, initial: imr, maintenance: mmr };
        out.event(event(at, Body::Margin(&margin)));
    }
    read
}
