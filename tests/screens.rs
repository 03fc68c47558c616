//! What an officer sees: handmade pictures, keys, and the screens they lead to.
//!
//! Golden files under `tests/screens/golden` hold the text of a screen and, below it, its styles: runs of
//! `letter count` per row, equal rows counted, and a key of letters. `UPDATE=1 cargo test --test screens` writes them anew;
//! read the difference before you commit it.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a broken helper is a failed test")]

#[path = "screens/bindings.rs"]
mod bindings;
#[path = "screens/fixture.rs"]
mod fixture;
#[path = "screens/forms.rs"]
mod forms;
#[path = "screens/keys.rs"]
mod keys;
#[path = "screens/life.rs"]
mod life;
#[path = "screens/live.rs"]
mod live;
#[path = "screens/market.rs"]
mod market;
#[path = "screens/own.rs"]
mod own;
#[path = "screens/picker.rs"]
mod picker;
#[path = "screens/real.rs"]
mod real;
#[path = "screens/rulebook.rs"]
mod rulebook;
#[path = "screens/safety.rs"]
mod safety;
#[path = "screens/timeline.rs"]
mod timeline;
#[path = "screens/whatif.rs"]
mod whatif;
#[path = "screens/why.rs"]
mod why;
#[path = "screens/words.rs"]
mod words;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use faultline::config::theme;
use faultline::model::alert::Severity;
use faultline::model::time::SECOND;
use faultline::snapshot::{Mode, Snapshot};
use faultline::view::{AlertMark, Depth, Recording, Status, Theme, Transport, Ui, View, plain};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Color;

use keys::press;

const SIZES: [(u16, u16); 3] = [(80, 24), (120, 40), (200, 60)];

fn named(name: &str, depth: Depth) -> Theme {
    let themes = theme::builtin().unwrap();
    Theme::new(themes.iter().find(|t| t.name == name).unwrap(), depth)
}

fn status(snapshot: &Snapshot) -> Status {
    let recording = Recording::On { file: "s-1121.mcap".into(), elapsed_ms: 2_472_000, bytes: 214_000_000 };
    let at = snapshot.at;
    let transport = (snapshot.mode == Mode::Replay).then(|| Transport {
        file: "s-1121.mcap".into(),
        start: at.plus(-1_800 * SECOND),
        end: at.plus(1_800 * SECOND),
        at,
        speed: 1.0,
        is_paused: true,
        alert_marks: vec![
            AlertMark { at: at.plus(-900 * SECOND), severity: Severity::Warning },
            AlertMark { at: at.plus(900 * SECOND), severity: Severity::Critical },
        ],
    });
    Status { recording, fps: 8, transport, ..Status::default() }
}

fn ui(screen: &'static str, (columns, rows): (u16, u16)) -> Ui {
    let mut ui = Ui { screen, size: (columns, rows), ..Ui::default() };
    (ui.venue, ui.underlying) = ("bybit".into(), "SOL".into());
    ui
}

fn draw(snapshot: &Snapshot, ui: &Ui, theme: &Theme) -> Buffer {
    let status = status(snapshot);
    let mut buf = Buffer::empty(Rect::new(0, 0, ui.size.0, ui.size.1));
    View { shown: snapshot, live: snapshot, status: &status, ui, theme }.draw(&mut buf);
    buf
}

/// The text layer, one line per row.
fn text(buf: &Buffer) -> String {
    let mut out = String::new();
    for y in 0..buf.area.height {
        let mut row = String::new();
        let mut x = 0;
        while x < buf.area.width {
            let symbol = buf[(x, y)].symbol();
            row.push_str(symbol);
            x += u16::try_from(unicode_width::UnicodeWidthStr::width(symbol)).unwrap().max(1);
        }
        out.push_str(row.trim_end());
        out.push('\n');
    }
    out
}

/// The style layer: runs per row and a key.
fn styles(buf: &Buffer) -> String {
    let mut letters: BTreeMap<String, char> = BTreeMap::new();
    let mut out = String::new();
    let mut last: (String, usize) = Default::default();
    for y in 0..buf.area.height {
        let mut runs: Vec<(char, usize)> = Vec::new();
        for x in 0..buf.area.width {
            let cell = &buf[(x, y)];
            let name = format!("{} on {} {:?}", colour(cell.fg), colour(cell.bg), cell.modifier);
            let next =
                (b'a'..=b'z').chain(b'A'..=b'Z').chain(b'!'..=b'/').nth(letters.len()).unwrap() as char;
            let letter = *letters.entry(name).or_insert(next);
            match runs.last_mut() {
                Some((last, count)) if *last == letter => *count += 1,
                _ => runs.push((letter, 1)),
            }
        }
        let row: Vec<String> = runs.iter().map(|(letter, count)| format!("{letter}{count}")).collect();
        let row = row.join(" ");
        if row != last.0 && last.1 > 0 {
            writeln!(out, "{}x {}", last.1, last.0).unwrap();
            last.1 = 0;
        }
        last = (row, last.1 + 1);
    }
    writeln!(out, "{}x {}", last.1, last.0).unwrap();
    let mut key: Vec<(&char, &String)> = letters.iter().map(|(name, letter)| (letter, name)).collect();
    key.sort();
    for (letter, name) in key {
        writeln!(out, "{letter} = {name}").unwrap();
    }
    out
}

fn colour(color: Color) -> String {
    match color {
        Color::Rgb(r, g, b) => format!("#{r:02x}{g:02x}{b:02x}"),
        other => format!("{other:?}"),
    }
}

fn golden(name: &str, found: &str) {
    let path =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/screens/golden").join(format!("{name}.txt"));
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, found).unwrap();
        return;
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    if expected == found {
        return;
    }
    let line = expected.lines().zip(found.lines()).position(|(a, b)| a != b).unwrap_or(0);
    let at = |t: &str| t.lines().nth(line).unwrap_or("(no line)").to_string();
    panic!(
        "{name}, line {}:\n  was {}\n  is  {}\nUPDATE=1 writes it anew",
        line + 1,
        at(&expected),
        at(found)
    );
}

#[test]
fn every_screen_of_every_picture_at_three_sizes() {
    let theme = named("faultline-dark", Depth::True);
    for (name, snapshot) in fixture::all() {
        for size in SIZES {
            for screen in ["map", "alerts", "feeds"] {
                let mut ui = ui(screen, size);
                ui.underlying = snapshot.focus.as_ref().unwrap().underlying.clone();
                ui.venue = snapshot.focus.as_ref().unwrap().venue.clone();
                let buf = draw(&snapshot, &ui, &theme);
                golden(
                    &format!("{name}-{screen}-{}x{}", size.0, size.1),
                    &format!("{}{}", text(&buf), styles(&buf)),
                );
            }
        }
    }
}

#[test]
fn the_map_at_every_depth_and_the_other_faces() {
    for (name, snapshot) in [("divergence", fixture::divergence()), ("broken", fixture::broken())] {
        for depth in [Depth::True, Depth::Ansi256, Depth::Ansi16, Depth::Mono] {
            let buf = draw(&snapshot, &ui("map", (80, 24)), &named("faultline-dark", depth));
            golden(&format!("depth-{name}-{}", depth.word()), &format!("{}{}", text(&buf), styles(&buf)));
        }
        golden(
            &format!("plain-{name}"),
            &[plain::map_plain(&snapshot), plain::alerts(&snapshot), plain::feeds(&snapshot)].concat(),
        );
    }
    let mut replay = fixture::divergence();
    replay.mode = Mode::Replay;
    for size in SIZES {
        let buf = draw(&replay, &ui("map", size), &named("faultline-light", Depth::True));
        golden(&format!("replay-map-{}x{}", size.0, size.1), &format!("{}{}", text(&buf), styles(&buf)));
    }
    let mut help = ui("map", (80, 24));
    press(&mut help, &replay, "?");
    let mut prompt = ui("alerts", (80, 24));
    press(&mut prompt, &fixture::divergence(), "a bybit Space index Space outage");
    let buf = draw(&fixture::divergence(), &prompt, &named("faultline-dark", Depth::True));
    golden("prompt-80x24", &format!("{}{}", text(&buf), styles(&buf)));
    golden("help-80x24", &text(&draw(&replay, &help, &named("mono", Depth::Mono))));
}
