//! Drawing a frame at 200×60, beside ratatui's own floor for the same area.
#![expect(clippy::expect_used, reason = "a measuring program")]

use divan::Bencher;
use faultline::config::theme;
use faultline::model::Nanos;
use faultline::snapshot::{Cell, CellState, FeedRow, FeedState, Grid, Mode, Quality, Snapshot, VenueRow};
use faultline::view::{Depth, Status, Theme, Ui, View};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::{Paragraph, Widget};

const AREA: Rect = Rect { x: 0, y: 0, width: 200, height: 60 };

fn main() {
    divan::main();
}

/// Twelve venues, forty underlyings, values that differ with `shift`.
fn snapshot(shift: usize) -> Snapshot {
    let venues: Vec<VenueRow> = (0..12)
        .map(|v| VenueRow {
            id: format!("venue-{v}"),
            short: format!("v{v}"),
            regime: "--".into(),
            state: FeedState::Ok,
        })
        .collect();
    let underlyings: Vec<String> = (0..40).map(|u| format!("U{u:02}")).collect();
    let cells = (0..480)
        .map(|at| Cell {
            state: CellState::Value,
            value: Some(((at * 7 + shift * 13) % 500) as f64 / 10.0 - 25.0),
            quality: Quality::Ok,
            alert: None,
            age_ms: 40,
        })
        .collect();
    let feeds = venues
        .iter()
        .flat_map(|v| {
            ["book", "trade", "quote", "ticker"].map(|channel| FeedRow {
                venue: v.id.clone(),
                channel,
                state: FeedState::Ok,
                rate: 100.0 + shift as f64,
                p50_ms: Some(11.0),
                p99_ms: Some(48.0),
                age_ms: Some(40),
                ..FeedRow::default()
            })
        })
        .collect();
    let grid = Grid {
        metric: "mid_gap_bps",
        title: "mid vs consensus",
        unit: "bps",
        is_signed: true,
        cap: 25.0,
        part: "",
        cells,
    };
    Snapshot {
        at: Nanos(1_790_000_000_000_000_000 + shift as i64 * 100_000_000),
        mode: Mode::Live,
        venues,
        underlyings,
        grids: vec![grid],
        feeds,
        ..Snapshot::default()
    }
}

fn draw(snapshot: &Snapshot, buffer: &mut Buffer, theme: &Theme) {
    let (status, ui) = (Status::default(), Ui::default());
    View { shown: snapshot, live: snapshot, status: &status, ui: &ui, theme }.draw(buffer);
}

/// Layout and cells of the map with every value new, into a buffer.
#[divan::bench(sample_count = 200, sample_size = 1)]
fn map_into_buffer(bencher: Bencher<'_, '_>) {
    let themes = theme::builtin().expect("built-in themes");
    let theme = Theme::new(themes.first().expect("a theme"), Depth::True);
    let snapshots = [snapshot(0), snapshot(1)];
    let mut buffer = Buffer::empty(AREA);
    let mut n = 0;
    bencher.bench_local(|| {
        n += 1;
        buffer.reset();
        draw(&snapshots[n % 2], &mut buffer, &theme);
    });
}

/// The same and the difference to the frame before, which is what the terminal gets.
#[divan::bench(sample_count = 200, sample_size = 1)]
fn map_and_difference(bencher: Bencher<'_, '_>) {
    let themes = theme::builtin().expect("built-in themes");
    let theme = Theme::new(themes.first().expect("a theme"), Depth::True);
    let snapshots = [snapshot(0), snapshot(1)];
    let mut buffers = [Buffer::empty(AREA), Buffer::empty(AREA)];
    let mut n = 0;
    bencher.bench_local(|| {
        n += 1;
        let [one, two] = &mut buffers;
        let (before, now) = if n % 2 == 0 { (one, two) } else { (two, one) };
        now.reset();
        draw(&snapshots[n % 2], now, &theme);
        before.diff(now).len()
    });
}

/// The floor: ratatui's paragraph over the same area, and the difference.
#[divan::bench(sample_count = 200, sample_size = 1)]
fn bare_widget_and_difference(bencher: Bencher<'_, '_>) {
    let text = |shift: usize| -> String {
        (0..60).map(|row| format!("{}\n", "0123456789".repeat(20).split_at((row + shift) % 10).1)).collect()
    };
    let texts = [text(0), text(1)];
    let mut buffers = [Buffer::empty(AREA), Buffer::empty(AREA)];
    let mut n = 0;
    bencher.bench_local(|| {
        n += 1;
        let [one, two] = &mut buffers;
        let (before, now) = if n % 2 == 0 { (one, two) } else { (two, one) };
        now.reset();
        Paragraph::new(texts[n % 2].as_str()).render(AREA, now);
        before.diff(now).len()
    });
}
