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

/// One instrument of one venue.
#[derive(Default)]
pub(crate) struct Instrument {
    pub(crate) def: Option<InstrumentDef>,
    pub(crate) bids: BTreeMap<Decimal, Decimal>,
    pub(crate) asks: BTreeMap<Decimal, Decimal>,
    pub(crate) is_synced: bool,
    /// Best bid and ask after each message of the book.
    pub(crate) tops: Vec<(Nanos, Option<(Decimal, Decimal)>)>,
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

    /// Mid in units of the quote for one unit of the underlying. The last one before the book crossed
    /// stands for half a second.
    pub(crate) fn mid(&self, at: Nanos) -> Option<Decimal> {
        let is_good = |top: &Option<(Decimal, Decimal)>| top.is_some_and(|(bid, ask)| bid < ask);
        let (mut top, crossed) = (self.tops.last()?.1, self.tops.iter().rev().take_while(|t| !is_good(&t.1)));
        if let Some((since, _)) = crossed.last() {
            let before = self.tops.iter().rev().find(|t| is_good(&t.1));
            top = before.filter(|_| at.since(*since) <= 500 * MS)?.1;
        }
        let (bid, ask) = top.filter(|_| self.is_synced)?;
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
        let mut notes = Notes { at, venue, instruments: &mut self.instruments };
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
    instruments: &'w mut BTreeMap<(String, String), Instrument>,
}

impl Out for Notes<'_> {
    fn event(&mut self, event: Event<'_>) {
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
                it.tops.push((self.at, it.top()));
            }
            Body::Trade(trade) if !trade.is_history => {
                it.trades.push((self.at, trade.price.to_decimal(), trade.size.to_decimal()));
            }
            Body::Gap(_) => {
                it.is_synced = false;
                it.bids.clear();
                it.asks.clear();
                it.tops.push((self.at, None));
            }
            _ => {}
        }
    }

    fn command(&mut self, _command: Command) {}

    fn note(&mut self, _note: Note<'_>) {}
}
