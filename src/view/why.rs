//! Why a figure is what it is: which figure is asked for, and how the overlays Explain and Evidence move.

use super::action::{Action, Step};
use super::screen;
use super::state::{Overlay, Ui};
use crate::snapshot::{About, Ask, Snapshot};

/// Figures that can be explained from one place.
const FIGURES_MAX: usize = 256;
/// Metrics of a venue's feeds.
const OF_FEEDS: [&str; 8] = [
    "feed_age_ratio",
    "feed_age_ms",
    "feed_latency_ms_p50",
    "feed_latency_ms_p99",
    "gap_rate",
    "clock_offset_ms",
    "feed_down_conns",
    "book_faults",
];
/// Metrics of own accounts.
const OF_OWN: [&str; 10] = [
    "gross_usd",
    "net_delta_usd",
    "leverage",
    "margin_ratio",
    "dist_to_liq_pct",
    "funding_carry_usd_day",
    "exit_cost_bps",
    "adl_rank",
    "scenario_loss_usd",
    "venue_default_loss_usd",
];
/// Metrics that a what-if run moves.
const OF_WHATIF: [&str; 5] = [
    "critical_shock_pct",
    "cascade_amplification",
    "cascade_loss_usd",
    "insurance_cover",
    "liq_at_risk_usd_5",
];
/// Figures of screens that are parts of a metric under another name.
const ALIASES: [(&str, &str); 3] =
    [("oi_share", "oi_usd"), ("depth_share", "depth_usd_100"), ("max_leverage", "leverage_max_bound")];

/// Tabs of the evidence with their digits.
pub const TABS: [&str; 5] = ["Books", "Series", "Rules", "Raw frames", "Lineage"];
/// Windows of the series, in seconds.
pub const WINDOWS_S: [usize; 5] = [30, 60, 120, 600, 3_600];

/// The figure that is explained, among those of the place where it was asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Explain {
    /// Figures of the place.
    pub figures: Vec<About>,
    /// The one that shows.
    pub at: usize,
    /// First line that shows.
    pub first: usize,
}

/// The evidence that shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proof {
    /// Figure.
    pub about: About,
    /// The alert whose evidence was kept; empty for what follows the market.
    pub alert: String,
    /// Now beside what was kept.
    pub is_now: bool,
    /// Place in [`TABS`].
    pub tab: usize,
    /// Place in [`WINDOWS_S`], counted from the third.
    pub window: isize,
    /// Bytes as they came; on the books, exact prices.
    pub is_raw: bool,
    /// First line that shows.
    pub first: usize,
}

impl Proof {
    /// Seconds that the series spans.
    pub fn window_s(&self) -> usize {
        let at = 2usize.saturating_add_signed(self.window).min(WINDOWS_S.len() - 1);
        WINDOWS_S.get(at).copied().unwrap_or(120)
    }
}

impl Explain {
    /// The figure that shows.
    pub fn about(&self) -> Option<&About> {
        self.figures.get(self.at)
    }
}

impl Ui {
    /// Adds what the overlays ask for.
    pub(super) fn ask_why(&self, snapshot: &Snapshot, ask: &mut Ask) {
        ask.pages = screen::current(self).pages();
        if screen::current(self).id() == "map" && self.is_centre() {
            (ask.pages.market, ask.pages.log) = (true, true);
        }
        for overlay in &self.overlays {
            match overlay {
                Overlay::Explain => ask.explain = self.explain.about().cloned(),
                Overlay::Evidence => {
                    ask.evidence = Some(self.proof.about.clone());
                    ask.alert = Some(self.proof.alert.clone()).filter(|id| !id.is_empty());
                }
                Overlay::Feed => ask.feed.clone_from(&self.feed_at(snapshot)),
                _ => {}
            }
        }
    }

    /// Venue of the feed under the cursor; empty without feeds.
    pub fn feed_at(&self, snapshot: &Snapshot) -> String {
        let (rows, cursor) = self.feed_rows(snapshot);
        let feed = rows.get(cursor).and_then(|i| snapshot.feeds.get(*i));
        feed.map(|f| f.venue.clone()).unwrap_or_default()
    }

    /// Figures of the place under the cursor, the most looked at first.
    fn figures(&self, snapshot: &Snapshot) -> Vec<About> {
        let (venue, underlying) = self.focus(snapshot).unwrap_or_default();
        let mut found: Vec<About> = Vec::new();
        let place = if self.overlays.contains(&Overlay::Evidence) {
            found.push(self.proof.about.clone());
            ""
        } else {
            screen::focused(self).id()
        };
        match place {
            "alerts" => found.extend(self.selected_alert(snapshot).map(|a| About::of(&a.subject))),
            "feeds" => {
                let venue = self.feed_at(snapshot);
                found.extend(OF_FEEDS.iter().map(|id| About::cell(id, "", &venue)));
            }
            "positions" => {
                let (venue, underlying) = self.own_cell(snapshot).unwrap_or_default();
                found.extend(OF_OWN.iter().map(|id| About::cell(id, &underlying, &venue)));
            }
            "whatif" => found.extend(OF_WHATIF.iter().map(|id| About::cell(id, &underlying, ""))),
            "leverage" | "liquidity" => {
                let all = &snapshot.markets.underlyings;
                let rows = if place == "leverage" {
                    self.leverage_rows(snapshot)
                } else {
                    self.liquidity_rows(snapshot)
                };
                let market = rows.0.get(rows.1).and_then(|i| all.get(*i));
                for market in market.into_iter() {
                    let name = market.underlying.as_str();
                    found.extend(market.readings.iter().map(|r| About::cell(r.metric, name, "")));
                    for venue in &market.venues {
                        let of =
                            |r: &crate::snapshot::markets::Reading| About::cell(r.metric, name, &venue.venue);
                        found.extend(venue.readings.iter().map(of));
                    }
                }
            }
            "map" => {
                let metric = self.grid(snapshot).map(|g| g.metric);
                found.extend(metric.map(|id| About::cell(id, &underlying, &venue)));
                let figures = snapshot.focus.iter().flat_map(|f| &f.figures);
                found.extend(figures.map(|f| About::cell(f.metric, &underlying, &venue)));
                found.extend(snapshot.summary.iter().map(|s| About::cell(s.metric, &underlying, "")));
                found.extend(self.pins.iter().map(|id| About::cell(id, &underlying, "")));
            }
            _ => {}
        }
        for (own, metric) in ALIASES {
            found.iter_mut().filter(|a| a.metric == own).for_each(|a| a.metric = metric.into());
        }
        let mut figures: Vec<About> = Vec::new();
        for about in found {
            if figures.len() < FIGURES_MAX && !figures.contains(&about) {
                figures.push(about);
            }
        }
        figures
    }

    /// Opens the explanation of what is under the cursor.
    pub(super) fn open_explain(&mut self, snapshot: &Snapshot) {
        let figures = self.figures(snapshot);
        if figures.is_empty() {
            self.notice = Some("no figure here to explain".into());
            return;
        }
        self.explain = Explain { figures, ..Explain::default() };
        self.overlays.push(Overlay::Explain);
    }

    /// Opens the evidence of a figure, as it was kept for an alert or as it is.
    pub(super) fn open_evidence(&mut self, about: About, alert: &str) {
        self.proof = Proof { about, alert: alert.into(), ..Proof::default() };
        self.overlays.push(Overlay::Evidence);
    }

    /// A digit within the evidence chooses a tab: the one place where digits are no screens.
    pub(super) fn tab_key(&mut self, key: &str) -> bool {
        if self.overlays.last() != Some(&Overlay::Evidence) {
            return false;
        }
        let Ok(digit) = key.parse::<usize>() else { return false };
        match digit.checked_sub(1).filter(|tab| *tab < TABS.len()) {
            Some(tab) => (self.proof.tab, self.proof.first) = (tab, 0),
            None => self.notice = Some("Esc leaves the evidence, then digits are screens".into()),
        }
        true
    }

    /// Takes what an open overlay understands; false for everything else.
    pub(super) fn act_over(&mut self, action: Action, snapshot: &Snapshot) -> bool {
        match self.overlays.last() {
            Some(Overlay::Explain) => self.act_explain(action),
            Some(Overlay::Evidence) => self.act_evidence(action),
            Some(Overlay::Feed) => self.act_feed(action, snapshot),
            _ => false,
        }
    }

    fn act_explain(&mut self, action: Action) -> bool {
        let last = self.explain.figures.len().saturating_sub(1);
        let explain = &mut self.explain;
        match action {
            Action::Explain => drop(self.overlays.pop()),
            Action::Enter => {}
            Action::NextPane => (explain.at, explain.first) = ((explain.at + 1).min(last), 0),
            Action::PreviousPane => (explain.at, explain.first) = (explain.at.saturating_sub(1), 0),
            Action::Move(step) => match step.by(10) {
                (down, 0) => explain.first = explain.first.saturating_add_signed(down).min(LINES_MAX),
                (_, right) => {
                    (explain.at, explain.first) = (explain.at.saturating_add_signed(right).min(last), 0);
                }
            },
            _ => return false,
        }
        true
    }

    fn act_evidence(&mut self, action: Action) -> bool {
        let proof = &mut self.proof;
        let tabs = TABS.len();
        match action {
            Action::Enter | Action::Move(Step::Left | Step::Right) => {}
            Action::NextPane => (proof.tab, proof.first) = ((proof.tab + 1) % tabs, 0),
            Action::PreviousPane => (proof.tab, proof.first) = ((proof.tab + tabs - 1) % tabs, 0),
            Action::Move(step) => {
                proof.first = proof.first.saturating_add_signed(step.by(10).0).min(LINES_MAX);
            }
            Action::Narrower => proof.window = (proof.window - 1).max(-2),
            Action::Wider => proof.window = (proof.window + 1).min(2),
            Action::Bytes => proof.is_raw = !proof.is_raw,
            Action::Compare if proof.alert.is_empty() => {
                self.notice = Some("this evidence is of now: open an alert's to compare".into());
            }
            Action::Compare => proof.is_now = !proof.is_now,
            _ => return false,
        }
        true
    }

    fn act_feed(&mut self, action: Action, snapshot: &Snapshot) -> bool {
        match action {
            Action::Move(step) => {
                let down = step.by(10).0;
                self.move_feed(snapshot, down);
            }
            Action::Enter => {
                self.venue = self.feed_at(snapshot);
                self.overlays.clear();
                self.screen = "map";
            }
            _ => return false,
        }
        true
    }
}

/// Farthest line that an overlay scrolls to; the drawing stops at the last one there is.
const LINES_MAX: usize = 4_096;
