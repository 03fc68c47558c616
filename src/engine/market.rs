//! The market: venues with their listings and feeds, underlyings, currencies. Events change it,
//! ticks judge it.

use std::collections::BTreeMap;

use super::beat::CONN_STALE;
use super::consensus::{RATE_WEIGHT_CAP, Vote, bps, cap_weights, sort, weighted_median};
use super::health::{ConnHealth, VenueHealth};
use super::listing::{CROSSED_MAX, Listing};
use super::metric::{NONE, Table};
use super::window::Peak;
use crate::model::Nanos;
use crate::model::entry::ConnIx;
use crate::model::event::{Body, Channel, Event, GapWhy};
use crate::model::instrument::{Class, InstrumentDef, Payoff};
use crate::model::time::SECOND;
use crate::model::venue::{ChannelSpec, VenueSpec};
use crate::snapshot::{BookState, Quality};

/// A currency without news this long leaves its last price degraded, then missing. METRICS.md §4.1.
const RATE_DEGRADED: i64 = 60 * SECOND;
const RATE_MISSING: i64 = 600 * SECOND;
/// Underlyings that may be told apart.
pub const UNDERLYINGS_MAX: usize = 4_000;
/// How long a stale venue keeps its last value in shares and sums. METRICS.md §3 rule 5.
pub const FROZEN: i64 = 60 * SECOND;
/// Seconds after the first tick at which representatives are chosen for good. DECISIONS 31.
const ELECTION_S: i64 = 10;

/// USD price of a currency.
#[derive(Clone, Debug, PartialEq)]
pub struct Currency {
    /// Code.
    pub name: String,
    /// USD per unit; `None` when its sources fell silent.
    pub usd: Option<f64>,
    /// Trust in it: estimated means par was assumed.
    pub quality: Quality,
    /// When a source last spoke.
    seen: Option<Nanos>,
}

/// A venue with all that is known of it.
#[derive(Debug)]
pub struct Venue {
    /// Its file.
    pub spec: VenueSpec,
    /// Listings by symbol index.
    pub listings: Vec<Listing>,
    /// Feed counters.
    pub health: VenueHealth,
    /// Cadence by channel.
    cadence: [ChannelSpec; Channel::ALL.len()],
    /// Representative listing by underlying.
    pub heads: BTreeMap<u16, u32>,
}

/// Something the market needs from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resync {
    /// Venue index.
    pub venue: u16,
    /// Symbol index.
    pub symbol: u32,
}

/// All venues.
#[derive(Debug)]
pub struct Market {
    /// Venues in id order: the order of every sum.
    pub venues: Vec<Venue>,
    /// Connections of the tape.
    pub conns: BTreeMap<ConnIx, ConnHealth>,
    /// Canonical assets by index.
    pub underlyings: Vec<String>,
    /// Currencies by index; 0 is USD.
    pub currencies: Vec<Currency>,
    /// Listings per underlying, in (venue, symbol) order.
    pub members: Vec<Vec<(u16, u32)>>,
    /// Recent extremes of the mid gap, by underlying and venue.
    pub peaks: BTreeMap<(u16, u16), Peak>,
    /// How far the fold is behind the clock, in milliseconds; known while running only.
    pub lag_ms: Option<f64>,
    started: Option<Nanos>,
    votes: Vec<Vote>,
}

impl Market {
    /// Venues must be sorted by id.
    pub fn new(specs: Vec<VenueSpec>) -> Self {
        let venues = specs.into_iter().map(Venue::new).collect();
        let usd = Currency { name: "USD".into(), usd: Some(1.0), quality: Quality::Ok, seen: None };
        Market {
            venues,
            conns: BTreeMap::new(),
            underlyings: Vec::new(),
            currencies: vec![usd],
            members: Vec::new(),
            peaks: BTreeMap::new(),
            lag_ms: None,
            started: None,
            votes: Vec::new(),
        }
    }

    /// The listing at a venue and symbol index.
    pub fn listing(&self, venue: u16, symbol: u32) -> Option<&Listing> {
        self.venues.get(usize::from(venue))?.listings.get(symbol as usize)
    }

    /// The representative of a venue for an underlying.
    pub fn head(&self, venue: u16, underlying: u16) -> Option<(u32, &Listing)> {
        let symbol = *self.venues.get(usize::from(venue))?.heads.get(&underlying)?;
        Some((symbol, self.listing(venue, symbol)?))
    }

    /// Keeps the extremes of the rows of single venues.
    pub fn peak(&mut self, table: &Table, at: Nanos) {
        for row in table.rows().iter().filter(|r| r.scope.peer == NONE) {
            if let Some(value) = row.value {
                self.peaks.entry((row.scope.underlying, row.scope.venue)).or_default().add(at, value);
            }
        }
    }

    /// True when some connection ever carried a book of this underlying.
    pub fn is_watched(&self, underlying: u16) -> bool {
        let members = self.members.get(usize::from(underlying)).map_or(&[][..], Vec::as_slice);
        members.iter().any(|(venue, symbol)| self.listing(*venue, *symbol).is_some_and(|l| l.conn.is_some()))
    }

    /// USD per unit of a currency.
    #[inline]
    pub fn usd(&self, currency: u16) -> Option<(f64, Quality)> {
        let currency = self.currencies.get(usize::from(currency))?;
        currency.usd.map(|usd| (usd, currency.quality))
    }

    /// Applies one event. Returns a resync when the book contradicts itself.
    #[inline]
    pub fn apply(&mut self, venue: u16, conn: ConnIx, at: Nanos, event: &Event<'_>) -> Option<Resync> {
        let ix = event.symbol.ix;
        let slot = self.venues.get_mut(usize::from(venue))?;
        if event.symbol.is_none() {
            slot.health.channel(event.body.channel()).beat.beat(at);
            return None;
        }
        if slot.listings.len() <= ix as usize {
            slot.grow(ix, event.symbol.text);
        }
        let listing = slot.listings.get_mut(ix as usize)?;
        let channel = event.body.channel();
        if !matches!(event.body, Body::Gap(_)) {
            listing.beats[channel as usize].beat(at);
            slot.health.channel(channel).beat.beat(at);
        }
        match &event.body {
            Body::Book(change) => {
                if !listing.change(at, conn, change) {
                    slot.health.faults += 1;
                    return Some(Resync { venue, symbol: ix });
                }
            }
            Body::Quote(quote) => listing.quote = Some(*quote),
            Body::Trade(trade) => {
                let money = self.currencies.get(usize::from(listing.money_currency)).and_then(|c| c.usd);
                listing.trade(at, trade, money);
            }
            Body::Ticker(ticker) => listing.merge(at, ticker),
            Body::Liquidation(_)
            | Body::Audit(_)
            | Body::Option(_)
            | Body::Schedule(_)
            | Body::Fund(_)
            | Body::Status(_)
            | Body::Position(_)
            | Body::Order(_)
            | Body::Balance(_)
            | Body::Margin(_)
            | Body::Whole(_) => {}
            Body::Instrument(def) => self.define(venue, ix, event.symbol.text, def),
            Body::Gap(gap) => {
                listing.distrust(at);
                if gap.why != GapWhy::Disconnect {
                    slot.health.gap();
                }
            }
        }
        None
    }

    /// Takes contract terms.
    pub fn define(&mut self, venue: u16, ix: u32, symbol: &str, def: &InstrumentDef) {
        let quote_currency = self.currency(&def.quote);
        let money = if def.payoff == Payoff::Quanto { &def.settle } else { &def.quote };
        let money_currency = self.currency(money);
        let underlying = match def.class {
            Class::Perp | Class::Future => self.underlying(&def.underlying),
            Class::Spot | Class::Option => None,
        };
        let Some(slot) = self.venues.get_mut(usize::from(venue)) else { return };
        slot.grow(ix, symbol);
        let Some(listing) = slot.listings.get_mut(ix as usize) else { return };
        if !listing.set_def(def) {
            return;
        }
        listing.quote_currency = quote_currency;
        listing.money_currency = money_currency;
        let before = std::mem::replace(&mut listing.underlying, underlying);
        if before != underlying {
            if let Some(members) = before.and_then(|u| self.members.get_mut(usize::from(u))) {
                members.retain(|m| *m != (venue, ix));
            }
            if let Some(members) = underlying.and_then(|u| self.members.get_mut(usize::from(u))) {
                let at = members.partition_point(|m| *m < (venue, ix));
                members.insert(at, (venue, ix));
            }
        }
        if let Some(underlying) = underlying {
            self.elect(venue, underlying);
        }
    }

    fn underlying(&mut self, name: &str) -> Option<u16> {
        let known = self.underlyings.iter().position(|u| u == name);
        let at = known.unwrap_or(self.underlyings.len());
        if at >= UNDERLYINGS_MAX {
            return None;
        }
        if known.is_none() {
            self.underlyings.push(name.to_string());
            self.members.push(Vec::new());
        }
        u16::try_from(at).ok()
    }

    fn currency(&mut self, name: &str) -> u16 {
        let at = self.currencies.iter().position(|c| c.name == name).unwrap_or_else(|| {
            // Par until a source speaks. DECISIONS 30.
            let par =
                Currency { name: name.to_string(), usd: Some(1.0), quality: Quality::Estimated, seen: None };
            self.currencies.push(par);
            self.currencies.len() - 1
        });
        u16::try_from(at).unwrap_or(0)
    }

    /// Chooses the listing that speaks for a venue: largest open interest, then volume, then quote
    /// USDT, USDC, USD, then symbol. DECISIONS 31.
    fn elect(&mut self, venue: u16, underlying: u16) {
        let Some(members) = self.members.get(usize::from(underlying)) else { return };
        let at = self.started.unwrap_or(Nanos(0));
        let best = members
            .iter()
            .filter(|m| m.0 == venue)
            .filter_map(|m| Some((m.1, self.listing(venue, m.1)?)))
            .filter(|(_, listing)| listing.is_open_perp())
            .max_by(|(_, a), (_, b)| {
                let interest = |l: &Listing| l.open_interest().map_or(0.0, |o| o.0);
                let quote = |l: &Listing| match l.def.as_ref().map(|d| d.quote.as_str()) {
                    Some("USDT") => 3,
                    Some("USDC") => 2,
                    Some("USD") => 1,
                    _ => 0,
                };
                interest(a)
                    .total_cmp(&interest(b))
                    .then(a.volume.value(at).total_cmp(&b.volume.value(at)))
                    .then(quote(a).cmp(&quote(b)))
                    .then(b.symbol.cmp(&a.symbol))
            })
            .map(|(symbol, _)| symbol);
        if let Some(slot) = self.venues.get_mut(usize::from(venue)) {
            match best {
                Some(symbol) => slot.heads.insert(underlying, symbol),
                None => slot.heads.remove(&underlying),
            };
        }
    }

    fn elect_all(&mut self) {
        for venue in 0..self.venues.len() as u16 {
            for underlying in 0..self.underlyings.len() as u16 {
                self.elect(venue, underlying);
            }
        }
    }

    /// Judges everything at a tick: states, figures, currencies. Pushes books that stayed crossed.
    pub fn judge(&mut self, now: Nanos, resyncs: &mut Vec<Resync>) {
        let started = *self.started.get_or_insert(now);
        if now.is_on(10 * SECOND) {
            self.roll();
        }
        let since = now.since(started);
        let election = ELECTION_S * SECOND..(ELECTION_S + 1) * SECOND;
        let is_election = election.contains(&since) && now.is_on(SECOND);
        if is_election || now.is_on(86_400 * SECOND) {
            self.elect_all();
        }
        for (venue, slot) in (0u16..).zip(&mut self.venues) {
            for (symbol, listing) in (0u32..).zip(&mut slot.listings) {
                let state = state_of(listing, now, &slot.cadence, &self.conns);
                listing.refresh(now, state);
                if listing.is_synced && listing.crossed_for(now).is_some_and(|age| age > CROSSED_MAX) {
                    slot.health.faults += 1;
                    listing.distrust(now);
                    resyncs.push(Resync { venue, symbol });
                }
            }
        }
        if now.is_on(SECOND) {
            self.close_second(now);
        }
    }

    fn close_second(&mut self, now: Nanos) {
        for slot in &mut self.venues {
            slot.health.measure();
            if now.is_on(60 * SECOND) {
                slot.health.close_minute();
            }
            slot.listings.iter_mut().for_each(|l| l.close_second(now));
        }
        self.price_currencies(now);
    }

    fn roll(&mut self) {
        for slot in &mut self.venues {
            slot.health.roll();
            slot.listings.iter_mut().flat_map(|l| &mut l.beats).for_each(super::beat::Beat::roll);
        }
    }

    /// True when a channel of a listing has been silent for longer than its venue file allows.
    pub fn is_channel_stale(&self, venue: u16, listing: &Listing, channel: Channel, now: Nanos) -> bool {
        self.venues.get(usize::from(venue)).is_some_and(|slot| {
            let spec = &slot.cadence[channel as usize];
            listing.beat(channel).is_stale(now, spec)
        })
    }

    /// Cadence of a channel on a venue.
    pub fn cadence(&self, venue: u16, channel: Channel) -> Option<&ChannelSpec> {
        Some(&self.venues.get(usize::from(venue))?.cadence[channel as usize])
    }

    /// USD prices of currencies from spot books against USD, or against USDT once that has a price of
    /// its own. METRICS.md §4.1.
    fn price_currencies(&mut self, now: Nanos) {
        let Market { venues, currencies, votes, .. } = self;
        let usdt =
            currencies.iter().find(|c| c.name == "USDT" && c.quality == Quality::Ok).and_then(|c| c.usd);
        for currency in currencies.iter_mut().skip(1) {
            votes.clear();
            for (venue, slot) in (0u16..).zip(venues.iter()) {
                for listing in &slot.listings {
                    let Some(def) = listing.def.as_ref() else { continue };
                    if def.class != Class::Spot || def.base != currency.name {
                        continue;
                    }
                    let rate = match def.quote.as_str() {
                        "USD" => Some(1.0),
                        "USDT" => usdt,
                        _ => None,
                    };
                    if let (Some(rate), Some(mid)) = (rate, listing.figures.mid) {
                        votes.push(Vote { venue, value: mid * rate, weight: listing.volume.value(now) });
                    }
                }
            }
            if votes.iter().any(|v| v.weight <= 0.0) {
                votes.iter_mut().for_each(|v| v.weight = 1.0);
            }
            cap_weights(votes, RATE_WEIGHT_CAP);
            sort(votes);
            let price = weighted_median(votes, None);
            match (price, currency.seen) {
                (Some(price), _) => {
                    (currency.usd, currency.quality, currency.seen) = (Some(price), Quality::Ok, Some(now));
                }
                (None, Some(seen)) if now.since(seen) > RATE_MISSING => {
                    (currency.usd, currency.quality) = (None, Quality::Missing);
                }
                (None, Some(seen)) if now.since(seen) > RATE_DEGRADED => currency.quality = Quality::Degraded,
                _ => {}
            }
        }
    }

    /// Distance of a currency from par in bps. METRICS.md A7.
    pub fn currency_bps(&self, currency: u16) -> Option<f64> {
        self.usd(currency).map(|(usd, _)| bps(usd, 1.0))
    }
}

/// The state of a book: its trust, its age, its connection.
fn state_of(
    listing: &Listing,
    now: Nanos,
    cadence: &[ChannelSpec; Channel::ALL.len()],
    conns: &BTreeMap<ConnIx, ConnHealth>,
) -> BookState {
    let conn = listing.conn.and_then(|c| conns.get(&c));
    if conn.is_some_and(|c| !c.is_up) {
        return BookState::Dead;
    }
    if !listing.is_synced {
        return BookState::Resyncing;
    }
    let is_silent = conn.and_then(|c| c.last).is_some_and(|last| now.since(last) > CONN_STALE);
    if is_silent || listing.beat(Channel::Book).is_stale(now, &cadence[Channel::Book as usize]) {
        return BookState::Stale;
    }
    BookState::Synced
}

impl Venue {
    fn new(spec: VenueSpec) -> Self {
        let cadence = Channel::ALL.map(|c| spec.channels.get(c.word()).cloned().unwrap_or_default());
        Venue { spec, listings: Vec::new(), health: VenueHealth::default(), cadence, heads: BTreeMap::new() }
    }

    #[cold]
    fn grow(&mut self, ix: u32, text: &str) {
        while self.listings.len() <= ix as usize {
            self.listings.push(Listing::new(""));
        }
        if let Some(listing) = self.listings.get_mut(ix as usize).filter(|l| l.symbol.is_empty()) {
            *listing = Listing::new(text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::{BookChange, Level, Symbol};
    use crate::model::num::Num;
    use crate::model::{Decimal, time::SECOND};

    const VENUE: &str = "id = \"v\"\nbrand = \"v\"\nshort = \"v\"\nname = \"V\"\ndialect = \"x\"\n\
        [[endpoint]]\nname = \"e\"\nurl = \"wss://v.invalid\"\nchannels = [\"book\"]\n\
        [rest]\nurl = \"https://v.invalid\"\n";

    /// A spot book one basis point wide around `mid` hundredths of a cent.
    fn quote(market: &mut Market, ix: u32, text: &str, mid: i64, at: Nanos) {
        let level = |price| [Level { price: Num::new(price, 4), size: Num::new(1, 0) }];
        let (bids, asks) = (level(mid - 1), level(mid + 1));
        let change = BookChange { snapshot: true, bids: &bids, asks: &asks, seq: None };
        let event = Event { symbol: Symbol { ix, text }, ts_venue: None, body: Body::Book(change) };
        market.apply(0, ConnIx(0), at, &event);
    }

    #[test]
    fn a_stablecoin_is_priced_directly_or_through_another() {
        let mut market = Market::new(vec![toml::from_str(VENUE).unwrap()]);
        for (ix, base, quote) in [(0, "USDT", "USD"), (1, "USDC", "USDT")] {
            let def = InstrumentDef {
                class: Class::Spot,
                base: base.into(),
                quote: quote.into(),
                multiplier: Decimal::ONE,
                price_scale: Decimal::ONE,
                ..InstrumentDef::default()
            };
            market.define(0, ix, base, &def);
        }
        for name in ["USDT", "USDC"] {
            market.currency(name);
        }
        let of = |market: &Market, name: &str| {
            let currency = market.currencies.iter().find(|c| c.name == name).unwrap();
            (currency.usd, currency.quality)
        };
        assert_eq!(of(&market, "USDC"), (Some(1.0), Quality::Estimated), "par before any source");
        for second in 1..=2 {
            let at = Nanos(second * SECOND);
            quote(&mut market, 0, "USDT", 9_985, at);
            quote(&mut market, 1, "USDC", 9_000, at);
            market.judge(at, &mut Vec::new());
        }
        assert_eq!(of(&market, "USDT"), (Some(0.9985), Quality::Ok));
        let (usdc, quality) = of(&market, "USDC");
        assert!((usdc.unwrap() - 0.9 * 0.9985).abs() < 1e-12 && quality == Quality::Ok);
        // Silent: the last price stands, degraded after a minute, gone after ten.
        market.judge(Nanos(70 * SECOND), &mut Vec::new());
        assert_eq!(of(&market, "USDT"), (Some(0.9985), Quality::Degraded));
        market.judge(Nanos(700 * SECOND), &mut Vec::new());
        assert_eq!(of(&market, "USDT"), (None, Quality::Missing));
    }
}
