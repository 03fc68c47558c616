//! Own positions of Binance futures: four messages tell parts of one.

use rust_decimal::Decimal;
use serde::Deserialize;

use super::orders::{is_true, leg};
use crate::dialect::WireError;
use crate::dialect::wire::{self, Field};
use crate::model::account::{Leg, MarginMode, Position};

/// A position of any source; each fills its own names.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Row<'a> {
    #[serde(borrow)]
    s: Field<'a>,
    #[serde(borrow)]
    pa: Field<'a>,
    #[serde(borrow)]
    ep: Field<'a>,
    #[serde(borrow)]
    up: Field<'a>,
    #[serde(borrow)]
    mt: Field<'a>,
    #[serde(borrow)]
    iw: Field<'a>,
    #[serde(borrow)]
    ps: Field<'a>,
    #[serde(borrow)]
    mp: Field<'a>,
    #[serde(borrow)]
    mm: Field<'a>,
    #[serde(borrow)]
    symbol: Field<'a>,
    #[serde(borrow)]
    position_side: Field<'a>,
    #[serde(borrow)]
    position_amt: Field<'a>,
    #[serde(borrow)]
    entry_price: Field<'a>,
    #[serde(borrow)]
    mark_price: Field<'a>,
    #[serde(borrow, rename = "unRealizedProfit")]
    risk_profit: Field<'a>,
    #[serde(borrow)]
    unrealized_profit: Field<'a>,
    #[serde(borrow)]
    liquidation_price: Field<'a>,
    #[serde(borrow)]
    leverage: Field<'a>,
    #[serde(borrow)]
    margin_type: Field<'a>,
    #[serde(borrow)]
    isolated: Field<'a>,
    #[serde(borrow)]
    isolated_wallet: Field<'a>,
    #[serde(borrow)]
    isolated_margin: Field<'a>,
    #[serde(borrow)]
    maint_margin: Field<'a>,
}

/// What one message says of a position.
#[derive(Debug, Default)]
pub(super) struct News {
    pub(super) symbol: String,
    pub(super) leg: Leg,
    pub(super) size: Decimal,
    entry: Option<Decimal>,
    mark: Option<Decimal>,
    mode: Option<MarginMode>,
    isolated: Option<Decimal>,
    leverage: Option<Decimal>,
    liquidation: Option<Decimal>,
    upnl: Option<Decimal>,
    maintenance: Option<Decimal>,
    /// Without a liquidation price there is none; other messages merely do not tell it.
    is_full: bool,
}

impl Row<'_> {
    /// A row of `ACCOUNT_UPDATE`.
    pub(super) fn told(&self) -> Result<News, WireError> {
        Ok(News {
            symbol: wire::required(&self.s, "s")?.into_owned(),
            leg: leg(&self.ps)?,
            size: wire::figure(&self.pa, "pa")?.ok_or(WireError::Missing("pa"))?,
            entry: wire::slow_price(&self.ep, "ep")?,
            upnl: wire::figure(&self.up, "up")?,
            mode: mode(&wire::word(&self.mt)),
            isolated: wire::figure(&self.iw, "iw")?,
            ..News::default()
        })
    }

    /// A row of `MARGIN_CALL`.
    pub(super) fn called(&self) -> Result<News, WireError> {
        let mark = wire::slow_price(&self.mp, "mp")?;
        Ok(News { mark, maintenance: wire::amount(&self.mm, "mm")?, ..self.told()? })
    }

    /// A row of `positionRisk`.
    pub(super) fn listed(&self) -> Result<News, WireError> {
        let upnl = wire::figure(&self.risk_profit, "unRealizedProfit")?;
        let isolated = match wire::figure(&self.isolated_wallet, "isolatedWallet")? {
            Some(wallet) => Some(wallet),
            // Some answers state it with the profit in it.
            None => wire::figure(&self.isolated_margin, "isolatedMargin")?
                .zip(upnl)
                .and_then(|(margin, upnl)| margin.checked_sub(upnl)),
        };
        Ok(News {
            mark: wire::slow_price(&self.mark_price, "markPrice")?,
            liquidation: wire::slow_price(&self.liquidation_price, "liquidationPrice")?,
            mode: mode(&wire::word(&self.margin_type)),
            upnl,
            isolated,
            is_full: true,
            ..self.margined()?
        })
    }

    /// A row of `account`.
    pub(super) fn margined(&self) -> Result<News, WireError> {
        let is_isolated = self.isolated.as_ref().map(|_| is_true(&self.isolated));
        Ok(News {
            symbol: wire::required(&self.symbol, "symbol")?.into_owned(),
            leg: leg(&self.position_side)?,
            size: wire::figure(&self.position_amt, "positionAmt")?
                .ok_or(WireError::Missing("positionAmt"))?,
            entry: wire::slow_price(&self.entry_price, "entryPrice")?,
            leverage: wire::slow_price(&self.leverage, "leverage")?,
            upnl: wire::figure(&self.unrealized_profit, "unrealizedProfit")?,
            mode: is_isolated.map(|is| if is { MarginMode::Isolated } else { MarginMode::Cross }),
            isolated: wire::figure(&self.isolated_wallet, "isolatedWallet")?,
            maintenance: wire::amount(&self.maint_margin, "maintMargin")?,
            ..News::default()
        })
    }
}

impl News {
    /// The position as it is now. What is not told stands while the size stays; leverage and collateral
    /// stand longer.
    pub(super) fn over(&self, known: Option<&Position>) -> Position {
        let same = known.filter(|known| known.size == self.size);
        let kept = |told: Option<Decimal>, of: fn(&Position) -> Option<Decimal>| told.or(same.and_then(of));
        let margin_mode = self.mode.or(known.map(|k| k.margin_mode)).unwrap_or_default();
        let isolated = kept(self.isolated, |k| k.isolated_margin);
        Position {
            leg: self.leg,
            size: self.size,
            entry: kept(self.entry, |k| k.entry),
            mark: kept(self.mark, |k| k.mark),
            margin_mode,
            isolated_margin: isolated.filter(|_| margin_mode == MarginMode::Isolated),
            leverage: self.leverage.or(known.and_then(|k| k.leverage)),
            liquidation_price: if self.is_full {
                self.liquidation
            } else {
                kept(None, |k| k.liquidation_price)
            },
            adl_rank: None,
            upnl: kept(self.upnl, |k| k.upnl),
            maintenance: kept(self.maintenance, |k| k.maintenance),
        }
    }
}

/// `cross`, `isolated`; older messages write them in capitals or as `crossed`.
fn mode(word: &str) -> Option<MarginMode> {
    match word.to_ascii_lowercase().as_str() {
        "cross" | "crossed" => Some(MarginMode::Cross),
        "isolated" => Some(MarginMode::Isolated),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn d(text: &str) -> Option<Decimal> {
        Some(Decimal::from_str_exact(text).unwrap())
    }

    fn row(json: &str) -> Row<'_> {
        wire::object(json).unwrap()
    }

    #[test]
    fn parts_add_up_while_the_size_stays() {
        let risk = r#"{"symbol":"X","positionAmt":"2","entryPrice":"100.0","markPrice":"101","unRealizedProfit":"2",
            "liquidationPrice":"80","leverage":"5","marginType":"isolated","isolatedMargin":"42","positionSide":"BOTH"}"#;
        let first = row(risk).listed().unwrap().over(None);
        assert_eq!((first.isolated_margin, first.liquidation_price), (d("40"), d("80")), "profit left out");
        let margined = r#"{"symbol":"X","positionSide":"BOTH","positionAmt":"2","unrealizedProfit":"3","maintMargin":"1.5"}"#;
        let second = row(margined).margined().unwrap().over(Some(&first));
        assert_eq!((second.maintenance, second.upnl, second.mark), (d("1.5"), d("3"), d("101")));
        let update = r#"{"s":"X","pa":"3","ep":"100.5","up":"4","mt":"isolated","iw":"60","ps":"BOTH"}"#;
        let third = row(update).told().unwrap().over(Some(&second));
        assert_eq!((third.liquidation_price, third.maintenance, third.mark), (None, None, None));
        assert_eq!((third.leverage, third.isolated_margin, third.entry), (d("5"), d("60"), d("100.5")));
        let call =
            r#"{"s":"X","ps":"BOTH","pa":"3","mt":"ISOLATED","iw":"60","mp":"90","up":"-30","mm":"7"}"#;
        let fourth = row(call).called().unwrap().over(Some(&third));
        assert_eq!((fourth.entry, fourth.mark, fourth.maintenance), (d("100.5"), d("90"), d("7")));
    }

    #[test]
    fn no_liquidation_price_is_told_as_zero() {
        let risk = r#"{"symbol":"X","positionAmt":"-1","entryPrice":"5","liquidationPrice":"0","marginType":"cross",
            "isolatedWallet":"0","positionSide":"SHORT"}"#;
        let position = row(risk).listed().unwrap().over(None);
        assert_eq!((position.liquidation_price, position.isolated_margin), (None, None));
        assert_eq!((position.leg, position.margin_mode), (Leg::Short, MarginMode::Cross));
    }
}
