//! The map of any metric, as booked and normalised.

use faultline::config::venues;
use faultline::engine::Engine;
use faultline::engine::metric::{METRICS, Over};
use faultline::snapshot::{Ask, Cell, CellState, Figure, Grid, Mode, Quality, Snapshot};
use faultline::view::Depth;

use crate::keys::press;
use crate::{SIZES, draw, fixture, golden, named, styles, text, ui};

/// A picture with funding, which three venues pay by the hour, and a metric whose cells nobody asked for.
pub(crate) fn with_forms(mut snapshot: Snapshot) -> Snapshot {
    let columns = snapshot.underlyings.len();
    let cells = |value: &dyn Fn(usize, usize) -> f64| -> Vec<Cell> {
        let cell = |at: usize| Cell {
            state: CellState::Value,
            value: (at % 11 != 5).then(|| value(at / columns, at % columns)),
            quality: if at % 7 == 3 { Quality::Degraded } else { Quality::Ok },
            alert: None,
            age_ms: 84,
        };
        (0..snapshot.venues.len() * columns).map(cell).collect()
    };
    let rate = |row: usize, column: usize| (column as f64 - 2.0) * 0.31 + row as f64 / 10.0;
    let hours = |row: usize| if row % 3 == 1 { 1.0 } else { 8.0 };
    let grid =
        |metric, title, unit, cap, cells| Grid { metric, title, unit, is_signed: true, cap, part: "", cells };
    let apr = cells(&|r, c| rate(r, c) / 1e4 * 1_095.0);
    let booked = cells(&|r, c| rate(r, c) * hours(r) / 8.0);
    snapshot.grids.push(grid("funding_apr", "funding a year", "apr", 1.5, apr));
    snapshot.grids.push(grid("spread_bps", "spread", "bps", 10.0, Vec::new()));
    snapshot.booked.push(grid("funding_apr", "funding as booked", "bps_per_interval", 10.0, booked));
    snapshot
}

/// The same with the steps between both forms of the cell under the cursor.
fn with_split() -> Snapshot {
    let mut snapshot = with_forms(fixture::divergence());
    let step = |label, value, unit, quality| Figure { metric: "funding_apr", label, value, unit, quality };
    if let Some(focus) = &mut snapshot.focus {
        focus.split = vec![
            step("as booked", Some(0.125), "bps_per_interval", Quality::Ok),
            step("interval", Some(1.0), "h", Quality::Ok),
            step("normalised", Some(1.0), "bps_per_8h", Quality::Ok),
            step("simple", None, "apr", Quality::Missing),
        ];
    }
    snapshot
}

#[test]
fn both_forms_at_three_sizes_and_every_depth() {
    let snapshot = with_split();
    for (name, keys) in [("normalised", "M fund Enter"), ("booked", "M fund Enter b")] {
        let shown = |size, depth| {
            let mut ui = ui("map", size);
            press(&mut ui, &snapshot, keys);
            let buf = draw(&snapshot, &ui, &named("faultline-dark", depth));
            format!("{}{}", text(&buf), styles(&buf))
        };
        for size in SIZES {
            golden(&format!("form-{name}-{}x{}", size.0, size.1), &shown(size, Depth::True));
        }
        for depth in [Depth::Ansi256, Depth::Ansi16, Depth::Mono] {
            golden(&format!("form-{name}-depth-{}", depth.word()), &shown((80, 24), depth));
        }
    }
    let mut ui = ui("map", (80, 24));
    press(&mut ui, &snapshot, "M");
    golden("metrics-80x24", &text(&draw(&snapshot, &ui, &named("faultline-dark", Depth::True))));
}

/// Fault: figures of two forms in one picture, or a picture that does not say which form it is.
#[test]
fn the_map_says_at_every_size_which_form_it_shows() {
    let snapshot = with_split();
    for size in SIZES {
        for (keys, word) in [("M fund Enter", "normalised"), ("M fund Enter b", "as booked")] {
            let mut ui = ui("map", size);
            press(&mut ui, &snapshot, keys);
            let shown = text(&draw(&snapshot, &ui, &named("mono", Depth::Mono)));
            assert!(shown.contains(&format!("{word}  cap")), "{keys} at {size:?}\n{shown}");
            for step in ["as booked", "0.125 bps", "interval", "1 h", "1.000 bps per 8 h"] {
                assert!(shown.contains(step), "{keys} at {size:?}: no {step}\n{shown}");
            }
        }
    }
}

/// Fault: a metric with a figure per venue and underlying that no one can put on the map.
#[test]
fn every_metric_with_a_fitting_scope_can_be_chosen() {
    let spec = "id = \"alfa\"\nbrand = \"a\"\nshort = \"alfa\"\nname = \"a\"\nregime = \"--\"\ndialect = \"none\"\n\
                [[endpoint]]\nname = \"x\"\nurl = \"wss://x\"\nchannels = [\"book\"]\n[rest]\nurl = \"https://x\"\n\
                [channel.book]\nexpected_gap_ms = 1000\n";
    let engine = Engine::new(vec![venues::read("alfa", spec).unwrap()], Vec::new());
    let snapshot = engine.snapshot(Mode::Live, &Ask::default());
    let fits = |over: &&[Over]| over.contains(&Over::Instrument) || over.contains(&Over::Cell);
    let mut count = 0;
    for card in METRICS.iter().map(|m| m.card()).filter(|c| fits(&c.scopes)) {
        let mut ui = ui("map", (80, 24));
        press(&mut ui, &snapshot, &format!(":map Space {} Enter", card.id));
        let grid = ui.grid(&snapshot).unwrap();
        assert_eq!((grid.metric, ui.wanted(&snapshot).metric.as_str()), (card.id, card.id));
        assert!(grid.cap.is_finite() && grid.cap > 0.0, "{} has no scale", card.id);
        count += 1;
    }
    assert_eq!((count, METRICS.len()), (snapshot.grids.len(), count + snapshot.unmapped.len()));
    assert!(count > 40, "{count}");
}
