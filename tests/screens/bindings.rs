//! Every key of the table: what it does, and what the officer then sees. And what keys do together:
//! filter, history of places, ranges, layouts, undo, the command line, the mouse.

use crossterm::event::{KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use faultline::model::Nanos;
use faultline::model::entry::OperatorAction;
use faultline::model::time::SECOND;
use faultline::snapshot::{Mode, Snapshot};
use faultline::view::action::BINDINGS;
use faultline::view::keymap::{Found, Keymap};
use faultline::view::widget::hits::{Hits, Target};
use faultline::view::{Context, Depth, Effect, Ui, View};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::keys::press;
use crate::market::with_markets;
use crate::{draw, fixture, named, status, text, ui};

/// Action, keys that lead to it, what the screen shows then; after `!` what is asked of the program.
const TABLE: &[(&str, &str, &str)] = &[
    ("move.left", "h", "ETH @ bybit"),
    ("move.left", "Left", "ETH @ bybit"),
    ("move.down", "j", "SOL @ hyperliquid"),
    ("move.down", "Down", "SOL @ hyperliquid"),
    ("move.up", "k", "SOL @ okx"),
    ("move.up", "Up", "SOL @ okx"),
    ("move.right", "l", "XRP @ bybit"),
    ("move.right", "Right", "XRP @ bybit"),
    ("move.first", "gg", "SOL @ kraken-futures"),
    ("move.last", "G", "SOL @ hyperliquid"),
    ("move.start", "Home", "BTC @ bybit"),
    ("move.start", "^", "BTC @ bybit"),
    ("move.end", "End", "AVAX @ bybit"),
    ("move.end", "$", "AVAX @ bybit"),
    ("page.up", "PgUp", "SOL @ kraken-futures"),
    ("page.down", "k k PgDn", "SOL @ hyperliquid"),
    ("page.half-up", "Ctrl-u", "SOL @ bitstamp"),
    ("page.half-down", "gg Ctrl-d", "SOL @ okx"),
    ("series.narrower", "H", "BTC @ bybit"),
    ("series.wider", "L", "AVAX @ bybit"),
    ("pane.next", "Tab", "wide ┏━ Alerts"),
    ("pane.previous", "Shift-Tab", "wide ┏━ Feeds"),
    ("enter", "Enter", "Evidence  SOL @ bybit"),
    ("back", "Enter Esc", "newest:"),
    ("place.back", "4 Ctrl-o", "newest:"),
    ("place.back", "4 Alt-Left", "newest:"),
    ("place.forward", "4 Ctrl-o Alt-Right", "open 4 of"),
    ("palette", ":", "the map, of this metric"),
    ("filter", "/", "filter map: _"),
    ("match.next", "/und:ETH Enter n", "ETH @ hyperliquid"),
    ("match.previous", "/und:ETH Enter N", "ETH @ okx"),
    ("help", "?", "Screens"),
    ("explain", "i", "Explain  mid_gap_bps  SOL  bybit"),
    ("map.metric", "m", "depth within 10 bps, usd"),
    ("map.metrics", "M", "Enter map  Space pin to the timeline"),
    ("map.booked", "b", "booked in one way"),
    ("sort.next", "S", "by |max|"),
    ("sort.flip", "S s", "by |max| reversed"),
    ("freeze", "f", "FROZEN 23:54:15Z"),
    ("pin.place", "p", "row bybit stays at the front"),
    ("pin.timeline", "P", "mid_gap_bps pinned"),
    ("mark", "v", "range from SOL @ bybit"),
    ("alert.ack", "a", "ack A-0193QX with comment: _"),
    ("alert.mute", "z", "und=SOL venue=bybit for 30m"),
    ("alert.resolve", "r", "resolve A-0193QX --as"),
    ("alert.escalate", "e", "escalate A-0193QX"),
    ("alert.comment", "c", "comment A-0193QX \""),
    ("undo", "a known Enter u", "undone: ack A-0193QX"),
    ("redo", "a known Enter u Ctrl-r", "done again: ack A-0193QX"),
    ("whatif.here", "w", "SANDBOX"),
    ("export", "x", "!Export(\"map\", Csv, \"venue,regime,BTC"),
    ("copy.value", "y", "!Copy(\"-18.4\")"),
    ("copy.table", "Y", "!Copy(\"mid_gap_bps, bps, 2024-08-08 23:54:15Z (live)"),
    ("evidence.raw", "Enter o", "Evidence  SOL @ bybit"),
    ("bookmark.set", "B", "!Bookmark"),
    ("bookmark.go", "'", "!GoToBookmark"),
    ("report", "R", "!Report(\"A-0193QX\")"),
    ("evidence.compare", "4 Enter C", "Evidence  A-0193QX div.mid"),
    ("pick.venues", "V", "Space show or hide  Enter go there"),
    ("pick.instruments", "I", "Space show or hide  Enter go there"),
    ("theme.next", "T", "!Theme(None)"),
    ("zone", "Z", "!Zone(\"local\")"),
    ("map.density", "D", " BT ET SO XR"),
    ("privacy", "Ctrl-p", "SOL @ bybit"),
    ("layout.next", "Ctrl-w wait", "layout: body only"),
    ("layout.zoom", "Tab Ctrl-w z", "wide by severity"),
    ("redraw", "Ctrl-l", "!Redraw"),
    ("quit", "q", "quit? a recording runs"),
    ("replay.play", "Space", "!PlayPause"),
    ("replay.event-back", ",", "!StepBack"),
    ("replay.event", ".", "!StepEvent"),
    ("replay.frame", ";", "!StepFrame"),
    ("replay.back", "<", "!SeekBy(-10000000000)"),
    ("replay.forward", ">", "!SeekBy(10000000000)"),
    ("replay.alert-back", "(", "!PrevAlert"),
    ("replay.alert-back", "[", "!PrevAlert"),
    ("replay.alert", ")", "!NextAlert"),
    ("replay.alert", "]", "!NextAlert"),
    ("replay.slower", "-", "!Slower"),
    ("replay.slower", "_", "!Slower"),
    ("replay.faster", "+", "!Faster"),
    ("replay.faster", "=", "!Faster"),
    ("replay.go-to", "gt", "go to time"),
];

fn shown(snapshot: &Snapshot, ui: &Ui) -> String {
    text(&draw(snapshot, ui, &named("faultline-dark", Depth::True)))
}

/// Fault: a key of the table does nothing, or something else.
#[test]
fn every_key_of_the_table_does_what_it_says() {
    let (live, mut replay) = (with_markets(fixture::divergence()), fixture::divergence());
    replay.mode = Mode::Replay;
    for (name, keys, says) in TABLE {
        let binding = BINDINGS.iter().find(|b| b.name == *name).unwrap();
        let snapshot = if binding.is_replay { &replay } else { &live };
        let (size, says) = match says.strip_prefix("wide ") {
            Some(says) => ((120, 40), says),
            None => ((80, 24), *says),
        };
        let mut ui = ui("map", size);
        let effect = press(&mut ui, snapshot, keys);
        match says.strip_prefix('!') {
            Some(asked) => {
                let effect = format!("{effect:?}");
                assert!(effect.contains(asked), "{name}, {keys}: {effect}");
            }
            None => {
                let screen = shown(snapshot, &ui);
                assert!(screen.contains(says), "{name}, {keys}: no `{says}` on\n{screen}");
            }
        }
        let map = Keymap::default();
        let found = binding.keys.iter().map(|k| k.split_once(' ').unwrap_or(("", k)));
        for (first, key) in found {
            let found = map.lookup(first, key, "map", binding.is_replay);
            assert!(
                matches!(found, Found::Action(a) | Found::Either(a) if a == binding.action),
                "{name}: {found:?}"
            );
        }
    }
    let missing: Vec<&str> =
        BINDINGS.iter().map(|b| b.name).filter(|n| TABLE.iter().all(|t| t.0 != *n)).collect();
    assert!(missing.is_empty(), "no row for {missing:?}");
}

#[test]
fn filters_narrow_each_list_and_say_so() {
    let snapshot = with_markets(fixture::divergence());
    for (keys, says, hides) in [
        ("/okx Enter", "filter okx: 8 of 64", "kraken-f"),
        ("/und:btc,eth Enter", "filter und:btc,eth: 16 of 64", "DOGE"),
        ("/!venue:okx Enter", "filter !venue:okx: 56 of 64", " okx "),
        ("/|v|>15 Enter", "filter |v|>15:", "kraken-f"),
        ("/zzz Enter", "filter zzz: 0 of 64 match; Esc clears", "kraken-f"),
        ("4 /sev:warn Enter", "filter sev:warn:", "CRIT A"),
        ("6 /venue:okx Enter", "filter venue:okx:", "kraken"),
        ("2 /sol Enter", "filter sol: 1 of 8", "DOGE"),
        ("3 /und:doge Enter", "filter und:doge: 1 of 8", "BNB"),
        (
            "/okx Enter :filter Space save Space one Enter Esc :filter Space one Enter",
            "filter okx: 8 of 64",
            "kraken-f",
        ),
        (":alerts Space resolved Enter", "filter state:resolved:", "CRIT A-0193QX"),
    ] {
        let mut ui = ui("map", (80, 24));
        press(&mut ui, &snapshot, keys);
        let screen = shown(&snapshot, &ui);
        assert!(screen.contains(says), "{keys}: no `{says}` on\n{screen}");
        // The line of alerts below the map is no part of the list.
        let list: String = screen.lines().skip(2).take(16).collect::<Vec<_>>().join("\n");
        assert!(!list.contains(hides), "{keys}: `{hides}` still on\n{screen}");
        press(&mut ui, &snapshot, "Esc");
        assert!(!shown(&snapshot, &ui).contains("filter "), "{keys}: Esc clears");
    }
    let mut ui = ui("map", (80, 24));
    press(&mut ui, &snapshot, "/venu:okx Enter");
    assert!(shown(&snapshot, &ui).contains("did you mean `venue`?"));
    press(&mut ui, &snapshot, "Esc 4 1 /okx Enter 4");
    assert!(!shown(&snapshot, &ui).contains("filter okx"), "each list has its own");
    press(&mut ui, &snapshot, "1");
    assert!(shown(&snapshot, &ui).contains("filter okx"), "and keeps it");
}

#[test]
fn places_are_walked_back_and_forward() {
    let snapshot = with_markets(fixture::divergence());
    let mut ui = ui("map", (80, 24));
    press(&mut ui, &snapshot, "m Enter Esc 6 2");
    for (key, says) in [
        ("Ctrl-o", "16 channels"),
        ("Ctrl-o", "depth within 10 bps, usd"),
        ("Ctrl-o", "Evidence  SOL @ bybit"),
        ("Ctrl-o", "depth within 10 bps, usd"),
        ("Ctrl-o", "mid vs consensus, bps"),
        ("Ctrl-o", "no place before"),
        ("Alt-Right", "depth within 10 bps, usd"),
        ("4 Alt-Right", "no place after"),
    ] {
        press(&mut ui, &snapshot, key);
        let screen = shown(&snapshot, &ui);
        assert!(screen.contains(says), "{key}: no `{says}` on\n{screen}");
    }
}

/// Fault: an act on a range leaves a cell out, or takes one that was not marked.
#[test]
fn a_range_is_copied_and_muted_as_one() {
    let snapshot = fixture::divergence();
    let mut ui = ui("map", (80, 24));
    let Some(Effect::Copy(copied)) = press(&mut ui, &snapshot, "v k h y") else { panic!("no copy") };
    let rows: Vec<&str> = copied.lines().collect();
    assert_eq!(rows.len(), 2, "{copied}");
    assert!(rows[0].starts_with("okx\t") && rows[1].starts_with("bybit\t"), "{copied}");
    assert_eq!(rows[1].split('\t').count(), 4, "venue, regime, ETH and SOL: {copied}");
    press(&mut ui, &snapshot, "z");
    assert!(shown(&snapshot, &ui).contains("mute und=ETH,SOL venue=okx,bybit for 30m"));
    press(&mut ui, &snapshot, "Esc a swept Enter");
    assert_eq!(ui.anchor, None, "the range has done its work");
}

#[test]
fn what_was_done_is_taken_back_as_a_new_act() {
    let mut snapshot = fixture::divergence();
    let mut ui = ui("map", (80, 24));
    press(&mut ui, &snapshot, "a outage Enter");
    let unack = OperatorAction::Unack { id: "A-0193QX".into(), who: "jm@desk1".into() };
    assert_eq!(press(&mut ui, &snapshot, "u"), Some(Effect::Act(unack)));
    let redone = press(&mut ui, &snapshot, "Ctrl-r");
    assert!(matches!(redone, Some(Effect::Act(OperatorAction::Ack { comment, .. })) if comment == "outage"));
    snapshot.at = Nanos(snapshot.at.0 + 601 * SECOND);
    assert_eq!(press(&mut ui, &snapshot, "u"), None, "after ten minutes it stands");
    assert!(shown(&snapshot, &ui).contains("nothing of the last 10 min"));
}

#[test]
fn the_command_line_completes_recalls_and_does_nothing_it_does_not_know() {
    let snapshot = with_markets(fixture::divergence());
    for (keys, says) in [
        (":the", "draw with a theme"),
        (":the Tab", ":theme _"),
        (":theme Space m Tab Enter :theme Space Up", ":theme"),
        (":go Space doge Space okx Enter", "DOGE @ okx"),
        (":go Space DGE Enter", "did you mean `doge`?"),
        (":ack Space Tab", ":ack A-01"),
        (":ack Space A-0193QQ Space why Enter", "did you mean `A-0193QX`?"),
        (":go Space doge Enter :feeds Enter : Up Up", ":go doge_"),
        (":fozzle Enter", "unknown command `fozzle`; did you mean `:"),
        (":keys Space emacs Enter", "keys: emacs"),
        (":layout Space save Space desk Enter m :layout Space desk Enter", "mid vs consensus, bps"),
        (":layout Space wall Enter", "no layout `wall`"),
        (":mute Space venue=bybit Enter", "until when?"),
        (":pins Space mid_gap_bps Enter", "mid_gap_bps pinned"),
        (":run Space nothing Enter", "no scenario `nothing`"),
    ] {
        let mut ui = ui("map", (80, 24));
        press(&mut ui, &snapshot, keys);
        let screen = shown(&snapshot, &ui);
        assert!(screen.contains(says), "{keys}: no `{says}` on\n{screen}");
    }
}

/// A picture with its hits.
fn hits(snapshot: &Snapshot, ui: &Ui) -> Hits {
    let (status, theme) = (status(snapshot), named("faultline-dark", Depth::True));
    let mut buf = Buffer::empty(Rect::new(0, 0, ui.size.0, ui.size.1));
    View { shown: snapshot, live: snapshot, status: &status, ui, theme: &theme }.draw_hits(&mut buf)
}

fn point(
    ui: &mut Ui,
    snapshot: &Snapshot,
    kind: MouseEventKind,
    area: Rect,
    is_double: bool,
) -> Option<Effect> {
    let (status, hits) = (status(snapshot), hits(snapshot, ui));
    let context = Context { snapshot, status: &status, themes: &[], who: "jm@desk1" };
    let event = MouseEvent { kind, column: area.x, row: area.y, modifiers: KeyModifiers::NONE };
    ui.mouse(event, is_double, &hits, &context)
}

/// Fault: a click means what stood there before, or what lies below an overlay.
#[test]
fn the_mouse_does_what_keys_do() {
    let snapshot = with_markets(fixture::divergence());
    let mut ui = ui("map", (120, 40));
    ui.is_mouse = true;
    let left = MouseEventKind::Down(MouseButton::Left);
    let area = |ui: &Ui, target| hits(&snapshot, ui).area_of(target).unwrap();
    let cell = area(&ui, Target::Cell(0, 0));
    point(&mut ui, &snapshot, left, cell, false);
    assert_eq!(ui.focus(&snapshot), Some(("kraken-futures".into(), "BTC".into())));
    point(&mut ui, &snapshot, left, cell, true);
    assert!(shown(&snapshot, &ui).contains("Evidence  BTC @ kraken-futures"));
    let tab = area(&ui, Target::Tab("feeds"));
    point(&mut ui, &snapshot, left, tab, false);
    assert!(shown(&snapshot, &ui).contains("16 channels"));
    let row = area(&ui, Target::Row(3));
    point(&mut ui, &snapshot, left, row, false);
    assert_eq!(ui.feed_rows(&snapshot).1, 3);
    point(&mut ui, &snapshot, MouseEventKind::ScrollUp, row, false);
    assert_eq!(ui.feed_rows(&snapshot).1, 0);
    let head = area(&ui, Target::Head);
    point(&mut ui, &snapshot, left, head, false);
    assert_eq!(ui.feed_sort.key, 1);
    press(&mut ui, &snapshot, "1");
    let step = area(&ui, Target::Step(10.0));
    point(&mut ui, &snapshot, left, step, false);
    assert!(shown(&snapshot, &ui).contains("filter v>=10:"), "{}", shown(&snapshot, &ui));
    press(&mut ui, &snapshot, "Esc");
    let cell = area(&ui, Target::Cell(6, 2));
    point(&mut ui, &snapshot, MouseEventKind::Down(MouseButton::Right), cell, false);
    assert!(shown(&snapshot, &ui).contains("acknowledge with a comment"));
    let item = area(&ui, Target::Item(2));
    point(&mut ui, &snapshot, left, item, false);
    assert!(shown(&snapshot, &ui).contains("ack A-0193QX with comment"), "{}", shown(&snapshot, &ui));
    ui.is_mouse = false;
    assert_eq!(hits(&snapshot, &ui), Hits::default(), "nothing is recorded while the mouse is free");
}
