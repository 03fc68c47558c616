//! Messages of an own account to events. Tables are completed to whole rows before anything is said.

use std::collections::BTreeMap;

use super::market::answer_of_socket;
use super::messages::{Action, Frame, refusal};
use super::money::{self, Currencies};
use super::own::{MONEY, ORDER, POSITION, Purse, order, position, purse};
use super::rows::{Merged, OwnTable};
use super::subscribe_again;
use crate::dialect::{Decoder, Note, Out, Symbols, Table, WireError, gap_of, noted, wire};
use crate::model::account::{Balance, Holding, Margin, Position};
use crate::model::entry::{ConnIx, Control, RestAnswer};
use crate::model::event::{Body, Event, GapWhy, Symbol};
use crate::model::venue::{Command, VenueSpec};

/// Tables of an own account.
pub(super) const TABLES: [&str; 4] = ["position", "order", "margin", "wallet"];

/// The state of one account on one tape.
pub(super) struct Ledger {
    table: Table<()>,
    currencies: Currencies,
    own: [OwnTable; TABLES.len()],
    conn: Option<ConnIx>,
    /// Money by currency, as `margin` and as `wallet` tells it.
    margins: BTreeMap<String, Purse>,
    wallets: BTreeMap<String, Purse>,
}

/// What a row is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Position,
    Order,
    Margin,
    Wallet,
}

const KINDS: [Kind; TABLES.len()] = [Kind::Position, Kind::Order, Kind::Margin, Kind::Wallet];

impl Ledger {
    pub(super) fn new(venue: &VenueSpec) -> Self {
        Ledger {
            table: Table::new(venue),
            currencies: Currencies::default(),
            own: [
                OwnTable::new(&["account", "symbol"], POSITION),
                OwnTable::new(&["orderID"], ORDER),
                OwnTable::new(&["account", "currency"], MONEY),
                OwnTable::new(&["account", "currency"], MONEY),
            ],
            conn: None,
            margins: BTreeMap::new(),
            wallets: BTreeMap::new(),
        }
    }

    fn message(&mut self, conn: ConnIx, bytes: &[u8], out: &mut dyn Out) -> Result<(), WireError> {
        let text = wire::guarded(bytes)?;
        if text == "pong" {
            out.note(Note::Heartbeat);
            return Ok(());
        }
        let frame: Frame<'_> = wire::object(text)?;
        let name = wire::word(&frame.table);
        if name.is_empty() {
            answer_of_socket(&frame, out);
            return Ok(());
        }
        let Some(at) = TABLES.iter().position(|table| *table == name) else {
            let known = matches!(&*name, "execution" | "transact" | "affiliate" | "privateNotifications");
            out.note(if known { Note::Unused(&name) } else { Note::Unknown(&name) });
            return Ok(());
        };
        self.conn = Some(conn);
        let read = self.rows(at, &frame, out);
        if !matches!(read, Ok(true)) {
            // What was missed shows nowhere else: the table is asked for anew.
            self.lose(at);
            out.command(Command::Send { conn, texts: subscribe_again(name.into_owned()) });
        }
        read.map(|_| ())
    }

    /// Reads a message of a table. False when it changes a row that is not known.
    fn rows(&mut self, at: usize, frame: &Frame<'_>, out: &mut dyn Out) -> Result<bool, WireError> {
        let (Some(own), Some(kind)) = (self.own.get_mut(at), KINDS.get(at).copied()) else { return Ok(true) };
        let action = frame.action()?;
        if action == Action::Partial {
            own.start(frame.keys.as_ref().map(wire::Raw::json))?;
        } else if !own.is_live() {
            out.note(Note::Superseded); // before its `partial`
            return Ok(true);
        }
        let mut merged = Vec::new();
        wire::each_row(frame.rows()?, |row| own.take(action, row).map(|m| merged.push(m)))?;
        if merged.contains(&Merged::Unknown) {
            return Ok(false);
        }
        let read = if action == Action::Partial {
            let rows: Vec<&str> = merged.iter().filter_map(Merged::json).collect();
            self.list(kind, &rows, out)
        } else {
            self.changes(at, kind, &merged, out)
        };
        // A row that cannot be understood costs that row alone.
        noted(read, out);
        Ok(true)
    }

    /// Rows that changed. Orders that are over leave the table.
    fn changes(
        &mut self,
        at: usize,
        kind: Kind,
        merged: &[Merged],
        out: &mut dyn Out,
    ) -> Result<(), WireError> {
        let mut first = Ok(());
        for row in merged {
            let done = match row {
                Merged::Whole { key, json } => self.row(kind, json, false, out).map(|is_over| {
                    if let Some(own) = self.own.get_mut(at).filter(|_| is_over) {
                        own.forget(key);
                    }
                }),
                Merged::Gone(json) => self.gone(kind, json, out),
                Merged::Unknown => Ok(()),
            };
            first = first.and(done);
        }
        first
    }

    /// All rows of a kind. Where one of them cannot be read nobody may say that these are all.
    fn list(&mut self, kind: Kind, rows: &[&str], out: &mut dyn Out) -> Result<(), WireError> {
        let is_read = |row: &&str| match kind {
            Kind::Position => position(row, &self.currencies).is_ok(),
            Kind::Order => order(row, |_| ()).is_ok(),
            Kind::Margin | Kind::Wallet => purse(row, &self.currencies).is_ok(),
        };
        let is_whole = rows.iter().all(is_read);
        let mut say = |holding| {
            if is_whole {
                let body = Body::Whole(holding);
                out.event(Event { symbol: Symbol::NONE, ts_venue: None, body });
            }
        };
        match kind {
            Kind::Position => say(Holding::Positions),
            Kind::Order => say(Holding::Orders),
            Kind::Margin => self.margins.clear(),
            Kind::Wallet => self.wallets.clear(),
        }
        let mut first = Ok(());
        for row in rows {
            first = first.and(self.row(kind, row, true, out).map(|_| ()));
        }
        if matches!(kind, Kind::Margin | Kind::Wallet) {
            self.balances(is_whole, out);
        }
        first
    }

    /// One whole row. In a list of all there is, closed positions are left out. True when nothing can
    /// follow.
    fn row(&mut self, kind: Kind, json: &str, in_list: bool, out: &mut dyn Out) -> Result<bool, WireError> {
        match kind {
            Kind::Position => {
                let of = position(json, &self.currencies)?;
                if !(in_list && of.what.size.is_zero()) {
                    let ix = self.table.intern(&of.symbol)?;
                    let body = Body::Position(&of.what);
                    out.event(Event { symbol: self.table.symbol(ix), ts_venue: of.at, body });
                }
                Ok(false)
            }
            Kind::Order => {
                let table = &mut self.table;
                order(json, |of| {
                    let is_final = of.what.state.is_final();
                    let ix = table.intern(&of.symbol)?;
                    if !(in_list && is_final) {
                        let body = Body::Order(&of.what);
                        out.event(Event { symbol: table.symbol(ix), ts_venue: of.at, body });
                    }
                    Ok(is_final)
                })?
            }
            Kind::Margin | Kind::Wallet => {
                let purse = purse(json, &self.currencies)?;
                if kind == Kind::Margin {
                    say_margin(&purse, out);
                    if !in_list {
                        say_balance(&purse, out);
                    }
                    self.margins.insert(purse.code.clone(), purse);
                } else {
                    if !in_list && !self.margins.contains_key(&purse.code) {
                        say_balance(&purse, out);
                    }
                    self.wallets.insert(purse.code.clone(), purse);
                }
                Ok(false)
            }
        }
    }

    /// A row left its table: the position is closed. An order is final before it goes, and money of a
    /// currency that is gone is told by the next list.
    fn gone(&mut self, kind: Kind, json: &str, out: &mut dyn Out) -> Result<(), WireError> {
        if kind == Kind::Position {
            let of = position(json, &self.currencies)?;
            let ix = self.table.intern(&of.symbol)?;
            let closed =
                Position { leg: of.what.leg, margin_mode: of.what.margin_mode, ..Position::default() };
            let body = Body::Position(&closed);
            out.event(Event { symbol: self.table.symbol(ix), ts_venue: of.at, body });
        }
        Ok(())
    }

    /// All balances: those that back margin, and coins that are only stored.
    fn balances(&self, is_whole: bool, out: &mut dyn Out) {
        if is_whole {
            let body = Body::Whole(Holding::Balances);
            out.event(Event { symbol: Symbol::NONE, ts_venue: None, body });
        }
        let stored = self.wallets.iter().filter(|(code, _)| !self.margins.contains_key(*code));
        self.margins.iter().chain(stored).for_each(|(_, purse)| say_balance(purse, out));
    }

    fn lose(&mut self, at: usize) {
        if let Some(own) = self.own.get_mut(at) {
            own.lose();
        }
    }

    fn answer(&mut self, answer: &RestAnswer<'_>, out: &mut dyn Out) -> Result<(), WireError> {
        let json = wire::guarded(answer.body)?.trim_ascii();
        if answer.status != 200 || json.starts_with("{\"error\"") {
            out.note(Note::Refused(&refusal(json)));
            return Ok(());
        }
        // One currency comes as an object, several as a list.
        let listed = if json.starts_with('{') { format!("[{json}]") } else { json.to_string() };
        if answer.url.contains(money::PATH) {
            return wire::each_row(&listed, |row| self.currencies.learn(row));
        }
        let paths = ["/api/v1/position", "/api/v1/order", "/api/v1/user/margin", "/api/v1/user/wallet"];
        let Some(kind) =
            paths.iter().position(|p| answer.url.contains(p)).and_then(|at| KINDS.get(at).copied())
        else {
            out.note(Note::Unused("REST answer"));
            return Ok(());
        };
        let mut rows = Vec::new();
        wire::each_row(&listed, |row| {
            rows.push(row.to_string());
            Ok(())
        })?;
        let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
        self.list(kind, &rows, out)
    }
}

fn say_balance(purse: &Purse, out: &mut dyn Out) {
    let Some(total) = purse.total else { return };
    let balance = Balance {
        asset: &purse.code,
        total,
        available: purse.available,
        borrowed: None,
        haircut: None,
        collateral_price: None,
    };
    out.event(Event { symbol: Symbol::NONE, ts_venue: purse.at, body: Body::Balance(&balance) });
}

fn say_margin(purse: &Purse, out: &mut dyn Out) {
    let margin = Margin {
        pool: &purse.code,
        currency: &purse.code,
        equity: purse.equity,
        initial: purse.initial,
        maintenance: purse.maintenance,
    };
    out.event(Event { symbol: Symbol::NONE, ts_venue: purse.at, body: Body::Margin(&margin) });
}

impl Decoder for Ledger {
    fn frame(&mut self, conn: ConnIx, bytes: &[u8], out: &mut dyn Out) {
        noted(self.message(conn, bytes, out), out);
    }

    fn rest(&mut self, answer: &RestAnswer<'_>, out: &mut dyn Out) {
        noted(self.answer(answer, out), out);
    }

    fn control(&mut self, conn: ConnIx, control: &Control, out: &mut dyn Out) {
        let Some(why) = gap_of(control) else { return };
        if self.conn != Some(conn) {
            return;
        }
        self.own.iter_mut().for_each(OwnTable::lose);
        if why == GapWhy::Overrun {
            let texts = TABLES.iter().flat_map(|table| subscribe_again((*table).into())).collect();
            out.command(Command::Send { conn, texts });
        }
    }

    fn resync(&mut self, _symbol: u32, _out: &mut dyn Out) {}

    fn symbols(&self) -> &Symbols {
        self.table.symbols()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::Count;

    /// Every message of the own cases, cut at every third byte.
    #[test]
    fn truncated_messages_are_survived() {
        let spec: VenueSpec = toml::from_str(include_str!("../../../venues/bitmex.toml")).unwrap();
        let mut ledger = Ledger::new(&spec);
        let mut out = Count::default();
        for frames in [
            include_str!("../../../tests/captured/bitmex/own_positions/frames.ndjson"),
            include_str!("../../../tests/captured/bitmex/own_orders/frames.ndjson"),
            include_str!("../../../tests/captured/bitmex/own_money/frames.ndjson"),
        ] {
            for line in frames.lines() {
                for end in (0..=line.len()).step_by(3) {
                    let body = &line.as_bytes()[..end];
                    ledger.frame(ConnIx(0), body, &mut out);
                    for path in ["position", "order", "user/margin", "wallet/assets"] {
                        let url = format!("https://h/api/v1/{path}");
                        ledger.rest(&RestAnswer { url: &url, status: 200, body }, &mut out);
                    }
                }
            }
        }
        assert!(out.0 > 0, "whole messages are among them");
    }
}
