//! Leverage and liquidity of the underlying under the cursor, as a pane of the largest map.

use ratatui::layout::Rect;

use super::detail;
use crate::config::theme::Role;
use crate::snapshot::markets::{Reading, UnderlyingView};
use crate::view::widget::Pen;
use crate::view::widget::pen::Span;
use crate::view::{View, format, market};

/// Venues whose share of the depth has a bar.
const BARS: usize = 6;

/// Draws the pane.
pub(super) fn draw(view: &View<'_>, area: Rect, pen: &mut Pen<'_>) {
    let underlying = view.ui.focus(view.shown).map(|f| f.1).unwrap_or_default();
    let title = format!("Leverage and liquidity: {}", format::clean(&underlying));
    let inner = pen.pane(area, &title, "2 3 open", false);
    let inner = Rect { x: inner.x + 1, width: inner.width.saturating_sub(2), ..inner };
    let found = view.shown.markets.underlyings.iter().find(|m| m.underlying == underlying);
    let Some(one) = found else {
        pen.text(inner.x, inner.y, inner.width, detail::no_detail(view), pen.style(Role::TextDim));
        return;
    };
    let lines = figures(view, one);
    let mut y = inner.y;
    for line in lines.iter().take(usize::from(inner.height)) {
        pen.spans(inner.x, y, inner.width, line);
        y += 1;
    }
    shares(view, one, Rect { y, height: inner.bottom().saturating_sub(y), ..inner }, pen);
}

fn figures(view: &View<'_>, one: &UnderlyingView) -> Vec<Vec<Span>> {
    let dim = view.theme.style(Role::TextDim);
    let get = |metric, part| one.get(metric, part);
    let figure = |label: &str, r: &Reading| -> Vec<Span> {
        let (text, style) = market::detail(view.theme, r);
        vec![(format!("{label:<13}"), dim), (format!("{text:<13}"), style)]
    };
    let both = |a: (&str, Reading), b: (&str, Reading)| {
        let mut line = figure(a.0, &a.1);
        line.extend(figure(b.0, &b.1));
        line
    };
    let band = market::band(view.theme, |part| get("implied_leverage", part));
    vec![
        vec![("leverage     ".into(), dim), band],
        both(("OI", get("oi_usd", "")), ("in 1 h", get("oi_flow_pct_1h", ""))),
        both(("liq. 2 %", get("near_liq_share_2", "")), ("liq. 5 %", get("near_liq_share_5", ""))),
        both(("snaps at", get("critical_shock_pct", "")), ("spreads", get("cascade_amplification", ""))),
        both(("cost 1M", get("ctt_bps_1m", "")), ("all venues", get("fragmentation_cost_bps_1m", ""))),
        both(("HHI depth", get("hhi_depth", "")), ("eff. venues", get("n_eff_venues", ""))),
    ]
}

/// Share of the depth by venue, largest first.
fn shares(view: &View<'_>, one: &UnderlyingView, area: Rect, pen: &mut Pen<'_>) {
    let value = |v: &crate::snapshot::markets::VenueView| v.get("depth_share", "").value.unwrap_or(0.0);
    let mut venues: Vec<_> = one.venues.iter().filter(|v| value(v) > 0.0).collect();
    venues.sort_by(|a, b| value(b).total_cmp(&value(a)).then_with(|| a.venue.cmp(&b.venue)));
    if area.height < 2 {
        return;
    }
    pen.text(area.x, area.y, area.width, "share of depth within 100 bps", pen.style(Role::TableHead));
    let rows = usize::from(area.height - 1).min(BARS);
    let others: f64 = venues.iter().skip(rows).map(|v| value(v)).sum();
    let hidden = venues.len().saturating_sub(rows);
    let room = area.width.saturating_sub(22);
    let glyph = if pen.theme.is_ascii() { "#" } else { "█" };
    for (y, venue) in (area.y + 1..area.bottom()).zip(venues.into_iter().take(rows)) {
        let share = value(venue);
        let name = super::short(view.shown, &venue.venue);
        pen.text(area.x + 1, y, 10, name, pen.style(Role::Text));
        let columns = (share * f64::from(room)).round().clamp(1.0, f64::from(room)) as usize;
        pen.text(area.x + 11, y, room, &glyph.repeat(columns), pen.style(Role::Spark));
        let style = view.theme.quality(venue.get("depth_share", "").quality);
        pen.right(area.right() - 8, y, 8, &format!("{:.1}%", share * 100.0), style);
    }
    if hidden > 0 {
        let text = format!("{hidden} others {:.1}%", others * 100.0);
        pen.right(area.x, area.y, area.width, &text, pen.style(Role::TextDim));
    }
}
