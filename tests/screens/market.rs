//! The screens Leverage and Liquidity: handmade markets with everything that can be wrong with a figure.

use faultline::snapshot::markets::{Markets, Reading, UnderlyingView, VenueView};
use faultline::snapshot::{Quality, Snapshot};
use faultline::view::{Depth, screen};

use crate::{SIZES, draw, fixture, golden, named, styles, text, ui};

fn reading(metric: &'static str, part: &'static str, unit: &'static str, value: f64) -> Reading {
    Reading {
        value: Some(value),
        unit,
        quality: Quality::Ok,
        coverage: 1.0,
        ..Reading::missing(metric, part)
    }
}

fn estimate(metric: &'static str, part: &'static str, unit: &'static str, value: f64) -> Reading {
    Reading { quality: Quality::Estimated, coverage: 0.75, ..reading(metric, part, unit, value) }
}

fn none(metric: &'static str, quality: Quality) -> Reading {
    Reading { quality, ..Reading::missing(metric, "") }
}

/// A band of both sides around `middle`, shorts at four fifths of longs, and its whole.
fn band(metric: &'static str, unit: &'static str, middle: f64) -> Vec<Reading> {
    let parts = [
        ("", 1.0),
        ("long_p10", 0.5),
        ("long_p50", 1.0),
        ("long_p90", 2.0),
        ("short_p10", 0.4),
        ("short_p50", 0.8),
        ("short_p90", 1.6),
    ];
    parts.into_iter().map(|(part, times)| estimate(metric, part, unit, middle * times)).collect()
}

fn over_all(n: f64) -> Vec<Reading> {
    let share = 1.0 + n / 4.0;
    let mut all = vec![
        reading("oi_usd", "", "usd", 4.12e9 / (n + 1.0)),
        reading("oi_flow_pct_1h", "", "pct", 3.2 - n),
        reading("leverage_max_bound", "", "x", 98.4 - 5.0 * n),
        reading("liq_rate_usd_min", "observed", "usd_per_min", 120_000.0 * (n + 1.0)),
        estimate("liq_rate_usd_min", "model", "usd_per_min", 310_000.0 * (n + 1.0)),
        estimate("critical_shock_pct", "", "pct", 6.5 + n),
        estimate("critical_shock_pct", "down", "pct", 6.5 + n),
        estimate("critical_shock_pct", "down_low", "pct", 4.0 + n),
        estimate("critical_shock_pct", "down_high", "pct", 9.5 + n),
        estimate("critical_shock_pct", "up_low", "pct", 8.0 + n),
        Reading { value: None, ..estimate("critical_shock_pct", "up_high", "pct", 0.0) },
        estimate("cascade_amplification", "", "x", 1.12),
        reading("liq_forecast_cover", "", "ratio", 0.83),
        reading("funding_oiw_apr", "", "apr", 0.109 - n / 50.0),
        reading("hhi_depth", "", "ratio", 0.28 + n / 20.0),
        reading("n_eff_venues", "", "count", 1.0 / (0.28 + n / 20.0)),
        Reading {
            quality: Quality::Degraded,
            note: "cold",
            ..reading("depth_drop_pct", "", "pct", 12.0 + n)
        },
        reading("depth_halflife_s", "", "s", 3.4),
        reading("ctt_ratio", "", "x", 1.3),
    ];
    for (metric, value) in DEPTHS {
        all.push(reading(metric, "", "usd", value * 6.0 / (n + 1.0)));
    }
    for (part, more) in [("", 0.4), ("buy", 0.0), ("sell", 0.4)] {
        let cost = |metric, value: f64| Reading {
            quality: Quality::Degraded,
            note: "fee_unknown",
            ..reading(metric, part, "bps", value + more)
        };
        all.push(cost("ctt_bps_1m", 1.1 + n));
        all.push(Reading { note: "", ..cost("fragmentation_cost_bps_1m", 1.9 + n) });
        all.push(Reading { note: "", ..cost("silo_cost_bps_1m", 4.2 + n) });
    }
    all.extend(band("implied_leverage", "x", 14.8 + 2.0 * n));
    all.extend(band("near_liq_share_2", "pct", 0.9 * share));
    all.extend(band("near_liq_share_5", "pct", 4.2 * share));
    all.extend(band("near_liq_share_10", "pct", 9.6 * share));
    all
}

const DEPTHS: [(&str, f64); 5] = [
    ("depth_usd_10", 1.9e6),
    ("depth_usd_25", 4.4e6),
    ("depth_usd_50", 9.1e6),
    ("depth_usd_100", 18.2e6),
    ("depth_usd_200", 31e6),
];

fn on_venue(id: &str, regime: &str, n: f64) -> VenueView {
    let part = [0.31, 0.22, 0.16, 0.12, 0.09, 0.06, 0.035, 0.005][n as usize % 8];
    let mut readings = vec![
        reading("oi_usd", "", "usd", 4.12e9 * part),
        reading("oi_share", "", "ratio", part),
        reading("funding_apr", "", "apr", 0.11 - n / 40.0),
        reading("max_leverage", "", "x", 125.0 - 12.0 * n),
        estimate("near_liq_share_5", "", "pct", 4.2),
        reading("liq_rate_usd_min", "", "usd_per_min", 31_000.0),
        reading("depth_share", "", "ratio", part),
        reading("spread_bps", "", "bps", 0.3 + n / 10.0),
    ];
    for (side, more) in [("", 0.6), ("buy", 0.6), ("sell", 0.2)] {
        readings.push(Reading {
            quality: Quality::Degraded,
            ..reading("ctt_bps_1m", side, "bps", 3.0 + 2.0 * n + more)
        });
    }
    readings.extend(DEPTHS.iter().map(|(metric, value)| reading(metric, "", "usd", value * part * 6.0)));
    readings.extend(band("implied_leverage", "x", 14.8 + n));
    VenueView {
        venue: id.into(),
        regime: regime.into(),
        readings,
        leverage: [Some(125.0 - 12.0 * n), Some(100.0 - 10.0 * n), Some(50.0), Some(20.0), None],
        maintenance: [Some(0.004), Some(0.005), Some(0.01), Some(0.025), None],
    }
}

fn set(readings: &mut Vec<Reading>, to: Reading) {
    readings.retain(|r| r.metric != to.metric || (r.part != to.part && !to.part.is_empty()));
    readings.push(to);
}

/// Markets for every underlying and venue of a picture. ETH is partly known, XRP has no value at all, DOGE is
/// calm up to 20 %, BNB cannot fill a million dollars, ADA is stale.
pub(crate) fn with_markets(mut snapshot: Snapshot) -> Snapshot {
    let venues = |n: usize| {
        snapshot.venues.iter().enumerate().map(move |(i, v)| on_venue(&v.id, &v.regime, ((i + n) % 8) as f64))
    };
    let all = snapshot.underlyings.iter().enumerate();
    let mut markets: Vec<UnderlyingView> = all
        .map(|(n, name)| UnderlyingView {
            underlying: name.clone(),
            readings: over_all(n as f64),
            venues: venues(n).collect(),
        })
        .collect();
    for r in markets[1].readings.iter_mut().filter(|r| r.metric != "oi_usd") {
        (r.quality, r.coverage) = (r.quality.max(Quality::Degraded), 0.62);
    }
    let missing: Vec<Reading> =
        markets[3].readings.iter().map(|r| Reading::missing(r.metric, r.part)).collect();
    markets[3].readings = missing;
    set(&mut markets[4].readings, none("critical_shock_pct", Quality::Estimated));
    let short = Reading {
        value: None,
        note: "insufficient",
        filled: Some(0.627),
        ..reading("ctt_bps_1m", "", "bps", 0.0)
    };
    set(&mut markets[5].readings, short);
    set(
        &mut markets[5].readings,
        Reading { note: "uncovered", ..none("silo_cost_bps_1m", Quality::Degraded) },
    );
    for r in &mut markets[6].readings {
        r.quality = Quality::Stale;
    }
    // One venue of SOL is silent, one has no rules, one cannot fill.
    let sol = &mut markets[2].venues;
    for r in &mut sol[7].readings {
        r.quality = Quality::Stale;
    }
    sol[7].readings.retain(|r| !r.metric.ends_with("_share"));
    (sol[2].leverage, sol[2].maintenance) = Default::default();
    sol[2].readings.retain(|r| r.metric != "max_leverage" && r.metric != "implied_leverage");
    for part in ["", "buy", "sell"] {
        set(&mut sol[6].readings, Reading { part, ..short });
    }
    snapshot.markets = Markets { underlyings: markets };
    snapshot
}

#[test]
fn both_screens_at_three_sizes_and_every_depth() {
    let theme = named("faultline-dark", Depth::True);
    let snapshot = with_markets(fixture::divergence());
    for screen in ["leverage", "liquidity"] {
        for size in SIZES {
            let buf = draw(&snapshot, &ui(screen, size), &theme);
            golden(&format!("{screen}-{}x{}", size.0, size.1), &format!("{}{}", text(&buf), styles(&buf)));
        }
        for depth in [Depth::Ansi256, Depth::Ansi16, Depth::Mono] {
            let buf = draw(&snapshot, &ui(screen, (80, 24)), &named("faultline-dark", depth));
            golden(&format!("{screen}-depth-{}", depth.word()), &format!("{}{}", text(&buf), styles(&buf)));
        }
        let it = screen::by_id(screen).unwrap();
        golden(
            &format!("{screen}-words"),
            &format!("{}{}", it.plain(&snapshot), it.json(&snapshot).unwrap()),
        );
    }
}

/// Fault: a figure without input that is drawn as zero, or a mark that only a colour carries.
#[test]
fn what_is_no_plain_value_says_so_without_colour() {
    let snapshot = with_markets(fixture::divergence());
    let mono = named("mono", Depth::Mono);
    let row = |screen, name: &str| {
        let shown = text(&draw(&snapshot, &ui(screen, (120, 40)), &mono));
        let is_it = |l: &&str| l.trim_start_matches(|c: char| !c.is_alphanumeric()).starts_with(name);
        shown.lines().skip(3).find(is_it).unwrap().to_string()
    };
    for (screen, name, parts) in [
        ("leverage", "BTC", &["L 7.4 14.8 29.6 est.", "4.20e", "6.50e"][..]),
        ("leverage", "ETH", &["est.p", "+2.20p"]),
        ("leverage", "DOGE", &[">20e"]),
        ("leverage", "ADA", &["~L13.4 26.8 53.6 est. ", "~10.50"]),
        ("liquidity", "BTC", &["12.00p"]),
        ("liquidity", "BNB", &["f62%", "--"]),
        ("liquidity", "ADA", &["~"]),
    ] {
        for part in parts {
            assert!(row(screen, name).contains(part), "no {part} in {}", row(screen, name));
        }
    }
    for screen in ["leverage", "liquidity"] {
        let xrp = row(screen, "XRP");
        assert!(xrp.contains("--") && !xrp.contains('0'), "{xrp}");
    }
}

/// Fault: venues fall off the end of a small screen unsaid, or the largest among them.
#[test]
fn a_small_screen_says_how_many_venues_it_leaves_out() {
    let snapshot = with_markets(fixture::divergence());
    let shown = text(&draw(&snapshot, &ui("leverage", (80, 24)), &named("mono", Depth::Mono)));
    assert!(shown.contains("of 8 venues"), "{shown}");
    let wide = text(&draw(&snapshot, &ui("leverage", (120, 40)), &named("mono", Depth::Mono)));
    assert!(wide.contains("SOL by venue") && !wide.contains("of 8 venues"), "{wide}");
    assert!(snapshot.venues.iter().all(|v| wide.contains(&v.short)), "{wide}");
}
