//! Floor 3: alert lines are delivered. One task per sink, each with its own cursor into the journal.
//!
//! A line that cannot be delivered waits in the journal and is tried again; what comes behind it waits too,
//! so that a receiver hears things in their order. A restart goes on at the cursor: a line may come twice
//! then, under the same key. Nothing is lost on a full queue, for the queue is the journal.

mod file;
mod guard;
mod http;
mod program;
mod stats;
mod task;
mod wire;

pub use stats::{Stats, Tally};

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::clock::Clock;
use crate::sink::{self, Desk};
use crate::store::{Journal, StoreError};
use task::Task;

/// All sinks of a run.
#[derive(Debug)]
pub struct Courier {
    runtime: Runtime,
    stop: watch::Sender<bool>,
    tasks: Vec<(String, bool, JoinHandle<()>)>,
    stats: Arc<Stats>,
}

/// A sink that still had something to deliver when the time was over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undelivered {
    /// Its name.
    pub sink: String,
    /// It was required.
    pub is_required: bool,
}

impl Courier {
    /// Starts a task per sink over a journal that exists.
    ///
    /// # Errors
    /// The journal cannot be read, or no threads are to be had.
    pub fn start(journal: &Path, desks: Vec<Desk>, clock: Clock) -> Result<Courier, StoreError> {
        let machine = |e: std::io::Error| StoreError::Machine { path: journal.into(), words: e.to_string() };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("sinks")
            .enable_all()
            .build()
            .map_err(machine)?;
        let (stop, stopped) = watch::channel(false);
        let stats = Arc::new(Stats::default());
        let mut tasks = Vec::new();
        for desk in desks {
            let Some(kind) = sink::find(&desk.spec.kind) else { continue };
            let (name, is_required) = (desk.spec.name.clone(), desk.spec.required);
            let own = Journal::join(journal)?;
            let task = Task::new(desk, kind, own, clock, Arc::clone(&stats), stopped.clone())?;
            tasks.push((name, is_required, runtime.spawn(task.run())));
        }
        Ok(Courier { runtime, stop, tasks, stats })
    }

    /// How the sinks do.
    pub fn stats(&self) -> Arc<Stats> {
        Arc::clone(&self.stats)
    }

    /// Delivers what the journal holds, as far as the time allows, and says which sinks could not.
    pub fn drain(self, most: Duration) -> Vec<Undelivered> {
        let Courier { runtime, stop, tasks, .. } = self;
        let _told = stop.send(true);
        let missed = runtime.block_on(async {
            let until = tokio::time::Instant::now() + most;
            let mut missed = Vec::new();
            for (sink, is_required, task) in tasks {
                if tokio::time::timeout_at(until, task).await.is_err() {
                    missed.push(Undelivered { sink, is_required });
                }
            }
            missed
        });
        runtime.shutdown_background();
        missed
    }
}

/// Sends one test message to a sink, without journal, retries or filters.
///
/// # Errors
/// What the receiver, or the way to it, says.
pub fn test(desk: &Desk, line: &str, clock: Clock) -> Result<(), String> {
    let kind = sink::find(&desk.spec.kind).ok_or("unknown kind")?;
    let parsed = sonic_rs::from_str(line).map_err(|e| e.to_string())?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
    let told = sink::Told { line: &parsed, text: line, now: clock.now(), before: None, receipt: None };
    let mut van = task::Van::new(desk.clone());
    for parcel in kind.parcels(desk, &told) {
        runtime.block_on(van.send(parcel)).map_err(|e| e.words)?;
    }
    Ok(())
}
