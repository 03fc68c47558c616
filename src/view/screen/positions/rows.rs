//! Rows and cells of the Positions screen.

use ratatui::style::Style;
use rust_decimal::prelude::ToPrimitive;

use crate::config::theme::Role;
use crate::model::Decimal;
use crate::snapshot::Quality;
use crate::snapshot::portfolio::{AccountRow, Distance, OrderRow, PositionRow, SumRow};
use crate::view::widget::Pen;
use crate::view::widget::pen::Span;
use crate::view::widget::table::{Column, left, right};
use crate::view::{View, format};

/// What stands in place of an own figure in privacy.
pub const MASK: &str = "•••";
/// Margin ratio and distance to liquidation (percent) from which they are drawn as warnings, and as
/// critical. METRICS.md H4, H5.
const RATIO: (f64, f64) = (0.33, 0.67);
const DISTANCE: (f64, f64) = (15.0, 7.0);

pub(super) const POSITIONS: &[Column] = &[
    left("venue", 9, 0),
    left("instrument", 18, 0),
    right("size", 10, 0),
    right("notional", 8, 0),
    right("entry", 9, 100),
    right("mark", 9, 100),
    right("uPnL", 7, 0),
    right("lev", 5, 0),
    right("liq %", 6, 0),
    left("mode", 8, 0),
    right("adl", 3, 110),
    right("maint", 7, 116),
    right("fund/d", 7, 126),
    left("regime", 6, 134),
    left("account", 10, 146),
    left("quality", 0, 160),
];

pub(super) fn position(view: &View<'_>, p: &PositionRow) -> Vec<Span> {
    let theme = view.theme;
    let (text, dim) = (theme.style(Role::Text), theme.style(Role::TextDim));
    // Old figures lose their colour: a coloured stale figure is the most dangerous one.
    let body = if p.quality >= Quality::Degraded { theme.style(Role::StateStale) } else { text };
    let distance = p.distance_pct.and_then(|d| d.to_f64());
    // The sign of the size tells the side; both legs of hedge mode may stand at once.
    let mode =
        if p.leg == "net" { p.margin_mode.to_string() } else { format!("{} hg", brief(p.margin_mode)) };
    vec![
        (super::super::short(view.shown, &p.venue).to_string(), body),
        (p.instrument.clone(), body),
        (masked(view, figure(Some(p.size), 10)), body),
        (usd(view, p.notional_usd), body),
        (figure(p.entry, 9), body),
        (figure(p.mark, 9), body),
        (usd(view, p.upnl_usd), if p.quality >= Quality::Degraded { body } else { sign(view, p.upnl_usd) }),
        (ratio(p.leverage, "x"), body),
        (
            distance.map_or(format::MISSING.into(), |d| format::cell(d, "pct", true, 6)),
            low(view, distance, body),
        ),
        (mode, dim),
        (p.adl_rank.map_or(format::MISSING.into(), |r| r.to_string()), body),
        (usd(view, p.maintenance_usd), body),
        (usd(view, p.funding_usd_day), body),
        (p.regime.clone(), dim),
        (masked(view, p.account.clone()), dim),
        (if p.quality == Quality::Ok { String::new() } else { p.quality.word().into() }, dim),
    ]
}

fn brief(mode: &str) -> &str {
    if mode == "isolated" { "isol" } else { mode.get(..5).unwrap_or(mode) }
}

pub(super) const ORDERS: &[Column] = &[
    left("venue", 9, 0),
    left("symbol", 14, 0),
    left("side", 4, 0),
    left("kind", 11, 100),
    right("price", 9, 0),
    right("size", 8, 0),
    right("filled", 8, 0),
    left("state", 13, 0),
    left("tif", 9, 96),
    left("reduce", 6, 104),
    right("age", 6, 112),
    left("account", 10, 124),
    left("id", 0, 136),
];

pub(super) fn order(view: &View<'_>, o: &OrderRow) -> Vec<Span> {
    let theme = view.theme;
    let (text, dim) = (theme.style(Role::Text), theme.style(Role::TextDim));
    let body = if o.is_final { dim } else { text };
    let age = view.shown.at.since(o.at).max(0) / crate::model::time::MS;
    vec![
        (super::super::short(view.shown, &o.venue).to_string(), body),
        (o.symbol.clone(), body),
        (o.side.into(), body),
        (o.kind.into(), body),
        (figure(o.price, 9), body),
        (masked(view, figure(Some(o.size), 8)), body),
        (masked(view, figure(Some(o.filled), 8)), body),
        (o.state.replace('_', " "), body),
        (o.tif.replace('_', " "), body),
        (if o.reduce_only { "reduce" } else { "" }.into(), body),
        (format::duration_ms(age), body),
        (masked(view, o.account.clone()), dim),
        (o.id.clone(), dim),
    ]
}

pub(super) const ACCOUNTS: &[Column] = &[
    left("venue", 9, 0),
    left("account", 8, 0),
    left("reg", 5, 66),
    right("equity", 7, 0),
    right("gross", 7, 0),
    right("lev", 5, 0),
    right("margin", 6, 0),
    right("liq %", 7, 0),
    right("coins", 5, 72),
    right("orders", 7, 84),
    right("age", 5, 92),
    left("note", 0, 100),
];

/// What is wrong with an account, without its name where names are masked.
pub(super) fn trouble(view: &View<'_>, a: &AccountRow) -> String {
    let words = format::clean(&a.trouble).to_string();
    let mask = masked(view, a.name.clone());
    if a.name.is_empty() || mask == a.name { words } else { words.replace(&a.name, &mask) }
}

pub(super) fn account(view: &View<'_>, a: &AccountRow) -> Vec<Span> {
    let theme = view.theme;
    let (text, dim) = (theme.style(Role::Text), theme.style(Role::TextDim));
    let body = if a.sum.quality >= Quality::Degraded { theme.style(Role::StateStale) } else { text };
    let stated = a.margin_ratio.or(a.margin_ratio_stated).and_then(|r| r.to_f64());
    let (distance, words) = match a.distance {
        Distance::Unknown => (None, format::MISSING.into()),
        Distance::Never => (None, "none".into()),
        Distance::At(x) => (Some(x), format::cell(x, "pct", true, 7)),
    };
    let trouble = trouble(view, a);
    let note = match (trouble.as_str(), a.is_mismatch) {
        ("", true) => "differs from the venue's own margin ratio",
        ("", false) => "",
        (trouble, _) => trouble,
    };
    vec![
        (super::super::short(view.shown, &a.venue).to_string(), body),
        (masked(view, a.name.clone()), body),
        (a.regime.clone(), dim),
        (usd(view, a.sum.equity_usd), body),
        (usd(view, Some(a.sum.gross_usd)), body),
        (ratio(a.sum.leverage, "x"), body),
        (
            stated.map_or(format::MISSING.into(), |r| format::cell(r, "ratio", false, 6)),
            high(view, stated, body),
        ),
        (words, low(view, distance, body)),
        (a.coin_share.map_or(format::MISSING.into(), percent), body),
        (usd(view, Some(a.order_exposure_usd)), body),
        (a.age_ms.map_or(format::MISSING.into(), format::duration_ms), body),
        (note.into(), warn_of(view)),
    ]
}

pub(super) const SUMS: &[Column] = &[
    left("over", 10, 0),
    left("name", 12, 0),
    right("gross", 7, 0),
    right("net", 7, 0),
    right("uPnL", 7, 0),
    right("equity", 7, 0),
    right("lev", 5, 66),
    right("fund/d", 7, 76),
    right("n", 3, 0),
];

pub(super) fn sum(view: &View<'_>, kind: &str, s: &SumRow) -> Vec<Span> {
    let theme = view.theme;
    let (text, dim) = (theme.style(Role::Text), theme.style(Role::TextDim));
    let body = if s.quality >= Quality::Degraded { theme.style(Role::StateStale) } else { text };
    vec![
        (kind.into(), dim),
        (super::super::short(view.shown, &s.name).to_string(), body),
        (usd(view, Some(s.gross_usd)), body),
        (usd(view, Some(s.net_delta_usd)), body),
        (usd(view, Some(s.upnl_usd)), sign(view, Some(s.upnl_usd))),
        (usd(view, s.equity_usd), body),
        (ratio(s.leverage, "x"), body),
        (usd(view, Some(s.funding_usd_day)), body),
        (s.positions.to_string(), dim),
    ]
}

pub(super) fn masked(view: &View<'_>, text: String) -> String {
    if view.ui.is_private { MASK.into() } else { text }
}

/// Money with three digits, masked in privacy.
pub(super) fn usd(view: &View<'_>, value: Option<Decimal>) -> String {
    match value.and_then(|v| v.to_f64()) {
        Some(_) if view.ui.is_private => MASK.into(),
        Some(value) => format::si(value),
        None => format::MISSING.into(),
    }
}

/// An exact figure where it fits, else rounded to what does.
pub(super) fn figure(value: Option<Decimal>, columns: usize) -> String {
    let Some(value) = value else { return format::MISSING.into() };
    let exact = value.normalize().to_string();
    if exact.len() <= columns {
        return exact;
    }
    let rounded = (0..=8u32).rev().map(|dp| value.round_dp(dp).normalize().to_string());
    rounded
        .into_iter()
        .find(|t| t.len() <= columns)
        .unwrap_or_else(|| value.to_f64().map_or(format::MISSING.into(), format::si))
}

pub(super) fn price(value: Decimal) -> String {
    figure(Some(value), 12)
}

pub(super) fn opt_price(value: Option<Decimal>) -> String {
    figure(value, 12)
}

pub(super) fn ratio(value: Option<Decimal>, unit: &str) -> String {
    value
        .and_then(|v| v.to_f64())
        .map_or(format::MISSING.into(), |v| format!("{}{unit}", format::cell(v, unit, false, 5)))
}

fn percent(share: Decimal) -> String {
    share.to_f64().map_or(format::MISSING.into(), |s| format!("{:.0}%", s * 100.0))
}

pub(super) fn sign(view: &View<'_>, value: Option<Decimal>) -> Style {
    match value {
        Some(v) if v < Decimal::ZERO => view.theme.style(Role::TextStrong),
        _ => view.theme.style(Role::Text),
    }
}

pub(super) fn warn(pen: &Pen<'_>) -> Style {
    pen.style(Role::SevWarn)
}

fn warn_of(view: &View<'_>) -> Style {
    view.theme.style(Role::SevWarn)
}

/// A style for a figure that is bad when high.
fn high(view: &View<'_>, value: Option<f64>, usual: Style) -> Style {
    match value {
        Some(v) if v >= RATIO.1 => view.theme.style(Role::SevCrit),
        Some(v) if v >= RATIO.0 => warn_of(view),
        _ => usual,
    }
}

/// A style for a distance that is bad when small.
fn low(view: &View<'_>, value: Option<f64>, usual: Style) -> Style {
    match value.map(f64::abs) {
        Some(v) if v <= DISTANCE.1 => view.theme.style(Role::SevCrit),
        Some(v) if v <= DISTANCE.0 => warn_of(view),
        _ => usual,
    }
}
