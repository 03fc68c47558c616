//! Explain, Evidence, one feed, Recordings and Log: what an officer sees when a figure is doubted.

use std::sync::Arc;

use faultline::model::alert::Severity;
use faultline::model::time::SECOND;
use faultline::snapshot::desk::{Actor, LogLine, RecordingFacts, RecordingRow, Recordings};
use faultline::snapshot::evidence::{FrameView, RuleLine, SourceLine, Terms, ValueLine};
use faultline::snapshot::{About, Evidence, Explained, FeedDetail, Quality, Snapshot};
use faultline::view::screen::{self, SCREENS};
use faultline::view::{Depth, Ui, View};

use crate::fixture::AT;
use crate::keys::press;
use crate::{SIZES, draw, fixture, golden, named, status, styles, text, ui};

fn source(input: &'static str, venue: &str, name: &str, age_ms: i64, seq: Option<u64>) -> SourceLine {
    let (venue, name) = (venue.to_string(), name.to_string());
    SourceLine { input, venue, name, age_ms: Some(age_ms), seq, left_out: None, is_head: false }
}

fn explained(about: About) -> Explained {
    let mut sources: Vec<SourceLine> = ["bybit", "binance-usdm", "okx", "kraken-futures", "coinbase-us"]
        .iter()
        .enumerate()
        .map(|(n, venue)| SourceLine {
            is_head: true,
            ..source("book", venue, "SOL-USDT-PERP", 21 + 12 * n as i64, Some(88_200 + n as u64))
        })
        .collect();
    sources.push(source("currency price", "", "USDT at 0.9998 (ok)", 140, None));
    sources.push(SourceLine {
        left_out: Some("book is stale"),
        ..source("book", "hyperliquid", "SOL-USD:SOL-PERP", 9_100, Some(87_104))
    });
    let value = ValueLine {
        of: format!("{} {}", about.underlying, about.venue),
        value: Some(-18.4213),
        quality: Quality::Degraded,
        coverage: 0.93,
        used: 6,
        expected: 7,
        age_ms: Some(21),
        note: "",
    };
    let rule = |severity, raise, clear| RuleLine {
        rule: "div.mid".into(),
        severity,
        raise,
        clear,
        hold_ms: 10_000,
        clear_hold_ms: 30_000,
    };
    let card = [
        (
            "meaning",
            "how far this venue's price stands from where the others agree; the first thing that comes apart in a dislocation",
        ),
        ("unit", "bps"),
        (
            "formula",
            "ln(mid / consensus) * 10000, where the consensus is the weighted median of the other venues' mids in USD",
        ),
        ("inputs", "book, currency price"),
        ("scopes", "venue and underlying"),
        ("every", "100 ms"),
        ("bad", "values far from zero"),
        ("limits", "warning 8, critical 15"),
        ("source", "METRICS.md A1"),
    ];
    Explained {
        about,
        at: AT,
        seq: 88_213,
        title: "mid vs consensus",
        unit: "bps",
        card: card.map(|(label, words)| (label, words.to_string())).to_vec(),
        values: vec![value],
        sources,
        more: 0,
        notes: vec![],
        rules: vec![rule(Severity::Warning, 8.0, 5.0), rule(Severity::Critical, 15.0, 9.0)],
        keys: vec![
            "rules: [[rule]] id = \"div.mid\"".into(),
            "venues/ID.toml: channels.book.expected_gap_ms (when a book is stale)".into(),
        ],
    }
}

fn frame(seq: u64, text: &str, events: &[&str]) -> FrameView {
    FrameView {
        seq,
        at: AT.plus(-21_000_000),
        conn: "bybit/linear-1".into(),
        bytes: text.len(),
        text: text.into(),
        hash: "9c41d0a7f2b35e18".into(),
        events: events.iter().map(ToString::to_string).collect(),
    }
}

fn terms(venue: &str, regime: &str, n: f64) -> Terms {
    Terms {
        venue: venue.into(),
        regime: regime.into(),
        symbol: "SOLUSDT".into(),
        settle: if n > 2.0 { "USD".into() } else { "USDT".into() },
        fee_bps: Some(5.5 - n / 2.0),
        funding_h: Some(if n > 2.0 { 4.0 } else { 8.0 }),
        leverage: [Some(100.0 - 20.0 * n), Some(75.0), Some(50.0), Some(20.0), None],
        maintenance: [Some(0.005), Some(0.0065 + n / 1e3), Some(0.01), Some(0.025), None],
    }
}

fn evidence(snapshot: &Snapshot, about: About) -> Evidence {
    let focus = snapshot.focus.clone();
    let short = focus.as_ref().map(|f| f.series.clone()).unwrap_or_default();
    Evidence {
        alert: String::new(),
        at: AT,
        seq: 88_213,
        explained: explained(about),
        focus,
        long: (0..300).map(|t| (!(80..110).contains(&t)).then_some(-3.0 - f64::from(t) / 20.0)).collect(),
        short,
        terms: [("bybit", "AE-DU"), ("binance-usdm", "SC"), ("okx", "SC"), ("kraken-futures", "EU")]
            .iter()
            .enumerate()
            .map(|(n, (venue, regime))| terms(venue, regime, n as f64))
            .collect(),
        frames: vec![
            frame(
                88_213,
                "{\"topic\":\"orderbook.200.SOLUSDT\",\"type\":\"delta\",\"data\":{\"b\":[[\"187.06\",\"9\"]]}}",
                &["SOLUSDT book change  bids 1 187.06 x 9  asks 0  venue seq 4471"],
            ),
            frame(88_207, "{\"op\":\"pong\"} \u{1b}]0;owned\u{7}\u{1b}[31mred", &[]),
        ],
    }
}

/// A picture that answers what the overlays ask for.
pub(crate) fn with_why(mut snapshot: Snapshot) -> Snapshot {
    let about = About::cell("mid_gap_bps", "SOL", "bybit");
    snapshot.explained = Some(explained(about.clone()));
    let now = evidence(&snapshot, about);
    let mut kept = now.clone();
    (kept.alert, kept.at, kept.seq) = ("A-0193QX".into(), AT.plus(-38 * SECOND), 87_833);
    kept.explained.values[0].value = Some(-15.2);
    kept.frames.clear();
    snapshot.evidence = Some(now);
    snapshot.kept = Some(Arc::new(kept));
    let line = |back: i64, level, actor, who: &str, text: &str| LogLine {
        at: AT.plus(-back * SECOND),
        seq: (actor != Actor::Program).then_some(88_213 - back.unsigned_abs()),
        level,
        actor,
        who: who.into(),
        text: text.into(),
    };
    snapshot.log = vec![
        line(9, Severity::Warning, Actor::Feed, "hyperliquid/public-1", "closed: 1006; next try in 4.0 s"),
        line(
            38,
            Severity::Critical,
            Actor::Rule,
            "div.mid",
            "A-0193QX raised SOL on bybit 18.4 bps below consensus",
        ),
        line(
            61,
            Severity::Info,
            Actor::Person,
            "jm@desk1",
            "takes A-0188ZZ: bybit index outage, see status page",
        ),
        line(
            300,
            Severity::Critical,
            Actor::Program,
            "tee",
            "the recording ends: the queue to the recorder is full",
        ),
        line(301, Severity::Info, Actor::Feed, "bybit/linear-1", "open again, time 2"),
    ];
    snapshot.feed = Some(FeedDetail {
        venue: "bybit".into(),
        latency: vec![(4.0, 12), (8.0, 410), (14.0, 1_877), (31.0, 820), (74.0, 96), (410.0, 3)],
        tail_ms: Some((210.4, 410.0)),
        lag_ms: Some(0.4),
        conns: vec![("bybit/linear-1".into(), true, Some(21)), ("bybit/rest".into(), false, Some(4_100))],
        log: snapshot.log.iter().filter(|l| l.actor == Actor::Feed).cloned().collect(),
        frame: Some(frame(88_213, "{\"topic\":\"orderbook.200.SOLUSDT\"}\u{1b}[2J", &[])),
    });
    snapshot.recordings = Arc::new(recordings());
    snapshot.lines = crate::timeline::with_lines().lines;
    snapshot
}

fn recordings() -> Recordings {
    let facts = |hours: i64, ending: &str, is_whole| RecordingFacts {
        span: Some((AT.plus(-hours * 3_600 * SECOND), AT)),
        seqs: Some((1, 1_204_551)),
        mode: "live".into(),
        host: "desk1".into(),
        session: "5f0c11aa02b3c4d5".into(),
        version: "0.1.0".into(),
        venues: vec!["binance-usdm".into(), "bybit".into(), "okx".into()],
        entries: 1_204_551,
        alerts: 41,
        acts: 6,
        missing: 0,
        chunks: 812,
        inflated: 4_100_000_000,
        ending: ending.into(),
        is_whole,
        damage: if is_whole { vec![] } else { vec!["cut off at byte 1882: no footer".into()] },
    };
    let row = |file: &str, bytes, facts| RecordingRow {
        file: file.into(),
        folder: "/home/jm/.local/share/faultline/recordings".into(),
        bytes,
        facts,
        ..RecordingRow::default()
    };
    Recordings {
        folder: "/home/jm/.local/share/faultline/recordings".into(),
        rows: vec![
            RecordingRow {
                is_open: true,
                ..row("20240808T220015Z-1a2b-0001.mcap", 214_000_000, Some(facts(1, "cut off", false)))
            },
            row("20240807T060000Z-77aa-0001.mcap", 5_300_000_000, Some(facts(24, "whole", true))),
            row("20240806T060000Z-0c0d-0001.mcap", 1_882, Some(facts(2, "cut off", false))),
            RecordingRow { error: "no recording: wrong magic".into(), ..row("notes.mcap", 77, None) },
            row("20240801T060000Z-0c0d-0001.mcap", 900_000_000, None),
        ],
        is_reading: true,
        more: 0,
        error: String::new(),
    }
}

fn pair(name: &str, snapshot: &Snapshot, ui: &Ui) {
    let buf = draw(snapshot, ui, &named("faultline-dark", Depth::True));
    golden(&format!("{name}-{}x{}", ui.size.0, ui.size.1), &format!("{}{}", text(&buf), styles(&buf)));
}

#[test]
fn every_overlay_at_three_sizes() {
    let snapshot = with_why(crate::market::with_markets(fixture::divergence()));
    for size in SIZES {
        for (name, keys) in [
            ("explain", "i"),
            ("evidence-books", "Enter"),
            ("evidence-exact", "Enter o"),
            ("evidence-series", "Enter 2"),
            ("evidence-hour", "Enter 2 L L"),
            ("evidence-rules", "Enter 3"),
            ("evidence-frames", "Enter 4"),
            ("evidence-bytes", "Enter 4 o"),
            ("evidence-lineage", "Enter 5"),
            ("evidence-alert", "4 gg Enter"),
            ("evidence-alert-now", "4 gg Enter C"),
            ("evidence-alert-now-lines", "4 gg Enter 4 C"),
        ] {
            let mut ui = ui("map", size);
            press(&mut ui, &snapshot, keys);
            pair(name, &snapshot, &ui);
        }
        let mut feed = ui("feeds", size);
        feed.feed = ("bybit".into(), "book".into());
        press(&mut feed, &snapshot, "Enter");
        pair("feed", &snapshot, &feed);
        for screen in ["recordings", "log", "map"] {
            pair(&format!("why-{screen}"), &snapshot, &ui(screen, size));
        }
    }
}

/// Fault: a screen of the registry that nobody has ever looked at.
#[test]
fn every_screen_has_its_pictures() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/screens/golden");
    let names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    for screen in SCREENS {
        for (columns, rows) in SIZES {
            let end = format!("{}-{columns}x{rows}.txt", screen.id());
            // Named after the screen, or after a state of it.
            let own = format!("{}-", screen.id());
            let is_one = |n: &String| {
                n.ends_with(&end) || (n.starts_with(&own) && n.ends_with(&format!("-{columns}x{rows}.txt")))
            };
            assert!(names.iter().any(is_one), "no picture of {} at {columns}x{rows}", screen.id());
        }
    }
}

/// Fault: bytes of a venue that speak to the terminal; a hostile name in a recording or a log.
#[test]
fn foreign_bytes_are_harmless_everywhere() {
    let mut snapshot = with_why(fixture::divergence());
    let mut recordings = recordings();
    recordings.rows[0].file = "\u{1b}]0;owned\u{7}x.mcap".into();
    snapshot.recordings = Arc::new(recordings);
    snapshot.log[0].text = "\u{1b}[2Jgone".into();
    let theme = named("mono", Depth::Mono);
    for (screen, keys) in [("map", "Enter 4 o"), ("recordings", "g"), ("log", "g"), ("feeds", "Enter")] {
        let mut ui = ui(screen, (120, 40));
        ui.feed = ("bybit".into(), "book".into());
        press(&mut ui, &snapshot, keys);
        let shown = text(&draw(&snapshot, &ui, &theme));
        assert!(!shown.contains('\u{1b}') && !shown.contains("owned"), "{shown}");
    }
    let words = screen::by_id("log").unwrap().plain(&snapshot);
    assert!(words.contains("gone") && !words.contains('\u{1b}'));
    assert!(!screen::by_id("recordings").unwrap().json(&snapshot).unwrap().contains("owned"));
}

/// Fault: evidence of an alert that is drawn as if it were of now, or the other way round.
#[test]
fn kept_evidence_says_when_it_is_of() {
    let snapshot = with_why(fixture::divergence());
    let theme = named("mono", Depth::Mono);
    let shown = |keys: &str| {
        let mut ui = ui("map", (120, 40));
        press(&mut ui, &snapshot, keys);
        text(&draw(&snapshot, &ui, &theme))
    };
    let kept = shown("4 gg Enter");
    assert!(
        kept.contains("KEPT AT THE RAISE 23:53:37.030Z") && kept.contains("-15.2 bps  now -18.4 bps"),
        "{kept}"
    );
    assert!(shown("Enter").contains("follows the market"));
    assert!(shown("Enter f").contains("frozen with the picture"));
    let both = shown("4 gg Enter C");
    assert!(both.contains("when it was raised") && both.contains(" now "), "{both}");
    assert!(shown("Enter C").contains("open an alert's to compare"));
    assert!(shown("Enter 9").contains("Esc leaves the evidence"));
    assert!(shown("Enter Esc 9").contains("recording"));
}

/// Fault: a copied block that does not say of what, when and from which frames it is.
#[test]
fn a_block_stands_by_itself() {
    let snapshot = with_why(fixture::divergence());
    let theme = named("mono", Depth::Mono);
    let block = |keys: &str| {
        let mut ui = ui("map", (120, 40));
        press(&mut ui, &snapshot, keys);
        let status = status(&snapshot);
        View { shown: &snapshot, live: &snapshot, status: &status, ui: &ui, theme: &theme }.block()
    };
    let text = block("Enter").unwrap();
    for part in
        ["mid_gap_bps  SOL  bybit", "2024-08-08T23:54:15.030", "seq 88213", "-18.4213", "9c41d0a7f2b35e18"]
    {
        assert!(text.contains(part), "no {part} in\n{text}");
    }
    assert!(!text.contains('\u{1b}'));
    golden("evidence-block", &text);
    assert!(block("4 gg Enter").unwrap().starts_with("faultline evidence, as kept when A-0193QX was raised"));
    assert!(block("i").unwrap().contains("left out") || block("i").unwrap().contains("Left out"));
    assert_eq!(block("4"), None);
}

/// Fault: `i` that answers for another figure than the one under the cursor.
#[test]
fn explain_is_about_what_is_under_the_cursor() {
    let snapshot = crate::forms::with_forms(crate::market::with_markets(fixture::divergence()));
    let asked = |screen, keys: &str| {
        let mut ui = ui(screen, (120, 40));
        ui.feed = ("bybit".into(), "book".into());
        press(&mut ui, &snapshot, keys);
        ui.wanted(&snapshot).explain.map(|a| a.label()).unwrap_or_default()
    };
    assert_eq!(asked("map", "i"), "mid_gap_bps  SOL  bybit");
    assert_eq!(asked("map", "m i"), "depth_usd_10  SOL  bybit");
    assert_eq!(asked("map", "j i"), "mid_gap_bps  SOL  hyperliquid");
    assert_eq!(asked("map", "i l l"), "spread_bps  SOL  bybit");
    assert_eq!(asked("map", "i i"), "", "the same key closes it");
    assert_eq!(asked("leverage", "gg i"), "oi_usd  BTC");
    assert_eq!(asked("alerts", "gg j i"), "mid_gap_bps  BTC  bybit");
    assert_eq!(asked("feeds", "i"), "feed_age_ratio  bybit");
    assert_eq!(asked("whatif", "i"), "critical_shock_pct  SOL");
    assert_eq!(asked("log", "i"), "");
    assert_eq!(asked("map", "Enter i"), "mid_gap_bps  SOL  bybit");
}

/// Fault: pages of all screens that are filled ten times a second for one that shows none of them.
#[test]
fn a_screen_asks_for_its_own_pages_only() {
    let snapshot = fixture::divergence();
    let pages = |screen, size| ui(screen, size).wanted(&snapshot).pages;
    let none = faultline::snapshot::Pages::default();
    assert_eq!(pages("map", (120, 40)), none);
    assert_eq!(pages("alerts", (200, 60)), none);
    assert!(pages("leverage", (80, 24)).markets && pages("liquidity", (80, 24)).markets);
    assert!(pages("positions", (80, 24)).portfolio && !pages("positions", (80, 24)).markets);
    assert!(pages("recordings", (80, 24)).recordings && pages("log", (80, 24)).log);
    let centre = pages("map", (200, 60));
    assert!(centre.market && centre.log && !centre.markets && !centre.portfolio);
}

/// Fault: a cursor that stays on a row number while new lines push it down; a filter that hides warnings.
#[test]
fn the_log_keeps_its_line_and_shows_what_is_asked() {
    let mut snapshot = with_why(fixture::divergence());
    let mut ui = ui("log", (120, 40));
    let theme = named("mono", Depth::Mono);
    press(&mut ui, &snapshot, "j j");
    let newest = LogLine { seq: Some(99_000), at: AT, ..snapshot.log[0].clone() };
    snapshot.log.insert(0, newest);
    let shown = text(&draw(&snapshot, &ui, &theme));
    assert!(shown.lines().any(|l| l.starts_with('>') && l.contains("jm@desk1")), "{shown}");
    press(&mut ui, &snapshot, "S");
    let shown = text(&draw(&snapshot, &ui, &theme));
    assert!(shown.contains("4 of 6 lines") && !shown.contains("jm@desk1"), "{shown}");
    press(&mut ui, &snapshot, "S");
    let shown = text(&draw(&snapshot, &ui, &theme));
    assert!(
        shown.contains("1 of 6 lines, newest first  people") && shown.contains("takes A-0188ZZ"),
        "{shown}"
    );
}

/// Fault: a table that is cut off where a screen is small: figures behind the edge are figures nobody sees.
#[test]
fn no_figure_is_cut_off_on_a_small_screen() {
    let snapshot = with_why(fixture::divergence());
    let theme = named("mono", Depth::Mono);
    for keys in ["i", "Enter", "Enter o", "Enter 2", "Enter 3", "Enter 5"] {
        let mut ui = ui("map", (80, 24));
        press(&mut ui, &snapshot, keys);
        let shown = text(&draw(&snapshot, &ui, &theme));
        let cut: Vec<&str> =
            shown.lines().skip(3).filter(|l| l.trim_end_matches(['|', ' ']).ends_with('>')).collect();
        assert!(cut.is_empty(), "{keys}: {cut:?}");
    }
}

/// Fault: venues below the edge of a small screen while tiles could show them; an alert hidden by a half.
#[test]
fn tiles_take_two_venues_to_a_line_where_lines_are_few() {
    let mut snapshot = fixture::divergence();
    let (venues, cells) = (snapshot.venues.clone(), snapshot.grids[0].cells.clone());
    for copy in 0..2 {
        for venue in &venues {
            let mut venue = venue.clone();
            (venue.id, venue.short) = (format!("{}-{copy}", venue.id), format!("{copy}{}", venue.short));
            snapshot.venues.push(venue);
        }
        snapshot.grids[0].cells.extend(cells.iter().copied());
    }
    snapshot.venues.truncate(20);
    snapshot.grids[0].cells.truncate(20 * 8);
    snapshot.grids.truncate(1);
    snapshot.summary.clear();
    let mut ui = ui("map", (80, 24));
    press(&mut ui, &snapshot, "D");
    let buf = draw(&snapshot, &ui, &named("faultline-dark", Depth::True));
    let shown = text(&buf);
    for venue in &snapshot.venues {
        let head: String = venue.short.chars().take(5).collect();
        assert!(shown.contains(&head), "{} is not in\n{shown}", venue.short);
    }
    assert!(shown.contains('▀') && shown.contains("!▀") && shown.contains("^^"), "{shown}");
    golden("tiles-20-venues-80x24", &format!("{shown}{}", styles(&buf)));
    // Without colours a half says nothing: one venue to a line, as before.
    assert!(!text(&draw(&snapshot, &ui, &named("mono", Depth::Mono))).contains('▀'));
}
