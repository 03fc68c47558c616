//! OKX: margin tiers, insurance funds, maintenance.

use serde::Deserialize;

use super::decode::{OkxDecoder, parameter};
use super::instruments;
use crate::dialect::wire::{self, Field};
use crate::dialect::{Note, Out, WireError};
use crate::model::event::{Body, Event, InsuranceFund, Symbol, VenueState};
use crate::model::instrument::SizeUnit;
use crate::model::margin::{MarginBase, MarginForm, MarginSchedule, TierRow, TierStyle};

/// Margin tiers, by kind and family.
pub(super) const TIERS_PATH: &str = "/api/v5/public/position-tiers";
/// Insurance funds, by kind and family.
pub(super) const FUND_PATH: &str = "/api/v5/public/insurance-fund";
/// Maintenance that goes on now.
pub(super) const STATUS_PATH: &str = "/api/v5/system/status?state=ongoing";
/// Families and tiers of one answer.
const TIER_ROWS_MAX: usize = 4_096;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    #[serde(borrow)]
    inst_family: Field<'a>,
    #[serde(borrow)]
    tier: Field<'a>,
    #[serde(borrow)]
    max_sz: Field<'a>,
    #[serde(borrow)]
    mmr: Field<'a>,
    #[serde(borrow)]
    imr: Field<'a>,
    #[serde(borrow)]
    max_lever: Field<'a>,
}

impl OkxDecoder {
    /// `position-tiers`: limits in contracts, one rate on the whole position. A tier begins behind the
    /// one before it: `minSz` is the least size of the tier, not its edge.
    pub(super) fn tiers(&mut self, url: &str, data: &str, out: &mut dyn Out) -> Result<(), WireError> {
        let mut found: Vec<(String, i64, TierRow)> = Vec::new();
        wire::each_row(data, |row| {
            let row: Row<'_> = wire::object(row)?;
            let tier = TierRow {
                floor: rust_decimal::Decimal::ZERO,
                cap: wire::amount(&row.max_sz, "maxSz")?,
                initial: wire::amount(&row.imr, "imr")?,
                maintenance: wire::amount(&row.mmr, "mmr")?,
                max_leverage: wire::slow_price(&row.max_lever, "maxLever")?,
            };
            let number = wire::integer(&row.tier, "tier")?.ok_or(WireError::Missing("tier"))?;
            if found.len() >= TIER_ROWS_MAX {
                return Err(WireError::TooMany("tiers"));
            }
            found.push((wire::word(&row.inst_family).into_owned(), number, tier));
            Ok(())
        })?;
        found.sort_by(|a, b| (&a.0, a.1).cmp(&(&b.0, b.1)));
        let mut any = false;
        for of_family in found.chunk_by(|a, b| a.0 == b.0) {
            let Some((family, ..)) = of_family.first() else { continue };
            let schedule = schedule(of_family.iter().map(|(.., tier)| tier));
            any |= self.tell_tiers(family, parameter(url, "instType"), &schedule, out);
        }
        if !any {
            out.note(Note::Unused("tiers of what is not listed"));
        }
        Ok(())
    }

    /// Every contract of a family has its schedule. False when none is known.
    fn tell_tiers(&self, family: &str, kind: &str, schedule: &MarginSchedule, out: &mut dyn Out) -> bool {
        let mut any = false;
        for ix in 0..u32::try_from(self.states.len()).unwrap_or(0) {
            let symbol = self.symbols.get(ix);
            if instruments::family(symbol.text) == family && instruments::kind(symbol.text) == kind {
                any = true;
                out.event(Event { symbol, ts_venue: None, body: Body::Schedule(schedule) });
            }
        }
        any
    }
}

fn schedule<'t>(tiers: impl Iterator<Item = &'t TierRow>) -> MarginSchedule {
    let mut rows: Vec<TierRow> = Vec::new();
    for tier in tiers {
        let floor = rows.last().and_then(|before| before.cap).unwrap_or_default();
        rows.push(TierRow { floor, ..tier.clone() });
    }
    MarginSchedule {
        form: MarginForm::Tiers { style: TierStyle::Slab, rows },
        basis: SizeUnit::Contracts,
        base: MarginBase::Mark,
        liquidation_fee: None,
    }
}

/// The newest balance of each fund. A fund is named by what was asked for.
pub(super) fn funds(url: &str, data: &str, out: &mut dyn Out) -> Result<(), WireError> {
    #[derive(Deserialize)]
    struct Fund<'a> {
        #[serde(borrow)]
        total: Field<'a>,
        #[serde(borrow)]
        details: Field<'a>,
    }
    #[derive(Deserialize)]
    struct Detail<'a> {
        #[serde(borrow)]
        balance: Field<'a>,
        #[serde(borrow)]
        ccy: Field<'a>,
        #[serde(borrow)]
        ts: Field<'a>,
    }
    let pool = format!("{} {}", parameter(url, "instType"), parameter(url, "instFamily"));
    wire::each_row(data, |row| {
        let fund: Fund<'_> = wire::object(row)?;
        let usd = wire::amount(&fund.total, "total")?;
        let mut newest: Option<(i64, String, rust_decimal::Decimal)> = None;
        wire::each_row(fund.details.as_ref().map_or("[]", wire::Raw::json), |detail| {
            let detail: Detail<'_> = wire::object(detail)?;
            let at = wire::integer(&detail.ts, "ts")?.unwrap_or_default();
            let Some(amount) = wire::amount(&detail.balance, "balance")? else { return Ok(()) };
            if newest.as_ref().is_none_or(|(before, ..)| at > *before) {
                newest = Some((at, wire::required(&detail.ccy, "ccy")?.into_owned(), amount));
            }
            Ok(())
        })?;
        let Some((at, asset, amount)) = newest else {
            out.note(Note::Unused("fund without a balance"));
            return Ok(());
        };
        let ts_venue = (at > 0).then(|| crate::model::Nanos::from_millis(at));
        let fund = InsuranceFund { pool: pool.trim(), asset: &asset, amount, usd };
        out.event(Event { symbol: Symbol::NONE, ts_venue, body: Body::Fund(fund) });
        Ok(())
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Upkeep<'a> {
    #[serde(borrow)]
    state: Field<'a>,
    #[serde(borrow)]
    service_type: Field<'a>,
}

impl Upkeep<'_> {
    /// Sockets (0), trading (5), trading by groups of accounts or products (8, 9); not bots and the like.
    fn is_ours(&self) -> bool {
        matches!(&*wire::word(&self.service_type), "" | "0" | "5" | "8" | "9")
    }
}

/// The channel `status`: maintenance is announced, begins, lets orders in, ends.
pub(super) fn status(data: &str, out: &mut dyn Out) -> Result<(), WireError> {
    wire::each_row(data, |row| {
        let row: Upkeep<'_> = wire::object(row)?;
        let state = match &*wire::required(&row.state, "state")? {
            _ if !row.is_ours() => None,
            "ongoing" => Some(VenueState::Maintenance),
            "pre_open" => Some(VenueState::PostOnly),
            "completed" | "canceled" => Some(VenueState::Open),
            "scheduled" => None,
            _ => return Err(WireError::Word("state")),
        };
        match state {
            Some(state) => tell(state, out),
            None => out.note(Note::Unused("maintenance of other services, or ahead")),
        }
        Ok(())
    })
}

/// Maintenance that goes on; none is the rule.
pub(super) fn ongoing(data: &str, out: &mut dyn Out) -> Result<(), WireError> {
    let mut state = VenueState::Open;
    wire::each_row(data, |row| {
        let row: Upkeep<'_> = wire::object(row)?;
        if row.is_ours() && wire::word(&row.state) == "ongoing" {
            state = VenueState::Maintenance;
        }
        Ok(())
    })?;
    tell(state, out);
    Ok(())
}

fn tell(state: VenueState, out: &mut dyn Out) {
    out.event(Event { symbol: Symbol::NONE, ts_venue: None, body: Body::Status(state) });
}
