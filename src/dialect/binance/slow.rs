//! What Binance tells now and then: states and brackets of contracts, insurance funds, audits.

use serde::Deserialize;

use super::general::Snapshot;
use super::{BinanceDecoder, Pool};
use crate::dialect::wire::{self, Field, amount, required, slow_price, word};
use crate::dialect::{Out, WireError, levels};
use crate::model::event::{Body, BookChange, Event, InsuranceFund, Symbol, VenueState};
use crate::model::instrument::SizeUnit;
use crate::model::margin::{MarginBase, MarginForm, MarginSchedule, TierRow, TierStyle};

#[derive(Deserialize)]
#[expect(non_snake_case, reason = "the venue's own names; upper and lower case differ in meaning")]
struct Contract<'a> {
    #[serde(borrow)]
    s: Field<'a>,
    #[serde(borrow)]
    E: Field<'a>,
    #[serde(borrow)]
    cs: Field<'a>,
    #[serde(borrow)]
    bks: Field<'a>,
}

/// A bracket: from, to, maintenance rate, highest leverage.
#[derive(Deserialize)]
struct Bracket<'a> {
    #[serde(borrow)]
    bnf: Field<'a>,
    #[serde(borrow)]
    bnc: Field<'a>,
    #[serde(borrow)]
    mmr: Field<'a>,
    #[serde(borrow)]
    ma: Field<'a>,
}

/// A fund: the contracts that share it, and what is in it.
#[derive(Deserialize)]
struct Fund<'a> {
    symbols: Vec<String>,
    #[serde(borrow)]
    assets: Field<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Asset<'a> {
    #[serde(borrow)]
    asset: Field<'a>,
    #[serde(borrow)]
    margin_balance: Field<'a>,
    #[serde(borrow)]
    update_time: Field<'a>,
}

impl BinanceDecoder {
    /// `contractInfo`: a contract is listed, changes its state or its brackets. Brackets are the only
    /// ones told without a key.
    pub(super) fn contract_message(&mut self, json: &str, out: &mut dyn Out) -> Result<(), WireError> {
        let message: Contract<'_> = wire::object(json)?;
        let symbol = self.symbol(required(&message.s, "s")?.as_bytes())?;
        let at = wire::millis(&message.E, "E")?;
        let state = match &*word(&message.cs) {
            "" => None,
            "TRADING" => Some(VenueState::Open),
            _ => Some(VenueState::Halted), // venues add states; unknown means not trading
        };
        if let Some(state) = state {
            self.emit(symbol, at, Body::Status(state), out);
        }
        let mut rows = Vec::new();
        wire::each_row(message.bks.as_ref().map_or("[]", wire::Raw::json), |row| {
            let row: Bracket<'_> = wire::object(row)?;
            rows.push(TierRow {
                floor: amount(&row.bnf, "bnf")?.ok_or(WireError::Missing("bnf"))?,
                cap: slow_price(&row.bnc, "bnc")?,
                initial: None,
                maintenance: amount(&row.mmr, "mmr")?,
                max_leverage: slow_price(&row.ma, "ma")?,
            });
            Ok(())
        })?;
        if rows.is_empty() {
            return Ok(());
        }
        rows.sort_by_key(|row| row.floor);
        let form = MarginForm::Tiers { style: TierStyle::Marginal, rows };
        let basis = if self.pool == Pool::UsdM { SizeUnit::Quote } else { SizeUnit::Base };
        let schedule = MarginSchedule { form, basis, base: MarginBase::Mark, liquidation_fee: None };
        self.emit(symbol, at, Body::Schedule(&schedule), out);
        Ok(())
    }

    /// A book that was asked for to check the streamed one. Its number is that of the stream.
    pub(super) fn audit(
        &mut self,
        symbol: u32,
        message: &Snapshot<'_>,
        out: &mut dyn Out,
    ) -> Result<(), WireError> {
        levels::levels_of(&message.bids, &mut self.bids)?;
        levels::levels_of(&message.asks, &mut self.asks)?;
        let id = wire::integer(&message.lastUpdateId, "lastUpdateId")?;
        let seq = u64::try_from(id.ok_or(WireError::Missing("lastUpdateId"))?).ok();
        let book = BookChange { snapshot: true, bids: &self.bids, asks: &self.asks, seq };
        self.emit(symbol, wire::millis(&message.E, "E")?, Body::Audit(book), out);
        Ok(())
    }
}

/// Insurance funds. One of a single contract has its name; one that many share is named by its first
/// contract in order of the alphabet, because lists change their order. The asset stands behind it.
pub(super) fn funds(json: &str, out: &mut dyn Out) -> Result<(), WireError> {
    wire::each_row(json, |row| {
        let mut row: Fund<'_> = wire::object(row)?;
        row.symbols.sort_unstable();
        let Some(first) = row.symbols.first() else { return Err(WireError::Missing("symbols")) };
        let more = if row.symbols.len() > 1 { "+" } else { "" };
        wire::each_row(row.assets.as_ref().map_or("[]", wire::Raw::json), |asset| {
            let asset: Asset<'_> = wire::object(asset)?;
            let code = required(&asset.asset, "asset")?;
            let balance = wire::figure(&asset.margin_balance, "marginBalance")?;
            let fund = InsuranceFund {
                pool: &format!("{first}{more}/{code}"),
                asset: &code,
                amount: balance.ok_or(WireError::Missing("marginBalance"))?,
                usd: None,
            };
            let ts_venue = wire::millis(&asset.update_time, "updateTime")?;
            out.event(Event { symbol: Symbol::NONE, ts_venue, body: Body::Fund(fund) });
            Ok(())
        })
    })
}
