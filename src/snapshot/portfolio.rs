//! Own accounts as the eye sees them. Money is exact; `None` is unknown and never zero.

use rust_decimal::Decimal;

use super::Quality;
use crate::model::time::Nanos;

/// All own accounts, as of one whole second.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Portfolio {
    /// One per account.
    pub accounts: Vec<AccountRow>,
    /// Open positions, in order of account, instrument, leg.
    pub positions: Vec<PositionRow>,
    /// Orders that rest, then the newest final ones.
    pub orders: Vec<OrderRow>,
    /// Sums by underlying.
    pub by_underlying: Vec<SumRow>,
    /// Sums by venue.
    pub by_venue: Vec<SumRow>,
    /// Sums by regime.
    pub by_regime: Vec<SumRow>,
    /// Everything.
    pub total: SumRow,
}

/// An account.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AccountRow {
    /// Venue id.
    pub venue: String,
    /// The operator's name for it.
    pub name: String,
    /// Regime of the venue.
    pub regime: String,
    /// Sums over its positions.
    pub sum: SumRow,
    /// Equity as the venue states it, in USD.
    pub equity_stated_usd: Option<Decimal>,
    /// Maintenance margin over equity by our sums; 1 is liquidation.
    pub margin_ratio: Option<Decimal>,
    /// The same by the venue's figures.
    pub margin_ratio_stated: Option<Decimal>,
    /// The two differ by more than 2 %.
    pub is_mismatch: bool,
    /// Smallest common move of all prices that reaches liquidation, in percent.
    pub distance: Distance,
    /// Part of the collateral that is coins.
    pub coin_share: Option<Decimal>,
    /// Positions with all orders of the worse side filled, in USD.
    pub order_exposure_usd: Decimal,
    /// Collateral: asset and amount.
    pub collateral: Vec<(String, Decimal)>,
    /// Age of the newest message of it in milliseconds.
    pub age_ms: Option<i64>,
    /// What the Feeds screen says of its connections: empty when all is well.
    pub trouble: String,
}

/// Where liquidation lies.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Distance {
    /// Not known: a margin or a price is missing.
    #[default]
    Unknown,
    /// No common move reaches it.
    Never,
    /// After a move of this many percent.
    At(f64),
}

/// A position.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PositionRow {
    /// Venue id.
    pub venue: String,
    /// Account name.
    pub account: String,
    /// Native symbol.
    pub symbol: String,
    /// Canonical instrument.
    pub instrument: String,
    /// Canonical asset, empty while unknown.
    pub underlying: String,
    /// Regime of the venue.
    pub regime: String,
    /// `net`, `long`, `short`.
    pub leg: &'static str,
    /// `cross`, `isolated`, `portfolio`.
    pub margin_mode: &'static str,
    /// Signed size in the unit of the venue's books.
    pub size: Decimal,
    /// Absolute value in USD.
    pub notional_usd: Option<Decimal>,
    /// Signed delta in USD.
    pub delta_usd: Option<Decimal>,
    /// Average entry.
    pub entry: Option<Decimal>,
    /// Mark.
    pub mark: Option<Decimal>,
    /// Unrealised profit in USD.
    pub upnl_usd: Option<Decimal>,
    /// Leverage chosen at the venue.
    pub leverage: Option<Decimal>,
    /// Maintenance margin in USD.
    pub maintenance_usd: Option<Decimal>,
    /// Liquidation price computed here.
    pub liquidation: Option<Decimal>,
    /// Liquidation price as the venue states it.
    pub liquidation_stated: Option<Decimal>,
    /// Distance from the mark to it in percent, signed.
    pub distance_pct: Option<Decimal>,
    /// Rank for auto-deleveraging, 5 is first.
    pub adl_rank: Option<u8>,
    /// Funding of a day in USD; negative is paid.
    pub funding_usd_day: Option<Decimal>,
    /// Trust in the figures.
    pub quality: Quality,
}

/// An order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OrderRow {
    /// Venue id.
    pub venue: String,
    /// Account name.
    pub account: String,
    /// The venue's id.
    pub id: String,
    /// Native symbol.
    pub symbol: String,
    /// `buy`, `sell`.
    pub side: &'static str,
    /// `limit`, `market`, `conditional`, `liquidation`, `other`.
    pub kind: &'static str,
    /// Time in force.
    pub tif: &'static str,
    /// State: `open`, `partly_filled`, …
    pub state: &'static str,
    /// Limit price, or the trigger of a sleeping order.
    pub price: Option<Decimal>,
    /// Size when it was made.
    pub size: Decimal,
    /// Filled so far.
    pub filled: Decimal,
    /// Can only make a position smaller.
    pub reduce_only: bool,
    /// Nothing can follow.
    pub is_final: bool,
    /// When it was last stated.
    pub at: Nanos,
}

/// Sums over positions.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SumRow {
    /// What it is over.
    pub name: String,
    /// Sum of absolute values in USD.
    pub gross_usd: Decimal,
    /// Sum of deltas in USD.
    pub net_delta_usd: Decimal,
    /// Sum of unrealised profits in USD.
    pub upnl_usd: Decimal,
    /// Funding of a day in USD.
    pub funding_usd_day: Decimal,
    /// Equity in USD, where the sum is over whole accounts.
    pub equity_usd: Option<Decimal>,
    /// Gross over equity.
    pub leverage: Option<Decimal>,
    /// Positions in it.
    pub positions: usize,
    /// Positions that could not be valued.
    pub unvalued: usize,
    /// Trust in it.
    pub quality: Quality,
}
