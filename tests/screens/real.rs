//! The screens over a shipped recording: what the engine answers is what the overlays show.

use std::path::Path;

use faultline::app::player::Tape;
use faultline::model::time::SECOND;
use faultline::snapshot::{About, Ask, Pages, Snapshot};
use faultline::tape::Check;
use faultline::view::{Depth, Ui};

use crate::keys::press;
use crate::{draw, named, text, ui};

/// The recording a while after its first alert, with what `ask` wants.
fn at_the_breach(ask: &Ask) -> Snapshot {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("recordings/divergence.mcap");
    let mut tape = Tape::open(&path, &[], Check::Chunks).unwrap();
    let mut raised = None;
    loop {
        tape.pipeline.look(ask);
        let step = tape.step(&mut |event, _| {
            if event.event == "raised" && raised.is_none() {
                raised = Some(event.at);
            }
        });
        let step = step.unwrap().unwrap();
        if raised.is_some_and(|at| step.is_tick && step.ts.since(at) > 5 * SECOND) {
            return tape.snapshot(ask);
        }
    }
}

/// Asks as the screen would, twice: the first picture tells what there is to ask about.
fn shown(screen: &'static str, size: (u16, u16), keys: &str) -> (Snapshot, Ui) {
    let first = at_the_breach(&Ask { pages: Pages::ALL, ..Ask::default() });
    let mut ui = ui(screen, size);
    ui.feed = ("bybit".into(), "book".into());
    press(&mut ui, &first, keys);
    let snapshot = at_the_breach(&ui.wanted(&first));
    (snapshot, ui)
}

fn picture(screen: &'static str, keys: &str) -> String {
    let (snapshot, ui) = shown(screen, (120, 40), keys);
    let shown = text(&draw(&snapshot, &ui, &named("mono", Depth::Mono)));
    assert!(!shown.contains("asking") || screen == "map", "{shown}");
    shown
}

/// Fault: an explanation that is of another figure, has no inputs, or does not know their places on the tape.
#[test]
fn a_figure_of_a_recording_is_explained() {
    let (snapshot, _) = shown("map", (120, 40), "i");
    let told = snapshot.explained.unwrap();
    assert_eq!(told.about, About::cell("mid_gap_bps", "SOL", "bybit"));
    let value = told.values[0].value.unwrap();
    assert!(value < -15.0, "the breach: {value}");
    let heads: Vec<_> = told.sources.iter().filter(|s| s.is_head).collect();
    assert!(heads.len() >= 3 && heads.iter().all(|s| s.seq.is_some_and(|seq| seq <= told.seq)), "{heads:?}");
    assert!(told.rules.iter().any(|r| r.rule == "div.mid" && r.hold_ms > 0));
    assert!(told.keys.iter().any(|k| k.contains("div.mid")));
}

/// Fault: evidence of an alert that moves on with the market, or that was never kept.
#[test]
fn the_evidence_of_an_alert_is_that_of_its_raise() {
    let (snapshot, ui) = shown("alerts", (120, 40), "gg Enter");
    let kept = snapshot.kept.as_ref().unwrap();
    let alert = snapshot.alerts.iter().find(|a| a.id == ui.proof.alert).unwrap();
    assert_eq!((kept.at, &kept.alert), (alert.raised_at, &alert.id));
    assert_eq!(kept.seq, alert.evidence.seq_to);
    assert!(kept.focus.as_ref().unwrap().books.len() >= 3 && !kept.terms.is_empty());
    let now = snapshot.evidence.as_ref().unwrap();
    assert!(now.at > kept.at);
    let shown = text(&draw(&snapshot, &ui, &named("mono", Depth::Mono)));
    assert!(shown.contains("KEPT AT THE RAISE"), "{shown}");
}

/// Fault: frames of other venues, frames without their meaning, bytes that were changed on the way.
#[test]
fn raw_frames_are_of_the_venue_and_say_what_they_meant() {
    let (snapshot, _) = shown("map", (120, 40), "Enter 4");
    let frames = &snapshot.evidence.as_ref().unwrap().frames;
    assert!(frames.len() > 3, "{}", frames.len());
    for frame in frames {
        assert!(frame.conn.starts_with("bybit/") && frame.seq <= snapshot.seq, "{frame:?}");
        assert!(frame.events.iter().any(|e| e.starts_with("SOL")), "{frame:?}");
        if frame.bytes == frame.text.len() {
            assert!(blake3::hash(frame.text.as_bytes()).to_hex().as_str().starts_with(&frame.hash));
        }
    }
}

/// Fault: an overlay that panics, is empty or asks for ever over real data.
#[test]
fn every_overlay_shows_a_recording() {
    for (screen, keys, word) in [
        ("map", "Enter", "SOLUSDT"),
        ("map", "Enter 2", "in breach"),
        ("map", "Enter 3", "highest leverage"),
        ("map", "Enter 4 o", "orderbook"),
        ("map", "Enter 5", "formula"),
        ("feeds", "Enter", "connections"),
        ("leverage", "i", "Explain  oi_usd"),
        ("liquidity", "i", "Explain"),
        ("alerts", "gg Enter C", "when it was raised"),
        ("log", "g", "raised SOL on bybit"),
    ] {
        let shown = picture(screen, keys);
        assert!(shown.contains(word), "{screen} {keys}: no {word} in\n{shown}");
    }
}
