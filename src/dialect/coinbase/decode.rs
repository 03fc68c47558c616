//! Coinbase messages to events: dispatch, numbers of a connection, losses.

use std::collections::BTreeMap;

use super::messages::{Frame, ListEvent, time};
use super::request;
use super::trades::SideCheck;
use crate::dialect::follow::Follow;
use crate::dialect::sequence::{Consecutive, Step};
use crate::dialect::wire;
use crate::dialect::{Decoder, Note, Out, Symbols, Table, WireError, gap_of, noted};
use crate::model::entry::{ConnIx, Control, RestAnswer};
use crate::model::event::{Body, Event, Gap, GapWhy, Level, Quote, VenueState};
use crate::model::instrument::InstrumentDef;
use crate::model::margin::MarginSchedule;
use crate::model::time::Nanos;
use crate::model::venue::{Command, VenueSpec};

/// The state of the venue on one tape.
pub(super) struct CoinbaseDecoder {
    pub(super) table: Table<State>,
    /// By index of the connection.
    lines: BTreeMap<u16, Line>,
    pub(super) bids: Vec<Level>,
    pub(super) asks: Vec<Level>,
    pub(super) sides: SideCheck,
    batch: usize,
}

/// The gap of an event that cannot be read.
pub(super) const UNDECODABLE: Gap = Gap::of(GapWhy::Undecodable);

/// What is known of one product. Terms are told again only when they change.
#[derive(Default)]
pub(super) struct State {
    pub(super) follow: Follow<()>,
    /// Best bid and ask of the last ticker.
    pub(super) touch: Option<Quote>,
    pub(super) def: Option<Box<InstrumentDef>>,
    pub(super) schedule: Option<Box<MarginSchedule>>,
    pub(super) state: Option<VenueState>,
}

/// Numbers of one connection: rules 3 and 4.
#[derive(Default)]
struct Line {
    sequence: Option<Consecutive>,
    beat: Option<i64>,
}

/// What stands around the events of a message.
#[derive(Clone, Copy)]
pub(super) struct Head {
    pub(super) conn: ConnIx,
    pub(super) number: i64,
    pub(super) at: Option<Nanos>,
}

impl CoinbaseDecoder {
    pub(super) fn new(venue: &VenueSpec) -> Self {
        CoinbaseDecoder {
            table: Table::new(venue),
            lines: BTreeMap::new(),
            bids: Vec::new(),
            asks: Vec::new(),
            sides: SideCheck::default(),
            batch: venue.limits.subscribe_batch.max(1),
        }
    }

    fn message(&mut self, conn: ConnIx, bytes: &[u8], out: &mut dyn Out) -> Result<(), WireError> {
        let frame: Frame<'_> = wire::object(wire::guarded(bytes)?)?;
        let channel = wire::word(&frame.channel);
        if channel.is_empty() {
            match &*wire::word(&frame.kind) {
                "error" => out.note(Note::Refused(&wire::word(&frame.message))),
                _ => out.note(Note::Unknown("message without channel")),
            }
            return Ok(());
        }
        let head = match head(conn, &frame) {
            Ok(head) => head,
            Err(error) => {
                if &*channel == "l2_data" {
                    self.lose_all(conn, UNDECODABLE, None, out); // rule 5
                }
                return Err(error);
            }
        };
        if !self.follows(head, out) {
            return Ok(());
        }
        match &*channel {
            "l2_data" => return self.books(head, &frame.events, out),
            "market_trades" => return self.trades(wire::json(&frame.events, "events")?, out),
            "ticker" | "ticker_batch" => {
                return self.tickers(head.at, wire::json(&frame.events, "events")?, out);
            }
            "heartbeats" => return self.beats(head, wire::json(&frame.events, "events")?, out),
            "subscriptions" => out.note(Note::Ack),
            "candles" | "status" | "user" | "futures_balance_summary" => out.note(Note::Unused(&channel)),
            _ => out.note(Note::Unknown(&channel)),
        }
        Ok(())
    }

    /// Rule 3. False when the message is a repetition; after a jump it is read on.
    pub(super) fn follows(&mut self, head: Head, out: &mut dyn Out) -> bool {
        let line = self.lines.entry(head.conn.0).or_default();
        match line.sequence.as_mut().map_or(Step::Apply, |sequence| sequence.step(head.number)) {
            Step::Apply | Step::Beat => {
                line.sequence.get_or_insert(Consecutive::from(head.number));
                true
            }
            Step::Old => {
                out.note(Note::Superseded);
                false
            }
            Step::Gap { expected, got } => {
                // The counter of heartbeats jumps with the numbers: one loss, not two.
                *line = Line { sequence: Some(Consecutive::from(head.number)), beat: None };
                let gap = Gap::between(expected, got);
                self.lose_all(head.conn, gap, head.at, out);
                true
            }
        }
    }

    /// Rule 4.
    fn beats(&mut self, head: Head, events: &str, out: &mut dyn Out) -> Result<(), WireError> {
        wire::each_row(events, |row| {
            let event: ListEvent<'_> = wire::object(row)?;
            let counter = wire::integer(&event.heartbeat_counter, "heartbeat_counter")?;
            let counter = counter.ok_or(WireError::Missing("heartbeat_counter"))?;
            out.note(Note::Heartbeat);
            let line = self.lines.entry(head.conn.0).or_default();
            let before = line.beat.replace(counter);
            if let Some(expected) = before.map(|n| n.saturating_add(1)).filter(|n| *n != counter) {
                let (expected, got) = (u64::try_from(expected).ok(), u64::try_from(counter).ok());
                self.lose_all(head.conn, Gap { expected, got, why: GapWhy::Sequence }, head.at, out);
            }
            Ok(())
        })
    }

    /// Loses the book of one product, reports it once, and subscribes it again.
    pub(super) fn lose(&mut self, ix: u32, gap: Gap, at: Option<Nanos>, out: &mut dyn Out) {
        let Some((symbol, state)) = self.table.both(ix) else { return };
        let Some(conn) = state.follow.conn else { return };
        if state.follow.lose(true) {
            out.event(Event { symbol, ts_venue: at, body: Body::Gap(gap) });
            let product = [symbol.text.to_string()];
            self.ask_again(conn, &product, out);
        }
    }

    /// Loses every book of a connection and subscribes all of them again.
    pub(super) fn lose_all(&mut self, conn: ConnIx, gap: Gap, at: Option<Nanos>, out: &mut dyn Out) {
        let lost = self.forget(conn, gap, at, true, out);
        self.ask_again(conn, &lost, out);
    }

    /// Loses every book of a connection; returns their products.
    fn forget(
        &mut self,
        conn: ConnIx,
        gap: Gap,
        at: Option<Nanos>,
        asked: bool,
        out: &mut dyn Out,
    ) -> Vec<String> {
        let mut lost = Vec::new();
        for (symbol, state) in self.table.each().filter(|(_, state)| state.follow.conn == Some(conn)) {
            let was_live = state.follow.is_live();
            state.follow.lose(asked);
            state.touch = None;
            lost.push(symbol.text.to_string());
            if was_live {
                out.event(Event { symbol, ts_venue: at, body: Body::Gap(gap) });
            }
        }
        lost
    }

    /// Asks for new snapshots.
    pub(super) fn ask_again(&self, conn: ConnIx, products: &[String], out: &mut dyn Out) {
        if products.is_empty() {
            return;
        }
        let all =
            |kind: &'static str| products.chunks(self.batch).map(move |batch| request(kind, "level2", batch));
        out.command(Command::Send { conn, texts: all("unsubscribe").chain(all("subscribe")).collect() });
    }
}

impl Decoder for CoinbaseDecoder {
    fn frame(&mut self, conn: ConnIx, bytes: &[u8], out: &mut dyn Out) {
        if self.fast(conn, bytes, out).is_none() {
            noted(self.message(conn, bytes, out), out);
        }
    }

    fn rest(&mut self, answer: &RestAnswer<'_>, out: &mut dyn Out) {
        noted(self.answer(answer, out), out);
    }

    fn control(&mut self, conn: ConnIx, control: &Control, out: &mut dyn Out) {
        if matches!(control, Control::Opened { .. }) {
            self.lines.remove(&conn.0); // a new socket counts from 0
        }
        let Some(why) = gap_of(control) else { return };
        self.lines.remove(&conn.0);
        let resubscribe = why == GapWhy::Overrun; // after a close the feed subscribes by itself
        let lost = self.forget(conn, Gap::of(why), None, resubscribe, out);
        if resubscribe {
            self.ask_again(conn, &lost, out);
        }
    }

    fn resync(&mut self, symbol: u32, out: &mut dyn Out) {
        self.lose(symbol, Gap::of(GapWhy::Impossible), None, out);
    }

    fn symbols(&self) -> &Symbols {
        self.table.symbols()
    }
}

fn head(conn: ConnIx, frame: &Frame<'_>) -> Result<Head, WireError> {
    let number = wire::integer(&frame.sequence_num, "sequence_num")?;
    let number = number.ok_or(WireError::Missing("sequence_num"))?;
    Ok(Head { conn, number, at: time(&frame.timestamp, "timestamp")? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    #[derive(Default)]
    struct Said {
        gaps: Vec<(String, Gap)>,
        books: Vec<(String, bool)>,
        sent: Vec<String>,
        notes: usize,
    }

    impl Out for Said {
        fn event(&mut self, event: Event<'_>) {
            let name = event.symbol.text.to_string();
            match event.body {
                Body::Gap(gap) => self.gaps.push((name, gap)),
                Body::Book(book) => self.books.push((name, book.snapshot)),
                _ => {}
            }
        }

        fn command(&mut self, command: Command) {
            if let Command::Send { texts, .. } = command {
                self.sent.extend(texts);
            }
        }

        fn note(&mut self, _note: Note<'_>) {
            self.notes += 1;
        }
    }

    fn decoder() -> CoinbaseDecoder {
        let text = include_str!("../../../venues/coinbase-us.toml");
        CoinbaseDecoder::new(&config::venues::read("coinbase-us", text).unwrap())
    }

    fn book(kind: &str, product: &str, number: i64) -> String {
        format!(
            r#"{{"channel":"l2_data","timestamp":"2026-11-22T06:00:00.1Z","sequence_num":{number},"events":[{{"type":"{kind}","product_id":"{product}","updates":[{{"side":"bid","event_time":"2026-11-22T06:00:00.1Z","price_level":"60000","new_quantity":"25"}}]}}]}}"#
        )
    }

    fn beat(counter: i64, number: i64) -> String {
        format!(
            r#"{{"channel":"heartbeats","timestamp":"2026-11-22T06:00:01Z","sequence_num":{number},"events":[{{"current_time":"x","heartbeat_counter":{counter}}}]}}"#
        )
    }

    fn hear(decoder: &mut CoinbaseDecoder, conn: u16, lines: &[String]) -> Said {
        let mut said = Said::default();
        lines.iter().for_each(|line| decoder.frame(ConnIx(conn), line.as_bytes(), &mut said));
        said
    }

    #[test]
    fn rule_1_a_snapshot_replaces_at_any_time() {
        let said = hear(
            &mut decoder(),
            0,
            &[book("snapshot", "A", 0), book("update", "A", 1), book("snapshot", "A", 2)],
        );
        assert_eq!(said.books.iter().map(|b| b.1).collect::<Vec<_>>(), [true, false, true]);
        assert!(said.gaps.is_empty());
    }

    #[test]
    fn rule_3_a_jump_costs_every_book_of_its_connection_and_no_other() {
        let mut decoder = decoder();
        hear(&mut decoder, 1, &[book("snapshot", "C", 0)]);
        let said = hear(
            &mut decoder,
            0,
            &[
                book("snapshot", "A", 0),
                book("snapshot", "B", 1),
                beat(7, 2),
                book("update", "A", 4),
                beat(9, 5),
            ],
        );
        let gap = Gap { expected: Some(3), got: Some(4), why: GapWhy::Sequence };
        assert_eq!(said.gaps, [("A".to_string(), gap), ("B".to_string(), gap)], "the heartbeats add none");
        assert_eq!(
            said.sent,
            [
                r#"{"type":"unsubscribe","product_ids":["A","B"],"channel":"level2"}"#,
                r#"{"type":"subscribe","product_ids":["A","B"],"channel":"level2"}"#
            ]
        );
        let said = hear(
            &mut decoder,
            0,
            &[book("update", "A", 6), book("snapshot", "A", 7), book("update", "A", 8)],
        );
        assert_eq!(said.books.len(), 2, "changes wait for the snapshot");
        let said = hear(&mut decoder, 1, &[book("update", "C", 1)]);
        assert_eq!((said.books.len(), said.gaps.len()), (1, 0));
    }

    #[test]
    fn rule_3_every_channel_counts() {
        let trades =
            r#"{"channel":"market_trades","timestamp":"2026-11-22T06:00:00Z","sequence_num":1,"events":[]}"#;
        let said =
            hear(&mut decoder(), 0, &[book("snapshot", "A", 0), trades.into(), book("update", "A", 2)]);
        assert!(said.gaps.is_empty());
        let said =
            hear(&mut decoder(), 0, &[book("snapshot", "A", 0), trades.into(), book("update", "A", 1)]);
        assert_eq!((said.books.len(), said.notes), (1, 1), "the same number again is a repetition");
    }

    #[test]
    fn rule_4_a_heartbeat_that_is_missing_is_a_loss() {
        let said = hear(&mut decoder(), 0, &[book("snapshot", "A", 0), beat(7, 1), beat(9, 2)]);
        let gap = Gap { expected: Some(8), got: Some(9), why: GapWhy::Sequence };
        assert_eq!(said.gaps, [("A".to_string(), gap)]);
    }

    #[test]
    fn rule_5_what_cannot_be_read_costs_as_much_as_it_may_have_changed() {
        let mut decoder = decoder();
        let bad = book("update", "A", 2).replace("60000", "-1");
        let said = hear(&mut decoder, 0, &[book("snapshot", "A", 0), book("snapshot", "B", 1), bad]);
        assert_eq!(
            said.gaps.iter().map(|g| (g.0.as_str(), g.1.why)).collect::<Vec<_>>(),
            [("A", GapWhy::Undecodable)]
        );
        let nameless = book("update", "", 3);
        let said = hear(&mut decoder, 0, &[nameless]);
        assert_eq!(said.gaps.iter().map(|g| g.0.as_str()).collect::<Vec<_>>(), ["B"], "A is lost already");
        let said = hear(&mut decoder, 0, &[book("snapshot", "A", 4), "{".into(), book("update", "A", 6)]);
        assert_eq!(said.gaps.len(), 1, "the number of the unreadable message is missing");
    }

    #[test]
    fn a_reconnect_counts_anew() {
        let mut decoder = decoder();
        hear(&mut decoder, 0, &[book("snapshot", "A", 40)]);
        let mut said = Said::default();
        decoder.control(ConnIx(0), &Control::Closed { reason: "x".into(), retry_ms: 0 }, &mut said);
        assert_eq!((said.gaps.len(), said.sent.len()), (1, 0), "the feed subscribes by itself");
        decoder.control(ConnIx(0), &Control::Opened { reconnects: 1 }, &mut said);
        let said = hear(&mut decoder, 0, &[book("snapshot", "A", 0), book("update", "A", 1)]);
        assert_eq!((said.gaps.len(), said.books.len()), (0, 2));
        // A successor takes over without a close.
        let mut said = Said::default();
        decoder.control(ConnIx(0), &Control::Opened { reconnects: 2 }, &mut said);
        let said = hear(&mut decoder, 0, &[book("snapshot", "A", 0), book("update", "A", 1)]);
        assert_eq!((said.gaps.len(), said.books.len()), (0, 2));
    }
}
