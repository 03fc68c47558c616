//! A trial of venues: runs a session for a while and says of each venue what works and what does not.

use std::time::Duration;

use super::screen::Session as _;
use super::source::Session;
use crate::model::event::Channel;
use crate::model::venue::VenueSpec;
use crate::snapshot::{Ask, FeedState, Pages, Snapshot};

/// How often the session is looked at.
const LOOK: Duration = Duration::from_millis(200);

/// One venue's result.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Venue id.
    pub venue: String,
    /// Channels that spoke.
    pub alive: Vec<&'static str>,
    /// Channels that were promised and said nothing, though they send all the time.
    pub silent: Vec<String>,
    /// Channels that were promised and said nothing: they speak only when something happens.
    pub quiet: Vec<String>,
    /// Books compared with a snapshot, and how many were wrong.
    pub audits: (u64, u64),
    /// Own accounts that stated their positions.
    pub accounts: usize,
    /// What does not work, in words. Empty means that the venue passes.
    pub faults: Vec<String>,
}

impl Verdict {
    /// True when nothing is wrong.
    pub fn is_passed(&self) -> bool {
        self.faults.is_empty()
    }
}

/// Runs for `time` and judges every venue of `specs`.
pub fn run(session: &Session, specs: &[VenueSpec], time: Duration) -> Vec<Verdict> {
    let pages = Pages { portfolio: true, ..Pages::default() };
    session.ask(Ask { pages, ..Ask::default() });
    let rounds = time.as_millis() / LOOK.as_millis();
    let mut troubled: Vec<(String, FeedState)> = Vec::new();
    for round in 0..rounds {
        std::thread::sleep(LOOK);
        let snapshot = session.snapshot();
        // The first half is for joining books; afterwards a venue must stay up.
        if round * 2 > rounds {
            for venue in snapshot.venues.iter().filter(|v| v.state != FeedState::Ok) {
                if !troubled.iter().any(|(id, _)| *id == venue.id) {
                    troubled.push((venue.id.clone(), venue.state));
                }
            }
        }
    }
    let snapshot = session.snapshot();
    specs.iter().map(|spec| judge(spec, &snapshot, &troubled)).collect()
}

fn judge(spec: &VenueSpec, snapshot: &Snapshot, troubled: &[(String, FeedState)]) -> Verdict {
    let mut verdict = Verdict { venue: spec.id.clone(), ..Verdict::default() };
    let rows = || snapshot.feeds.iter().filter(|f| f.venue == spec.id);
    for row in rows().filter(|r| r.age_ms.is_some()) {
        verdict.alive.push(row.channel);
    }
    for channel in Channel::ALL.into_iter().filter(|c| c.is_market()) {
        let word = channel.word();
        let is_promised = spec.endpoints.iter().any(|e| e.channels.iter().any(|c| c == word));
        // Some venues state open interest with the ticker: then its figure is the proof.
        let is_told = channel == Channel::OpenInterest && has_figure(snapshot, &spec.id, "oi_usd");
        if !is_promised || is_told || verdict.alive.contains(&word) {
            continue;
        }
        let on_change = spec.channels.get(word).is_some_and(|c| c.on_change || c.poll_ms > 0);
        let list = if on_change { &mut verdict.quiet } else { &mut verdict.silent };
        list.push(word.to_string());
    }
    if let Some(row) = rows().next() {
        verdict.audits = (row.audits, row.audit_mismatches);
        if row.undecodable > 0 {
            verdict.faults.push(format!("{} frames did not decode", row.undecodable));
        }
        if row.audit_mismatches > 0 {
            verdict.faults.push(format!("{} audited books were wrong", row.audit_mismatches));
        }
        if !row.last_error.is_empty() {
            verdict.faults.push(row.last_error.clone());
        }
    } else {
        verdict.faults.push("nothing was heard".into());
    }
    if !verdict.silent.is_empty() {
        verdict.faults.push(format!("silent: {}", verdict.silent.join(", ")));
    }
    if let Some((_, state)) = troubled.iter().find(|(id, _)| *id == spec.id) {
        verdict.faults.push(format!("was {} in the second half", state.word()));
    }
    let accounts = snapshot.portfolio.iter().flat_map(|p| &p.accounts).filter(|a| a.venue == spec.id);
    for account in accounts {
        if account.trouble.is_empty() {
            verdict.accounts += 1;
        } else {
            verdict.faults.push(format!("account {}: {}", account.name, account.trouble));
        }
    }
    verdict
}

/// True when a metric of the map has a value for some underlying of a venue.
fn has_figure(snapshot: &Snapshot, venue: &str, metric: &str) -> bool {
    let columns = snapshot.underlyings.len();
    let row = snapshot.venues.iter().position(|v| v.id == venue);
    let grid = snapshot.grids.iter().find(|g| g.metric == metric);
    let cells = row.zip(grid).and_then(|(row, g)| g.cells.get(row * columns..(row + 1) * columns));
    cells.unwrap_or_default().iter().any(|c| c.value.is_some())
}
