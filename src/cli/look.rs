//! What is looked at: demo, live, replay, snapshot, watch, and the simulator itself.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::args::{DemoArgs, Global, LiveArgs, ReplayArgs, SnapshotArgs};
use super::{eprint, has_screen, print};
use crate::app::explain::unknown;
use crate::app::failure::code;
use crate::app::headless::{self, Signals, Until};
use crate::app::keeper::{self, Beside, Keeper};
use crate::app::looks::Looks;
use crate::app::player::{Replay, ReplayOptions, Tape};
use crate::app::probe::Answers;
use crate::app::screen::{self, Options};
use crate::app::setup::{self, Setup, data_dir};
use crate::app::source::{Origin, Session, SessionConfig};
use crate::app::tee::RecordTo;
use crate::app::{Failure, configure, given, screen::Session as _, shelf, spoken, trial, whatif};
use crate::clock::Clock;
use crate::config::error::nearest;
use crate::config::rules::duration_ms;
use crate::config::theme::ThemeSpec;
use crate::engine::metric::{METRICS, find};
use crate::engine::rulebook::lens::parse as parse_lens;
use crate::feed::redirect;
use crate::model::Nanos;
use crate::model::alert::Severity;
use crate::model::entry::OperatorAction;
use crate::model::time::{MS, SECOND};
use crate::sim::Scene;
use crate::snapshot::{Ask, CellState, Snapshot};
use crate::tape::{Check, Ending};
use crate::view::legible::rgb;
use crate::view::screen::{SCREENS, by_id};
use crate::view::svg::picture;
use crate::view::{Buffer, Depth, Rect, Status, Theme, Ui, View, format, json, plain};

/// How long a snapshot of a running session may take to fill.
const FILL_MAX: i64 = 8 * SECOND;

/// No command: the demo on the screen, or as text where there is no screen.
pub fn first_run(global: &Global) -> Result<u8, Failure> {
    if global.plain || !has_screen() {
        let snapshot =
            filled(&demo_session(&DemoArgs::default(), &LiveArgs::default(), true)?.0, Ask::default())?;
        print(&format!(
            "{}\nThis is the demo: synthetic data. On a terminal `faultline` draws it; `faultline --help` lists commands.\n",
            plain::map_plain(&snapshot)
        ))?;
        return Ok(code::OK);
    }
    demo(global, &DemoArgs::default())
}

/// The demo on the screen.
pub fn demo(global: &Global, args: &DemoArgs) -> Result<u8, Failure> {
    if is_spoken(global) {
        return speak(demo_session(args, &LiveArgs::default(), true)?.0, global);
    }
    if global.plain || !has_screen() {
        let snapshot = filled(&demo_session(args, &LiveArgs::default(), true)?.0, Ask::default())?;
        print(&plain::map_plain(&snapshot))?;
        return Ok(code::OK);
    }
    let options = options(global)?;
    show(demo_session(args, &LiveArgs::default(), true)?.0, &options)
}

/// Real venues on the screen.
pub fn live(global: &Global, args: &LiveArgs) -> Result<u8, Failure> {
    if is_spoken(global) {
        return speak(live_session(args, record_to(args.record.as_deref())?, true)?, global);
    }
    if !has_screen() {
        return Err(Failure::usage(
            "`live` draws on a terminal; for pipes and services there is `faultline watch`",
        ));
    }
    let lens = seen_from(args)?;
    let options = Options { lens, ..options(global)? };
    let keeper = keeper(args)?;
    let mut session = live_session(args, record_to(args.record.as_deref())?, true)?;
    let beside = match keeper {
        Some(keeper) => Some(Beside::start(keeper, &mut session)?),
        None => {
            drop(session.core.take_lines());
            None
        }
    };
    let shown = screen::run(&session, &options);
    session.stop();
    if let Some(beside) = beside {
        beside.finish();
    }
    shown?;
    Ok(code::OK)
}

/// The journal of a live screen. A screen is worth having without one, so what is wrong with it is told
/// and no more.
fn keeper(args: &LiveArgs) -> Result<Option<Keeper>, Failure> {
    if args.no_journal {
        return Ok(None);
    }
    let path = args.journal.clone().map_or_else(keeper::usual_path, Ok)?;
    match Keeper::open(&path, Clock::start()) {
        Ok(keeper) => Ok(Some(keeper)),
        Err(failure) => {
            eprint(&format!("{failure}\nwithout the journal: alerts of this screen are not kept\n"));
            Ok(None)
        }
    }
}

/// People sit here, and want or need sentences instead of a screen.
fn is_spoken(global: &Global) -> bool {
    std::io::stdout().is_terminal() && (global.plain || !has_screen() && std::io::stdin().is_terminal())
}

fn speak(mut session: Session, global: &Global) -> Result<u8, Failure> {
    drop(session.core.take_lines()); // nobody reads them, and the core must not wait for that
    let said = spoken::run(&session, &options(global)?.who);
    session.stop();
    said?;
    Ok(code::OK)
}

fn show(mut session: Session, options: &Options) -> Result<u8, Failure> {
    drop(session.core.take_lines()); // nobody reads them, and the core must not wait for that
    let shown = screen::run(&session, options);
    session.stop();
    shown?;
    Ok(code::OK)
}

/// A recording on the screen, or headless.
pub fn replay(global: &Global, args: &ReplayArgs) -> Result<u8, Failure> {
    let until = Until { fail_on: severity(args.fail_on.as_deref())?, duration: None };
    let from = args.from.as_deref().map(|t| instant(t, &args.file)).transpose()?;
    if args.headless || global.plain || !has_screen() {
        return headless::replay(&args.file, &args.rules, from, until);
    }
    let speed =
        match args.speed.as_str() {
            "max" => f64::INFINITY,
            text => text.parse().ok().filter(|x| *x > 0.0).ok_or_else(|| {
                Failure::usage(format!("speed `{text}` is no number above 0 and not `max`"))
            })?,
        };
    let options = options(global)?;
    let played = ReplayOptions { rules: args.rules.clone(), speed, is_paused: args.paused, from };
    let session = Replay::start(&args.file, &played, Clock::start())?;
    let shown = screen::run(&session, &options);
    session.stop();
    shown?;
    Ok(code::OK)
}

/// One screen as text or JSON.
pub fn snapshot(global: &Global, args: &SnapshotArgs) -> Result<u8, Failure> {
    let Some(screen) = by_id(&args.screen) else {
        let known: Vec<&str> = SCREENS.iter().map(|s| s.id()).collect();
        let words = format!("there is no screen `{}`; there are {}", args.screen, known.join(", "));
        return Err(Failure::usage(words));
    };
    let metric = args.metric.as_deref();
    if let Some(id) = metric {
        must_be_mapped(id)?;
    }
    let (shown, lens) = (metric.unwrap_or_default().to_string(), seen_from(&args.live)?);
    let ask = Ask { metric: shown, lens, pages: screen.pages(), ..Ask::default() };
    let mut result = code::OK;
    let mut snapshot = match args.source.as_str() {
        "demo" => {
            let no_account = args.live.no_account;
            let demo = DemoArgs { no_account, ..DemoArgs::default() };
            filled(&demo_session(&demo, &args.live, true)?.0, ask)?
        }
        "live" => filled(&live_session(&args.live, None, true)?, ask)?,
        source => {
            let (snapshot, is_cut) = of_recording(source, &args.live.rules, &ask)?;
            result = if is_cut { code::PARTIAL } else { code::OK };
            snapshot
        }
    };
    if screen.id() == "recordings" {
        let given = Path::new(args.source.split('@').next().unwrap_or_default());
        snapshot.recordings = Arc::new(shelf::now(given.is_file().then_some(given)));
    }
    if args.svg {
        return svg(global, args, screen.id(), &snapshot).map(|()| result);
    }
    let text = match (screen.id(), args.json) {
        ("map", false) => plain::map(&snapshot, metric),
        ("map", true) => json::map(&snapshot, metric).map_err(Failure::runtime)? + "\n",
        (_, false) => screen.plain(&snapshot),
        (_, true) => screen.json(&snapshot).map_err(Failure::runtime)? + "\n",
    };
    print(&text)?;
    Ok(result)
}

/// The screen as it is drawn, as a picture.
fn svg(global: &Global, args: &SnapshotArgs, screen: &'static str, shown: &Snapshot) -> Result<(), Failure> {
    let wrong = || Failure::usage(format!("`{}` is no size; write 120x40, 80x24 to 400x200", args.size));
    let (columns, rows) = args.size.split_once('x').ok_or_else(wrong)?;
    let size: (u16, u16) = (columns.parse().map_err(|_| wrong())?, rows.parse().map_err(|_| wrong())?);
    if !(80..=400).contains(&size.0) || !(24..=200).contains(&size.1) {
        return Err(wrong());
    }
    let options = options(global)?;
    let looks =
        Looks::decide(Some("true"), &options.settings, &options.themes, &Answers::default(), |_| None);
    let wanted = options.theme.unwrap_or(looks.theme.0);
    let spec = options.themes.iter().find(|t| t.name == wanted).or(options.themes.first());
    let theme = Theme::new(spec.unwrap_or(&ThemeSpec::default()), Depth::True);
    let ui = Ui { screen, size, metric: args.metric.clone().unwrap_or_default(), ..Ui::default() };
    let mut buf = Buffer::empty(Rect::new(0, 0, size.0, size.1));
    let status = Status::default();
    View { shown, live: shown, status: &status, ui: &ui, theme: &theme }.draw(&mut buf);
    let base = theme.base();
    let base = (rgb(base.fg).unwrap_or((216, 222, 233)), rgb(base.bg).unwrap_or((16, 20, 26)));
    print(&picture(&buf, base))
}

/// A metric that the map cannot show is an error of the command line.
fn must_be_mapped(metric: &str) -> Result<(), Failure> {
    let found = find(metric).and_then(|at| METRICS.get(at)).ok_or_else(|| unknown(metric))?;
    if found.card().is_mapped() {
        return Ok(());
    }
    Err(Failure::usage(format!("`{metric}` has no figure per venue and underlying: the map cannot show it")))
}

/// The state of a recording at its end, or at `T` of `FILE@T`.
fn of_recording(source: &str, rules: &[PathBuf], ask: &Ask) -> Result<(Snapshot, bool), Failure> {
    let (path, until) = place(source)?;
    let mut tape = Tape::open(&path, rules, Check::Chunks)?;
    tape.seek(until.unwrap_or(Nanos(i64::MAX)))?;
    let is_cut = matches!(tape.ending(), Some(Ending::Truncated { .. }));
    Ok((tape.snapshot(ask), is_cut))
}

/// The simulator alone: prints its endpoints, then serves until a signal comes.
pub fn sim(args: &DemoArgs) -> Result<u8, Failure> {
    let clock = Clock::start();
    let signals = Signals::listen()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let mut config = crate::sim::SimConfig::new(args.seed, scene(&args.scene)?, clock.now());
    config.speed = args.speed;
    let sim = runtime.block_on(crate::sim::serve(config, clock))?;
    let endpoints: Vec<String> =
        sim.endpoints().iter().map(|(id, at)| format!("\"{id}\":\"{at}\"")).collect();
    print(&format!(
        "{{\"scene\":\"{}\",\"seed\":{},\"synthetic\":true,\"endpoints\":{{{}}}}}\n",
        args.scene,
        args.seed,
        endpoints.join(",")
    ))?;
    loop {
        if let Some(code) = signals.caught() {
            drop(sim);
            return Ok(code);
        }
        std::thread::park_timeout(Duration::from_millis(100));
    }
}

/// Runs venues for a while and says of each what works.
pub fn venues_test(source: &str, duration: &str, live: &LiveArgs) -> Result<u8, Failure> {
    let time = nanos(Some(duration))?.unwrap_or(20 * SECOND);
    let mut setup = Setup::load(&live.rules)?;
    setup.choose(&live.venues)?;
    let session = match source {
        // A calm market: what is silent there is at fault.
        "demo" => demo_session(&DemoArgs { scene: "calm".into(), ..DemoArgs::default() }, live, true)?.0,
        "live" => live_session(live, None, true)?,
        other => return Err(Failure::usage(format!("there is no source `{other}`; there are demo, live"))),
    };
    let verdicts = trial::run(&session, &setup.venues, Duration::from_nanos(time.unsigned_abs()));
    session.stop();
    let mut out = String::new();
    for v in &verdicts {
        let word = if v.is_passed() { "ok" } else { "FAIL" };
        let quiet = if v.quiet.is_empty() { String::new() } else { format!("  quiet {}", v.quiet.join(",")) };
        let (audits, wrong) = v.audits;
        out.push_str(&format!(
            "{word:<5} {:<15} {}{quiet}  {audits} books audited, {wrong} wrong, {} accounts\n",
            v.venue,
            v.alive.join(","),
            v.accounts
        ));
        for fault in &v.faults {
            out.push_str(&format!("      {}\n", format::clean(fault)));
        }
    }
    print(&out)?;
    let passed = verdicts.iter().filter(|v| v.is_passed()).count();
    print(&format!("{passed} of {} venues pass\n", verdicts.len()))?;
    Ok(if passed == verdicts.len() { code::OK } else { code::RUNTIME })
}

/// A session on the simulator.
pub fn demo_session(args: &DemoArgs, live: &LiveArgs, publish: bool) -> Result<(Session, Clock), Failure> {
    let clock = Clock::start();
    let mut setup = Setup::load(&live.rules)?;
    setup.choose(&live.venues)?;
    let given = given(live.positions.as_deref(), &setup)?;
    let (scene, has_account) = (scene(&args.scene)?, !args.no_account);
    let origin = Origin::Demo { scene, seed: args.seed, speed: args.speed, has_account };
    let config = SessionConfig {
        setup,
        underlyings: args.underlyings.clone(),
        accounts: Vec::new(),
        record: record_to(args.record.as_deref())?,
        publish,
        origin,
        redirects: BTreeMap::new(),
    };
    Ok((start(config, given, clock)?, clock))
}

/// A session on real venues.
pub fn live_session(args: &LiveArgs, record: Option<RecordTo>, publish: bool) -> Result<Session, Failure> {
    let mut setup = Setup::load(&args.rules)?;
    if !args.no_account {
        setup.add_accounts(args.accounts.as_deref())?;
    }
    setup.choose(&args.venues)?;
    let accounts = setup.account_feeds()?;
    let mut redirects = BTreeMap::new();
    for text in &args.redirect {
        let (venue, address) = text
            .split_once('=')
            .ok_or_else(|| Failure::usage(format!("`{text}` is no redirect; write VENUE=127.0.0.1:4000")))?;
        let address = redirect::parse(address).map_err(|e| Failure::usage(e.to_string()))?;
        redirects.insert(venue.to_string(), address);
    }
    let given = given(args.positions.as_deref(), &setup)?;
    let underlyings = args.underlyings.clone();
    let origin = Origin::Live;
    let config = SessionConfig { setup, underlyings, accounts, record, publish, origin, redirects };
    start(config, given, Clock::start())
}

/// Positions given by hand, in the configuration and in a file, as an act for the tape.
fn given(file: Option<&Path>, setup: &Setup) -> Result<Option<OperatorAction>, Failure> {
    let mut rows = setup.given()?;
    if let Some(path) = file {
        rows.extend(given::rows(path, &setup.known)?);
    }
    Ok((!rows.is_empty()).then(|| OperatorAction::Positions { who: user(), rows }))
}

/// Starts a session and puts what was given by hand on its tape.
fn start(config: SessionConfig, given: Option<OperatorAction>, clock: Clock) -> Result<Session, Failure> {
    let session = Session::start(config, clock)?;
    if let Some(action) = given {
        session.act(action);
    }
    Ok(session)
}

/// Who sits here, when nobody says otherwise.
pub fn user() -> String {
    std::env::var("USER").unwrap_or_else(|_| "operator".into())
}

/// A folder to record to; an empty path means the data folder.
pub fn record_to(dir: Option<&Path>) -> Result<Option<RecordTo>, Failure> {
    match dir {
        None => Ok(None),
        Some(dir) if dir.as_os_str().is_empty() => {
            let data =
                data_dir().ok_or_else(|| Failure::usage("no HOME and no XDG_DATA_HOME: name a folder"))?;
            Ok(Some(RecordTo::Folder(data.join("recordings"))))
        }
        Some(dir) => Ok(Some(RecordTo::Folder(dir.to_path_buf()))),
    }
}

/// Waits until every listed cell of the map has a value, or for a while.
fn filled(session: &Session, ask: Ask) -> Result<Snapshot, Failure> {
    let clock = Clock::start();
    let metric = ask.metric.clone();
    screen::Session::ask(session, ask);
    let started = clock.now();
    loop {
        let snapshot = session.snapshot();
        let asked = snapshot.grids.iter().find(|g| g.metric == metric).or(snapshot.grids.first());
        let cells = asked.map_or(&[][..], |g| g.cells.as_slice());
        let listed = || cells.iter().filter(|c| c.state != CellState::NotListed);
        let has_all = snapshot.venues.iter().all(|v| v.state != crate::snapshot::FeedState::Down)
            && listed().count() > 0
            && snapshot.grids.iter().all(|g| g.metric != metric || !g.cells.is_empty())
            && listed().all(|c| c.state == CellState::Value);
        if has_all || clock.now().since(started) > FILL_MAX {
            return Ok(Snapshot::clone(&snapshot));
        }
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// How the screen starts. A theme that does not exist is refused here, before anything runs.
pub fn options(global: &Global) -> Result<Options, Failure> {
    let themes = setup::themes()?;
    if let Some(name) = global.theme.as_ref().filter(|name| themes.iter().all(|t| t.name != **name)) {
        let names: Vec<&str> = themes.iter().map(|t| t.name.as_str()).collect();
        let hint = match nearest(name, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are {}", names.join(", ")),
        };
        return Err(Failure::usage(format!("there is no theme `{name}`; {hint}")));
    }
    let given = global.settings.given(global);
    let settings = configure::settings(&given)?;
    let who = settings.chosen("operator").map_or_else(user, str::to_string);
    let scenarios = whatif::known()?.into_iter().map(|known| known.scenario).collect();
    let (color, theme) = (global.color.clone(), global.theme.clone());
    let tz = global.tz.clone().or_else(|| settings.chosen("tz").map(str::to_string));
    let (keymap, is_mouse) = (super::keys::configured()?, global.mouse || settings.flag("mouse"));
    let (given, lens) = (Some(given), String::new());
    Ok(Options { color, theme, themes, who, scenarios, settings, given, keymap, is_mouse, tz, lens })
}

/// The clients of `--as-seen-from`, if they exist.
fn seen_from(args: &LiveArgs) -> Result<String, Failure> {
    let Some(text) = &args.as_seen_from else { return Ok(String::new()) };
    let setup = Setup::load(&[])?;
    parse_lens(&setup.rulebook, text).map_err(Failure::usage)?;
    Ok(text.clone())
}

/// The scene with this name.
pub fn scene(word: &str) -> Result<Scene, Failure> {
    Scene::from_word(word).ok_or_else(|| {
        Failure::usage(format!("there is no scene `{word}`; there are {}", crate::sim::scene::WORDS))
    })
}

/// The severity with this name.
pub fn severity(word: Option<&str>) -> Result<Option<Severity>, Failure> {
    word.map(|w| {
        Severity::from_word(w)
            .ok_or_else(|| Failure::usage(format!("severity `{w}` is not one of info, warning, critical")))
    })
    .transpose()
}

/// A duration such as `30s` in nanoseconds.
pub fn nanos(text: Option<&str>) -> Result<Option<i64>, Failure> {
    text.map(|t| {
        duration_ms(t)
            .and_then(|ms| i64::try_from(ms).ok()?.checked_mul(MS))
            .ok_or_else(|| Failure::usage(format!("`{t}` is no time; write 500ms, 30s, 5m or 8h")))
    })
    .transpose()
}

/// A recording and an instant of it: `FILE` or `FILE@T`.
pub fn place(source: &str) -> Result<(PathBuf, Option<Nanos>), Failure> {
    let (path, at) = match source.rsplit_once('@') {
        Some((path, at)) if !Path::new(source).exists() => (PathBuf::from(path), Some(at)),
        _ => (PathBuf::from(source), None),
    };
    let at = at.map(|t| instant(t, &path)).transpose()?;
    Ok((path, at))
}

/// RFC 3339, or a time of the recording's first day.
pub fn instant(text: &str, path: &Path) -> Result<Nanos, Failure> {
    if let Ok(stamp) = text.parse::<jiff::Timestamp>() {
        return i64::try_from(stamp.as_nanosecond()).map(Nanos).map_err(Failure::runtime);
    }
    let info = crate::tape::info(path).map_err(|e| Failure::recording(path, &e))?;
    let day = info.span.map_or(Nanos(0), |s| s.0).floor_to(86_400 * SECOND);
    let time: jiff::civil::Time = text
        .parse()
        .map_err(|_| Failure::usage(format!("`{text}` is no instant; write RFC 3339 or HH:MM:SS")))?;
    let seconds = i64::from(time.hour()) * 3_600 + i64::from(time.minute()) * 60 + i64::from(time.second());
    Ok(day.plus(seconds * SECOND + i64::from(time.subsec_nanosecond())))
}
