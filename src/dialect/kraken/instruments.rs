//! Kraken Futures contract terms and margin schedules: `GET /instruments`.

use rust_decimal::Decimal;
use serde::Deserialize;

use super::coin;
use super::messages::flag;
use crate::dialect::WireError;
use crate::dialect::wire::{self, Field};
use crate::model::instrument::{Class, InstrumentDef, Payoff, Right, SizeUnit, Status, split_scale};
use crate::model::margin::{MarginBase, MarginForm, MarginSchedule, TierRow, TierStyle};
use crate::model::num::decimal;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    #[serde(borrow)]
    symbol: Field<'a>,
    #[serde(borrow, rename = "type")]
    kind: Field<'a>,
    #[serde(borrow)]
    base: Field<'a>,
    #[serde(borrow)]
    quote: Field<'a>,
    #[serde(borrow)]
    tick_size: Field<'a>,
    #[serde(borrow)]
    contract_size: Field<'a>,
    #[serde(borrow)]
    contract_value_trade_precision: Field<'a>,
    #[serde(borrow)]
    last_trading_time: Field<'a>,
    #[serde(borrow)]
    tradeable: Field<'a>,
    #[serde(borrow)]
    is_expired: Field<'a>,
    #[serde(borrow)]
    option_type: Field<'a>,
    #[serde(borrow)]
    strike_price: Field<'a>,
    #[serde(borrow)]
    margin_levels: Field<'a>,
}

/// One contract: its symbol as the socket writes it, its terms, its default margin schedule.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) symbol: String,
    pub(super) def: InstrumentDef,
    pub(super) schedule: Option<MarginSchedule>,
}

/// Reads one row; `None` for indices and kinds of contract that nobody here knows.
pub(super) fn read(json: &str) -> Result<Option<Listed>, WireError> {
    let row: Row<'_> = wire::object(json)?;
    let symbol = upper(&wire::required(&row.symbol, "symbol")?);
    let payoff = match &*wire::word(&row.kind) {
        "futures_inverse" => Payoff::Inverse,
        "flexible_futures" | "futures_vanilla" | "options" => Payoff::Linear,
        _ => return Ok(None),
    };
    let inverse = payoff == Payoff::Inverse;
    let expiry = wire::instant(&row.last_trading_time, "lastTradingTime")?;
    let class = match (&*wire::word(&row.kind), expiry) {
        ("options", _) => Class::Option,
        (_, Some(_)) => Class::Future,
        (_, None) => Class::Perp,
    };
    let (base, quote) = pair(&row, &symbol)?;
    let (strike, right) = if class == Class::Option { option(&row, &symbol)? } else { (None, None) };
    let (underlying, price_scale) = split_scale(&base);
    let def = InstrumentDef {
        class,
        payoff,
        underlying: underlying.to_string(),
        settle: if inverse { base.clone() } else { quote.clone() },
        quote,
        multiplier: wire::slow_price(&row.contract_size, "contractSize")?.unwrap_or(Decimal::ONE),
        price_tick: wire::slow_price(&row.tick_size, "tickSize")?,
        lot: wire::integer(&row.contract_value_trade_precision, "contractValueTradePrecision")?.and_then(lot),
        price_scale,
        expiry,
        strike,
        right,
        funding_interval_h: (class == Class::Perp).then_some(Decimal::ONE),
        oi_unit: if inverse { SizeUnit::Contracts } else { SizeUnit::Base },
        oi_sides: 1,
        status: match (flag(&row.is_expired), flag(&row.tradeable)) {
            (Some(true), _) => Status::Closed,
            (_, Some(true)) => Status::Trading,
            _ => Status::Halted,
        },
        base,
    };
    Ok(Some(Listed { symbol, schedule: schedule(&row.margin_levels, inverse)?, def }))
}

/// Symbols of older lists are in small letters; a tokenised share keeps its one small letter.
fn upper(symbol: &str) -> String {
    let is_small = !symbol.bytes().any(|b| b.is_ascii_uppercase());
    if is_small { symbol.to_ascii_uppercase() } else { symbol.to_string() }
}

/// Base and quote: told, or read from the symbol in older lists.
fn pair(row: &Row<'_>, symbol: &str) -> Result<(String, String), WireError> {
    let (base, quote) = (wire::word(&row.base), wire::word(&row.quote));
    if !base.is_empty() && !quote.is_empty() {
        return Ok((coin(&base).to_string(), coin(&quote).to_string()));
    }
    let pair = symbol.split('_').nth(1).unwrap_or_default();
    for quote in ["USDT", "USDC", "USD", "EUR", "GBP", "XBT"] {
        if let Some(base) = pair.strip_suffix(quote).filter(|base| !base.is_empty()) {
            return Ok((coin(base).to_string(), coin(quote).to_string()));
        }
    }
    Err(WireError::Missing("base"))
}

/// Strike and right, told or read from `OF_XBTUSD_261225_120000_C`.
fn option(row: &Row<'_>, symbol: &str) -> Result<(Option<Decimal>, Option<Right>), WireError> {
    let mut parts = symbol.split('_').skip(3);
    let told = wire::slow_price(&row.strike_price, "strikePrice")?;
    let strike = parts.next().and_then(|text| decimal(text.as_bytes()));
    let right = match (wire::word(&row.option_type).to_ascii_lowercase().as_str(), parts.next()) {
        ("call", _) | ("", Some("C")) => Some(Right::Call),
        ("put", _) | ("", Some("P")) => Some(Right::Put),
        _ => None,
    };
    Ok((told.or(strike), right))
}

/// Smallest size step from a count of decimals: 3 is 0.001, -3 is 1000.
fn lot(decimals: i64) -> Option<Decimal> {
    let ten = |n: i64| u32::try_from(n).ok().filter(|n| *n <= 18).map(|n| 10_i64.pow(n));
    if decimals < 0 {
        ten(decimals.checked_neg()?).map(Decimal::from)
    } else {
        Decimal::ONE.checked_div(Decimal::from(ten(decimals)?))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Level<'a> {
    /// Lower end in contracts; inverse contracts.
    #[serde(borrow)]
    contracts: Field<'a>,
    /// Lower end in quote currency; linear contracts.
    #[serde(borrow)]
    num_non_contract_units: Field<'a>,
    #[serde(borrow)]
    initial_margin: Field<'a>,
    #[serde(borrow)]
    maintenance_margin: Field<'a>,
}

/// The default schedule. The venue's help centre: rates are on the value at entry, limits of linear
/// contracts are dollars. It does not say whether a rate holds for the whole position or for its own part;
/// the dearer reading is taken.
fn schedule(levels: &Field<'_>, inverse: bool) -> Result<Option<MarginSchedule>, WireError> {
    let Some(levels) = levels.as_ref().filter(|raw| raw.json() != "null") else { return Ok(None) };
    let mut rows: Vec<TierRow> = Vec::new();
    wire::each_row(levels.json(), |json| {
        let level: Level<'_> = wire::object(json)?;
        let told = wire::amount(&level.contracts, "contracts")?
            .or(wire::amount(&level.num_non_contract_units, "numNonContractUnits")?);
        let floor = told
            .map(|floor| floor.normalize())
            .or(rows.is_empty().then_some(Decimal::ZERO))
            .ok_or(WireError::Missing("contracts"))?;
        if let Some(before) = rows.last_mut() {
            if floor <= before.floor {
                return Err(WireError::Range("contracts"));
            }
            before.cap = Some(floor);
        }
        let initial = wire::slow_price(&level.initial_margin, "initialMargin")?;
        rows.push(TierRow {
            floor,
            cap: None,
            initial,
            maintenance: wire::slow_price(&level.maintenance_margin, "maintenanceMargin")?,
            max_leverage: initial.and_then(leverage),
        });
        Ok(())
    })?;
    Ok((!rows.is_empty()).then_some(MarginSchedule {
        form: MarginForm::Tiers { style: TierStyle::Slab, rows },
        basis: if inverse { SizeUnit::Contracts } else { SizeUnit::Quote },
        base: MarginBase::Entry,
        liquidation_fee: None,
    }))
}

/// Highest leverage at an initial rate.
fn leverage(initial: Decimal) -> Option<Decimal> {
    Decimal::ONE.checked_div(initial).map(|leverage| leverage.normalize())
}

/// The schedule with its initial rates multiplied: what the venue asks under extreme volatility.
pub(super) fn stressed(schedule: &MarginSchedule, by: Decimal) -> MarginSchedule {
    let mut schedule = schedule.clone();
    if let MarginForm::Tiers { rows, .. } = &mut schedule.form {
        for row in rows {
            row.initial =
                row.initial.and_then(|rate| rate.checked_mul(by)).map(|rate| rate.min(Decimal::ONE));
            row.max_leverage = row.initial.and_then(leverage);
        }
    }
    schedule
}
