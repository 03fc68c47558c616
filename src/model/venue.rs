//! Venues: what `venues/<id>.toml` says about one liquidity pool and how to reach it.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::Deserialize;

use super::instrument::{Class, InstrumentDef, Payoff, SizeUnit, split_scale};
use super::time::Nanos;

/// A venue: one liquidity pool, its endpoints, its limits. One TOML file each.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VenueSpec {
    /// Stable id, also of the pool: `binance-usdm`.
    pub id: String,
    /// Name people use, shared by venues of one house: `binance`.
    pub brand: String,
    /// At most nine columns, for screens.
    pub short: String,
    /// Full name.
    pub name: String,
    /// Wire protocol: an id of the dialect registry.
    pub dialect: String,
    /// Variety of the dialect, where it has several: `usdm`, `coinm`.
    #[serde(default)]
    pub variant: String,
    /// Code of the operator's regime; `--` when unknown.
    #[serde(default = "unknown_regime")]
    pub regime: String,
    /// Headers that the venue wants at each handshake and with each request; names in lower case.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Websocket endpoints.
    #[serde(rename = "endpoint")]
    pub endpoints: Vec<Endpoint>,
    /// REST base.
    pub rest: RestSpec,
    /// What the venue tolerates.
    #[serde(default)]
    pub limits: Limits,
    /// Cadence by channel name (`book`, `trade`, `quote`, `ticker`, ...).
    #[serde(default, rename = "channel")]
    pub channels: BTreeMap<String, ChannelSpec>,
    /// Channels that the venue does not have. One that is neither served nor listed here is unknown.
    #[serde(default)]
    pub none: Vec<String>,
    /// Id of the venue whose order books these may be, as far as anybody knows: two doors to one pool.
    /// Such a venue is watched only when it is named by its id, so that no liquidity counts twice.
    #[serde(default)]
    pub may_share: String,
    /// What a taker pays without any discount, in basis points of the notional; unknown when absent.
    #[serde(default)]
    pub taker_fee_bps: Option<Decimal>,
    /// Dated contract terms for captures that carry none.
    #[serde(default, rename = "instrument")]
    pub instruments: Vec<InstrumentRow>,
    /// Facts of law and rules: `config::rulebook` reads them.
    #[serde(default, rename = "rulebook")]
    pub rules: serde::de::IgnoredAny,
}

fn unknown_regime() -> String {
    "--".into()
}

/// A websocket endpoint.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// Short name, unique within the venue: `public`, `linear`.
    pub name: String,
    /// URL without subscription.
    pub url: String,
    /// Channels that this endpoint serves.
    pub channels: Vec<String>,
}

/// REST access.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RestSpec {
    /// Scheme and host, no trailing slash.
    pub url: String,
    /// The same for the request that tells what a key may do, where another host answers it.
    #[serde(default)]
    pub keys_url: Option<String>,
    /// Weight that may be spent in one second; a plain request weighs 1.
    #[serde(default = "five")]
    pub requests_per_s: u32,
    /// Weight that may be spent at once after a pause.
    #[serde(default = "one")]
    pub burst: u32,
}

const fn one() -> u32 {
    1
}

const fn five() -> u32 {
    5
}

/// What the venue tolerates on its sockets.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Most subscriptions on one connection.
    pub streams_per_connection: usize,
    /// Most subscriptions in one request.
    pub subscribe_batch: usize,
    /// Pause between outgoing messages, in milliseconds.
    pub send_gap_ms: u64,
    /// New connections per minute; a few more may start at once.
    pub connects_per_min: u32,
    /// Planned end of a connection, in minutes; 0 means no known limit.
    pub max_life_min: u64,
    /// Largest message taken, in bytes. 16 MiB is the most.
    pub message_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            streams_per_connection: 100,
            subscribe_batch: 20,
            send_gap_ms: 250,
            connects_per_min: 60,
            max_life_min: 0,
            message_bytes_max: 2 << 20,
        }
    }
}

/// Cadence of one channel: when silence becomes staleness.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelSpec {
    /// Usual distance of two messages, in milliseconds.
    #[serde(default = "second")]
    pub expected_gap_ms: u64,
    /// The venue sends only when something changes: silence alone proves nothing.
    #[serde(default)]
    pub on_change: bool,
    /// Poll period in milliseconds; 0 means streamed.
    #[serde(default)]
    pub poll_ms: u64,
    /// Which part of all liquidations the venue reports; liquidations only.
    #[serde(default)]
    pub report: Option<Report>,
}

/// How much of what happens a venue reports. METRICS.md §4.4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Report {
    /// Everything.
    All,
    /// The newest one in each second and instrument: a floor.
    LastPerS,
    /// The largest one in each second and instrument: a floor.
    MaxPerS,
    /// At most one in each second and instrument, which one is not said: a floor.
    OnePerS,
}

impl Report {
    /// True when it shows one a second at most: what is seen is then a floor.
    pub const fn is_throttled(self) -> bool {
        matches!(self, Report::LastPerS | Report::MaxPerS | Report::OnePerS)
    }

    /// As venue files write it.
    pub const fn word(self) -> &'static str {
        match self {
            Report::All => "all",
            Report::LastPerS => "last_per_s",
            Report::MaxPerS => "max_per_s",
            Report::OnePerS => "one_per_s",
        }
    }
}

const fn second() -> u64 {
    1_000
}

impl Default for ChannelSpec {
    fn default() -> Self {
        ChannelSpec { expected_gap_ms: second(), on_change: false, poll_ms: 0, report: None }
    }
}

/// Contract terms with their source, for captures without an instrument list.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstrumentRow {
    /// Native symbol.
    pub symbol: String,
    /// `perp`, `future`, `spot`.
    pub class: String,
    /// `linear`, `inverse`, `quanto`.
    pub payoff: String,
    /// Base currency as traded.
    pub base: String,
    /// Currency of the price.
    pub quote: String,
    /// Currency of margin.
    pub settle: String,
    /// See `InstrumentDef::multiplier`.
    pub multiplier: Decimal,
    /// Unit of open interest: `contracts`, `base`, `quote`, `usd`.
    #[serde(default)]
    pub oi_unit: String,
    /// Where the terms were read.
    pub source: String,
    /// Day they were read.
    pub as_of: String,
}

impl InstrumentRow {
    /// The terms as the engine wants them, or what is wrong with them.
    pub fn to_def(&self) -> Result<InstrumentDef, String> {
        let (underlying, price_scale) = split_scale(&self.base);
        Ok(InstrumentDef {
            class: match self.class.as_str() {
                "perp" => Class::Perp,
                "future" => Class::Future,
                "spot" => Class::Spot,
                other => return Err(format!("class `{other}` is not one of perp, future, spot")),
            },
            payoff: match self.payoff.as_str() {
                "linear" => Payoff::Linear,
                "inverse" => Payoff::Inverse,
                "quanto" => Payoff::Quanto,
                other => return Err(format!("payoff `{other}` is not one of linear, inverse, quanto")),
            },
            underlying: underlying.to_string(),
            base: self.base.clone(),
            quote: self.quote.clone(),
            settle: self.settle.clone(),
            multiplier: self.multiplier,
            price_scale,
            oi_unit: match self.oi_unit.as_str() {
                "" | "contracts" => SizeUnit::Contracts,
                "base" => SizeUnit::Base,
                "quote" => SizeUnit::Quote,
                "usd" => SizeUnit::Usd,
                other => return Err(format!("oi_unit `{other}` is not one of contracts, base, quote, usd")),
            },
            oi_sides: 1,
            ..InstrumentDef::default()
        })
    }
}

/// An instrument that is watched.
#[derive(Clone, Debug)]
pub struct Watch {
    /// Native symbol.
    pub symbol: String,
    /// Its terms.
    pub def: InstrumentDef,
}

/// HTTP method of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Method {
    /// Reads.
    #[default]
    Get,
    /// Reads with a body, or makes a ticket.
    Post,
    /// Keeps a ticket alive.
    Put,
}

impl Method {
    /// As HTTP writes it.
    pub const fn word(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Put => "PUT",
        }
    }
}

/// A REST request that a dialect asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestRequest {
    /// GET, POST, PUT.
    pub method: Method,
    /// Path with query, appended to the venue's REST base.
    pub path: String,
    /// JSON body.
    pub body: Option<String>,
    /// Weight against the venue's budget.
    pub weight: u32,
}

impl RestRequest {
    /// A GET of `path`.
    pub fn get(path: impl Into<String>) -> Self {
        RestRequest { method: Method::Get, path: path.into(), body: None, weight: 1 }
    }

    /// A POST of a JSON `body` to `path`.
    pub fn post(path: impl Into<String>, body: impl Into<String>) -> Self {
        RestRequest { method: Method::Post, path: path.into(), body: Some(body.into()), weight: 1 }
    }
}

/// A request that repeats.
#[derive(Clone, Debug)]
pub struct Poll {
    /// What to ask.
    pub request: RestRequest,
    /// How often, in milliseconds.
    pub every_ms: u64,
}

/// A websocket connection that a dialect wants.
#[derive(Clone, Debug)]
pub struct ConnPlan {
    /// Name unique within the tape: `<venue>/<endpoint>-<n>`.
    pub name: String,
    /// URL to open.
    pub url: String,
    /// Texts to send after the handshake, `Limits::send_gap_ms` apart.
    pub hello: Vec<String>,
}

/// Text that keeps a connection alive.
#[derive(Clone, Copy, Debug)]
pub struct Heartbeat {
    /// What to send; empty stands for a websocket ping.
    pub text: &'static str,
    /// How often, in milliseconds.
    pub every_ms: u64,
}

/// A request from a decoder to the outside; in replay its answer is on the tape already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Ask over REST; the answer comes back as an entry.
    Rest(RestRequest),
    /// Send these texts on a connection, for example unsubscribe and subscribe again.
    Send {
        /// Which connection.
        conn: super::entry::ConnIx,
        /// What to send, in order.
        texts: Vec<String>,
    },
}

/// End of time, for contracts without expiry in sorted lists.
pub const NEVER: Nanos = Nanos(i64::MAX);
