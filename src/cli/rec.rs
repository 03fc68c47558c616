//! Recordings: record, info, import, export.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::time::Duration;

use super::args::{DemoArgs, ExportArgs, ImportArgs, RecCommand, RecordArgs};
use super::{look, print};
use crate::app::Failure;
use crate::app::core::session_meta;
use crate::app::export::{self, Export, Format};
use crate::app::failure::code;
use crate::app::headless::Signals;
use crate::app::setup::Setup;
use crate::clock::Clock;
use crate::model::Nanos;
use crate::model::time::TICK;
use crate::sim::{self, SimConfig};
use crate::snapshot::Mode;
use crate::tape::import::FORMATS;
use crate::tape::{self, Ending, Import, Info, Recorder};

/// Runs a `rec` subcommand.
pub fn run(command: &RecCommand) -> Result<u8, Failure> {
    match command {
        RecCommand::Info { file, json } => {
            let info = tape::info(file).map_err(|e| Failure::recording(file, &e))?;
            print(&if *json { info_json(&info) } else { info_text(&info) })?;
            Ok(match (&info.ending, info.is_whole()) {
                (Ending::Truncated { .. }, _) => code::PARTIAL,
                (Ending::Complete, true) => code::OK,
                (Ending::Complete, false) => code::RECORDING,
            })
        }
        RecCommand::Import(args) => import(args),
        RecCommand::Export(args) => run_export(args),
    }
}

/// Records until a signal or the given time.
pub fn record(args: &RecordArgs) -> Result<u8, Failure> {
    let signals = Signals::listen()?;
    let folder = args.output.clone().or_else(|| args.live.record.clone()).unwrap_or_default();
    let session = match args.source.as_str() {
        "demo" => {
            let underlyings = args.live.underlyings.clone();
            let record = Some(folder);
            let (scene, seed, no_account) = (args.scene.clone(), args.seed, args.live.no_account);
            let demo = DemoArgs { scene, seed, speed: 1.0, underlyings, record, no_account };
            look::demo_session(&demo, &args.live, false)?.0
        }
        "live" => look::live_session(&args.live, look::record_to(Some(&folder))?, false)?,
        other => return Err(Failure::usage(format!("source `{other}` is not live or demo"))),
    };
    let path = session.core.recording.clone().unwrap_or_default();
    writeln!(std::io::stderr().lock(), "recording to {}; Ctrl-C ends it", path.display())?;
    let limit = look::nanos(args.duration.as_deref())?;
    let clock = Clock::start();
    let started = clock.now();
    let mut result = code::OK;
    loop {
        if let Some(signal) = signals.caught() {
            result = signal;
            break;
        }
        if limit.is_some_and(|l| clock.now().since(started) >= l) {
            break;
        }
        if let crate::view::Recording::Failed { reason } = &**session.core.shared.recording.load() {
            let failure = Failure::runtime(format!("{}: {reason}", path.display()));
            session.stop();
            return Err(failure);
        }
        while session.core.lines.try_recv().is_ok() {} // they are in the recording
        std::thread::park_timeout(Duration::from_millis(50));
    }
    let simulated = session.sim().map(|sim| sim.config().clone()).filter(|c| c.scene.has_crowd());
    session.stop();
    if let Some(config) = simulated {
        truth(&config, &args.live.underlyings, clock.now(), &path.with_extension("truth.ndjson"))?;
    }
    print(&format!("{}\n", path.display()))?;
    Ok(result)
}

/// Writes the truth journal of a simulated session beside its recording.
fn truth(config: &SimConfig, underlyings: &[String], until: Nanos, path: &Path) -> Result<(), Failure> {
    let mut out = BufWriter::new(File::create_new(path)?);
    sim::truth::write(config, underlyings, until, &mut out).map_err(Failure::runtime)?;
    out.flush()?;
    writeln!(std::io::stderr().lock(), "truth in {}", path.display())?;
    Ok(())
}

fn import(args: &ImportArgs) -> Result<u8, Failure> {
    let names = || FORMATS.iter().map(|f| f.name).collect::<Vec<_>>().join(", ");
    let format = tape::Format::by_name(&args.format).ok_or_else(|| {
        Failure::usage(format!("there is no format `{}`; there are {}", args.format, names()))
    })?;
    let clock = Clock::start();
    let mut setup = Setup::load(&[])?;
    // The parser hands all values over in one row: a venue id begins the next group.
    let mut imports: Vec<Import> = Vec::new();
    for word in &args.venue {
        match imports.last_mut() {
            _ if setup.venues.iter().any(|v| v.id == *word) => {
                imports.push(Import { venue: word.clone(), files: Vec::new() });
            }
            Some(import) => import.files.push(word.into()),
            None => imports.push(Import { venue: word.clone(), files: Vec::new() }), // `choose` names the known ones
        }
    }
    if let (Some(first), false) = (imports.first_mut(), args.files.is_empty()) {
        first.files.extend(args.files.iter().cloned());
    }
    if let Some(empty) = imports.iter().find(|i| i.files.is_empty()) {
        return Err(Failure::usage(format!("venue `{}` has no files", empty.venue)));
    }
    let ids: Vec<String> = imports.iter().map(|i| i.venue.clone()).collect();
    setup.choose(&ids)?;
    let mut meta = session_meta(Mode::Live, &setup, clock);
    meta.mode = "import".into();
    let mut recorder = Recorder::create_at(&args.output, &meta, clock).map_err(Failure::runtime)?;
    let imported = tape::import(format, &imports, &mut |entry| recorder.push(entry))?;
    let (path, bytes) = recorder.finish().map_err(Failure::runtime)?;
    let mut err = std::io::stderr().lock();
    writeln!(
        err,
        "{}: {} frames, {} REST answers, {} ticks, {bytes} bytes",
        path.display(),
        imported.frames,
        imported.rest,
        imported.ticks
    )?;
    for bad in &imported.bad_lines {
        writeln!(err, "note: {}:{}: {}", bad.file.display(), bad.line, bad.reason)?;
    }
    Ok(if imported.bad > 0 { code::PARTIAL } else { code::OK })
}

fn run_export(args: &ExportArgs) -> Result<u8, Failure> {
    if args.table != "metrics" {
        return Err(Failure::usage(format!("there is no table `{}`; there is metrics", args.table)));
    }
    let format = match args.to.as_str() {
        "csv" => Format::Csv,
        "ndjson" => Format::Ndjson,
        other => return Err(Failure::usage(format!("format `{other}` is not csv or ndjson"))),
    };
    let every = look::nanos(Some(&args.every))?.unwrap_or(TICK);
    if every < TICK || every % TICK != 0 {
        return Err(Failure::usage(format!("`--every {}` is not a multiple of 100ms", args.every)));
    }
    let from = args.from.as_deref().map(|t| look::instant(t, &args.file)).transpose()?;
    let export = Export { format, every, metrics: args.metric.clone(), from };
    let (result, file) = export::metrics(&args.file, &export, &args.output)?;
    writeln!(std::io::stderr().lock(), "{}", file.display())?;
    Ok(result)
}

fn info_text(info: &Info) -> String {
    let mut out = String::new();
    let mut line = |label: &str, value: String| {
        // Writing to a String cannot fail.
        let _written = writeln!(out, "{label:<12} {value}");
    };
    line("session", info.meta.session.clone());
    line("mode", info.meta.mode.clone());
    line("version", info.meta.version.clone());
    if let Some((start, end)) = info.span {
        line("start", start.to_string());
        line("end", end.to_string());
        line("seconds", format!("{:.3}", end.since(start) as f64 / 1e9));
    }
    line("entries", info.entries.to_string());
    line("ticks", info.ticks.to_string());
    line("alerts", info.alerts.to_string());
    line("chunks", format!("{} ({} bytes, {} inflated)", info.chunks, info.bytes, info.inflated_bytes));
    line("missing", info.missing.to_string());
    line("ending", ending(info));
    for damage in &info.damage {
        line("damage", damage.clone());
    }
    for (conn, count) in &info.connections {
        let name = count.info.as_ref().map_or_else(|| format!("connection {}", conn.0), |i| i.name.clone());
        line(
            "connection",
            format!("{name}: {} frames, {} bytes, {} REST", count.frames, count.frame_bytes, count.rest),
        );
    }
    out
}

fn ending(info: &Info) -> String {
    match &info.ending {
        Ending::Complete => "complete".into(),
        Ending::Truncated { at_byte, whole_chunks, note } => {
            format!("cut off at byte {at_byte} after {whole_chunks} whole chunks: {note}")
        }
    }
}

fn info_json(info: &Info) -> String {
    let text = |t: &str| sonic_rs::to_string(t).unwrap_or_default();
    let connections: Vec<String> = info
        .connections
        .values()
        .map(|c| {
            let (name, venue) = c.info.as_ref().map_or(("", ""), |i| (i.name.as_str(), i.venue.as_str()));
            format!(
                r#"{{"name":{},"venue":{},"frames":{},"bytes":{},"rest":{}}}"#,
                text(name),
                text(venue),
                c.frames,
                c.frame_bytes,
                c.rest
            )
        })
        .collect();
    let (start, end) =
        info.span.map_or((String::new(), String::new()), |(s, e)| (s.to_string(), e.to_string()));
    format!(
        "{{\"session\":{},\"mode\":{},\"version\":{},\"start\":\"{start}\",\"end\":\"{end}\",\"entries\":{},\"ticks\":{},\"alerts\":{},\"chunks\":{},\"bytes\":{},\"missing\":{},\"ending\":{},\"whole\":{},\"connections\":[{}]}}\n",
        text(&info.meta.session),
        text(&info.meta.mode),
        text(&info.meta.version),
        info.entries,
        info.ticks,
        info.alerts,
        info.chunks,
        info.bytes,
        info.missing,
        text(&ending(info)),
        info.is_whole(),
        connections.join(",")
    )
}
