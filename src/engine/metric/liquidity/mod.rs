//! Family C but for concentration: what a book holds, what it costs to trade, how it takes a hit.

mod cost;
mod depth;
mod resilience;

pub(super) use cost::{Against, AgainstRobz, CostRatio, CostToTrade};
pub(super) use depth::{Depth, DepthDrop, Imbalance, Spread};
pub(super) use resilience::{Amihud, HalfLife, Kyle};

use super::Scope;
use crate::engine::listing::Listing;
use crate::engine::market::Market;
use crate::model::Nanos;
use crate::model::event::Channel;
use crate::snapshot::{BookState, Quality};

/// Calls `f` for every watched listing of an underlying, in (venue, symbol) order.
fn each_listing(market: &Market, underlying: u16, mut f: impl FnMut(Scope, &Listing)) {
    for (venue, symbol) in market.members.get(usize::from(underlying)).map_or(&[][..], Vec::as_slice) {
        if let Some(listing) = market.listing(*venue, *symbol).filter(|l| l.conn.is_some()) {
            f(Scope::instrument(underlying, *venue, *symbol), listing);
        }
    }
}

/// Calls `f` for every watched listing of every underlying.
fn each_perp(market: &Market, mut f: impl FnMut(Scope, &Listing)) {
    for underlying in 0..market.underlyings.len() as u16 {
        each_listing(market, underlying, &mut f);
    }
}

fn book_quality(listing: &Listing) -> Quality {
    match listing.figures.state {
        BookState::Synced if listing.figures.is_mid_old => Quality::Degraded,
        BookState::Synced => Quality::Ok,
        BookState::Stale | BookState::Dead => Quality::Stale,
        BookState::Resyncing => Quality::Missing,
    }
}

fn as_of(listing: &Listing) -> Nanos {
    listing.beat(Channel::Book).last().unwrap_or_default()
}
