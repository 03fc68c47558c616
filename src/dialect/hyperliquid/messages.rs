//! Hyperliquid messages as they stand on the wire. Only fields that are used; others are ignored.

use serde::Deserialize;

use crate::dialect::wire::{Field, Raw};

#[derive(Deserialize)]
pub(super) struct Frame<'a> {
    #[serde(borrow)]
    pub(super) channel: Field<'a>,
    #[serde(borrow)]
    pub(super) data: Field<'a>,
}

#[derive(Deserialize)]
pub(super) struct BookData<'a> {
    #[serde(borrow)]
    pub(super) coin: Field<'a>,
    #[serde(borrow)]
    pub(super) time: Field<'a>,
    #[serde(borrow)]
    pub(super) levels: Option<(Raw<'a>, Raw<'a>)>,
    #[serde(borrow)]
    pub(super) fast: Field<'a>,
}

#[derive(Deserialize)]
pub(super) struct BboData<'a> {
    #[serde(borrow)]
    pub(super) coin: Field<'a>,
    #[serde(borrow)]
    pub(super) time: Field<'a>,
    #[serde(borrow)]
    pub(super) bbo: Option<(Option<BboLevel<'a>>, Option<BboLevel<'a>>)>,
}

#[derive(Deserialize)]
pub(super) struct BboLevel<'a> {
    #[serde(borrow)]
    pub(super) px: Field<'a>,
    #[serde(borrow)]
    pub(super) sz: Field<'a>,
}

#[derive(Deserialize)]
pub(super) struct TradeRow<'a> {
    #[serde(borrow)]
    pub(super) coin: Field<'a>,
    #[serde(borrow)]
    pub(super) side: Field<'a>,
    #[serde(borrow)]
    pub(super) px: Field<'a>,
    #[serde(borrow)]
    pub(super) sz: Field<'a>,
    #[serde(borrow)]
    pub(super) time: Field<'a>,
    #[serde(borrow)]
    pub(super) tid: Field<'a>,
}

#[derive(Deserialize)]
pub(super) struct CtxData<'a> {
    #[serde(borrow)]
    pub(super) coin: Field<'a>,
    #[serde(borrow)]
    pub(super) ctx: Field<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Ctx<'a> {
    #[serde(borrow)]
    pub(super) funding: Field<'a>,
    #[serde(borrow)]
    pub(super) open_interest: Field<'a>,
    #[serde(borrow)]
    pub(super) oracle_px: Field<'a>,
    #[serde(borrow)]
    pub(super) mark_px: Field<'a>,
    #[serde(borrow)]
    pub(super) day_base_vlm: Field<'a>,
}
