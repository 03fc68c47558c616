//! What the user socket and private requests of Binance futures bring.
//!
//! The socket tells size, entry, profit and collateral of a position; marks, leverage, liquidation price
//! and margin come over REST and stand while the size stays. Resting orders come in two lists, plain and
//! conditional. A socket that was away has missed changes: everything is asked for anew.

use rust_decimal::Decimal;
use serde::Deserialize;

use super::Pool;
use super::account::requests;
use super::orders::{self, AlgoListed, AlgoTold, Listed, Told, is_true};
use super::positions::{News, Row};
use crate::dialect::lists::Lists;
use crate::dialect::wire::{self, Field};
use crate::dialect::{Decoder, Note, Out, Symbols, Table, WireError, noted};
use crate::model::account::{Balance, Holding, Leg, Margin, Order, Position};
use crate::model::entry::{ConnIx, Control, RestAnswer};
use crate::model::event::{Body, Event, Symbol};
use crate::model::time::Nanos;
use crate::model::venue::{Command, VenueSpec};

/// The lists of orders.
const PLAIN: u8 = 0;
const CONDITIONAL: u8 = 1;

/// The state of one account on one tape.
pub(super) struct OwnDecoder {
    pool: Pool,
    table: Table<()>,
    positions: Lists<(u32, Leg), Position>,
    orders: Lists<String, (u32, Order<'static>)>,
    /// All assets together are the margin, not each for its own contracts.
    is_multi: bool,
}

#[derive(Deserialize)]
#[expect(non_snake_case, reason = "the venue's own names; upper and lower case differ in meaning")]
struct Frame<'a> {
    #[serde(borrow)]
    e: Field<'a>,
    #[serde(borrow)]
    E: Field<'a>,
    #[serde(borrow)]
    a: Field<'a>,
    #[serde(borrow)]
    o: Field<'a>,
    #[serde(borrow)]
    p: Field<'a>,
    #[serde(borrow)]
    ac: Option<Chosen<'a>>,
    #[serde(borrow)]
    ai: Option<Mode<'a>>,
}

/// Leverage that the operator has chosen.
#[derive(Deserialize)]
struct Chosen<'a> {
    #[serde(borrow)]
    s: Field<'a>,
    #[serde(borrow)]
    l: Field<'a>,
}

#[derive(Deserialize)]
struct Mode<'a> {
    #[serde(borrow)]
    j: Field<'a>,
}

#[derive(Deserialize)]
#[expect(non_snake_case, reason = "the venue's own names")]
struct Update<'a> {
    #[serde(borrow)]
    B: Field<'a>,
    #[serde(borrow)]
    P: Field<'a>,
}

#[derive(Deserialize)]
struct Wallet<'a> {
    #[serde(borrow)]
    a: Field<'a>,
    #[serde(borrow)]
    wb: Field<'a>,
}

/// An answer that is an object.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    #[serde(borrow)]
    assets: Field<'a>,
    #[serde(borrow)]
    positions: Field<'a>,
    #[serde(borrow)]
    multi_assets_margin: Field<'a>,
    #[serde(borrow)]
    total_margin_balance: Field<'a>,
    #[serde(borrow)]
    total_initial_margin: Field<'a>,
    #[serde(borrow)]
    total_maint_margin: Field<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Asset<'a> {
    #[serde(borrow)]
    asset: Field<'a>,
    #[serde(borrow)]
    wallet_balance: Field<'a>,
    #[serde(borrow)]
    balance: Field<'a>,
    #[serde(borrow)]
    available_balance: Field<'a>,
    #[serde(borrow)]
    margin_balance: Field<'a>,
    #[serde(borrow)]
    initial_margin: Field<'a>,
    #[serde(borrow)]
    maint_margin: Field<'a>,
}

impl OwnDecoder {
    pub(super) fn new(venue: &VenueSpec) -> Self {
        let pool = Pool::of(venue);
        OwnDecoder {
            pool,
            table: Table::new(venue),
            positions: Lists::of(1),
            orders: Lists::of(if pool == Pool::UsdM { 2 } else { 1 }),
            is_multi: false,
        }
    }

    fn message(&mut self, bytes: &[u8], out: &mut dyn Out) -> Result<(), WireError> {
        let frame: Frame<'_> = wire::object(wire::guarded(bytes)?)?;
        let at = wire::millis(&frame.E, "E")?;
        match &*wire::word(&frame.e) {
            "ACCOUNT_UPDATE" => self.update(wire::json(&frame.a, "a")?, at, out),
            "ORDER_TRADE_UPDATE" => {
                let row: Told<'_> = wire::object(wire::json(&frame.o, "o")?)?;
                let (id, order) = orders::told(&row)?;
                self.order(PLAIN, &row.s, id, order, at, out)
            }
            "ALGO_UPDATE" => {
                let row: AlgoTold<'_> = wire::object(wire::json(&frame.o, "o")?)?;
                let (id, order) = orders::algo_told(&row)?;
                self.order(CONDITIONAL, &row.s, id, order, at, out)
            }
            "MARGIN_CALL" => wire::each_row(wire::json(&frame.p, "p")?, |row| {
                let news = wire::object::<Row<'_>>(row)?.called()?;
                self.position(&news, at, out)
            }),
            "ACCOUNT_CONFIG_UPDATE" => self.chosen(&frame, at, out),
            "TRADE_LITE" => {
                out.note(Note::Unused("TRADE_LITE")); // ORDER_TRADE_UPDATE tells the same fill
                Ok(())
            }
            other @ ("listenKeyExpired"
            | "STRATEGY_UPDATE"
            | "GRID_UPDATE"
            | "CONDITIONAL_ORDER_TRIGGER_REJECT") => {
                out.note(Note::Unused(other));
                Ok(())
            }
            other => {
                out.note(Note::Unknown(other));
                Ok(())
            }
        }
    }

    /// Balances and positions that changed.
    fn update(&mut self, json: &str, at: Option<Nanos>, out: &mut dyn Out) -> Result<(), WireError> {
        let update: Update<'_> = wire::object(json)?;
        let read = wire::each_row(wire::list(&update.B), |row| {
            let row: Wallet<'_> = wire::object(row)?;
            let asset = wire::required(&row.a, "a")?;
            let total = wire::figure(&row.wb, "wb")?.ok_or(WireError::Missing("wb"))?;
            out.event(own(at, Body::Balance(&balance(&asset, total, None))));
            Ok(())
        });
        read.and(wire::each_row(wire::list(&update.P), |row| {
            let news = wire::object::<Row<'_>>(row)?.told()?;
            self.position(&news, at, out)
        }))
    }

    /// A position that changed; what is not told stands while the size stays.
    fn position(&mut self, news: &News, at: Option<Nanos>, out: &mut dyn Out) -> Result<(), WireError> {
        let symbol = self.table.intern(&news.symbol)?;
        let key = (symbol, news.leg);
        let position = news.over(self.positions.get(&key));
        out.event(Event { symbol: self.table.symbol(symbol), ts_venue: at, body: Body::Position(&position) });
        if position.size.is_zero() {
            self.positions.remove(0, key);
        } else {
            self.positions.tell(0, key, position);
        }
        Ok(())
    }

    fn chosen(&mut self, frame: &Frame<'_>, at: Option<Nanos>, out: &mut dyn Out) -> Result<(), WireError> {
        if let Some(mode) = &frame.ai {
            self.is_multi = is_true(&mode.j);
        }
        let Some(chosen) = &frame.ac else { return Ok(()) };
        let symbol = self.table.intern(&wire::required(&chosen.s, "s")?)?;
        let leverage = wire::slow_price(&chosen.l, "l")?;
        for leg in [Leg::Net, Leg::Long, Leg::Short] {
            let Some(mut position) = self.positions.get(&(symbol, leg)).cloned() else { continue };
            position.leverage = leverage;
            let body = Body::Position(&position);
            out.event(Event { symbol: self.table.symbol(symbol), ts_venue: at, body });
            self.positions.tell(0, (symbol, leg), position);
        }
        Ok(())
    }

    fn order(
        &mut self,
        list: u8,
        symbol: &Field<'_>,
        id: String,
        order: Order<'static>,
        at: Option<Nanos>,
        out: &mut dyn Out,
    ) -> Result<(), WireError> {
        let symbol = self.table.intern(&wire::required(symbol, "symbol")?)?;
        let body = Order { id: &id, ..order.clone() };
        out.event(Event { symbol: self.table.symbol(symbol), ts_venue: at, body: Body::Order(&body) });
        if order.state.is_final() {
            self.orders.remove(list, id);
        } else {
            self.orders.tell(list, id, (symbol, order));
        }
        Ok(())
    }

    fn answer(&mut self, answer: &RestAnswer<'_>, out: &mut dyn Out) -> Result<(), WireError> {
        let json = wire::guarded(answer.body)?.trim();
        if !(200..300).contains(&answer.status) {
            out.note(Note::Refused(json.get(..json.len().min(200)).unwrap_or_default()));
            return Ok(());
        }
        let path = answer.url.split('?').next().unwrap_or_default();
        match path.rsplit('/').next().unwrap_or_default() {
            "positionRisk" => self.all_positions(json, out),
            "account" => self.account(json, out),
            "balance" => {
                let rows = assets(json)?;
                out.event(own(None, Body::Whole(Holding::Balances)));
                rows.iter().for_each(|row| out.event(own(None, Body::Balance(&row.balance()))));
                Ok(())
            }
            "openOrders" => self.all_orders(json, PLAIN, out),
            "openAlgoOrders" => self.all_orders(json, CONDITIONAL, out),
            "multiAssetsMargin" => {
                self.is_multi = is_true(&wire::object::<Answer<'_>>(json)?.multi_assets_margin);
                Ok(())
            }
            other => {
                out.note(Note::Unused(other));
                Ok(())
            }
        }
    }

    /// All positions there are, among rows of every contract. Nothing is said when one cannot be read:
    /// an unreadable position is not a closed one.
    fn all_positions(&mut self, json: &str, out: &mut dyn Out) -> Result<(), WireError> {
        let mut rows = Vec::new();
        wire::each_row(json, |row| {
            rows.extend(Some(wire::object::<Row<'_>>(row)?.listed()?).filter(|news| !news.size.is_zero()));
            Ok(())
        })?;
        let mut fresh = Vec::with_capacity(rows.len());
        for news in rows {
            let key = (self.table.intern(&news.symbol)?, news.leg);
            fresh.push((key, news.over(self.positions.get(&key))));
        }
        self.positions.begin(0);
        for (key, position) in fresh {
            self.positions.list(0, key, position, |known, listed| known.size != listed.size);
        }
        self.positions.end(0);
        out.event(own(None, Body::Whole(Holding::Positions)));
        for ((symbol, _), position) in self.positions.iter() {
            let symbol = self.table.symbol(*symbol);
            out.event(Event { symbol, ts_venue: None, body: Body::Position(position) });
        }
        Ok(())
    }

    fn all_orders(&mut self, json: &str, list: u8, out: &mut dyn Out) -> Result<(), WireError> {
        let mut rows = Vec::new();
        wire::each_row(json, |row| {
            let (symbol, (id, order)) = if list == PLAIN {
                let row: Listed<'_> = wire::object(row)?;
                (self.table.intern(&wire::required(&row.symbol, "symbol")?)?, orders::listed(&row)?)
            } else {
                let row: AlgoListed<'_> = wire::object(row)?;
                (self.table.intern(&wire::required(&row.symbol, "symbol")?)?, orders::algo_listed(&row)?)
            };
            rows.push((symbol, id, order));
            Ok(())
        })?;
        self.orders.begin(list);
        rows.retain(|(.., order)| !order.state.is_final());
        for (symbol, id, order) in &rows {
            let row = (*symbol, order.clone());
            self.orders.list(list, id.clone(), row, |known, listed| known.1.filled > listed.1.filled);
        }
        let is_all = self.orders.end(list);
        if is_all {
            out.event(own(None, Body::Whole(Holding::Orders)));
        }
        let mut say = |symbol: u32, id: &str, order: &Order<'_>| {
            let order = Order { id, ..order.clone() };
            let symbol = self.table.symbol(symbol);
            out.event(Event { symbol, ts_venue: None, body: Body::Order(&order) });
        };
        if is_all {
            self.orders.iter().for_each(|(id, (symbol, order))| say(*symbol, id, order));
        } else {
            rows.iter().for_each(|(symbol, id, order)| say(*symbol, id, order));
        }
        Ok(())
    }

    /// Balances, margin, and the maintenance margin of positions.
    fn account(&mut self, json: &str, out: &mut dyn Out) -> Result<(), WireError> {
        let answer: Answer<'_> = wire::object(json)?;
        if answer.multi_assets_margin.is_some() {
            self.is_multi = is_true(&answer.multi_assets_margin);
        }
        let rows = assets(answer.assets.as_ref().ok_or(WireError::Missing("assets"))?.json())?;
        out.event(own(None, Body::Whole(Holding::Balances)));
        for row in &rows {
            out.event(own(None, Body::Balance(&row.balance())));
            if !self.is_multi {
                out.event(own(None, Body::Margin(&row.margin())));
            }
        }
        if self.is_multi {
            let margin = Margin {
                pool: "multi-assets",
                currency: "USD",
                equity: wire::figure(&answer.total_margin_balance, "totalMarginBalance")?,
                initial: wire::amount(&answer.total_initial_margin, "totalInitialMargin")?,
                maintenance: wire::amount(&answer.total_maint_margin, "totalMaintMargin")?,
            };
            out.event(own(None, Body::Margin(&margin)));
        }
        wire::each_row(wire::list(&answer.positions), |row| {
            let news = wire::object::<Row<'_>>(row)?.margined()?;
            let key = (self.table.intern(&news.symbol)?, news.leg);
            let same = self.positions.get(&key).filter(|known| known.size == news.size);
            let Some(position) = same.map(|known| news.over(Some(known))) else {
                return Ok(()); // changed since: the next answer fits
            };
            let body = Body::Position(&position);
            out.event(Event { symbol: self.table.symbol(key.0), ts_venue: None, body });
            self.positions.list(0, key, position, |_, _| false);
            Ok(())
        })
    }

    fn ask_all(&self, out: &mut dyn Out) {
        requests(self.pool).into_iter().for_each(|(request, _)| out.command(Command::Rest(request)));
    }
}

impl Decoder for OwnDecoder {
    fn frame(&mut self, _conn: ConnIx, bytes: &[u8], out: &mut dyn Out) {
        noted(self.message(bytes, out), out);
    }

    fn rest(&mut self, answer: &RestAnswer<'_>, out: &mut dyn Out) {
        noted(self.answer(answer, out), out);
    }

    fn control(&mut self, _conn: ConnIx, control: &Control, out: &mut dyn Out) {
        if matches!(control, Control::Opened { .. } | Control::Overrun { .. }) {
            self.ask_all(out);
        }
    }

    fn resync(&mut self, _symbol: u32, _out: &mut dyn Out) {}

    fn symbols(&self) -> &Symbols {
        self.table.symbols()
    }
}

/// An event of the account as a whole.
fn own(ts_venue: Option<Nanos>, body: Body<'_>) -> Event<'_> {
    Event { symbol: Symbol::NONE, ts_venue, body }
}

fn balance(asset: &str, total: Decimal, available: Option<Decimal>) -> Balance<'_> {
    let borrowed = None;
    Balance { asset, total, available, borrowed, haircut: None, collateral_price: None }
}

/// Money of one asset and its margin in single-asset mode.
struct Money {
    asset: String,
    total: Decimal,
    available: Option<Decimal>,
    equity: Option<Decimal>,
    initial: Option<Decimal>,
    maintenance: Option<Decimal>,
}

impl Money {
    fn balance(&self) -> Balance<'_> {
        balance(&self.asset, self.total, self.available)
    }

    fn margin(&self) -> Margin<'_> {
        Margin {
            pool: &self.asset,
            currency: &self.asset,
            equity: self.equity,
            initial: self.initial,
            maintenance: self.maintenance,
        }
    }
}

/// Rows with anything in them. Assets never used have empty texts for figures.
fn assets(json: &str) -> Result<Vec<Money>, WireError> {
    let mut rows = Vec::new();
    wire::each_row(json, |row| {
        let row: Asset<'_> = wire::object(row)?;
        let total = match wire::figure(&row.wallet_balance, "walletBalance")? {
            Some(total) => Some(total),
            None => wire::figure(&row.balance, "balance")?,
        };
        let equity = wire::figure(&row.margin_balance, "marginBalance")?;
        let Some(total) = total.filter(|t| !t.is_zero() || equity.is_some_and(|e| !e.is_zero())) else {
            return Ok(());
        };
        rows.push(Money {
            asset: wire::required(&row.asset, "asset")?.into_owned(),
            total,
            available: wire::figure(&row.available_balance, "availableBalance")?,
            equity,
            initial: wire::amount(&row.initial_margin, "initialMargin")?,
            maintenance: wire::amount(&row.maint_margin, "maintMargin")?,
        });
        Ok(())
    })?;
    Ok(rows)
}
