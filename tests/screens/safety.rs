//! What must hold for every picture: no colour without a live value, no foreign escape sequence, no
//! panic, no mode left unsaid.

use faultline::config::theme::{self, GlyphSet};
use faultline::model::alert::AlertState;
use faultline::snapshot::{CellState, Mode, Snapshot};
use faultline::view::{Depth, Recording, Theme, Ui, View, json, plain, screen};
use ratatui::backend::{Backend, CrosstermBackend};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Color;

use super::keys::press;
use super::market::with_markets;
use super::{SIZES, draw, fixture, named, status, text, ui};

fn has_hue(color: Color) -> bool {
    match color {
        Color::Rgb(r, g, b) => r != g || g != b,
        Color::Indexed(i) => !(232..=255).contains(&i) && i != 16 && i != 231,
        Color::Reset | Color::Black | Color::Gray | Color::DarkGray | Color::White => false,
        _ => true,
    }
}

#[test]
fn only_a_live_value_has_a_colour() {
    let snapshot = fixture::broken();
    for spec in theme::builtin().unwrap() {
        for depth in [Depth::True, Depth::Ansi256, Depth::Ansi16, Depth::Mono] {
            let theme = Theme::new(&spec, depth);
            for is_tile in [false, true] {
                for cell in snapshot.grids[0].cells.iter().filter(|c| c.state != CellState::Value) {
                    let (text, style) =
                        faultline::view::widget::heat::cell(&theme, &snapshot.grids[0], cell, is_tile);
                    let paper = style.bg.is_some();
                    let is_stale = matches!(cell.state, CellState::Stale | CellState::Resync);
                    let hue = is_stale && style.fg.is_some_and(has_hue);
                    assert!(!paper && !hue, "{} {depth:?} {:?} {text}", spec.name, cell.state);
                }
            }
        }
    }
}

/// Bytes that a terminal would get for a whole picture.
fn bytes(buf: &Buffer) -> Vec<u8> {
    let mut out = Vec::new();
    let mut backend = CrosstermBackend::new(&mut out);
    backend.draw(Buffer::empty(buf.area).diff(buf).into_iter()).unwrap();
    Backend::flush(&mut backend).unwrap();
    out
}

/// Parameters of every SGR sequence in a byte stream.
fn sgr(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    text.split("\u{1b}[")
        .skip(1)
        .filter_map(|s| s.split_once('m').map(|(p, _)| p.to_string()))
        .filter(|p| p.bytes().all(|b| b.is_ascii_digit() || b == b';'))
        .collect()
}

#[test]
fn mono_sends_attributes_and_no_colour() {
    for (name, snapshot) in fixture::all() {
        for spec in theme::builtin().unwrap() {
            let theme = Theme::new(&spec, Depth::Mono);
            for screen in ["map", "leverage", "liquidity", "alerts", "feeds"] {
                let sent = sgr(&bytes(&draw(&snapshot, &ui(screen, (120, 40)), &theme)));
                assert!(sent.iter().any(|p| p == "1"), "{name}: bold is kept");
                // 39, 49 and 59 give colours back at the end of a picture; nothing sets one.
                let sets = |p: &&String| {
                    !matches!(
                        p.as_str(),
                        "" | "0"
                            | "1"
                            | "2"
                            | "3"
                            | "4"
                            | "7"
                            | "22"
                            | "23"
                            | "24"
                            | "27"
                            | "39"
                            | "49"
                            | "59"
                    )
                };
                assert_eq!(sent.iter().find(sets), None, "{name} {screen} {}", spec.name);
            }
        }
    }
}

#[test]
fn names_from_venues_cannot_speak_to_the_terminal() {
    let snapshot = fixture::hostile();
    let theme = named("faultline-dark", Depth::True);
    for size in SIZES {
        for screen in ["map", "leverage", "liquidity", "alerts", "feeds", "books"] {
            let mut ui = ui(if screen == "books" { "map" } else { screen }, size);
            ui.underlying = snapshot.underlyings[2].clone();
            if screen == "books" {
                press(&mut ui, &snapshot, "Enter");
            }
            let buf = draw(&snapshot, &ui, &theme);
            let shown = text(&buf);
            assert!(shown.chars().all(|c| c == '\n' || !c.is_control()), "{screen}");
            for trace in ["owned", "[2J", "[31m", "]52", "999", "\u{202e}", "\u{200b}"] {
                assert!(!shown.contains(trace), "{screen} {size:?} shows {trace:?}");
            }
        }
    }
    let screens = screen::SCREENS.iter().map(|s| s.plain(&snapshot) + &s.json(&snapshot).unwrap());
    for out in [plain::map_plain(&snapshot), plain::alerts(&snapshot), plain::feeds(&snapshot)]
        .into_iter()
        .chain(screens)
    {
        assert!(out.chars().all(|c| c == '\n' || !c.is_control()), "{out:?}");
    }
    let out = json::alerts(&snapshot).unwrap() + &json::map(&snapshot, None).unwrap();
    assert!(out.chars().all(|c| c == '\n' || !c.is_control()), "{out:?}");
}

#[test]
fn no_size_panics_and_small_ones_still_tell_the_worst_alert() {
    let theme = named("faultline-dark", Depth::Ansi256);
    for (_, snapshot) in fixture::all().into_iter().chain([("empty", Snapshot::default())]) {
        for columns in (1..80).step_by(13).chain([79, 80, 81, 119, 120, 199, 200, 240]) {
            for rows in [1, 2, 3, 10, 23, 24, 25, 39, 40, 41, 59, 60, 90] {
                for screen in ["map", "leverage", "liquidity", "alerts", "feeds"] {
                    draw(&snapshot, &ui(screen, (columns, rows)), &theme);
                }
                let mut ui = ui("map", (columns, rows));
                press(&mut ui, &snapshot, "Enter D ?");
                draw(&snapshot, &ui, &theme);
            }
        }
    }
    let small = text(&draw(&fixture::divergence(), &ui("map", (70, 20)), &theme));
    assert!(
        small.contains("80x24 needed, this is 70x20") && small.contains("! CRIT A-0193QX div.mid"),
        "{small}"
    );
    assert!(small.contains("LIVE"));
}

#[test]
fn the_mode_word_is_never_absent() {
    let theme = named("faultline-dark", Depth::True);
    let mut snapshot = fixture::calm();
    for (mode, word) in
        [(Mode::Live, " LIVE "), (Mode::Replay, " REPLAY "), (Mode::Demo, " DEMO  synthetic data")]
    {
        snapshot.mode = mode;
        for size in SIZES {
            for keys in ["1", "2", "3", "4", "6", "Enter", "?", ":", "D"] {
                let mut ui = ui("map", size);
                press(&mut ui, &snapshot, keys);
                let shown = text(&draw(&snapshot, &ui, &theme));
                assert!(shown.lines().next().unwrap().contains(word), "{word} {keys}\n{shown}");
            }
        }
    }
    let mut status = status(&snapshot);
    (status.is_offline, status.recording) = (true, Recording::Failed { reason: "disk full".into() });
    let ui = Ui { is_frozen: true, ..ui("map", (80, 24)) };
    let mut buf = Buffer::empty(Rect::new(0, 0, 80, 24));
    View { shown: &snapshot, live: &snapshot, status: &status, ui: &ui, theme: &theme }.draw(&mut buf);
    let first = text(&buf).lines().next().unwrap().to_string();
    for word in [" DEMO ", "FROZEN 23:54:15Z", " OFFLINE "] {
        assert!(first.contains(word), "{first}");
    }
}

#[test]
fn an_alert_that_is_over_never_counts_as_open() {
    let mut snapshot = fixture::divergence();
    for alert in &mut snapshot.alerts {
        alert.state = AlertState::Resolved;
    }
    let shown = text(&draw(&snapshot, &ui("map", (80, 24)), &named("mono", Depth::Mono)));
    assert!(shown.contains("alerts 0C 0W 0I") && shown.contains("no open alert"), "{shown}");
}

#[test]
fn an_unchanged_picture_has_nothing_to_send() {
    let snapshot = fixture::broken();
    let theme = named("faultline-dark", Depth::True);
    let (a, mut later) = (draw(&snapshot, &ui("map", (200, 60)), &theme), snapshot.clone());
    // Below what is rounded away, nothing visible moves.
    later.grids[0].cells[0].value = later.grids[0].cells[0].value.map(|v| v + 0.001);
    later.seq += 1;
    assert!(a.diff(&draw(&later, &ui("map", (200, 60)), &theme)).is_empty());
}

#[test]
fn the_ascii_set_draws_ascii_only() {
    let mut spec = theme::builtin().unwrap().remove(0);
    spec.glyphs.set = GlyphSet::Ascii;
    for snapshot in [fixture::divergence(), with_markets(fixture::broken())] {
        for depth in [Depth::True, Depth::Mono] {
            for size in SIZES {
                for keys in ["1", "2", "3", "4", "6", "Enter", "?", "D", "m D"] {
                    let mut ui = ui("map", size);
                    press(&mut ui, &snapshot, keys);
                    let shown = text(&draw(&snapshot, &ui, &Theme::new(&spec, depth)));
                    let other = shown.chars().find(|c| !c.is_ascii());
                    assert_eq!(other, None, "{keys} {size:?} {depth:?}\n{shown}");
                }
            }
        }
    }
}
