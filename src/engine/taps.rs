//! What screens look back at: places of messages on the tape, messages of a venue that is looked at, what
//! happened, and the evidence that was kept for alerts. No metric and no rule reads it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::model::Nanos;
use crate::model::alert::{AlertEvent, Severity};
use crate::model::entry::{Control, OperatorAction};
use crate::model::event::{Body, Event};
use crate::snapshot::Evidence;
use crate::snapshot::desk::{Actor, LogLine};
use crate::snapshot::evidence::FrameView;

/// Messages whose place on the tape is remembered.
const MARKS_KEPT: usize = 8_192;
/// Messages of the watched venue.
const FRAMES_KEPT: usize = 24;
/// Bytes of a message that are kept as text.
const FRAME_BYTES_KEPT: usize = 2_048;
/// Events of a message that are told.
const EVENTS_KEPT: usize = 12;
/// Lines of the log.
const LOG_LINES_KEPT: usize = 1_000;
/// Characters of a line of the log.
const LOG_CHARS_MAX: usize = 400;
/// Alerts whose evidence is kept.
const EVIDENCE_KEPT: usize = 64;
/// Hex digits of a hash that are shown.
const HASH_DIGITS: usize = 16;

/// Where a message stands on the tape.
#[derive(Clone, Copy, Debug)]
struct Mark {
    venue: u16,
    at: Nanos,
    seq: u64,
}

/// What is looked at: a venue, and an underlying unless all of it is.
pub type Watched = (u16, Option<u16>);

/// See the module.
#[derive(Debug, Default)]
pub struct Taps {
    /// Entry that is folded.
    pub seq: u64,
    marks: Vec<Mark>,
    next: usize,
    watched: Option<Watched>,
    /// The newest message of the watched venue, and whether it is about the watched underlying.
    open: Option<(FrameView, bool)>,
    frames: VecDeque<FrameView>,
    log: VecDeque<LogLine>,
    kept: VecDeque<Arc<Evidence>>,
}

impl Taps {
    /// A message arrived.
    #[inline]
    pub fn taken(&mut self, venue: u16, at: Nanos) {
        let mark = Mark { venue, at, seq: self.seq };
        if self.marks.len() < MARKS_KEPT {
            self.marks.push(mark);
            return;
        }
        if let Some(place) = self.marks.get_mut(self.next) {
            *place = mark;
        }
        self.next = (self.next + 1) % MARKS_KEPT;
    }

    /// First place on the tape of what a venue sent at an instant, for each that is asked for.
    pub fn places(&self, wanted: &[(u16, Nanos)]) -> Vec<Option<u64>> {
        let mut found: BTreeMap<(u16, Nanos), Option<u64>> = wanted.iter().map(|key| (*key, None)).collect();
        for mark in &self.marks {
            if let Some(seq) = found.get_mut(&(mark.venue, mark.at)) {
                *seq = Some(seq.map_or(mark.seq, |s| s.min(mark.seq)));
            }
        }
        wanted.iter().map(|key| found.get(key).copied().flatten()).collect()
    }

    /// Looks at messages of a venue; what was seen of another is forgotten.
    pub fn watch(&mut self, what: Option<Watched>) {
        if self.watched != what {
            (self.watched, self.open) = (what, None);
            self.frames.clear();
        }
    }

    /// True while messages of this venue are looked at.
    #[inline]
    pub fn is_watched(&self, venue: u16) -> bool {
        self.watched.is_some_and(|w| w.0 == venue)
    }

    /// A message of the watched venue begins.
    pub fn begin(&mut self, at: Nanos, conn: &str, bytes: &[u8]) {
        self.close();
        let head = bytes.get(..FRAME_BYTES_KEPT).unwrap_or(bytes);
        let hash = blake3::hash(bytes).to_hex();
        let frame = FrameView {
            seq: self.seq,
            at,
            conn: conn.to_string(),
            bytes: bytes.len(),
            text: String::from_utf8_lossy(head).into_owned(),
            hash: hash.as_str().get(..HASH_DIGITS).unwrap_or_default().to_string(),
            events: Vec::new(),
        };
        let is_all = self.watched.is_some_and(|w| w.1.is_none());
        self.open = Some((frame, is_all));
    }

    /// It meant this, about that underlying.
    pub fn saw(&mut self, underlying: Option<u16>, event: &Event<'_>) {
        let Some((frame, is_wanted)) = &mut self.open else { return };
        *is_wanted |= self.watched.is_some_and(|w| w.1.is_some() && w.1 == underlying);
        if frame.seq == self.seq && frame.events.len() < EVENTS_KEPT {
            frame.events.push(words(event));
        }
    }

    fn close(&mut self) {
        if let Some((frame, true)) = self.open.take() {
            self.frames.truncate(FRAMES_KEPT - 1);
            self.frames.push_front(frame);
        }
    }

    /// Messages of the watched venue, newest first.
    pub fn frames(&self) -> Vec<FrameView> {
        let newest = self.open.iter().filter(|o| o.1).map(|o| &o.0);
        newest.chain(&self.frames).take(FRAMES_KEPT).cloned().collect()
    }

    /// The log, newest first.
    pub fn log(&self) -> impl Iterator<Item = &LogLine> {
        self.log.iter().rev()
    }

    fn note(&mut self, at: Nanos, level: Severity, (actor, who): (Actor, &str), text: &str) {
        if self.log.len() >= LOG_LINES_KEPT {
            self.log.pop_front();
        }
        let cut = |text: &str| text.chars().take(LOG_CHARS_MAX).collect();
        let seq = Some(self.seq);
        self.log.push_back(LogLine { at, seq, level, actor, who: cut(who), text: cut(text) });
    }

    /// A connection changed.
    pub fn control(&mut self, at: Nanos, conn: &str, control: &Control) {
        use Severity::{Critical, Info, Warning};
        let retry = |ms: &u64| format!("next try in {:.1} s", *ms as f64 / 1e3);
        let (level, text) = match control {
            Control::Opened { reconnects: 0 } => (Info, "open".to_string()),
            Control::Opened { reconnects } => (Info, format!("open again, time {reconnects}")),
            Control::Closed { reason, retry_ms } => {
                (Warning, format!("closed: {reason}; {}", retry(retry_ms)))
            }
            Control::Refused { reason, retry_ms } => {
                (Warning, format!("refused: {reason}; {}", retry(retry_ms)))
            }
            Control::Overrun { frames, bytes } => {
                (Critical, format!("{frames} messages, {bytes} bytes dropped on a full queue; books resync"))
            }
            Control::TooLarge { limit } => (Warning, format!("a message above {limit} bytes: closed")),
            Control::RestFailed { url, reason } => (Warning, format!("{url}: {reason}")),
        };
        self.note(at, level, (Actor::Feed, conn), &text);
    }

    /// A person acted.
    pub fn act(&mut self, at: Nanos, action: &OperatorAction) {
        let (who, text) = match action {
            OperatorAction::Ack { id, who, comment } if comment.is_empty() => (who, format!("takes {id}")),
            OperatorAction::Ack { id, who, comment } => (who, format!("takes {id}: {comment}")),
            OperatorAction::Unack { id, who } => (who, format!("gives {id} back")),
            OperatorAction::Positions { who, rows } => (who, format!("states {} positions", rows.len())),
            OperatorAction::Mute { id, who, matcher, reason, .. } => {
                (who, format!("mutes {matcher} as {id}: {reason}"))
            }
            OperatorAction::Unmute { id, who } => (who, format!("ends the mute {id}")),
            OperatorAction::Resolve { id, who, as_, comment } => {
                (who, format!("resolves {id} as {}: {comment}", as_.word()))
            }
            OperatorAction::Comment { id, who, comment } => (who, format!("says of {id}: {comment}")),
            OperatorAction::Escalate { id, who } => (who, format!("escalates {id}")),
            OperatorAction::Restore { alerts, .. } if alerts.is_empty() => return,
            OperatorAction::Restore { alerts, .. } => {
                let text = format!("{} alerts are open from the session before", alerts.len());
                return self.note(at, Severity::Info, (Actor::Program, "journal"), &text);
            }
            OperatorAction::Reload { who, changed, .. } => {
                (who, format!("changes settings: {}", changed.join(", ")))
            }
        };
        self.note(at, Severity::Info, (Actor::Person, who), &text);
    }

    /// An alert changed.
    pub fn alert(&mut self, told: &AlertEvent) {
        let alert = &told.alert;
        let level = if told.event == "resolved" { Severity::Info } else { alert.severity };
        let text = format!("{} {} {}", alert.id, told.event, alert.summary);
        self.note(told.at, level, (Actor::Rule, &alert.rule), &text);
    }

    /// Keeps the evidence of an alert.
    pub fn keep(&mut self, evidence: Evidence) {
        self.kept.retain(|k| k.alert != evidence.alert); // one that came back
        if self.kept.len() >= EVIDENCE_KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back(Arc::new(evidence));
    }

    /// The evidence that was kept for an alert.
    pub fn kept(&self, alert: &str) -> Option<Arc<Evidence>> {
        self.kept.iter().find(|k| k.alert == alert).cloned()
    }
}

/// An event in words, fields as the venue sent them.
fn words(event: &Event<'_>) -> String {
    let text = match &event.body {
        Body::Book(change) | Body::Audit(change) => {
            let kind = if change.snapshot { "book snapshot" } else { "book change" };
            let side = |levels: &[crate::model::event::Level]| {
                let first = levels.first().map_or(String::new(), |l| format!(" {} x {}", l.price, l.size));
                format!("{}{first}", levels.len())
            };
            let seq = change.seq.map_or(String::new(), |s| format!("  venue seq {s}"));
            format!("{kind}  bids {}  asks {}{seq}", side(change.bids), side(change.asks))
        }
        Body::Trade(t) => {
            let history = if t.is_history { "  history" } else { "" };
            let forced = if t.is_liquidation { "  liquidation" } else { "" };
            format!("trade  {} {} at {}{forced}{history}", t.side.word(), t.size, t.price)
        }
        Body::Quote(q) => {
            format!("quote  bid {} x {}  ask {} x {}", q.bid.price, q.bid.size, q.ask.price, q.ask.size)
        }
        Body::Ticker(t) => {
            let fields = [
                ("last", t.last),
                ("mark", t.mark),
                ("index", t.index),
                ("funding", t.funding_rate),
                ("open interest", t.open_interest),
            ];
            let told = fields.iter().filter_map(|(name, v)| Some(format!("  {name} {}", v.as_ref()?)));
            format!("ticker{}", told.collect::<String>())
        }
        Body::Liquidation(_) => "liquidation".into(),
        Body::Instrument(_) => "contract terms".into(),
        Body::Gap(_) => "gap: the book waits for a snapshot".into(),
        Body::Option(_) => "option figures".into(),
        Body::Schedule(_) => "margin schedule".into(),
        Body::Fund(_) => "insurance fund".into(),
        Body::Status(_) => "status".into(),
        // Own figures are masked elsewhere: here they are not told at all.
        Body::Position(_) | Body::Order(_) | Body::Balance(_) | Body::Margin(_) | Body::Whole(_) => {
            "own account".into()
        }
    };
    let stamp = event.ts_venue.map_or(String::new(), |t| format!("  stamped {t}"));
    let symbol = if event.symbol.is_none() { "" } else { event.symbol.text };
    format!("{symbol} {text}{stamp}").trim_start().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::{BookChange, Symbol};

    /// Fault: a source that points at a message which came later at the same instant, or at another venue's.
    #[test]
    fn places_are_the_first_of_venue_and_instant() {
        let mut taps = Taps::default();
        for (seq, venue, at) in [(5, 0, 10), (6, 0, 10), (7, 1, 10), (8, 0, 11)] {
            taps.seq = seq;
            taps.taken(venue, Nanos(at));
        }
        let wanted = [(0, Nanos(10)), (1, Nanos(10)), (1, Nanos(11))];
        assert_eq!(taps.places(&wanted), [Some(5), Some(7), None]);
        for seq in 9..9 + MARKS_KEPT as u64 {
            taps.seq = seq;
            taps.taken(0, Nanos(99));
        }
        assert_eq!(taps.places(&wanted), [None, None, None], "what is older is forgotten");
        assert_eq!(taps.marks.len(), MARKS_KEPT);
    }

    /// Fault: messages of other assets among the evidence; a list that grows without end.
    #[test]
    fn frames_are_of_the_watched_underlying_and_bounded() {
        let mut taps = Taps::default();
        taps.watch(Some((3, Some(1))));
        assert!(taps.is_watched(3) && !taps.is_watched(2));
        let change = BookChange { snapshot: false, bids: &[], asks: &[], seq: Some(7) };
        let event = Event { symbol: Symbol { ix: 0, text: "X" }, ts_venue: None, body: Body::Book(change) };
        for seq in 1..100 {
            taps.seq = seq;
            taps.begin(Nanos(1), "v/1", b"\x1b[31m{}");
            taps.saw(Some(seq as u16 % 2), &event);
        }
        let frames = taps.frames();
        assert_eq!((frames.len(), frames[0].seq, frames[1].seq), (FRAMES_KEPT, 99, 97));
        assert_eq!(frames[0].events, ["X book change  bids 0  asks 0  venue seq 7"]);
        taps.watch(None);
        assert!(taps.frames().is_empty());
    }
}
