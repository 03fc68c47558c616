//! The composite index of stress, 0 to 100, for the market and for each underlying. METRICS.md §7.
//!
//! Once a second, when the tables of all other metrics are fresh: `members` reads the worst row of each
//! member, `score` makes it 0 to 1, `gauge` makes seven sub-indices one index, `form` says what it consists
//! of. A sub-index of the market is the worst underlying by six tenths and the mean by open interest by
//! four.

pub mod correlate;
pub mod form;
pub mod gauge;
pub mod members;
pub mod past;
pub mod score;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};

use super::market::Market;
use super::metric::{NONE, Scope, Table, find};
use crate::model::Nanos;
use crate::model::time::SECOND;
use crate::snapshot::Quality;
use form::{Change, Matrix, change};
use gauge::{Fresh, Gauge, Told};
use members::{MEMBERS, Past, Reading, SUBS, Source, Sub, read, weight_of};
use score::{Rank, SAMPLE, score};

/// Share of the worst underlying in a sub-index of the market; the mean has the rest.
const WORST: f64 = 0.6;
/// Minutes whose states are kept, to say what a change is due to.
const MINUTES_KEPT: usize = 61;
const MINUTE: i64 = 60 * SECOND;

/// A reading with its score.
#[derive(Clone, Copy, Debug)]
struct Scored {
    reading: Reading,
    value: Option<f64>,
    materiality: f64,
    rarity: f64,
    score: f64,
    /// Weight times coverage.
    weight: f64,
    sub: Sub,
}

/// Ranks and past of a member for one underlying.
#[derive(Debug)]
struct Series {
    rank: Rank,
    past: Past,
}

/// Sums of a sub-index for one underlying.
#[derive(Clone, Copy, Debug)]
struct Sum {
    weight: f64,
    score: f64,
    quality: Quality,
}

/// An underlying at this instant.
#[derive(Clone, Copy, Debug)]
struct Asset {
    underlying: u16,
    /// Open interest in USD, where known.
    interest: Option<f64>,
    sums: [Sum; SUBS],
}

/// Part of the index of the market.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share {
    /// Sub-index.
    pub sub: Sub,
    /// Metric id.
    pub member: &'static str,
    /// Underlying index, [`NONE`] when it is about all of them.
    pub underlying: u16,
    /// Venue index, [`NONE`] when it is about no single one.
    pub venue: u16,
    /// What counts of its value; `None` is calm.
    pub value: Option<f64>,
    /// `F`.
    pub rarity: f64,
    /// `G`.
    pub materiality: f64,
    /// Its part of the sub-index; of the index, 0 to 100, in what [`Index::shares`] gives.
    pub points: f64,
}

/// State of the index.
#[derive(Debug, Default)]
pub struct Index {
    sources: Vec<Option<Source>>,
    series: BTreeMap<(u16, u16), Series>,
    readings: Vec<Reading>,
    scored: Vec<Scored>,
    assets: Vec<Asset>,
    market: Gauge,
    by_underlying: BTreeMap<u16, Gauge>,
    shares: [Vec<Share>; SUBS],
    minutes: VecDeque<(Nanos, [f64; SUBS], Matrix<SUBS>)>,
    at: Option<Nanos>,
}

impl Asset {
    fn new(underlying: u16, interest: Option<f64>) -> Asset {
        let sum = Sum { weight: 0.0, score: 0.0, quality: Quality::Ok };
        Asset { underlying, interest, sums: [sum; SUBS] }
    }

    fn add(&mut self, scored: &Scored) {
        if let Some(sum) = self.sums.get_mut(scored.sub as usize) {
            sum.weight += scored.weight;
            sum.score += scored.weight * scored.score;
            sum.quality = sum.quality.max(scored.reading.quality);
        }
    }

    fn fresh(&self, sub: Sub) -> Fresh {
        let Some(sum) = self.sums.get(sub as usize) else { return Fresh::default() };
        let score = (sum.weight > 0.0).then(|| sum.score / sum.weight);
        Fresh { score, coverage: sum.weight / weight_of(sub), quality: sum.quality }
    }
}

impl Index {
    /// Reads the members from the tables of this tick; `tables` may end before those of the index.
    pub fn read(&mut self, market: &Market, tables: &[Table]) {
        if self.sources.is_empty() {
            self.sources = MEMBERS.iter().map(members::Member::source).collect();
        }
        self.readings.clear();
        for ((ix, member), source) in (0u16..).zip(MEMBERS).zip(&self.sources) {
            if let Some((source, table)) = source.and_then(|s| Some((s, tables.get(s.table)?))) {
                read(ix, member, source, table, &mut self.readings);
            }
        }
        let interest = find("oi_usd").and_then(|at| tables.get(at));
        let interest = |u: u16| interest?.row(Scope::underlying(u))?.value.filter(|v| *v > 0.0);
        let watched = (0..market.underlyings.len() as u16).filter(|u| market.is_watched(*u));
        self.assets.clear();
        self.assets.extend(watched.map(|u| Asset::new(u, interest(u))));
    }

    /// Makes the index of what was read.
    pub fn step(&mut self, at: Nanos) {
        let seconds = self.at.map_or(1.0, |before| at.since(before).max(0) as f64 / SECOND as f64);
        self.at = Some(at);
        self.score(at);
        for scored in &self.scored {
            match scored.reading.underlying {
                NONE => self.assets.iter_mut().for_each(|asset| asset.add(scored)),
                u => {
                    let known = self.assets.binary_search_by_key(&u, |asset| asset.underlying);
                    if let Some(asset) = known.ok().and_then(|k| self.assets.get_mut(k)) {
                        asset.add(scored);
                    }
                }
            }
        }
        for asset in &self.assets {
            let gauge = self.by_underlying.entry(asset.underlying).or_default();
            gauge.step(at, seconds, &Sub::ALL.map(|sub| asset.fresh(sub)));
        }
        let fresh = Sub::ALL.map(|sub| self.of_market(sub));
        self.market.step(at, seconds, &fresh);
        if let Some(told) = self.market.told().filter(|t| t.form.is_some() && at.is_on(MINUTE)) {
            if self.minutes.len() == MINUTES_KEPT {
                self.minutes.pop_front();
            }
            self.minutes.push_back((at, told.y, told.c));
        }
    }

    /// Scores all readings. What has too short a past is as good as missing.
    fn score(&mut self, at: Nanos) {
        self.scored.clear();
        for reading in &self.readings {
            let Some(member) = MEMBERS.get(usize::from(reading.member)) else { continue };
            let key = (reading.member, reading.underlying);
            let fresh = || Series { rank: Rank::default(), past: Past::of(member) };
            let series = self.series.entry(key).or_insert_with(fresh);
            let value = match reading.value {
                Some(x) => match series.past.against(at, x) {
                    Some(x) => Some(x),
                    None => continue,
                },
                None => None,
            };
            let materiality = value.map_or(0.0, |x| member.anchors.materiality(x));
            let reach = value.map_or(0.0, |x| member.anchors.reach(x));
            let rarity = series.rank.rarity(reach, materiality);
            if at.is_on(SAMPLE) {
                series.rank.add(at, reach);
            }
            self.scored.push(Scored {
                reading: *reading,
                value,
                materiality,
                rarity,
                score: score(rarity, materiality),
                weight: member.weight * reading.coverage,
                sub: member.sub,
            });
        }
    }

    /// A sub-index over all underlyings, and what it consists of while it is believed.
    fn of_market(&mut self, sub: Sub) -> Fresh {
        // An underlying whose open interest is unknown can be the worst, but has no share in the mean.
        let has_interest = self.assets.iter().any(|a| a.interest.is_some());
        let weigh = |a: &Asset| if has_interest { a.interest.unwrap_or(0.0) } else { 1.0 };
        let (mut all, mut seen, mut mean, mut covered) = (0.0, 0.0, 0.0, 0.0);
        let (mut worst, mut quality): (Option<(u16, f64)>, _) = (None, Quality::Ok);
        for asset in &self.assets {
            let (fresh, weight) = (asset.fresh(sub), weigh(asset));
            all += weight;
            covered += weight * fresh.coverage;
            let Some(score) = fresh.score else { continue };
            seen += weight;
            mean += weight * score;
            quality = quality.max(fresh.quality);
            if worst.is_none_or(|(_, worst)| score > worst) {
                worst = Some((asset.underlying, score));
            }
        }
        let Some((worst, score)) = worst.filter(|_| all > 0.0) else { return Fresh::default() };
        let rest = if seen > 0.0 { 1.0 - WORST } else { 0.0 };
        let mean = if seen > 0.0 { mean / seen } else { 0.0 };
        let fresh =
            Fresh { score: Some((1.0 - rest) * score + rest * mean), coverage: covered / all, quality };
        if fresh.is_believed() {
            let of_asset = |asset: &Asset| {
                let is_worst = if asset.underlying == worst { 1.0 - rest } else { 0.0 };
                let in_mean = if seen > 0.0 { rest * weigh(asset) / seen } else { 0.0 };
                let sum = asset.sums.get(sub as usize).map_or(0.0, |sum| sum.weight);
                if sum > 0.0 { (is_worst + in_mean) / sum } else { 0.0 }
            };
            let every: f64 = self.assets.iter().map(of_asset).sum();
            let Some(shares) = self.shares.get_mut(sub as usize) else { return fresh };
            shares.clear();
            for s in self.scored.iter().filter(|s| s.sub == sub) {
                let u = s.reading.underlying;
                let one = || self.assets.iter().find(|a| a.underlying == u).map_or(0.0, of_asset);
                let times = if u == NONE { every } else { one() };
                let points = times * s.weight * s.score;
                shares.push(Share {
                    sub,
                    member: MEMBERS.get(usize::from(s.reading.member)).map_or("", |m| m.id),
                    underlying: u,
                    venue: s.reading.venue,
                    value: s.value,
                    rarity: s.rarity,
                    materiality: s.materiality,
                    points,
                });
            }
        }
        fresh
    }

    /// The index of the market.
    pub fn market(&self) -> Option<&Told> {
        self.market.told()
    }

    /// The index of each underlying that is watched, by index.
    pub fn underlyings(&self) -> impl Iterator<Item = (u16, &Told)> {
        let told = |a: &Asset| Some((a.underlying, self.by_underlying.get(&a.underlying)?.told()?));
        self.assets.iter().filter_map(told)
    }

    /// What the index of the market consists of, largest first: the points add up to the index.
    pub fn shares(&self) -> Vec<Share> {
        let Some(form) = self.market().and_then(|t| t.form) else { return Vec::new() };
        let mut all = Vec::new();
        for ((sub, shares), part) in Sub::ALL.iter().zip(&self.shares).zip(form.parts) {
            let score = self.market.score(*sub).filter(|s| *s > 0.0);
            let scaled =
                |s: &Share| score.map(|score| Share { points: 100.0 * part * s.points / score, ..*s });
            all.extend(shares.iter().filter_map(scaled));
        }
        all.sort_by(|a, b| b.points.total_cmp(&a.points));
        all
    }

    /// The index of the market by whatever `key` says of a share: member, venue, underlying.
    pub fn split<K: Ord>(&self, key: impl Fn(&Share) -> K) -> BTreeMap<K, f64> {
        let mut sums = BTreeMap::new();
        for share in self.shares() {
            *sums.entry(key(&share)).or_insert(0.0) += share.points;
        }
        sums
    }

    /// What changed since the last whole minute at or before `then`, one hour back at most, in parts of 1.
    pub fn change_since(&self, then: Nanos) -> Option<Change<SUBS>> {
        let (_, y, c) = self.minutes.iter().rev().find(|(at, _, _)| *at <= then)?;
        let told = self.market().filter(|t| t.form.is_some())?;
        Some(change((y, c), (&told.y, &told.c)))
    }
}
