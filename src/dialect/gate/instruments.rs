//! Gate contract terms and margin tiers: `contracts` and `risk_limit_tiers`.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::Deserialize;

use super::messages::seconds;
use super::place::{self, Asked};
use super::slow::Funding;
use crate::dialect::WireError;
use crate::dialect::wire::{self, Field};
use crate::model::instrument::{Class, InstrumentDef, Payoff, SizeUnit, Status, split_scale};
use crate::model::margin::{MarginBase, MarginForm, MarginSchedule, TierRow, TierStyle};

#[derive(Deserialize)]
struct Row<'a> {
    #[serde(borrow)]
    name: Field<'a>,
    #[serde(borrow, rename = "type")]
    kind: Field<'a>,
    #[serde(borrow)]
    quanto_multiplier: Field<'a>,
    #[serde(borrow)]
    order_price_round: Field<'a>,
    #[serde(borrow)]
    order_size_min: Field<'a>,
    enable_decimal: Option<bool>,
    #[serde(borrow)]
    funding_interval: Field<'a>,
    #[serde(borrow)]
    funding_next_apply: Field<'a>,
    #[serde(borrow)]
    expire_time: Field<'a>,
    #[serde(borrow)]
    status: Field<'a>,
    in_delisting: Option<bool>,
}

/// Symbol, terms and funding times of one row. The settlement coin stands in the address only.
pub(super) fn read(asked: &Asked<'_>, json: &str) -> Result<(String, InstrumentDef, Funding), WireError> {
    let row: Row<'_> = wire::object(json)?;
    let name = wire::required(&row.name, "name")?.into_owned();
    let (base, quote) = pair(&name).ok_or(WireError::Word("name"))?;
    let settle = asked.coin.to_uppercase();
    let payoff = match &*wire::word(&row.kind) {
        "inverse" => Payoff::Inverse,
        "direct" if settle == quote => Payoff::Linear,
        "direct" => Payoff::Quanto,
        _ => return Err(WireError::Word("type")),
    };
    let multiplier = match payoff {
        Payoff::Inverse => Decimal::ONE, // one dollar; the field reads zero
        _ => wire::slow_price(&row.quanto_multiplier, "quanto_multiplier")?
            .ok_or(WireError::Missing("quanto_multiplier"))?,
    };
    let least = wire::slow_price(&row.order_size_min, "order_size_min")?;
    // Where fractions are allowed the step is told by the smallest order only.
    let lot = if row.enable_decimal == Some(true) { least } else { Some(Decimal::ONE) };
    let funding = Funding {
        interval_s: wire::integer(&row.funding_interval, "funding_interval")?
            .filter(|s| *s > 0 && !asked.dated),
        next: seconds(&row.funding_next_apply, "funding_next_apply")?,
    };
    let (underlying, price_scale) = split_scale(base);
    let def = InstrumentDef {
        class: if asked.dated { Class::Future } else { Class::Perp },
        payoff,
        underlying: if underlying == "XBT" { "BTC".into() } else { underlying.into() },
        base: base.into(),
        quote: quote.into(),
        settle,
        multiplier,
        price_tick: wire::slow_price(&row.order_price_round, "order_price_round")?,
        lot,
        price_scale,
        expiry: if asked.dated { seconds(&row.expire_time, "expire_time")? } else { None },
        strike: None,
        right: None,
        funding_interval_h: funding.hours(),
        oi_unit: SizeUnit::Contracts,
        oi_sides: 1,
        status: status(&wire::word(&row.status), row.in_delisting == Some(true)),
    };
    Ok((name, def, funding))
}

/// Base and quote of `BTC_USDT` and `BTC_USDT_20270625`.
fn pair(name: &str) -> Option<(&str, &str)> {
    let mut parts = name.split('_').filter(|part| !part.is_empty());
    Some((parts.next()?, parts.next()?))
}

/// A contract on its way out takes closing orders only.
fn status(word: &str, in_delisting: bool) -> Status {
    match word {
        "delisted" => Status::Closed,
        "trading" | "" if !in_delisting => Status::Trading,
        _ => Status::Halted,
    }
}

#[derive(Deserialize)]
struct Tier<'a> {
    #[serde(borrow)]
    contract: Field<'a>,
    #[serde(borrow)]
    risk_limit: Field<'a>,
    #[serde(borrow)]
    initial_rate: Field<'a>,
    #[serde(borrow)]
    maintenance_rate: Field<'a>,
    #[serde(borrow)]
    leverage_max: Field<'a>,
    #[serde(borrow)]
    deduction: Field<'a>,
}

/// Schedules by contract. `risk_limit` is the upper end of a tier by value in the settlement currency: coins
/// of inverse contracts, as the 100 of `BTC_USD` in the venue's own samples. A deduction makes the tiers
/// work like tax brackets, without one a rate counts for the whole position.
pub(super) fn schedules(json: &str, named: &str) -> Result<Vec<(String, MarginSchedule)>, WireError> {
    let mut by_contract: BTreeMap<String, (TierStyle, Vec<TierRow>)> = BTreeMap::new();
    wire::each_row(json, |row| {
        let row: Tier<'_> = wire::object(row)?;
        let name = wire::text(&row.contract, "contract")?.unwrap_or(named.into());
        if name.is_empty() {
            return Err(WireError::Missing("contract"));
        }
        let cap = wire::slow_price(&row.risk_limit, "risk_limit")?.ok_or(WireError::Missing("risk_limit"))?;
        let tier = TierRow {
            floor: Decimal::ZERO,
            cap: Some(cap),
            initial: wire::amount(&row.initial_rate, "initial_rate")?,
            maintenance: wire::amount(&row.maintenance_rate, "maintenance_rate")?,
            max_leverage: wire::slow_price(&row.leverage_max, "leverage_max")?,
        };
        let deduction = wire::amount(&row.deduction, "deduction")?.is_some_and(|d| !d.is_zero());
        let (style, rows) = by_contract.entry(name.into_owned()).or_insert((TierStyle::Slab, Vec::new()));
        if deduction {
            *style = TierStyle::Marginal;
        }
        rows.push(tier);
        Ok(())
    })?;
    let schedule = |(name, (style, mut rows)): (String, (TierStyle, Vec<TierRow>))| {
        rows.sort_by_key(|row| row.cap);
        let mut floor = Decimal::ZERO;
        for row in &mut rows {
            row.floor = floor;
            floor = row.cap.unwrap_or(floor);
        }
        let form = MarginForm::Tiers { style, rows };
        let basis = if place::is_inverse(&name) { SizeUnit::Base } else { SizeUnit::Quote };
        (name, MarginSchedule { form, basis, base: MarginBase::Mark, liquidation_fee: None })
    };
    Ok(by_contract.into_iter().map(schedule).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::contract::Contract;
    use crate::model::margin::{Isolated, TierBasis};

    fn d(text: &str) -> Decimal {
        Decimal::from_str_exact(text).unwrap()
    }

    fn near(value: Option<Decimal>, expected: &str) {
        let value = value.expect("a value");
        assert!((value - d(expected)).abs() <= d("0.000001"), "{value} is not {expected}");
    }

    fn terms(coin: &str, row: &str) -> InstrumentDef {
        let url = format!("https://h/api/v4/futures/{coin}/contracts");
        read(&Asked::of(&url).unwrap(), row).unwrap().1
    }

    fn contract(def: &InstrumentDef) -> Contract {
        Contract { payoff: def.payoff, multiplier: def.multiplier }
    }

    /// METRICS C1 and L1: 15,000 contracts of 0.0001 BTC are 1.5 BTC.
    #[test]
    fn a_linear_position_is_worth_what_its_contracts_say() {
        let def = terms("usdt", r#"{"name":"BTC_USDT","type":"direct","quanto_multiplier":"0.0001"}"#);
        let contract = contract(&def);
        near(contract.notional(d("15000"), d("61200")), "91800");
        near(contract.pnl(d("15000"), d("60000"), d("61200")), "1800");
        let tiers = r#"[
            {"tier":2,"risk_limit":"250000","initial_rate":"0.01","maintenance_rate":"0.005","leverage_max":"100","deduction":"50"},
            {"tier":1,"risk_limit":"50000","initial_rate":"0.008","maintenance_rate":"0.004","leverage_max":"125","deduction":"0"},
            {"tier":3,"risk_limit":"1000000","initial_rate":"0.02","maintenance_rate":"0.01","leverage_max":"50","deduction":"1300"}]"#;
        let (name, schedule) = schedules(tiers, "BTC_USDT").unwrap().pop().unwrap();
        let tiers = schedule.tiers().unwrap();
        assert_eq!(name, "BTC_USDT");
        assert_eq!(tiers.deductions().unwrap(), ["0", "50", "1300"].map(d), "those of the venue");
        let long = Isolated { contract, contracts: d("100000"), entry: d("60000"), margin: d("30000") };
        near(long.liquidation(&tiers, schedule.base, TierBasis::Quote), "57444.444444444");
    }

    /// METRICS L2. A multiplier of zero would make the position worth nothing.
    #[test]
    fn an_inverse_contract_is_a_dollar_though_its_multiplier_reads_zero() {
        let def = terms("btc", r#"{"name":"BTC_USD","type":"inverse","quanto_multiplier":"0"}"#);
        assert_eq!((def.multiplier, def.canonical().as_str()), (Decimal::ONE, "BTC-USD:BTC-PERP"));
        let contract = contract(&def);
        near(contract.notional(d("30000"), d("61200")), "30000");
        near(contract.pnl(d("30000"), d("60000"), d("61200")), "0.009803921");
        let flat = r#"[{"risk_limit":"100","maintenance_rate":"0.005","contract":"BTC_USD"}]"#;
        let (_, schedule) = schedules(flat, "").unwrap().pop().unwrap();
        assert_eq!(schedule.basis, SizeUnit::Base);
        let long = Isolated { contract, contracts: d("60000"), entry: d("50000"), margin: d("0.12") };
        near(
            long.liquidation(&schedule.tiers().unwrap(), schedule.base, TierBasis::Settle),
            "45681.818181818",
        );
    }

    /// METRICS C3 and L3.
    #[test]
    fn a_direct_contract_settled_in_a_third_coin_is_quanto() {
        let def = terms("btc", r#"{"name":"ETH_USD","type":"direct","quanto_multiplier":"0.000001"}"#);
        assert_eq!((def.payoff, def.settle.as_str()), (Payoff::Quanto, "BTC"));
        let contract = contract(&def);
        near(contract.pnl(d("10000"), d("500"), d("530")), "0.3");
        let flat = r#"[{"risk_limit":"1000000","maintenance_rate":"0.01","contract":"ETH_USD"}]"#;
        let (_, schedule) = schedules(flat, "").unwrap().pop().unwrap();
        let long = Isolated { contract, contracts: d("10000"), entry: d("500"), margin: d("0.1") };
        near(long.liquidation(&schedule.tiers().unwrap(), schedule.base, TierBasis::Settle), "494.949494949");
    }

    #[test]
    fn a_linear_contract_without_a_multiplier_is_refused() {
        let asked = Asked::of("https://h/api/v4/futures/usdt/contracts").unwrap();
        for multiplier in ["\"0\"", "null", "\"\""] {
            let row = format!(r#"{{"name":"X_USDT","type":"direct","quanto_multiplier":{multiplier}}}"#);
            assert_eq!(read(&asked, &row), Err(WireError::Missing("quanto_multiplier")));
        }
    }

    #[test]
    fn only_open_contracts_trade() {
        for (word, delisting, expected) in [
            ("trading", false, Status::Trading),
            ("", false, Status::Trading),
            ("trading", true, Status::Halted),
            ("prelaunch", false, Status::Halted),
            ("delisting", true, Status::Halted),
            ("delisted", false, Status::Closed),
        ] {
            assert_eq!(status(word, delisting), expected, "{word}");
        }
    }

    #[test]
    fn rates_without_a_deduction_count_for_the_whole_position() {
        let rows = r#"[{"contract":"A","risk_limit":"10","maintenance_rate":"0.1"},{"contract":"A","risk_limit":"20","maintenance_rate":"0.2"}]"#;
        let (_, schedule) = schedules(rows, "").unwrap().pop().unwrap();
        let MarginForm::Tiers { style, rows } = schedule.form else { panic!("tiers") };
        assert_eq!((style, rows[1].floor, rows[1].cap), (TierStyle::Slab, d("10"), Some(d("20"))));
        assert_eq!(schedules(r#"[{"risk_limit":"10"}]"#, ""), Err(WireError::Missing("contract")));
    }
}
