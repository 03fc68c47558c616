//! Deribit: JSON-RPC over one socket for inverse and linear perpetuals, futures and options. Facts:
//! `venues/deribit.toml`.
//!
//! Order book rules of the venue (docs.deribit.com, subscriptions/orderbook, read 2026-11); tests name them:
//! 1. The first notification of `book.X.100ms` is a `snapshot`; any later one replaces the book again.
//! 2. A `change` is taken when its `prev_change_id` is the last `change_id`. Ids are not consecutive.
//! 3. `new` and `change` set an absolute amount, `delete` removes the level.
//! 4. Anything else is a gap: unsubscribe and subscribe, a new snapshot follows. There is no checksum.
//! 5. `100ms`, `raw` and grouped books of one instrument are channels with chains of their own: one is
//!    followed. Grouped books (`book.X.none.20.100ms`) are whole in each message.
//! 6. In `settlement` (each day at 08:00 UTC) and while an index is locked the book stands still: no gap.
//!
//! The venue asks whether the client lives (`test_request`) and closes when it does not say so at once.
//! An acknowledgement lists what was accepted and leaves the rest out in silence; ids of subscriptions
//! hold the count that was asked for, so that what is missing is seen.

mod account;
mod book;
mod decode;
mod fast;
mod grammar;
mod instruments;
mod levels;
mod messages;
mod own;
mod slow;

use super::account::AccountDialect;
use super::plan::{connections, serves, strings};
use super::{Decoder, Dialect, Note, Out, WireError, wire};
use crate::model::entry::ConnIx;
use crate::model::instrument::Class;
use crate::model::venue::{Command, ConnPlan, Endpoint, Heartbeat, Poll, RestRequest, VenueSpec, Watch};

use messages::Frame;

/// Instruments change rarely; the list is read again each hour.
const INSTRUMENTS_EVERY_MS: u64 = 3_600_000;
/// Locks are streamed; this is for what was locked before.
const STATUS_EVERY_MS: u64 = 60_000;
/// Weight of an instrument list: one a second.
const LIST_WEIGHT: u32 = 5;
/// Levels of an audit, from 1, 5, 10, 20, 50, 100, 1000, 10000.
const AUDIT_DEPTH: u32 = 1000;
/// Indices whose options are quoted, with the coin they are asked for with.
const OPTION_INDICES: &[(&str, &str)] = &[("BTC", "btc_usd"), ("ETH", "eth_usd")];

/// Turns the venue's heartbeat on; at least each 10 s.
const SET_HEARTBEAT: &str =
    r#"{"jsonrpc":"2.0","id":1,"method":"public/set_heartbeat","params":{"interval":30}}"#;
/// The reply to a `test_request`.
const TEST: &str = r#"{"jsonrpc":"2.0","id":2,"method":"public/test","params":{}}"#;
/// Id of an unsubscription.
const UNSUBSCRIBE_ID: usize = 3;
/// Ids of subscriptions: this plus the count of channels asked for.
const SUBSCRIBE_ID: usize = 1_000_000;

/// The dialect.
#[derive(Debug)]
pub struct Deribit;

impl Dialect for Deribit {
    fn id(&self) -> &'static str {
        "deribit"
    }

    fn bootstrap(&self, _venue: &VenueSpec) -> Vec<RestRequest> {
        let list = |kind, currency| RestRequest {
            weight: LIST_WEIGHT,
            ..RestRequest::get(instruments::list(kind, currency))
        };
        vec![list("future", "any"), list("option", "BTC"), list("option", "ETH")]
    }

    fn connections(&self, venue: &VenueSpec, watch: &[Watch]) -> Vec<ConnPlan> {
        let plan = |endpoint: &Endpoint| {
            let mut channels = if watch.is_empty() { Vec::new() } else { shared(endpoint, watch) };
            channels.extend(watch.iter().flat_map(|w| channels_of(endpoint, &w.symbol)));
            let mut plans =
                connections(venue, endpoint, &channels, |batch| request("public/subscribe", batch));
            for plan in &mut plans {
                plan.hello.insert(0, SET_HEARTBEAT.to_string());
            }
            plans
        };
        venue.endpoints.iter().flat_map(plan).collect()
    }

    fn polls(&self, venue: &VenueSpec, _watch: &[Watch]) -> Vec<Poll> {
        let poll = |request| Poll { request, every_ms: INSTRUMENTS_EVERY_MS };
        let mut polls: Vec<Poll> = self.bootstrap(venue).into_iter().map(poll).collect();
        let status = RestRequest::get("/api/v2/public/status");
        polls.push(Poll { request: status, every_ms: STATUS_EVERY_MS });
        polls
    }

    /// The venue asks; the decoder answers.
    fn heartbeat(&self) -> Option<Heartbeat> {
        None
    }

    fn account(&self) -> Option<&'static dyn AccountDialect> {
        Some(&account::DeribitAccount)
    }

    fn audit(&self, _venue: &VenueSpec, watch: &Watch) -> Option<RestRequest> {
        let name = &watch.symbol;
        grammar::Name::read(name)?; // nothing else may stand in a query
        let path = format!("/api/v2/public/get_order_book?instrument_name={name}&depth={AUDIT_DEPTH}");
        Some(RestRequest::get(path))
    }

    fn decoder(&self, venue: &VenueSpec) -> Box<dyn Decoder> {
        Box::new(decode::DeribitDecoder::new(venue))
    }
}

/// Channels that are not about one instrument.
fn shared(endpoint: &Endpoint, watch: &[Watch]) -> Vec<String> {
    let mut channels = Vec::new();
    if serves(endpoint, "status") {
        channels.push("platform_state".to_string());
    }
    if serves(endpoint, "instrument") {
        channels.push("instrument.state.future.any".to_string());
    }
    if serves(endpoint, "option") {
        for (coin, index) in OPTION_INDICES {
            if watch.iter().any(|w| w.def.base == *coin && w.def.class != Class::Spot) {
                channels.push(format!("markprice.options.{index}"));
            }
        }
    }
    channels
}

fn channels_of(endpoint: &Endpoint, symbol: &str) -> Vec<String> {
    let mut channels = Vec::new();
    if serves(endpoint, "book") {
        channels.push(format!("book.{symbol}.100ms"));
    }
    if serves(endpoint, "quote") {
        channels.push(format!("quote.{symbol}"));
    }
    if serves(endpoint, "trade") || serves(endpoint, "liquidation") {
        channels.push(format!("trades.{symbol}.100ms"));
    }
    if serves(endpoint, "ticker") || serves(endpoint, "open_interest") {
        channels.push(format!("ticker.{symbol}.100ms"));
    }
    channels
}

/// A request with channels.
fn request(method: &str, channels: &[String]) -> String {
    let id = if method.ends_with("/subscribe") { SUBSCRIBE_ID + channels.len() } else { UNSUBSCRIBE_ID };
    let channels = strings(channels);
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{{"channels":{channels}}}}}"#)
}

/// Messages that are no notification: heartbeats, acknowledgements, refusals.
fn answered(conn: ConnIx, frame: &Frame<'_>, out: &mut dyn Out) -> Result<(), WireError> {
    match &*wire::word(&frame.method) {
        "heartbeat" => {
            out.note(Note::Heartbeat);
            if wire::word(&frame.params()?.kind) == "test_request" {
                out.command(Command::Send { conn, texts: vec![TEST.to_string()] });
            }
            return Ok(());
        }
        "" => {}
        method => {
            out.note(Note::Unknown(method));
            return Ok(());
        }
    }
    if let Some(fault) = frame.fault() {
        out.note(Note::Refused(&fault));
        return Ok(());
    }
    let Some(result) = frame.result.as_ref().map(wire::Raw::json) else {
        out.note(Note::Unknown("message without method and result"));
        return Ok(());
    };
    if result.starts_with('{') && result.contains("\"version\"") {
        out.note(Note::Heartbeat); // the answer to a test
        return Ok(());
    }
    let id = wire::integer(&frame.id, "id").ok().flatten().and_then(|id| usize::try_from(id).ok());
    if let Some(asked) = id.and_then(|id| id.checked_sub(SUBSCRIBE_ID)).filter(|_| result.starts_with('[')) {
        let mut taken = 0;
        wire::each_row(result, |_| {
            taken += 1;
            Ok(())
        })?;
        if taken < asked {
            out.note(Note::Refused(&format!("{} of {asked} channels were not taken", asked - taken)));
            return Ok(());
        }
    }
    out.note(Note::Ack);
    Ok(())
}
