//! Coinbase contract terms, sessions, margin rates: rows of `GET …/market/products`.
//!
//! The venue calls every future EXPIRING; a perpetual is one that has a funding rate or says so in its
//! name, and carries a far expiry. Margin rates differ by side and by time of day: the schedule tells
//! the dearest, the overnight rate of the worse side. There is no mark price.

use rust_decimal::Decimal;
use serde::Deserialize;

use super::messages::time;
use crate::dialect::WireError;
use crate::dialect::wire::{self, Field};
use crate::model::event::{Ticker, VenueState};
use crate::model::instrument::{Class, InstrumentDef, Payoff, SizeUnit, Status, split_scale};
use crate::model::margin::{MarginBase, MarginForm, MarginSchedule, TierRow, TierStyle};
use crate::model::time::SECOND;

/// One product.
#[derive(Deserialize)]
pub(super) struct Row<'a> {
    #[serde(borrow)]
    product_id: Field<'a>,
    #[serde(borrow)]
    product_type: Field<'a>,
    #[serde(borrow)]
    status: Field<'a>,
    #[serde(borrow)]
    base_increment: Field<'a>,
    #[serde(borrow)]
    price_increment: Field<'a>,
    #[serde(borrow)]
    quote_increment: Field<'a>,
    #[serde(borrow)]
    base_currency_id: Field<'a>,
    #[serde(borrow)]
    quote_currency_id: Field<'a>,
    #[serde(borrow)]
    display_name: Field<'a>,
    #[serde(borrow)]
    trading_disabled: Field<'a>,
    #[serde(borrow)]
    is_disabled: Field<'a>,
    #[serde(borrow)]
    view_only: Field<'a>,
    #[serde(borrow)]
    cancel_only: Field<'a>,
    #[serde(borrow)]
    post_only: Field<'a>,
    #[serde(borrow)]
    fcm_trading_session_details: Option<Session<'a>>,
    #[serde(borrow)]
    future_product_details: Option<Details<'a>>,
}

#[derive(Deserialize)]
struct Session<'a> {
    #[serde(borrow)]
    is_session_open: Field<'a>,
    #[serde(borrow)]
    session_state: Field<'a>,
    #[serde(borrow)]
    closed_reason: Field<'a>,
}

#[derive(Deserialize)]
struct Details<'a> {
    #[serde(borrow)]
    contract_expiry: Field<'a>,
    #[serde(borrow)]
    contract_size: Field<'a>,
    #[serde(borrow)]
    contract_root_unit: Field<'a>,
    #[serde(borrow)]
    contract_display_name: Field<'a>,
    #[serde(borrow)]
    non_crypto: Field<'a>,
    #[serde(borrow)]
    funding_interval: Field<'a>,
    #[serde(borrow)]
    funding_rate: Field<'a>,
    #[serde(borrow)]
    funding_time: Field<'a>,
    #[serde(borrow)]
    index_price: Field<'a>,
    #[serde(borrow)]
    open_interest: Field<'a>,
    #[serde(borrow)]
    overnight_margin_rate: Option<Rates<'a>>,
}

#[derive(Deserialize)]
struct Rates<'a> {
    #[serde(borrow)]
    long_margin_rate: Field<'a>,
    #[serde(borrow)]
    short_margin_rate: Field<'a>,
}

/// Symbol and terms of one row.
pub(super) fn terms(row: &Row<'_>) -> Result<(String, InstrumentDef), WireError> {
    let symbol = wire::required(&row.product_id, "product_id")?.into_owned();
    let quote = wire::required(&row.quote_currency_id, "quote_currency_id")?.into_owned();
    let tick = wire::amount(&row.price_increment, "price_increment")?;
    let spot = InstrumentDef {
        class: Class::Spot,
        payoff: Payoff::Linear,
        settle: quote.clone(),
        quote,
        multiplier: Decimal::ONE,
        price_tick: tick
            .map_or_else(|| wire::amount(&row.quote_increment, "quote_increment"), |t| Ok(Some(t)))?,
        lot: wire::amount(&row.base_increment, "base_increment")?,
        price_scale: Decimal::ONE,
        oi_unit: SizeUnit::Contracts,
        oi_sides: 1,
        status: row.trading(),
        ..InstrumentDef::default()
    };
    let details = match (&*wire::word(&row.product_type), &row.future_product_details) {
        ("SPOT", _) => {
            let base = canonical(&wire::required(&row.base_currency_id, "base_currency_id")?).to_string();
            return Ok((symbol, InstrumentDef { underlying: base.clone(), base, ..spot }));
        }
        ("FUTURE", Some(details)) => details,
        ("FUTURE", None) => return Err(WireError::Missing("future_product_details")),
        _ => return Err(WireError::Word("product_type")),
    };
    let unit = wire::required(&details.contract_root_unit, "contract_root_unit")?;
    let base = canonical(&unit).to_string();
    let size = wire::amount(&details.contract_size, "contract_size")?.filter(|size| !size.is_zero());
    let (underlying, price_scale) = split_scale(&base);
    let def = InstrumentDef {
        class: if row.is_perpetual() { Class::Perp } else { Class::Future },
        underlying: underlying.to_string(),
        multiplier: size.ok_or(WireError::Missing("contract_size"))?,
        price_scale,
        expiry: time(&details.contract_expiry, "contract_expiry")?,
        funding_interval_h: hours(&details.funding_interval)?,
        ..spot
    };
    Ok((symbol, InstrumentDef { base, ..def }))
}

/// The asset under the name that other venues give it.
fn canonical(base: &str) -> &str {
    if base == "XBT" { "BTC" } else { base }
}

/// `"3600s"` in hours.
fn hours(field: &Field<'_>) -> Result<Option<Decimal>, WireError> {
    let Some(text) = wire::text(field, "funding_interval")? else { return Ok(None) };
    let seconds = text.strip_suffix('s').and_then(|s| s.parse::<u32>().ok()).filter(|s| *s > 0);
    let seconds = seconds.ok_or(WireError::Number("funding_interval"))?;
    Ok(Decimal::from(seconds).checked_div(Decimal::from(3_600)))
}

fn is_true(field: &Field<'_>) -> bool {
    field.as_ref().is_some_and(|raw| raw.json() == "true")
}

impl Row<'_> {
    /// True for contracts on gold, oil, shares.
    pub(super) fn is_no_crypto(&self) -> bool {
        self.future_product_details.as_ref().is_some_and(|d| is_true(&d.non_crypto))
    }

    fn is_perpetual(&self) -> bool {
        let Some(details) = &self.future_product_details else { return false };
        let says = |field: &Field<'_>| wire::word(field).to_ascii_uppercase().contains("PERP");
        !wire::word(&details.funding_rate).is_empty()
            || says(&self.display_name)
            || says(&details.contract_display_name)
    }

    fn trading(&self) -> Status {
        match self.session() {
            _ if &*wire::word(&self.status) == "delisted" => Status::Closed,
            None | Some(VenueState::Open) => Status::Trading,
            Some(_) => Status::Halted,
        }
    }

    /// What can be done now; `None` where the row does not tell. The reason of a closed session stands
    /// beside open ones too: it is that of the next closing.
    pub(super) fn session(&self) -> Option<VenueState> {
        if [&self.trading_disabled, &self.is_disabled, &self.view_only].into_iter().any(is_true) {
            return Some(VenueState::Halted);
        }
        if let Some(session) = &self.fcm_trading_session_details {
            let state = wire::word(&session.session_state);
            let is_open = is_true(&session.is_session_open);
            match state.strip_prefix("FCM_TRADING_SESSION_STATE_").unwrap_or_default() {
                "PRE_OPEN" | "PRE_OPEN_NO_CANCEL" => return Some(VenueState::PostOnly),
                "OPEN" => {}
                _ if is_open => {}
                _ if wire::word(&session.closed_reason).ends_with("MAINTENANCE") => {
                    return Some(VenueState::Maintenance);
                }
                _ => return Some(VenueState::Halted),
            }
        }
        self.trading_disabled.as_ref()?;
        Some(match (is_true(&self.cancel_only), is_true(&self.post_only)) {
            (true, _) => VenueState::CancelOnly,
            (_, true) => VenueState::PostOnly,
            _ => VenueState::Open,
        })
    }

    /// Index and funding. The rate is that of `funding_time`, the hour that began; the next follows one
    /// interval later.
    pub(super) fn ticker(&self) -> Result<Ticker, WireError> {
        let Some(details) = &self.future_product_details else { return Ok(Ticker::default()) };
        let interval = hours(&details.funding_interval)?;
        let began = time(&details.funding_time, "funding_time")?;
        let nanos = |hours: Decimal| i64::try_from(hours * Decimal::from(3_600 * SECOND)).ok();
        Ok(Ticker {
            index: wire::slow_price(&details.index_price, "index_price")?,
            funding_rate: wire::figure(&details.funding_rate, "funding_rate")?,
            funding_interval_h: interval,
            funding_next: began.zip(interval.and_then(nanos)).map(|(at, step)| at.plus(step)),
            ..Ticker::default()
        })
    }

    /// Contracts that are open, each counted once.
    pub(super) fn open_interest(&self) -> Result<Option<Decimal>, WireError> {
        match &self.future_product_details {
            Some(details) => wire::amount(&details.open_interest, "open_interest"),
            None => Ok(None),
        }
    }

    /// The rate that a position must bear overnight, the worse of both sides. Maintenance is not told.
    pub(super) fn schedule(&self) -> Result<Option<MarginSchedule>, WireError> {
        let rates = self.future_product_details.as_ref().and_then(|d| d.overnight_margin_rate.as_ref());
        let Some(rates) = rates else { return Ok(None) };
        let long = wire::slow_price(&rates.long_margin_rate, "long_margin_rate")?;
        let short = wire::slow_price(&rates.short_margin_rate, "short_margin_rate")?;
        let Some(initial) = long.max(short) else { return Ok(None) };
        let row = TierRow {
            floor: Decimal::ZERO,
            cap: None,
            initial: Some(initial),
            maintenance: None,
            max_leverage: None,
        };
        Ok(Some(MarginSchedule {
            form: MarginForm::Tiers { style: TierStyle::Slab, rows: vec![row] },
            basis: SizeUnit::Usd,
            base: MarginBase::Mark,
            liquidation_fee: None,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::contract::Contract;
    use crate::model::margin::{Isolated, TierBasis, Tiers};

    const PERP: &str = r#"{"product_id":"BIP-20DEC30-CDE","base_increment":"1","quote_increment":"0.01","price_increment":"5",
        "trading_disabled":false,"is_disabled":false,"view_only":false,"cancel_only":false,"post_only":false,"status":"",
        "product_type":"FUTURE","quote_currency_id":"USD","base_currency_id":"","display_name":"BTC PERP",
        "fcm_trading_session_details":{"is_session_open":true,"session_state":"FCM_TRADING_SESSION_STATE_OPEN","closed_reason":"FCM_TRADING_SESSION_CLOSED_REASON_EXCHANGE_MAINTENANCE"},
        "future_product_details":{"contract_expiry":"2030-12-20T16:00:00Z","contract_size":"0.01","contract_root_unit":"BTC","contract_expiry_type":"EXPIRING",
        "non_crypto":false,"funding_interval":"3600s","open_interest":"200000","funding_rate":"0.000012","funding_time":"2026-11-22T06:00:00Z",
        "overnight_margin_rate":{"long_margin_rate":"0.24","short_margin_rate":"0.30"},"index_price":"60001.5"}}"#;

    fn row(json: &str) -> Row<'_> {
        wire::object(json).unwrap()
    }

    fn d(text: &str) -> Decimal {
        Decimal::from_str_exact(text).unwrap()
    }

    #[test]
    fn a_future_with_funding_is_a_perpetual_whatever_its_expiry() {
        let (symbol, def) = terms(&row(PERP)).unwrap();
        assert_eq!(
            (symbol.as_str(), def.class, def.payoff),
            ("BIP-20DEC30-CDE", Class::Perp, Payoff::Linear)
        );
        assert_eq!((def.multiplier, def.price_tick, def.lot), (d("0.01"), Some(d("5")), Some(Decimal::ONE)));
        assert_eq!(def.canonical(), "BTC-USD-PERP");
        assert_eq!((def.status, def.funding_interval_h), (Status::Trading, Some(Decimal::ONE)));
        let nameless = PERP.replace("BTC PERP", "BTC");
        assert_eq!(terms(&row(&nameless)).unwrap().1.class, Class::Perp, "the funding rate tells");
        let unfunded = PERP.replace("\"0.000012\"", "\"\"");
        assert_eq!(terms(&row(&unfunded)).unwrap().1.class, Class::Perp, "the name tells");
        let dated = unfunded.replace("BTC PERP", "BTC 25 JUN 27").replace("2030-12-20", "2027-06-25");
        let (_, def) = terms(&row(&dated)).unwrap();
        assert_eq!((def.class, def.canonical().as_str()), (Class::Future, "BTC-USD-270625"));
    }

    #[test]
    fn funding_is_of_the_hour_that_began() {
        let ticker = row(PERP).ticker().unwrap();
        assert_eq!(ticker.funding_next.unwrap().to_string(), "2026-11-22T07:00:00.000000000Z");
        assert_eq!((ticker.funding_rate, ticker.mark), (Some(d("0.000012")), None));
        assert_eq!(row(PERP).open_interest(), Ok(Some(d("200000"))));
    }

    #[test]
    fn a_session_closes_for_a_reason() {
        assert_eq!(row(PERP).session(), Some(VenueState::Open), "the reason is that of the next closing");
        let closed = PERP
            .replace("STATE_OPEN", "STATE_CLOSE")
            .replace("\"is_session_open\":true", "\"is_session_open\":false");
        assert_eq!(row(&closed).session(), Some(VenueState::Maintenance));
        assert_eq!(
            row(&closed.replace("EXCHANGE_MAINTENANCE", "REGULAR")).session(),
            Some(VenueState::Halted)
        );
        assert_eq!(row(&PERP.replace("STATE_OPEN", "STATE_PRE_OPEN")).session(), Some(VenueState::PostOnly));
        let disabled = PERP.replace("\"trading_disabled\":false", "\"trading_disabled\":true");
        assert_eq!(terms(&row(&disabled)).unwrap().1.status, Status::Halted);
    }

    #[test]
    fn the_dearest_margin_counts() {
        let schedule = row(PERP).schedule().unwrap().unwrap();
        let MarginForm::Tiers { rows, .. } = &schedule.form else { panic!("tiers") };
        assert_eq!((rows.len(), rows[0].initial, rows[0].maintenance), (1, Some(d("0.30")), None));
        assert_eq!(schedule.tiers(), None, "maintenance is unknown, not zero");
    }

    #[test]
    fn terms_that_are_missing_are_errors() {
        assert_eq!(
            terms(&row(&PERP.replace("\"0.01\",\"contract_root", "\"\",\"contract_root"))).unwrap_err(),
            WireError::Missing("contract_size")
        );
        assert_eq!(
            terms(&row(&PERP.replace("3600s", "1 h"))).unwrap_err(),
            WireError::Number("funding_interval")
        );
        assert_eq!(
            terms(&row(&PERP.replace("\"FUTURE\"", "\"OPTION\""))).unwrap_err(),
            WireError::Word("product_type")
        );
    }

    /// 300 contracts of 0.01 BTC bought at 60,000 with 36,000 USD behind them: 3 BTC. At 61,200 they are
    /// worth 183,600 and have won 3,600. With maintenance of 10 % they end where
    /// 36,000 + 3·(P − 60,000) = 0.1·3·P, at 144,000 / 2.7 = 53,333.33.
    #[test]
    fn a_worked_linear_position() {
        let (_, def) = terms(&row(PERP)).unwrap();
        let contract = Contract { payoff: def.payoff, multiplier: def.multiplier };
        assert_eq!(contract.notional(d("300"), d("61200")), Some(d("183600")));
        assert_eq!(contract.pnl(d("300"), d("60000"), d("61200")), Some(d("3600")));
        assert_eq!(contract.pnl(d("-300"), d("60000"), d("61200")), Some(d("-3600")));
        let long = Isolated { contract, contracts: d("300"), entry: d("60000"), margin: d("36000") };
        let price = long.liquidation(&Tiers::flat(d("0.1")), MarginBase::Mark, TierBasis::Settle).unwrap();
        assert_eq!(price.round_dp(2), d("53333.33"));
    }
}
