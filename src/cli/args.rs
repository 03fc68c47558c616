//! The grammar of the command line. UX B.14.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// faultline: cross-venue risk surveillance for crypto derivatives.
///
/// With no command: the demo, on synthetic data and without network.
#[derive(Debug, Parser)]
#[command(name = "faultline", version, infer_subcommands = false, after_help = EXAMPLES)]
pub struct Args {
    /// Options of every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
}

const EXAMPLES: &str = "Examples:
  faultline                                     try it, no network needed
  faultline live --venues binance,okx,bybit     watch real venues
  faultline replay s-1121.mcap                  play a recording on the screen
  faultline replay s-1121.mcap --headless       its alerts as NDJSON
  faultline watch --source demo --for 60s       alerts of the demo as NDJSON
  faultline alerts ack A-7Q2MZK -m 'calling the desk'
  faultline snapshot map --plain | less         one screen as text

Exit codes: 0 done, 1 failure, 2 usage, 3 configuration, 4 no feed, 5 recording, 6 alerts, 8 partial.";

/// Options of every command.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Global {
    /// auto, always, never, true, 256, 16, mono
    #[arg(long, global = true, value_name = "WHEN", env = "FAULTLINE_COLOR")]
    pub color: Option<String>,
    /// Theme name
    #[arg(long, global = true, value_name = "NAME")]
    pub theme: Option<String>,
    /// Files and flags of the settings
    #[command(flatten)]
    pub settings: super::config::SettingFlags,
    /// Linear text, no screen drawing
    #[arg(long, global = true)]
    pub plain: bool,
    /// Take the mouse; :mouse on does the same
    #[arg(long, global = true)]
    pub mouse: bool,
    /// Zone of the times on the screen: UTC, local, Europe/London
    #[arg(long, global = true, value_name = "ZONE")]
    pub tz: Option<String>,
    /// Name for acknowledgements
    #[arg(long, global = true, value_name = "NAME")]
    pub operator: Option<String>,
    /// What is logged, and where
    #[command(flatten)]
    pub log: super::watch::LogArgs,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Live screen on real venues
    Live(LiveArgs),
    /// Play a recording on the screen, or headless
    Replay(ReplayArgs),
    /// Synthetic session, no network
    Demo(DemoArgs),
    /// Print one screen and exit
    Snapshot(SnapshotArgs),
    /// Headless alert mode: NDJSON on stdout
    Watch(Box<super::watch::WatchArgs>),
    /// Alerts of the journal: ls, show, ack, mute, resolve, export, verify
    Alerts(super::alerts::AlertsArgs),
    /// Record without screen
    Record(RecordArgs),
    /// Recordings: info, import, export
    #[command(subcommand)]
    Rec(RecCommand),
    /// Raw messages on stdin become events on stdout
    Decode(DecodeArgs),
    /// The venue simulator as a server on loopback
    Sim(DemoArgs),
    /// Venues: ls
    #[command(subcommand)]
    Venues(VenuesCommand),
    /// Alert rules: ls, show, explain, check, test, tune
    #[command(subcommand)]
    Rules(super::rules::RulesCommand),
    /// Law and venue rules with source and date: ls, show, diff, gaps, check, sources
    #[command(subcommand)]
    Regimes(super::regimes::RegimesCommand),
    /// What a shock would do to the market of a recording: ls, show, run
    #[command(subcommand)]
    Whatif(WhatifCommand),
    /// The keys of the screen, their conflicts, a cheat sheet
    Keys(super::keys::KeysArgs),
    /// Say what a metric is, or why its value in a recording is what it is
    Explain(ExplainArgs),
    /// Settings: path, show, check, schema, init, edit
    #[command(subcommand)]
    Config(super::config::ConfigCommand),
    /// Themes: ls, show, preview, check, roles
    #[command(subcommand)]
    Theme(super::theme::ThemeCommand),
    /// Check terminal, configuration, folders and own accounts
    Doctor(super::doctor::DoctorArgs),
    /// Completions for a shell: bash, zsh, fish, powershell, elvish
    Completions {
        /// Shell
        shell: clap_complete::Shell,
    },
    /// Manual pages: this command's to stdout, or all into a folder
    Man {
        /// Folder
        #[arg(long, value_name = "D")]
        dir: Option<PathBuf>,
    },
    /// JSON Schema of alert lines, settings or rules
    Schema {
        /// alert, config, rule
        what: String,
    },
}

/// What to explain.
#[derive(Clone, Debug, clap::Args)]
pub struct ExplainArgs {
    /// Metric id, or nothing for a list
    #[arg(value_name = "METRIC", default_value = "")]
    pub metric: String,
    /// A recording: explain a value in it
    #[arg(long = "in", value_name = "FILE", requires = "metric")]
    pub file: Option<PathBuf>,
    /// When: RFC 3339 or HH:MM:SS; without it at the end
    #[arg(long, value_name = "TIME", requires = "file")]
    pub at: Option<String>,
    /// Venue id
    #[arg(long, value_name = "V", requires = "file", default_value = "")]
    pub venue: String,
    /// Underlying
    #[arg(long, value_name = "U", requires = "file", default_value = "")]
    pub underlying: String,
}

/// Which real venues.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct LiveArgs {
    /// Venue ids or brands; all when absent
    #[arg(long, value_delimiter = ',', value_name = "V,..")]
    pub venues: Vec<String>,
    /// Assets; all when absent
    #[arg(long, value_delimiter = ',', value_name = "U,..")]
    pub underlyings: Vec<String>,
    /// Record to this folder; without a value to the data folder
    #[arg(long, num_args = 0..=1, default_missing_value = "", value_name = "DIR")]
    pub record: Option<PathBuf>,
    /// Rule files instead of the configured ones
    #[arg(long, value_name = "F,..", value_delimiter = ',')]
    pub rules: Vec<PathBuf>,
    /// Reach a venue at a loopback address: bybit=127.0.0.1:4000
    #[arg(long, value_name = "V=ADDR")]
    pub redirect: Vec<String>,
    /// The market as clients see it: EU:retail, US:institutional, AE-DU:professional
    #[arg(long, value_name = "REGIME:CLASS")]
    pub as_seen_from: Option<String>,
    /// Own positions from a CSV or JSON file, for accounts without keys here
    #[arg(long, value_name = "FILE")]
    pub positions: Option<PathBuf>,
    /// File of own accounts instead of accounts.toml of the configuration
    #[arg(long, value_name = "FILE", conflicts_with = "no_account")]
    pub accounts: Option<PathBuf>,
    /// Without own accounts
    #[arg(long)]
    pub no_account: bool,
    /// Alert journal; that of this machine when absent
    #[arg(long, value_name = "FILE", conflicts_with = "no_journal")]
    pub journal: Option<PathBuf>,
    /// Without the alert journal: nothing is restored and nothing is kept
    #[arg(long)]
    pub no_journal: bool,
}

/// What the demo plays.
#[derive(Clone, Debug, clap::Args)]
pub struct DemoArgs {
    /// tour, calm, divergence, stale, cascade, outage, rule-change, oct25
    #[arg(long, default_value = "tour", value_name = "S")]
    pub scene: String,
    /// The same seed gives the same market
    #[arg(long, default_value_t = 7, value_name = "N")]
    pub seed: u64,
    /// Simulated seconds per second, 0.1 to 100
    #[arg(long, default_value_t = 1.0, value_name = "X")]
    pub speed: f64,
    /// Assets; all when absent
    #[arg(long, value_delimiter = ',', value_name = "U,..")]
    pub underlyings: Vec<String>,
    /// Record to this folder; without a value to the data folder
    #[arg(long, num_args = 0..=1, default_missing_value = "", value_name = "DIR")]
    pub record: Option<PathBuf>,
    /// Without the simulator's own account
    #[arg(long)]
    pub no_account: bool,
}

impl Default for DemoArgs {
    fn default() -> Self {
        let (underlyings, record) = (Vec::new(), None);
        DemoArgs { scene: "tour".into(), seed: 7, speed: 1.0, underlyings, record, no_account: false }
    }
}

/// How to play a recording.
#[derive(Clone, Debug, clap::Args)]
pub struct ReplayArgs {
    /// Recording
    pub file: PathBuf,
    /// Begin here: RFC 3339 or HH:MM:SS of the recording's day
    #[arg(long, value_name = "T")]
    pub from: Option<String>,
    /// Recording seconds per second, or `max`
    #[arg(long, default_value = "1", value_name = "X")]
    pub speed: String,
    /// Stand still at the start
    #[arg(long)]
    pub paused: bool,
    /// Rule files instead of those of the recording
    #[arg(long, value_name = "F,..", value_delimiter = ',')]
    pub rules: Vec<PathBuf>,
    /// Full speed, alert lines on stdout
    #[arg(long)]
    pub headless: bool,
    /// With --headless: exit code 6 when an alert of this severity is raised
    #[arg(long, value_name = "SEV")]
    pub fail_on: Option<String>,
}

/// Which screen to print.
#[derive(Clone, Debug, clap::Args)]
pub struct SnapshotArgs {
    /// map, leverage, liquidity, alerts, rulebook, feeds, positions
    pub screen: String,
    /// Sentences and tables (the default)
    #[arg(long, conflicts_with = "json")]
    pub plain: bool,
    /// One JSON object
    #[arg(long)]
    pub json: bool,
    /// A picture of the screen
    #[arg(long, conflicts_with_all = ["json", "plain"])]
    pub svg: bool,
    /// Columns and rows of the picture
    #[arg(long, value_name = "WxH", default_value = "120x40", requires = "svg")]
    pub size: String,
    /// demo, live, or a recording, `FILE@T` for its state at T
    #[arg(long, value_name = "SRC", default_value = "demo", alias = "at")]
    pub source: String,
    /// Metric of the map
    #[arg(long, value_name = "ID")]
    pub metric: Option<String>,
    /// Which real venues
    #[command(flatten)]
    pub live: LiveArgs,
}

/// Recording without a screen.
#[derive(Clone, Debug, clap::Args)]
pub struct RecordArgs {
    /// Folder
    #[arg(short = 'o', long = "out", value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// live or demo
    #[arg(long, default_value = "live", value_name = "SRC")]
    pub source: String,
    /// End after this time: 30s, 5m, 8h
    #[arg(long = "for", value_name = "D")]
    pub duration: Option<String>,
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

/// Tools for recordings.
#[derive(Debug, Subcommand)]
pub enum RecCommand {
    /// Counts, rates, ending
    Info {
        /// Recording
        file: PathBuf,
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
    /// Foreign captures become a recording: --venue V FILE.. [--venue W FILE..] -o REC
    Import(ImportArgs),
    /// Tables of a recording
    Export(ExportArgs),
}

/// Import of foreign captures.
#[derive(Debug, clap::Args)]
pub struct ImportArgs {
    /// raw, cryptofeed, tardis
    #[arg(long, default_value = "raw", value_name = "F")]
    pub format: String,
    /// Venue id and its files; may be repeated. `.rest.` files hold REST answers, `.zst` is read
    #[arg(long, num_args = 1.., value_name = "V FILE", required = true)]
    pub venue: Vec<String>,
    /// Files, when only one venue id stands after --venue
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// New recording; must not exist
    #[arg(short = 'o', long = "out", value_name = "REC")]
    pub output: PathBuf,
}

/// Export of tables.
#[derive(Clone, Debug, clap::Args)]
pub struct ExportArgs {
    /// Recording
    pub file: PathBuf,
    /// csv or ndjson
    #[arg(long, default_value = "csv", value_name = "FMT")]
    pub to: String,
    /// metrics
    #[arg(long, default_value = "metrics", value_name = "T")]
    pub table: String,
    /// Distance of sampled instants: 100ms, 1s, 1m
    #[arg(long, default_value = "1s", value_name = "D")]
    pub every: String,
    /// Metric ids; all when absent
    #[arg(long, value_delimiter = ',', value_name = "ID,..")]
    pub metric: Vec<String>,
    /// First instant written: RFC 3339 or HH:MM:SS of the recording's day
    #[arg(long, value_name = "T")]
    pub from: Option<String>,
    /// Folder
    #[arg(short = 'o', long = "out", value_name = "DIR", default_value = ".")]
    pub output: PathBuf,
}

/// Raw messages to events.
#[derive(Clone, Debug, clap::Args)]
pub struct DecodeArgs {
    /// Venue id
    #[arg(long, value_name = "ID")]
    pub venue: String,
    /// REST answer with the instrument list
    #[arg(long, value_name = "FILE")]
    pub symbol_info: Option<PathBuf>,
}

/// Venues.
#[derive(Debug, Subcommand)]
pub enum VenuesCommand {
    /// Known venues
    Ls {
        /// What each venue tells: streamed, polled, none, or unknown
        #[arg(long)]
        caps: bool,
    },
    /// Run venues for a while and say what works: exit 0 when all do, else 1
    Test {
        /// demo (the simulator) or live
        #[arg(long, default_value = "demo", value_name = "SRC")]
        source: String,
        /// How long
        #[arg(long = "for", default_value = "20s", value_name = "D")]
        duration: String,
        /// Which venues and how
        #[command(flatten)]
        live: Box<LiveArgs>,
    },
}

/// What-if scenarios. They run beside a recording and write no alert.
#[derive(Debug, Subcommand)]
pub enum WhatifCommand {
    /// Scenarios by name
    Ls,
    /// Text of a scenario
    Show {
        /// Name, or a file that ends in .toml
        name: String,
    },
    /// Run a scenario on the state of a recording
    Run(WhatifArgs),
}

/// Which scenario on which state.
#[derive(Clone, Debug, clap::Args)]
pub struct WhatifArgs {
    /// Name, or a file that ends in .toml
    #[arg(value_name = "SCENARIO")]
    pub name: String,
    /// Recording and instant: FILE@HH:MM:SS or FILE@RFC3339; without T its first critical alert, else its end
    #[arg(long, value_name = "FILE[@T]")]
    pub on: String,
    /// Assets; those of the scenario, else all, when absent
    #[arg(long, value_delimiter = ',', value_name = "U,..")]
    pub underlyings: Vec<String>,
    /// One JSON object
    #[arg(long)]
    pub json: bool,
}
