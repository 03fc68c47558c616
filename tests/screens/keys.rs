//! Keys: where they lead and what they ask for.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use faultline::model::entry::OperatorAction;
use faultline::model::time::SECOND;
use faultline::snapshot::{Mode, Snapshot};
use faultline::view::{Context, Depth, Effect, TransportCommand, Ui};

use super::forms::with_forms;
use super::market::with_markets;
use super::{draw, fixture, named, status, text, ui};

/// The keys of a name: `Enter`, `Ctrl-w`, or letters to type.
fn events(name: &str) -> Vec<KeyEvent> {
    let (mut rest, mut mods) = (name, KeyModifiers::NONE);
    for (prefix, of) in
        [("Ctrl-", KeyModifiers::CONTROL), ("Alt-", KeyModifiers::ALT), ("Shift-", KeyModifiers::SHIFT)]
    {
        if let Some(tail) = rest.strip_prefix(prefix) {
            (rest, mods) = (tail, mods | of);
        }
    }
    let code = match rest {
        "Enter" => KeyCode::Enter,
        "Esc" => KeyCode::Esc,
        "Tab" if mods == KeyModifiers::SHIFT => KeyCode::BackTab,
        "Tab" => KeyCode::Tab,
        "Space" => KeyCode::Char(' '),
        "Up" => KeyCode::Up,
        "Down" => KeyCode::Down,
        "Left" => KeyCode::Left,
        "Right" => KeyCode::Right,
        "Home" => KeyCode::Home,
        "End" => KeyCode::End,
        "PgUp" => KeyCode::PageUp,
        "PgDn" => KeyCode::PageDown,
        word => return word.chars().map(|c| KeyEvent::new(KeyCode::Char(c), mods)).collect(),
    };
    vec![KeyEvent::new(code, mods)]
}

/// Presses keys by name, separated by blanks; returns the last effect.
pub(crate) fn press(ui: &mut Ui, snapshot: &Snapshot, keys: &str) -> Option<Effect> {
    let status = status(snapshot);
    let themes = ["faultline-dark".to_string(), "mono".into()];
    let context = Context { snapshot, status: &status, themes: &themes, who: "jm@desk1" };
    let mut effect = None;
    for name in keys.split(' ') {
        if name == "wait" {
            effect = ui.rest(&context);
            continue;
        }
        for key in events(name) {
            effect = ui.key(key, &context);
        }
    }
    effect
}

#[test]
fn keys_lead_where_the_footer_says() {
    let (live, mut replay) = (with_forms(with_markets(fixture::divergence())), fixture::divergence());
    replay.mode = Mode::Replay;
    for (snapshot, keys, shown) in [
        (&live, "l", "XRP @ bybit"),
        (&live, "j", "SOL @ hyperliquid"),
        (&live, "gg", "SOL @ kraken-futures"),
        (&live, "G End", "AVAX @ hyperliquid"),
        (&live, "m", "depth within 10 bps, usd"),
        (&live, "M", "Enter map  Space pin to the timeline"),
        (&live, "M fund Enter", "funding a year, apr  normalised  cap"),
        (&live, "M fund Enter b", "funding as booked, bps per interval  as booked  cap"),
        (&live, "M fund Enter b b", "funding a year, apr  normalised  cap"),
        (&live, "M spread Enter", "asking"),
        (&live, "b", "mid vs consensus, bps  booked in one way"),
        (&live, "P", "mid_gap_bps pinned: its timeline stands on a screen of 120x40"),
        (&live, "S", "by |max|"),
        (&live, "S s", "by |max| reversed"),
        (&live, "4", "open 4 of 5"),
        (&live, "4 j", "bybit index outage, see status page"),
        (&live, "4 Enter", "Evidence  A-0193QX div.mid  SOL @ bybit"),
        (&live, "4 gg j Enter a", "A-0188ZZ is owned by jm@desk1 already"),
        (&live, "4 gg Enter a", "ack A-0193QX with comment: _"),
        (&live, "9", "recordings"),
        (&live, "0", "of 0 lines, newest first  all"),
        (&live, "i", "Explain  mid_gap_bps  SOL  bybit"),
        (&live, "6", "16 channels  by venue"),
        (&live, "6 G Enter", "Feed  hyperliquid"),
        (&live, "6 G Enter Enter", "SOL @ hyperliquid"),
        (&live, "2", "SOL: the 5 largest of 8 venues"),
        (&live, "2", "Leverage by OI"),
        (&live, "2 j", "DOGE: the"),
        (&live, "2 gg", "BTC: the"),
        (&live, "2 S S", "Leverage by fault line"),
        (&live, "2 S s", "Leverage by near 5 % reversed"),
        (&live, "2 k Enter", "ETH @ bybit"),
        (&live, "3", "Liquidity by OI; 1M USD"),
        (&live, "3 S S gg", "BNB: the"),
        (&live, "3 j 2", "DOGE: the"),
        (&live, ":liq Enter", "did you mean `:liquidity`,"),
        (&live, ":leverage Enter", "Leverage by OI"),
        (&live, "8", "SANDBOX  of LIVE"),
        (&live, ":whatif Enter", "SANDBOX"),
        (&live, "?", "Screens"),
        (&live, "? Esc", "newest:"),
        (&live, "Enter", "Evidence  SOL @ bybit"),
        (&live, "Enter Esc", "newest:"),
        (&live, "f", "FROZEN 23:54:15Z"),
        (&live, "a", "ack A-0193QX with comment: _"),
        (&live, "a outage", "ack A-0193QX with comment: outage_"),
        (&live, "a", "recorded as jm@desk1"),
        (&replay, "a", "recorded as jm@desk1, replay only"),
        (&live, "h h a", "A-0188ZZ is owned by jm@desk1 already"),
        (&live, "q", "quit? a recording runs"),
        (&live, ":mp Enter", "did you mean `:map`,"),
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
