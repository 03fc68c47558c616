//! Contract terms: `exchangeInfo` of both pools and the funding intervals.

use rust_decimal::Decimal;
use serde::Deserialize;

use super::{BinanceDecoder, Pool};
use crate::dialect::wire::{self, Field, amount, figure, required, text, word};
use crate::dialect::{Note, Out, WireError};
use crate::model::event::Body;
use crate::model::instrument::{Class, InstrumentDef, Payoff, SizeUnit, Status, split_scale};

/// Funding interval where `fundingInfo` does not list the symbol. Unverified; the venue lists only
/// adjusted symbols there.
const DEFAULT_FUNDING_HOURS: i64 = 8;

#[derive(Deserialize)]
struct List<'a> {
    #[serde(borrow)]
    symbols: Field<'a>,
}

#[derive(Deserialize)]
#[expect(non_snake_case, reason = "the venue's own names")]
struct Row<'a> {
    #[serde(borrow)]
    symbol: Field<'a>,
    #[serde(borrow)]
    contractType: Field<'a>,
    #[serde(borrow)]
    contractStatus: Field<'a>,
    #[serde(borrow)]
    status: Field<'a>,
    #[serde(borrow)]
    baseAsset: Field<'a>,
    #[serde(borrow)]
    quoteAsset: Field<'a>,
    #[serde(borrow)]
    marginAsset: Field<'a>,
    #[serde(borrow)]
    contractSize: Field<'a>,
    #[serde(borrow)]
    deliveryDate: Field<'a>,
    #[serde(borrow)]
    filters: Field<'a>,
}

#[derive(Deserialize)]
#[expect(non_snake_case, reason = "the venue's own names")]
struct Filter<'a> {
    #[serde(borrow)]
    filterType: Field<'a>,
    #[serde(borrow)]
    tickSize: Field<'a>,
    #[serde(borrow)]
    stepSize: Field<'a>,
}

#[derive(Deserialize)]
#[expect(non_snake_case, reason = "the venue's own names")]
struct Interval<'a> {
    #[serde(borrow)]
    symbol: Field<'a>,
    #[serde(borrow)]
    fundingIntervalHours: Field<'a>,
}

/// Reads the instrument list. A row that cannot be read does not cost the others.
pub(super) fn read(decoder: &mut BinanceDecoder, json: &str, out: &mut dyn Out) -> Result<(), WireError> {
    let list: List<'_> = wire::object(json)?;
    let rows = list.symbols.ok_or(WireError::Missing("symbols"))?;
    wire::each_row(rows.json(), |row| {
        let row: Row<'_> = wire::object(row)?;
        let Some(def) = terms(decoder, &row)? else {
            out.note(Note::Unused("contract type"));
            return Ok(());
        };
        let symbol = decoder.symbol(required(&row.symbol, "symbol")?.as_bytes())?;
        decoder.emit(symbol, None, Body::Instrument(&def), out);
        Ok(())
    })
}

/// Reads the funding intervals that differ from the default.
pub(super) fn read_intervals(decoder: &mut BinanceDecoder, json: &str) -> Result<(), WireError> {
    wire::each_row(json, |row| {
        let row: Interval<'_> = wire::object(row)?;
        let name = required(&row.symbol, "symbol")?.into_owned();
        if let Some(hours) = amount(&row.fundingIntervalHours, "fundingIntervalHours")? {
            decoder.funding_hours.insert(name, hours);
        }
        Ok(())
    })
}

fn terms(decoder: &mut BinanceDecoder, row: &Row<'_>) -> Result<Option<InstrumentDef>, WireError> {
    let class = match word(&row.contractType).as_ref() {
        "PERPETUAL" | "TRADIFI_PERPETUAL" => Class::Perp,
        "CURRENT_QUARTER" | "NEXT_QUARTER" | "CURRENT_MONTH" | "NEXT_MONTH" => Class::Future,
        _ => return Ok(None),
    };
    let base = required(&row.baseAsset, "baseAsset")?.into_owned();
    let (underlying, price_scale) = split_scale(&base);
    let (payoff, multiplier, oi_unit) = match decoder.pool {
        Pool::UsdM => (Payoff::Linear, Decimal::ONE, SizeUnit::Base),
        Pool::CoinM => {
            let usd = figure(&row.contractSize, "contractSize")?.ok_or(WireError::Missing("contractSize"))?;
            (Payoff::Inverse, usd, SizeUnit::Contracts)
        }
    };
    let status =
        match text(&row.status, "status")?.or(text(&row.contractStatus, "contractStatus")?).as_deref() {
            Some("TRADING") => Status::Trading,
            Some("CLOSE" | "DELIVERED" | "DELISTED" | "SETTLING") => Status::Closed,
            _ => Status::Halted, // venues add states; unknown means not trading
        };
    let (mut price_tick, mut lot) = (None, None);
    if let Some(filters) = &row.filters {
        wire::each_row(filters.json(), |filter| {
            let filter: Filter<'_> = wire::object(filter)?;
            match word(&filter.filterType).as_ref() {
                "PRICE_FILTER" => price_tick = amount(&filter.tickSize, "tickSize")?,
                "LOT_SIZE" => lot = amount(&filter.stepSize, "stepSize")?,
                _ => {}
            }
            Ok(())
        })?;
    }
    let name = required(&row.symbol, "symbol")?.into_owned();
    let hours = *decoder.funding_hours.entry(name).or_insert_with(|| Decimal::from(DEFAULT_FUNDING_HOURS));
    Ok(Some(InstrumentDef {
        class,
        payoff,
        underlying: underlying.to_string(),
        price_scale,
        quote: required(&row.quoteAsset, "quoteAsset")?.into_owned(),
        settle: required(&row.marginAsset, "marginAsset")?.into_owned(),
        base,
        multiplier,
        price_tick,
        lot,
        expiry: (class == Class::Future)
            .then(|| wire::millis(&row.deliveryDate, "deliveryDate"))
            .transpose()?
            .flatten(),
        funding_interval_h: (class == Class::Perp).then_some(hours),
        oi_unit,
        oi_sides: 1,
        status,
        ..InstrumentDef::default()
    }))
}
