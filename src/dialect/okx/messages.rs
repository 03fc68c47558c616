//! OKX messages as they stand on the wire. Only fields that are used; others are ignored.

use serde::Deserialize;

use crate::dialect::wire::Field;

/// The outer object of every message, and of REST answers.
#[derive(Deserialize)]
pub(super) struct Frame<'a> {
    #[serde(borrow)]
    pub(super) arg: Option<Arg<'a>>,
    #[serde(borrow)]
    pub(super) action: Field<'a>,
    #[serde(borrow)]
    pub(super) data: Field<'a>,
    #[serde(borrow)]
    pub(super) event: Field<'a>,
    #[serde(borrow)]
    pub(super) code: Field<'a>,
    #[serde(borrow)]
    pub(super) msg: Field<'a>,
    #[serde(borrow)]
    pub(super) op: Field<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Arg<'a> {
    #[serde(borrow)]
    pub(super) channel: Field<'a>,
    #[serde(borrow)]
    pub(super) inst_id: Field<'a>,
}

/// A book message, or a best bid and ask.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BookRow<'a> {
    #[serde(borrow)]
    pub(super) asks: Field<'a>,
    #[serde(borrow)]
    pub(super) bids: Field<'a>,
    #[serde(borrow)]
    pub(super) ts: Field<'a>,
    #[serde(borrow)]
    pub(super) checksum: Field<'a>,
    #[serde(borrow)]
    pub(super) prev_seq_id: Field<'a>,
    #[serde(borrow)]
    pub(super) seq_id: Field<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TradeRow<'a> {
    #[serde(borrow)]
    pub(super) inst_id: Field<'a>,
    #[serde(borrow)]
    pub(super) trade_id: Field<'a>,
    #[serde(borrow)]
    pub(super) px: Field<'a>,
    #[serde(borrow)]
    pub(super) sz: Field<'a>,
    #[serde(borrow)]
    pub(super) side: Field<'a>,
    #[serde(borrow)]
    pub(super) ts: Field<'a>,
}

/// Every slow figure of every channel: each message carries a few of them.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SlowRow<'a> {
    #[serde(borrow)]
    pub(super) inst_id: Field<'a>,
    #[serde(borrow)]
    pub(super) ts: Field<'a>,
    #[serde(borrow)]
    pub(super) last: Field<'a>,
    #[serde(borrow, rename = "vol24h")]
    pub(super) vol_24h: Field<'a>,
    #[serde(borrow)]
    pub(super) bid_px: Field<'a>,
    #[serde(borrow)]
    pub(super) bid_sz: Field<'a>,
    #[serde(borrow)]
    pub(super) ask_px: Field<'a>,
    #[serde(borrow)]
    pub(super) ask_sz: Field<'a>,
    #[serde(borrow)]
    pub(super) mark_px: Field<'a>,
    #[serde(borrow)]
    pub(super) idx_px: Field<'a>,
    #[serde(borrow)]
    pub(super) funding_rate: Field<'a>,
    #[serde(borrow)]
    pub(super) next_funding_rate: Field<'a>,
    #[serde(borrow)]
    pub(super) max_funding_rate: Field<'a>,
    #[serde(borrow)]
    pub(super) min_funding_rate: Field<'a>,
    #[serde(borrow)]
    pub(super) funding_time: Field<'a>,
    #[serde(borrow)]
    pub(super) next_funding_time: Field<'a>,
    #[serde(borrow)]
    pub(super) oi: Field<'a>,
    #[serde(borrow)]
    pub(super) oi_usd: Field<'a>,
}

/// A row of `opt-summary`. Greeks come in coins and, with `BS`, in dollars; the venue has written `Bs`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OptionRow<'a> {
    #[serde(borrow)]
    pub(super) inst_id: Field<'a>,
    #[serde(borrow)]
    pub(super) ts: Field<'a>,
    #[serde(borrow, rename = "deltaBS", alias = "deltaBs")]
    pub(super) delta: Field<'a>,
    #[serde(borrow, rename = "gammaBS", alias = "gammaBs")]
    pub(super) gamma: Field<'a>,
    #[serde(borrow, rename = "thetaBS", alias = "thetaBs")]
    pub(super) theta: Field<'a>,
    #[serde(borrow, rename = "vegaBS", alias = "vegaBs")]
    pub(super) vega: Field<'a>,
    #[serde(borrow)]
    pub(super) mark_vol: Field<'a>,
    #[serde(borrow)]
    pub(super) bid_vol: Field<'a>,
    #[serde(borrow)]
    pub(super) ask_vol: Field<'a>,
    #[serde(borrow)]
    pub(super) fwd_px: Field<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LiquidationRow<'a> {
    #[serde(borrow)]
    pub(super) inst_id: Field<'a>,
    #[serde(borrow)]
    pub(super) details: Field<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LiquidationDetail<'a> {
    #[serde(borrow)]
    pub(super) side: Field<'a>,
    #[serde(borrow)]
    pub(super) pos_side: Field<'a>,
    #[serde(borrow)]
    pub(super) bk_px: Field<'a>,
    #[serde(borrow)]
    pub(super) bk_loss: Field<'a>,
    #[serde(borrow)]
    pub(super) sz: Field<'a>,
    #[serde(borrow)]
    pub(super) ts: Field<'a>,
}
