//! What a schedule asks of a size, as statistics. Own positions are margined exactly, by [`super::capital`].

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use crate::config::rulebook::{Form, On, Schedule, Unit};

/// A position whose margin is asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Size {
    /// Notional in USD.
    pub usd: f64,
    /// USD of one coin, where known.
    pub price: Option<f64>,
    /// Open interest of the market in USD, where known.
    pub interest: Option<f64>,
}

/// Rates of one size: a schedule with sessions or sides has several.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rates {
    /// Smallest: what lets in the most.
    pub loosest: f64,
    /// Largest.
    pub strictest: f64,
}

impl Rates {
    const fn one(rate: f64) -> Rates {
        Rates { loosest: rate, strictest: rate }
    }
}

fn float(number: Decimal) -> Option<f64> {
    number.to_f64()
}

/// A size in units of a schedule. `None` without a price where one is needed.
fn units(schedule: &Schedule, size: &Size) -> Option<f64> {
    match schedule.unit {
        Unit::QuoteNotional | Unit::Usd => Some(size.usd),
        Unit::Base => Some(size.usd / size.price.filter(|p| *p > 0.0)?),
        Unit::Contracts => {
            let coins = float(schedule.contract_value?)?;
            Some(size.usd / (size.price.filter(|p| *p > 0.0)? * coins))
        }
    }
}

/// Initial margin over notional. `None` beyond what is stated: never extrapolated.
pub fn initial(schedule: &Schedule, size: &Size) -> Option<Rates> {
    Some(match &schedule.form {
        Form::Tiered { tiers, .. } => {
            let units = units(schedule, size)?;
            let tier = tiers.iter().find(|t| t.upper.is_none_or(|u| float(u).is_some_and(|u| units <= u)))?;
            Rates::one(float(tier.initial)?)
        }
        Form::LinearSize { initial: (base, slope), .. } => {
            Rates::one(float(*base)? + float(*slope)? * units(schedule, size)?)
        }
        Form::Flat { initial, .. } => Rates::one(float(*initial)?),
        Form::OiScaled { base, caps, max, .. } => {
            let (base, max) = (float(*base)?, float(*max)?);
            let Some((lower, upper)) = caps else { return Some(Rates::one(base)) };
            let (lower, upper) = (float(*lower)?, float(*upper)?);
            let scaled = |interest: f64| {
                let share = ((interest - lower) / (upper - lower)).max(0.0);
                (base + share * (1.0 - base)).min(max)
            };
            // Without the open interest it lies anywhere between.
            size.interest
                .map_or(Rates { loosest: base, strictest: max }, |interest| Rates::one(scaled(interest)))
        }
        Form::Session { sessions } => {
            let rates = || sessions.iter().flat_map(|s| [s.long, s.short]).filter_map(float);
            Rates { loosest: rates().min_by(f64::total_cmp)?, strictest: rates().max_by(f64::total_cmp)? }
        }
        Form::Derived { base, .. } => Rates::one(float(*base)?),
    })
}

/// Maintenance margin over notional. `None` beyond what is stated and where it is not stated.
pub fn maintenance(schedule: &Schedule, size: &Size) -> Option<f64> {
    match &schedule.form {
        Form::Tiered { maintenance_on, tiers } => {
            let units = units(schedule, size)?;
            let end = |upper: Option<Decimal>| upper.map_or(Some(f64::INFINITY), float);
            let at = tiers.iter().position(|t| end(t.upper).is_some_and(|upper| units <= upper))?;
            if *maintenance_on == On::WholePosition {
                return float(tiers.get(at)?.maintenance?);
            }
            let part = |tier: &crate::config::rulebook::Tier| {
                let held = units.min(end(tier.upper)?) - float(tier.lower)?;
                Some(held * float(tier.maintenance?)?)
            };
            if units <= 0.0 {
                return float(tiers.first()?.maintenance?);
            }
            Some(tiers.iter().take(at + 1).map(part).sum::<Option<f64>>()? / units)
        }
        Form::LinearSize { maintenance: (base, slope), .. } => {
            Some(float(*base)? + float(*slope)? * units(schedule, size)?)
        }
        Form::Flat { maintenance, .. } => float((*maintenance)?),
        Form::OiScaled { maintenance, .. } => float(*maintenance),
        Form::Session { .. } => None,
        Form::Derived { maintenance_share, .. } => {
            Some(initial(schedule, size)?.loosest * float(*maintenance_share)?)
        }
    }
}

/// Equity over notional at which a derived schedule closes a position.
pub fn close_out(schedule: &Schedule, initial: f64) -> Option<f64> {
    let Form::Derived { maintenance_share, close_out_share, close_out_step, .. } = &schedule.form else {
        return None;
    };
    let maintenance = initial * float(*maintenance_share)?;
    Some((initial * float(*close_out_share)?).max(maintenance - float(*close_out_step)?))
}
