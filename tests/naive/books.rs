//! What happened, in lists and maps.

use std::collections::BTreeMap;

use faultline::dialect::{self, Decoder, Note, Out};
use faultline::model::entry::{Entry, Kind};
use faultline::model::event::{Body, Event};
use faultline::model::instrument::{Class, InstrumentDef, Payoff};
use faultline::model::time::{MS, Nanos};
use faultline::model::venue::{Command, VenueSpec};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

/// The best prices from a message on.
pub(crate) struct Top {
    /// When it reached us.
    pub(crate) at: Nanos,
    /// When the venue says it happened.
    pub(crate) stamp: Option<Nanos>,
    pub(crate) best: Option<(Decimal, Decimal)>,
    pub(crate) is_synced: bool,
}

impl Top {
    /// Bid and ask of a book that is whole and not crossed.
    pub(crate) fn good(&self) -> Option<(Decimal, Decimal)> {
        self.best.filter(|(bid, ask)| self.is_synced && bid < ask)
    }
}

/// One instrument of one venue.
#[derive(Default)]
pub(crate) struct Instrument {
    pub(crate) def: Option<InstrumentDef>,
    pub(crate) bids: BTreeMap<Decimal, Decimal>,
    pub(crate) asks: BTreeMap<Decimal, Decimal>,
    pub(crate) is_synced: bool,
    /// After each message of the book.
    pub(crate) tops: Vec<Top>,
    /// Price and size of each trade.
    pub(crate) trades: Vec<(Nanos, Decimal, Decimal)>,
}

pub(crate) fn f(value: Decimal) -> f64 {
    value.to_f64().unwrap()
}

impl Instrument {
    pub(crate) fn is_perp(&self) -> bool {
        self.def.as_ref().is_some_and(|d| d.class == Class::Perp)
    }

    pub(crate) fn underlying(&self) -> &str {
        self.def.as_ref().map_or("", |d| d.underlying.as_str())
    }

    fn top(&self) -> Option<(Decimal, Decimal)> {
        Some((*self.bids.keys().next_back()?, *self.asks.keys().next()?))
    }

    /// What was known at a tick: it stands before the messages of its own instant.
    pub(crate) fn known(&self, at: Nanos) -> &[Top] {
        &self.tops[..self.tops.partition_point(|top| top.at < at)]
    }

    /// Somebody could trade with it.
    pub(crate) fn is_tradable(&self, at: Nanos) -> bool {
        self.known(at).last().is_some_and(|top| top.good().is_some())
    }

    /// Mid in units of the quote for one unit of the underlying. The last one before the book crossed
    /// stands for half a second.
    pub(crate) fn mid(&self, at: Nanos) -> Option<Decimal> {
        let tops = self.known(at);
        let is_synced = tops.last()?.is_synced;
        let crossed = tops.iter().rev().take_while(|top| top.good().is_none()).last();
        let newest = tops.iter().rev().find_map(Top::good);
        let is_young = crossed.is_none_or(|since| at.since(since.at) <= 500 * MS);
        let (bid, ask) = newest.filter(|_| is_synced && is_young)?;
        Some((bid + ask) / Decimal::TWO)
    }

    /// Money of a level or trade in the quote currency, a dollar at par. METRICS.md erratum 4.
    pub(crate) fn money(&self, price: Decimal, size: Decimal) -> Decimal {
        let def = self.def.as_ref().unwrap();
        match def.payoff {
            Payoff::Inverse => size * def.multiplier,
            Payoff::Linear | Payoff::Quanto => size * price * def.multiplier,
        }
    }
}

/// All instruments by venue and symbol, and the decoders that tell of them.
pub(crate) struct World {
    pub(crate) instruments: BTreeMap<(String, String), Instrument>,
    /// When a socket of a venue last spoke.
    pub(crate) spoke: BTreeMap<String, Nanos>,
    /// By venue: when a message came, and how long it took by the venue's clock.
    pub(crate) latencies: BTreeMap<String, Vec<(Nanos, i64)>>,
    decoders: BTreeMap<String, Box<dyn Decoder>>,
    conns: BTreeMap<u16, String>,
}

impl World {
    pub(crate) fn new(venues: &[VenueSpec]) -> World {
        let decoder = |v: &VenueSpec| (v.id.clone(), dialect::find(&v.dialect).unwrap().decoder(v));
        // What the venue files know before a venue has spoken.
        let known = venues.iter().flat_map(|v| v.instruments.iter().map(|row| (v.id.clone(), row)));
        let known = known.map(|(venue, row)| {
            let instrument = Instrument { def: Some(row.to_def().unwrap()), ..Instrument::default() };
            ((venue, row.symbol.clone()), instrument)
        });
        World {
            instruments: known.collect(),
            spoke: BTreeMap::new(),
            latencies: BTreeMap::new(),
            decoders: venues.iter().map(decoder).collect(),
            conns: BTreeMap::new(),
        }
    }

    pub(crate) fn take(&mut self, entry: &Entry<'_>) {
        let (conn, at) = match &entry.kind {
            Kind::Conn(conn, info) => {
                self.conns.insert(conn.0, info.venue.clone());
                return;
            }
            Kind::Frame(conn, _) | Kind::Rest(conn, _) | Kind::Control(conn, _) => (*conn, entry.ts_recv),
            _ => return,
        };
        let venue = self.conns[&conn.0].clone();
        let decoder = self.decoders.get_mut(&venue).unwrap();
        if let Kind::Frame(..) = entry.kind {
            self.spoke.insert(venue.clone(), at);
        }
        let latencies = self.latencies.entry(venue.clone()).or_default();
        let mut notes = Notes { at, venue, latencies, instruments: &mut self.instruments };
        match &entry.kind {
            Kind::Frame(_, bytes) => decoder.frame(conn, bytes, &mut notes),
            Kind::Rest(_, answer) => decoder.rest(answer, &mut notes),
            Kind::Control(_, control) => decoder.control(conn, control, &mut notes),
            _ => {}
        }
    }
}

struct Notes<'w> {
    at: Nanos,
    venue: String,
    latencies: &'w mut Vec<(Nanos, i64)>,
    instruments: &'w mut BTreeMap<(String, String), Instrument>,
}

impl Out for Notes<'_> {
    fn event(&mut self, event: Event<'_>) {
        self.latencies.extend(event.ts_venue.map(|stamp| (self.at, self.at.since(stamp))));
        if event.symbol.is_none() {
            return;
        }
        let key = (self.venue.clone(), event.symbol.text.to_string());
        let it = self.instruments.entry(key).or_default();
        match event.body {
            Body::Instrument(def) => it.def = Some(def.clone()),
            Body::Book(change) => {
                if change.snapshot {
                    it.is_synced = true;
                    it.bids.clear();
                    it.asks.clear();
                }
                if !it.is_synced {
                    return;
                }
                for (side, levels) in [(&mut it.bids, change.bids), (&mut it.asks, change.asks)] {
                    for level in levels {
                        let price = level.price.to_decimal();
                        if level.size.is_zero() {
                            side.remove(&price);
                        } else {
                            side.insert(price, level.size.to_decimal());
                        }
                    }
                }
                it.tops.push(Top { at: self.at, stamp: event.ts_venue, best: it.top(), is_synced: true });
            }
            Body::Trade(trade) if !trade.is_history => {
                it.trades.push((self.at, trade.price.to_decimal(), trade.size.to_decimal()));
            }
            Body::Gap(_) => {
                it.is_synced = false;
                it.bids.clear();
                it.asks.clear();
                let stamp = it.tops.last().and_then(|top| top.stamp);
                it.tops.push(Top { at: self.at, stamp, best: None, is_synced: false });
            }
            _ => {}
        }
    }

    fn command(&mut self, _command: Command) {}

    fn note(&mut self, _note: Note<'_>) {}
}
