//! The timeline of pinned metrics.

use faultline::snapshot::{Line, Snapshot};
use faultline::view::state::PINS_MAX;
use faultline::view::{Depth, Ui};

use crate::keys::press;
use crate::{draw, fixture, golden, named, styles, text, ui};

/// An hour of one metric with a hole, ten minutes of another, one that never had a value; none for the fourth pin.
pub(crate) fn with_lines() -> Snapshot {
    let line = |metric, title, unit, of, underlying: &str, points| Line {
        metric,
        title,
        unit,
        of,
        is_own: metric == "gross_usd",
        underlying: underlying.into(),
        step_ms: 10_000,
        points,
    };
    let wave = |n: usize, size: f64| (0..n).map(move |t| size * (1.0 + (t as f64 / 30.0).sin() / 2.0));
    let hour = wave(360, 4.1e9).enumerate().map(|(t, v)| (!(100..160).contains(&t)).then_some(v)).collect();
    let young = wave(60, -18.4).map(Some).chain([None]).collect();
    let mut snapshot = fixture::divergence();
    snapshot.lines = vec![
        line("oi_usd", "open interest", "usd", "", "SOL", hour),
        line("mid_gap_bps", "mid vs consensus", "bps", "worst of ", "SOL", young),
        line("feed_age_ms", "age", "ms", "worst venue", "", vec![None; 30]),
        line("gross_usd", "own gross", "usd", "", "SOL", vec![Some(7.25e6); 30]),
    ];
    snapshot.unmapped = vec![("hhi_depth", "HHI depth"), ("gross_usd", "own gross")];
    snapshot
}

#[test]
fn the_timeline_stands_below_a_large_map() {
    let snapshot = with_lines();
    let theme = named("faultline-dark", Depth::True);
    for size in [(120, 40), (200, 60)] {
        let mut ui = ui("map", size);
        ui.pins = ["oi_usd", "mid_gap_bps", "feed_age_ms", "hhi_depth"].map(String::from).to_vec();
        let buf = draw(&snapshot, &ui, &theme);
        golden(&format!("timeline-{}x{}", size.0, size.1), &format!("{}{}", text(&buf), styles(&buf)));
        for depth in [Depth::Ansi256, Depth::Ansi16, Depth::Mono] {
            let buf = draw(&snapshot, &ui, &named("faultline-dark", depth));
            let name = format!("timeline-{}x{}-{}", size.0, size.1, depth.word());
            golden(&name, &format!("{}{}", text(&buf), styles(&buf)));
        }
    }
}

/// Fault: what is missing now reads as the last value there was, or as zero.
#[test]
fn a_line_without_a_value_now_says_so() {
    let snapshot = with_lines();
    let mut ui = ui("map", (120, 40));
    ui.pins = ["oi_usd", "mid_gap_bps", "feed_age_ms", "hhi_depth"].map(String::from).to_vec();
    let shown = text(&draw(&snapshot, &ui, &named("mono", Depth::Mono)));
    let row = |name: &str| shown.lines().find(|l| l.contains(name)).unwrap().to_string();
    assert!(row("worst of SOL").contains("-- bps"), "{shown}");
    assert!(row("age worst venue").contains("no value yet"), "{shown}");
    assert!(row("hhi_depth").contains("asking"), "{shown}");
}

/// Fault: own money on a screen that others may see.
#[test]
fn privacy_masks_own_lines() {
    let snapshot = with_lines();
    let mut ui = ui("map", (120, 40));
    press(&mut ui, &snapshot, "M gross Space Esc");
    let shown = |ui: &Ui| text(&draw(&snapshot, ui, &named("mono", Depth::Mono)));
    assert!(shown(&ui).contains("7.25M USD"), "{}", shown(&ui));
    press(&mut ui, &snapshot, "Ctrl-p");
    assert!(!shown(&ui).contains("7.25M") && shown(&ui).contains("masked"), "{}", shown(&ui));
}

#[test]
fn pins_come_and_go() {
    let snapshot = with_lines();
    let mut ui = ui("map", (120, 40));
    press(&mut ui, &snapshot, "P m P");
    assert_eq!(ui.pins, ["mid_gap_bps", "depth_usd_10"]);
    assert_eq!(ui.wanted(&snapshot).pins, ui.pins, "the session is asked for them");
    press(&mut ui, &snapshot, "P");
    assert_eq!(ui.pins, ["mid_gap_bps"]);
    assert_eq!(ui.notice.as_deref(), Some("depth_usd_10 left the timeline"));
    press(&mut ui, &snapshot, "M depth Space Esc");
    assert_eq!(ui.pins, ["mid_gap_bps", "depth_usd_10"]);
    press(&mut ui, &snapshot, "M hhi Enter");
    assert_eq!(ui.notice.as_deref(), Some("hhi_depth has no figure per venue: Space pins it"));
    press(&mut ui, &snapshot, "Space Esc");
    assert_eq!(ui.pins, ["mid_gap_bps", "depth_usd_10", "hhi_depth"]);
    ui.pins = vec!["x".into(); PINS_MAX];
    press(&mut ui, &snapshot, "P");
    assert_eq!(ui.pins.len(), PINS_MAX);
    assert_eq!(ui.notice.as_deref(), Some("the timeline holds 4: unpin one first"));
}
