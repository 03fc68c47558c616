//! Sums over the listings of a venue and of an underlying, for figures that are quotients of sums.

use super::{Row, Scope};
use crate::engine::beat::CONN_STALE;
use crate::engine::listing::Listing;
use crate::engine::market::{FROZEN, Market};
use crate::model::Nanos;
use crate::model::event::Channel;
use crate::model::time::SECOND;
use crate::snapshot::Quality;

/// Open interest that is asked for stands at least this long. METRICS.md §3 rule 1.
const POLLED_AGE: i64 = 180 * SECOND;

/// Trust in the open interest of a listing. One that stopped keeps its last value for a minute, then it
/// leaves: `None`. METRICS.md §3 rule 5.
pub(super) fn interest_trust(market: &Market, venue: u16, listing: &Listing, at: Nanos) -> Option<Quality> {
    let channels = [Channel::OpenInterest, Channel::Ticker];
    let late = |channel: &Channel| {
        let beat = listing.beat(*channel);
        let spec = market.cadence(venue, *channel)?;
        let is_polled = *channel == Channel::OpenInterest && spec.poll_ms > 0;
        let limit = beat.limit(spec).max(if is_polled { POLLED_AGE } else { 0 });
        Some(at.since(beat.last()?).saturating_sub(limit))
    };
    let mut overdue = channels.iter().filter_map(late).min().unwrap_or(0);
    // What is told on change is only as alive as the connection that would tell it.
    let is_polled = market.cadence(venue, Channel::OpenInterest).is_some_and(|spec| spec.poll_ms > 0);
    let newest = channels.iter().filter_map(|c| listing.beat(*c).last()).max();
    let is_heard = newest.is_some_and(|last| at.since(last) <= CONN_STALE);
    if let Some(conn) = listing.conn.and_then(|conn| market.conns.get(&conn))
        && !is_polled
        && !is_heard
    {
        let silence = at.since(conn.last.unwrap_or_default());
        overdue = overdue.max(if conn.is_up { silence - CONN_STALE } else { silence });
    }
    match overdue {
        ..=0 => Some(Quality::Ok),
        late if late <= FROZEN => Some(Quality::Degraded),
        _ => None,
    }
}

/// What one listing adds.
pub(super) type Part = ([f64; 3], Quality);

/// Which rows are wanted beside that of the underlying.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Rows {
    /// Instruments and venues.
    All,
    /// Venues.
    Cells,
    /// None.
    Underlying,
}

/// Sums of some listings.
#[derive(Clone, Copy)]
struct Tally {
    sums: [f64; 3],
    used: u16,
    expected: u16,
    quality: Quality,
    as_of: Nanos,
}

impl Tally {
    const EMPTY: Tally =
        Tally { sums: [0.0; 3], used: 0, expected: 0, quality: Quality::Ok, as_of: Nanos(0) };

    /// One more source, which is there or not.
    fn add(&mut self, part: Option<([f64; 3], Quality, Nanos)>) {
        self.expected += 1;
        let Some((sums, quality, as_of)) = part else { return };
        self.used += 1;
        self.sums.iter_mut().zip(sums).for_each(|(sum, x)| *sum += x);
        self.quality = self.quality.max(quality);
        self.as_of = self.as_of.max(as_of);
    }

    fn whole(&self) -> Option<([f64; 3], Quality, Nanos)> {
        let trust = if self.used < self.expected { Quality::Degraded } else { Quality::Ok };
        (self.used > 0).then(|| (self.sums, self.quality.max(trust), self.as_of))
    }

    fn row(&self, scope: Scope, finish: impl Fn([f64; 3]) -> Option<f64>) -> Row {
        let whole = self.whole();
        let value = whole.and_then(|(sums, ..)| finish(sums));
        let quality = whole.filter(|_| value.is_some()).map_or(Quality::Missing, |w| w.1);
        Row {
            coverage: f64::from(self.used) / f64::from(self.expected.max(1)),
            used: self.used,
            expected: self.expected,
            ..Row::single(scope, value, quality, self.as_of)
        }
    }
}

/// Adds rows of sums over listings that are watched. `read` gives what one adds; `finish` makes the
/// figure of the sums. Venues are what the row of an underlying counts as sources.
pub(super) fn rows(
    market: &Market,
    wanted: Rows,
    out: &mut Vec<Row>,
    read: impl Fn(u16, &Listing) -> Option<Part>,
    finish: impl Fn([f64; 3]) -> Option<f64>,
) {
    for (underlying, members) in (0u16..).zip(&market.members) {
        let mut total = Tally::EMPTY;
        for of_venue in members.chunk_by(|a, b| a.0 == b.0) {
            let mut sum = Tally::EMPTY;
            for (venue, symbol) in of_venue {
                let watched = market.listing(*venue, *symbol).filter(|l| l.conn.is_some());
                let Some(listing) = watched else { continue };
                let as_of = listing.oi_at.unwrap_or_default();
                let part = read(*venue, listing).map(|(sums, quality)| (sums, quality, as_of));
                sum.add(part);
                if wanted == Rows::All {
                    let mut one = Tally::EMPTY;
                    one.add(part);
                    out.push(one.row(Scope::instrument(underlying, *venue, *symbol), &finish));
                }
            }
            let Some((venue, _)) = of_venue.first().filter(|_| sum.expected > 0) else { continue };
            if wanted != Rows::Underlying {
                out.push(sum.row(Scope::cell(underlying, *venue), &finish));
            }
            total.add(sum.whole());
        }
        if total.expected > 0 {
            out.push(total.row(Scope::underlying(underlying), &finish));
        }
    }
}
