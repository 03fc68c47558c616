//! The picker, and what the map leaves out.

use faultline::view::Depth;
use faultline::view::picker::Of;

use crate::keys::press;
use crate::{draw, fixture, golden, named, text, ui};

#[test]
fn venues_and_instruments_are_picked() {
    let snapshot = fixture::divergence();
    let mut ui = ui("map", (80, 24));
    press(&mut ui, &snapshot, "V bb");
    let theme = named("faultline-dark", Depth::True);
    golden("picker-80x24", &text(&draw(&snapshot, &ui, &theme)));
    press(&mut ui, &snapshot, "Enter");
    assert_eq!(ui.venue, "bybit", "Enter goes to the only venue with two b in order");
    press(&mut ui, &snapshot, "V okx Space Esc");
    let shown = text(&draw(&snapshot, &ui, &theme));
    assert!(!shown.contains(" okx ") && shown.contains("hidden 1 rows 0 columns"), "{shown}");
    press(&mut ui, &snapshot, "I sol Space Esc");
    let shown = text(&draw(&snapshot, &ui, &theme));
    assert!(shown.contains("hidden 1 rows 1 columns"));
    assert_ne!(ui.cell(&snapshot).map(|c| c.1), Some(2), "the cursor stands on what shows");
    press(&mut ui, &snapshot, "V okx Enter");
    assert!(ui.hidden_venues.is_empty() && ui.venue == "okx", "going there shows it");
    press(&mut ui, &snapshot, ": instruments Enter");
}

/// Fault: an empty map that looks like a calm one.
#[test]
fn the_last_row_stays() {
    let snapshot = fixture::calm();
    let mut ui = ui("map", (80, 24));
    for venue in &snapshot.venues {
        ui.toggle(Of::Venues, &venue.id, &snapshot);
    }
    assert_eq!(ui.rows(&snapshot).len(), 1);
    assert_eq!(ui.notice.as_deref(), Some("the last one stays"));
}

#[test]
fn rows_stand_by_regime() {
    let snapshot = fixture::calm();
    let mut ui = ui("map", (80, 24));
    press(&mut ui, &snapshot, "SSS");
    let regimes: Vec<&str> = ui.rows(&snapshot).iter().map(|r| snapshot.venues[*r].regime.as_str()).collect();
    assert_eq!(regimes, ["--", "AE", "EU", "EU", "SC", "SC", "US", "US"]);
}
