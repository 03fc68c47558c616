//! Hyperliquid contract terms: the universe of `meta`, its margin tables, what pays.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::Deserialize;

use crate::dialect::WireError;
use crate::dialect::wire::{self, Field};
use crate::model::instrument::{Class, InstrumentDef, Payoff, SizeUnit, Status, split_scale};
use crate::model::margin::{MarginBase, MarginForm, MarginSchedule, TierRow, TierStyle};

/// Names of tokens kept.
const TOKENS_KEPT: usize = 4_096;
/// Tiers of all tables of one answer.
const TIERS_MAX: usize = 4_096;

/// The answer to `meta`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Meta<'a> {
    #[serde(borrow)]
    pub(super) universe: Field<'a>,
    #[serde(borrow)]
    pub(super) margin_tables: Field<'a>,
    #[serde(borrow)]
    pub(super) collateral_token: Field<'a>,
}

/// Names of spot tokens by their number. Number 0 is USDC and needs no list.
#[derive(Default)]
pub(super) struct Tokens(BTreeMap<i64, String>);

impl Tokens {
    /// Takes the `tokens` of `spotMeta`.
    pub(super) fn learn(&mut self, rows: &str) -> Result<(), WireError> {
        #[derive(Deserialize)]
        struct Token<'a> {
            #[serde(borrow)]
            index: Field<'a>,
            #[serde(borrow)]
            name: Field<'a>,
        }
        wire::each_row(rows, |row| {
            let row: Token<'_> = wire::object(row)?;
            let index = wire::integer(&row.index, "index")?.ok_or(WireError::Missing("index"))?;
            if self.0.len() < TOKENS_KEPT {
                self.0.insert(index, wire::required(&row.name, "name")?.into_owned());
            }
            Ok(())
        })
    }

    /// The token that a dex pays in; `None` while its name is not known.
    pub(super) fn collateral(&self, meta: &Meta<'_>) -> Result<Option<String>, WireError> {
        let index = wire::integer(&meta.collateral_token, "collateralToken")?.unwrap_or(0);
        let usdc = || (index == 0).then(|| "USDC".to_string());
        Ok(self.0.get(&index).cloned().or_else(usdc))
    }
}

/// Margin tables by their number: lower bounds in collateral, and leverage from there on.
pub(super) struct Tables(BTreeMap<i64, Vec<(Decimal, Decimal)>>);

impl Tables {
    /// Reads `[[56,{"marginTiers":[{"lowerBound":"0.0","maxLeverage":40}]}]]`.
    pub(super) fn read(meta: &Meta<'_>) -> Result<Tables, WireError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Table<'a> {
            #[serde(borrow)]
            margin_tiers: Field<'a>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Tier<'a> {
            #[serde(borrow)]
            lower_bound: Field<'a>,
            #[serde(borrow)]
            max_leverage: Field<'a>,
        }
        let (mut tables, mut count) = (BTreeMap::new(), 0);
        wire::each_row(meta.margin_tables.as_ref().map_or("[]", wire::Raw::json), |row| {
            let (id, table): (wire::Raw<'_>, wire::Raw<'_>) = wire::parse(row)?;
            let id = wire::integer(&Some(id), "marginTables")?.ok_or(WireError::Missing("marginTables"))?;
            let table: Table<'_> = wire::object(table.json())?;
            let mut tiers = Vec::new();
            wire::each_row(table.margin_tiers.as_ref().map_or("[]", wire::Raw::json), |tier| {
                let tier: Tier<'_> = wire::object(tier)?;
                count += 1;
                if count > TIERS_MAX {
                    return Err(WireError::TooMany("tiers"));
                }
                let from = wire::amount(&tier.lower_bound, "lowerBound")?.unwrap_or_default();
                let leverage = wire::slow_price(&tier.max_leverage, "maxLeverage")?;
                tiers.push((from, leverage.ok_or(WireError::Missing("maxLeverage"))?));
                Ok(())
            })?;
            tiers.sort();
            tables.insert(id, tiers);
            Ok(())
        })?;
        Ok(Tables(tables))
    }

    /// The schedule of a row of the universe. A number below 50 is the leverage of a table of one tier.
    /// Maintenance is half of what the highest leverage of a tier asks, each rate on its own part.
    fn schedule(&self, row: &Coin<'_>) -> Result<Option<MarginSchedule>, WireError> {
        let id = wire::integer(&row.margin_table_id, "marginTableId")?;
        let flat = wire::slow_price(&row.max_leverage, "maxLeverage")?;
        let tiers = match id.and_then(|id| self.0.get(&id)) {
            Some(tiers) => tiers.clone(),
            None => flat.map(|leverage| (Decimal::ZERO, leverage)).into_iter().collect(),
        };
        let bounds = tiers.iter().skip(1).map(|(from, _)| Some(*from)).chain([None]);
        let row = |((floor, leverage), cap): (&(Decimal, Decimal), Option<Decimal>)| {
            let initial = Decimal::ONE.checked_div(*leverage)?.normalize();
            let maintenance = initial.checked_div(Decimal::TWO)?.normalize();
            let (initial, maintenance) = (Some(initial), Some(maintenance));
            Some(TierRow { floor: *floor, cap, initial, maintenance, max_leverage: Some(*leverage) })
        };
        let rows: Option<Vec<TierRow>> = tiers.iter().zip(bounds).map(row).collect();
        Ok(rows.filter(|rows| !rows.is_empty()).map(|rows| MarginSchedule {
            form: MarginForm::Tiers { style: TierStyle::Marginal, rows },
            basis: SizeUnit::Quote,
            base: MarginBase::Mark,
            liquidation_fee: None,
        }))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Coin<'a> {
    #[serde(borrow)]
    name: Field<'a>,
    #[serde(borrow)]
    sz_decimals: Field<'a>,
    #[serde(borrow)]
    is_delisted: Field<'a>,
    #[serde(borrow)]
    max_leverage: Field<'a>,
    #[serde(borrow)]
    margin_table_id: Field<'a>,
}

/// A row of the universe.
pub(super) struct Listed {
    pub(super) name: String,
    pub(super) def: InstrumentDef,
    pub(super) schedule: Option<MarginSchedule>,
}

/// Most decimals of a price; those of the size come off.
const PRICE_DECIMALS: u32 = 6;

/// Coin, terms and margin of one row of the universe.
///
/// Perpetuals of the main dex are quoted against an oracle in USDT and paid in USDC without conversion: a
/// quanto contract at a fixed rate of one (METRICS.md §2, trap b). Those of builders have an oracle of the
/// builder's and are quoted in their collateral. Sizes are base coins.
pub(super) fn read(json: &str, collateral: &str, tables: &Tables) -> Result<Listed, WireError> {
    let row: Coin<'_> = wire::object(json)?;
    let name = wire::required(&row.name, "name")?.into_owned();
    let digits = wire::integer(&row.sz_decimals, "szDecimals")?.and_then(|d| u32::try_from(d).ok());
    let digits = digits.filter(|d| *d <= PRICE_DECIMALS);
    let is_delisted = row.is_delisted.as_ref().is_some_and(|flag| flag.json() == "true");
    // A builder market is `dex:ASSET`.
    let is_main = !name.contains(':');
    let base = name.split_once(':').map_or(&*name, |(_, asset)| asset).to_string();
    let (underlying, price_scale) = scale(&base);
    let def = InstrumentDef {
        class: Class::Perp,
        payoff: if is_main { Payoff::Quanto } else { Payoff::Linear },
        underlying: underlying.to_string(),
        quote: if is_main { "USDT" } else { collateral }.to_string(),
        settle: collateral.to_string(),
        multiplier: Decimal::ONE,
        // Prices also have at most five significant figures, so that most steps are wider.
        price_tick: digits.map(|d| Decimal::new(1, PRICE_DECIMALS - d)),
        lot: digits.map(|d| Decimal::new(1, d)),
        price_scale,
        funding_interval_h: Some(Decimal::ONE),
        oi_unit: SizeUnit::Base,
        oi_sides: 1,
        status: if is_delisted { Status::Closed } else { Status::Trading },
        base: base.clone(),
        ..InstrumentDef::default()
    };
    Ok(Listed { name, def, schedule: tables.schedule(&row)? })
}

/// `kPEPE` counts thousands; `KAS` is a coin of its own.
fn scale(base: &str) -> (&str, Decimal) {
    match base.strip_prefix('k') {
        Some(rest) if rest.starts_with(|c: char| c.is_ascii_uppercase()) => (rest, Decimal::from(1000)),
        _ => split_scale(base),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lower_case_k_counts_thousands() {
        assert_eq!(scale("kPEPE"), ("PEPE", Decimal::from(1000)));
        assert_eq!(scale("KAS"), ("KAS", Decimal::ONE));
        assert_eq!(scale("k"), ("k", Decimal::ONE));
    }

    #[test]
    fn perpetuals_are_quanto_from_tether_to_usdc() {
        let none = Tables(BTreeMap::new());
        let row = r#"{"name":"BTC","szDecimals":5,"maxLeverage":40,"isDelisted":null}"#;
        let Listed { name, def, .. } = read(row, "USDC", &none).unwrap();
        assert_eq!((name.as_str(), def.canonical().as_str()), ("BTC", "BTC-USDT:USDC-PERP"));
        assert_eq!((def.payoff, def.oi_unit, def.status), (Payoff::Quanto, SizeUnit::Base, Status::Trading));
        assert_eq!((def.price_tick, def.lot), (Some(Decimal::new(1, 1)), Some(Decimal::new(1, 5))));
        let builder = read(r#"{"name":"hyna:BTC","szDecimals":5,"maxLeverage":20}"#, "USDE", &none).unwrap();
        assert_eq!((builder.def.payoff, builder.def.canonical().as_str()), (Payoff::Linear, "BTC-USDE-PERP"));
    }

    /// Fault: a tier that begins nowhere, a maintenance rate that is the initial one. The figures are those
    /// that REGULATION.md states: 40x to 150 million, 20x above.
    #[test]
    fn maintenance_is_half_of_the_initial_margin_of_a_tier() {
        let meta = r#"{"marginTables":[[56,{"description":"tiered 40x","marginTiers":[{"lowerBound":"0.0","maxLeverage":40},{"lowerBound":"150000000.0","maxLeverage":20}]}]]}"#;
        let tables = Tables::read(&wire::object(meta).unwrap()).unwrap();
        let of = |row: &str| read(row, "USDC", &tables).unwrap().schedule.unwrap().tiers().unwrap();
        let tiers = of(r#"{"name":"BTC","szDecimals":5,"maxLeverage":40,"marginTableId":56}"#);
        let usd = |millions: i64| Decimal::from(millions * 1_000_000);
        assert_eq!(tiers.maintenance(usd(100)), Some(Decimal::from(1_250_000)));
        assert_eq!(tiers.maintenance(usd(200)), Some(Decimal::from(3_125_000)), "1.875 and 1.25 millions");
        let flat = of(r#"{"name":"X","szDecimals":1,"maxLeverage":3,"marginTableId":3}"#);
        assert_eq!(flat.tiers.len(), 1);
    }
}
