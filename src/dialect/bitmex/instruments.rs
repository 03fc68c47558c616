//! `bitmex` contract terms and risk limits: `GET /api/v1/instrument/active`.

use rust_decimal::Decimal;
use serde::Deserialize;

use super::money::{Currencies, Currency, canonical, hours};
use crate::dialect::WireError;
use crate::dialect::wire::{self, Field, Raw};
use crate::model::event::VenueState;
use crate::model::instrument::{Class, InstrumentDef, Payoff, SizeUnit, Status, split_scale};
use crate::model::margin::{MarginBase, MarginForm, MarginSchedule, TierRow, TierStyle};

/// Path of the list of open instruments.
pub(super) const PATH: &str = "/api/v1/instrument/active";
/// Risk limits of one instrument: with 0.5 % a step, full collateral is reached at 199.
const TIERS_MAX: usize = 256;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    #[serde(borrow)]
    symbol: Field<'a>,
    #[serde(borrow)]
    typ: Field<'a>,
    #[serde(borrow)]
    state: Field<'a>,
    #[serde(borrow)]
    underlying: Field<'a>,
    #[serde(borrow)]
    quote_currency: Field<'a>,
    #[serde(borrow)]
    settl_currency: Field<'a>,
    #[serde(borrow)]
    multiplier: Field<'a>,
    #[serde(borrow)]
    underlying_to_position_multiplier: Field<'a>,
    #[serde(borrow)]
    is_inverse: Field<'a>,
    #[serde(borrow)]
    is_quanto: Field<'a>,
    #[serde(borrow)]
    tick_size: Field<'a>,
    #[serde(borrow)]
    lot_size: Field<'a>,
    #[serde(borrow)]
    expiry: Field<'a>,
    #[serde(borrow)]
    funding_interval: Field<'a>,
    #[serde(borrow)]
    init_margin: Field<'a>,
    #[serde(borrow)]
    maint_margin: Field<'a>,
    #[serde(borrow)]
    risk_limit: Field<'a>,
    #[serde(borrow)]
    risk_step: Field<'a>,
}

/// One instrument as the venue lists it.
pub(super) struct Listed {
    pub(super) symbol: String,
    pub(super) def: InstrumentDef,
    pub(super) schedule: Option<MarginSchedule>,
}

/// Terms of one row; `None` for kinds that are no contract on an asset: spreads, indices, predictions.
pub(super) fn read(json: &str, currencies: &Currencies) -> Result<Option<Listed>, WireError> {
    let row: Row<'_> = wire::object(json)?;
    let symbol = wire::required(&row.symbol, "symbol")?.into_owned();
    let Some(class) = class(&wire::word(&row.typ)) else { return Ok(None) };
    let base = canonical(&wire::required(&row.underlying, "underlying")?);
    let quote = canonical(&wire::required(&row.quote_currency, "quoteCurrency")?);
    let payoff = match (is_true(&row.is_inverse), is_true(&row.is_quanto)) {
        (true, _) => Payoff::Inverse,
        (_, true) => Payoff::Quanto,
        _ => Payoff::Linear,
    };
    let currency = match class {
        Class::Spot => None, // settled in both its coins
        _ => Some(currencies.required(&row.settl_currency, "settlCurrency")?),
    };
    let multiplier = multiplier(&row, currency)?;
    let (underlying, price_scale) = split_scale(&base);
    let def = InstrumentDef {
        class,
        payoff,
        underlying: underlying.to_string(),
        settle: currency.map_or_else(|| quote.clone(), |c| c.code.clone()),
        quote,
        multiplier,
        price_tick: wire::amount(&row.tick_size, "tickSize")?,
        lot: wire::amount(&row.lot_size, "lotSize")?,
        price_scale,
        expiry: if class == Class::Future { wire::instant(&row.expiry, "expiry")? } else { None },
        strike: None,
        right: None,
        funding_interval_h: hours(&row.funding_interval, "fundingInterval")?,
        oi_unit: SizeUnit::Contracts,
        oi_sides: 1,
        status: status(&wire::word(&row.state)),
        base,
    };
    let schedule = match currency {
        Some(currency) => schedule(&row, currency, payoff)?,
        None => None,
    };
    Ok(Some(Listed { symbol, def, schedule }))
}

/// Kind by its CFI code. Spreads (`FFMCSX`) have prices that may be negative: no level of an asset.
fn class(typ: &str) -> Option<Class> {
    match typ {
        "FFWCSX" | "FFWCSF" | "FFSCSX" => Some(Class::Perp),
        "FFCCSX" => Some(Class::Future),
        "IFXXXP" => Some(Class::Spot),
        _ => None,
    }
}

/// Value of a contract: `multiplier` minor units of the settlement currency, per unit of price unless
/// inverse. Spot sizes are parts of a coin.
fn multiplier(row: &Row<'_>, currency: Option<&Currency>) -> Result<Decimal, WireError> {
    let wrong = WireError::Number("multiplier");
    let value = match currency {
        Some(currency) => {
            let minor = wire::figure(&row.multiplier, "multiplier")?;
            currency.major(minor.ok_or(WireError::Missing("multiplier"))?.abs()).ok_or(wrong)?
        }
        None => {
            let name = "underlyingToPositionMultiplier";
            let parts = wire::amount(&row.underlying_to_position_multiplier, name)?;
            Decimal::ONE.checked_div(parts.ok_or(WireError::Missing(name))?).ok_or(wrong)?.normalize()
        }
    };
    if value.is_zero() { Err(wrong) } else { Ok(value) }
}

/// Risk limits as tiers: each step above the limit adds the base maintenance rate to both rates, and the
/// whole position pays them. Limits are in the settlement currency: base coin of inverse contracts, and
/// the currency of the native notional of the others. Maintenance is on the entry value: `posMaint` of a
/// position is `posCost` times its rate, and a fee.
fn schedule(row: &Row<'_>, currency: &Currency, payoff: Payoff) -> Result<Option<MarginSchedule>, WireError> {
    let (Some(initial), Some(maintenance), Some(limit)) = (
        wire::slow_price(&row.init_margin, "initMargin")?,
        wire::slow_price(&row.maint_margin, "maintMargin")?,
        wire::slow_price(&row.risk_limit, "riskLimit")?,
    ) else {
        return Ok(None);
    };
    let step = wire::slow_price(&row.risk_step, "riskStep")?;
    let rows = tiers(initial, maintenance, currency.major(limit), step.and_then(|s| currency.major(s)));
    let Some(rows) = rows else { return Err(WireError::Number("riskLimit")) };
    Ok(Some(MarginSchedule {
        form: MarginForm::Tiers { style: TierStyle::Slab, rows },
        basis: if payoff == Payoff::Inverse { SizeUnit::Base } else { SizeUnit::Quote },
        base: MarginBase::Entry,
        liquidation_fee: None,
    }))
}

fn tiers(
    initial: Decimal,
    maintenance: Decimal,
    limit: Option<Decimal>,
    step: Option<Decimal>,
) -> Option<Vec<TierRow>> {
    let mut rows = Vec::new();
    let (mut floor, mut cap) = (Decimal::ZERO, limit?);
    let (mut im, mut mm) = (initial, maintenance);
    while im <= Decimal::ONE && rows.len() < TIERS_MAX {
        rows.push(TierRow {
            floor,
            cap: Some(cap),
            initial: Some(im),
            maintenance: Some(mm),
            max_leverage: None,
        });
        let Some(step) = step else { break };
        floor = cap;
        cap = cap.checked_add(step)?;
        im = im.checked_add(maintenance)?;
        mm = mm.checked_add(maintenance)?;
    }
    Some(rows)
}

fn is_true(field: &Field<'_>) -> bool {
    field.as_ref().map(Raw::json) == Some("true")
}

fn status(word: &str) -> Status {
    match word {
        "Open" => Status::Trading,
        "Settled" | "Unlisted" => Status::Closed,
        _ => Status::Halted, // `Closed` is between two sessions
    }
}

/// What can be done with an instrument in this state.
pub(super) fn venue_state(word: &str) -> VenueState {
    if word == "Open" { VenueState::Open } else { VenueState::Halted }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(json: &str) -> Listed {
        read(json, &Currencies::default()).unwrap().unwrap()
    }

    const INVERSE: &str = r#"{"symbol":"XBTUSD","typ":"FFWCSX","state":"Open","underlying":"XBT","quoteCurrency":"USD",
        "settlCurrency":"XBt","multiplier":-100000000,"isInverse":true,"isQuanto":false,"tickSize":0.1,"lotSize":100,
        "expiry":null,"fundingInterval":"2000-01-01T08:00:00.000Z","initMargin":0.01,"maintMargin":0.005,
        "riskLimit":20000000000,"riskStep":15000000000,"news":[{"a":1}]}"#;

    #[test]
    fn an_inverse_contract_is_a_dollar() {
        let Listed { symbol, def, .. } = listed(INVERSE);
        assert_eq!((symbol.as_str(), def.canonical().as_str()), ("XBTUSD", "BTC-USD:BTC-PERP"));
        assert_eq!((def.payoff, def.multiplier, def.base.as_str()), (Payoff::Inverse, Decimal::ONE, "BTC"));
        assert_eq!(def.funding_interval_h, Some(Decimal::from(8)));
        assert_eq!(def.lot, Some(Decimal::from(100)));
    }

    /// The table of www.bitmex.com/app/riskLimitsExamples: 200 XBT at 0.5 and 1 %, 350 at 1 and 1.5 %.
    #[test]
    fn risk_limits_are_slabs_that_rise_by_the_base_rate() {
        let schedule = listed(INVERSE).schedule.unwrap();
        let MarginForm::Tiers { style, rows } = schedule.form else { panic!("tiers") };
        assert_eq!(
            (style, schedule.basis, schedule.base),
            (TierStyle::Slab, SizeUnit::Base, MarginBase::Entry)
        );
        let shown: Vec<String> = rows
            .iter()
            .take(4)
            .map(|r| {
                format!("{}-{} {} {}", r.floor, r.cap.unwrap(), r.maintenance.unwrap(), r.initial.unwrap())
            })
            .collect();
        assert_eq!(
            shown,
            ["0-200 0.005 0.01", "200-350 0.010 0.015", "350-500 0.015 0.020", "500-650 0.020 0.025"]
        );
        assert_eq!(rows.len(), 199, "up to full collateral");
        assert_eq!(rows.last().unwrap().initial, Some(Decimal::ONE));
    }

    #[test]
    fn linear_sizes_are_parts_of_a_coin_and_quanto_sizes_satoshis_a_dollar() {
        let linear = listed(
            r#"{"symbol":"SOLUSDT","typ":"FFWCSX","state":"Open","underlying":"SOL","quoteCurrency":"USDT",
            "settlCurrency":"USDt","multiplier":100,"underlyingToPositionMultiplier":10000,"isInverse":false,
            "isQuanto":false,"lotSize":1000}"#,
        );
        assert_eq!(linear.def.multiplier.to_string(), "0.0001");
        assert_eq!((linear.def.payoff, linear.schedule), (Payoff::Linear, None));
        let quanto = listed(
            r#"{"symbol":"ETHUSD","typ":"FFWCSX","state":"Open","underlying":"ETH","quoteCurrency":"USD",
            "settlCurrency":"XBt","multiplier":100,"isInverse":false,"isQuanto":true}"#,
        );
        assert_eq!(quanto.def.multiplier.to_string(), "0.000001");
        assert_eq!((quanto.def.payoff, quanto.def.settle.as_str()), (Payoff::Quanto, "BTC"));
    }

    #[test]
    fn dated_futures_end_and_closed_sessions_halt() {
        let Listed { def, .. } = listed(
            r#"{"symbol":"XBTM27","typ":"FFCCSX","state":"Closed","underlying":"XBT","quoteCurrency":"USD",
            "settlCurrency":"XBt","multiplier":-100000000,"isInverse":true,"expiry":"2027-06-25T12:00:00.000Z"}"#,
        );
        assert_eq!((def.canonical().as_str(), def.status), ("BTC-USD:BTC-270625", Status::Halted));
        assert_eq!(def.funding_interval_h, None);
    }

    #[test]
    fn spreads_and_indices_are_left_out_and_unknown_money_is_refused() {
        for typ in ["FFMCSX", "MRCXXX", "FFICSX", "SRMCSX", ""] {
            let row = format!(r#"{{"symbol":"XBTM26-XBTU26","typ":"{typ}"}}"#);
            assert!(read(&row, &Currencies::default()).unwrap().is_none(), "{typ}");
        }
        let row = r#"{"symbol":"A","typ":"FFWCSX","underlying":"A","quoteCurrency":"ETH","settlCurrency":"Gwei","multiplier":1}"#;
        assert_eq!(read(row, &Currencies::default()).err(), Some(WireError::Word("settlCurrency")));
    }

    #[test]
    fn spot_sizes_are_parts_of_a_coin() {
        let Listed { def, .. } = listed(
            r#"{"symbol":"XBT_USDT","typ":"IFXXXP","state":"Open","underlying":"XBT","quoteCurrency":"USDT",
            "underlyingToPositionMultiplier":100000000}"#,
        );
        assert_eq!((def.class, def.multiplier.to_string().as_str()), (Class::Spot, "0.00000001"));
    }
}
