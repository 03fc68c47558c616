//! Own accounts of dYdX: messages and answers to positions, orders, balances, margin.

use std::borrow::Cow;
use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::account::PARENT;
use super::again;
use super::count::{Count, Step};
use super::messages::{Frame, each_member, unwrapped};
use super::orders::Orders;
use super::own_messages::{AssetRow, Contents, OrderRow, PositionRow, Subaccount};
use super::wallet::{Held, Wallet};
use crate::dialect::wire::{self, Field, Raw};
use crate::dialect::{Decoder, Note, Out, Symbols, Table, WireError, gap_of, noted};
use crate::model::account::{Balance, Holding, Margin};
use crate::model::entry::{ConnIx, Control, RestAnswer};
use crate::model::event::{Body, Event, GapWhy, Symbol};
use crate::model::venue::{Command, VenueSpec};

/// The only asset that positions are paid in.
const CASH: &str = "USDC";
/// Numbers of markets that orders of old indexers name instead of the ticker; facts of the chain.
const PAIRS: &[(i64, &str)] = &[(0, "BTC-USD"), (1, "ETH-USD"), (5, "SOL-USD")];

/// A parent subaccount that the indexer does not know yet.
const NOBODY: &str = r#"{"childSubaccounts":[]}"#;

/// The state of one own account on one tape.
pub(super) struct AccountDecoder {
    table: Table<()>,
    /// One per connection of the tape, which cannot have more than their index can name.
    lines: BTreeMap<u16, Line>,
    /// Channel and id of the account, once an answer has told them.
    topic: Option<(String, String)>,
    wallet: Wallet,
    orders: Orders,
    /// Height of the newest block that the stream spoke of.
    height: i64,
}

/// What is known of one connection.
#[derive(Default)]
struct Line {
    count: Count,
    /// The account's snapshot came.
    is_live: bool,
}

/// Equity and free collateral of one subaccount.
struct Worth {
    pool: String,
    equity: Option<Decimal>,
    free: Option<Decimal>,
    /// The newest block that the figures know of.
    height: Option<i64>,
}

impl AccountDecoder {
    pub(super) fn new(venue: &VenueSpec) -> Self {
        AccountDecoder {
            table: Table::new(venue),
            lines: BTreeMap::new(),
            topic: None,
            wallet: Wallet::default(),
            orders: Orders::default(),
            height: 0,
        }
    }

    fn message(&mut self, conn: ConnIx, bytes: &[u8], out: &mut dyn Out) -> Result<(), WireError> {
        let frame: Frame<'_> = wire::object(wire::guarded(bytes)?)?;
        let (kind, channel, id) =
            (wire::word(&frame.kind), wire::word(&frame.channel), wire::word(&frame.id));
        if !Count::knows(&kind) {
            out.note(Note::Unknown(if kind.is_empty() { "message without type" } else { &kind }));
            return Ok(());
        }
        let is_own = matches!(&*channel, "v4_subaccounts" | PARENT);
        let line = self.lines.entry(conn.0).or_default();
        let step = line.count.judge(&kind, frame.number()?);
        if is_own && kind == "subscribed" {
            line.is_live = true;
            self.topic = Some((channel.to_string(), id.to_string()));
        }
        if channel == "v4_block_height" && kind == "subscribed" {
            line.count.is_greeted(); // blocks are asked for last
        }
        let is_missing = line.count.settles() && !line.is_live;
        match step {
            Step::Seen => {
                out.note(Note::Superseded);
                return Ok(());
            }
            // What was missed, or never came, is in the next snapshot.
            Step::Lost(_) => self.ask_again(conn, out),
            Step::Take if is_missing => self.ask_again(conn, out),
            Step::Take => {}
        }
        // A change may say of which child it is.
        let child = wire::integer(&frame.subaccount_number, "subaccountNumber")?;
        let id = child.map_or(id, |number| Cow::Owned(format!("/{number}")));
        match &*kind {
            "subscribed" if is_own => self.whole(&id, frame.contents()?, out),
            "channel_data" if is_own => self.change(&id, frame.contents()?, out),
            "channel_batch_data" if is_own => {
                wire::each_row(frame.contents()?, |contents| self.change(&id, contents, out))
            }
            "error" => {
                out.note(Note::Refused(&wire::word(&frame.message)));
                Ok(())
            }
            "unsubscribed" => {
                out.note(Note::Ack);
                Ok(())
            }
            "subscribed" | "channel_data" | "channel_batch_data" if channel != "v4_block_height" => {
                out.note(Note::Unused("channel of the market side"));
                Ok(())
            }
            _ => {
                out.note(Note::Heartbeat);
                Ok(())
            }
        }
    }

    fn ask_again(&mut self, conn: ConnIx, out: &mut dyn Out) {
        if let Some((channel, id)) = &self.topic {
            out.command(Command::Send { conn, texts: again(channel, id) });
            self.lines.entry(conn.0).or_default().count.expect_answer();
        }
    }

    /// A snapshot of the stream: all positions and balances, and all open orders where it names them. An
    /// account that the indexer does not know yet has empty contents.
    fn whole(&mut self, id: &str, json: &str, out: &mut dyn Out) -> Result<(), WireError> {
        let contents: Contents<'_> = wire::object(json)?;
        self.height = wire::integer(&contents.block_height, "blockHeight")?.unwrap_or(self.height);
        self.holdings(id, contents.subaccount.as_ref().map_or(NOBODY, Raw::json), out)?;
        match &contents.orders {
            Some(orders) => self.open_orders(orders.json(), out),
            None => Ok(()),
        }
    }

    /// All positions and balances of a subaccount, or of a parent with its children.
    fn holdings(&mut self, id: &str, json: &str, out: &mut dyn Out) -> Result<(), WireError> {
        let row: Subaccount<'_> = wire::object(json)?;
        let (mut wallet, mut worths) = (Wallet::default(), Vec::new());
        match &row.child_subaccounts {
            Some(children) => wire::each_row(children.json(), |child| {
                let child: Subaccount<'_> = wire::object(child)?;
                worths.push(self.subaccount(id, &child, &mut wallet)?);
                Ok(())
            })?,
            None => worths.push(self.subaccount(id, &row, &mut wallet)?),
        }
        // An answer that the stream has overtaken would undo what it told.
        if worths.iter().filter_map(|worth| worth.height).min().is_some_and(|height| height < self.height) {
            out.note(Note::Superseded);
            return Ok(());
        }
        self.wallet = wallet;
        let mut say = |body: Body<'_>| out.event(Event { symbol: Symbol::NONE, ts_venue: None, body });
        say(Body::Whole(Holding::Positions));
        say(Body::Whole(Holding::Balances));
        let available = worths.iter().try_fold(Decimal::ZERO, |sum, worth| sum.checked_add(worth.free?));
        if let Some(total) = self.wallet.total() {
            say(Body::Balance(&cash(total, available)));
        }
        for worth in &worths {
            say(Body::Margin(&worth.margin()));
        }
        for market in self.wallet.markets() {
            self.say_position(market, out);
        }
        Ok(())
    }

    /// Reads one subaccount into `wallet`.
    fn subaccount(
        &mut self,
        id: &str,
        row: &Subaccount<'_>,
        wallet: &mut Wallet,
    ) -> Result<Worth, WireError> {
        let number = number(&row.subaccount_number, id)?;
        if let Some(assets) = &row.asset_positions {
            each_member(assets.json(), |_, asset| take_asset(id, Some(number), asset, wallet).map(|_| ()))?;
        }
        if let Some(positions) = &row.open_perpetual_positions {
            each_member(positions.json(), |_, position| {
                self.take_position(id, Some(number), position, wallet).map(|_| ())
            })?;
        }
        Ok(Worth {
            pool: format!("subaccount {number}"),
            equity: wire::figure(&row.equity, "equity")?,
            free: wire::figure(&row.free_collateral, "freeCollateral")?,
            height: wire::integer(&row.latest_processed_block_height, "latestProcessedBlockHeight")?,
        })
    }

    /// A change of the stream. Fills and transfers show in positions and balances.
    fn change(&mut self, id: &str, json: &str, out: &mut dyn Out) -> Result<(), WireError> {
        let contents: Contents<'_> = wire::object(json)?;
        let height = wire::integer(&contents.block_height, "blockHeight")?;
        let mut wallet = self.wallet.clone();
        let (mut markets, mut is_paid) = (Vec::new(), false);
        if let Some(rows) = &contents.asset_positions {
            wire::each_row(rows.json(), |row| {
                is_paid |= take_asset(id, None, row, &mut wallet)?;
                Ok(())
            })?;
        }
        if let Some(rows) = &contents.perpetual_positions {
            wire::each_row(rows.json(), |row| {
                markets.push(self.take_position(id, None, row, &mut wallet)?);
                Ok(())
            })?;
        }
        self.wallet = wallet;
        self.height = height.unwrap_or(self.height);
        is_paid |= !markets.is_empty();
        for market in &markets {
            self.say_position(*market, out);
        }
        if let Some(total) = self.wallet.total().filter(|_| is_paid) {
            let body = Body::Balance(&cash(total, None));
            out.event(Event { symbol: Symbol::NONE, ts_venue: None, body });
        }
        match &contents.orders {
            Some(rows) => wire::each_row(rows.json(), |row| self.order(row, out))?,
            None if !is_paid => out.note(Note::Unused("fills and transfers")),
            None => {}
        }
        Ok(())
    }

    /// Sets a position in `wallet`; returns its market.
    fn take_position(
        &mut self,
        id: &str,
        within: Option<u32>,
        json: &str,
        wallet: &mut Wallet,
    ) -> Result<u32, WireError> {
        let row: PositionRow<'_> = wire::object(json)?;
        let market = self.table.intern(&wire::required(&row.market, "market")?)?;
        let number = within.map_or_else(|| number(&row.subaccount_number, id), Ok)?;
        let is_open = matches!(&*wire::word(&row.status), "OPEN" | "");
        // The sign of the size is the side; `side` says the same and is not applied on top.
        let size = wire::figure(&row.size, "size")?.ok_or(WireError::Missing("size"))?;
        let held = Held {
            size: if is_open { size } else { Decimal::ZERO },
            entry: wire::slow_price(&row.entry_price, "entryPrice")?,
            upnl: wire::figure(&row.unrealized_pnl, "unrealizedPnl")?,
        };
        wallet.hold(number, market, held)?;
        Ok(market)
    }

    fn say_position(&self, market: u32, out: &mut dyn Out) {
        let position = self.wallet.position(market);
        let symbol = self.table.symbol(market);
        out.event(Event { symbol, ts_venue: None, body: Body::Position(&position) });
    }

    /// All open orders.
    fn open_orders(&mut self, json: &str, out: &mut dyn Out) -> Result<(), WireError> {
        let body = Body::Whole(Holding::Orders);
        out.event(Event { symbol: Symbol::NONE, ts_venue: None, body });
        self.orders.clear();
        wire::each_row(json, |row| self.order(row, out))
    }

    fn order(&mut self, json: &str, out: &mut dyn Out) -> Result<(), WireError> {
        let row: OrderRow<'_> = wire::object(json)?;
        let id = wire::required(&row.id, "id")?;
        let ts_venue = wire::instant(&row.updated_at, "updatedAt")?;
        let market = ticker(&row)?.map(|name| self.table.intern(&name)).transpose()?;
        match self.orders.take(&id, market, &row)? {
            Some((market, order)) => {
                let symbol = self.table.symbol(market);
                out.event(Event { symbol, ts_venue, body: Body::Order(&order) });
            }
            None => out.note(Note::Unused("order that was never shown")),
        }
        Ok(())
    }

    fn answer(&mut self, answer: &RestAnswer<'_>, out: &mut dyn Out) -> Result<(), WireError> {
        if answer.status != 200 {
            out.note(Note::Refused(&format!("HTTP {}", answer.status)));
            return Ok(());
        }
        let body = unwrapped(wire::guarded(answer.body)?)?;
        let path = answer.url.split_once('?').map_or(answer.url, |(path, _)| path);
        if path.contains("/v4/addresses/") {
            let contents: Contents<'_> = wire::object(&body)?;
            let subaccount = wire::json(&contents.subaccount, "subaccount")?;
            self.topic = self.topic.take().or_else(|| topic(path));
            self.holdings("", subaccount, out)
        } else if path.contains("/v4/orders") {
            // An answer about orders does not say how new it is: while the stream speaks, the stream counts.
            if self.lines.values().any(|line| line.is_live) {
                out.note(Note::Superseded);
                return Ok(());
            }
            self.open_orders(&body, out)
        } else {
            out.note(Note::Unused("REST answer"));
            Ok(())
        }
    }
}

/// What to subscribe for an account that a path names: `…/addresses/dydx1…/parentSubaccountNumber/0`.
fn topic(path: &str) -> Option<(String, String)> {
    let (address, number) = path.split_once("/v4/addresses/")?.1.split_once("/parentSubaccountNumber/")?;
    Some((PARENT.into(), format!("{address}/{number}")))
}

/// Sets a balance in `wallet`; false when it is not of the currency of positions.
fn take_asset(id: &str, within: Option<u32>, json: &str, wallet: &mut Wallet) -> Result<bool, WireError> {
    let row: AssetRow<'_> = wire::object(json)?;
    if wire::required(&row.symbol, "symbol")? != CASH {
        return Ok(false);
    }
    let number = within.map_or_else(|| number(&row.subaccount_number, id), Ok)?;
    let size = wire::figure(&row.size, "size")?.ok_or(WireError::Missing("size"))?;
    // Balances, unlike positions, are stated without a sign.
    let owed = wire::word(&row.side) == "SHORT";
    wallet.pay(number, if owed { -size.abs() } else { size })?;
    Ok(true)
}

/// The number of a subaccount: its own field, else the end of the subscription's id.
fn number(field: &Field<'_>, id: &str) -> Result<u32, WireError> {
    let number = wire::integer(field, "subaccountNumber")?;
    let number = number.or_else(|| id.rsplit_once('/').and_then(|(_, number)| number.parse().ok()));
    number.and_then(|n| u32::try_from(n).ok()).ok_or(WireError::Missing("subaccountNumber"))
}

/// The market that an order names, by its ticker or its number.
fn ticker(row: &OrderRow<'_>) -> Result<Option<String>, WireError> {
    let ticker = wire::word(&row.ticker);
    if !ticker.is_empty() {
        return Ok(Some(ticker.into_owned()));
    }
    let pair = wire::integer(&row.clob_pair_id, "clobPairId")?;
    let known = PAIRS.iter().find(|(number, _)| Some(*number) == pair);
    Ok(known.map(|(_, ticker)| (*ticker).to_string()))
}

fn cash(total: Decimal, available: Option<Decimal>) -> Balance<'static> {
    Balance { asset: CASH, total, available, borrowed: None, haircut: None, collateral_price: None }
}

impl Worth {
    /// What is not free is needed to hold what is open.
    fn margin(&self) -> Margin<'_> {
        Margin {
            pool: &self.pool,
            currency: CASH,
            equity: self.equity,
            initial: self.equity.zip(self.free).and_then(|(equity, free)| equity.checked_sub(free)),
            maintenance: None, // the venue does not state it
        }
    }
}

impl Decoder for AccountDecoder {
    fn frame(&mut self, conn: ConnIx, bytes: &[u8], out: &mut dyn Out) {
        noted(self.message(conn, bytes, out), out);
    }

    fn rest(&mut self, answer: &RestAnswer<'_>, out: &mut dyn Out) {
        noted(self.answer(answer, out), out);
    }

    fn control(&mut self, conn: ConnIx, control: &Control, out: &mut dyn Out) {
        let Some(why) = gap_of(control) else { return };
        self.lines.remove(&conn.0);
        if why == GapWhy::Overrun {
            self.ask_again(conn, out); // after a close the feed subscribes by itself
        }
    }

    fn resync(&mut self, _symbol: u32, _out: &mut dyn Out) {} // no books here

    fn symbols(&self) -> &Symbols {
        self.table.symbols()
    }
}
