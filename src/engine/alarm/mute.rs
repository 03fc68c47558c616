//! What keeps sinks silent about an alert whose state goes on: mutes, and a change of composition.

use std::collections::BTreeMap;

use crate::engine::metric::{NONE, Row, Scope};
use crate::engine::rule::Judge;
use crate::model::Nanos;
use crate::model::alert::{Alert, Severity};
use crate::model::life::Mute;
use crate::model::matcher::{Facts, Matcher};

/// Mutes at one time.
pub(super) const MUTES_MAX: usize = 128;
/// Name of the mute of a metric whose venues just changed.
pub(super) const COMPOSITION: &str = "composition";

/// DECISIONS 22: critical alerts of A8, F8, F9, H5 and I8 are heard in spite of a mute.
const ALWAYS_HEARD: &[&str] = &[
    "collateral_price_gap_bps",
    "adl_notional_usd",
    "insurance_cover",
    "fund_drawdown_pct",
    "dist_to_liq_pct",
    "venue_state",
];

/// Mutes in force.
#[derive(Debug, Default)]
pub(super) struct Mutes {
    all: Vec<Muting>,
}

#[derive(Debug)]
struct Muting {
    mute: Mute,
    filter: Matcher,
    /// Something that it silences was open: it may end with the last of them.
    has_silenced: bool,
}

impl Mutes {
    /// Mutes in force, oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Mute> {
        self.all.iter().map(|m| &m.mute)
    }

    /// A new mute; one of the same id is replaced. Beyond [`MUTES_MAX`] it is refused: better heard than lost.
    pub(super) fn add(&mut self, mute: Mute) {
        let Ok(filter) = Matcher::parse(&mute.matcher) else { return };
        self.all.retain(|m| m.mute.id != mute.id);
        if self.all.len() < MUTES_MAX {
            self.all.push(Muting { mute, filter, has_silenced: false });
        }
    }

    /// Ends a mute.
    pub(super) fn end(&mut self, id: &str) {
        self.all.retain(|m| m.mute.id != id);
    }

    /// Mutes whose time is over end.
    pub(super) fn expire(&mut self, now: Nanos) {
        self.all.retain(|m| m.mute.until.is_none_or(|until| until > now));
    }

    /// The first mute that silences an alert, and until when.
    pub(super) fn of(&self, alert: &Alert) -> Option<(&str, Option<Nanos>)> {
        self.all
            .iter()
            .find(|m| silences(&m.mute, &m.filter, alert))
            .map(|m| (m.mute.id.as_str(), m.mute.until))
    }

    /// Counts what is silenced now; those that end with the last of their alerts end here.
    pub(super) fn count(&mut self, open: &[&Alert]) {
        for muting in &mut self.all {
            let n = open.iter().filter(|a| silences(&muting.mute, &muting.filter, a)).count();
            muting.mute.silences = u32::try_from(n).unwrap_or(u32::MAX);
            muting.has_silenced |= n > 0;
        }
        self.all.retain(|m| !(m.mute.until_resolved && m.has_silenced && m.mute.silences == 0));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }
}

fn silences(mute: &Mute, filter: &Matcher, alert: &Alert) -> bool {
    let is_heard = alert.severity == Severity::Critical
        && !mute.include_critical
        && ALWAYS_HEARD.contains(&alert.subject.metric.as_str());
    !is_heard && filter.matches(&Facts::of(alert))
}

/// METRICS §3, rule 5: a figure of change that is made of several venues says nothing for one window after a
/// venue left or joined.
#[derive(Debug, Default)]
pub(super) struct Composition {
    /// Inputs at the last look, and when they changed.
    seen: BTreeMap<(u16, Scope), (u16, Option<Nanos>)>,
}

impl Composition {
    /// Takes in the rows of a rule about change.
    pub(super) fn look(&mut self, rule: u16, judge: &Judge, rows: &[Row], now: Nanos) {
        if judge.settle == 0 {
            return;
        }
        // Rows of one venue have no composition.
        for row in rows.iter().filter(|r| r.scope.venue == NONE) {
            let seen = self.seen.entry((rule, row.scope)).or_insert((row.used, None));
            if seen.0 != row.used {
                *seen = (row.used, Some(now));
            }
        }
        let is_there = |scope: &Scope| rows.binary_search_by(|r| r.scope.cmp(scope)).is_ok();
        self.seen.retain(|(r, scope), _| *r != rule || is_there(scope));
    }

    /// Until when a subject is muted for it.
    pub(super) fn until(&self, rule: u16, scope: &Scope, judge: &Judge, now: Nanos) -> Option<Nanos> {
        let changed = self.seen.get(&(rule, *scope))?.1?;
        let until = changed.plus(judge.settle);
        (until > now).then_some(until)
    }
}
