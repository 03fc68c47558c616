//! Schedules that venues state on their feeds, as the third layer of the rulebook.

use rust_decimal::Decimal;

use crate::config::rulebook::{Confidence, Day, Form, Layer, On, Schedule, Tier, Unit};
use crate::model::instrument::SizeUnit;
use crate::model::margin::{MarginForm, MarginSchedule, TierRow, TierStyle};

/// Id under which a venue's own statement is shown as a source.
pub const SOURCE: &str = "feed";

/// A stated schedule in the form of the rulebook. `None` where it holds no initial rates, or tiers that
/// leave something open: what is not whole does not stand over what is written.
pub fn discovered(stated: &MarginSchedule, instrument: &str, at: Day) -> Option<Schedule> {
    let form = match &stated.form {
        MarginForm::Tiers { style, rows } => {
            let tiers: Vec<Tier> = rows.iter().map(tier).collect::<Option<_>>()?;
            let ends = tiers.iter().map(|t| t.upper);
            let begins = std::iter::once(Some(Decimal::ZERO)).chain(ends);
            let is_whole = begins.zip(&tiers).all(|(end, tier)| end == Some(tier.lower));
            let maintenance_on = match style {
                TierStyle::Marginal => On::Marginal,
                TierStyle::Slab => On::WholePosition,
            };
            is_whole.then_some(Form::Tiered { maintenance_on, tiers })?
        }
        MarginForm::LinearInSize { initial, maintenance, slope, from } if from.is_zero() => {
            Form::LinearSize { initial: (*initial, *slope), maintenance: (*maintenance, *slope) }
        }
        MarginForm::LinearInSize { .. } => return None,
        MarginForm::OiScaled { initial, maintenance, lower, upper } => Form::OiScaled {
            base: *initial,
            caps: (lower < upper).then_some((*lower, *upper)),
            max: Decimal::ONE,
            maintenance: *maintenance,
        },
    };
    let unit = match stated.basis {
        SizeUnit::Usd => Unit::Usd,
        SizeUnit::Quote => Unit::QuoteNotional,
        SizeUnit::Base => Unit::Base,
        SizeUnit::Contracts => Unit::Contracts,
    };
    Some(Schedule {
        instrument: instrument.to_string(),
        form,
        unit,
        contract_value: None,
        is_complete: true,
        superseded_by: None,
        note: String::new(),
        source: SOURCE.into(),
        as_of: at,
        confidence: Confidence::High,
        layer: Layer::Feed,
    })
}

fn tier(row: &TierRow) -> Option<Tier> {
    let of_leverage = || Decimal::ONE.checked_div(row.max_leverage.filter(|l| !l.is_zero())?);
    Some(Tier {
        lower: row.floor,
        upper: row.cap,
        initial: row.initial.or_else(of_leverage)?,
        maintenance: row.maintenance,
    })
}
