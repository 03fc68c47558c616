//! Headless alert mode.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::args::{DemoArgs, Global, LiveArgs};
use super::{look, print};
use crate::app::explain::unknown;
use crate::app::failure::code;
use crate::app::headless::{self, Until};
use crate::app::keeper::{self, Keeper};
use crate::app::log::{self, Format, LogTo};
use crate::app::metrics::{self, ServeAt};
use crate::app::watch::{self, HEARTBEAT, Watching};
use crate::app::{Failure, secrets, sinks};
use crate::clock::Clock;
use crate::config::accounts::Source;
use crate::engine::metric::find;
use crate::model::alert::Severity;
use crate::model::time::SECOND;
use crate::view::exposition::ALLOWED;

/// What is logged, and where.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct LogArgs {
    /// How `watch` logs on stderr: text, json, journald
    #[arg(long, global = true, value_name = "F", default_value = "text")]
    pub log_format: String,
    /// error, warn, info, debug, trace, or per part: `info,faultline::feed=debug`
    #[arg(long, global = true, value_name = "L", env = "FAULTLINE_LOG")]
    pub log_level: Option<String>,
    /// Log to this file instead of stderr
    #[arg(long, global = true, value_name = "FILE")]
    pub log_file: Option<PathBuf>,
    /// Log more; twice for everything
    #[arg(short = 'v', long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Log errors only
    #[arg(short = 'q', long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
}

impl LogArgs {
    /// Starts the log.
    ///
    /// # Errors
    /// A format or level that is none, a file that cannot be written.
    pub fn start(&self, clock: Clock) -> Result<(), Failure> {
        let format = Format::from_word(&self.log_format).ok_or_else(|| {
            Failure::usage(format!("log format `{}` is not one of text, json, journald", self.log_format))
        })?;
        let level = match (&self.log_level, self.quiet, self.verbose) {
            (Some(level), ..) => level.clone(),
            (None, true, _) => "error".into(),
            (None, false, 0) => "faultline=info".into(),
            (None, false, 1) => "faultline=debug".into(),
            (None, false, _) => "faultline=trace".into(),
        };
        log::start(&LogTo { format, level, file: self.log_file.clone() }, clock)
    }
}

/// Headless alert mode.
#[derive(Clone, Debug, clap::Args)]
pub struct WatchArgs {
    /// live, demo, or a recording
    #[arg(long, default_value = "live", value_name = "SRC")]
    pub source: String,
    /// Exit code 6 when an alert of this severity was raised
    #[arg(long, value_name = "SEV")]
    pub fail_on: Option<String>,
    /// End after this time: 30s, 5m, 8h
    #[arg(long = "for", value_name = "D")]
    pub duration: Option<String>,
    /// Only alerts of this severity and above on stdout
    #[arg(long, value_name = "SEV")]
    pub min_severity: Option<String>,
    /// Distance of heartbeat lines
    #[arg(long, value_name = "D", default_value = "30s")]
    pub heartbeat: String,
    /// Exit code 4 when no feed is usable within this time
    #[arg(long, value_name = "D")]
    pub connect_timeout: Option<String>,
    /// How long the end may take
    #[arg(long, value_name = "D", default_value = "10s")]
    pub drain_timeout: String,
    /// Sinks of sinks.toml that hear of alerts; all of them when absent
    #[arg(long = "sink", value_name = "NAME,..", value_delimiter = ',')]
    pub sinks: Vec<String>,
    /// Sinks send nothing and log what they would
    #[arg(long)]
    pub dry_run: bool,
    /// Serve figures for Prometheus at this address, such as 127.0.0.1:9871
    #[arg(long, value_name = "ADDR")]
    pub metrics: Option<SocketAddr>,
    /// Where the token for --metrics is: `env:NAME`, `file:PATH` or `credential:NAME`
    #[arg(long, value_name = "WHERE", requires = "metrics")]
    pub metrics_token: Option<String>,
    /// Metrics whose values are served
    #[arg(long, value_name = "ID,..", value_delimiter = ',', requires = "metrics")]
    pub metrics_values: Vec<String>,
    /// Print rules for Prometheus and exit
    #[arg(long)]
    pub print_rules: bool,
    /// Print a dashboard for Grafana and exit
    #[arg(long)]
    pub print_dashboard: bool,
    /// Print the unit file for systemd and exit
    #[arg(long)]
    pub print_unit: bool,
    /// Scene of the demo: tour, calm, divergence, stale, cascade, outage, rule-change, oct25
    #[arg(long, default_value = "tour", value_name = "S")]
    pub scene: String,
    /// Seed of the demo
    #[arg(long, default_value_t = 7, value_name = "N")]
    pub seed: u64,
    /// Which real venues
    #[command(flatten)]
    pub live: LiveArgs,
}

/// Watches a source.
///
/// # Errors
/// A mistake of the command line or the configuration, a damaged journal, a source that fails.
pub fn watch(global: &Global, args: &WatchArgs) -> Result<u8, Failure> {
    let texts = [
        (args.print_unit, watch::UNIT),
        (args.print_rules, metrics::RULES),
        (args.print_dashboard, metrics::DASHBOARD),
    ];
    if let Some((_, text)) = texts.iter().find(|(is_asked, _)| *is_asked) {
        return print(text).map(|()| code::OK);
    }
    let clock = Clock::start();
    let until = Until {
        fail_on: look::severity(args.fail_on.as_deref())?,
        duration: look::nanos(args.duration.as_deref())?,
    };
    let with = Watching {
        until,
        heartbeat: look::nanos(Some(&args.heartbeat))?.unwrap_or(HEARTBEAT).max(SECOND),
        min_severity: look::severity(args.min_severity.as_deref())?.unwrap_or(Severity::Info),
        connect_timeout: look::nanos(args.connect_timeout.as_deref())?,
        drain_timeout: look::nanos(Some(&args.drain_timeout))?.unwrap_or(10 * SECOND),
        rules: args.live.rules.clone(),
        keeper: None,
        desks: Vec::new(),
        metrics: serve_at(args)?,
    };
    let is_recording = !matches!(args.source.as_str(), "live" | "demo");
    if is_recording {
        return headless::replay(Path::new(&args.source), &args.live.rules, None, until);
    }
    global.log.start(clock)?;
    // A demo reaches a receiver only where it is named.
    let is_quiet = args.source == "demo" && args.sinks.is_empty();
    let desks = if is_quiet { Vec::new() } else { sinks::desks(&args.sinks, args.dry_run)? };
    let keeper = keeper(args, !desks.is_empty(), clock)?;
    if keeper.is_none() && !desks.is_empty() {
        return Err(Failure::usage("sinks deliver from the journal: take --no-journal away"));
    }
    let with = Watching { keeper, desks, ..with };
    let session = if args.source == "live" {
        look::live_session(&args.live, look::record_to(args.live.record.as_deref())?, true)?
    } else {
        let record = args.live.record.clone();
        let underlyings = args.live.underlyings.clone();
        let (scene, seed, no_account) = (args.scene.clone(), args.seed, args.live.no_account);
        let demo = DemoArgs { scene, seed, speed: 1.0, underlyings, record, no_account };
        look::demo_session(&demo, &args.live, true)?.0
    };
    watch::watch(session, with, clock)
}

/// Where figures are served.
fn serve_at(args: &WatchArgs) -> Result<Option<ServeAt>, Failure> {
    let Some(at) = args.metrics else { return Ok(None) };
    let source = |text: &String| match text.split_once(':') {
        Some(("env", name)) => Ok(Source::Env(name.into())),
        Some(("file", path)) => Ok(Source::File(path.into())),
        Some(("credential", name)) => Ok(Source::Credential(name.into())),
        _ => Err(Failure::usage(
            "--metrics-token says where the token is: env:NAME, file:PATH or credential:NAME",
        )),
    };
    let token = match args.metrics_token.as_ref().map(source).transpose()? {
        None => None,
        Some(source) => {
            Some(secrets::read(&source).map_err(|e| Failure::secrets(format!("token from {source}: {e}")))?)
        }
    };
    if let Some(id) = args.metrics_values.iter().find(|id| find(id).is_none()) {
        return Err(unknown(id));
    }
    let allowed = if args.metrics_values.is_empty() {
        ALLOWED.iter().map(ToString::to_string).collect()
    } else {
        args.metrics_values.clone()
    };
    Ok(Some(ServeAt { at, token, allowed }))
}

/// The journal of a run. A demo keeps one only where it is named or has sinks, and never that of real alerts.
fn keeper(args: &WatchArgs, has_sinks: bool, clock: Clock) -> Result<Option<Keeper>, Failure> {
    let path = match &args.live.journal {
        Some(path) => path.clone(),
        None if args.live.no_journal => return Ok(None),
        None if args.source == "demo" && has_sinks => keeper::usual_path()?.with_file_name("demo.db"),
        None if args.source == "demo" => return Ok(None),
        None => keeper::usual_path()?,
    };
    Keeper::open(&path, clock).map(Some)
}
