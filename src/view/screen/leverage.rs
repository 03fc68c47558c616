//! Screen 2: how much borrowed risk, where does it snap?

use ratatui::layout::Rect;

use super::Screen;
use super::market::Draw;
use crate::config::theme::Role;
use crate::snapshot::markets::{Reading, UnderlyingView, VenueView};
use crate::snapshot::{Quality, Snapshot};
use crate::view::action::Action;
use crate::view::market::{self, Page};
use crate::view::order;
use crate::view::state::Ui;
use crate::view::widget::Pen;
use crate::view::widget::pen::Span;
use crate::view::widget::table::{Column, left, right};
use crate::view::{View, format};

/// Leverage and the distance to where it snaps.
#[derive(Debug)]
pub struct Leverage;

static PAGE: Page = Page {
    id: "leverage",
    title: "Leverage",
    all: &[
        "oi_usd",
        "oi_flow_pct_1h",
        "leverage_max_bound",
        "implied_leverage",
        "near_liq_share_2",
        "near_liq_share_5",
        "near_liq_share_10",
        "liq_rate_usd_min",
        "critical_shock_pct",
        "cascade_amplification",
        "liq_forecast_cover",
        "funding_oiw_apr",
    ],
    venue: &[
        "oi_usd",
        "oi_share",
        "funding_apr",
        "max_leverage",
        "implied_leverage",
        "near_liq_share_5",
        "liq_rate_usd_min",
    ],
    has_margins: true,
};

impl Screen for Leverage {
    fn id(&self) -> &'static str {
        PAGE.id
    }

    fn key(&self) -> char {
        '2'
    }

    fn title(&self) -> &'static str {
        PAGE.title
    }

    fn short(&self) -> &'static str {
        "Lev"
    }

    fn question(&self) -> &'static str {
        "how much borrowed risk, where does it snap?"
    }

    fn draw(&self, view: &View<'_>, area: Rect, pen: &mut Pen<'_>) {
        let sort = view.ui.leverage_sort.word(order::LEVERAGE);
        let what = Draw {
            head: format!("Leverage {sort}"),
            facts: 3,
            side: [46, 78],
            columns: COLUMNS,
            venue_columns: VENUES,
            row: &|m| row(view, m),
            venue: &|v| venue(view, v),
            lines: &|m, is_wide| if is_wide { facts(view, m) } else { ladder(view, m) },
            legend: LEGEND,
            rank: "oi_usd",
        };
        what.draw(view, area, &view.ui.leverage_rows(view.shown), pen);
    }

    fn step(&self, ui: &mut Ui, snapshot: &Snapshot, by: (isize, isize)) {
        ui.move_market(snapshot, ui.leverage_rows(snapshot), by.0);
    }

    fn plain(&self, snapshot: &Snapshot) -> String {
        PAGE.plain(snapshot)
    }

    fn json(&self, snapshot: &Snapshot) -> Result<String, sonic_rs::Error> {
        PAGE.json(snapshot)
    }

    fn pages(&self) -> crate::snapshot::Pages {
        crate::snapshot::Pages { markets: true, ..Default::default() }
    }

    fn footer(&self) -> &'static [(Action, &'static str)] {
        &[(Action::Sort, "sort"), (Action::FlipSort, "reverse"), (Action::Enter, "map")]
    }
}

/// How to read a column that no title can say, and the marks.
const LEGEND: &str = "nearN: % of OI liquidated by N %  e est.  p part  ~ stale  -- missing";

/// 80 columns hold what answers the question; the rest comes with room.
const COLUMNS: &[Column] = &[
    left("asset", 6, 0),
    right("OI ", 6, 0),
    right("1h % ", 6, 0),
    right("allow ", 6, 0),
    left("implied P10 P50 P90", 21, 0),
    right("near2 ", 6, 100),
    right("near5 ", 6, 0),
    right("near10 ", 7, 100),
    right("liq/m ", 6, 0),
    right("model ", 6, 110),
    right("fault%", 6, 0),
    right("ampl ", 6, 118),
    right("fund/y ", 7, 0),
    right("held ", 6, 150),
    left("fault line, low to high", 0, 150),
];

fn row(view: &View<'_>, m: &UnderlyingView) -> Vec<Span> {
    let theme = view.theme;
    let cell = |metric, part| market::cell(theme, &m.get(metric, part), false, 6);
    let signed = |metric, columns| market::cell(theme, &m.get(metric, ""), true, columns);
    vec![
        (m.underlying.clone(), theme.style(Role::TextStrong)),
        cell("oi_usd", ""),
        signed("oi_flow_pct_1h", 6),
        cell("leverage_max_bound", ""),
        market::band(theme, |part| m.get("implied_leverage", part)),
        cell("near_liq_share_2", ""),
        cell("near_liq_share_5", ""),
        market::cell(theme, &m.get("near_liq_share_10", ""), false, 7),
        cell("liq_rate_usd_min", "observed"),
        cell("liq_rate_usd_min", "model"),
        cell("critical_shock_pct", ""),
        market::cell(theme, &amplified(m), false, 6),
        signed("funding_oiw_apr", 7),
        cell("liq_forecast_cover", ""),
        range(view, m),
    ]
}

/// With two decimals: its limits lie at 1.10 and 1.25.
fn amplified(m: &UnderlyingView) -> Reading {
    Reading { unit: "ratio", ..m.get("cascade_amplification", "") }
}

/// The fault line of one direction, low to high over all sets of the simulation.
fn way(view: &View<'_>, m: &UnderlyingView, [low, high]: [&'static str; 2]) -> Span {
    let bound = |part| market::cell(view.theme, &m.get("critical_shock_pct", part), false, 7).0;
    let text = format!("{} to {}", bound(low).trim_end_matches(['e', 'p', ' ']), bound(high).trim());
    (text, view.theme.quality(m.get("critical_shock_pct", "").quality))
}

const DOWN: [&str; 2] = ["down_low", "down_high"];
const UP: [&str; 2] = ["up_low", "up_high"];

fn range(view: &View<'_>, m: &UnderlyingView) -> Span {
    let (down, style) = way(view, m, DOWN);
    (format!("down {down}, up {}", way(view, m, UP).0), style)
}

const VENUES: &[Column] = &[
    left("venue", 9, 0),
    left("regime", 7, 0),
    right("OI ", 6, 0),
    right("share%", 6, 0),
    right("fund/y ", 7, 0),
    right("max ", 5, 0),
    left("implied P10 P50 P90", 21, 84),
    right("near5 ", 6, 84),
    right("liq/m ", 6, 96),
    right("mmr1M ", 6, 112),
    left(" 10k 100k   1M  10M 100M", 0, 0),
];

fn venue(view: &View<'_>, v: &VenueView) -> Vec<Span> {
    let theme = view.theme;
    let cell = |metric, part| market::cell(theme, &v.get(metric, part), false, 6);
    let text = theme.style(Role::Text);
    let dim = theme.style(Role::TextDim);
    let times = |l: &Option<f64>| l.map_or(format::MISSING.into(), |l| format!("{l:.0}x"));
    let ladder: Vec<String> = v.leverage.iter().map(|l| format!("{:>4}", times(l))).collect();
    let keep = v.maintenance.get(2).copied().flatten();
    let keep = keep.map_or(format::MISSING.into(), |k| format!("{:.2}%", k * 100.0));
    vec![
        (super::short(view.shown, &v.venue).to_string(), text),
        (v.regime.clone(), dim),
        cell("oi_usd", ""),
        percent(view, &v.get("oi_share", "")),
        market::cell(theme, &v.get("funding_apr", ""), true, 7),
        market::cell(theme, &v.get("max_leverage", ""), false, 5),
        market::band(theme, |part| v.get("implied_leverage", part)),
        cell("near_liq_share_5", ""),
        cell("liq_rate_usd_min", ""),
        (keep, text),
        (ladder.join(" "), text),
    ]
}

/// A share as a percentage.
pub(super) fn percent(view: &View<'_>, share: &Reading) -> Span {
    let of = Reading { value: share.value.map(|v| v * 100.0), unit: "pct", ..*share };
    let (text, style) = market::cell(view.theme, &of, false, 6);
    (text, style)
}

const STEPS: [(&str, &str); 3] =
    [(" 2 %", "near_liq_share_2"), (" 5 %", "near_liq_share_5"), ("10 %", "near_liq_share_10")];
const ENDS: [(&str, [&str; 3]); 2] =
    [("longs", ["long_p10", "long_p50", "long_p90"]), ("shorts", ["short_p10", "short_p50", "short_p90"])];

/// The rungs of one side of the ladder: money at the middle, share of open interest as a band.
fn rung(view: &View<'_>, m: &UnderlyingView, metric: &'static str, parts: [&'static str; 3]) -> Span {
    let reads = parts.map(|part| m.get(metric, part));
    let quality = reads.iter().map(|r| r.quality).max().unwrap_or_default();
    let values: Option<Vec<f64>> = reads.iter().map(|r| r.value.filter(|v| v.is_finite())).collect();
    let Some(values) = values else {
        return (format!("{:<24}", format::MISSING), view.theme.quality(Quality::Missing));
    };
    let open = m.get("oi_usd", "").value;
    let usd =
        values.get(1).zip(open).map_or(format::MISSING.into(), |(share, oi)| format::si(share / 100.0 * oi));
    let band: Vec<String> = values.iter().map(|v| format::cell(*v, "pct", false, 5)).collect();
    (format!("{usd:>5} ({})", band.join(" ")), view.theme.quality(quality))
}

/// How the estimates of a ladder are to be read.
fn trust(view: &View<'_>, m: &UnderlyingView) -> Span {
    let r = m.get("near_liq_share_5", "");
    let word = match r.quality {
        Quality::Ok | Quality::Estimated => "est.",
        Quality::Degraded => "est., part",
        Quality::Stale => "stale",
        Quality::Missing => "",
    };
    (word.into(), view.theme.quality(r.quality))
}

/// Three lines on a small screen: what dies within which move, USD and % of OI as P10 P50 P90.
fn ladder(view: &View<'_>, m: &UnderlyingView) -> Vec<Vec<Span>> {
    let dim = view.theme.style(Role::TextDim);
    let line = |(step, metric): (&'static str, &'static str)| {
        let [(long, of_long), (short, of_short)] = ENDS;
        let (long_text, style) = rung(view, m, metric, of_long);
        vec![
            (format!("{step} {long} "), dim),
            (format!("{long_text:<25}"), style),
            (format!(" {short} "), dim),
            rung(view, m, metric, of_short),
            (" ".into(), dim),
            trust_short(view, m),
        ]
    };
    STEPS.map(line).to_vec()
}

fn trust_short(view: &View<'_>, m: &UnderlyingView) -> Span {
    let (word, style) = trust(view, m);
    (if word.starts_with("est., ") { "est.p".into() } else { word }, style)
}

/// The pane beside the venues: ladder, fault line, liquidations, regimes, method.
fn facts(view: &View<'_>, m: &UnderlyingView) -> Vec<Vec<Span>> {
    let dim = view.theme.style(Role::TextDim);
    let label = |text: &str| (format!("{text:<15}"), dim);
    let figure =
        |name: &str, metric, part| vec![label(name), market::detail(view.theme, &m.get(metric, part))];
    let mut lines = vec![vec![("USD within, % of OI as P10 P50 P90 ".into(), dim), trust(view, m)]];
    for (side, parts) in ENDS {
        for (step, metric) in STEPS {
            lines.push(vec![label(&format!("{step} {side}")), rung(view, m, metric, parts)]);
        }
    }
    let implied = market::band(view.theme, |part| m.get("implied_leverage", part));
    lines.push(vec![label("implied"), implied]);
    lines.push(figure("rules allow", "leverage_max_bound", ""));
    lines.push(vec![label("fault line -%"), way(view, m, DOWN)]);
    lines.push(vec![label("fault line +%"), way(view, m, UP)]);
    lines.push(vec![label("amplified"), market::detail(view.theme, &amplified(m))]);
    lines.push(figure("liq observed", "liq_rate_usd_min", "observed"));
    lines.push(figure("liq model", "liq_rate_usd_min", "model"));
    lines.push(figure("forecasts held", "liq_forecast_cover", ""));
    for (at, words) in regimes(m).chunks(3).enumerate() {
        let name = if at == 0 { "OI by regime" } else { "" };
        lines.push(vec![label(name), (words.join(" "), view.theme.style(Role::Text))]);
    }
    lines
}

/// Open interest by regime, largest first: `SC 62%`.
fn regimes(m: &UnderlyingView) -> Vec<String> {
    let mut sums: Vec<(&str, f64)> = Vec::new();
    for v in &m.venues {
        let Some(share) = v.get("oi_share", "").value else { continue };
        match sums.iter_mut().find(|(regime, _)| *regime == v.regime) {
            Some((_, sum)) => *sum += share,
            None => sums.push((&v.regime, share)),
        }
    }
    sums.sort_by(|a, b| b.1.total_cmp(&a.1));
    if sums.is_empty() {
        return vec![format::MISSING.into()];
    }
    let percent = |share: f64| if share < 0.01 { "<1%".into() } else { format!("{:.0}%", share * 100.0) };
    sums.iter().map(|(regime, share)| format!("{} {}", format::clean(regime), percent(*share))).collect()
}
