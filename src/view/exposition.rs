//! Figures for Prometheus, in its text format. What is not known has no line: missing is not zero.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::model::Nanos;
use crate::model::num::shortest;
use crate::model::time::{MS, SECOND};
use crate::snapshot::{CellState, FeedRow, FeedState, Snapshot};

/// Upper edges of the time from raise to acknowledgement, in seconds.
pub const ACK_EDGES: [i64; 7] = [10, 30, 60, 300, 900, 3_600, 14_400];

/// What was counted since the start.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Counted {
    /// Alert lines by rule and event.
    pub transitions: BTreeMap<(String, &'static str), u64>,
    /// Acknowledgements by the edge their time lies under, the last beyond all.
    pub acks: [u64; ACK_EDGES.len() + 1],
    /// Sum of these times, in milliseconds.
    pub ack_ms: i64,
    /// Reloads: whether the last one held, and when it was.
    pub reload: Option<(bool, Nanos)>,
    /// Records that the journal lost.
    pub journal_lost: u64,
}

impl Counted {
    /// Counts an alert line.
    pub fn line(&mut self, rule: &str, event: &'static str) {
        *self.transitions.entry((rule.to_string(), event)).or_default() += 1;
    }

    /// Counts an acknowledgement that came this long after the raise.
    pub fn ack(&mut self, ms: i64) {
        let at = ACK_EDGES.iter().position(|edge| ms <= edge * 1_000).unwrap_or(ACK_EDGES.len());
        if let Some(bin) = self.acks.get_mut(at) {
            *bin += 1;
        }
        self.ack_ms += ms;
    }
}

/// A connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wire {
    /// Venue id.
    pub venue: String,
    /// Name within the venue.
    pub name: String,
    /// Messages handed to the core.
    pub frames: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Times it was opened again.
    pub reconnects: u64,
    /// Messages discarded on a full queue.
    pub dropped: u64,
}

/// A sink.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SinkRow {
    /// Its name.
    pub name: String,
    /// Deliveries by result.
    pub results: [(&'static str, u64); 4],
    /// Age of the oldest line that waits, in milliseconds.
    pub age_ms: i64,
}

/// Everything that is exposed.
#[derive(Clone, Debug, Default)]
pub struct Exposed<'a> {
    /// Program version.
    pub version: &'a str,
    /// Connections.
    pub wires: Vec<Wire>,
    /// Entries that wait for the core.
    pub ingress: usize,
    /// Sinks.
    pub sinks: Vec<SinkRow>,
    /// Bytes of the recording, when one grows.
    pub recorded: Option<u64>,
    /// Metrics whose values are exposed.
    pub allowed: &'a [String],
}

/// Metrics exposed when nobody names any: divergence, open interest, concentration. Those of the map have a row per
/// venue, those below it one per asset.
pub const ALLOWED: &[&str] =
    &["mid_gap_bps", "price_dispersion_bps", "oi_usd", "hhi_depth", "hhi_volume", "hhi_oi", "n_eff_venues"];

/// The page.
pub fn page(snapshot: &Snapshot, counted: &Counted, exposed: &Exposed<'_>) -> String {
    let mut page = Page(String::new());
    let version = [("version", exposed.version), ("commit", option_env!("FAULTLINE_COMMIT").unwrap_or(""))];
    page.head("faultline_build_info", "gauge", "Version of the program.");
    page.row("faultline_build_info", &version, "1");
    feeds(&mut page, snapshot, exposed);
    values(&mut page, snapshot, exposed);
    alerts(&mut page, snapshot, counted);
    sinks(&mut page, exposed);
    queues(&mut page, counted, exposed);
    if let Some(bytes) = exposed.recorded {
        page.one("faultline_recording_bytes_total", "counter", "Bytes of the recording.", &bytes.to_string());
    }
    if let Some((is_fit, at)) = counted.reload {
        let name = "faultline_config_last_reload_successful";
        page.one(name, "gauge", "Whether the last reload held.", if is_fit { "1" } else { "0" });
        let name = "faultline_config_last_reload_success_timestamp_seconds";
        page.one(name, "gauge", "When the configuration was last reloaded.", &seconds(at));
    }
    let name = "faultline_heartbeat_timestamp_seconds";
    page.one(name, "gauge", "Time of the newest tick of the engine.", &seconds(snapshot.at));
    page.0
}

fn feeds(page: &mut Page, snapshot: &Snapshot, exposed: &Exposed<'_>) {
    let name = "faultline_feed_messages_total";
    page.head(name, "counter", "Messages handed to the engine, by connection.");
    for wire in &exposed.wires {
        page.row(name, &[("venue", &wire.venue), ("channel", &wire.name)], &wire.frames.to_string());
    }
    let name = "faultline_feed_bytes_total";
    page.head(name, "counter", "Bytes of these messages.");
    for wire in &exposed.wires {
        page.row(name, &[("venue", &wire.venue), ("channel", &wire.name)], &wire.bytes.to_string());
    }
    let name = "faultline_feed_reconnects_total";
    page.head(name, "counter", "Times a connection was opened again.");
    for wire in &exposed.wires {
        let labels = [("venue", wire.venue.as_str()), ("channel", &wire.name), ("reason", "any")];
        page.row(name, &labels, &wire.reconnects.to_string());
    }
    let name = "faultline_feed_up";
    page.head(name, "gauge", "Whether data flows on a channel.");
    for feed in &snapshot.feeds {
        let is_up = if feed.state == FeedState::Ok { "1" } else { "0" };
        page.row(name, &[("venue", &feed.venue), ("channel", feed.channel)], is_up);
    }
    let name = "faultline_feed_last_message_timestamp_seconds";
    page.head(name, "gauge", "When a channel last sent something.");
    for feed in &snapshot.feeds {
        let Some(age) = feed.age_ms else { continue };
        let at = seconds(snapshot.at.plus(-age.saturating_mul(MS)));
        page.row(name, &[("venue", &feed.venue), ("channel", feed.channel)], &at);
    }
    let name = "faultline_feed_latency_seconds";
    page.head(name, "summary", "From the stamp of the venue to the socket, over the last minute.");
    let mut seen = String::new();
    for feed in snapshot.feeds.iter().filter(|f| f.p50_ms.is_some()) {
        if seen == feed.venue {
            continue; // it is a figure of the venue
        }
        seen.clone_from(&feed.venue);
        for (quantile, ms) in [("0.5", feed.p50_ms), ("0.99", feed.p99_ms)] {
            let labels =
                [("venue", feed.venue.as_str()), ("stage", "venue_to_socket"), ("quantile", quantile)];
            page.maybe(name, &labels, ms.map(|ms| ms / 1_000.0));
        }
    }
    of_venues(page, snapshot);
}

type Count = fn(&FeedRow) -> u64;

/// Figures that a venue has once, though each of its channels shows them.
fn of_venues(page: &mut Page, snapshot: &Snapshot) {
    let venues: BTreeMap<&str, &FeedRow> = snapshot.feeds.iter().map(|f| (f.venue.as_str(), f)).collect();
    let counters: [(&str, &str, Count); 2] = [
        ("faultline_feed_gaps_total", "Holes in the numbering of a venue's books.", |f| f.gaps),
        ("faultline_book_audit_mismatch_total", "Books that differed from a snapshot.", |f| {
            f.audit_mismatches
        }),
    ];
    for (name, help, of) in counters {
        page.head(name, "counter", help);
        for (venue, feed) in &venues {
            page.row(name, &[("venue", venue)], &of(feed).to_string());
        }
    }
    let name = "faultline_clock_offset_seconds";
    page.head(name, "gauge", "Our clock less that of the venue.");
    for (venue, feed) in &venues {
        page.maybe(name, &[("venue", venue)], feed.clock_offset_ms.map(|ms| ms / 1_000.0));
    }
}

fn values(page: &mut Page, snapshot: &Snapshot, exposed: &Exposed<'_>) {
    let name = "faultline_metric_value";
    page.head(name, "gauge", "Values of metrics that were allowed here.");
    for row in snapshot.summary.iter().filter(|r| exposed.allowed.iter().any(|a| a == r.metric)) {
        for (underlying, value) in snapshot.underlyings.iter().zip(&row.values) {
            let labels = [("metric", row.metric), ("underlying", underlying.as_str())];
            page.maybe(name, &labels, value.value);
        }
    }
    let venues = || snapshot.venues.iter().flat_map(|v| std::iter::repeat_n(v, snapshot.underlyings.len()));
    for grid in snapshot.grids.iter().filter(|g| exposed.allowed.iter().any(|a| a == g.metric)) {
        let cells = grid.cells.iter().zip(venues()).zip(snapshot.underlyings.iter().cycle());
        for ((cell, venue), underlying) in cells.filter(|((cell, _), _)| cell.state == CellState::Value) {
            let labels = [
                ("metric", grid.metric),
                ("underlying", underlying.as_str()),
                ("venue", &venue.id),
                ("regime", &venue.regime),
            ];
            page.maybe(name, &labels, cell.value);
        }
    }
    let name = "faultline_data_quality_ratio";
    page.head(name, "gauge", "Share of the venues that list an asset whose price is fresh.");
    let cells = snapshot.grids.first().map_or(&[][..], |g| g.cells.as_slice());
    for (at, underlying) in snapshot.underlyings.iter().enumerate() {
        let column = || cells.iter().skip(at).step_by(snapshot.underlyings.len().max(1));
        let listed = column().filter(|c| c.state != CellState::NotListed).count();
        let fresh = column().filter(|c| c.state == CellState::Value).count();
        let share = (listed > 0).then(|| fresh as f64 / listed as f64);
        page.maybe(name, &[("underlying", underlying)], share);
    }
}

fn alerts(page: &mut Page, snapshot: &Snapshot, counted: &Counted) {
    let name = "faultline_alerts_open";
    page.head(name, "gauge", "Open alerts.");
    for severity in ["critical", "warning", "info"] {
        for state in ["RAISED", "ACKED"] {
            let is_it =
                |a: &&crate::model::alert::Alert| a.severity.word() == severity && a.state.word() == state;
            let count = snapshot.alerts.iter().filter(is_it).count();
            let labels =
                [("severity", severity), ("state", if state == "ACKED" { "acked" } else { "raised" })];
            page.row(name, &labels, &count.to_string());
        }
    }
    let name = "faultline_alert_transitions_total";
    page.head(name, "counter", "Alert lines told, by rule and event.");
    for ((rule, to), count) in &counted.transitions {
        page.row(name, &[("rule", rule), ("to", to)], &count.to_string());
    }
    let name = "faultline_alert_time_to_ack_seconds";
    page.head(name, "histogram", "From raise to acknowledgement.");
    let mut below = 0;
    for (edge, count) in ACK_EDGES.iter().zip(counted.acks) {
        below += count;
        let labels = [("le", edge.to_string())];
        page.row(&format!("{name}_bucket"), &[("le", &labels[0].1)], &below.to_string());
    }
    let all: u64 = counted.acks.iter().sum();
    page.row(&format!("{name}_bucket"), &[("le", "+Inf")], &all.to_string());
    page.row(&format!("{name}_sum"), &[], &shortest(counted.ack_ms as f64 / 1_000.0));
    page.row(&format!("{name}_count"), &[], &all.to_string());
}

fn sinks(page: &mut Page, exposed: &Exposed<'_>) {
    let name = "faultline_sink_deliveries_total";
    page.head(name, "counter", "Alert lines by what became of them at a sink.");
    for sink in &exposed.sinks {
        for (result, count) in sink.results {
            page.row(name, &[("sink", &sink.name), ("result", result)], &count.to_string());
        }
    }
    let name = "faultline_sink_queue_age_seconds";
    page.head(name, "gauge", "Age of the oldest line that waits for a sink.");
    for sink in &exposed.sinks {
        page.row(name, &[("sink", &sink.name)], &shortest(sink.age_ms as f64 / 1_000.0));
    }
}

fn queues(page: &mut Page, counted: &Counted, exposed: &Exposed<'_>) {
    let name = "faultline_queue_depth";
    page.head(name, "gauge", "Entries that wait.");
    page.row(name, &[("queue", "ingress")], &exposed.ingress.to_string());
    let name = "faultline_dropped_total";
    page.head(name, "counter", "What was discarded, and why.");
    let dropped: u64 = exposed.wires.iter().map(|w| w.dropped).sum();
    page.row(name, &[("queue", "ingress"), ("reason", "full")], &dropped.to_string());
    page.row(name, &[("queue", "journal"), ("reason", "disk")], &counted.journal_lost.to_string());
}

fn seconds(at: Nanos) -> String {
    shortest((at.0 / MS) as f64 / (SECOND / MS) as f64)
}

struct Page(String);

impl Page {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a String cannot fail.
        let _w = write!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    fn row(&mut self, name: &str, labels: &[(&str, &str)], value: &str) {
        self.0.push_str(name);
        if !labels.is_empty() {
            let text: Vec<String> =
                labels.iter().map(|(name, text)| format!("{name}=\"{}\"", escaped(text))).collect();
            let _w = write!(self.0, "{{{}}}", text.join(","));
        }
        let _w = writeln!(self.0, " {value}");
    }

    fn maybe(&mut self, name: &str, labels: &[(&str, &str)], value: Option<f64>) {
        if let Some(value) = value.filter(|v| v.is_finite()) {
            self.row(name, labels, &shortest(value));
        }
    }

    fn one(&mut self, name: &str, kind: &str, help: &str, value: &str) {
        self.head(name, kind, help);
        self.row(name, &[], value);
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: a label that ends early and forges a series; a missing figure that reads as zero.
    #[test]
    fn labels_are_escaped_and_missing_figures_have_no_line() {
        let wire =
            Wire { venue: "a\"} 1\nfaultline_x 2".into(), name: "n".into(), frames: 3, ..Wire::default() };
        let exposed = Exposed { wires: vec![wire], ..Exposed::default() };
        let snapshot = Snapshot { underlyings: vec!["BTC".into()], ..Snapshot::default() };
        let page = page(&snapshot, &Counted::default(), &exposed);
        assert!(
            page.contains(
                "faultline_feed_messages_total{venue=\"a\\\"} 1\\nfaultline_x 2\",channel=\"n\"} 3\n"
            ),
            "{page}"
        );
        assert!(!page.contains("\nfaultline_x"), "{page}");
        assert!(!page.contains("faultline_data_quality_ratio{"), "{page}");
        assert!(!page.contains("faultline_recording_bytes_total"), "{page}");
    }

    #[test]
    fn times_to_acknowledge_are_counted_under_their_edges() {
        let mut counted = Counted::default();
        [5_000, 30_000, 30_001, 20_000_000].into_iter().for_each(|ms| counted.ack(ms));
        assert_eq!(counted.acks, [1, 1, 1, 0, 0, 0, 0, 1]);
        let page = page(&Snapshot::default(), &counted, &Exposed::default());
        assert!(
            page.contains("_bucket{le=\"30\"} 2\n") && page.contains("_bucket{le=\"+Inf\"} 4\n"),
            "{page}"
        );
    }
}
