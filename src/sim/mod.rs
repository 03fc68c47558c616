//! Floor 3: the venue simulator. One synthetic market, served over real loopback sockets in the wire
//! formats of several venues.
//!
//! ```text
//! seed ─▶ fundamental ─▶ instrument ─▶ session ─────▶ socket ─▶ client
//!         market.rs      instrument.rs  one file       server.rs
//!                        book.rs        per venue      socket.rs
//!                        account.rs     auth.rs
//!                        crowd.rs ─▶ truth.rs
//!                           ▲                             ▲
//!                        scene.rs                      fault.rs, limits.rs
//! ```
//! The market is a pure function of (seed, scene, start, simulated time) and knows no socket. A session
//! is a pure function of the market and of what its client sent. So a seed gives the same frames, byte
//! for byte, with or without sockets. The encoders share nothing with the decoders in `dialect/`: each
//! is written from the venue's own description, so that one cannot hide the other's mistake.
//!
//! Paths, requests and shapes are those of production: a client only exchanges scheme, host and port.

pub mod account;
pub mod book;
pub mod chain;
pub mod crowd;
pub mod fault;
pub mod limits;
pub mod listing;
pub mod market;
pub mod people;
pub mod rng;
pub mod scene;
pub mod session;
pub mod truth;

mod auth;
mod binance;
mod binance_account;
mod binance_rest;
mod bitget;
mod bitget_account;
mod bitget_rest;
mod bitmex;
mod bitmex_account;
mod bitmex_rest;
mod bitmex_rows;
mod bybit;
mod bybit_account;
mod bybit_option;
mod bybit_rest;
mod coinbase;
mod coinbase_account;
mod coinbase_jwt;
mod coinbase_rest;
mod deribit;
mod deribit_account;
mod deribit_rest;
mod deribit_wire;
mod dydx;
mod dydx_account;
mod dydx_rest;
mod gate;
mod gate_account;
mod gate_rest;
mod hyperliquid;
mod hyperliquid_account;
mod hyperliquid_info;
mod instrument;
mod kraken;
mod kraken_account;
mod kraken_rest;
mod okx;
mod okx_account;
mod okx_options;
mod okx_rest;
mod okx_rows;
mod server;
mod socket;
mod subscription;
mod text;

use std::net::SocketAddr;

use crate::model::Nanos;

pub use fault::FaultHandle;
pub use instrument::{Instrument, Liquidation, Trade};
pub use listing::Listing;
pub use market::Market;
pub use scene::Scene;
pub use server::{Sim, serve};
pub use session::{Session, VenueServer};
pub use subscription::Cursor;

/// Every simulated venue, one line each.
#[rustfmt::skip]
pub static VENUES: &[&dyn VenueServer] = &[
    &binance::USDM,
    &binance::COINM,
    &bybit::Bybit,
    &coinbase::Coinbase,
    &okx::GLOBAL,
    &okx::EEA,
    &okx::US,
    &hyperliquid::Hyperliquid,
    &bitget::Bitget,
    &kraken::Kraken,
    &deribit::Deribit,
    &gate::Gate,
    &bitmex::Bitmex,
    &dydx::Dydx,
];

/// What to simulate.
#[derive(Clone, Debug)]
pub struct SimConfig {
    /// The same seed gives the same market.
    pub seed: u64,
    /// What happens in it.
    pub scene: Scene,
    /// Simulated time at the start; `clock.now()` makes it run along with the wall clock.
    pub start: Nanos,
    /// Simulated seconds per second, 1 = real time; from 0.1 to 100.
    pub speed: f64,
    /// Ids of the venues to serve; empty means all.
    pub venues: Vec<String>,
    /// Around which shape people are drawn, in scenes that have any.
    pub shape: people::Shape,
}

impl SimConfig {
    /// All venues in real time.
    pub fn new(seed: u64, scene: Scene, start: Nanos) -> Self {
        SimConfig { seed, scene, start, speed: 1.0, venues: Vec::new(), shape: people::Shape::default() }
    }
}

/// Why the simulator could not start, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum SimError {
    /// No simulated venue has this id.
    #[error("no simulated venue `{venue}`; there are {}", ids())]
    UnknownVenue {
        /// The id asked for.
        venue: String,
    },
    /// The speed is outside 0.1 to 100.
    #[error("speed {speed} is outside 0.1 to 100")]
    Speed {
        /// The speed asked for.
        speed: f64,
    },
    /// Loopback gives no port.
    #[error("cannot listen on 127.0.0.1 for {venue}: {source}")]
    Listen {
        /// Which venue.
        venue: String,
        /// The system's words.
        source: std::io::Error,
    },
    /// The market broke one of its own laws: a mistake in the simulator, not in its user.
    #[error("the simulated market broke a law at {at}: {law} ({instrument})")]
    Broken {
        /// Simulated time.
        at: Nanos,
        /// The law.
        law: &'static str,
        /// Venue and symbol.
        instrument: String,
    },
}

fn ids() -> String {
    VENUES.iter().map(|venue| venue.id()).collect::<Vec<_>>().join(", ")
}

/// Where a simulated venue listens: its id and address. Websocket and REST share the port.
pub type VenueAddress = (String, SocketAddr);
