//! Metrics: one file per family, one line each in [`METRICS`].
//!
//! A metric is a pure reading of the [`Market`] at a tick. Its [`Card`] holds everything that is said
//! about it anywhere: help, exports, rule validation and default limits come from the card.

mod absorption;
mod basis;
mod card;
mod cascade;
mod concentration;
mod discovery;
pub mod explain;
mod feed;
mod fund;
mod funding;
mod haircut;
mod hidden;
pub mod index;
mod liquidation;
mod liquidity;
mod open_interest;
mod own;
mod own_exit;
mod own_risk;
mod price;
mod row;
mod rulebook;
mod tally;
mod volatility;

use std::cmp::Ordering;

use crate::engine::flow::Window;
use crate::engine::market::Market;
use crate::model::Nanos;
use crate::model::event::Channel;
pub use card::{Bad, Card, Every, Input, LATE, Over, Unit};
use explain::Explanation;
pub(in crate::engine) use price::consensus;
pub use row::{Note, Row, Table};

/// Every metric, in the order of exports.
pub static METRICS: &[&dyn Metric] = &[
    &price::MidGap,
    &price::WorstGap,
    &price::Dispersion,
    &price::RawGap,
    &price::CurrencyPart,
    &price::MarkGap,
    &price::IndexGap,
    &price::Premium,
    &price::Edge,
    &price::Persistence,
    &price::QuoteBasis,
    &price::CollateralGap,
    &liquidity::Spread,
    &liquidity::Depth(0),
    &liquidity::Depth(1),
    &liquidity::Depth(2),
    &liquidity::Depth(3),
    &liquidity::Depth(4),
    &liquidity::Imbalance,
    &liquidity::DepthDrop,
    &liquidity::HalfLife,
    &liquidity::CostToTrade(0),
    &liquidity::CostToTrade(1),
    &liquidity::CostToTrade(2),
    &liquidity::CostRatio,
    &liquidity::Against::CHEAPEST[0],
    &liquidity::Against::CHEAPEST[1],
    &liquidity::Against::CHEAPEST[2],
    &liquidity::AgainstRobz::CHEAPEST,
    &liquidity::Against::HOME[0],
    &liquidity::Against::HOME[1],
    &liquidity::Against::HOME[2],
    &liquidity::AgainstRobz::HOME,
    &liquidity::Kyle,
    &liquidity::Amihud,
    &concentration::Hhi::DEPTH,
    &concentration::Hhi::VOLUME,
    &concentration::Hhi::OPEN_INTEREST,
    &concentration::Effective,
    &open_interest::OiUsd,
    &open_interest::OiBase,
    &funding::FundingApr,
    &funding::Spread,
    &funding::OiWeighted,
    &funding::DayBurden,
    &funding::CapProximity,
    &basis::Basis,
    &open_interest::Flow(Window::Minutes5),
    &open_interest::Flow(Window::Hour),
    &open_interest::Flow(Window::Day),
    &open_interest::Shift,
    &open_interest::DepthRatio,
    &open_interest::VolumeHours,
    &rulebook::Bound,
    &liquidation::Rate,
    &liquidation::Flush,
    &liquidation::Imbalance,
    &liquidation::Branching,
    &liquidation::Trend,
    &liquidation::Shortfall,
    &fund::Drawdown,
    &rulebook::LeverageGap::TIMES,
    &rulebook::LeverageGap::DOUBLINGS,
    &rulebook::Divergence,
    &rulebook::RaceToBottom,
    &haircut::Divergence,
    &discovery::Correlation,
    &discovery::LeadLag,
    &discovery::LeadLagRatio,
    &discovery::ComponentShare,
    &discovery::InfoShare,
    &volatility::IvGap,
    &volatility::IvSurface,
    &absorption::AbsorptionRatio,
    &hidden::Leverage,
    &hidden::NearLiq::TWO,
    &hidden::NearLiq::FIVE,
    &hidden::NearLiq::TEN,
    &hidden::AtRisk,
    &hidden::ForecastCover,
    &cascade::Shock::Amplification,
    &cascade::Shock::Loss,
    &cascade::Shock::Adl,
    &cascade::InsuranceCover,
    &cascade::Shock::Critical,
    &cascade::Shock::Convexity,
    &cascade::Shock::Concentration,
    &own::GROSS,
    &own::NET_DELTA,
    &own::LEVERAGE,
    &own::MARGIN_RATIO,
    &own::DISTANCE,
    &own::Concentration,
    &own::FUNDING,
    &own::RuleChanges,
    &own_risk::EFFICIENCY,
    &own_risk::BENEFIT,
    &own_risk::WrongWay,
    &own_risk::ScenarioLoss,
    &own_risk::OrderExposure,
    &own_risk::VenueDefault,
    &own_exit::Exit::Cost,
    &own_exit::Exit::Time,
    &own_risk::ADL_RANK,
    &own_risk::ADL_SCORE,
    &feed::Age,
    &feed::AgeRatio,
    &feed::Down,
    &feed::LatencyP50,
    &feed::LatencyP99,
    &feed::GapRate,
    &feed::ClockOffset,
    &feed::Coverage,
    &feed::Faults,
    &feed::RateRobz,
    &feed::Halted,
    &feed::EngineLag,
    // Made from the tables of all others.
    &index::Composite,
    &index::Amplification,
    &index::Contribution,
];

/// A named figure of the market.
pub trait Metric: Sync {
    /// All that is said about it.
    fn card(&self) -> &'static Card;

    /// It depends on the machine's clock, so that a replay cannot give it again: no rule may use it.
    fn is_live_only(&self) -> bool {
        false
    }

    /// Adds its rows at a tick. Rows are sorted afterwards; order does not matter here.
    fn eval(&self, market: &Market, at: Nanos, out: &mut Vec<Row>);

    /// What a row at this scope is made of.
    fn explain(&self, market: &Market, at: Nanos, scope: Scope) -> Explanation {
        Explanation::of_members(self.card(), market, at, scope)
    }
}

/// Position of a metric in [`METRICS`].
pub fn find(id: &str) -> Option<usize> {
    METRICS.iter().position(|m| m.card().id == id)
}

/// No venue, no underlying.
pub const NONE: u16 = u16::MAX;

/// What part of a thing a row is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Part {
    /// The whole.
    #[default]
    Whole,
    /// Bid side.
    Bid,
    /// Ask side.
    Ask,
    /// One channel.
    Channel(Channel),
    /// One of the names that the card lists.
    Named(&'static str),
}

impl Part {
    /// Lower-case word; empty for the whole.
    pub const fn word(self) -> &'static str {
        match self {
            Part::Whole => "",
            Part::Bid => "bid",
            Part::Ask => "ask",
            Part::Channel(channel) => channel.word(),
            Part::Named(name) => name,
        }
    }
}

/// What a row is about. Fields that do not apply hold [`NONE`]. Ordered by its fields as they stand here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope {
    /// Underlying index.
    pub underlying: u16,
    /// Venue index.
    pub venue: u16,
    /// The other venue of a pair, above `venue`.
    pub peer: u16,
    /// Symbol index of one instrument of `venue`.
    pub symbol: u32,
    /// Part.
    pub part: Part,
}

/// No instrument.
pub const NO_SYMBOL: u32 = u32::MAX;

impl Scope {
    /// The whole market.
    pub const GLOBAL: Scope =
        Scope { underlying: NONE, venue: NONE, peer: NONE, symbol: NO_SYMBOL, part: Part::Whole };

    /// An underlying over all venues.
    pub const fn underlying(underlying: u16) -> Self {
        Scope { underlying, ..Scope::GLOBAL }
    }

    /// A venue.
    pub const fn venue(venue: u16) -> Self {
        Scope { venue, ..Scope::GLOBAL }
    }

    /// An underlying on one venue.
    pub const fn cell(underlying: u16, venue: u16) -> Self {
        Scope { underlying, venue, ..Scope::GLOBAL }
    }

    /// One instrument.
    pub const fn instrument(underlying: u16, venue: u16, symbol: u32) -> Self {
        Scope { underlying, venue, symbol, ..Scope::GLOBAL }
    }

    /// All but the part in one number of the same order: tables are sorted at every tick.
    const fn place(self) -> u128 {
        let (underlying, venue, peer) = (self.underlying as u128, self.venue as u128, self.peer as u128);
        underlying << 64 | venue << 48 | peer << 32 | self.symbol as u128
    }

    /// The same with a part.
    pub const fn part(mut self, part: Part) -> Self {
        self.part = part;
        self
    }
}

impl Ord for Scope {
    fn cmp(&self, other: &Self) -> Ordering {
        self.place().cmp(&other.place()).then_with(|| self.part.cmp(&other.part))
    }
}

impl PartialOrd for Scope {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
