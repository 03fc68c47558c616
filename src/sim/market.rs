//! The market without sockets: fundamentals, and the instruments of every simulated venue, moved in
//! fixed steps of simulated time.

use crate::model::Nanos;
use crate::model::time::{MS, SECOND};

use super::account::Account;
use super::crowd::Crowd;
use super::instrument::Instrument;
use super::people::Past;
use super::rng::Stream;
use super::scene::{Part, Scene};
use super::session::{Shows, VenueServer};
use super::{SimConfig, SimError, VENUES};

/// One step of the market in nanoseconds; also the cadence of books and quotes.
pub const STEP: i64 = 100 * MS;
/// One step in seconds.
pub(super) const STEP_S: f64 = 0.1;
/// Calm steps before the start, so that averages and histories are filled.
const WARM_UP_STEPS: i64 = 200;

/// Pull of the venues' mean basis on the common price per second, where a crowd can be liquidated.
const FOLLOW_PER_S: f64 = 0.3;

/// Underlyings: name, dollars at the start, volatility per square root of a second in basis points.
pub static UNDERLYINGS: &[(&str, f64, f64)] = &[
    ("BTC", 91_250.0, 0.8),
    ("ETH", 3_120.0, 1.1),
    ("SOL", 148.0, 1.4),
    ("XRP", 2.14, 1.5),
    ("DOGE", 0.1645, 1.8),
];

/// The common price of one underlying: a random walk with a common factor, loosely tied to its start.
#[derive(Clone, Debug)]
struct Fundamental {
    name: &'static str,
    anchor: f64,
    log_price: f64,
    volatility: f64,
    own: Stream,
    dollars: f64,
}

impl Fundamental {
    /// One step with the common shock and the scene's drift in basis points per second.
    fn advance(&mut self, factor: f64, tide_bps_s: f64) {
        let shock = (0.75 * factor + 0.66 * self.own.normal()) * self.volatility * 1e-4 * libm::sqrt(STEP_S);
        let home = (self.anchor - self.log_price) * STEP_S / 1_800.0;
        let tide = tide_bps_s * self.volatility * 1e-4 * STEP_S;
        self.log_price += shock + home + tide;
        self.dollars = libm::exp(self.log_price);
    }
}

impl Fundamental {
    /// Learns from the venues: where forced flow pulls their prices, the common price follows, and with it
    /// the others. Arbitrage over all venues, one step late.
    fn follow(&mut self, venues: &[Venue]) {
        let all = venues.iter().flat_map(|v| &v.instruments).filter(|i| i.listing.underlying == self.name);
        let (sum, weight) = all.fold((0.0, 0.0), |(sum, weight), instrument| {
            let own = f64::from(instrument.listing.interest_musd);
            (sum + own * instrument.strain_bps(), weight + own)
        });
        if weight > 0.0 {
            self.log_price += FOLLOW_PER_S * STEP_S * sum / weight * 1e-4;
            self.dollars = libm::exp(self.log_price);
        }
    }
}

/// One simulated venue at one moment: what sessions and REST answers are made from.
#[derive(Clone, Debug)]
pub struct Venue {
    /// Its id.
    pub id: &'static str,
    /// Its part in scenes.
    pub part: Part,
    /// Simulated time.
    pub now: Nanos,
    /// Steps since the start.
    pub step: u64,
    /// The scene has it send no data.
    pub silent: bool,
    /// The scene has it drop its sockets and refuse everything.
    pub down: bool,
    /// Its instruments.
    pub instruments: Vec<Instrument>,
    /// The desk's own account.
    pub account: Account,
    cash: &'static str,
    shows: Shows,
}

impl Venue {
    /// The instrument with this native symbol, letter case included, and its index.
    pub fn find(&self, symbol: &str) -> Option<(usize, &Instrument)> {
        self.instruments.iter().enumerate().find(|(_, i)| i.listing.symbol == symbol)
    }
}

/// The whole synthetic market.
#[derive(Clone, Debug)]
pub struct Market {
    scene: Scene,
    start: Nanos,
    now: Nanos,
    step: u64,
    factor: Stream,
    fundamentals: Vec<Fundamental>,
    venues: Vec<Venue>,
}

impl Market {
    /// A market at `config.start`, after a calm warm-up. The start is moved onto the grid of steps.
    ///
    /// Errors: an unknown venue id.
    pub fn new(config: &SimConfig) -> Result<Market, SimError> {
        let seed = config.seed;
        let fundamentals: Vec<Fundamental> = UNDERLYINGS
            .iter()
            .map(|&(name, dollars, volatility)| Fundamental {
                name,
                anchor: libm::log(dollars),
                log_price: libm::log(dollars),
                volatility,
                own: Stream::named(seed, &format!("fundamental/{name}")),
                dollars,
            })
            .collect();
        if let Some(venue) = config.venues.iter().find(|id| !VENUES.iter().any(|v| v.id() == id.as_str())) {
            return Err(SimError::UnknownVenue { venue: venue.clone() });
        }
        let served =
            |v: &&&dyn VenueServer| config.venues.is_empty() || config.venues.iter().any(|id| id == v.id());
        let mut venues: Vec<Venue> =
            VENUES.iter().filter(served).map(|server| venue(*server, seed, &fundamentals)).collect();
        if config.scene.has_crowd() {
            settle(&mut venues, &fundamentals, config);
        }
        let start = config.start.floor_to(STEP);
        let mut market = Market {
            scene: config.scene,
            start,
            now: start.plus(-WARM_UP_STEPS * STEP),
            step: 0,
            factor: Stream::named(seed, "factor"),
            fundamentals,
            venues,
        };
        market.advance(start)?;
        Ok(market)
    }

    /// Moves simulated time to the last step that is not after `to`.
    ///
    /// Errors: a law of the market is broken, which is a mistake in the simulator.
    pub fn advance(&mut self, to: Nanos) -> Result<(), SimError> {
        while self.now.plus(STEP) <= to {
            self.one_step()?;
        }
        Ok(())
    }

    fn one_step(&mut self) -> Result<(), SimError> {
        self.now = self.now.plus(STEP);
        self.step += 1;
        let elapsed = self.elapsed();
        let (factor, tide) = (self.factor.normal(), self.scene.tide_bps_s(elapsed));
        for fundamental in &mut self.fundamentals {
            fundamental.advance(factor, tide);
            if self.scene.has_crowd() {
                fundamental.follow(&self.venues);
            }
        }
        for venue in &mut self.venues {
            venue.now = self.now;
            venue.step = self.step;
            venue.silent = self.scene.is_silent(venue.part, elapsed);
            venue.down = self.scene.is_down(venue.part, elapsed);
            for instrument in &mut venue.instruments {
                let underlying = instrument.listing.underlying;
                let Some(fundamental) = self.fundamentals.iter().find(|f| f.name == underlying) else {
                    continue;
                };
                let conditions = self.scene.conditions(venue.part, underlying, elapsed);
                instrument.offer(self.scene.leverage_percent(venue.part, underlying, elapsed), self.now);
                instrument.advance(fundamental.dollars, conditions, self.now, self.step);
                if self.now.is_on(SECOND) {
                    instrument.tell(venue.shows, self.now);
                }
                if let Some(law) = instrument.broken_law() {
                    let instrument = format!("{} {}", venue.id, instrument.listing.symbol);
                    return Err(SimError::Broken { at: self.now, law, instrument });
                }
            }
            venue.account.advance(venue.cash, &venue.instruments, self.now);
            if let Some(law) = venue.account.broken_law() {
                return Err(SimError::Broken {
                    at: self.now,
                    law,
                    instrument: format!("{} account", venue.id),
                });
            }
        }
        Ok(())
    }

    /// Simulated time.
    pub fn now(&self) -> Nanos {
        self.now
    }

    /// Nanoseconds since the start of the scene.
    pub fn elapsed(&self) -> i64 {
        self.now.since(self.start)
    }

    /// Every venue.
    pub fn venues(&self) -> &[Venue] {
        &self.venues
    }

    /// The venue with this id.
    pub fn venue(&self, id: &str) -> Option<&Venue> {
        self.venues.iter().find(|v| v.id == id)
    }

    /// Mid price of a venue's instrument of `underlying` in dollars; for statistics.
    pub fn mid(&self, venue: &str, underlying: &str) -> Option<f64> {
        let instruments = &self.venue(venue)?.instruments;
        instruments.iter().find(|i| i.listing.underlying == underlying).map(Instrument::mid)
    }
}

/// Gives every instrument its people.
fn settle(venues: &mut [Venue], fundamentals: &[Fundamental], config: &SimConfig) {
    let past = |f: &Fundamental| (f.name, Past::new(config.seed, f.name, f.volatility), f.dollars);
    let pasts: Vec<(&str, Past, f64)> = fundamentals.iter().map(past).collect();
    for venue in venues {
        let id = venue.id;
        for instrument in &mut venue.instruments {
            let listing = instrument.listing;
            let Some((_, past, dollars)) = pasts.iter().find(|p| p.0 == listing.underlying) else { continue };
            let name = format!("{id}/{}", listing.symbol);
            let held = (instrument.long_lots, (dollars * 1e8) as i64);
            let crowd = Crowd::new(config.seed, &name, listing, held, past, config.shape);
            instrument.crowd = Some(Box::new(crowd));
        }
    }
}

fn venue(server: &dyn VenueServer, seed: u64, fundamentals: &[Fundamental]) -> Venue {
    let price = |underlying: &str| fundamentals.iter().find(|f| f.name == underlying).map(|f| f.dollars);
    let instruments: Vec<Instrument> = server
        .listings()
        .iter()
        .filter_map(|listing| {
            let dollars = price(listing.underlying)?;
            Some(Instrument::new(seed, server.id(), listing, dollars, server.funding_hours()))
        })
        .collect();
    let account = Account::new(seed, server.id(), server.cash(), &instruments);
    Venue {
        id: server.id(),
        part: server.part(),
        now: Nanos(0),
        step: 0,
        silent: false,
        down: false,
        instruments,
        account,
        cash: server.cash(),
        shows: server.shows(),
    }
}
