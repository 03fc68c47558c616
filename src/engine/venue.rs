//! A venue as the market knows it: its file, its listings, its health, what it says of itself.

use std::collections::{BTreeMap, VecDeque};

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::health::VenueHealth;
use super::listing::Listing;
use super::window::ring::DayPeak;
use crate::model::Nanos;
use crate::model::event::{Body, Channel, VenueState};
use crate::model::venue::{ChannelSpec, VenueSpec};

/// A venue with all that is known of it.
#[derive(Debug)]
pub struct Venue {
    /// Its file.
    pub spec: VenueSpec,
    /// Listings by symbol index.
    pub listings: Vec<Listing>,
    /// Feed counters.
    pub health: VenueHealth,
    /// Cadence by channel.
    pub(super) cadence: [ChannelSpec; Channel::ALL.len()],
    /// Representative listing by underlying.
    pub heads: BTreeMap<u16, u32>,
    /// Listings by native symbol.
    pub(super) by_symbol: BTreeMap<String, u32>,
    /// What the venue says can be done at it.
    pub state: VenueState,
    /// Insurance funds by pool.
    pub funds: BTreeMap<String, Fund>,
}

/// Money of an insurance fund, as stated.
#[derive(Clone, Debug, PartialEq)]
pub struct Fund {
    /// Asset of the amount.
    pub asset: String,
    /// How much.
    pub amount: Decimal,
    /// Value in USD as the venue states it.
    pub usd: Option<Decimal>,
    /// When it was stated.
    pub at: Nanos,
    /// Highest amount of the last day.
    pub peak: DayPeak,
    /// Highest value in USD of the last day, looked at each minute.
    pub peak_usd: DayPeak,
}

/// Insurance funds of one venue.
const FUNDS_MAX: usize = 256;
/// Rule changes that are remembered.
const RULE_CHANGES_KEPT: usize = 200;

/// Margin schedules that changed while they were watched.
#[derive(Debug, Default)]
pub struct RuleChanges {
    /// How many since the start.
    pub count: u64,
    /// When, venue index, symbol index; oldest first.
    pub newest: VecDeque<(Nanos, u16, u32)>,
}

impl RuleChanges {
    /// Remembers one.
    pub(super) fn add(&mut self, at: Nanos, venue: u16, symbol: u32) {
        self.count += 1;
        if self.newest.len() == RULE_CHANGES_KEPT {
            self.newest.pop_front();
        }
        self.newest.push_back((at, venue, symbol));
    }
}

impl Venue {
    /// A venue of which only the file is known.
    pub(super) fn new(spec: VenueSpec) -> Self {
        let cadence = Channel::ALL.map(|c| spec.channels.get(c.word()).cloned().unwrap_or_default());
        Venue {
            spec,
            listings: Vec::new(),
            health: VenueHealth::default(),
            cadence,
            heads: BTreeMap::new(),
            by_symbol: BTreeMap::new(),
            state: VenueState::Open,
            funds: BTreeMap::new(),
        }
    }

    /// Takes an event that is about the venue as a whole.
    #[cold]
    pub(super) fn whole(&mut self, at: Nanos, body: &Body<'_>) {
        self.health.channel(body.channel()).beat.beat(at);
        match body {
            Body::Status(state) => {
                self.state = *state;
                self.listings.iter_mut().for_each(|l| l.state = *state);
            }
            Body::Fund(fund) if self.funds.len() < FUNDS_MAX || self.funds.contains_key(fund.pool) => {
                let before = self.funds.get(fund.pool).filter(|known| known.asset == fund.asset);
                let (mut peak, peak_usd) = before.map_or_else(Default::default, |b| (b.peak, b.peak_usd));
                peak.add(at, fund.amount.to_f64().unwrap_or_default());
                let (asset, amount, usd) = (fund.asset.into(), fund.amount, fund.usd);
                let known = Fund { asset, amount, usd, at, peak, peak_usd };
                self.funds.insert(fund.pool.to_string(), known);
            }
            _ => {}
        }
    }

    #[cold]
    /// Makes room for a symbol.
    pub(super) fn grow(&mut self, ix: u32, text: &str) {
        while self.listings.len() <= ix as usize {
            self.listings.push(Listing::new(""));
        }
        if let Some(listing) = self.listings.get_mut(ix as usize).filter(|l| l.symbol.is_empty()) {
            *listing = Listing::new(text);
            listing.state = self.state;
            self.by_symbol.insert(text.to_string(), ix);
        }
    }
}
