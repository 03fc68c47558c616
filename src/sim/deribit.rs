//! Deribit, server side: JSON-RPC over one socket, public and private.
//!
//! `book`: a snapshot first, then changes that name the change before (`prev_change_id`) and say `new`,
//! `change` or `delete`. Amounts are dollars on inverse contracts, coins on linear ones and options. Forced
//! closes are a flag on trades. Numbers are JSON numbers. An acknowledgement lists what was taken and
//! leaves the rest out. A client that asked for heartbeats must answer each `test_request`.
//! Source: docs.deribit.com, read 2026-11.

use serde::Deserialize;

use crate::model::Nanos;
use crate::model::time::SECOND;

use super::chain::Contract;
use super::deribit_account::{self as own, Own};
use super::deribit_rest;
use super::deribit_wire::{self as wire, Kind};
use super::limits::Limits;
use super::listing::{Listing, Unit};
use super::market::Venue;
use super::scene::Part;
use super::session::{Answer, Request, Session, VenueServer};
use super::subscription::{Cursor, Subs};
use super::text;

/// The whole venue: one pool, whatever door leads to it.
pub(super) struct Deribit;

const DOLLAR: Unit = Unit::Usd(1);
const COIN: Unit = Unit::BaseE8(100_000_000);
/// Channels of one connection.
const CHANNELS_MAX: usize = 500;

static LISTINGS: &[Listing] = &[
    Listing::row(["BTC-PERPETUAL", "BTC"], (5, 1), (10, 0), DOLLAR, (1_130, 4_200, 3.0), 50),
    Listing::row(["ETH-PERPETUAL", "ETH"], (5, 2), (1, 0), DOLLAR, (610, 2_600, 2.5), 50),
    Listing::row(["SOL_USDC-PERPETUAL", "SOL"], (1, 2), (1, 1), COIN, (60, 700, 1.2), 50),
    Listing::row(["XRP_USDC-PERPETUAL", "XRP"], (1, 4), (1, 0), COIN, (35, 420, 0.8), 50),
    Listing::row(["DOGE_USDC-PERPETUAL", "DOGE"], (1, 5), (10, 0), COIN, (14, 260, 0.6), 50),
    Listing::row(["BTC-25JUN27", "BTC"], (5, 1), (10, 0), DOLLAR, (240, 1_100, 0.4), 50)
        .until(1_813_910_400_000),
];

/// The channels of a connection are counted where they are subscribed.
const LIMITS: Limits = Limits { connections: 32, ..Limits::NONE };

impl VenueServer for Deribit {
    fn id(&self) -> &'static str {
        "deribit"
    }

    fn part(&self) -> Part {
        Part::Steady
    }

    fn limits(&self) -> &'static Limits {
        &LIMITS
    }

    fn listings(&self) -> &'static [Listing] {
        LISTINGS
    }

    fn funding_hours(&self) -> i64 {
        8
    }

    fn cash(&self) -> &'static str {
        "USDC"
    }

    fn session(&self, path: &str, _query: &str, _venue: &Venue) -> Option<Box<dyn Session>> {
        let desk = Desk { subs: Subs::new(), own: Own::default(), beat: None, is_gone: false };
        (path == "/ws/api/v2").then(|| Box::new(desk) as Box<dyn Session>)
    }

    fn rest(&self, request: &Request<'_>, venue: &Venue) -> Answer {
        deribit_rest::answer(request, venue)
    }
}

/// A heartbeat that a client asked for.
struct Beat {
    every: i64,
    /// When the client was last asked.
    asked: Nanos,
    /// It has not answered yet.
    is_open: bool,
}

struct Desk {
    subs: Subs<Kind>,
    own: Own,
    beat: Option<Beat>,
    /// Did not answer a test request: the venue has let it go.
    is_gone: bool,
}

#[derive(Deserialize)]
struct Ask {
    #[serde(default)]
    id: i64,
    method: String,
    #[serde(default)]
    params: Params,
}

/// The parameters of all methods served here.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Params {
    channels: Vec<String>,
    interval: i64,
    pub(super) grant_type: String,
    pub(super) client_id: String,
    pub(super) timestamp: i64,
    pub(super) nonce: String,
    pub(super) data: String,
    pub(super) signature: String,
}

/// A refusal: code and message.
pub(super) type Fault = (i64, &'static str);

impl Session for Desk {
    fn greet(&mut self, _venue: &Venue, _out: &mut Vec<String>) {}

    fn text(&mut self, text: &str, venue: &Venue, out: &mut Vec<String>) {
        if self.is_gone {
            return;
        }
        let Ok(ask) = sonic_rs::from_str::<Ask>(text) else {
            return out.push(wire::failed(0, (-32700, "Parse error")));
        };
        let result = self.serve(&ask, venue);
        out.push(match result {
            Ok(result) => wire::done(venue, ask.id, &result),
            Err(fault) => wire::failed(ask.id, fault),
        });
    }

    fn push(&mut self, venue: &Venue, out: &mut Vec<String>) {
        self.beat(venue, out);
        if self.is_gone {
            return;
        }
        for sub in self.subs.iter_mut() {
            let Some(instrument) = venue.instruments.get(sub.cursor.ix) else { continue };
            out.extend(wire::push(sub, instrument, venue));
            sub.is_fresh = false;
        }
        self.own.push(venue, out);
    }

    fn each_cursor(&mut self, visit: &mut dyn FnMut(&mut Cursor)) {
        self.subs.each_cursor(visit);
    }
}

impl Desk {
    fn serve(&mut self, ask: &Ask, venue: &Venue) -> Result<String, Fault> {
        let Params { channels, interval, .. } = &ask.params;
        match ask.method.as_str() {
            "public/test" => {
                if let Some(beat) = &mut self.beat {
                    beat.is_open = false;
                }
                Ok(r#"{"version":"1.2.26"}"#.into())
            }
            "public/set_heartbeat" if *interval >= 10 => {
                self.beat = Some(Beat { every: interval * SECOND, asked: venue.now, is_open: false });
                Ok("\"ok\"".into())
            }
            "public/set_heartbeat" => Err((-32602, "Invalid params")),
            "public/disable_heartbeat" => {
                self.beat = None;
                Ok("\"ok\"".into())
            }
            "public/subscribe" => self.subscribe(channels, venue),
            "public/unsubscribe" => Ok(names(channels.iter().filter(|name| self.subs.remove(name)))),
            "public/unsubscribe_all" => {
                self.subs = Subs::new();
                Ok("\"ok\"".into())
            }
            "public/auth" => self.own.auth(&ask.params).map(|()| own::grant()),
            method if method.starts_with("private/") && !self.own.is_known => Err((13009, "unauthorized")),
            "private/subscribe" => Ok(names(channels.iter().filter(|name| self.own.add(name, venue)))),
            "private/unsubscribe" => Ok(names(channels.iter().filter(|name| self.own.remove(name)))),
            method => own::read(method, venue).ok_or((-32601, "Method not found")),
        }
    }

    /// Takes what there is; the rest is left out in silence. A double one is taken once.
    fn subscribe(&mut self, channels: &[String], venue: &Venue) -> Result<String, Fault> {
        if !self.own.is_known && channels.iter().any(|name| name.ends_with(".raw")) {
            return Err((13778, "raw_subscriptions_not_available_for_unauthorized"));
        }
        let mut taken = Vec::new();
        for name in channels {
            let Some((kind, ix)) = wire::channel(name, venue) else { continue };
            let Some(instrument) = venue.instruments.get(ix) else { continue };
            if self.subs.iter_mut().count() >= CHANNELS_MAX {
                break;
            }
            if !self.subs.has(name) {
                self.subs.add(name, kind, ix, instrument);
            }
            taken.push(name);
        }
        Ok(names(taken.into_iter()))
    }

    /// Asks whether the client lives, and lets it go when the last question is still open.
    fn beat(&mut self, venue: &Venue, out: &mut Vec<String>) {
        let Some(beat) = &mut self.beat else { return };
        if venue.now.since(beat.asked) < beat.every {
            return;
        }
        if beat.is_open {
            self.is_gone = true;
            return;
        }
        *beat = Beat { asked: venue.now, is_open: true, ..*beat };
        for kind in ["heartbeat", "test_request"] {
            out.push(format!(r#"{{"jsonrpc":"2.0","method":"heartbeat","params":{{"type":"{kind}"}}}}"#));
        }
    }
}

/// A JSON array of names.
fn names<'n>(channels: impl Iterator<Item = &'n String>) -> String {
    let mut out = String::from("[");
    for name in channels {
        if out.len() > 1 {
            out.push(',');
        }
        text::quoted(&mut out, name);
    }
    out.push(']');
    out
}

/// The index of the instrument that tells a coin's price.
pub(super) fn home_of(contract: &Contract, venue: &Venue) -> Option<usize> {
    venue.instruments.iter().position(|i| i.listing.underlying == contract.underlying)
}
