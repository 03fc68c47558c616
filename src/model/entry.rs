//! The tape: the one ordered sequence of what reached us.
//!
//! Everything shown, alerted or exported is a function of configuration and tape. `seq` is the order
//! of arrival and the truth; `ts_recv` is stored as received and may step back.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::alert::Restored;
use super::life::Disposition;
use super::time::Nanos;

/// Index of a connection within one tape. A reconnect keeps the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConnIx(pub u16);

/// A connection as the tape knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnInfo {
    /// Venue id, for example `bybit`.
    pub venue: String,
    /// Name unique within the tape: `bybit/linear-1`, `bybit/rest`; `bybit/desk@private-1` and
    /// `bybit/desk@rest` belong to the own account `desk`.
    pub name: String,
    /// Where it leads, without secrets.
    pub url: String,
}

impl ConnInfo {
    /// The account of a private connection: `desk` in `bybit/desk@private-1`.
    pub fn account(&self) -> Option<&str> {
        let (_, name) = self.name.split_once('/')?;
        name.split_once('@').map(|(account, _)| account)
    }
}

/// One item of the tape.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// Order of arrival, from 1.
    pub seq: u64,
    /// When it reached us, UTC.
    pub ts_recv: Nanos,
    /// What it is.
    pub kind: Kind<'a>,
}

/// The kinds of entry.
#[derive(Clone, Copy, Debug)]
pub enum Kind<'a> {
    /// A connection is used for the first time.
    Conn(ConnIx, &'a ConnInfo),
    /// Bytes of one websocket message, undecoded.
    Frame(ConnIx, &'a [u8]),
    /// Answer to a REST request.
    Rest(ConnIx, RestAnswer<'a>),
    /// The connection changed state.
    Control(ConnIx, &'a Control),
    /// Time passed: one for each point of the 100 ms grid.
    Tick,
    /// The clock jumped by more than a minute; no ticks stand for the hole.
    ClockStep,
    /// A person did something.
    Operator(&'a OperatorAction),
}

/// Answer to a REST request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RestAnswer<'a> {
    /// Full URL, or `rest:<path>` in foreign captures. For a POST the body follows a space.
    pub url: &'a str,
    /// HTTP status.
    pub status: u16,
    /// Body, undecoded.
    pub body: &'a [u8],
}

/// Changes of state of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "control")]
pub enum Control {
    /// The handshake is done and subscriptions are sent.
    Opened {
        /// How many times this connection was opened before.
        reconnects: u32,
    },
    /// The connection is gone.
    Closed {
        /// Close code or error in words.
        reason: String,
        /// When the next attempt is due, in milliseconds.
        retry_ms: u64,
    },
    /// The connection could not be opened.
    Refused {
        /// Error in words.
        reason: String,
        /// When the next attempt is due, in milliseconds.
        retry_ms: u64,
    },
    /// Frames were discarded on a full queue; books of this connection restart.
    Overrun {
        /// Discarded frames.
        frames: u64,
        /// Their bytes.
        bytes: u64,
    },
    /// A message above the size limit closed the connection.
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// A REST request failed before an answer came.
    RestFailed {
        /// What was asked.
        url: String,
        /// Error in words.
        reason: String,
    },
}

/// What an operator may do; each act is on the tape.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "action")]
pub enum OperatorAction {
    /// Takes ownership of an alert.
    Ack {
        /// Alert id.
        id: String,
        /// Who.
        who: String,
        /// Why; may be empty.
        comment: String,
    },
    /// States positions of accounts whose keys stay at home. Each account named has these and no others.
    Positions {
        /// Who.
        who: String,
        /// All of them.
        rows: Vec<GivenPosition>,
    },
    /// Settings were read again while running.
    Reload {
        /// Who.
        who: String,
        /// What changed, in words: `fps 10 -> 4`.
        changed: Vec<String>,
        /// All settings that hold now, by key, as TOML.
        texts: BTreeMap<String, String>,
    },
    /// What the session before left open; stands at the start of a tape.
    Restore {
        /// Hash of the last alert line told; the lines of this tape go on from it.
        head: String,
        /// Open alerts.
        alerts: Vec<Restored>,
    },
    /// Gives it back.
    Unack {
        /// Alert id.
        id: String,
        /// Who.
        who: String,
    },
    /// Silences alerts; their state goes on.
    Mute {
        /// Id of the mute, chosen by the face.
        id: String,
        /// Filter text: `venue=bybit rule=feed.*`.
        matcher: String,
        /// When it ends; without it at the end of the session.
        until: Option<Nanos>,
        /// It ends when nothing that it silences is open any more.
        #[serde(default)]
        until_resolved: bool,
        /// Critical alerts that are always heard are silenced too.
        #[serde(default)]
        include_critical: bool,
        /// Who.
        who: String,
        /// Why.
        reason: String,
    },
    /// Ends a mute.
    Unmute {
        /// Id of the mute.
        id: String,
        /// Who.
        who: String,
    },
    /// Closes an alert, or says of a closed one what it was.
    Resolve {
        /// Alert id.
        id: String,
        /// What it turned out to be.
        #[serde(rename = "as")]
        as_: Disposition,
        /// Who.
        who: String,
        /// Why; may be empty.
        comment: String,
    },
    /// Says something about an alert.
    Comment {
        /// Alert id.
        id: String,
        /// Who.
        who: String,
        /// What.
        comment: String,
    },
    /// Tells the next level of an alert at once.
    Escalate {
        /// Alert id.
        id: String,
        /// Who.
        who: String,
    },
}

/// A position that was given by hand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GivenPosition {
    /// The operator's name for the account.
    pub account: String,
    /// Venue id.
    pub venue: String,
    /// Native symbol.
    pub symbol: String,
    /// Signed size in the unit of the venue's books.
    pub contracts: Decimal,
    /// Average entry, where known.
    pub entry: Option<Decimal>,
    /// `cross`, `isolated`, `portfolio`.
    pub margin_mode: String,
    /// Margin set aside, in the settlement currency.
    pub margin: Option<Decimal>,
    /// Leverage chosen.
    pub leverage: Option<Decimal>,
}
