//! Margin tiers of Bybit: `GET /v5/market/risk-limit`.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::Deserialize;

use crate::dialect::WireError;
use crate::dialect::wire::{self, Field};
use crate::model::instrument::SizeUnit;
use crate::model::margin::{MarginBase, MarginForm, MarginSchedule, TierRow, TierStyle};

/// Path of the tiers of one symbol.
pub(super) const PATH: &str = "/v5/market/risk-limit";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    #[serde(borrow)]
    symbol: Field<'a>,
    #[serde(borrow)]
    risk_limit_value: Field<'a>,
    #[serde(borrow)]
    maintenance_margin: Field<'a>,
    #[serde(borrow)]
    initial_margin: Field<'a>,
    #[serde(borrow)]
    max_leverage: Field<'a>,
}

/// The schedules in a list. Limits are money on linear contracts and base coins on inverse ones; the
/// deduction that the venue states with each tier makes the rates marginal.
pub(super) fn read(json: &str, inverse: bool) -> Result<Vec<(String, MarginSchedule)>, WireError> {
    let mut tiers: BTreeMap<String, Vec<TierRow>> = BTreeMap::new();
    wire::each_row(json, |row| {
        let row: Row<'_> = wire::object(row)?;
        let cap = wire::slow_price(&row.risk_limit_value, "riskLimitValue")?;
        let tier = TierRow {
            floor: Decimal::ZERO,
            cap: Some(cap.ok_or(WireError::Missing("riskLimitValue"))?),
            initial: wire::amount(&row.initial_margin, "initialMargin")?,
            maintenance: wire::amount(&row.maintenance_margin, "maintenanceMargin")?,
            max_leverage: wire::slow_price(&row.max_leverage, "maxLeverage")?,
        };
        let symbol = wire::required(&row.symbol, "symbol")?.into_owned();
        tiers.entry(symbol).or_default().push(as_fractions(tier));
        Ok(())
    })?;
    let schedule = |(symbol, mut rows): (String, Vec<TierRow>)| {
        rows.sort_by_key(|row| row.cap);
        let mut floor = Decimal::ZERO;
        for row in &mut rows {
            row.floor = std::mem::replace(&mut floor, row.cap.unwrap_or_default());
        }
        let form = MarginForm::Tiers { style: TierStyle::Marginal, rows };
        let basis = if inverse { SizeUnit::Base } else { SizeUnit::Quote };
        (symbol, MarginSchedule { form, basis, base: MarginBase::Mark, liquidation_fee: None })
    };
    Ok(tiers.into_iter().map(schedule).collect())
}

/// Older answers state percent. An initial rate times the leverage is about one, or about a hundred.
fn as_fractions(tier: TierRow) -> TierRow {
    let product = tier.initial.zip(tier.max_leverage).and_then(|(rate, l)| rate.checked_mul(l));
    if product.is_none_or(|product| product < Decimal::TEN) {
        return tier;
    }
    let share = |rate: Option<Decimal>| rate.and_then(|r| r.checked_div(Decimal::ONE_HUNDRED));
    TierRow { initial: share(tier.initial), maintenance: share(tier.maintenance), ..tier }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(json: &str, inverse: bool) -> (SizeUnit, Vec<TierRow>) {
        let (_, schedule) = read(json, inverse).unwrap().pop().unwrap();
        let MarginForm::Tiers { rows, .. } = schedule.form else { panic!("tiers") };
        (schedule.basis, rows)
    }

    #[test]
    fn percent_and_fractions_give_the_same_tiers_in_order() {
        let fractions = r#"[{"symbol":"X","riskLimitValue":"4000","maintenanceMargin":"0.01","initialMargin":"0.02","maxLeverage":"50"},
            {"symbol":"X","riskLimitValue":"2000","maintenanceMargin":"0.005","initialMargin":"0.01","maxLeverage":"100.00"}]"#;
        let percent = r#"[{"symbol":"X","riskLimitValue":"2000","maintenanceMargin":"0.5","initialMargin":"1","maxLeverage":"100"},
            {"symbol":"X","riskLimitValue":"4000","maintenanceMargin":"1","initialMargin":"2","maxLeverage":"50"}]"#;
        let (basis, a) = rows(fractions, false);
        assert_eq!(basis, SizeUnit::Quote);
        assert_eq!(a, rows(percent, false).1);
        let ends: Vec<String> = a.iter().map(|r| format!("{}-{}", r.floor, r.cap.unwrap())).collect();
        assert_eq!(ends, ["0-2000", "2000-4000"]);
        assert_eq!(rows(fractions, true).0, SizeUnit::Base);
    }
}
