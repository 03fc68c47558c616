//! Own accounts: what the private socket and signed requests bring.
//!
//! The venue tells by product what the account has as a whole. Positions are listed whole each time and a
//! closed one is simply absent; open orders are listed whole over REST; balances come one by one. So the
//! last list of each product is kept: what is gone from it is closed, and once every product was listed,
//! each list is handed on as the whole of the account.
//!
//! An answer that was written before the newest push is left out. An order that is gone from the list has ended while a push was lost, or was made after the list was
//! written: it is asked for by its id.

use rust_decimal::Decimal;
use serde::Deserialize;

use super::decode::opened;
use super::messages::Answer;
use super::own_rows::{AccountRow, OrderRow, PositionRow, Purse, RankRow};
use super::product::Product;
use super::rest::{escaped, parameter};
use crate::dialect::wire::{self, Field, Raw};
use crate::dialect::{Decoder, Note, Out, Symbols, Table, WireError, noted};
use crate::model::account::{Balance, Holding, Margin, Order, OrderState, Position};
use crate::model::entry::{ConnIx, Control, RestAnswer};
use crate::model::event::{Body, Event, Symbol};
use crate::model::time::Nanos;
use crate::model::venue::{Command, RestRequest, VenueSpec};

/// Positions, orders and balances kept, each. What is beyond is told once and not missed later.
const OWN_ROWS_KEPT: usize = 4_096;

/// A list that names more rows than are kept is no list of an account.
const fn within(rows: usize) -> Result<(), WireError> {
    if rows < OWN_ROWS_KEPT { Ok(()) } else { Err(WireError::TooMany("rows")) }
}

/// Orders on one page of the list.
const PAGE: usize = 100;
/// Topics that are known and not needed.
const UNUSED: &[&str] = &["fill", "orders-algo", "positions-history", "adl-noti", "equity"];
const POSITIONS: &str = "/api/v2/mix/position/all-position";
const RANKS: &str = "/api/v2/mix/position/adlRank";
const ORDERS: &str = "/api/v2/mix/order/orders-pending";
const ORDER: &str = "/api/v2/mix/order/detail";
const ACCOUNTS: &str = "/api/v2/mix/account/accounts";
/// The venue's words for an order that it no longer knows.
const ORDER_UNKNOWN: &str = "40109";

/// The state of one account on one tape.
pub(super) struct OwnDecoder {
    table: Table<Option<Product>>,
    positions: Vec<Held>,
    orders: Vec<Resting>,
    purses: Vec<Purse>,
    /// Ranks in the queue of auto-deleveraging: product, symbol, whether of the long.
    ranks: Vec<(Product, u32, bool, u8)>,
    /// Products whose positions, orders, balances were listed.
    listed: [Vec<Product>; 3],
    /// When each was last pushed.
    pushed: Vec<(Holding, Product, Nanos)>,
}

/// A position as last told.
struct Held {
    product: Product,
    ix: u32,
    at: Option<Nanos>,
    position: Position,
}

/// An open order as last told.
struct Resting {
    product: Product,
    ix: u32,
    at: Option<Nanos>,
    id: String,
    order: Order<'static>,
}

impl OwnDecoder {
    pub(super) fn new(venue: &VenueSpec) -> Self {
        OwnDecoder {
            table: Table::new(venue),
            positions: Vec::new(),
            orders: Vec::new(),
            purses: Vec::new(),
            ranks: Vec::new(),
            listed: [const { Vec::new() }; 3],
            pushed: Vec::new(),
        }
    }

    /// The index of a symbol; a name that another product uses is refused.
    fn place(&mut self, product: Product, symbol: &Field<'_>) -> Result<u32, WireError> {
        let ix = self.table.intern(&wire::required(symbol, "symbol")?)?;
        match self.table.state_mut(ix) {
            Some(known) if known.is_none_or(|p| p == product) => {
                *known = Some(product);
                Ok(ix)
            }
            _ => Err(WireError::Word("instType")),
        }
    }

    /// Notes that all of a product was listed; true when every product was.
    fn is_whole(&mut self, holding: Holding, product: Product) -> bool {
        let Some(listed) = self.listed.get_mut(holding as usize) else { return false };
        if !listed.contains(&product) {
            listed.push(product);
        }
        listed.len() == Product::ALL.len()
    }

    /// A push came.
    fn push(&mut self, holding: Holding, product: Product, sent: Option<Nanos>) {
        self.pushed.retain(|(h, p, _)| (*h, *p) != (holding, product));
        self.pushed.extend(sent.map(|at| (holding, product, at)));
    }

    /// True when a push is newer than an answer that was written at `sent`.
    fn is_overtaken(&self, holding: Holding, product: Product, sent: Option<Nanos>) -> bool {
        self.pushed.iter().any(|(h, p, at)| (*h, *p) == (holding, product) && sent.is_some_and(|s| s < *at))
    }

    /// All open positions of a product.
    fn positions(
        &mut self,
        product: Product,
        rows: &str,
        sent: Option<Nanos>,
        out: &mut dyn Out,
    ) -> Result<(), WireError> {
        let mut found: Vec<Held> = Vec::new();
        let read = wire::each_row(rows, |row| {
            within(found.len())?;
            let row: PositionRow<'_> = wire::object(row)?;
            let ix = self.place(product, &row.symbol)?;
            let position = row.read(product)?;
            let position = Position { adl_rank: self.rank(ix, &position), ..position };
            let at = wire::millis(&row.u_time, "uTime")?.or(sent);
            found.push(Held { product, ix, at, position });
            Ok(())
        });
        if read.is_err() {
            // Which one could not be read is not known: those that were are told, none is closed.
            found.iter().for_each(|held| self.tell_position(held, out));
            return read;
        }
        let is = |a: &Held, b: &Held| a.ix == b.ix && a.position.leg == b.position.leg;
        let (mine, others): (Vec<Held>, Vec<Held>) =
            std::mem::take(&mut self.positions).into_iter().partition(|held| held.product == product);
        for gone in mine.iter().filter(|held| !found.iter().any(|new| is(held, new))) {
            let closed = Position { leg: gone.position.leg, ..Position::default() };
            self.tell_position(&Held { at: sent, position: closed, ..*gone }, out);
        }
        self.positions = others;
        let from = self.positions.len();
        self.positions.extend(found);
        if self.is_whole(Holding::Positions, product) {
            whole(Holding::Positions, out);
            self.positions.iter().for_each(|held| self.tell_position(held, out));
        } else {
            self.positions.iter().skip(from).for_each(|held| self.tell_position(held, out));
        }
        self.positions.truncate(OWN_ROWS_KEPT);
        Ok(())
    }

    fn rank(&self, ix: u32, position: &Position) -> Option<u8> {
        let is_long = position.size.is_sign_positive();
        self.ranks.iter().find(|(_, i, long, _)| (*i, *long) == (ix, is_long)).map(|(.., rank)| *rank)
    }

    /// The ranks of all positions of a product: positions whose rank changed are told again.
    fn ranks(&mut self, product: Product, rows: &str, out: &mut dyn Out) -> Result<(), WireError> {
        self.ranks.retain(|(p, ..)| *p != product);
        let read = wire::each_row(rows, |row| {
            let row: RankRow<'_> = wire::object(row)?;
            let (is_long, rank) = row.read()?;
            let ix = self.place(product, &row.symbol)?;
            if self.ranks.len() < OWN_ROWS_KEPT {
                self.ranks.push((product, ix, is_long, rank));
            }
            Ok(())
        });
        for at in 0..self.positions.len() {
            let Some(held) = self.positions.get(at).filter(|held| held.product == product) else { continue };
            let rank = self.rank(held.ix, &held.position);
            if rank != held.position.adl_rank
                && let Some(held) = self.positions.get_mut(at)
            {
                held.position.adl_rank = rank;
                self.positions.get(at).into_iter().for_each(|held| self.tell_position(held, out));
            }
        }
        read
    }

    fn tell_position(&self, held: &Held, out: &mut dyn Out) {
        let body = Body::Position(&held.position);
        out.event(Event { symbol: self.table.symbol(held.ix), ts_venue: held.at, body });
    }

    /// One order: told, and kept while it is open.
    fn order(
        &mut self,
        product: Product,
        row: &str,
        sent: Option<Nanos>,
        out: &mut dyn Out,
    ) -> Result<String, WireError> {
        let row: OrderRow<'_> = wire::object(row)?;
        let id = wire::required(&row.order_id, "orderId")?.into_owned();
        let order = row.read(product)?;
        let ix = self.place(product, &row.symbol)?;
        let at = wire::millis(&row.u_time, "uTime")?.or(sent);
        self.tell_order(ix, at, &id, &order, out);
        self.orders.retain(|known| known.id != id);
        if !order.state.is_final() && self.orders.len() < OWN_ROWS_KEPT {
            self.orders.push(Resting { product, ix, at, id: id.clone(), order });
        }
        Ok(id)
    }

    fn tell_order(&self, ix: u32, at: Option<Nanos>, id: &str, order: &Order<'_>, out: &mut dyn Out) {
        let order = Order { id, ..order.clone() };
        out.event(Event { symbol: self.table.symbol(ix), ts_venue: at, body: Body::Order(&order) });
    }

    /// A page of the open orders of a product.
    fn pending(
        &mut self,
        product: Product,
        data: &str,
        url: &str,
        sent: Option<Nanos>,
        out: &mut dyn Out,
    ) -> Result<(), WireError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Page<'a> {
            #[serde(borrow)]
            entrusted_list: Field<'a>,
            #[serde(borrow)]
            end_id: Field<'a>,
        }
        let page: Page<'_> = wire::object(data)?;
        let rows = page.entrusted_list.as_ref().map_or("[]", Raw::json);
        let rows = if rows == "null" { "[]" } else { rows };
        let (mut ids, mut count) = (Vec::new(), 0);
        wire::each_row(rows, |row| {
            count += 1;
            within(count)?;
            ids.push(self.order(product, row, sent, out)?);
            Ok(())
        })?;
        let last = wire::word(&page.end_id);
        if count >= PAGE && !last.is_empty() {
            let path = format!("{ORDERS}?productType={}&idLessThan={}", product.upper(), escaped(&last));
            out.command(Command::Rest(RestRequest::get(path)));
            return Ok(());
        }
        if parameter(url, "idLessThan").is_some() {
            return Ok(()); // one page of several proves no order gone
        }
        for gone in self.orders.iter().filter(|o| o.product == product && !ids.contains(&o.id)) {
            let (symbol, product) = (self.table.symbol(gone.ix).text, product.upper());
            let (symbol, id) = (escaped(symbol), escaped(&gone.id));
            let path = format!("{ORDER}?symbol={symbol}&productType={product}&orderId={id}");
            out.command(Command::Rest(RestRequest::get(path)));
        }
        if self.is_whole(Holding::Orders, product) {
            whole(Holding::Orders, out);
            for o in &self.orders {
                self.tell_order(o.ix, o.at, &o.id, &o.order, out);
            }
        }
        Ok(())
    }

    /// An order that the venue no longer knows: it is told as taken back, with what was known of it.
    fn forget(&mut self, url: &str, out: &mut dyn Out) {
        let id = parameter(url, "orderId").unwrap_or_default();
        if let Some(at) = self.orders.iter().position(|o| escaped(&o.id) == id) {
            let gone = self.orders.swap_remove(at);
            let order = Order { state: OrderState::Cancelled, ..gone.order };
            self.tell_order(gone.ix, None, &gone.id, &order, out);
        }
    }

    /// Money of a product; `is_list` when nothing else is there.
    fn accounts(
        &mut self,
        product: Product,
        rows: &str,
        sent: Option<Nanos>,
        is_list: bool,
        out: &mut dyn Out,
    ) -> Result<(), WireError> {
        let mut found: Vec<Purse> = Vec::new();
        wire::each_row(rows, |row| {
            within(found.len())?;
            found.push(wire::object::<AccountRow<'_>>(row)?.read(product)?);
            Ok(())
        })?;
        let is_new = |p: &Purse| found.iter().any(|f| f.coin == p.coin);
        self.purses.retain(|p| p.product != product || !is_list && !is_new(p));
        self.purses.extend(found.iter().cloned());
        let coins: Vec<String> = if is_list && self.is_whole(Holding::Balances, product) {
            whole(Holding::Balances, out);
            let mut coins: Vec<String> = self.purses.iter().map(|p| p.coin.clone()).collect();
            coins.sort();
            coins.dedup();
            coins
        } else {
            found.iter().map(|p| p.coin.clone()).collect()
        };
        for coin in coins {
            self.tell_coin(&coin, sent, out)?;
        }
        for purse in &found {
            tell_margin(purse, sent, out);
        }
        self.purses.truncate(OWN_ROWS_KEPT);
        Ok(())
    }

    /// A coin may be margin in several products: its balance is their sum.
    fn tell_coin(&self, coin: &str, at: Option<Nanos>, out: &mut dyn Out) -> Result<(), WireError> {
        let (mut total, mut available) = (Decimal::ZERO, Some(Decimal::ZERO));
        for purse in self.purses.iter().filter(|p| p.coin == coin) {
            total = total.checked_add(purse.total).ok_or(WireError::Number("equity"))?;
            available = available.zip(purse.available).and_then(|(a, b)| a.checked_add(b));
        }
        let balance =
            Balance { asset: coin, total, available, borrowed: None, haircut: None, collateral_price: None };
        out.event(Event { symbol: Symbol::NONE, ts_venue: at, body: Body::Balance(&balance) });
        Ok(())
    }

    fn message(&mut self, bytes: &[u8], out: &mut dyn Out) -> Result<(), WireError> {
        let Some((frame, address, product)) = opened(bytes, out)? else { return Ok(()) };
        let sent = wire::millis(&frame.ts, "ts")?;
        let holding = match address.topic.as_str() {
            "positions" => Some(Holding::Positions),
            "orders" => Some(Holding::Orders),
            "account" => Some(Holding::Balances),
            _ => None,
        };
        if let Some(holding) = holding {
            self.push(holding, product, sent);
        }
        match address.topic.as_str() {
            "positions" => self.positions(product, frame.rows()?, sent, out),
            "orders" => wire::each_row(frame.rows()?, |row| self.order(product, row, sent, out).map(|_| ())),
            "account" => self.accounts(product, frame.rows()?, sent, false, out),
            topic => {
                let known = UNUSED.contains(&topic);
                out.note(if known { Note::Unused(topic) } else { Note::Unknown(topic) });
                Ok(())
            }
        }
    }

    fn answer(&mut self, answer: &RestAnswer<'_>, out: &mut dyn Out) -> Result<(), WireError> {
        let parsed: Answer<'_> = wire::object(wire::guarded(answer.body)?)?;
        let is = |path| answer.url.contains(path);
        if answer.status != 200 || !parsed.is_granted() {
            if is(ORDER) && wire::word(&parsed.code) == ORDER_UNKNOWN {
                self.forget(answer.url, out);
                return Ok(());
            }
            out.note(Note::Refused(&wire::word(&parsed.msg)));
            return Ok(());
        }
        let data = wire::json(&parsed.data, "data")?;
        let product = parameter(answer.url, "productType").and_then(|p| Product::parse(p.as_bytes()));
        let Some(product) = product else {
            out.note(Note::Unused("REST answer"));
            return Ok(());
        };
        let sent = wire::millis(&parsed.request_time, "requestTime")?;
        let holding = if is(POSITIONS) {
            Holding::Positions
        } else if is(ORDERS) {
            Holding::Orders
        } else if is(ACCOUNTS) {
            Holding::Balances
        } else if is(RANKS) {
            return self.ranks(product, data, out);
        } else if is(ORDER) {
            return self.order(product, data, sent, out).map(|_| ());
        } else {
            out.note(Note::Unused("REST answer"));
            return Ok(());
        };
        if self.is_overtaken(holding, product, sent) {
            out.note(Note::Superseded); // the next round is newer
            return Ok(());
        }
        match holding {
            Holding::Positions => self.positions(product, data, sent, out),
            Holding::Orders => self.pending(product, data, answer.url, sent, out),
            Holding::Balances => self.accounts(product, data, sent, true, out),
        }
    }
}

fn whole(holding: Holding, out: &mut dyn Out) {
    out.event(Event { symbol: Symbol::NONE, ts_venue: None, body: Body::Whole(holding) });
}

/// Margin of a settlement currency. Coins that merely stand in for it in multi-asset mode have none.
fn tell_margin(purse: &Purse, at: Option<Nanos>, out: &mut dyn Out) {
    let settles = match purse.product {
        Product::Usdt => purse.coin == "USDT",
        Product::Usdc => purse.coin == "USDC",
        Product::Coin => true,
    };
    if settles {
        let margin = Margin {
            pool: &purse.coin,
            currency: &purse.coin,
            equity: Some(purse.equity),
            initial: None,
            maintenance: purse.maintenance,
        };
        out.event(Event { symbol: Symbol::NONE, ts_venue: at, body: Body::Margin(&margin) });
    }
}

impl Decoder for OwnDecoder {
    fn frame(&mut self, _conn: ConnIx, bytes: &[u8], out: &mut dyn Out) {
        noted(self.message(bytes, out), out);
    }

    fn rest(&mut self, answer: &RestAnswer<'_>, out: &mut dyn Out) {
        noted(self.answer(answer, out), out);
    }

    fn control(&mut self, _conn: ConnIx, _control: &Control, _out: &mut dyn Out) {}

    fn resync(&mut self, _symbol: u32, _out: &mut dyn Out) {}

    fn symbols(&self) -> &Symbols {
        self.table.symbols()
    }
}
