//! Floor 4: wiring. Sources (live, demo, replay) meet faces (screen, headless, files); nothing here
//! knows a venue's name or computes a figure.
//!
//! | file | duty |
//! |---|---|
//! | `setup` | which venues and rules a run uses |
//! | `secrets` | keys of own accounts from where the user keeps them |
//! | `configure` | which files settings come from |
//! | `looks` | depth, characters and theme for this terminal, and why |
//! | `pace` | how many pictures a second |
//! | `reload` | watches files of the configuration |
//! | `spoken` | sentences and line commands as face |
//! | `host` | machine and terminal, for `doctor` |
//! | `bench` | what-if runs of a session, beside the core |
//! | `core` | the one thread that owns all state: gives `seq`, records, folds, publishes |
//! | `tee` | the recorder's thread and its bounded queue |
//! | `source` | feeds of real venues or of the simulator |
//! | `given` | positions from a file |
//! | `metrics` | figures and alerts over HTTP, to read |
//! | `player` | a recording as source: speed, pause, step, seek |
//! | `probe` | what the terminal says it can do |
//! | `outlet` | the one way to the terminal: it never waits |
//! | `shelf` | recordings on this machine, for the screen |
//! | `ring` | what the program says, for the screen |
//! | `screen` | the terminal as face |
//! | `desk` | what the screen leaves outside of itself: copies, exports, layouts |
//! | `guard` | takes the terminal over and always gives it back |
//! | `keeper` | the journal of a session: written first, restored at the start, asked by others |
//! | `alerts` | what an operator does to alerts from another process |
//! | `headless` | a recording as NDJSON |
//! | `service` | what doctor says of journal, sinks and unit file |
//! | `sinks` | which sinks a run has, with their secrets |
//! | `watch` | a session as NDJSON: the face of services |
//! | `log` | what a run says about itself, on stderr or in a file |
//! | `export` | metric series as files |
//! | `explain` | why a value of a recording is what it is |
//! | `doctor` | what could be wrong on this machine |
//! | `trial` | which venues work |
//! | `whatif` | what a scenario would do to the state of a recording |
//! | `regimes` | law and venue rules as text and JSON |
//! | `rules` | what alert rules raise on recordings |
//! | `failure` | exit codes and their words |

pub mod alerts;
pub mod bench;
pub mod configure;
pub mod core;
mod desk;
pub mod doctor;
pub mod explain;
pub mod export;
pub mod failure;
pub mod given;
mod guard;
pub mod headless;
pub mod host;
pub mod keeper;
pub mod log;
pub mod looks;
pub mod metrics;
mod outlet;
mod pace;
pub mod player;
pub mod probe;
pub mod regimes;
pub mod reload;
pub mod ring;
pub mod rules;
pub mod screen;
pub mod secrets;
pub mod service;
pub mod setup;
pub mod shelf;
pub mod sinks;
pub mod source;
pub mod spoken;
pub mod tee;
pub mod trial;
pub mod watch;
pub mod whatif;

pub use failure::Failure;
