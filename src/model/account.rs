//! Own accounts: what a private stream says, normalised in form but still in the venue's units.
//!
//! Sizes are in the unit of the venue's order books, so that a position, an order and a book level of
//! one instrument compare without conversion. Nothing here can place an order.

use rust_decimal::Decimal;

use super::event::Side;

/// Which collateral stands behind a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum MarginMode {
    /// The balance of the settlement currency, shared by its positions.
    #[default]
    Cross,
    /// An amount set aside for this position alone.
    Isolated,
    /// The whole account, valued by scenarios.
    Portfolio,
}

impl MarginMode {
    /// Lower-case word.
    pub const fn word(self) -> &'static str {
        match self {
            MarginMode::Cross => "cross",
            MarginMode::Isolated => "isolated",
            MarginMode::Portfolio => "portfolio",
        }
    }
}

/// In hedge mode a long and a short of one instrument stand side by side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Leg {
    /// One-way mode: the sign of the size is the side.
    #[default]
    Net,
    /// The long position of hedge mode.
    Long,
    /// The short position of hedge mode.
    Short,
}

impl Leg {
    /// Lower-case word.
    pub const fn word(self) -> &'static str {
        match self {
            Leg::Net => "net",
            Leg::Long => "long",
            Leg::Short => "short",
        }
    }
}

/// The whole state of one position. A size of zero closes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// Net, or the leg of hedge mode.
    pub leg: Leg,
    /// Signed size in the unit of the books; a short is negative in hedge mode too.
    pub size: Decimal,
    /// Average entry price.
    pub entry: Option<Decimal>,
    /// Mark price the venue used for the figures beside it.
    pub mark: Option<Decimal>,
    /// Collateral behind it.
    pub margin_mode: MarginMode,
    /// Margin set aside, in the settlement currency; isolated positions only.
    pub isolated_margin: Option<Decimal>,
    /// Leverage the operator has chosen.
    pub leverage: Option<Decimal>,
    /// Liquidation price as the venue states it.
    pub liquidation_price: Option<Decimal>,
    /// Rank in the queue of auto-deleveraging, from 0 (last) to 5 (first).
    pub adl_rank: Option<u8>,
    /// Unrealised profit as the venue states it, in the settlement currency.
    pub upnl: Option<Decimal>,
    /// Maintenance margin as the venue states it, in the settlement currency.
    pub maintenance: Option<Decimal>,
}

/// Kind of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum OrderKind {
    /// Rests at a price.
    #[default]
    Limit,
    /// Takes what is there.
    Market,
    /// Sleeps until a trigger, then takes or rests: stops, take-profits, trailing stops.
    Conditional,
    /// Made by the venue to close a position by force.
    Liquidation,
    /// Anything else.
    Other,
}

impl OrderKind {
    /// Lower-case word.
    pub const fn word(self) -> &'static str {
        match self {
            OrderKind::Limit => "limit",
            OrderKind::Market => "market",
            OrderKind::Conditional => "conditional",
            OrderKind::Liquidation => "liquidation",
            OrderKind::Other => "other",
        }
    }
}

/// How long an order lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum TimeInForce {
    /// Until cancelled.
    #[default]
    Gtc,
    /// What fills at once, the rest is cancelled.
    Ioc,
    /// All at once or nothing.
    Fok,
    /// Until cancelled, never as taker.
    PostOnly,
    /// Until a time: a date, the end of the day or session, a block height.
    Gtd,
}

impl TimeInForce {
    /// Lower-case word.
    pub const fn word(self) -> &'static str {
        match self {
            TimeInForce::Gtc => "gtc",
            TimeInForce::Ioc => "ioc",
            TimeInForce::Fok => "fok",
            TimeInForce::PostOnly => "post_only",
            TimeInForce::Gtd => "gtd",
        }
    }
}

/// The one machine that the order states of all venues map to.
///
/// ```text
/// Pending ─▶ Untriggered ─▶ Open ─▶ PartlyFilled ─▶ Filled
///     └───────────┴──────────┴───────────┴────────▶ Cancelled, Expired, Rejected
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum OrderState {
    /// Sent, not yet taken by the matching engine.
    #[default]
    Pending,
    /// A conditional order that waits for its trigger.
    Untriggered,
    /// Rests without a fill.
    Open,
    /// Rests after a fill.
    PartlyFilled,
    /// Filled whole.
    Filled,
    /// Taken back, by the operator or by the venue.
    Cancelled,
    /// Ended by its time in force.
    Expired,
    /// Never taken.
    Rejected,
}

impl OrderState {
    /// Lower-case word.
    pub const fn word(self) -> &'static str {
        match self {
            OrderState::Pending => "pending",
            OrderState::Untriggered => "untriggered",
            OrderState::Open => "open",
            OrderState::PartlyFilled => "partly_filled",
            OrderState::Filled => "filled",
            OrderState::Cancelled => "cancelled",
            OrderState::Expired => "expired",
            OrderState::Rejected => "rejected",
        }
    }

    /// True when nothing can follow.
    pub const fn is_final(self) -> bool {
        matches!(
            self,
            OrderState::Filled | OrderState::Cancelled | OrderState::Expired | OrderState::Rejected
        )
    }

    const fn rank(self) -> u8 {
        match self {
            OrderState::Pending => 0,
            OrderState::Untriggered => 1,
            OrderState::Open => 2,
            OrderState::PartlyFilled => 3,
            _ => 4,
        }
    }

    /// True when `next` may come after this state: forward, the same again, never out of an end.
    pub const fn may_become(self, next: OrderState) -> bool {
        if self.is_final() { self as u8 == next as u8 } else { self.rank() <= next.rank() }
    }
}

/// The whole state of one order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order<'a> {
    /// The venue's id.
    pub id: &'a str,
    /// Buys or sells.
    pub side: Side,
    /// Leg of hedge mode that it opens or closes.
    pub leg: Leg,
    /// Limit price, where it has one.
    pub price: Option<Decimal>,
    /// Price that wakes it, where it sleeps.
    pub trigger: Option<Decimal>,
    /// Size when it was made, in the unit of the books.
    pub size: Decimal,
    /// Filled so far.
    pub filled: Decimal,
    /// Average price of the fills.
    pub average: Option<Decimal>,
    /// Can only make a position smaller.
    pub reduce_only: bool,
    /// What kind of order.
    pub kind: OrderKind,
    /// How long it lives.
    pub tif: TimeInForce,
    /// Where it stands.
    pub state: OrderState,
}

impl Order<'_> {
    /// What may still fill.
    pub fn open_size(&self) -> Decimal {
        if self.state.is_final() {
            return Decimal::ZERO;
        }
        self.size.saturating_sub(self.filled).max(Decimal::ZERO)
    }
}

/// Amount of one asset in an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Balance<'a> {
    /// Asset code as the venue writes it in capitals: `USDT`, `BTC`. Satoshi units are converted.
    pub asset: &'a str,
    /// All of it, unrealised profit left out; negative when borrowed.
    pub total: Decimal,
    /// What may be withdrawn or used for new positions.
    pub available: Option<Decimal>,
    /// Debt.
    pub borrowed: Option<Decimal>,
    /// Share of the value that does not count as collateral, 0.05 for 5 %.
    pub haircut: Option<Decimal>,
    /// USD price at which the venue counts it. METRICS.md A8.
    pub collateral_price: Option<Decimal>,
}

/// Margin of an account, or of one currency of it, as the venue states it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Margin<'a> {
    /// What it covers: a settlement currency, or a word such as `unified`. Unique in the account.
    pub pool: &'a str,
    /// Currency of the figures.
    pub currency: &'a str,
    /// Balance with unrealised profit.
    pub equity: Option<Decimal>,
    /// Margin needed to hold what is open and to open what is ordered.
    pub initial: Option<Decimal>,
    /// Margin below which liquidation begins.
    pub maintenance: Option<Decimal>,
}

/// What a message holds all of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holding {
    /// Positions.
    Positions,
    /// Orders that are not final.
    Orders,
    /// Balances.
    Balances,
}

impl Holding {
    /// Lower-case word.
    pub const fn word(self) -> &'static str {
        match self {
            Holding::Positions => "positions",
            Holding::Orders => "orders",
            Holding::Balances => "balances",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_goes_forward_and_never_comes_back() {
        use OrderState::{Cancelled, Filled, Open, PartlyFilled, Pending, Untriggered};
        assert!(Pending.may_become(Open) && Open.may_become(PartlyFilled) && PartlyFilled.may_become(Filled));
        assert!(Untriggered.may_become(Open) && Open.may_become(Cancelled) && Open.may_become(Open));
        assert!(!Open.may_become(Pending) && !Filled.may_become(Cancelled) && !Cancelled.may_become(Open));
        assert!(Filled.may_become(Filled), "the same end told twice");
    }
}
