//! Which figures the index is made of, and how a row of their tables becomes a reading. METRICS.md §7 and
//! erratum 40.

use super::past::{Hour, Usual};
use super::score::Anchors;
use crate::engine::metric::{METRICS, NONE, Part, Row, Table, Unit, find};
use crate::model::Nanos;
use crate::snapshot::Quality;

/// Number of sub-indices.
pub const SUBS: usize = 7;

/// The sub-indices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sub {
    /// Prices apart.
    Price,
    /// Funding and volatility.
    Funding,
    /// Books and fragmentation.
    Liquidity,
    /// Open interest.
    Leverage,
    /// Forced flow and what is behind it.
    Liquidation,
    /// Rules apart.
    Rules,
    /// What is seen.
    Data,
}

impl Sub {
    /// All, in the order of every sum.
    pub const ALL: [Sub; SUBS] =
        [Sub::Price, Sub::Funding, Sub::Liquidity, Sub::Leverage, Sub::Liquidation, Sub::Rules, Sub::Data];
    /// Their words in order.
    pub const WORDS: [&'static str; SUBS] =
        ["price", "funding", "liquidity", "leverage", "liquidation", "rules", "data"];

    /// Lower-case word.
    pub const fn word(self) -> &'static str {
        Sub::WORDS[self as usize]
    }

    /// Weight in the index; all add up to 1.
    pub const fn weight(self) -> f64 {
        match self {
            Sub::Price | Sub::Leverage => 0.15,
            Sub::Funding => 0.10,
            Sub::Liquidity | Sub::Liquidation => 0.25,
            Sub::Rules | Sub::Data => 0.05,
        }
    }
}

/// What of a value counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Take {
    /// The value.
    Value,
    /// Its distance from zero.
    Size,
    /// How far it is below zero.
    Fall,
    /// Its change in an hour, either way.
    HourChange,
    /// Its robust z-score; the smallest spread.
    Robust(f64),
}

/// A figure of the index.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Member {
    /// Metric id.
    pub id: &'static str,
    /// Where it belongs.
    pub sub: Sub,
    /// Weight beside the other members there.
    pub weight: f64,
    /// Unit of the anchors, before `take`.
    pub unit: Unit,
    /// What of its value counts.
    pub take: Take,
    /// Base, warning, critical.
    pub anchors: Anchors,
    /// Words of the parts that count, the empty word for the whole; an empty list means all.
    pub parts: &'static [&'static str],
    /// A row without value says that nothing is in reach: errata 21 and 40.
    pub is_none_calm: bool,
}

const fn member(id: &'static str, sub: Sub, unit: Unit, take: Take, points: [f64; 3]) -> Member {
    let anchors = Anchors::new(points[0], points[1], points[2]);
    Member { id, sub, weight: 1.0, unit, take, anchors, parts: &[""], is_none_calm: false }
}

/// One of the three concentrations: together they weigh as one member.
const fn third(id: &'static str) -> Member {
    let plain = member(id, Sub::Liquidity, Unit::Ratio, Take::HourChange, [0.0, 0.08, 0.15]);
    Member { weight: 1.0 / 3.0, ..plain }
}

/// All members. Own accounts stay out: the index is about the market, not the desk.
pub static MEMBERS: &[Member] = &[
    member("mid_gap_bps", Sub::Price, Unit::Bps, Take::Size, [0.0, 10.0, 50.0]),
    member("mark_gap_bps", Sub::Price, Unit::Bps, Take::Size, [0.0, 15.0, 50.0]),
    member("price_dispersion_bps", Sub::Price, Unit::Bps, Take::Value, [0.0, 5.0, 20.0]),
    Member { parts: &[], ..member("quote_basis_bps", Sub::Price, Unit::Bps, Take::Size, [0.0, 20.0, 100.0]) },
    Member {
        parts: &[],
        ..member("collateral_price_gap_bps", Sub::Price, Unit::Bps, Take::Size, [0.0, 50.0, 200.0])
    },
    // Points of a rate are hundredths of the fraction that the engine holds.
    member("funding_spread_apr", Sub::Funding, Unit::Apr, Take::Value, [0.0, 0.20, 0.75]),
    member("funding_cap_proximity", Sub::Funding, Unit::Ratio, Take::Value, [0.0, 0.5, 0.9]),
    member("iv_gap_volpts", Sub::Funding, Unit::VolPoints, Take::Size, [0.0, 3.0, 8.0]),
    member("depth_drop_pct", Sub::Liquidity, Unit::Percent, Take::Value, [0.0, 50.0, 80.0]),
    member("ctt_ratio", Sub::Liquidity, Unit::Times, Take::Value, [1.0, 3.0, 10.0]),
    member("fragmentation_cost_robz", Sub::Liquidity, Unit::Ratio, Take::Value, [0.0, 4.0, 8.0]),
    third("hhi_depth"),
    third("hhi_volume"),
    third("hhi_oi"),
    member("depth_halflife_s", Sub::Liquidity, Unit::Seconds, Take::Value, [0.0, 60.0, 300.0]),
    member("oi_depth_ratio", Sub::Leverage, Unit::Ratio, Take::Robust(1.0), [0.0, 4.0, 8.0]),
    member("oi_flow_pct_1h", Sub::Leverage, Unit::Percent, Take::Fall, [0.0, 5.0, 10.0]),
    member("near_liq_share_5", Sub::Leverage, Unit::Percent, Take::Value, [0.0, 5.0, 12.0]),
    member("oi_shift_tv", Sub::Leverage, Unit::Ratio, Take::Value, [0.0, 0.03, 0.08]),
    Member {
        parts: &["observed"], // a floor, but no model
        ..member("liq_oi_bps", Sub::Liquidation, Unit::Bps, Take::Value, [0.0, 10.0, 40.0])
    },
    member("hawkes_branching", Sub::Liquidation, Unit::Ratio, Take::Value, [0.0, 0.6, 0.85]),
    Member {
        is_none_calm: true,
        ..member("insurance_cover", Sub::Liquidation, Unit::Times, Take::Value, [3.0, 1.5, 1.0])
    },
    Member {
        is_none_calm: true,
        ..member("critical_shock_pct", Sub::Liquidation, Unit::Percent, Take::Value, [20.0, 6.0, 3.0])
    },
    Member {
        parts: &["assets"],
        ..member("fund_drawdown_pct", Sub::Liquidation, Unit::Percent, Take::Value, [0.0, 5.0, 20.0])
    },
    member("max_leverage_gap_doublings", Sub::Rules, Unit::Doublings, Take::Value, [0.0, 2.322, 4.322]),
    member("mmr_divergence_bps", Sub::Rules, Unit::Bps, Take::Value, [0.0, 100.0, 300.0]),
    member("race_to_bottom", Sub::Rules, Unit::Doublings, Take::Value, [0.0, 0.1, 0.25]),
    member("coverage", Sub::Data, Unit::Ratio, Take::Value, [1.0, 0.8, 0.5]),
    member("feed_latency_ms_p99", Sub::Data, Unit::Ms, Take::Value, [0.0, 500.0, 2_000.0]),
    member("book_faults", Sub::Data, Unit::Count, Take::Value, [0.0, 2.0, 10.0]),
];

/// Weight of all members of a sub-index.
pub fn weight_of(sub: Sub) -> f64 {
    MEMBERS.iter().filter(|m| m.sub == sub).map(|m| m.weight).sum()
}

/// Where the rows of a member are, and what makes their unit that of its anchors.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Source {
    /// Position in [`METRICS`].
    pub table: usize,
    /// Factor.
    pub scale: f64,
}

impl Member {
    /// Where its rows are; `None` while there is no such metric, or its unit is another.
    pub fn source(&self) -> Option<Source> {
        let table = find(self.id)?;
        let scale = factor(METRICS.get(table)?.card().unit, self.unit)?;
        Some(Source { table, scale })
    }

    /// What of a value counts, as far as the value alone tells.
    fn plain(&self, value: f64) -> f64 {
        match self.take {
            Take::Size => value.abs(),
            Take::Fall => (-value).max(0.0),
            Take::Value | Take::HourChange | Take::Robust(_) => value,
        }
    }

    fn is_worse(&self, a: f64, b: f64) -> bool {
        if self.anchors.is_descending() { a < b } else { a > b }
    }
}

/// Factor between units that differ by a power of ten only.
fn factor(from: Unit, to: Unit) -> Option<f64> {
    let fraction = |unit| matches!(unit, Unit::Ratio | Unit::Times | Unit::Apr);
    match (from, to) {
        (a, b) if a == b || fraction(a) && fraction(b) => Some(1.0),
        (a, Unit::Percent) if fraction(a) => Some(100.0),
        (Unit::Percent, b) if fraction(b) => Some(0.01),
        _ => None,
    }
}

/// The worst row of a member for one underlying, or for the market as a whole.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading {
    /// Position in [`MEMBERS`].
    pub member: u16,
    /// Underlying index, or [`NONE`] when it is about all of them.
    pub underlying: u16,
    /// Venue of the row, or [`NONE`].
    pub venue: u16,
    /// What counts, in the unit of the anchors; `None` is calm.
    pub value: Option<f64>,
    /// How much of its sources it has.
    pub coverage: f64,
    /// Trust.
    pub quality: Quality,
}

/// Adds the readings of a member: by underlying where its rows are, else one of all its rows.
pub fn read(ix: u16, member: &Member, source: Source, table: &Table, out: &mut Vec<Reading>) {
    let rows = table.rows();
    // `NONE` is above every index, so rows without underlying come last.
    let (by_underlying, whole) = rows.split_at(rows.partition_point(|r| r.scope.underlying != NONE));
    let rows = if by_underlying.is_empty() { whole } else { by_underlying };
    for rows in rows.chunk_by(|a, b| a.scope.underlying == b.scope.underlying) {
        out.extend(worst(ix, member, source.scale, rows));
    }
}

/// The worst of the rows of one underlying: its own ones where there are, else those of venues. Pairs do not
/// count: each is two venues, which have rows of their own.
fn worst(ix: u16, member: &Member, scale: f64, rows: &[Row]) -> Option<Reading> {
    let is_part = |r: &&Row| match (member.parts, r.scope.part) {
        ([], _) => true,
        (parts, Part::Whole) => parts.contains(&""),
        (&[""], _) => false,
        (parts, part) => parts.contains(&part.word()),
    };
    let single = || rows.iter().filter(|r| r.scope.peer == NONE).filter(is_part);
    let has_own = single().any(|r| r.scope.venue == NONE);
    let (mut n, mut seen, mut worst): (f64, f64, Option<Reading>) = (0.0, 0.0, None);
    for row in single().filter(|r| !has_own || r.scope.venue == NONE) {
        n += 1.0;
        let is_known = row.value.is_some() || member.is_none_calm;
        if !is_known || row.quality >= Quality::Stale {
            continue;
        }
        seen += row.coverage.clamp(0.0, 1.0);
        let value = row.value.map(|v| member.plain(v * scale));
        let quality = worst.map_or(row.quality, |w| w.quality.max(row.quality));
        let is_worse = match (value, worst.and_then(|w| w.value)) {
            (Some(a), Some(b)) => member.is_worse(a, b),
            (Some(_), None) => true,
            (None, _) => worst.is_none(),
        };
        if is_worse {
            let (underlying, venue) = (row.scope.underlying, row.scope.venue);
            worst = Some(Reading { member: ix, underlying, venue, value, coverage: 0.0, quality });
        }
        worst = worst.map(|w| Reading { quality, ..w });
    }
    worst.map(|w| Reading { coverage: seen / n, ..w })
}

/// The past of a member for one underlying, where its score is about a change.
#[derive(Clone, Debug)]
pub enum Past {
    /// None is needed.
    Nothing,
    /// The last hour.
    Hour(Hour),
    /// The last day, and the smallest spread.
    Day(Usual, f64),
}

impl Past {
    /// What a member needs.
    pub fn of(member: &Member) -> Past {
        match member.take {
            Take::HourChange => Past::Hour(Hour::default()),
            Take::Robust(floor) => Past::Day(Usual::default(), floor),
            Take::Value | Take::Size | Take::Fall => Past::Nothing,
        }
    }

    /// The value against its past, which then takes it; `None` while there is too little of it.
    pub fn against(&mut self, at: Nanos, x: f64) -> Option<f64> {
        match self {
            Past::Nothing => Some(x),
            Past::Hour(hour) => {
                hour.add(at, x);
                hour.change(at, x).map(f64::abs)
            }
            Past::Day(usual, floor) => {
                usual.add(at, x);
                usual.robust_z(x, *floor)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::metric::Scope;

    /// Catches: a metric that was renamed, or changed its unit or the names of its parts, and silently
    /// left the index.
    #[test]
    fn every_member_is_a_metric_in_the_unit_of_its_anchors() {
        for member in MEMBERS {
            let at = find(member.id).unwrap_or_else(|| panic!("no metric `{}`", member.id));
            let card = METRICS[at].card();
            assert!(member.source().is_some(), "{}: {:?} is not {:?}", member.id, card.unit, member.unit);
            assert!(
                member.parts.iter().all(|part| part.is_empty() || card.parts.contains(part)),
                "{}: parts",
                member.id
            );
        }
    }

    #[test]
    fn every_sub_index_has_members_and_a_word() {
        for sub in Sub::ALL {
            assert!(weight_of(sub) >= 3.0 - 1e-9, "{}", sub.word());
        }
        assert_eq!(Sub::Liquidation.word(), "liquidation");
        assert!((weight_of(Sub::Liquidity) - 5.0).abs() < 1e-12, "three concentrations weigh as one");
    }

    fn row(scope: Scope, value: Option<f64>, quality: Quality) -> Row {
        Row::single(scope, value, quality, Nanos(1))
    }

    fn reading(id: &str, rows: &[Row]) -> Option<Reading> {
        let (ix, member) = (0u16..).zip(MEMBERS).find(|(_, m)| m.id == id).unwrap();
        worst(ix, member, 1.0, rows)
    }

    #[test]
    fn the_worst_venue_speaks_and_silent_ones_lower_coverage() {
        let cell = |venue, value| {
            let quality = if value == Some(99.0) { Quality::Stale } else { Quality::Ok };
            row(Scope::cell(3, venue), value, quality)
        };
        let pair = row(Scope { peer: 2, ..Scope::cell(3, 1) }, Some(500.0), Quality::Ok);
        let rows = [cell(0, Some(4.0)), cell(1, Some(-30.0)), cell(2, Some(99.0)), cell(4, None), pair];
        let found = reading("mid_gap_bps", &rows).unwrap();
        assert_eq!((found.value, found.venue, found.coverage), (Some(30.0), 1, 0.5));
    }

    #[test]
    fn the_row_of_an_underlying_stands_before_those_of_its_venues() {
        let own = row(Scope::underlying(3), Some(2.0), Quality::Degraded);
        let cell = row(Scope::cell(3, 1), Some(80.0), Quality::Ok);
        let found = reading("depth_drop_pct", &[cell, own]).unwrap();
        assert_eq!((found.value, found.venue, found.quality), (Some(2.0), NONE, Quality::Degraded));
    }

    #[test]
    fn low_is_bad_nothing_in_reach_is_calm_and_only_named_parts_count() {
        let whole = |value, quality| row(Scope::underlying(0), value, quality);
        let low = row(Scope::underlying(0).part(Part::Named("down_low")), Some(0.5), Quality::Estimated);
        let both = [whole(Some(9.0), Quality::Ok), low];
        assert_eq!(reading("critical_shock_pct", &both).unwrap().value, Some(9.0), "no end of a band");
        let calm = reading("critical_shock_pct", &[whole(None, Quality::Estimated)]).unwrap();
        assert_eq!((calm.value, calm.quality), (None, Quality::Estimated));
        assert_eq!(reading("critical_shock_pct", &[whole(None, Quality::Missing)]), None);
        let pool = |venue, value| row(Scope::venue(venue), Some(value), Quality::Ok);
        let poorest = reading("insurance_cover", &[pool(0, 4.0), pool(1, 1.2)]).unwrap();
        assert_eq!((poorest.value, poorest.venue), (Some(1.2), 1));
        assert_eq!(reading("oi_flow_pct_1h", &[whole(Some(-7.0), Quality::Ok)]).unwrap().value, Some(7.0));
        assert_eq!(reading("oi_flow_pct_1h", &[whole(Some(7.0), Quality::Ok)]).unwrap().value, Some(0.0));
        let token = |word, value| row(Scope::GLOBAL.part(Part::Named(word)), Some(value), Quality::Ok);
        let found = reading("quote_basis_bps", &[token("USDC", -300.0), token("USDT", 4.0)]);
        assert_eq!(found.unwrap().value, Some(300.0));
    }

    #[test]
    fn units_that_differ_by_a_hundred_are_brought_together() {
        assert_eq!(factor(Unit::Ratio, Unit::Percent), Some(100.0));
        assert_eq!(factor(Unit::Percent, Unit::Apr), Some(0.01));
        assert_eq!(factor(Unit::Times, Unit::Ratio), Some(1.0));
        assert_eq!(factor(Unit::Usd, Unit::Bps), None);
    }
}
