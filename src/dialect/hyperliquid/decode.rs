//! Hyperliquid messages to events.

use rust_decimal::Decimal;

use super::book::Book;
use super::messages::{BboData, BboLevel, BookData, Ctx, CtxData, Frame, TradeRow};
use super::meta::Tokens;
use crate::dialect::levels::levels;
use crate::dialect::wire;
use crate::dialect::{Decoder, Note, Out, Symbols, WireError, gap_of, noted};
use crate::model::entry::{ConnIx, Control, RestAnswer};
use crate::model::event::{Body, BookChange, Event, Gap, GapWhy, Level, Quote, Side, Ticker, Trade, TradeId};
use crate::model::num::Num;
use crate::model::time::Nanos;
use crate::model::venue::VenueSpec;

/// Channels that are known and not needed.
const UNUSED: &[&str] = &[
    "allMids",
    "allDexsAssetCtxs",
    "assetCtxs",
    "fastAssetCtxs",
    "activeSpotAssetCtx",
    "activeAssetData",
    "candle",
    "user",
    "userEvents",
    "userFills",
    "userFundings",
    "userNonFundingLedgerUpdates",
    "orderUpdates",
    "openOrders",
    "notification",
    "webData2",
    "webData3",
    "clearinghouseState",
    "allDexsClearinghouseState",
    "spotState",
    "twapStates",
    "userTwapSliceFills",
    "userTwapHistory",
    "outcomeMetaUpdates",
    "post",
];
/// Starts of texts that are no JSON.
const GREETING: &[u8] = b"Websocket connection established";

/// The state of Hyperliquid on one tape.
pub(super) struct HyperliquidDecoder {
    pub(super) symbols: Symbols,
    pub(super) states: Vec<State>,
    pub(super) bids: Vec<Level>,
    pub(super) asks: Vec<Level>,
    pub(super) tokens: Tokens,
}

/// What is known of one coin.
#[derive(Default)]
pub(super) struct State {
    pub(super) book: Book,
    /// The connection whose repeated trades have passed.
    pub(super) trades_of: Option<ConnIx>,
}

impl HyperliquidDecoder {
    pub(super) fn new(venue: &VenueSpec) -> Self {
        let mut decoder = HyperliquidDecoder {
            symbols: Symbols::default(),
            states: Vec::new(),
            bids: Vec::new(),
            asks: Vec::new(),
            tokens: Tokens::default(),
        };
        for row in &venue.instruments {
            // A venue file that names too many symbols was refused when it was read.
            decoder.symbol(&row.symbol).ok();
        }
        decoder
    }

    /// The index of a coin; makes room for its state.
    pub(super) fn symbol(&mut self, text: &str) -> Result<u32, WireError> {
        let ix = self.symbols.intern(text)?;
        if self.states.len() <= ix as usize {
            self.states.resize_with(ix as usize + 1, State::default);
        }
        Ok(ix)
    }

    fn message(&mut self, conn: ConnIx, bytes: &[u8], out: &mut dyn Out) -> Result<(), WireError> {
        if bytes.starts_with(GREETING) {
            out.note(Note::Heartbeat);
            return Ok(());
        }
        let frame: Frame<'_> = wire::object(wire::guarded(bytes)?)?;
        let channel = wire::word(&frame.channel);
        let data = || wire::json(&frame.data, "data");
        match &*channel {
            "l2Book" => self.book(conn, data()?, out)?,
            "bbo" => self.bbo(data()?, out)?,
            "trades" => self.trades(conn, data()?, out)?,
            "activeAssetCtx" => {
                let data: CtxData<'_> = wire::object(data()?)?;
                let coin = wire::required(&data.coin, "coin")?;
                let ctx = data.ctx.as_ref().ok_or(WireError::Missing("ctx"))?;
                self.context(&coin, ctx.json(), out)?;
            }
            "pong" => out.note(Note::Heartbeat),
            "subscriptionResponse" => out.note(Note::Ack),
            "error" => out.note(Note::Refused(&wire::word(&frame.data))),
            known if UNUSED.contains(&known) => out.note(Note::Unused(known)),
            "" => out.note(Note::Unknown("message without channel")),
            other => out.note(Note::Unknown(other)),
        }
        Ok(())
    }

    fn book(&mut self, conn: ConnIx, json: &str, out: &mut dyn Out) -> Result<(), WireError> {
        let data: BookData<'_> = wire::object(json)?;
        let ix = self.symbol(&wire::required(&data.coin, "coin")?)?;
        let read = self.read_book(ix, conn, &data, out);
        if read.is_err()
            && let Some(state) = self.states.get_mut(ix as usize)
            && state.book.lose()
        {
            // The next message is a whole book again: nothing needs to be asked for.
            out.event(Event {
                symbol: self.symbols.get(ix),
                ts_venue: None,
                body: Body::Gap(Gap::of(GapWhy::Undecodable)),
            });
        }
        read
    }

    fn read_book(
        &mut self,
        ix: u32,
        conn: ConnIx,
        data: &BookData<'_>,
        out: &mut dyn Out,
    ) -> Result<(), WireError> {
        let (bids, asks) = data.levels.as_ref().ok_or(WireError::Missing("levels"))?;
        levels(bids.json(), &mut self.bids)?;
        levels(asks.json(), &mut self.asks)?;
        let ts_venue = wire::millis(&data.time, "time")?;
        let fast = data.fast.as_ref().is_some_and(|flag| flag.json() == "true");
        self.apply_book(ix, conn, fast, ts_venue, out);
        Ok(())
    }

    /// Takes a book message whose levels stand in `bids` and `asks`.
    pub(super) fn apply_book(
        &mut self,
        ix: u32,
        conn: ConnIx,
        fast: bool,
        ts_venue: Option<Nanos>,
        out: &mut dyn Out,
    ) {
        let Some(state) = self.states.get_mut(ix as usize) else { return };
        state.book.conn = Some(conn);
        if !state.book.take(fast, ts_venue, &mut self.bids, &mut self.asks) {
            out.note(Note::Superseded);
            return;
        }
        let change = BookChange { snapshot: true, bids: &self.bids, asks: &self.asks, seq: None };
        out.event(Event { symbol: self.symbols.get(ix), ts_venue, body: Body::Book(change) });
    }

    fn bbo(&mut self, json: &str, out: &mut dyn Out) -> Result<(), WireError> {
        let data: BboData<'_> = wire::object(json)?;
        let ix = self.symbol(&wire::required(&data.coin, "coin")?)?;
        let (bid, ask) = data.bbo.ok_or(WireError::Missing("bbo"))?;
        let side = |level: Option<BboLevel<'_>>| match level {
            Some(level) => wire::side(&level.px, &level.sz, "px", "sz"),
            None => Ok(Level { price: Num::ZERO, size: Num::ZERO }),
        };
        let quote = Quote { bid: side(bid)?, ask: side(ask)? };
        let ts_venue = wire::millis(&data.time, "time")?;
        out.event(Event { symbol: self.symbols.get(ix), ts_venue, body: Body::Quote(quote) });
        Ok(())
    }

    /// The first message of a coin on a connection repeats recent trades: known before, not new.
    fn trades(&mut self, conn: ConnIx, json: &str, out: &mut dyn Out) -> Result<(), WireError> {
        let mut first: Option<u32> = None;
        let read = wire::each_row(json, |row| {
            let row: TradeRow<'_> = wire::object(row)?;
            let ix = self.symbol(&wire::required(&row.coin, "coin")?)?;
            let seen = self.states.get(ix as usize).is_some_and(|state| state.trades_of == Some(conn));
            first = first.or((!seen).then_some(ix));
            let trade = Trade {
                id: match wire::integer(&row.tid, "tid")?.and_then(|id| u64::try_from(id).ok()) {
                    Some(id) => TradeId::Number(id),
                    None => TradeId::None,
                },
                price: wire::price(&row.px, "px")?,
                size: wire::size(&row.sz, "sz")?,
                side: match &*wire::required(&row.side, "side")? {
                    "B" => Side::Buy,
                    "A" => Side::Sell,
                    _ => return Err(WireError::Word("side")),
                },
                is_liquidation: false,
                is_history: !seen,
            };
            let ts_venue = wire::millis(&row.time, "time")?;
            out.event(Event { symbol: self.symbols.get(ix), ts_venue, body: Body::Trade(trade) });
            Ok(())
        });
        // A message holds one coin; what is marked here is the coin of its first row.
        if let Some(state) = first.and_then(|ix| self.states.get_mut(ix as usize)) {
            state.trades_of = Some(conn);
        }
        read
    }

    /// Mark, oracle, funding, open interest, volume of one coin. Funding is paid every hour.
    pub(super) fn context(&mut self, coin: &str, json: &str, out: &mut dyn Out) -> Result<(), WireError> {
        let ctx: Ctx<'_> = wire::object(json)?;
        let ix = self.symbol(coin)?;
        let funding_rate = wire::figure(&ctx.funding, "funding")?;
        let ticker = Ticker {
            mark: wire::slow_price(&ctx.mark_px, "markPx")?,
            index: wire::slow_price(&ctx.oracle_px, "oraclePx")?,
            funding_rate,
            funding_interval_h: funding_rate.map(|_| Decimal::ONE),
            open_interest: wire::amount(&ctx.open_interest, "openInterest")?,
            volume_24h: wire::amount(&ctx.day_base_vlm, "dayBaseVlm")?,
            ..Ticker::default()
        };
        if ticker != Ticker::default() {
            out.event(Event { symbol: self.symbols.get(ix), ts_venue: None, body: Body::Ticker(&ticker) });
        }
        Ok(())
    }
}

impl Decoder for HyperliquidDecoder {
    fn frame(&mut self, conn: ConnIx, bytes: &[u8], out: &mut dyn Out) {
        if self.fast(conn, bytes, out).is_none() {
            noted(self.message(conn, bytes, out), out);
        }
    }

    fn rest(&mut self, answer: &RestAnswer<'_>, out: &mut dyn Out) {
        noted(self.answer(answer, out), out);
    }

    fn control(&mut self, conn: ConnIx, control: &Control, out: &mut dyn Out) {
        let Some(why) = gap_of(control) else { return };
        for (ix, state) in (0u32..).zip(&mut self.states) {
            // After a close the venue repeats trades; an overrun leaves the subscription as it was.
            if why == GapWhy::Disconnect && state.trades_of == Some(conn) {
                state.trades_of = None;
            }
            if state.book.conn == Some(conn) && state.book.is_live() && state.book.lose() {
                out.event(Event {
                    symbol: self.symbols.get(ix),
                    ts_venue: None,
                    body: Body::Gap(Gap::of(why)),
                });
            }
        }
    }

    fn resync(&mut self, symbol: u32, out: &mut dyn Out) {
        // Every message is a snapshot: the next one mends it.
        if self.states.get_mut(symbol as usize).is_some_and(|s| s.book.lose()) {
            out.event(Event {
                symbol: self.symbols.get(symbol),
                ts_venue: None,
                body: Body::Gap(Gap::of(GapWhy::Impossible)),
            });
        }
    }

    fn symbols(&self) -> &Symbols {
        &self.symbols
    }
}
