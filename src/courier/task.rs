//! The task of one sink: from the cursor onward, each line judged, sent, tried again, given up and said.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;
use tracing::{debug, error, info, warn};

use super::stats::Stats;
use super::{file, http, program, wire};
use crate::clock::Clock;
use crate::model::Nanos;
use crate::model::alert::{AlertLine, AlertState, Severity};
use crate::model::time::{MS, SECOND};
use crate::sink::hearing::{self, Known, Verdict};
use crate::sink::{self, Desk, Parcel, Sink, notice};
use crate::store::post::ToldOf;
use crate::store::{Journal, Kept, Record, StoreError};

/// Entries read at once.
const PAGE_MAX: i64 = 64;
/// How often the journal is looked at.
const NAP: Duration = Duration::from_millis(200);
/// First and longest pause between two attempts.
const PAUSE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(60));
/// A sink that fails for this long is told of by the others.
const FAILING: i64 = 30 * SECOND;
/// How often alerts that were held back are looked at.
const HELD: i64 = 5 * SECOND;
/// How long the end of an alert is repeated where the receiver wants repetitions.
const ENDED: i64 = 15 * 60 * SECOND;

/// Why something was not delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// What the receiver, or the way to it, says.
    pub(super) words: String,
    /// Trying again may help.
    pub(super) is_passing: bool,
    /// The receiver asks for this pause.
    pub(super) pause: Option<Duration>,
}

impl Fault {
    pub(super) fn again(words: impl Into<String>) -> Fault {
        Fault { words: words.into(), is_passing: true, pause: None }
    }

    pub(super) fn never(words: impl Into<String>) -> Fault {
        Fault { words: words.into(), is_passing: false, pause: None }
    }
}

/// Sends parcels of one sink.
pub(super) struct Van {
    desk: Desk,
}

impl Van {
    pub(super) fn new(desk: Desk) -> Van {
        Van { desk }
    }

    /// Sends a parcel; the receiver's answer.
    pub(super) async fn send(&mut self, parcel: Parcel) -> Result<String, Fault> {
        let spec = &self.desk.spec;
        let patience = Duration::from_millis(spec.timeout_ms);
        if spec.dry_run {
            info!(code = "FL-3401", sink = spec.name, "dry run: {} is not sent", name(&parcel));
            return Ok(String::new());
        }
        match parcel {
            Parcel::Post(post) => http::send(&post, &spec.allow, patience).await,
            Parcel::Append(line, is_synced) => {
                let path = spec.path.as_deref().unwrap_or_default();
                file::append(path, &line, is_synced, spec.rotate_mb).map(|()| String::new())
            }
            Parcel::Bytes(bytes) => {
                let url = spec.path.as_deref().unwrap_or(self.desk.url());
                wire::send(url, &bytes, &spec.allow, patience).await.map(|()| String::new())
            }
            Parcel::Feed(text) => program::run(&spec.argv, text, patience).await.map(|()| String::new()),
        }
    }
}

const fn name(parcel: &Parcel) -> &'static str {
    match parcel {
        Parcel::Post(_) => "a request",
        Parcel::Append(..) => "a line",
        Parcel::Bytes(_) => "a message",
        Parcel::Feed(_) => "a run",
    }
}

/// The task.
pub(super) struct Task {
    name: String,
    /// Name of its cursor; a rehearsal has one of its own.
    cursor: String,
    desk: Desk,
    kind: &'static dyn Sink,
    journal: Journal,
    van: Van,
    clock: Clock,
    stats: Arc<Stats>,
    stop: watch::Receiver<bool>,
    at: i64,
    next_held: Nanos,
    next_standing: Nanos,
    /// Since when nothing was delivered.
    failing: Option<Nanos>,
    is_told: bool,
    /// Messages that may leave now, and when that was counted.
    allowance: (f64, Nanos),
}

impl Task {
    pub(super) fn new(
        desk: Desk,
        kind: &'static dyn Sink,
        journal: Journal,
        clock: Clock,
        stats: Arc<Stats>,
        stop: watch::Receiver<bool>,
    ) -> Result<Task, StoreError> {
        let name = desk.spec.name.clone();
        let cursor = if desk.spec.dry_run { format!("{name}#dry") } else { name.clone() };
        let at = journal.cursor(&cursor)?;
        let now = clock.now();
        stats.change(&name, |_| ());
        Ok(Task {
            van: Van::new(desk.clone()),
            allowance: (f64::from(desk.spec.per_minute), now),
            name,
            cursor,
            desk,
            kind,
            journal,
            clock,
            stats,
            stop,
            at,
            next_held: now,
            next_standing: now,
            failing: None,
            is_told: false,
        })
    }

    /// Runs until told to stop and nothing is left.
    pub(super) async fn run(mut self) {
        loop {
            match self.turn().await {
                Ok(true) => {}
                Ok(false) => {
                    if *self.stop.borrow() {
                        return;
                    }
                    sleep(NAP).await;
                }
                Err(error) => {
                    error!(code = "FL-3402", sink = self.name, "the journal cannot be read: {error}");
                    sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }

    /// One page of the journal. False when there was nothing.
    async fn turn(&mut self) -> Result<bool, StoreError> {
        let page = self.journal.after(self.at, PAGE_MAX)?;
        let (is_empty, name) = (page.is_empty(), self.name.clone());
        if is_empty {
            self.stats.change(&name, |t| t.age_ms = 0);
        }
        for kept in page {
            let age_ms = self.clock.now().since(kept.at) / MS;
            self.stats.change(&name, |t| t.age_ms = age_ms.max(0));
            if matches!(kept.kind.as_str(), "line" | "notice") {
                self.line(&kept).await?;
            }
            self.at = kept.n;
            self.journal.advance(&self.cursor, kept.n)?;
        }
        let now = self.clock.now();
        if is_empty && now >= self.next_held {
            self.next_held = now.plus(HELD);
            self.held().await?;
        }
        if is_empty && self.kind.has_standing() && now >= self.next_standing && !*self.stop.borrow() {
            let resend = i64::try_from(self.desk.spec.resend_ms).unwrap_or(60_000).saturating_mul(MS);
            self.next_standing = now.plus(resend);
            self.standing(now).await?;
        }
        Ok(!is_empty)
    }

    async fn line(&mut self, kept: &Kept) -> Result<(), StoreError> {
        let Ok(line) = sonic_rs::from_str::<AlertLine>(&kept.body) else {
            warn!(
                code = "FL-3403",
                sink = self.name,
                entry = kept.n,
                "a line of another version is left out"
            );
            return Ok(());
        };
        if notice::is_about(&line, &self.name) {
            return Ok(());
        }
        let known = self.known(&line)?;
        match hearing::judge(&self.desk.spec, &line, known, self.clock.now()) {
            Verdict::Tell => self.deliver(kept.n, &line, &kept.body, known).await,
            Verdict::Hold | Verdict::Skip => {
                let name = self.name.clone();
                self.stats.change(&name, |t| t.skipped += 1);
                Ok(())
            }
        }
    }

    fn known(&self, line: &AlertLine) -> Result<Option<Known>, StoreError> {
        let told = self.journal.told(&self.cursor, &line.fingerprint)?;
        Ok(told.map(|t| Known { at: t.at, severity: t.severity, is_open: t.is_open }))
    }

    /// Open alerts that were held back, or muted, and may be told by now.
    async fn held(&mut self) -> Result<(), StoreError> {
        for row in self.journal.open_alerts()? {
            if row.n > self.at {
                continue; // on its way
            }
            let Ok(line) = sonic_rs::from_str::<AlertLine>(&row.body) else { continue };
            let known = self.known(&line)?;
            // Only what came back: a sink that is new does not hear of what was open before it.
            let is_back = known.is_some_and(|k| !k.is_open);
            if is_back && hearing::judge(&self.desk.spec, &line, known, self.clock.now()) == Verdict::Tell {
                self.deliver(row.n, &line, &row.body, known).await?;
            }
        }
        Ok(())
    }

    async fn standing(&mut self, now: Nanos) -> Result<(), StoreError> {
        let mut lines = Vec::new();
        for row in self.journal.alerts()? {
            let is_recent = now.since(row.changed) < ENDED;
            if row.n > self.at || row.state == "resolved" && !is_recent {
                continue;
            }
            let Ok(line) = sonic_rs::from_str::<AlertLine>(&row.body) else { continue };
            if self.known(&line)?.is_some_and(|k| k.is_open || line.state == AlertState::Resolved) {
                lines.push(line);
            }
        }
        for parcel in self.kind.standing(&self.desk, &lines, now) {
            match self.van.send(parcel).await {
                Ok(_) => self.works(),
                Err(fault) => self.fails(&fault.words),
            }
        }
        Ok(())
    }

    /// Sends a line until it is taken, or given up.
    async fn deliver(
        &mut self,
        n: i64,
        line: &AlertLine,
        text: &str,
        known: Option<Known>,
    ) -> Result<(), StoreError> {
        self.pace().await;
        let (started, mut attempt) = (self.clock.now(), 0u32);
        let give_up = i64::try_from(self.desk.spec.give_up_ms).unwrap_or(i64::MAX / MS).saturating_mul(MS);
        loop {
            let now = self.clock.now();
            match self.attempt(line, text, known, now).await? {
                Ok(()) => {
                    let known = hearing::after(line, known, now);
                    let told = ToldOf { at: known.at, severity: known.severity, is_open: known.is_open };
                    self.journal.tell(&self.cursor, &line.fingerprint, told)?;
                    let name = self.name.clone();
                    self.stats.change(&name, |t| t.delivered += 1);
                    debug!(code = "FL-3404", sink = self.name, id = line.id, event = line.event, "delivered");
                    self.works();
                    return Ok(());
                }
                Err(fault) => {
                    self.fails(&fault.words);
                    if !fault.is_passing || now.since(started) >= give_up {
                        self.journal.bury(&self.cursor, n, now, &fault.words)?;
                        let name = self.name.clone();
                        self.stats.change(&name, |t| t.given_up += 1);
                        error!(code = "FL-3405", sink = self.name, id = line.id, "given up: {}", fault.words);
                        self.tell_others(Some(&fault.words));
                        return Ok(());
                    }
                    sleep(fault.pause.unwrap_or_else(|| pause(&self.name, n, attempt))).await;
                    attempt = attempt.saturating_add(1);
                }
            }
        }
    }

    /// All parcels of a line, in order.
    async fn attempt(
        &mut self,
        line: &AlertLine,
        text: &str,
        known: Option<Known>,
        now: Nanos,
    ) -> Result<Result<(), Fault>, StoreError> {
        let receipt = self.journal.receipt(&self.cursor, &line.fingerprint)?;
        let before: Option<Severity> = known.filter(|k| k.is_open).map(|k| k.severity);
        let told = sink::Told { line, text, now, before, receipt };
        for parcel in self.kind.parcels(&self.desk, &told) {
            let (keeps, forgets) = match &parcel {
                Parcel::Post(post) => (post.keeps, post.forgets),
                _ => (None, false),
            };
            let answer = match self.van.send(parcel).await {
                Ok(answer) => answer,
                Err(fault) => return Ok(Err(fault)),
            };
            if forgets {
                self.journal.keep_receipt(&self.cursor, &line.fingerprint, None)?;
            }
            if let Some(value) = keeps.and_then(|field| field_of(&answer, field)) {
                self.journal.keep_receipt(&self.cursor, &line.fingerprint, Some(&value))?;
            }
        }
        Ok(Ok(()))
    }

    /// Waits until the rate allows one more message. Nothing is dropped: what waits is in the journal.
    async fn pace(&mut self) {
        let most = f64::from(self.desk.spec.per_minute);
        loop {
            let now = self.clock.now();
            let (left, at) = self.allowance;
            let left = (left + now.since(at) as f64 / (60 * SECOND) as f64 * most).min(most);
            if left >= 1.0 {
                self.allowance = (left - 1.0, now);
                return;
            }
            self.allowance = (left, now);
            sleep(NAP).await;
        }
    }

    fn works(&mut self) {
        if self.failing.take().is_some() {
            info!(code = "FL-3406", sink = self.name, "delivers again");
            let name = self.name.clone();
            self.stats.change(&name, |t| t.trouble = None);
        }
        if std::mem::take(&mut self.is_told) {
            self.tell_others(None);
        }
    }

    fn fails(&mut self, words: &str) {
        warn!(code = "FL-3407", sink = self.name, "not delivered: {words}");
        let name = self.name.clone();
        self.stats.change(&name, |t| {
            t.failed += 1;
            t.trouble = Some(words.to_string());
        });
        let now = self.clock.now();
        let since = *self.failing.get_or_insert(now);
        if now.since(since) >= FAILING && !self.is_told {
            self.tell_others(Some(words));
        }
    }

    /// The other sinks hear of this one through the journal.
    fn tell_others(&mut self, why: Option<&str>) {
        if why.is_some() && std::mem::replace(&mut self.is_told, true) {
            return;
        }
        let now = self.clock.now();
        let line = notice::line(&self.name, why, self.desk.spec.required, now);
        if let Err(error) = self.journal.append(now, &[Record::Notice(line)]) {
            error!(code = "FL-3408", sink = self.name, "cannot be told of: {error}");
        }
    }
}

/// A pause that doubles, spread by half so that many lines do not come back at once.
fn pause(sink: &str, n: i64, attempt: u32) -> Duration {
    let whole = PAUSE.0.saturating_mul(2u32.saturating_pow(attempt.min(16))).min(PAUSE.1);
    let hash = blake3::hash(format!("{sink}/{n}/{attempt}").as_bytes());
    let share = hash.as_bytes().first().map_or(0, |b| u32::from(*b));
    whole / 2 + whole / 2 * share / 255
}

fn field_of(answer: &str, field: &str) -> Option<String> {
    let fields: std::collections::BTreeMap<String, String> = sonic_rs::from_str(answer).ok()?;
    fields.get(field).cloned()
}
