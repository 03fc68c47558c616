//! Live equals replay: one demo session, recorded; its recording gives the same alerts, byte for byte,
//! as often and from wherever it is played. And a recording whose writer was killed still plays.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a broken helper is a failed test, and a test says what it did"
)]

#[path = "room/builtin.rs"]
mod builtin;
#[path = "room/program.rs"]
mod program;
#[path = "room/temp.rs"]
mod temp;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::OnceLock;
use std::time::Duration;

use faultline::app::core::Told;
use faultline::app::export::{self, Export};
use faultline::app::player::{Replay, ReplayOptions, Tape};
use faultline::app::screen::Session as _;
use faultline::app::source::{Origin, Session, SessionConfig};
use faultline::app::tee::RecordTo;
use faultline::clock::Clock;
use faultline::engine::Ask;
use faultline::model::Nanos;
use faultline::model::alert::AlertLine;
use faultline::model::entry::OperatorAction;
use faultline::model::time::SECOND;
use faultline::sim::Scene;
use faultline::sink::line::without_mode;
use faultline::snapshot::{About, Pages};
use faultline::tape::{self, Check, Ending, Item, Reader};
use faultline::view::TransportCommand;

/// Longest wait for anything: far beyond what a slow machine needs.
const PATIENCE: i64 = 90 * SECOND;
const NAP: Duration = Duration::from_millis(10);

/// A demo session that is over.
struct Recorded {
    _room: temp::Temp,
    path: PathBuf,
    /// Alert lines as a face got them, in order; the very last ones may be missing.
    told: Vec<String>,
    /// First and last instant.
    span: (Nanos, Nanos),
}

/// One session for all tests of this file: venues come apart until an alert is raised; a person takes it.
fn recorded() -> &'static Recorded {
    static RECORDED: OnceLock<Recorded> = OnceLock::new();
    RECORDED.get_or_init(|| {
        let room = temp::Temp::new("equal");
        let clock = Clock::start();
        let config = SessionConfig {
            setup: builtin::setup(),
            underlyings: vec!["BTC".into(), "SOL".into()],
            record: Some(RecordTo::Folder(room.path().join("recordings"))),
            publish: false,
            accounts: Vec::new(),
            origin: Origin::Demo { scene: Scene::Divergence, seed: 7, speed: 3.0, has_account: true },
            redirects: BTreeMap::new(),
        };
        let session = Session::start(config, clock).unwrap();
        let path = session.core.recording.clone().unwrap();
        let mut told = Vec::new();
        let mut until = None; // what comes within a second of the acknowledgement belongs to the story
        let begun = clock.now();
        while until.is_none_or(|until| clock.now() < until) {
            assert!(clock.now().since(begun) < PATIENCE, "no alert was acknowledged: {told:?}");
            let Ok(Told::Line(line)) = session.core.lines.recv_timeout(NAP) else { continue };
            told.push(line.line);
            let line: AlertLine = sonic_rs::from_str(told.last().unwrap()).unwrap();
            if line.event == "alert.raised" && line.rule == "div.mid" {
                let (who, comment) = ("ana".to_string(), "calling the desk".to_string());
                let id = line.id;
                for action in [
                    OperatorAction::Ack { id: id.clone(), who: who.clone(), comment: comment.clone() },
                    OperatorAction::Comment { id, who: who.clone(), comment: "still calling".into() },
                    OperatorAction::Mute {
                        id: "m1".into(),
                        matcher: "rule=div.*".into(),
                        until: None,
                        until_resolved: true,
                        include_critical: false,
                        who,
                        reason: "known".into(),
                    },
                ] {
                    session.core.actions.send(action).unwrap();
                }
            } else if line.event == "alert.acked" {
                until = until.or(Some(clock.now().plus(SECOND)));
            }
        }
        told.extend(session.core.lines.try_iter().filter_map(Told::line));
        session.stop();
        let info = tape::info(&path).unwrap();
        assert!(info.is_whole(), "{:?}", info.damage);
        println!("recorded {} entries, {} ticks, {} alert lines", info.entries, info.ticks, info.alerts);
        Recorded { path, told, span: info.span.unwrap(), _room: room }
    })
}

/// Alert lines as the recorder wrote them.
fn lines_on_tape(path: &Path) -> Vec<String> {
    let mut reader = Reader::open_with(File::open(path).unwrap(), Check::Full).unwrap();
    let mut lines = Vec::new();
    while let Some(item) = reader.next().unwrap() {
        if let Item::Alert { line, .. } = item {
            lines.push(line.to_string());
        }
    }
    lines
}

fn replayed(path: &Path) -> Vec<String> {
    let mut tape = Tape::open(path, &[], Check::Full).unwrap();
    let mut lines = Vec::new();
    while tape.step(&mut |_, line| lines.push(line)).unwrap().is_some() {}
    lines
}

fn modeless(lines: &[String]) -> Vec<String> {
    lines.iter().map(|line| without_mode(line).unwrap()).collect()
}

/// Catches: anything in the fold that hangs on the wall clock, on random order, on a face or on how
/// entries were batched; an operator's act or a tick that is missing on the tape.
#[test]
fn a_replay_gives_the_alerts_of_the_live_session_byte_for_byte() {
    let live = recorded();
    let (taped, again) = (lines_on_tape(&live.path), replayed(&live.path));
    let events: Vec<AlertLine> = taped.iter().map(|l| sonic_rs::from_str(l).unwrap()).collect();
    assert!(events.iter().any(|l| l.event == "alert.raised" && l.rule == "div.mid"));
    let ack = events.iter().find(|l| l.event == "alert.acked").unwrap();
    assert_eq!((ack.who.as_deref(), ack.comment.as_deref()), (Some("ana"), Some("calling the desk")));
    assert!(events.iter().all(|l| l.mode == "demo"));
    assert_eq!(modeless(&taped), modeless(&again));
    assert_eq!(live.told[..], taped[..live.told.len()], "what a face was told stands on the tape");
    assert!(again.iter().all(|l| l.contains(r#""mode":"replay""#)));
    println!("{} alert lines equal, {} of them told live", taped.len(), live.told.len());
}

/// Catches: the same, in every metric at every tenth of a second instead of in alerts only.
#[test]
fn two_replays_export_the_same_metrics_byte_for_byte() {
    let live = recorded();
    let room = temp::Temp::new("equal-export");
    let bytes = |name: &str| {
        let export =
            Export { format: export::Format::Csv, every: SECOND / 10, metrics: Vec::new(), from: None };
        let (code, path) = export::metrics(&live.path, &export, &room.path().join(name)).unwrap();
        assert_eq!(code, 0);
        std::fs::read(path).unwrap()
    };
    let (once, twice) = (bytes("once"), bytes("twice"));
    assert!(once == twice, "the exports differ");
    let text = String::from_utf8(once).unwrap();
    let has = |metric: &str| text.lines().any(|l| l.contains(&format!(",{metric},")));
    assert!(["mid_gap_bps", "depth_usd_100", "oi_usd", "coverage"].into_iter().all(has));
    println!("{} rows equal", text.lines().count());
}

/// Everything a face could show at the first entry at or after `at`.
fn picture(tape: &mut Tape, at: Nanos, ask: &Ask) -> String {
    while tape.step(&mut |_, _| {}).unwrap().is_some_and(|step| step.ts < at) {}
    format!("{:?}", tape.snapshot(ask))
}

/// Catches: state that survives a rewind, or that only straight play builds up.
#[test]
fn a_seek_shows_what_straight_play_shows() {
    let live = recorded();
    let ask = Ask {
        cell: Some(("bybit".into(), "SOL".into())),
        metric: "funding_apr".into(),
        pins: vec!["oi_usd".into(), "spread_bps".into()],
        pages: Pages { markets: true, portfolio: true, ..Pages::default() },
        explain: Some(About::cell("mid_gap_bps", "SOL", "bybit")),
        ..Ask::default()
    };
    let (start, end) = live.span;
    let near = start.plus(end.since(start) * 6 / 10);
    let straight = picture(&mut Tape::open(&live.path, &[], Check::Full).unwrap(), near, &ask);

    let mut tape = Tape::open(&live.path, &[], Check::Full).unwrap();
    let far = picture(&mut tape, end, &ask);
    tape.rewind().unwrap();
    assert_eq!(picture(&mut tape, near, &ask), straight);
    assert_ne!(far, straight);

    // The same by keyboard: begin near the end, seek back.
    let options = ReplayOptions { speed: 1.0, is_paused: true, from: Some(end), ..ReplayOptions::default() };
    let clock = Clock::start();
    let replay = Replay::start(&live.path, &options, clock).unwrap();
    replay.ask(ask.clone());
    replay.transport(TransportCommand::SeekTo(near));
    let begun = clock.now();
    loop {
        let snapshot = replay.snapshot();
        if snapshot.focus.is_some() && format!("{snapshot:?}") == straight {
            break;
        }
        assert!(clock.now().since(begun) < PATIENCE, "the seek never showed the state of straight play");
        std::thread::sleep(NAP);
    }
    replay.stop();
}

/// Records the demo with the real program and kills it once the file holds `bytes`.
fn killed_at(room: &Path, bytes: u64) -> PathBuf {
    let dir = room.join(format!("at-{bytes}"));
    let mut command = program::program(room);
    command.args(["record", "--source", "demo", "-o"]).arg(&dir);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let clock = Clock::start();
    let begun = clock.now();
    let path = loop {
        let file = std::fs::read_dir(&dir).ok().and_then(|mut d| Some(d.next()?.unwrap().path()));
        if let Some(path) = file.filter(|p| p.metadata().is_ok_and(|m| m.len() >= bytes)) {
            break path;
        }
        assert!(
            clock.now().since(begun) < PATIENCE && child.try_wait().unwrap().is_none(),
            "the recorder ended by itself"
        );
        std::thread::sleep(NAP);
    };
    child.kill().unwrap(); // SIGKILL
    child.wait().unwrap();
    path
}

/// Catches: a writer that keeps whole chunks to itself, and a reader that gives up on what is left.
#[test]
fn a_recording_survives_the_death_of_its_writer() {
    let room = temp::Temp::new("equal-killed");
    // The texts of venues and rules stand before the first chunk.
    for bytes in [180_000, 250_000, 400_000] {
        let path = killed_at(room.path(), bytes);
        let info = tape::info(&path).unwrap();
        let Ending::Truncated { whole_chunks, .. } = &info.ending else { panic!("it cannot be complete") };
        assert!(*whole_chunks > 0 && info.frames() > 0 && info.missing == 0, "{info:?}");

        let file = path.to_str().unwrap();
        let ran = program::run(program::program(room.path()).args(["replay", file, "--headless"]), b"");
        assert_eq!(ran.code, Some(8), "{}", ran.err);
        assert!(ran.err.contains("note: the recording is cut off at byte"), "{}", ran.err);
        assert!(ran.err.contains(&format!("{} frames", info.frames())), "{}", ran.err);
        // The chunk that held the last line may be the one that was lost.
        let told: Vec<String> = ran.out.lines().map(String::from).collect();
        let taped = lines_on_tape(&path);
        assert_eq!(modeless(&told)[..taped.len()], modeless(&taped));
        println!("killed at {bytes} bytes: {whole_chunks} whole chunks, {} entries play", info.entries);
    }
}

/// Frames of a recording.
trait Frames {
    fn frames(&self) -> u64;
}

impl Frames for tape::Info {
    fn frames(&self) -> u64 {
        self.connections.values().map(|c| c.frames).sum()
    }
}
