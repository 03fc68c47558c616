//! The What-if screen: scenarios, a handmade result with everything that can be missing, and its keys.

use std::sync::Arc;

use faultline::config::scenarios;
use faultline::snapshot::whatif::{
    Critical, Method, Own, Range, Report, Run, SetRow, Shown, Step, StepVenue, Venue, VenueRun,
};
use faultline::snapshot::{Mode, Quality, Snapshot};
use faultline::view::{Depth, Effect, Ui, screen};

use crate::keys::press;
use crate::{SIZES, draw, fixture, golden, named, styles, text, ui};

fn range(mid: f64) -> Range {
    Range { mid, low: 0.8 * mid, high: 1.5 * mid }
}

fn venue(id: &str, fund: Option<f64>, is_modelled: bool, lacks: &[&'static str]) -> Venue {
    Venue {
        id: id.into(),
        interest: Some(2.9e9),
        fund,
        weight: Some(0.25),
        is_modelled,
        lacks: lacks.to_vec(),
    }
}

fn after(adl: f64, is_beyond: bool) -> VenueRun {
    VenueRun {
        closed: range(4.2e8),
        interest: Range { mid: -4.4e8, low: -5e8, high: -4e8 },
        adl: range(adl),
        fund: Range { mid: -7.81e5, low: -2e6, high: 0.0 },
        worst: Range { mid: 132.4, low: 130.0, high: 135.0 },
        is_beyond,
    }
}

fn book() -> VenueRun {
    VenueRun { worst: range(135.3), ..VenueRun::default() }
}

fn own(instrument: &str, distance_pct: Option<f64>, is_reached: Option<bool>) -> Own {
    Own {
        venue: "okx".into(),
        account: "desk-1".into(),
        instrument: instrument.into(),
        delta: Some(-35_100.0),
        change: Some(range(1_850.0)),
        distance_pct,
        is_reached,
        is_ever_reached: is_reached,
    }
}

fn shock() -> Run {
    let busy =
        |venue, triggered, adl| StepVenue { venue, triggered, filled: triggered - adl, adl, price: 135.1 };
    Run {
        pct: -5.0,
        index: Range { mid: 134.6, low: 133.1, high: 135.3 },
        amplification: Range { mid: 1.053, low: 1.012, high: 1.577 },
        closed: range(7.54e8),
        adl: range(7.59e8),
        owed: range(1.35e6),
        beyond: range(4.69e8),
        insurance: Some(range(0.004)),
        venues: vec![Some(after(0.0, false)), Some(after(3.97e8, true)), Some(book()), None],
        steps: vec![
            Step { from: 135.3, to: 134.9, venues: vec![busy(0, 3.01e8, 0.0), busy(1, 1.86e8, 1e8)] },
            Step { from: 134.9, to: 134.6, venues: vec![busy(1, 2.1e8, 2.1e8)] },
        ],
        own: vec![own("SOL-USDT-PERP", Some(-4.2), Some(true)), own("SOL-USD:SOL-PERP", None, None)],
    }
}

fn report() -> Report {
    Report {
        scenario: "price_down_5".into(),
        title: "All prices fall 5 % at once".into(),
        shock: "price -5 % at once".into(),
        underlying: "SOL".into(),
        at: fixture::AT,
        missing: "",
        index: Some(142.4),
        coverage: Some(0.46),
        quality: Quality::Degraded,
        as_of: Some(fixture::AT),
        venues: vec![
            venue("binance-usdm", Some(1.2e9), true, &[]),
            venue("okx", None, true, &["no insurance fund stated"]),
            venue("bybit", Some(9.8e7), false, &["no margin schedule"]),
            Venue {
                weight: None,
                interest: None,
                ..venue("cme", None, false, &["not connected", "no book"])
            },
        ],
        critical: vec![Critical {
            is_down: true,
            sets: vec![Some(6.0), Some(4.5), Some(3.5)],
            low: Some(3.0),
            high: None,
        }],
        curve: Vec::new(),
        runs: vec![shock()],
        method: Method {
            sets: vec![
                SetRow { name: "optimistic", depth: 1.0, lasting: 0.1 },
                SetRow { name: "central", depth: 0.5, lasting: 0.3 },
                SetRow { name: "pessimistic", depth: 0.1, lasting: 0.6 },
            ],
            index_share: 0.5,
            refill: 0.0,
            kept: 0.5,
            steps: 1,
            books_left: 1.0,
            rounds_max: 200,
            scan_to_pct: 20.0,
        },
        limits: faultline::engine::cascade::LIMITS,
    }
}

/// A live picture with a result.
pub(crate) fn with_result(mut snapshot: Snapshot) -> Snapshot {
    snapshot.whatif = Shown { running: None, report: Some(Arc::new(report())), took_ms: 840 };
    snapshot
}

fn desk(size: (u16, u16)) -> Ui {
    Ui { scenarios: scenarios::builtin().unwrap(), ..ui("whatif", size) }
}

#[test]
fn the_sandbox_at_every_size_and_depth() {
    let snapshot = with_result(fixture::divergence());
    for size in SIZES {
        let buf = draw(&snapshot, &desk(size), &named("faultline-dark", Depth::True));
        golden(&format!("whatif-{}x{}", size.0, size.1), &format!("{}{}", text(&buf), styles(&buf)));
    }
    for depth in [Depth::Ansi256, Depth::Ansi16, Depth::Mono] {
        let buf = draw(&snapshot, &desk((80, 24)), &named("faultline-dark", depth));
        golden(&format!("whatif-depth-{}", depth.word()), &format!("{}{}", text(&buf), styles(&buf)));
    }
    let mut waiting = fixture::calm();
    waiting.whatif.running = Some(("scan".into(), "SOL".into()));
    let buf = draw(&waiting, &desk((80, 24)), &named("faultline-dark", Depth::True));
    golden("whatif-running-80x24", &format!("{}{}", text(&buf), styles(&buf)));
    let screen = screen::by_id("whatif").unwrap();
    golden("whatif-words", &format!("{}{}", screen.plain(&snapshot), screen.json(&snapshot).unwrap()));
}

/// Catches: a sandbox that passes for the market, a result without its limits, at any size and in any mode.
#[test]
fn the_sandbox_says_what_it_is() {
    let mut missing = with_result(fixture::broken());
    missing.mode = Mode::Replay;
    let nothing = Report { missing: "no price of it is known", runs: vec![], critical: vec![], ..report() };
    missing.whatif.report = Some(Arc::new(nothing));
    let mut tall = with_result(fixture::divergence());
    tall.whatif.report = Some(Arc::new(Report { runs: vec![shock(), shock(), shock()], ..report() }));
    for (snapshot, words) in [
        (with_result(fixture::divergence()), "closed against winners USD"),
        (tall, "more lines: a taller screen"),
        (missing, "not simulated: no price of it is known"),
    ] {
        for size in SIZES.into_iter().chain([(80, 25), (119, 39), (300, 24)]) {
            let shown = text(&draw(&snapshot, &desk(size), &named("mono", Depth::Mono)));
            let mode = snapshot.mode.word().to_uppercase();
            assert!(
                shown.contains(&format!("SANDBOX  of {mode}, state of 23:54:15Z, NOT MARKET DATA")),
                "{shown}"
            );
            assert!(shown.contains(words) || size.1 >= 60, "{size:?}\n{shown}");
            let words: Vec<&str> = shown.split_whitespace().collect();
            assert!(words.join(" ").contains(&format!("LIMITS {}", report().limits)), "{size:?}\n{shown}");
        }
    }
}

/// Catches: Enter that runs another scenario, or on another asset; a second run beside the first; a run that
/// is an act for the tape.
#[test]
fn enter_runs_what_the_cursor_is_on() {
    let mut snapshot = fixture::calm();
    let mut ui = desk((80, 24));
    for (keys, name, asset) in [
        ("Enter", "price_down_5", "SOL"),
        ("j j l Enter", "price_up_5", "XRP"),
        ("G h h Enter", "scan", "ETH"),
    ] {
        let Some(Effect::WhatIf(scenario, underlying)) = press(&mut ui, &snapshot, keys) else {
            panic!("{keys}: nothing runs")
        };
        assert_eq!((scenario.name.as_str(), underlying.as_str()), (name, asset), "{keys}");
    }
    snapshot.whatif.running = Some(("scan".into(), "SOL".into()));
    assert_eq!(press(&mut ui, &snapshot, "Enter"), None);
    assert_eq!(ui.notice.as_deref(), Some("scan is still running"));
    press(&mut ui, &snapshot, "1");
    assert_eq!(ui.screen, "map");
    press(&mut ui, &snapshot, "8");
    assert_eq!(ui.screen, "whatif");
}

/// Catches: own positions in a sandbox that Ctrl-p does not mask.
#[test]
fn own_positions_are_masked_here_too() {
    let snapshot = with_result(fixture::divergence());
    let shown = |is_private| {
        let ui = Ui { is_private, ..desk((200, 60)) };
        text(&draw(&snapshot, &ui, &named("mono", Depth::Mono)))
    };
    assert!(shown(false).contains("desk-1") && !shown(true).contains("desk-1"));
}

/// Catches: a name of a stranger's file that draws outside or sends an escape sequence.
#[test]
fn hostile_names_stay_inside() {
    let mut snapshot = with_result(fixture::hostile());
    let mut bad = report();
    for text in
        [&mut bad.scenario, &mut bad.title, &mut bad.shock, &mut bad.underlying, &mut bad.venues[0].id]
    {
        *text = "\u{1b}[31m\u{202e}wide\u{3042}".repeat(20);
    }
    snapshot.whatif.report = Some(Arc::new(bad));
    let mut ui = desk((80, 24));
    ui.scenarios[0].name = "\u{1b}[2J\u{202e}".repeat(20);
    let shown = text(&draw(&snapshot, &ui, &named("mono", Depth::Mono)));
    assert!(!shown.contains('\u{1b}') && !shown.contains('\u{202e}'), "{shown}");
}
