//! Screen 3: is the market one pool or many?

use ratatui::layout::Rect;

use super::Screen;
use super::leverage::percent;
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

/// Depth, what it costs to trade, and how much of it stands on one venue.
#[derive(Debug)]
pub struct Liquidity;

static PAGE: Page = Page {
    id: "liquidity",
    title: "Liquidity",
    all: &[
        "depth_usd_10",
        "depth_usd_25",
        "depth_usd_50",
        "depth_usd_100",
        "depth_usd_200",
        "hhi_depth",
        "n_eff_venues",
        "ctt_bps_1m",
        "fragmentation_cost_bps_1m",
        "silo_cost_bps_1m",
        "depth_drop_pct",
        "depth_halflife_s",
        "ctt_ratio",
    ],
    venue: &[
        "depth_share",
        "spread_bps",
        "ctt_bps_1m",
        "depth_usd_10",
        "depth_usd_25",
        "depth_usd_50",
        "depth_usd_100",
        "depth_usd_200",
    ],
    has_margins: false,
};

impl Screen for Liquidity {
    fn id(&self) -> &'static str {
        PAGE.id
    }

    fn key(&self) -> char {
        '3'
    }

    fn title(&self) -> &'static str {
        PAGE.title
    }

    fn short(&self) -> &'static str {
        "Liq"
    }

    fn question(&self) -> &'static str {
        "is the market one pool or many?"
    }

    fn draw(&self, view: &View<'_>, area: Rect, pen: &mut Pen<'_>) {
        let sort = view.ui.liquidity_sort.word(order::LIQUIDITY);
        let what = Draw {
            head: format!("Liquidity {sort}; 1M USD in bps before fees"),
            facts: 2,
            side: [40, 78],
            columns: COLUMNS,
            venue_columns: VENUES,
            row: &|m| row(view, m),
            venue: &|v| venue(view, v),
            lines: &|m, is_wide| if is_wide { facts(view, m) } else { costs(view, m) },
            legend: market::LEGEND_FILLED,
            rank: "depth_usd_100",
        };
        what.draw(view, area, &view.ui.liquidity_rows(view.shown), pen);
    }

    fn step(&self, ui: &mut Ui, snapshot: &Snapshot, by: (isize, isize)) {
        ui.move_market(snapshot, ui.liquidity_rows(snapshot), by.0);
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

const COLUMNS: &[Column] = &[
    left("asset", 6, 0),
    right("10 bps ", 7, 0),
    right("100 bps ", 8, 0),
    right("gone % ", 7, 0),
    right("HHI ", 5, 0),
    right("venues ", 7, 0),
    right("all as 1 ", 9, 0),
    right("split ", 7, 0),
    right("home ", 7, 0),
    right("x usual ", 8, 84),
    right("heals ", 7, 92),
    right("seen ", 6, 100),
    left("note", 0, 150),
];

fn row(view: &View<'_>, m: &UnderlyingView) -> Vec<Span> {
    let theme = view.theme;
    let cell = |metric, columns| market::cell(theme, &m.get(metric, ""), false, columns);
    let depth = m.get("depth_usd_100", "");
    let seen = if depth.quality == Quality::Missing {
        (format!("{} ", format::MISSING), theme.quality(Quality::Missing))
    } else {
        (format!("{:.0}% ", depth.coverage * 100.0), theme.style(Role::TextDim))
    };
    vec![
        (m.underlying.clone(), theme.style(Role::TextStrong)),
        cell("depth_usd_10", 7),
        cell("depth_usd_100", 8),
        cell("depth_drop_pct", 7),
        cell("hhi_depth", 5),
        cell("n_eff_venues", 7),
        cell("ctt_bps_1m", 9),
        cell("fragmentation_cost_bps_1m", 7),
        cell("silo_cost_bps_1m", 7),
        cell("ctt_ratio", 8),
        cell("depth_halflife_s", 7),
        seen,
        (note(m), theme.style(Role::TextDim)),
    ]
}

/// Why figures of a row are missing or less than they seem.
fn note(m: &UnderlyingView) -> String {
    let of = [
        ("cost", "ctt_bps_1m"),
        ("split", "fragmentation_cost_bps_1m"),
        ("home", "silo_cost_bps_1m"),
        ("gone", "depth_drop_pct"),
    ];
    let words = of.iter().filter_map(|(name, metric)| {
        let note = m.get(metric, "").note;
        // No cost has fees in it: the head says so.
        (!note.is_empty() && note != "fee_unknown").then(|| format!("{name} {}", note.replace('_', " ")))
    });
    words.collect::<Vec<_>>().join(", ")
}

const VENUES: &[Column] = &[
    left("venue", 9, 0),
    left("share", 8, 0),
    right("% ", 6, 0),
    right("spread ", 7, 0),
    right("cost1M ", 7, 0),
    right("10bps ", 6, 0),
    right("25 ", 6, 0),
    right("50 ", 6, 0),
    right("100 ", 6, 0),
    right("200 ", 6, 0),
    right("buy ", 6, 84),
    right("sell ", 6, 84),
    left("regime", 7, 100),
];

/// Columns of a bar.
const BAR: usize = 8;

fn venue(view: &View<'_>, v: &VenueView) -> Vec<Span> {
    let theme = view.theme;
    let cell = |metric, columns| market::cell(theme, &v.get(metric, ""), false, columns);
    let side = |part| market::cell(theme, &v.get("ctt_bps_1m", part), false, 6);
    let share = v.get("depth_share", "");
    vec![
        (super::short(view.shown, &v.venue).to_string(), theme.style(Role::Text)),
        bar(view, &share),
        percent(view, &share),
        cell("spread_bps", 7),
        cell("ctt_bps_1m", 7),
        cell("depth_usd_10", 6),
        cell("depth_usd_25", 6),
        cell("depth_usd_50", 6),
        cell("depth_usd_100", 6),
        cell("depth_usd_200", 6),
        side("buy"),
        side("sell"),
        (v.regime.clone(), theme.style(Role::TextDim)),
    ]
}

/// A share as a bar; what is there at all shows at least one step, what is missing none.
fn bar(view: &View<'_>, share: &Reading) -> Span {
    let Some(value) = share.value.filter(|v| v.is_finite()) else {
        return (String::new(), view.theme.base());
    };
    let eighths = ((value.clamp(0.0, 1.0) * (BAR * 8) as f64).round() as usize).max(usize::from(value > 0.0));
    if view.theme.is_ascii() {
        return ("#".repeat(eighths.div_ceil(8)), view.theme.style(Role::Spark));
    }
    const PARTS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let text = format!("{}{}", "█".repeat(eighths / 8), PARTS.get(eighths % 8).unwrap_or(&""));
    (text, view.theme.style(Role::Spark))
}

const SIDES: [&str; 2] = ["buy", "sell"];

/// The venue on which the side of a million dollars costs least.
fn cheapest<'a>(m: &'a UnderlyingView, part: &'static str) -> Option<(&'a VenueView, Reading)> {
    let reads = m.venues.iter().map(|v| (v, v.get("ctt_bps_1m", part)));
    let live = reads.filter(|(_, r)| r.quality < Quality::Stale && r.value.is_some());
    live.min_by(|(_, a), (_, b)| a.value.unwrap_or(f64::MAX).total_cmp(&b.value.unwrap_or(f64::MAX)))
}

/// One line per side: all books as one, the cheapest venue, what being split costs, what staying home costs.
fn costs(view: &View<'_>, m: &UnderlyingView) -> Vec<Vec<Span>> {
    SIDES.map(|part| cost(view, m, part).concat()).to_vec()
}

fn cost(view: &View<'_>, m: &UnderlyingView, part: &'static str) -> [Vec<Span>; 4] {
    let dim = view.theme.style(Role::TextDim);
    let figure = |r: &Reading| market::cell(view.theme, r, false, 8);
    let of = |metric| figure(&m.get(metric, part));
    let (name, single) = match cheapest(m, part) {
        Some((v, r)) => (super::short(view.shown, &v.venue).to_string(), figure(&r)),
        None => ("no venue".into(), (format::MISSING.into(), view.theme.quality(Quality::Missing))),
    };
    [
        vec![(format!("{part:<4} 1M: all as one "), dim), of("ctt_bps_1m")],
        vec![
            (" best ".into(), dim),
            (format!("{} ", format::fit(&name, 9)), view.theme.style(Role::Text)),
            single,
        ],
        vec![(" split ".into(), dim), of("fragmentation_cost_bps_1m")],
        vec![(" home ".into(), dim), of("silo_cost_bps_1m")],
    ]
}

/// The pane beside the venues.
fn facts(view: &View<'_>, m: &UnderlyingView) -> Vec<Vec<Span>> {
    let dim = view.theme.style(Role::TextDim);
    let mut lines = Vec::new();
    for part in SIDES {
        let [all, best, split, home] = cost(view, m, part);
        lines.push(all);
        lines.push([vec![("    ".into(), dim)], best].concat());
        lines.push([vec![("    ".into(), dim)], split, vec![(" best less all".into(), dim)]].concat());
        lines.push([vec![("    ".into(), dim)], home, vec![(" usual less all".into(), dim)]].concat());
    }
    lines.push(Vec::new());
    let figure = |name: &str, metric| {
        vec![(format!("{name:<17}"), dim), market::detail(view.theme, &m.get(metric, ""))]
    };
    lines.push(figure("effective venues", "n_eff_venues"));
    lines.push(figure("HHI of depth", "hhi_depth"));
    for (name, metric) in [
        ("within 10 bps", "depth_usd_10"),
        ("within 25 bps", "depth_usd_25"),
        ("within 50 bps", "depth_usd_50"),
        ("within 100 bps", "depth_usd_100"),
        ("within 200 bps", "depth_usd_200"),
    ] {
        lines.push(figure(name, metric));
    }
    lines
}
