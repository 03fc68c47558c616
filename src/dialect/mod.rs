//! Floor 2: wire protocols. Bytes become events; nothing here does I/O or knows the engine.
//!
//! A dialect has two halves. [`Dialect`] is stateless: which connections, subscriptions, polls and
//! heartbeats a venue wants. [`Decoder`] is the state of one venue on one tape: symbols seen, sequence
//! numbers, books that wait for their snapshot. Both live in one file per protocol, with the venue's
//! own numbered sequence rules in its doc, and are entered in [`DIALECTS`] with one line.
//!
//! # Why
//! Decoders keep no order book: they check sequences and hand levels on. The engine owns books, so
//! every venue gets the same one. A frame is only trusted as far as it parses: an unknown field is
//! ignored, an unknown kind is counted, a frame that does not parse is an error note and, where it
//! belonged to a book, a gap.
#![deny(clippy::indexing_slicing)]

pub mod account;
pub mod binance;
pub mod bitget;
pub mod bitmex;
pub mod bybit;
pub mod checksum;
pub mod coinbase;
pub mod deribit;
pub mod dydx;
pub mod follow;
pub mod gate;
pub mod hot;
pub mod hyperliquid;
pub mod kraken;
pub mod levels;
pub mod lists;
pub mod okx;
pub mod passphrase;
pub mod plan;
pub mod scan;
pub mod sequence;
pub mod sign;
pub mod symbols;
pub mod table;
pub mod wire;

use crate::model::entry::{ConnIx, Control, RestAnswer};
use crate::model::event::{Event, GapWhy};
use crate::model::venue::{Command, ConnPlan, Heartbeat, Poll, RestRequest, VenueSpec, Watch};

pub use account::AccountDialect;
pub use symbols::Symbols;
pub use table::Table;

/// Every wire protocol, one line each.
#[rustfmt::skip]
pub static DIALECTS: &[&dyn Dialect] = &[
    &binance::Binance,
    &bitget::Bitget,
    &bitmex::Bitmex,
    &bybit::Bybit,
    &coinbase::Coinbase,
    &deribit::Deribit,
    &dydx::Dydx,
    &gate::Gate,
    &hyperliquid::Hyperliquid,
    &kraken::Kraken,
    &okx::Okx,
];

/// The dialect with this id.
pub fn find(id: &str) -> Option<&'static dyn Dialect> {
    DIALECTS.iter().copied().find(|d| d.id() == id)
}

/// The stateless half of a wire protocol: what to ask a venue for.
pub trait Dialect: Sync {
    /// Id used in venue files.
    fn id(&self) -> &'static str;

    /// Requests that list the instruments. Asked before the first connection opens.
    fn bootstrap(&self, venue: &VenueSpec) -> Vec<RestRequest>;

    /// Connections and their subscriptions for the watched instruments, within the venue's limits.
    fn connections(&self, venue: &VenueSpec, watch: &[Watch]) -> Vec<ConnPlan>;

    /// Requests that repeat because the venue has no stream for them.
    fn polls(&self, venue: &VenueSpec, watch: &[Watch]) -> Vec<Poll>;

    /// Text the client must send to stay connected; `None` where websocket pings do it.
    fn heartbeat(&self) -> Option<Heartbeat>;

    /// The half that reads own accounts, where there is one.
    fn account(&self) -> Option<&'static dyn AccountDialect> {
        None
    }

    /// The request for a book as it is now, to check the streamed one; its answer comes back as
    /// [`Body::Audit`](crate::model::event::Body::Audit).
    fn audit(&self, _venue: &VenueSpec, _watch: &Watch) -> Option<RestRequest> {
        None
    }

    /// A fresh decoder. Instruments of the venue file are known to it from the start.
    fn decoder(&self, venue: &VenueSpec) -> Box<dyn Decoder>;
}

/// The state of one venue on one tape: turns entries into events.
pub trait Decoder: Send {
    /// Reads one websocket message.
    fn frame(&mut self, conn: ConnIx, bytes: &[u8], out: &mut dyn Out);

    /// Reads one REST answer. Failed statuses come too.
    fn rest(&mut self, answer: &RestAnswer<'_>, out: &mut dyn Out);

    /// Learns that a connection changed. On a close or an overrun every book that lived on it is
    /// reset and reported as a gap.
    fn control(&mut self, conn: ConnIx, control: &Control, out: &mut dyn Out);

    /// Forgets the book of a symbol and asks for it anew: the engine found it impossible.
    fn resync(&mut self, symbol: u32, out: &mut dyn Out);

    /// Symbols in order of first sight.
    fn symbols(&self) -> &Symbols;
}

/// Where a decoder puts what it found.
pub trait Out {
    /// A normalised event.
    fn event(&mut self, event: Event<'_>);

    /// Something to be done outside: ask for a snapshot, subscribe again.
    fn command(&mut self, command: Command);

    /// Something to be counted.
    fn note(&mut self, note: Note<'_>);
}

/// What a message was when it carried no event. Nothing is lost in silence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note<'a> {
    /// A pong or a heartbeat of the venue: proves the socket, not the data.
    Heartbeat,
    /// A subscription was accepted.
    Ack,
    /// The venue refused something; its words.
    Refused(&'a str),
    /// A known kind that faultline has no use for, such as candles.
    Unused(&'a str),
    /// A kind this build does not know.
    Unknown(&'a str),
    /// A book message older than the snapshot it waits for, or a duplicate.
    Superseded,
    /// The message does not parse; why.
    Undecodable(WireError),
}

/// Why a message could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// Not JSON, or not of the shape this kind has.
    #[error("not the JSON this message kind has")]
    Shape,
    /// A field is absent.
    #[error("field `{0}` is missing")]
    Missing(&'static str),
    /// A number is malformed or beyond 18 digits.
    #[error("field `{0}` holds no usable number")]
    Number(&'static str),
    /// A price or size is negative, or a price is zero.
    #[error("field `{0}` holds a price or size that cannot be")]
    Range(&'static str),
    /// A word is none of those that this field may hold.
    #[error("field `{0}` holds an unknown word")]
    Word(&'static str),
    /// More symbols, levels or bytes than the limit.
    #[error("more {0} than the limit")]
    TooMany(&'static str),
}

/// Messages a book may keep while it waits for its snapshot. Beyond that the oldest are of no use:
/// the snapshot is asked for again.
pub const PENDING_MESSAGES_MAX: usize = 4_096;
/// Levels taken from one message.
pub const LEVELS_MAX: usize = 200_000;
/// Symbols one venue may name.
pub const SYMBOLS_MAX: usize = 20_000;

/// The gap reason that a change of the connection stands for, if it costs the books.
pub fn gap_of(control: &Control) -> Option<GapWhy> {
    match control {
        Control::Closed { .. } | Control::TooLarge { .. } => Some(GapWhy::Disconnect),
        Control::Overrun { .. } => Some(GapWhy::Overrun),
        Control::Opened { .. } | Control::Refused { .. } | Control::RestFailed { .. } => None,
    }
}

/// Notes why something could not be read.
pub fn noted(read: Result<(), WireError>, out: &mut dyn Out) {
    if let Err(error) = read {
        out.note(Note::Undecodable(error));
    }
}

/// For tests of the hot paths: `fast` reads `line` into one event, and leaves each of `others` to the
/// general parser before anything is emitted.
#[cfg(test)]
fn takes_only(line: &str, others: &[String], mut fast: impl FnMut(&[u8], &mut Count) -> Option<()>) {
    let mut sink = Count::default();
    assert!(fast(line.as_bytes(), &mut sink).is_some(), "{line}");
    assert_eq!(sink.0, 1, "{line}");
    for other in others {
        assert!(fast(other.as_bytes(), &mut sink).is_none(), "{other}");
    }
    assert_eq!(sink.0, 1, "nothing is emitted before the whole message is read");
}

/// For tests of the hot paths: how many events came.
#[cfg(test)]
#[derive(Default)]
struct Count(usize);

#[cfg(test)]
impl Out for Count {
    fn event(&mut self, _event: Event<'_>) {
        self.0 += 1;
    }

    fn command(&mut self, _command: Command) {}

    fn note(&mut self, _note: Note<'_>) {}
}
