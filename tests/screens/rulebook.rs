//! The Rules screen: a matrix with everything that can be unknown, stale or contested, changes, a lens.

use std::sync::Arc;

use faultline::model::time::SECOND;
use faultline::snapshot::Snapshot;
use faultline::snapshot::rules::{Cell, Change, Door, Lens, Page, Row, Rules, Seen};
use faultline::view::{Depth, Effect, Ui, screen};

use crate::keys::press;
use crate::{SIZES, draw, fixture, golden, named, styles, text, ui};

fn cell(text: &str, sigma: Option<f64>) -> Cell {
    Cell {
        text: text.into(),
        sigma,
        detail: "a remark of the file".into(),
        source: "an-invented-source".into(),
        as_of: "2026-08-12".into(),
        confidence: "medium",
        layer: "built-in",
        ..Cell::default()
    }
}

fn row(venue: &str, short: &str, regime: &str, leverage: Cell) -> Row {
    Row {
        venue: venue.into(),
        short: short.into(),
        regime: regime.into(),
        cells: [
            leverage,
            cell("tiered", Some(0.42)),
            Cell { text: String::new(), ..cell("", None) },
            cell("2", Some(-0.5)),
            Cell::default(),
            cell("EU GB", None),
        ],
        ladder: vec![Some(3.91), Some(3.49), None, Some(-1.58)],
        looser: Some(0.233),
        stricter: Some(0.183),
        magnitude: Some(0.521),
        coverage: 0.77,
        is_enough: true,
        bounds: Some((-0.192, 0.269)),
    }
}

fn rules() -> Rules {
    let feed = Cell { layer: "feed", ..cell("100x", Some(0.74)) };
    let contested = Cell { is_contested: true, ..cell("10x", Some(-0.15)) };
    let stale = Cell { is_stale: true, ..cell("150x", Some(1.0)) };
    let unknown = Row {
        cells: Default::default(),
        ladder: vec![None; 4],
        looser: None,
        stricter: None,
        magnitude: None,
        coverage: 0.0,
        is_enough: false,
        bounds: None,
        ..row("gate", "gate", "--", Cell::default())
    };
    let rows = vec![
        row("kraken-futures", "kraken-f", "GB", contested),
        row("binance-usdm", "binance", "AE-AZ", feed),
        Row { is_enough: false, coverage: 0.31, ..row("okx", "okx", "SC", stale) },
        unknown,
    ];
    let page = Page {
        baseline: "faultline-baseline-2026-11".into(),
        underlying: "BTC".into(),
        ladder: vec![1e5, 1e6, 1e7, 1e8],
        rows,
    };
    let change = |at: i64, doublings: Option<f64>| Change {
        at: fixture::AT.plus(-at * SECOND),
        venue: "okx".into(),
        instrument: "BTC-USDT-PERP".into(),
        old: "100x, maintenance 0.400 %, 3 tiers".into(),
        new: "125x, maintenance 0.300 %, 3 tiers".into(),
        doublings,
        source: "feed",
    };
    let door = |venue: &str, access, is_contested| Door {
        venue: venue.into(),
        access,
        law: "conditional",
        policy: "permitted",
        is_contested,
        condition: "appropriateness test".into(),
    };
    let lens = Lens {
        regime: "EU".into(),
        class: "retail".into(),
        venues: vec![
            door("kraken-futures", Some(true), true),
            door("binance-usdm", Some(false), false),
            door("okx", Some(false), false),
            door("gate", None, false),
        ],
        rows: vec![Seen {
            underlying: "BTC".into(),
            reference: 69_000.0,
            depth: (7e6, 20e6, 117e6),
            interest: (1e8, 4e8, 0.0),
            effective_pools: Some(1.69),
            market_pools: Some(4.66),
            access_cost_bps: [Some(12.49), None],
            is_unbounded: [false, true],
        }],
        missing: String::new(),
    };
    Rules {
        page: Arc::new(page),
        changes: vec![change(20, Some(0.32)), change(300, Some(-1.0)), change(4_000, None)],
        lens: Some(lens),
    }
}

fn with_rules() -> Snapshot {
    Snapshot { rules: rules(), ..fixture::calm() }
}

#[test]
fn the_rules_at_every_size_and_depth() {
    let snapshot = with_rules();
    for size in SIZES {
        let buf = draw(&snapshot, &ui("rulebook", size), &named("faultline-dark", Depth::True));
        golden(&format!("rulebook-{}x{}", size.0, size.1), &format!("{}{}", text(&buf), styles(&buf)));
    }
    for depth in [Depth::Ansi256, Depth::Ansi16, Depth::Mono] {
        let buf = draw(&snapshot, &ui("rulebook", (80, 24)), &named("faultline-dark", depth));
        golden(&format!("rulebook-depth-{}", depth.word()), &format!("{}{}", text(&buf), styles(&buf)));
    }
    let screen = screen::by_id("rulebook").unwrap();
    golden("rulebook-words", &format!("{}{}", screen.plain(&snapshot), screen.json(&snapshot).unwrap()));
}

/// Catches: an unknown drawn as nothing, as zero or as compliant; a dispute drawn as a breach.
#[test]
fn unknown_is_a_sign_and_contested_no_breach() {
    for size in SIZES {
        let shown = text(&draw(&with_rules(), &ui("rulebook", size), &named("mono", Depth::Mono)));
        let line = shown.lines().find(|l| l.trim_start().starts_with("gate")).unwrap();
        assert!(line.matches('?').count() >= 8, "{line}");
        let few = shown.lines().find(|l| l.trim_start().starts_with("okx ")).unwrap();
        assert!(few.contains("insufficient"), "{few}");
        assert!(!line.contains('0') || line.contains("0%"), "{line}");
        assert!(shown.contains("10x-~") && !shown.to_lowercase().contains("breach"), "{shown}");
    }
    let nothing = text(&draw(&fixture::calm(), &ui("rulebook", (80, 24)), &named("mono", Depth::Mono)));
    assert!(nothing.contains("no rules are known yet"), "{nothing}");
}

/// Catches: a cursor that leaves the matrix, and an open cell that is another one's.
#[test]
fn the_cell_under_the_cursor_opens() {
    let (snapshot, theme) = (with_rules(), named("mono", Depth::Mono));
    let mut ui: Ui = ui("rulebook", (120, 40));
    for (keys, head, words) in [
        ("k", "kraken-futures cap", "10x, stricter than the baseline (-0.15 of the scale), contested"),
        ("j l l", "binance-usdm collateral", "? not known"),
        (
            "j h h",
            "okx cap",
            "source an-invented-source, as of 2026-08-12, confidence medium, built-in, STALE",
        ),
        ("j j j l l l l l l l", "gate clients", "no source says anything"),
    ] {
        let asked: Option<Effect> = press(&mut ui, &snapshot, keys);
        assert!(asked.is_none());
        let shown = text(&draw(&snapshot, &ui, &theme));
        assert!(shown.contains(head) && shown.contains(words), "{keys}\n{shown}");
    }
}

/// `:as-seen-from EU retail` asks for the lens; without words it goes.
#[test]
fn the_lens_is_asked_for() {
    let snapshot = with_rules();
    let mut ui = ui("map", (120, 40));
    press(&mut ui, &snapshot, ": a s - s e e n - f r o m Space E U Space r e t a i l Enter");
    assert_eq!((ui.lens.as_str(), ui.screen), ("EU:retail", "rulebook"));
    assert_eq!(ui.wanted(&snapshot).lens, "EU:retail");
    press(&mut ui, &snapshot, ": a s - s e e n - f r o m Enter");
    assert_eq!(ui.wanted(&snapshot).lens, "");
}
