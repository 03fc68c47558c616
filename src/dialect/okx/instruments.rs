//! OKX contract terms: `GET /api/v5/public/instruments` and the channel `instruments`.

use rust_decimal::Decimal;
use serde::Deserialize;

use crate::dialect::WireError;
use crate::dialect::wire::{self, Field};
use crate::model::instrument::{Class, InstrumentDef, Payoff, Right, SizeUnit, Status, split_scale};

/// Path of the instrument list.
pub(super) const PATH: &str = "/api/v5/public/instruments";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    #[serde(borrow)]
    inst_id: Field<'a>,
    #[serde(borrow)]
    inst_type: Field<'a>,
    #[serde(borrow)]
    rule_type: Field<'a>,
    #[serde(borrow)]
    base_ccy: Field<'a>,
    #[serde(borrow)]
    quote_ccy: Field<'a>,
    #[serde(borrow)]
    settle_ccy: Field<'a>,
    #[serde(borrow)]
    ct_val: Field<'a>,
    #[serde(borrow)]
    ct_mult: Field<'a>,
    #[serde(borrow)]
    ct_type: Field<'a>,
    #[serde(borrow)]
    tick_sz: Field<'a>,
    #[serde(borrow)]
    lot_sz: Field<'a>,
    #[serde(borrow)]
    exp_time: Field<'a>,
    #[serde(borrow)]
    stk: Field<'a>,
    #[serde(borrow)]
    opt_type: Field<'a>,
    #[serde(borrow)]
    state: Field<'a>,
}

/// Symbol and terms of one row; `None` for kinds that are no market of their own.
pub(super) fn read(json: &str) -> Result<Option<(String, InstrumentDef)>, WireError> {
    let row: Row<'_> = wire::object(json)?;
    let symbol = wire::required(&row.inst_id, "instId")?.into_owned();
    let perpetual = &*wire::word(&row.rule_type) == "xperp" || is_x_perp(&symbol);
    let class = match &*wire::required(&row.inst_type, "instType")? {
        "SWAP" => Class::Perp,
        "FUTURES" if perpetual => Class::Perp, // funding and a last day years away
        "FUTURES" => Class::Future,
        "OPTION" => Class::Option,
        "SPOT" => Class::Spot,
        _ => return Ok(None), // margin repeats spot, events are no contracts
    };
    let (base, quote) = if class == Class::Spot {
        (
            wire::required(&row.base_ccy, "baseCcy")?.into_owned(),
            wire::required(&row.quote_ccy, "quoteCcy")?.into_owned(),
        )
    } else {
        let (base, quote) = pair(&symbol).ok_or(WireError::Word("instId"))?;
        (base.to_string(), quote.to_string())
    };
    let settle = wire::text(&row.settle_ccy, "settleCcy")?.map_or_else(|| quote.clone(), Into::into);
    let multiplier = match class {
        Class::Spot => Decimal::ONE,
        _ => factor(&row.ct_val, "ctVal")?
            .checked_mul(factor(&row.ct_mult, "ctMult")?)
            .ok_or(WireError::Number("ctMult"))?
            .normalize(),
    };
    let payoff = match &*wire::word(&row.ct_type) {
        "inverse" => Payoff::Inverse,
        _ if class == Class::Option && settle == base => Payoff::Inverse,
        _ if settle == quote => Payoff::Linear,
        _ => Payoff::Quanto, // paid in another currency at par
    };
    let (underlying, price_scale) = split_scale(&base);
    let def = InstrumentDef {
        class,
        payoff,
        underlying: underlying.to_string(),
        quote,
        settle,
        multiplier,
        price_tick: wire::amount(&row.tick_sz, "tickSz")?,
        lot: wire::amount(&row.lot_sz, "lotSz")?,
        price_scale,
        expiry: if class == Class::Perp { None } else { wire::millis(&row.exp_time, "expTime")? },
        strike: wire::slow_price(&row.stk, "stk")?,
        right: match &*wire::word(&row.opt_type) {
            "C" => Some(Right::Call),
            "P" => Some(Right::Put),
            _ => None,
        },
        funding_interval_h: None, // told by the channel `funding-rate`, it varies
        oi_unit: SizeUnit::Contracts,
        oi_sides: 1,
        status: match &*wire::word(&row.state) {
            "live" => Status::Trading,
            "settling" | "expired" => Status::Closed,
            _ => Status::Halted,
        },
        base,
    };
    Ok(Some((symbol, def)))
}

/// A factor of the multiplier; absent means one.
fn factor(field: &Field<'_>, name: &'static str) -> Result<Decimal, WireError> {
    Ok(wire::slow_price(field, name)?.unwrap_or(Decimal::ONE))
}

/// Base and quote of a derivative: names split on `-` only, the quote ends at its first `_`.
fn pair(symbol: &str) -> Option<(&str, &str)> {
    let mut parts = symbol.split('-');
    let (base, quote, _kind) = (parts.next()?, parts.next()?, parts.next()?);
    Some((base, quote.split('_').next().unwrap_or(quote)))
}

/// Kind of a contract as requests name it.
pub(super) fn kind(symbol: &str) -> &'static str {
    if symbol.ends_with("-SWAP") {
        "SWAP"
    } else if is_option(symbol) {
        "OPTION"
    } else {
        "FUTURES"
    }
}

/// True for `BTC-USD-261225-90000-C`.
pub(super) fn is_option(symbol: &str) -> bool {
    symbol.ends_with("-C") || symbol.ends_with("-P")
}

/// What requests call a family: `BTC-USD_UM` of `BTC-USD_UM-261225-90000-C`.
pub(super) fn family(symbol: &str) -> &str {
    let end = symbol.match_indices('-').nth(1).map_or(symbol.len(), |(at, _)| at);
    symbol.get(..end).unwrap_or(symbol)
}

/// True for what may stand in a query as it is.
pub(super) fn is_name(symbol: &str) -> bool {
    symbol.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

fn is_x_perp(symbol: &str) -> bool {
    symbol.split('-').nth(1).is_some_and(|quote| quote.ends_with("_XPERP"))
}

/// Name of the index behind a swap or future: `BTC-USD` for `BTC-USD_UM_XPERP-310404`. Options are many
/// and tell the price of their underlying themselves.
pub(super) fn index_name(symbol: &str) -> Option<String> {
    pair(symbol).filter(|_| !is_option(symbol)).map(|(base, quote)| format!("{base}-{quote}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn swaps_count_contracts_of_their_value() {
        let row = r#"{"instType":"SWAP","instId":"BTC-USD-SWAP","ctVal":"100","ctMult":"1","ctType":"inverse","settleCcy":"BTC",
            "tickSz":"0.1","lotSz":"1","state":"live","expTime":"","baseCcy":"","quoteCcy":""}"#;
        let (_, def) = read(row).unwrap().unwrap();
        assert_eq!(
            (def.payoff, def.multiplier, def.oi_unit),
            (Payoff::Inverse, Decimal::from(100), SizeUnit::Contracts)
        );
        assert_eq!(def.canonical(), "BTC-USD:BTC-PERP");
    }

    #[test]
    fn an_x_perp_is_a_perpetual_settled_elsewhere() {
        let row = r#"{"instType":"FUTURES","instId":"BTC-USD_UM_XPERP-310404","ruleType":"xperp","ctVal":"0.01","ctMult":"0.1",
            "ctType":"linear","settleCcy":"USDC","expTime":"1933056000000","state":"post_only"}"#;
        let (symbol, def) = read(row).unwrap().unwrap();
        assert_eq!((def.class, def.expiry, def.payoff), (Class::Perp, None, Payoff::Quanto));
        assert_eq!((def.multiplier.to_string().as_str(), def.status), ("0.001", Status::Halted));
        assert_eq!(index_name(&symbol).as_deref(), Some("BTC-USD"));
        assert_eq!(index_name("BTC-USDT"), None);
        assert_eq!((kind(&symbol), family(&symbol)), ("FUTURES", "BTC-USD_UM_XPERP"));
        let option = "BTC-USD_UM-261225-90000-C";
        assert_eq!((kind(option), family(option), index_name(option)), ("OPTION", "BTC-USD_UM", None));
        assert!(is_name(option) && !is_name("BTC&instType=SPOT"));
    }
}
