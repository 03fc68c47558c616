//! What the private socket and private requests of Bybit bring.
//!
//! Rows are whole on both ways. REST tells positions and orders in four lists; that these are all is
//! said once each list was heard to its end. The margin mode is one of the account, not of a position.

use rust_decimal::Decimal;
use serde::Deserialize;

use super::account::{INFO, LISTS, ORDERS, POSITIONS, WALLET, page, requests};
use super::decode::answer_of_socket;
use super::messages::{Answer, Frame, Listing};
use super::orders::OrderRow;
use super::slow::parameter;
use crate::dialect::lists::Lists;
use crate::dialect::wire::{self, Field};
use crate::dialect::{Decoder, Note, Out, Symbols, Table, WireError, noted};
use crate::model::account::{Balance, Holding, Leg, Margin, MarginMode, Order, Position};
use crate::model::entry::{ConnIx, Control, RestAnswer};
use crate::model::event::{Body, Event, Symbol};
use crate::model::time::Nanos;
use crate::model::venue::{Command, VenueSpec};

/// The state of one account on one tape.
pub(super) struct OwnDecoder {
    table: Table<()>,
    positions: Lists<(u32, Leg), Position>,
    orders: Lists<String, (u32, Order<'static>)>,
    mode: Option<MarginMode>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PositionRow<'a> {
    #[serde(borrow)]
    symbol: Field<'a>,
    #[serde(borrow)]
    position_idx: Field<'a>,
    #[serde(borrow)]
    trade_mode: Field<'a>,
    #[serde(borrow)]
    side: Field<'a>,
    #[serde(borrow)]
    size: Field<'a>,
    #[serde(borrow)]
    entry_price: Field<'a>,
    #[serde(borrow)]
    avg_price: Field<'a>,
    #[serde(borrow)]
    mark_price: Field<'a>,
    #[serde(borrow)]
    leverage: Field<'a>,
    #[serde(borrow)]
    position_balance: Field<'a>,
    #[serde(borrow, rename = "positionMM")]
    position_mm: Field<'a>,
    #[serde(borrow)]
    liq_price: Field<'a>,
    #[serde(borrow)]
    unrealised_pnl: Field<'a>,
    #[serde(borrow)]
    adl_rank_indicator: Field<'a>,
    #[serde(borrow)]
    updated_time: Field<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WalletRow<'a> {
    #[serde(borrow)]
    total_margin_balance: Field<'a>,
    #[serde(borrow)]
    total_initial_margin: Field<'a>,
    #[serde(borrow)]
    total_maintenance_margin: Field<'a>,
    #[serde(borrow)]
    coin: Field<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CoinRow<'a> {
    #[serde(borrow)]
    coin: Field<'a>,
    #[serde(borrow)]
    equity: Field<'a>,
    #[serde(borrow)]
    usd_value: Field<'a>,
    #[serde(borrow)]
    wallet_balance: Field<'a>,
    #[serde(borrow)]
    available_to_withdraw: Field<'a>,
    #[serde(borrow)]
    borrow_amount: Field<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Info<'a> {
    #[serde(borrow)]
    margin_mode: Field<'a>,
}

impl OwnDecoder {
    pub(super) fn new(venue: &VenueSpec) -> Self {
        let count = LISTS.len() as u8;
        OwnDecoder {
            table: Table::new(venue),
            positions: Lists::of(count),
            orders: Lists::of(count),
            mode: None,
        }
    }

    fn message(&mut self, bytes: &[u8], out: &mut dyn Out) -> Result<(), WireError> {
        let frame: Frame<'_> = wire::object(wire::guarded(bytes)?)?;
        let topic = wire::word(&frame.topic);
        let data = || wire::json(&frame.data, "data");
        let at = wire::millis(&frame.creation_time, "creationTime")?;
        match topic.split('.').next().unwrap_or_default() {
            "" => {
                answer_of_socket(&frame, out);
                Ok(())
            }
            "position" => wire::each_row(data()?, |row| self.position(row, at, out)),
            "order" => wire::each_row(data()?, |row| self.order(row, out)),
            "wallet" => wire::each_row(data()?, |row| money(row, at, out)),
            "execution" | "greeks" | "dcp" => {
                out.note(Note::Unused(&topic)); // orders and positions tell what fills come to
                Ok(())
            }
            _ => {
                out.note(Note::Unknown(&topic));
                Ok(())
            }
        }
    }

    /// A position of the socket. One that is new here belongs to the list it is told in next.
    fn position(&mut self, row: &str, at: Option<Nanos>, out: &mut dyn Out) -> Result<(), WireError> {
        let (name, position, updated) = self.read(row)?;
        let symbol = self.table.intern(&name)?;
        let ts_venue = updated.or(at);
        out.event(Event { symbol: self.table.symbol(symbol), ts_venue, body: Body::Position(&position) });
        let key = (symbol, position.leg);
        if position.size.is_zero() {
            self.positions.remove(list_of(&name), key);
        } else {
            self.positions.tell(list_of(&name), key, position);
        }
        Ok(())
    }

    fn read(&self, json: &str) -> Result<(String, Position, Option<Nanos>), WireError> {
        let row: PositionRow<'_> = wire::object(json)?;
        let count = wire::amount(&row.size, "size")?.ok_or(WireError::Missing("size"))?;
        let size = match &*wire::word(&row.side) {
            "Buy" => count,
            "Sell" => Decimal::ZERO.saturating_sub(count),
            _ if count.is_zero() => count, // a flat one has no side
            _ => return Err(WireError::Word("side")),
        };
        let entry = match wire::slow_price(&row.entry_price, "entryPrice")? {
            Some(price) => Some(price),
            None => wire::slow_price(&row.avg_price, "avgPrice")?,
        };
        let is_isolated = wire::integer(&row.trade_mode, "tradeMode")? == Some(1);
        let stated = if is_isolated { MarginMode::Isolated } else { MarginMode::Cross };
        let margin_mode = self.mode.unwrap_or(stated);
        let isolated = wire::amount(&row.position_balance, "positionBalance")?;
        let rank = wire::integer(&row.adl_rank_indicator, "adlRankIndicator")?;
        let position = Position {
            leg: leg(&row.position_idx)?,
            size,
            entry,
            mark: wire::slow_price(&row.mark_price, "markPrice")?,
            margin_mode,
            isolated_margin: isolated.filter(|_| margin_mode == MarginMode::Isolated),
            leverage: wire::slow_price(&row.leverage, "leverage")?,
            liquidation_price: wire::slow_price(&row.liq_price, "liqPrice")?,
            adl_rank: rank.and_then(|r| u8::try_from(r).ok()).filter(|r| *r <= 5),
            upnl: wire::figure(&row.unrealised_pnl, "unrealisedPnl")?,
            maintenance: wire::amount(&row.position_mm, "positionMM")?,
        };
        let symbol = wire::required(&row.symbol, "symbol")?.into_owned();
        Ok((symbol, position, wire::millis(&row.updated_time, "updatedTime")?))
    }

    fn order(&mut self, row: &str, out: &mut dyn Out) -> Result<(), WireError> {
        let row: OrderRow<'_> = wire::object(row)?;
        if wire::word(&row.category) == "spot" {
            out.note(Note::Unused("order of the spot market"));
            return Ok(());
        }
        let (id, order) = row.read()?;
        let name = wire::required(&row.symbol, "symbol")?;
        let symbol = self.table.intern(&name)?;
        let body = Order { id: &id, ..order.clone() };
        let ts_venue = row.at()?;
        out.event(Event { symbol: self.table.symbol(symbol), ts_venue, body: Body::Order(&body) });
        if order.state.is_final() {
            self.orders.remove(list_of(&name), id);
        } else {
            self.orders.tell(list_of(&name), id, (symbol, order));
        }
        Ok(())
    }

    fn answer(&mut self, answer: &RestAnswer<'_>, out: &mut dyn Out) -> Result<(), WireError> {
        let parsed: Answer<'_> = wire::object(wire::guarded(answer.body)?)?;
        if answer.status != 200 || wire::integer(&parsed.ret_code, "retCode")? != Some(0) {
            out.note(Note::Refused(&wire::word(&parsed.ret_msg)));
            return Ok(());
        }
        let result = parsed.result.as_ref().ok_or(WireError::Missing("result"))?.json();
        let path = answer.url.split('?').next().unwrap_or_default();
        if path.ends_with(INFO) {
            let info: Info<'_> = wire::object(result)?;
            self.mode = mode(&wire::word(&info.margin_mode));
            return Ok(());
        }
        let listing: Listing<'_> = wire::object(result)?;
        let rows = listing.list.as_ref().map_or("[]", wire::Raw::json);
        if path.ends_with(WALLET) {
            return wire::each_row(rows, |row| {
                out.event(own(None, Body::Whole(Holding::Balances)));
                money(row, None, out)
            });
        }
        let what = [POSITIONS, ORDERS].into_iter().find(|known| path.ends_with(known));
        let (Some(what), Some(list)) = (what, list_in(answer.url)) else {
            out.note(Note::Unused("REST answer"));
            return Ok(());
        };
        let cursor = wire::word(&listing.next_page_cursor);
        // An empty page has a cursor too.
        let is_last = cursor.is_empty() || rows == "[]" || parameter(answer.url, "cursor") == cursor;
        if !is_last && let Some(query) = LISTS.get(usize::from(list)) {
            out.command(Command::Rest(page(what, query, &cursor)));
        }
        let is_whole = is_last && !answer.url.contains("cursor=");
        if what == POSITIONS {
            self.page_of_positions(rows, list, is_whole, out)
        } else {
            self.page_of_orders(rows, list, is_whole, out)
        }
    }

    /// Nothing is said when a row cannot be read: an unreadable position is not a closed one.
    fn page_of_positions(
        &mut self,
        json: &str,
        list: u8,
        is_whole: bool,
        out: &mut dyn Out,
    ) -> Result<(), WireError> {
        let mut rows = Vec::new();
        wire::each_row(json, |row| {
            rows.push(self.read(row)?);
            Ok(())
        })?;
        if is_whole {
            self.positions.begin(list);
        }
        let mut fresh = Vec::with_capacity(rows.len());
        for (name, position, at) in rows.into_iter().filter(|(_, position, _)| !position.size.is_zero()) {
            let symbol = self.table.intern(&name)?;
            let key = (symbol, position.leg);
            self.positions.list(list, key, position.clone(), |known, listed| known.size != listed.size);
            fresh.push((symbol, position, at));
        }
        if is_whole && self.positions.end(list) {
            out.event(own(None, Body::Whole(Holding::Positions)));
            for ((symbol, _), position) in self.positions.iter() {
                let symbol = self.table.symbol(*symbol);
                out.event(Event { symbol, ts_venue: None, body: Body::Position(position) });
            }
            return Ok(());
        }
        for (symbol, position, ts_venue) in &fresh {
            let (symbol, ts_venue) = (self.table.symbol(*symbol), *ts_venue);
            out.event(Event { symbol, ts_venue, body: Body::Position(position) });
        }
        Ok(())
    }

    /// A row of a list that is not all there is.
    fn listed(&self, row: &str, out: &mut dyn Out) -> Result<(), WireError> {
        let row: OrderRow<'_> = wire::object(row)?;
        let (id, order) = row.read()?;
        let symbol = self.table.find(wire::required(&row.symbol, "symbol")?.as_bytes());
        let symbol = self.table.symbol(symbol.ok_or(WireError::Missing("symbol"))?);
        let order = Order { id: &id, ..order };
        out.event(Event { symbol, ts_venue: row.at()?, body: Body::Order(&order) });
        Ok(())
    }

    fn page_of_orders(
        &mut self,
        json: &str,
        list: u8,
        is_whole: bool,
        out: &mut dyn Out,
    ) -> Result<(), WireError> {
        let mut rows = Vec::new();
        wire::each_row(json, |row| {
            let row: OrderRow<'_> = wire::object(row)?;
            let (id, order) = row.read()?;
            rows.push((self.table.intern(&wire::required(&row.symbol, "symbol")?)?, id, order));
            Ok(())
        })?;
        if is_whole {
            self.orders.begin(list);
        }
        rows.retain(|(.., order)| !order.state.is_final());
        for (symbol, id, order) in &rows {
            let row = (*symbol, order.clone());
            self.orders.list(list, id.clone(), row, |known, listed| known.1.filled > listed.1.filled);
        }
        if !(is_whole && self.orders.end(list)) {
            return wire::each_row(json, |row| self.listed(row, out));
        }
        out.event(own(None, Body::Whole(Holding::Orders)));
        for (id, (symbol, order)) in self.orders.iter() {
            let order = Order { id, ..order.clone() };
            let symbol = self.table.symbol(*symbol);
            out.event(Event { symbol, ts_venue: None, body: Body::Order(&order) });
        }
        Ok(())
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
            requests().into_iter().for_each(|(request, _)| out.command(Command::Rest(request)));
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

/// The list that a request asked for.
fn list_in(url: &str) -> Option<u8> {
    let at = LISTS.iter().position(|list| url.contains(list))?;
    u8::try_from(at).ok()
}

/// The list that a symbol stands in: options have strikes, contracts in USDC are told by their names.
fn list_of(symbol: &str) -> u8 {
    let dashes = symbol.bytes().filter(|b| *b == b'-').count();
    let is_usdt = symbol.ends_with("USDT") || symbol.contains("USDT-");
    match dashes {
        2.. => 3,
        _ if is_usdt => 0,
        1 => 1,
        _ if symbol.ends_with("PERP") => 1,
        _ => 2,
    }
}

/// 1 and 2 are the legs of hedge mode.
pub(super) fn leg(field: &Field<'_>) -> Result<Leg, WireError> {
    match wire::integer(field, "positionIdx")? {
        None | Some(0) => Ok(Leg::Net),
        Some(1) => Ok(Leg::Long),
        Some(2) => Ok(Leg::Short),
        Some(_) => Err(WireError::Word("positionIdx")),
    }
}

/// In regular mode a position says itself how it is margined.
fn mode(word: &str) -> Option<MarginMode> {
    match word {
        "ISOLATED_MARGIN" => Some(MarginMode::Isolated),
        "PORTFOLIO_MARGIN" => Some(MarginMode::Portfolio),
        _ => None,
    }
}

/// Balances and the margin of the account. Margin figures are empty where positions are isolated.
fn money(json: &str, at: Option<Nanos>, out: &mut dyn Out) -> Result<(), WireError> {
    let row: WalletRow<'_> = wire::object(json)?;
    let coins = row.coin.as_ref().map_or("[]", wire::Raw::json);
    let read = wire::each_row(coins, |row| {
        let row: CoinRow<'_> = wire::object(row)?;
        let total = wire::figure(&row.wallet_balance, "walletBalance")?.unwrap_or_default();
        let equity = wire::figure(&row.equity, "equity")?;
        let borrowed = wire::amount(&row.borrow_amount, "borrowAmount")?.filter(|b| !b.is_zero());
        if at.is_none() && total.is_zero() && borrowed.is_none() && equity.is_none_or(|e| e.is_zero()) {
            return Ok(());
        }
        let usd = wire::figure(&row.usd_value, "usdValue")?;
        let price = usd.zip(equity).and_then(|(usd, equity)| usd.checked_div(equity));
        let asset = wire::required(&row.coin, "coin")?;
        let balance = Balance {
            asset: &asset,
            total,
            available: wire::figure(&row.available_to_withdraw, "availableToWithdraw")?,
            borrowed,
            haircut: None,
            collateral_price: price.filter(|p| p.is_sign_positive() && !p.is_zero()),
        };
        out.event(own(at, Body::Balance(&balance)));
        Ok(())
    });
    let margin = Margin {
        pool: "unified",
        currency: "USD",
        equity: wire::figure(&row.total_margin_balance, "totalMarginBalance")?,
        initial: wire::amount(&row.total_initial_margin, "totalInitialMargin")?,
        maintenance: wire::amount(&row.total_maintenance_margin, "totalMaintenanceMargin")?,
    };
    if margin.equity.is_some() || margin.maintenance.is_some() {
        out.event(own(at, Body::Margin(&margin)));
    }
    read
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_symbol_has_its_list() {
        for (symbol, list) in [
            ("BTCUSDT", 0),
            ("BTCUSDT-25DEC26", 0),
            ("1000PEPEUSDT", 0),
            ("BTCPERP", 1),
            ("BTC-25DEC26", 1),
            ("BTCUSD", 2),
            ("BTCUSDZ26", 2),
            ("BTC-25DEC26-90000-C", 3),
            ("BTC-25DEC26-90000-P-USDT", 3),
        ] {
            assert_eq!(list_of(symbol), list, "{symbol}");
        }
        assert_eq!(list_in("https://h/v5/position/list?category=linear&settleCoin=USDC&limit=200"), Some(1));
    }
}
