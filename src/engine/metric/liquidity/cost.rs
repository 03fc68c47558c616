//! What a size costs: C6, C7, C8, and how unusual that is.

use super::book_quality;
use crate::engine::cost::{Cost, HEADLINE_SIZE, SIDES, SIZES_USD, worse};
use crate::engine::market::Market;
use crate::engine::metric::{Card, Input, Metric, Note, Over, Part, Row, Scope, Unit};
use crate::engine::walk::{Fill, Verdict};
use crate::model::Nanos;
use crate::snapshot::{BookState, Quality};

/// Parts of a row, in the order of [`SIDES`].
const PARTS: [Part; 2] = [Part::Named("buy"), Part::Named("sell")];

/// What all cards here share.
const COST: Card = Card {
    unit: Unit::Bps,
    inputs: &[Input::Book, Input::Rate, Input::OpenInterest],
    scopes: &[Over::Underlying],
    parts: &["buy", "sell"],
    ..Card::PLAIN
};

/// Calls `f` with what is known of the costs of each underlying.
fn each_cost(market: &Market, mut f: impl FnMut(u16, &Cost)) {
    for underlying in 0..market.underlyings.len() as u16 {
        if let Some(cost) = market.costs.of(underlying) {
            f(underlying, cost);
        }
    }
}

/// A row of an underlying, from all books that were walked.
fn row(underlying: u16, cost: &Cost) -> Row {
    let (mut used, mut quality, mut as_of) = (0, cost.quality, Nanos(0));
    for venue in cost.used() {
        (used, quality, as_of) = (used + 1, quality.max(venue.quality), as_of.max(venue.as_of));
    }
    let expected = cost.venues.len() as u16;
    let quality = if used < expected { quality.max(Quality::Degraded) } else { quality };
    let (scope, coverage) = (Scope::underlying(underlying), cost.coverage);
    Row { scope, quality, coverage, used, expected, as_of, ..Row::EMPTY }
}

/// C6, one per size.
pub(in crate::engine::metric) struct CostToTrade(pub(in crate::engine::metric) usize);

const fn ctt(id: &'static str, title: &'static str) -> Card {
    Card {
        id,
        title,
        meaning: "what leaving so many dollars costs now, on one venue and on all of them as one book",
        formula: "side * 1e4 * (vwap / consensus - 1), vwap = sum USD / sum base of the levels it takes; fees are not known and not in it; the whole is the worse side",
        source: "METRICS.md C6, errata 4, 15 and 31, DECISIONS 36",
        scopes: &[Over::Instrument, Over::Underlying],
        ..COST
    }
}

static CTT: [Card; SIZES_USD.len()] = [
    ctt("ctt_bps_100k", "cost of 100 kUSD"),
    ctt("ctt_bps_1m", "cost of 1 MUSD"),
    ctt("ctt_bps_10m", "cost of 10 MUSD"),
];

impl CostToTrade {
    /// Rows of one book, or of all as one: the worse side, buy, sell.
    fn rows(&self, like: Row, fills: [Fill; 2], is_cut: [bool; 2], reference: f64, out: &mut Vec<Row>) {
        let mut rows = [like; 2];
        for (at, row) in rows.iter_mut().enumerate() {
            let fill = fills[at];
            row.scope.part = PARTS[at];
            row.value = fill.cost(SIDES[at], reference);
            row.quality = row.quality.max(Quality::Degraded); // without fees
            row.note = match fill.note(SIDES[at], reference) {
                Note::None if is_cut[at] => Note::Truncated,
                Note::None => Note::FeeUnknown,
                note => note,
            };
        }
        let [buy, sell] = rows;
        let is_buy = match (buy.value, sell.value) {
            (Some(buy), Some(sell)) => buy >= sell,
            (None, None) => fills[0].filled <= fills[1].filled,
            (buy, _) => buy.is_none(),
        };
        let worse = if is_buy { buy } else { sell };
        out.extend([Row { scope: like.scope, ..worse }, buy, sell]);
    }
}

impl Metric for CostToTrade {
    fn card(&self) -> &'static Card {
        CTT.get(self.0).unwrap_or(&CTT[HEADLINE_SIZE])
    }

    fn eval(&self, market: &Market, _at: Nanos, out: &mut Vec<Row>) {
        each_cost(market, |underlying, cost| {
            for venue in &cost.venues {
                let scope = Scope::instrument(underlying, venue.venue, venue.symbol);
                let state = market.listing(venue.venue, venue.symbol);
                // A book that was lost since its turn has no cost any more.
                let is_used = venue.is_used && state.is_some_and(|l| l.figures.state == BookState::Synced);
                let trust = state.map_or(Quality::Missing, book_quality);
                match cost.reference.filter(|_| is_used) {
                    Some(reference) => {
                        let quality = trust.max(venue.quality).max(cost.quality);
                        let (used, as_of) = (1, venue.as_of);
                        let like =
                            Row { scope, quality, coverage: 1.0, used, expected: 1, as_of, ..Row::EMPTY };
                        let fills = venue.fills.map(|f| f[self.0]);
                        self.rows(like, fills, [false; 2], reference, out);
                    }
                    None => {
                        let quality = if trust == Quality::Stale { trust } else { Quality::Missing };
                        let row = Row::single(scope, None, quality, venue.as_of);
                        out.push(row);
                        out.extend(PARTS.map(|part| Row { scope: scope.part(part), ..row }));
                    }
                }
            }
            let like = row(underlying, cost);
            if let Some(reference) = cost.reference.filter(|_| like.used > 0) {
                let of = |side: usize| (cost.merged[side][self.0], cost.is_cut[side][self.0]);
                let (buy, sell) = (of(0), of(1));
                self.rows(like, [buy.0, sell.0], [buy.1, sell.1], reference, out);
            }
        });
    }
}

/// What all books as one are compared with.
#[derive(Clone, Copy, Debug)]
enum With {
    /// The cheapest single venue.
    Cheapest,
    /// The home venue of the average user.
    Home,
}

const fn fragmentation(id: &'static str, title: &'static str) -> Card {
    Card {
        id,
        title,
        meaning: "what is lost because no one venue holds the whole book",
        formula: "cheapest single venue's cost less the cost of all books as one, before fees; the whole is the worse side",
        source: "METRICS.md C7, errata 20 and 31",
        ..COST
    }
}

const fn silo(id: &'static str, title: &'static str) -> Card {
    Card {
        id,
        title,
        meaning: "what the average user pays for staying on the home venue",
        formula: "mean of the venues' costs, weighted with open interest, less the cost of all books as one, before fees; none when a venue of 5 % or more cannot fill; the whole is the worse side",
        source: "METRICS.md C8, errata 20 and 31",
        ..COST
    }
}

static FRAGMENTATION: [Card; SIZES_USD.len()] = [
    fragmentation("fragmentation_cost_bps_100k", "fragmentation 100 kUSD"),
    fragmentation("fragmentation_cost_bps_1m", "fragmentation 1 MUSD"),
    fragmentation("fragmentation_cost_bps_10m", "fragmentation 10 MUSD"),
];
static SILO: [Card; SIZES_USD.len()] = [
    silo("silo_cost_bps_100k", "silo 100 kUSD"),
    silo("silo_cost_bps_1m", "silo 1 MUSD"),
    silo("silo_cost_bps_10m", "silo 10 MUSD"),
];

/// C7 and C8, one per size.
pub(in crate::engine::metric) struct Against(With, usize);

impl Against {
    pub(in crate::engine::metric) const CHEAPEST: [Against; SIZES_USD.len()] =
        [Against(With::Cheapest, 0), Against(With::Cheapest, 1), Against(With::Cheapest, 2)];
    pub(in crate::engine::metric) const HOME: [Against; SIZES_USD.len()] =
        [Against(With::Home, 0), Against(With::Home, 1), Against(With::Home, 2)];
}

impl Metric for Against {
    fn card(&self) -> &'static Card {
        let cards = match self.0 {
            With::Cheapest => &FRAGMENTATION,
            With::Home => &SILO,
        };
        cards.get(self.1).unwrap_or(&cards[HEADLINE_SIZE])
    }

    fn eval(&self, market: &Market, _at: Nanos, out: &mut Vec<Row>) {
        each_cost(market, |underlying, cost| {
            let like = row(underlying, cost);
            if like.expected < 2 {
                return;
            }
            let verdicts = match self.0 {
                With::Cheapest => cost.fragmentation[self.1],
                With::Home => cost.silo[self.1],
            };
            // Where all books as one cannot fill the size there is nothing to compare with.
            let notes = [0, 1].map(|side: usize| {
                cost.reference.map_or(Note::None, |r| cost.merged[side][self.1].note(SIDES[side], r))
            });
            let is_cut = cost.is_cut.map(|c| c[self.1]);
            let of = |side: usize| (verdicts[side], notes[side], is_cut[side]);
            let either = if notes[0] == Note::None { notes[1] } else { notes[0] };
            out.push(judged(like, Part::Whole, (worse(verdicts), either, is_cut[0] || is_cut[1])));
            out.push(judged(like, PARTS[0], of(0)));
            out.push(judged(like, PARTS[1], of(1)));
        });
    }
}

/// A verdict as a row; without one the note says why.
fn judged(like: Row, part: Part, of: (Option<Verdict>, Note, bool)) -> Row {
    let (verdict, why, is_cut) = of;
    let (value, note) = verdict.map_or((None, why), Verdict::read);
    let quality = match note {
        Note::None if value.is_none() => Quality::Missing,
        _ if is_cut => like.quality.max(Quality::Degraded),
        _ => like.quality,
    };
    let note = if is_cut && note == Note::None { Note::Truncated } else { note };
    Row { scope: like.scope.part(part), value, note, quality, ..like }
}

const fn robz(id: &'static str, title: &'static str, formula: &'static str) -> Card {
    Card {
        id,
        title,
        unit: Unit::Ratio,
        meaning: "how unusual the cost of not seeing all books is against the last day",
        formula,
        source: "METRICS.md C7, C8, §5 robz",
        limits: Some((4.0, 8.0)),
        parts: &[],
        ..COST
    }
}

static CHEAPEST_ROBZ: Card = robz(
    "fragmentation_cost_robz",
    "fragmentation, unusual",
    "(x - median) / (1.4826 * MAD) of fragmentation_cost_bps_1m over 24 h, one sample in 10 s, MAD at least 0.1 bps",
);
static HOME_ROBZ: Card = robz(
    "silo_cost_robz",
    "silo, unusual",
    "(x - median) / (1.4826 * MAD) of silo_cost_bps_1m over 24 h, one sample in 10 s, MAD at least 0.1 bps",
);

/// Robust z-scores of C7 and C8.
pub(in crate::engine::metric) struct AgainstRobz(With);

impl AgainstRobz {
    pub(in crate::engine::metric) const CHEAPEST: AgainstRobz = AgainstRobz(With::Cheapest);
    pub(in crate::engine::metric) const HOME: AgainstRobz = AgainstRobz(With::Home);
}

impl Metric for AgainstRobz {
    fn card(&self) -> &'static Card {
        match self.0 {
            With::Cheapest => &CHEAPEST_ROBZ,
            With::Home => &HOME_ROBZ,
        }
    }

    fn eval(&self, market: &Market, _at: Nanos, out: &mut Vec<Row>) {
        each_cost(market, |underlying, cost| {
            let like = row(underlying, cost);
            if like.expected >= 2 {
                let [cheapest, home] = cost.robz;
                let verdict = match self.0 {
                    With::Cheapest => cheapest,
                    With::Home => home,
                };
                out.push(judged(like, Part::Whole, (verdict, Note::None, false)));
            }
        });
    }
}

/// C6 over what is usual at this time of day.
pub(in crate::engine::metric) struct CostRatio;

impl Metric for CostRatio {
    fn card(&self) -> &'static Card {
        &Card {
            id: "ctt_ratio",
            title: "cost over usual",
            unit: Unit::Times,
            meaning: "how many times more a million dollars costs than is usual at this time of day",
            formula: "ctt_bps_1m of all books as one, the worse side, over the median of the same five minutes of the last 14 days, of the last 24 h while there are fewer than three",
            source: "METRICS.md C6, errata 25 and 40",
            limits: Some((3.0, 10.0)),
            parts: &[],
            ..COST
        }
    }

    fn eval(&self, market: &Market, _at: Nanos, out: &mut Vec<Row>) {
        each_cost(market, |underlying, cost| {
            let (verdict, is_cold) =
                cost.ratio.map_or((None, false), |(verdict, cold)| (Some(verdict), cold));
            let mut row = judged(row(underlying, cost), Part::Whole, (verdict, Note::None, false));
            if is_cold {
                row.quality = row.quality.max(Quality::Degraded);
                row.note = if row.note == Note::None { Note::Cold } else { row.note };
            }
            out.push(row);
        });
    }
}
