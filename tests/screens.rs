//! What an officer sees: handmade pictures, keys, and the screens they lead to.
//!
//! Golden files under `tests/screens/golden` hold the text of a screen and, below it, its styles: runs of
//! `letter×count` per row and a key of letters. `UPDATE=1 cargo test --test screens` writes them anew;
//! read the difference before you commit it.

#[path = "screens/fixture.rs"]
mod fixture;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use faultline::config::theme;
use faultline::model::alert::{AlertState, Severity};
use faultline::model::entry::OperatorAction;
use faultline::model::time::SECOND;
use faultline::snapshot::{CellState, Mode, Snapshot};
use faultline::view::{
    AlertMark, Context, Depth, Effect, Recording, Status, Theme, Transport, TransportCommand, Ui, View, json,
    plain,
};
use ratatui::backend::{Backend, CrosstermBackend};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};

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
    Status { recording, fps: 8, transport, notice: None, is_offline: false }
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
        writeln!(out, "{}", row.join(" ")).unwrap();
    }
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
            for screen in ["map", "alerts", "feeds", "books"] {
                let mut ui = ui(if screen == "books" { "map" } else { screen }, size);
                ui.underlying = snapshot.focus.as_ref().unwrap().underlying.clone();
                ui.venue = snapshot.focus.as_ref().unwrap().venue.clone();
                if screen == "books" {
                    press(&mut ui, &snapshot, "Enter");
                }
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
    golden("help-80x24", &text(&draw(&replay, &help, &named("mono", Depth::Mono))));
}

/// Presses keys by name, separated by blanks; returns the last effect.
fn press(ui: &mut Ui, snapshot: &Snapshot, keys: &str) -> Option<Effect> {
    let status = status(snapshot);
    let themes = ["faultline-dark".to_string(), "mono".into()];
    let context = Context { snapshot, status: &status, themes: &themes, who: "jm@desk1" };
    let mut effect = None;
    for name in keys.split(' ') {
        let (code, mods) = match name {
            "Enter" => (KeyCode::Enter, KeyModifiers::NONE),
            "Esc" => (KeyCode::Esc, KeyModifiers::NONE),
            "Tab" => (KeyCode::Tab, KeyModifiers::NONE),
            "Space" => (KeyCode::Char(' '), KeyModifiers::NONE),
            "Ctrl-c" => (KeyCode::Char('c'), KeyModifiers::CONTROL),
            "End" => (KeyCode::End, KeyModifiers::NONE),
            word => {
                for c in word.chars() {
                    effect = ui.key(KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE), &context);
                }
                continue;
            }
        };
        effect = ui.key(KeyEvent::new(code, mods), &context);
    }
    effect
}

#[test]
fn keys_lead_where_the_footer_says() {
    let (live, mut replay) = (fixture::divergence(), fixture::divergence());
    replay.mode = Mode::Replay;
    for (snapshot, keys, shown) in [
        (&live, "l", "XRP @ bybit"),
        (&live, "j", "SOL @ hyperliquid"),
        (&live, "gg", "SOL @ kraken-futures"),
        (&live, "G End", "AVAX @ hyperliquid"),
        (&live, "m", "depth within 10 bps, usd"),
        (&live, "S", "by |max|"),
        (&live, "S s", "by |max| reversed"),
        (&live, "4", "what needs a person?"),
        (&live, "4 j", "bybit index outage, see status page"),
        (&live, "4 Enter", "Evidence  SOL @ bybit"),
        (&live, "6", "can I trust what I see?"),
        (&live, "6 G Enter", "SOL @ hyperliquid"),
        (&live, "?", "Screens"),
        (&live, "? Esc", "newest:"),
        (&live, "Enter", "Evidence  SOL @ bybit"),
        (&live, "Enter Esc", "newest:"),
        (&live, "f", "FROZEN 23:54:15Z"),
        (&live, "a", "ack A-0193QX with comment: _"),
        (&live, "a outage", "ack A-0193QX with comment: outage_"),
        (&live, "h h a", "A-0188ZZ is owned by jm@desk1 already"),
        (&live, "q", "quit? a recording runs"),
        (&live, ":mp Enter", "did you mean `:map`?"),
        (&live, ":map Space nothing Enter", "no metric `nothing`"),
        (&live, ":map Space depth Enter", "depth within 10 bps, usd"),
        (&live, ":theme Space mno Enter", "did you mean `mono`?"),
        (&live, ":goto Space 23:50 Enter", "only a replay can go to a time"),
        (&live, "Ctrl-c", "Ctrl-c again quits"),
        (&replay, "gt", "go to time"),
        (&replay, "gt 12:00 Enter", "the recording runs from 2024-08-08 23:24:15Z"),
    ] {
        let mut ui = ui("map", (80, 24));
        press(&mut ui, snapshot, keys);
        let screen = text(&draw(snapshot, &ui, &named("faultline-dark", Depth::True)));
        assert!(screen.contains(shown), "{keys}: no `{shown}` on\n{screen}");
    }
}

#[test]
fn keys_ask_for_what_they_name() {
    let (live, mut replay) = (fixture::divergence(), fixture::divergence());
    replay.mode = Mode::Replay;
    let ack =
        OperatorAction::Ack { id: "A-0193QX".into(), who: "jm@desk1".into(), comment: "index outage".into() };
    for (snapshot, keys, effect) in [
        (&live, "a index Space outage Enter", Some(Effect::Act(ack))),
        (&live, "a index Esc", None),
        (&live, "Space", None),
        (&live, "q y", Some(Effect::Quit)),
        (&live, "q n", None),
        (&live, "Ctrl-c Ctrl-c", Some(Effect::Quit)),
        (&live, "Ctrl-c j Ctrl-c", None),
        (&live, "T", Some(Effect::Theme(None))),
        (&live, ":theme Space mono Enter", Some(Effect::Theme(Some("mono".into())))),
        (&replay, "q", Some(Effect::Quit)),
        (&replay, "Space", Some(Effect::Transport(TransportCommand::PlayPause))),
        (&replay, "<", Some(Effect::Transport(TransportCommand::SeekBy(-10 * SECOND)))),
        (&replay, ":speed Space 5 Enter", Some(Effect::Transport(TransportCommand::Speed(5.0)))),
        (
            &replay,
            "gt 23:54:15 Enter",
            Some(Effect::Transport(TransportCommand::SeekTo(fixture::AT.floor_to(SECOND)))),
        ),
    ] {
        assert_eq!(press(&mut ui("map", (80, 24)), snapshot, keys), effect, "{keys}");
    }
}

#[test]
fn the_cursor_stays_with_its_venue_when_the_order_changes() {
    let snapshot = fixture::divergence();
    let mut ui = ui("map", (80, 24));
    press(&mut ui, &snapshot, "S S");
    assert_eq!(ui.focus(&snapshot), Some(("bybit".into(), "SOL".into())));
}

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
    drop(backend);
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
            for screen in ["map", "alerts", "feeds"] {
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
        for screen in ["map", "alerts", "feeds", "books"] {
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
    for out in [plain::map_plain(&snapshot), plain::alerts(&snapshot), plain::feeds(&snapshot)] {
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
                for screen in ["map", "alerts", "feeds"] {
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
            for keys in ["1", "4", "6", "Enter", "?", ":", "D"] {
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
fn json_has_a_word_for_every_missing_value() {
    let text = json::map(&fixture::broken(), Some("mid_gap_bps")).unwrap();
    for part in [
        r#""schema":"faultline.snapshot/1","screen":"map","mode":"live","ts":"2024-08-08T23:54:15.030Z","seq":"88213""#,
        r#""value":null,"state":"not_listed""#,
        r#""value":null,"state":"resync""#,
        r#""value":null,"state":"halted""#,
        r#""value":null,"state":"no_consensus""#,
        r#""value":null,"state":"missing""#,
        r#""value":"22","state":"stale","quality":"stale","alert":"critical""#,
        r#""underlying":"SOL","value":"-18.4","state":"value","quality":"ok","alert":"critical""#,
    ] {
        assert!(text.contains(part), "no {part} in\n{text}");
    }
    assert!(!text.contains("depth_usd_10") && !text.contains("NaN"));
}

#[test]
fn cells_are_said_in_words() {
    let text = plain::map_plain(&fixture::broken());
    for line in [
        "SOL, bybit: minus 18.4 basis points, ALERT critical",
        "SOL, hyperliquid: stale 9.1s, last 22.0 basis points, ALERT critical",
        "SOL, cme: not listed",
        "BTC, okx: resync",
        "ETH, okx: halted by the venue",
        "BNB, okx: 5.5 basis points, degraded",
        "XRP, leverage: missing",
    ] {
        assert!(text.lines().any(|l| l == line), "no `{line}` in\n{text}");
    }
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
    assert_eq!(Style::default().add_modifier, Modifier::empty());
}
