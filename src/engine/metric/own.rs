//! Family H: own accounts. Rows over all accounts, per venue and per underlying.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::{Bad, Card, Input, Metric, Over, Row, Scope, Unit};
use crate::engine::ledger::figures::{AccountWorth, Distance, Figures, Sum};
use crate::engine::market::Market;
use crate::model::Nanos;
use crate::model::time::SECOND;
use crate::snapshot::Quality;

const HOUR: i64 = 3_600 * SECOND;

/// What positions and balances in money are made of.
const MONEY: &[Input] = &[Input::Account, Input::Ticker, Input::Option, Input::Rate];
/// What margin is made of.
const MARGIN: &[Input] = &[Input::Account, Input::Ticker, Input::Option, Input::Rate, Input::Schedule];
/// Sums over all, by venue, by underlying.
const SUMS: &[Over] = &[Over::Global, Over::Venue, Over::Underlying];

/// A figure of a sum: total, venues, underlyings.
pub(super) struct OfSum {
    card: &'static Card,
    pick: fn(&Sum) -> Option<Decimal>,
    has_underlyings: bool,
}

/// A figure of an account; a venue shows the worst of its accounts.
pub(super) struct OfAccount {
    card: &'static Card,
    pick: fn(&AccountWorth) -> Option<f64>,
    /// The larger value is the worse one.
    is_high_worse: bool,
}

/// H7.
pub(super) struct Concentration;

pub(super) const fn card(
    [id, title, meaning, formula, source]: [&'static str; 5],
    unit: Unit,
    limits: Option<(f64, f64)>,
    bad: Bad,
) -> Card {
    let (inputs, scopes): (&[Input], &[Over]) = (&[Input::Account], &[Over::Venue]);
    Card { id, title, unit, meaning, formula, source, limits, bad, inputs, scopes, ..Card::PLAIN }
}

/// H1.
pub(super) static GROSS: OfSum = OfSum {
    card: &Card {
        inputs: MONEY,
        scopes: SUMS,
        ..card(
            [
                "gross_usd",
                "own gross",
                "what own positions are worth, longs and shorts added",
                "sum of |notional| in USD",
                "METRICS.md H1",
            ],
            Unit::Usd,
            None,
            Bad::High,
        )
    },
    pick: |sum| Some(sum.gross_usd),
    has_underlyings: true,
};

/// H2.
pub(super) static NET_DELTA: OfSum = OfSum {
    card: &Card {
        inputs: MONEY,
        scopes: SUMS,
        ..card(
            [
                "net_delta_usd",
                "own net delta",
                "what is left when longs and shorts of all venues are set off; coins held as collateral count",
                "sum of signed delta * index",
                "METRICS.md H2",
            ],
            Unit::Usd,
            None,
            Bad::Both,
        )
    },
    pick: |sum| Some(sum.net_delta_usd),
    has_underlyings: true,
};

/// H3.
pub(super) static LEVERAGE: OfSum = OfSum {
    card: &Card {
        inputs: MONEY,
        scopes: &[Over::Global, Over::Venue],
        ..card(
            [
                "leverage",
                "own leverage",
                "own gross positions over own equity",
                "gross_usd / equity; no value unless equity is above zero",
                "METRICS.md H3",
            ],
            Unit::Times,
            Some((5.0, 10.0)),
            Bad::High,
        )
    },
    pick: Sum::leverage,
    has_underlyings: false,
};

/// H11.
pub(super) static FUNDING: OfSum = OfSum {
    card: &Card {
        inputs: MONEY,
        scopes: SUMS,
        ..card(
            [
                "funding_carry_usd_day",
                "own funding a day",
                "what funding brings in a day at the present rates; negative is paid",
                "-sum of side * notional * apr / 365",
                "METRICS.md H11",
            ],
            Unit::Usd,
            None,
            Bad::Low,
        )
    },
    pick: |sum| Some(sum.funding_usd_day),
    has_underlyings: true,
};

/// H4.
pub(super) static MARGIN_RATIO: OfAccount = OfAccount {
    card: &Card {
        inputs: MARGIN,
        ..card(
            [
                "margin_ratio",
                "own margin ratio",
                "maintenance margin over equity; at 1 the venue liquidates",
                "maintenance margin / equity with haircuts, per account; a venue shows its worst account",
                "METRICS.md H4",
            ],
            Unit::Ratio,
            Some((0.33, 0.67)),
            Bad::High,
        )
    },
    pick: |worth| worth.margin_ratio.or(worth.margin_ratio_stated).and_then(|r| r.to_f64()),
    is_high_worse: true,
};

/// H5.
pub(super) static DISTANCE: OfAccount = OfAccount {
    card: &Card {
        inputs: MARGIN,
        ..card(
            [
                "dist_to_liq_pct",
                "own distance to liquidation",
                "smallest common move of all prices, up or down, that liquidates an account",
                "least |x| with equity(x) <= maintenance(x), beta 1, coins revalued; no value where none exists",
                "METRICS.md H5",
            ],
            Unit::Percent,
            Some((15.0, 7.0)),
            Bad::Low,
        )
    },
    pick: |worth| match worth.distance {
        Some(Distance::At(x)) => Some(x.abs()),
        Some(Distance::Never) | None => None,
    },
    is_high_worse: false,
};

static CONCENTRATION: Card = Card {
    inputs: MONEY,
    scopes: &[Over::Global],
    ..card(
        [
            "venue_concentration_hhi",
            "own concentration",
            "how much of the own equity stands at one venue; 1 is all of it",
            "sum of squared shares of equity over venues",
            "METRICS.md H7",
        ],
        Unit::Ratio,
        Some((0.4, 0.6)),
        Bad::High,
    )
};

fn row(scope: Scope, value: Option<f64>, quality: Quality, at: Nanos) -> Row {
    let quality = if value.is_none() { Quality::Missing } else { quality };
    Row::single(scope, value, quality, at)
}

/// The ledger's figures, once there is an account.
pub(super) fn figures(market: &Market) -> Option<&Figures> {
    (!market.ledger.accounts.is_empty()).then_some(&market.ledger.figures)
}

impl Metric for OfSum {
    fn card(&self) -> &'static Card {
        self.card
    }

    fn eval(&self, market: &Market, at: Nanos, out: &mut Vec<Row>) {
        let Some(figures) = figures(market) else { return };
        let value = |sum: &Sum| (self.pick)(sum).and_then(|v| v.to_f64());
        let total = &figures.total;
        out.push(row(Scope::GLOBAL, value(total), total.quality, at));
        for (venue, sum) in &figures.by_venue {
            out.push(row(Scope::venue(*venue), value(sum), sum.quality, at));
        }
        if self.has_underlyings {
            for (underlying, sum) in &figures.by_underlying {
                out.push(row(Scope::underlying(*underlying), value(sum), sum.quality, at));
            }
        }
    }
}

impl Metric for OfAccount {
    fn card(&self) -> &'static Card {
        self.card
    }

    fn eval(&self, market: &Market, at: Nanos, out: &mut Vec<Row>) {
        let Some(figures) = figures(market) else { return };
        let accounts = || market.ledger.accounts.iter().zip(&figures.accounts);
        let mut venues: Vec<u16> = accounts().map(|(a, _)| a.venue).collect();
        venues.sort_unstable();
        venues.dedup();
        let worst = |rows: &mut dyn Iterator<Item = &AccountWorth>| {
            let mut worst: Option<f64> = None;
            let mut quality = Quality::Ok;
            for worth in rows {
                quality = quality.max(worth.sum.quality);
                let Some(value) = (self.pick)(worth) else { continue };
                let is_worse = worst.is_none_or(|w| if self.is_high_worse { value > w } else { value < w });
                if is_worse {
                    worst = Some(value);
                }
            }
            (worst, quality)
        };
        for venue in venues {
            let (value, quality) = worst(&mut accounts().filter(|(a, _)| a.venue == venue).map(|(_, w)| w));
            out.push(row(Scope::venue(venue), value, quality, at));
        }
    }
}

impl Metric for Concentration {
    fn card(&self) -> &'static Card {
        &CONCENTRATION
    }

    fn eval(&self, market: &Market, at: Nanos, out: &mut Vec<Row>) {
        let Some(figures) = figures(market) else { return };
        out.push(row(Scope::GLOBAL, figures.venue_hhi().0, figures.total.quality, at));
    }
}

/// Margin schedules that changed at a venue in the last hour.
pub(super) struct RuleChanges;

static RULE_CHANGES: Card = Card {
    inputs: &[Input::Schedule],
    ..card(
        [
            "rule_changes",
            "rule changes",
            "a venue changed what margin it asks for",
            "margin schedules that differ from the one before, in the last hour",
            "METRICS.md §1 MarginSchedule",
        ],
        Unit::Count,
        None,
        Bad::High,
    )
};

impl Metric for RuleChanges {
    fn card(&self) -> &'static Card {
        &RULE_CHANGES
    }

    fn eval(&self, market: &Market, at: Nanos, out: &mut Vec<Row>) {
        for (venue, slot) in (0u16..).zip(&market.venues) {
            if slot.listings.iter().all(|l| l.schedule.is_none()) {
                continue;
            }
            let recent = |row: &&(Nanos, u16, u32)| row.1 == venue && at.since(row.0) < HOUR;
            let count = market.rule_changes.newest.iter().filter(recent).count();
            out.push(row(Scope::venue(venue), Some(count as f64), Quality::Ok, at));
        }
    }
}
