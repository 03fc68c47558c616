//! What positions cost under other rules, exactly: harmonised margin, netting, distance to liquidation.
//! REGULATION 6.8.

use rust_decimal::Decimal;

use crate::config::rulebook::{Form, On, Schedule, Unit};

/// Share of the gross margin that netting never takes away.
const GROSS_SHARE: Decimal = Decimal::from_parts(4, 0, 0, false, 1);
/// The rest.
const NET_SHARE: Decimal = Decimal::from_parts(6, 0, 0, false, 1);

/// A position, its size in USD and in what schedules count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Signed notional in USD: negative is short.
    pub usd: Decimal,
    /// USD of one coin.
    pub price: Decimal,
    /// Open interest of the market in USD, where known.
    pub interest: Option<Decimal>,
}

/// Margin of a position, in USD.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Margin {
    /// To open it.
    pub initial: Decimal,
    /// To keep it; `None` where it is not stated.
    pub maintenance: Option<Decimal>,
}

impl Margin {
    /// Leverage that the initial margin allows.
    pub fn leverage(&self, position: &Position) -> Option<Decimal> {
        position.usd.abs().checked_div(self.initial).filter(|_| !self.initial.is_zero())
    }

    /// Fall of the price (rise, for a short one) after which a position opened at this initial margin is
    /// down to its maintenance margin, as a fraction; to first order, the tier held.
    pub fn distance(&self, position: &Position) -> Option<Decimal> {
        let buffer = self.initial.checked_sub(self.maintenance?)?;
        buffer.checked_div(position.usd.abs()).filter(|_| !position.usd.is_zero())
    }
}

/// Margin of a position under a schedule. `None` beyond what is stated.
pub fn margin(schedule: &Schedule, position: &Position) -> Option<Margin> {
    let usd = position.usd.abs();
    let per_unit = match schedule.unit {
        Unit::QuoteNotional | Unit::Usd => Decimal::ONE,
        Unit::Base => position.price,
        Unit::Contracts => position.price.checked_mul(schedule.contract_value?)?,
    };
    let units = usd.checked_div(per_unit)?;
    let of = |rate: Decimal| usd.checked_mul(rate);
    Some(match &schedule.form {
        Form::Tiered { maintenance_on, tiers } => {
            let at = tiers.iter().position(|t| t.upper.is_none_or(|upper| units <= upper))?;
            let tier = tiers.get(at)?;
            let maintenance = match maintenance_on {
                On::WholePosition => tier.maintenance.and_then(of),
                On::Marginal => tiers.iter().take(at + 1).try_fold(Decimal::ZERO, |sum, t| {
                    let held = t.upper.map_or(units, |upper| units.min(upper)).checked_sub(t.lower)?;
                    sum.checked_add(held.checked_mul(per_unit)?.checked_mul(t.maintenance?)?)
                }),
            };
            Margin { initial: of(tier.initial)?, maintenance }
        }
        Form::LinearSize { initial, maintenance } => {
            let line = |(base, slope): (Decimal, Decimal)| of(base.checked_add(slope.checked_mul(units)?)?);
            Margin { initial: line(*initial)?, maintenance: line(*maintenance) }
        }
        Form::Flat { initial, maintenance } => {
            Margin { initial: of(*initial)?, maintenance: maintenance.and_then(of) }
        }
        Form::OiScaled { base, caps, max, maintenance } => {
            let rate = match caps {
                None => *base,
                Some((lower, upper)) => {
                    let above = position.interest?.checked_sub(*lower)?.max(Decimal::ZERO);
                    let share = above.checked_div(upper.checked_sub(*lower)?)?;
                    let rest = Decimal::ONE.checked_sub(*base)?;
                    base.checked_add(share.checked_mul(rest)?)?.min(*max)
                }
            };
            Margin { initial: of(rate)?, maintenance: of(*maintenance) }
        }
        // The session is not known here: the strictest of the position's side.
        Form::Session { sessions } => {
            let side = |s: &crate::config::rulebook::SessionRate| {
                if position.usd.is_sign_negative() { s.short } else { s.long }
            };
            Margin { initial: of(sessions.iter().map(side).max()?)?, maintenance: None }
        }
        Form::Derived { base, maintenance_share, .. } => {
            let initial = of(*base)?;
            Margin { initial, maintenance: initial.checked_mul(*maintenance_share) }
        }
    })
}

/// Margin of a position under the baseline.
pub fn harmonised(usd: Decimal, initial_rate: Decimal, maintenance_to_initial: Decimal) -> Option<Margin> {
    let initial = usd.abs().checked_mul(initial_rate)?;
    Some(Margin { initial, maintenance: initial.checked_mul(maintenance_to_initial) })
}

/// Margin of several positions with netting recognised: `0.4 gross + 0.6 NGR gross`.
pub fn netted(gross: Decimal, net_to_gross: Decimal) -> Option<Decimal> {
    GROSS_SHARE.checked_add(NET_SHARE.checked_mul(net_to_gross)?)?.checked_mul(gross)
}

/// Net over gross of signed notionals; one where there is nothing.
pub fn net_to_gross(notionals: &[Decimal]) -> Option<Decimal> {
    let sum = |of: fn(&Decimal) -> Decimal| {
        notionals.iter().try_fold(Decimal::ZERO, |sum, n| sum.checked_add(of(n)))
    };
    let (gross, net) = (sum(Decimal::abs)?, sum(|n| *n)?);
    if gross.is_zero() { Some(Decimal::ONE) } else { net.abs().checked_div(gross) }
}
