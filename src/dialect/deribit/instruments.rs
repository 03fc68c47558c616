//! Deribit contract terms: `public/get_instruments`.
//!
//! Amounts are dollars on inverse futures and perpetuals, coins on everything else, options included; so
//! a unit of size is worth one dollar or one coin whatever `contract_size` says.

use rust_decimal::Decimal;
use serde::Deserialize;

use super::grammar::Name;
use super::messages::flag;
use crate::dialect::WireError;
use crate::dialect::wire::{self, Field};
use crate::model::instrument::{Class, InstrumentDef, Payoff, Right, SizeUnit, Status, split_scale};
use crate::model::margin::{MarginBase, MarginForm, MarginSchedule, TierRow, TierStyle};

/// Path of the instrument list of a kind and currency.
pub(super) fn list(kind: &str, currency: &str) -> String {
    format!("/api/v2/public/get_instruments?currency={currency}&kind={kind}&expired=false")
}

/// Path of the terms of one instrument. Names have letters, digits, `-` and `_` only.
pub(super) fn one(name: &str) -> String {
    format!("/api/v2/public/get_instrument?instrument_name={name}")
}

#[derive(Deserialize)]
struct Row<'a> {
    #[serde(borrow)]
    instrument_name: Field<'a>,
    #[serde(borrow)]
    kind: Field<'a>,
    #[serde(borrow)]
    instrument_type: Field<'a>,
    #[serde(borrow)]
    future_type: Field<'a>,
    #[serde(borrow)]
    base_currency: Field<'a>,
    #[serde(borrow)]
    quote_currency: Field<'a>,
    #[serde(borrow)]
    counter_currency: Field<'a>,
    #[serde(borrow)]
    settlement_currency: Field<'a>,
    #[serde(borrow)]
    settlement_period: Field<'a>,
    #[serde(borrow)]
    contract_size: Field<'a>,
    #[serde(borrow)]
    min_trade_amount: Field<'a>,
    #[serde(borrow)]
    tick_size: Field<'a>,
    #[serde(borrow)]
    expiration_timestamp: Field<'a>,
    #[serde(borrow)]
    strike: Field<'a>,
    #[serde(borrow)]
    option_type: Field<'a>,
    #[serde(borrow)]
    price_index: Field<'a>,
    #[serde(borrow)]
    is_active: Field<'a>,
    #[serde(borrow)]
    state: Field<'a>,
    #[serde(borrow)]
    max_leverage: Field<'a>,
    #[serde(borrow)]
    max_liquidation_commission: Field<'a>,
    #[serde(borrow)]
    is_cbe_routed: Field<'a>,
    #[serde(borrow)]
    is_csr: Field<'a>,
}

/// An instrument of the list.
#[derive(Debug)]
pub(super) struct Listed {
    /// Its name.
    pub(super) symbol: String,
    /// Its index, such as `btc_usd`.
    pub(super) index: String,
    /// Its terms.
    pub(super) def: InstrumentDef,
    /// What its record tells of margin.
    pub(super) schedule: Option<MarginSchedule>,
}

/// True where amounts are dollars. Inverse options say `reversed` too, and count coins.
pub(super) fn is_in_dollars(def: &InstrumentDef) -> bool {
    def.payoff == Payoff::Inverse && def.class != Class::Option
}

/// Reads a row. `None` for combos, whose trades come again on their legs, and for spot pairs that are
/// matched on another exchange.
pub(super) fn read(json: &str) -> Result<Option<Listed>, WireError> {
    let row: Row<'_> = wire::object(json)?;
    let class = match &*wire::required(&row.kind, "kind")? {
        "future" if wire::word(&row.settlement_period) == "perpetual" => Class::Perp,
        "future" => Class::Future,
        "option" => Class::Option,
        "spot" if flag(&row.is_cbe_routed) == Some(true) || flag(&row.is_csr) == Some(true) => {
            return Ok(None);
        }
        "spot" => Class::Spot,
        "future_combo" | "option_combo" => return Ok(None),
        _ => return Err(WireError::Word("kind")),
    };
    let symbol = wire::required(&row.instrument_name, "instrument_name")?.into_owned();
    let name = Name::read(&symbol);
    let payoff = payoff(&row, class, name);
    let base = wire::required(&row.base_currency, "base_currency")?.into_owned();
    // Prices of inverse options are in coins; the currency of their strike is what they are about.
    let in_coins = payoff == Payoff::Inverse && class == Class::Option;
    let quote = match wire::word(if in_coins { &row.counter_currency } else { &row.quote_currency }) {
        word if !word.is_empty() => word.into_owned(),
        _ => "USD".to_string(), // records of 2021 have no counter currency
    };
    let settle = match wire::word(&row.settlement_currency) {
        word if !word.is_empty() => word.into_owned(),
        _ if payoff == Payoff::Inverse => base.clone(),
        _ => quote.clone(),
    };
    let (underlying, price_scale) = split_scale(&base);
    let (strike, right) = strike(&row, class, name)?;
    let def = InstrumentDef {
        class,
        payoff,
        underlying: underlying.to_string(),
        quote,
        settle,
        multiplier: Decimal::ONE,
        price_tick: wire::slow_price(&row.tick_size, "tick_size")?,
        lot: lot(&row)?,
        price_scale,
        expiry: match class {
            Class::Future | Class::Option => wire::millis(&row.expiration_timestamp, "expiration_timestamp")?,
            Class::Perp | Class::Spot => None, // a perpetual ends in the year 3000
        },
        strike,
        right,
        funding_interval_h: (class == Class::Perp).then(|| Decimal::from(8)),
        oi_unit: SizeUnit::Base,
        oi_sides: 1,
        status: status(&row),
        base,
    };
    let oi_unit = if is_in_dollars(&def) { SizeUnit::Usd } else { SizeUnit::Base };
    // Options state a leverage of 1, which says nothing: their margin is not a share of a notional.
    let is_future = matches!(class, Class::Perp | Class::Future);
    let schedule = if is_future { schedule(&row, oi_unit)? } else { None };
    let index = wire::word(&row.price_index).into_owned();
    Ok(Some(Listed { symbol, index, def: InstrumentDef { oi_unit, ..def }, schedule }))
}

/// What the record says, else what the name says.
fn payoff(row: &Row<'_>, class: Class, name: Option<Name<'_>>) -> Payoff {
    let told = match &*wire::word(&row.instrument_type) {
        "" => wire::word(&row.future_type).into_owned(),
        told => told.to_string(),
    };
    let linear_name = |n| matches!(n, Name::Perp { quote, .. } | Name::Future { quote, .. } | Name::Option { quote, .. } if quote.is_some());
    match told.as_str() {
        _ if class == Class::Spot => Payoff::Linear,
        "reversed" => Payoff::Inverse,
        "linear" => Payoff::Linear,
        _ if name.is_some_and(linear_name) => Payoff::Linear,
        _ => Payoff::Inverse,
    }
}

/// Strike and right of an option.
fn strike(
    row: &Row<'_>,
    class: Class,
    name: Option<Name<'_>>,
) -> Result<(Option<Decimal>, Option<Right>), WireError> {
    if class != Class::Option {
        return Ok((None, None));
    }
    let named = match name {
        Some(Name::Option { strike, right, .. }) => Some((strike, right)),
        _ => None,
    };
    let strike = wire::slow_price(&row.strike, "strike")?.map(|strike| strike.normalize());
    let right = match &*wire::word(&row.option_type) {
        "call" => Some(Right::Call),
        "put" => Some(Right::Put),
        "" => named.map(|(_, right)| right),
        _ => return Err(WireError::Word("option_type")),
    };
    Ok((strike.or(named.map(|(strike, _)| strike)), right))
}

/// Amounts are multiples of the contract size; options trade in parts of one.
fn lot(row: &Row<'_>) -> Result<Option<Decimal>, WireError> {
    let contract = wire::slow_price(&row.contract_size, "contract_size")?;
    let least = wire::slow_price(&row.min_trade_amount, "min_trade_amount")?;
    Ok(match (contract, least) {
        (Some(contract), Some(least)) => Some(contract.min(least)),
        (one, other) => one.or(other),
    }
    .map(|lot| lot.normalize()))
}

fn status(row: &Row<'_>) -> Status {
    match &*wire::word(&row.state) {
        "open" | "started" => Status::Trading,
        "" if flag(&row.is_active) != Some(false) => Status::Trading,
        "" | "closed" | "settled" | "terminated" | "delivered" | "deactivated" | "archivized" => {
            Status::Closed
        }
        _ => Status::Halted,
    }
}

/// The record tells the highest leverage and the fee of a forced close. How the rates grow with size is on
/// the contract pages only, so no slope and no maintenance rate is stated here.
fn schedule(row: &Row<'_>, basis: SizeUnit) -> Result<Option<MarginSchedule>, WireError> {
    let Some(leverage) = wire::slow_price(&row.max_leverage, "max_leverage")? else { return Ok(None) };
    let tier = TierRow {
        floor: Decimal::ZERO,
        cap: None,
        initial: None,
        maintenance: None,
        max_leverage: Some(leverage),
    };
    Ok(Some(MarginSchedule {
        form: MarginForm::Tiers { style: TierStyle::Slab, rows: vec![tier] },
        basis,
        base: MarginBase::Mark,
        liquidation_fee: wire::amount(&row.max_liquidation_commission, "max_liquidation_commission")?,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::contract::{Contract, Rates};
    use crate::model::margin::{Isolated, TierBasis, Tiers};
    use crate::model::num::decimal;

    fn d(text: &str) -> Decimal {
        decimal(text.as_bytes()).unwrap()
    }

    fn near(value: Option<Decimal>, expected: &str) {
        let (value, expected) = (value.unwrap(), d(expected));
        assert!((value - expected).abs() <= expected.abs() * d("0.000000001"), "{value} is not {expected}");
    }

    fn listed(name: &str, more: &str) -> Listed {
        let row = format!(r#"{{"instrument_name":"{name}","is_active":true,"state":"open",{more}}}"#);
        read(&row).unwrap().unwrap()
    }

    fn contract(def: &InstrumentDef) -> Contract {
        Contract { payoff: def.payoff, multiplier: def.multiplier }
    }

    /// 6,000 dollars long at 60,000: 0.1 BTC. At 61,200 they are worth 0.0980392 BTC.
    #[test]
    fn a_position_of_an_inverse_perpetual() {
        let Listed { def, .. } = listed(
            "BTC-PERPETUAL",
            r#""kind":"future","settlement_period":"perpetual","instrument_type":"reversed","base_currency":"BTC","quote_currency":"USD",
            "settlement_currency":"BTC","contract_size":10.0,"min_trade_amount":10.0,"tick_size":0.5,"max_leverage":50"#,
        );
        let (size, entry, mark) = (d("6000"), d("60000"), d("61200"));
        let rates = Rates { quote: Decimal::ONE, settle: mark, base: mark };
        near(contract(&def).notional_usd(size, mark, &rates), "6000");
        near(contract(&def).pnl(size, entry, mark), "0.001960784313725");
        let held = Isolated { contract: contract(&def), contracts: size, entry, margin: d("0.01") };
        // 6000 × 1.01 / (0.01 + 0.1)
        near(
            held.liquidation(&Tiers::flat(d("0.01")), MarginBase::Mark, TierBasis::Settle),
            "55090.909090909",
        );
        assert_eq!((def.oi_unit, def.lot), (SizeUnit::Usd, Some(d("10"))));
    }

    /// 12.5 SOL short at 150: 22.5 USDC up at 148.2, whatever the size of a contract is.
    #[test]
    fn a_position_of_a_linear_perpetual() {
        let Listed { def, schedule, .. } = listed(
            "SOL_USDC-PERPETUAL",
            r#""kind":"future","settlement_period":"perpetual","instrument_type":"linear","base_currency":"SOL","quote_currency":"USDC",
            "settlement_currency":"USDC","contract_size":0.1,"min_trade_amount":0.1,"tick_size":0.01,"max_leverage":25,"max_liquidation_commission":0.009"#,
        );
        let (size, entry, mark) = (d("-12.5"), d("150"), d("148.2"));
        near(contract(&def).notional(size, mark), "1852.5");
        near(contract(&def).pnl(size, entry, mark), "22.5");
        let held = Isolated { contract: contract(&def), contracts: size, entry, margin: d("187.5") };
        // (1875 + 187.5) / (12.5 × 1.02)
        near(
            held.liquidation(&Tiers::flat(d("0.02")), MarginBase::Mark, TierBasis::Settle),
            "161.764705882353",
        );
        let schedule = schedule.unwrap();
        assert_eq!((schedule.basis, schedule.liquidation_fee), (SizeUnit::Base, Some(d("0.009"))));
        assert!(schedule.tiers().is_none(), "no maintenance rate is public");
    }

    /// An option of 2021 says neither its type nor its currencies.
    #[test]
    fn an_inverse_option_counts_coins_and_is_about_dollars() {
        let Listed { def, schedule, .. } = listed(
            "ETH-24SEP21-2000-P",
            r#""kind":"option","base_currency":"ETH","quote_currency":"ETH","contract_size":1.0,"min_trade_amount":0.1,"tick_size":0.0005,
            "expiration_timestamp":1632470400000"#,
        );
        assert_eq!((def.payoff, def.quote.as_str(), def.settle.as_str()), (Payoff::Inverse, "USD", "ETH"));
        assert_eq!((def.strike, def.right, def.oi_unit), (Some(d("2000")), Some(Right::Put), SizeUnit::Base));
        assert_eq!(def.canonical(), "ETH-USD:ETH-210924-2000-P");
        assert!(schedule.is_none() && !is_in_dollars(&def));
    }
}
