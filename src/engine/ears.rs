//! Whose liquidations are heard: a feed that is silent while its connection lives says that there were
//! none, a dead one says nothing. METRICS.md F1.

use std::collections::BTreeMap;

use super::beat::CONN_STALE;
use super::health::ConnHealth;
use super::listing::Listing;
use super::market::Market;
use super::venue::Venue;
use crate::model::Nanos;
use crate::model::entry::ConnIx;
use crate::model::event::Channel;

/// Since when the liquidations of a venue are heard without a hole.
#[derive(Debug, Default)]
pub struct Ears {
    conns: BTreeMap<ConnIx, Nanos>,
    /// By venue: all its connections that may carry liquidations are open.
    venues: Vec<Option<Nanos>>,
}

impl Ears {
    /// A connection opened, closed or lost frames: what it carries starts anew.
    pub(super) fn interrupt(&mut self, conn: ConnIx) {
        self.conns.remove(&conn);
    }

    /// A whole second passed.
    pub(super) fn listen(&mut self, now: Nanos, venues: &[Venue], conns: &BTreeMap<ConnIx, ConnHealth>) {
        for (ix, conn) in conns.iter().filter(|(_, conn)| conn.is_market()) {
            if conn.is_up && conn.last.is_some_and(|last| now.since(last) <= CONN_STALE) {
                self.conns.entry(*ix).or_insert(now);
            } else {
                self.conns.remove(ix);
            }
        }
        self.venues.clear();
        for (ix, venue) in (0u16..).zip(venues) {
            let mut since = None;
            for (conn, _) in conns.iter().filter(|(_, c)| c.venue == ix && c.is_market() && carries(venue, c))
            {
                let Some(at) = self.conns.get(conn) else {
                    since = None;
                    break;
                };
                since = since.max(Some(*at));
            }
            self.venues.push(since);
        }
    }
}

/// True when a connection belongs to an endpoint that serves liquidations: `<venue>/<endpoint>-<n>`.
fn carries(venue: &Venue, conn: &ConnHealth) -> bool {
    let name = conn.name.strip_prefix(venue.spec.id.as_str()).and_then(|n| n.strip_prefix('/'));
    let endpoint = name.and_then(|n| n.rsplit_once('-')).map(|n| n.0);
    let word = Channel::Liquidation.word();
    let serves = |channels: &[String]| channels.iter().any(|c| c == word);
    venue.spec.endpoints.iter().any(|e| Some(e.name.as_str()) == endpoint && serves(&e.channels))
}

impl Market {
    /// True when a venue shows liquidations at all.
    pub fn shows_liquidations(&self, venue: u16) -> bool {
        let slot = self.venues.get(usize::from(venue));
        slot.is_some_and(|v| {
            v.spec.endpoints.iter().any(|e| e.channels.iter().any(|c| c == Channel::Liquidation.word()))
        })
    }

    /// Since when the liquidations of a listing are heard without a hole; `None` when they are not.
    ///
    /// Silence of a heard feed means that there were none.
    pub fn heard_since(&self, venue: u16, listing: &Listing) -> Option<Nanos> {
        let of_venue = self.ears.venues.get(usize::from(venue)).copied().flatten();
        let of_conn = || self.ears.conns.get(&listing.forced.as_ref()?.conn).copied();
        of_venue.or_else(of_conn)
    }
}
