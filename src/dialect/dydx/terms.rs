//! dYdX contract terms and margins, put together from whole and partial markets.

use rust_decimal::Decimal;

use super::messages::MarketRow;
use crate::dialect::WireError;
use crate::dialect::wire;
use crate::model::event::{Ticker, VenueState};
use crate::model::instrument::{Class, InstrumentDef, Payoff, SizeUnit, Status, split_scale};
use crate::model::margin::{MarginBase, MarginForm, MarginSchedule, TierRow, TierStyle};

/// What is known of one market.
#[derive(Debug, Default)]
pub(super) struct Market {
    def: Option<InstrumentDef>,
    state: Option<VenueState>,
    margins: Margins,
    schedule: Option<MarginSchedule>,
    /// The chain's open interest was seen: the indexer's own sum is left out.
    has_base_interest: bool,
}

/// Fractions, and the open interest in USD between which the initial one rises.
#[derive(Clone, Copy, Debug, Default)]
struct Margins {
    initial: Option<Decimal>,
    maintenance: Option<Decimal>,
    lower: Option<Decimal>,
    upper: Option<Decimal>,
}

/// What a market message is news of.
#[derive(Debug, Default)]
pub(super) struct News {
    pub(super) def: Option<InstrumentDef>,
    pub(super) state: Option<VenueState>,
    pub(super) schedule: Option<MarginSchedule>,
    pub(super) ticker: Ticker,
    pub(super) open_interest: Option<Decimal>,
}

impl Market {
    /// Merges a market, whole or in part. Nothing is changed when a field cannot be read.
    pub(super) fn merge(&mut self, name: &str, row: &MarketRow<'_>) -> Result<News, WireError> {
        let ticker = wire::word(&row.ticker);
        if !ticker.is_empty() && ticker != name {
            return Err(WireError::Word("ticker")); // not the market of its key
        }
        let status = wire::word(&row.status);
        let base = wire::amount(&row.base_open_interest, "baseOpenInterest")?;
        let sum = wire::amount(&row.open_interest, "openInterest")?;
        let margins = self.margins.merged(row)?;
        let ticker = prices(row)?;
        let (tick, lot) =
            (wire::slow_price(&row.tick_size, "tickSize")?, wire::slow_price(&row.step_size, "stepSize")?);

        self.has_base_interest |= base.is_some();
        self.margins = margins;
        let state = (!status.is_empty()).then(|| state_of(&status)).filter(|s| self.state != Some(*s));
        self.state = state.or(self.state);
        let schedule = self.margins.schedule().filter(|s| self.schedule.as_ref() != Some(s));
        if schedule.is_some() {
            self.schedule.clone_from(&schedule);
        }
        Ok(News {
            def: self.terms(name, tick.zip(lot), &status),
            state,
            schedule,
            ticker,
            open_interest: base.or_else(|| sum.filter(|_| !self.has_base_interest)),
        })
    }

    /// The terms, when the message states them or changes their status.
    fn terms(
        &mut self,
        name: &str,
        steps: Option<(Decimal, Decimal)>,
        status: &str,
    ) -> Option<InstrumentDef> {
        let mut def = match steps {
            Some((tick, lot)) => InstrumentDef { price_tick: Some(tick), lot: Some(lot), ..terms(name) },
            None => self.def.clone()?,
        };
        if !status.is_empty() {
            def.status = status_of(status);
        }
        let is_news = steps.is_some() || self.def.as_ref() != Some(&def);
        self.def = Some(def.clone());
        is_news.then_some(def)
    }
}

impl Margins {
    fn merged(self, row: &MarketRow<'_>) -> Result<Margins, WireError> {
        let initial = wire::amount(&row.initial_margin_fraction, "initialMarginFraction")?;
        let maintenance = wire::amount(&row.maintenance_margin_fraction, "maintenanceMarginFraction")?;
        let lower = wire::amount(&row.open_interest_lower_cap, "openInterestLowerCap")?;
        let upper = wire::amount(&row.open_interest_upper_cap, "openInterestUpperCap")?;
        Ok(Margins {
            initial: initial.or(self.initial),
            maintenance: maintenance.or(self.maintenance),
            lower: lower.or(self.lower),
            upper: upper.or(self.upper),
        })
    }

    /// The initial rate rises to 1 between the caps; caps of zero or none mean that it stands still.
    fn schedule(&self) -> Option<MarginSchedule> {
        let (initial, maintenance) = self.initial.zip(self.maintenance)?;
        let caps = self.lower.zip(self.upper).filter(|(lower, upper)| upper > lower);
        let form = match caps {
            Some((lower, upper)) => MarginForm::OiScaled { initial, maintenance, lower, upper },
            None => {
                let row = TierRow {
                    floor: Decimal::ZERO,
                    cap: None,
                    initial: Some(initial),
                    maintenance: Some(maintenance),
                    max_leverage: None,
                };
                MarginForm::Tiers { style: TierStyle::Slab, rows: vec![row] }
            }
        };
        Some(MarginSchedule { form, basis: SizeUnit::Quote, base: MarginBase::Mark, liquidation_fee: None })
    }
}

/// Oracle price and funding. The oracle price is both mark and index: there is no other. The rate is the
/// one that the running hour ends with.
fn prices(row: &MarketRow<'_>) -> Result<Ticker, WireError> {
    let oracle = wire::slow_price(&row.oracle_price, "oraclePrice")?;
    let funding_rate = wire::figure(&row.next_funding_rate, "nextFundingRate")?;
    Ok(Ticker {
        mark: oracle,
        index: oracle,
        funding_rate,
        funding_interval_h: funding_rate.map(|_| Decimal::ONE),
        ..Ticker::default()
    })
}

/// Terms that the ticker alone gives: `BTC-USD`, or `TOKEN,DEX,ADDRESS-USD` for a token of an exchange on
/// another chain.
///
/// Prices follow an oracle in USD and profit is paid in USDC without conversion: a quanto contract at a
/// fixed rate of one (METRICS.md §2). Sizes and open interest are base coins.
fn terms(name: &str) -> InstrumentDef {
    let pair = name.rsplit_once("-USD").map_or(name, |(base, _)| base);
    let base = pair.split_once(',').map_or(pair, |(token, _)| token);
    let (underlying, price_scale) = split_scale(base);
    InstrumentDef {
        class: Class::Perp,
        payoff: Payoff::Quanto,
        underlying: underlying.to_string(),
        base: base.to_string(),
        quote: "USD".into(),
        settle: "USDC".into(),
        multiplier: Decimal::ONE,
        price_scale,
        funding_interval_h: Some(Decimal::ONE),
        oi_unit: SizeUnit::Base,
        oi_sides: 1,
        ..InstrumentDef::default()
    }
}

fn status_of(word: &str) -> Status {
    match word {
        "ACTIVE" => Status::Trading,
        "FINAL_SETTLEMENT" => Status::Closed,
        _ => Status::Halted, // also POST_ONLY, CANCEL_ONLY and INITIALIZING: nothing can be taken
    }
}

fn state_of(word: &str) -> VenueState {
    match word {
        "ACTIVE" => VenueState::Open,
        "POST_ONLY" => VenueState::PostOnly,
        "CANCEL_ONLY" => VenueState::CancelOnly,
        _ => VenueState::Halted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::contract::{Contract, Rates};
    use crate::model::margin::{Isolated, Tiers};
    use crate::model::margin::{TierBasis, TierStyle};

    fn d(text: &str) -> Decimal {
        Decimal::from_str_exact(text).unwrap()
    }

    fn merge(market: &mut Market, name: &str, json: &str) -> News {
        market.merge(name, &wire::object(json).unwrap()).unwrap()
    }

    const SOL: &str = r#"{"ticker":"SOL-USD","clobPairId":"5","status":"ACTIVE","oraclePrice":"150","nextFundingRate":"-0.0000125","initialMarginFraction":"0.05","maintenanceMarginFraction":"0.03","openInterest":"41917.9","baseOpenInterest":"136045.7","openInterestLowerCap":"40000000","openInterestUpperCap":"100000000","tickSize":"0.01","stepSize":"0.1","marketType":"CROSS"}"#;

    #[test]
    fn terms_are_those_of_the_ticker() {
        let def = merge(&mut Market::default(), "SOL-USD", SOL).def.unwrap();
        assert_eq!(def.canonical(), "SOL-USD:USDC-PERP");
        assert_eq!((def.price_tick, def.lot), (Some(d("0.01")), Some(d("0.1"))));
        assert_eq!((def.oi_unit, def.oi_sides, def.status), (SizeUnit::Base, 1, Status::Trading));
        assert_eq!(terms("FARTCOIN,RAYDIUM,9BB6NF-USD").underlying, "FARTCOIN");
        assert_eq!(terms("A-USDX-USD").base, "A-USDX", "split at the last one");
        assert_eq!(
            (terms("1INCH-USD").underlying, terms("1000PEPE-USD").price_scale),
            ("1INCH".into(), d("1000"))
        );
    }

    #[test]
    fn the_chains_open_interest_displaces_the_indexers() {
        let mut market = Market::default();
        assert_eq!(merge(&mut market, "X-USD", r#"{"openInterest":"7"}"#).open_interest, Some(d("7")));
        assert_eq!(merge(&mut market, "SOL-USD", SOL).open_interest, Some(d("136045.7")));
        assert_eq!(merge(&mut market, "X-USD", r#"{"openInterest":"8"}"#).open_interest, None);
    }

    #[test]
    fn margins_rise_with_open_interest_between_the_caps() {
        let mut market = Market::default();
        let schedule = merge(&mut market, "SOL-USD", SOL).schedule.unwrap();
        let (initial, maintenance) = (d("0.05"), d("0.03"));
        let (lower, upper) = (d("40000000"), d("100000000"));
        assert_eq!(schedule.form, MarginForm::OiScaled { initial, maintenance, lower, upper });
        assert_eq!(merge(&mut market, "SOL-USD", SOL).schedule, None, "nothing new");
        let part = merge(&mut market, "SOL-USD", r#"{"openInterestUpperCap":"0"}"#).schedule.unwrap();
        assert!(matches!(part.form, MarginForm::Tiers { style: TierStyle::Slab, .. }), "caps of zero: none");
        assert_eq!(part.tiers(), Some(Tiers { style: TierStyle::Slab, ..Tiers::flat(maintenance) }));
    }

    #[test]
    fn a_status_alone_changes_the_terms_once() {
        let mut market = Market::default();
        assert!(merge(&mut market, "SOL-USD", r#"{"status":"PAUSED"}"#).def.is_none(), "no terms yet");
        merge(&mut market, "SOL-USD", SOL);
        let news = merge(&mut market, "SOL-USD", r#"{"status":"POST_ONLY"}"#);
        assert_eq!((news.def.unwrap().status, news.state), (Status::Halted, Some(VenueState::PostOnly)));
        let news = merge(&mut market, "SOL-USD", r#"{"status":"POST_ONLY"}"#);
        assert!(news.def.is_none() && news.state.is_none());
        let news = merge(&mut market, "SOL-USD", r#"{"status":"FINAL_SETTLEMENT"}"#);
        assert_eq!((news.def.unwrap().status, news.state), (Status::Closed, Some(VenueState::Halted)));
    }

    #[test]
    fn a_bad_figure_changes_nothing() {
        let mut market = Market::default();
        for bad in
            [r#"{"baseOpenInterest":"-1","status":"ACTIVE"}"#, r#"{"ticker":"Y-USD","status":"ACTIVE"}"#]
        {
            assert!(market.merge("X-USD", &wire::object(bad).unwrap()).is_err(), "{bad}");
        }
        assert!(market.state.is_none() && !market.has_base_interest);
    }

    /// Worked by hand: 200 SOL from 150 with 3,000 USDC set aside, maintenance 3 %.
    /// Notional 200 × 160 = 32,000; profit 200 × 10 = 2,000; a long is liquidated at
    /// (200·150 − 3000) / (200·(1 − 0.03)) = 27,000 / 194, a short at (200·150 + 3000) / (200·1.03).
    #[test]
    fn a_position_is_worth_what_the_terms_say() {
        let mut market = Market::default();
        let news = merge(&mut market, "SOL-USD", SOL);
        let def = news.def.unwrap();
        let contract = Contract { payoff: def.payoff, multiplier: def.multiplier };
        let rates = Rates { quote: d("1"), settle: d("0.99"), base: d("160") };
        assert_eq!(contract.notional(d("200"), d("160")), Some(d("32000")));
        assert_eq!(contract.notional_usd(d("200"), d("160"), &rates), Some(d("31680")));
        assert_eq!(contract.pnl(d("-200"), d("150"), d("160")), Some(d("-2000")));
        assert_eq!(contract.pnl_usd(d("200"), d("150"), d("160"), &rates), Some(d("1980")));
        let tiers = Tiers::flat(d("0.03"));
        let liquidation = |contracts: &str| {
            let position = Isolated { contract, contracts: d(contracts), entry: d("150"), margin: d("3000") };
            position.liquidation(&tiers, MarginBase::Mark, TierBasis::Settle).unwrap().round_dp(6)
        };
        assert_eq!((liquidation("200"), liquidation("-200")), (d("139.175258"), d("160.194175")));
    }
}
