//! Hyperliquid, server side: perpetuals of the main dex and of a builder, sizes in coins.
//!
//! Books are always whole: 20 levels each 5 s, with `fast` 5 levels each half second. Trades repeat
//! recent history in the first message. A greeting in plain text, JSON ping. Liquidations are not
//! published. Source: hyperliquid.gitbook.io, read 2026-11.

use serde::Deserialize;

use super::book::Level;
use super::hyperliquid_account::{self as own, Users};
use super::hyperliquid_info::{Info, answer, book, context, contexts, mids, row, trade};
use super::instrument::Instrument;
use super::limits::{Limits, per};
use super::listing::{Listing, Unit};
use super::market::Venue;
use super::scene::Part;
use super::session::{Answer, Request, Session, Shows, VenueServer};
use super::subscription::{Cursor, Sub, Subs};
use super::text;

/// The whole exchange.
pub(super) struct Hyperliquid;

const COIN: Unit = Unit::BaseE8(100_000_000);

static LISTINGS: &[Listing] = &[
    Listing::row(["BTC", "BTC"], (1, 0), (1, 5), COIN, (2_900, 3_000, 4.0), 40),
    Listing::row(["ETH", "ETH"], (1, 1), (1, 4), COIN, (1_500, 2_000, 3.0), 25),
    Listing::row(["SOL", "SOL"], (1, 2), (1, 2), COIN, (480, 900, 2.0), 20),
    Listing::row(["XRP", "XRP"], (1, 4), (1, 0), COIN, (210, 500, 1.0), 20),
    Listing::row(["DOGE", "DOGE"], (1, 5), (1, 0), COIN, (90, 350, 1.0), 10),
    Listing::row(["hyna:BTC", "BTC"], (1, 0), (1, 5), COIN, (18, 160, 0.5), 20),
];

/// Levels of a full and of a fast book.
pub(super) const LEVELS: [usize; 2] = [20, 5];
/// Milliseconds between full and between fast books, since 2026-07-25.
const BOOK_EVERY_MS: [i64; 2] = [5_000, 500];
/// Trades repeated on subscription.
pub(super) const HISTORY: u64 = 10;
/// Subscriptions of one client.
const SUBSCRIPTIONS: usize = 1_000;

/// The dex of a coin: that of a builder stands before the colon.
pub(super) fn dex_of(listing: &Listing) -> &'static str {
    listing.symbol.split_once(':').map_or("", |(dex, _)| dex)
}

/// Every dex, the main one first.
pub(super) fn dexes(venue: &Venue) -> Vec<&'static str> {
    let mut dexes = vec![""];
    for instrument in &venue.instruments {
        let dex = dex_of(instrument.listing);
        if !dexes.contains(&dex) {
            dexes.push(dex);
        }
    }
    dexes
}

const LIMITS: Limits = Limits {
    rest: per(1_200, 60),
    weights: &[("l2Book", 2), ("allMids", 2), ("learinghouseState", 2), ("orderStatus", 2), ("userRole", 60)],
    weight: 20,
    connects: per(30, 60),
    connections: 10,
    texts: per(2_000, 60),
    subscriptions: 1_000,
    ..Limits::NONE
};

impl VenueServer for Hyperliquid {
    fn id(&self) -> &'static str {
        "hyperliquid"
    }

    fn part(&self) -> Part {
        Part::Silent
    }

    fn limits(&self) -> &'static Limits {
        &LIMITS
    }

    fn listings(&self) -> &'static [Listing] {
        LISTINGS
    }

    fn shows(&self) -> Shows {
        Shows::Nothing
    }

    fn funding_hours(&self) -> i64 {
        1
    }

    fn cash(&self) -> &'static str {
        "USDC"
    }

    fn session(&self, path: &str, _query: &str, _venue: &Venue) -> Option<Box<dyn Session>> {
        (path == "/ws")
            .then(|| Box::new(Desk { subs: Subs::new(), users: Users::default() }) as Box<dyn Session>)
    }

    fn rest(&self, request: &Request<'_>, venue: &Venue) -> Answer {
        if request.path != "/info" {
            return Answer::refused(404, "null");
        }
        match sonic_rs::from_str::<Info>(request.body).ok().and_then(|info| answer(&info, venue)) {
            Some(body) => Answer::ok(body),
            None => Answer::refused(422, "Failed to deserialize the JSON body into the target type"),
        }
    }
}

/// What a subscription carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Book(usize),
    Quote,
    Trade,
    Context,
    /// All contexts of the main dex.
    Contexts,
    /// All contexts of all dexes.
    EveryDex,
    Mids,
}

struct Desk {
    subs: Subs<Kind>,
    users: Users,
}

#[derive(Deserialize)]
struct Ask {
    method: String,
    #[serde(default)]
    subscription: Option<Wanted>,
    #[serde(default)]
    id: Option<u64>,
    #[serde(default)]
    request: Option<Post>,
}

#[derive(Deserialize)]
struct Post {
    payload: Info,
}

#[derive(Deserialize)]
struct Wanted {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    coin: Option<String>,
    #[serde(default)]
    fast: Option<bool>,
    #[serde(default)]
    dex: Option<String>,
    #[serde(default)]
    user: Option<String>,
}

impl Wanted {
    fn kind(&self) -> Option<Kind> {
        Some(match self.kind.as_str() {
            "l2Book" => Kind::Book(if self.fast == Some(true) { LEVELS[1] } else { LEVELS[0] }),
            "bbo" => Kind::Quote,
            "trades" => Kind::Trade,
            "activeAssetCtx" => Kind::Context,
            "assetCtxs" if self.dex.as_deref().unwrap_or_default().is_empty() => Kind::Contexts,
            "allDexsAssetCtxs" => Kind::EveryDex,
            "allMids" => Kind::Mids,
            _ => return None,
        })
    }

    /// The subscription as the venue repeats it: absent options become nulls.
    fn json(&self, kind: Kind) -> String {
        let mut out = format!(r#"{{"type":"{}""#, self.kind);
        if let Some(coin) = &self.coin {
            out.push_str(",\"coin\":");
            text::quoted(&mut out, coin);
        }
        match kind {
            Kind::Book(levels) => {
                out.push_str(r#","nSigFigs":null,"mantissa":null"#);
                out.push_str(if levels == LEVELS[1] { r#","fast":true"# } else { "" });
            }
            Kind::Contexts => out.push_str(r#","dex":"""#),
            _ => {}
        }
        out.push('}');
        out
    }
}

impl Session for Desk {
    fn greet(&mut self, _venue: &Venue, out: &mut Vec<String>) {
        out.push("Websocket connection established.".into());
    }

    fn text(&mut self, text: &str, venue: &Venue, out: &mut Vec<String>) {
        let Ok(ask) = sonic_rs::from_str::<Ask>(text) else {
            return out.push(error("Error parsing JSON into valid websocket request: ", text));
        };
        match (ask.method.as_str(), &ask.subscription, &ask.request) {
            ("ping", ..) => out.push(r#"{"channel":"pong"}"#.into()),
            (method @ ("subscribe" | "unsubscribe"), Some(wanted), _)
                if own::kind(&wanted.kind).is_some() =>
            {
                out.push(self.follow(method, wanted, venue));
            }
            (method @ ("subscribe" | "unsubscribe"), Some(wanted), _) => {
                let Some((kind, json)) = wanted.kind().map(|kind| (kind, wanted.json(kind))) else {
                    return out.push(error("Invalid subscription ", text));
                };
                let refusal = match method {
                    "subscribe" => self.subscribe(wanted, kind, &json, venue),
                    _ if self.subs.remove(&json) => None,
                    _ => Some("Already unsubscribed: "),
                };
                out.push(match refusal {
                    Some(words) => error(words, &json),
                    None => format!(
                        r#"{{"channel":"subscriptionResponse","data":{{"method":"{method}","subscription":{json}}}}}"#
                    ),
                });
            }
            ("post", _, Some(post)) => {
                let (id, kind) = (ask.id.unwrap_or(0), "info");
                let payload = answer(&post.payload, venue).unwrap_or_else(|| "null".into());
                let response = format!(r#"{{"type":"{kind}","payload":{payload}}}"#);
                out.push(format!(r#"{{"channel":"post","data":{{"id":{id},"response":{response}}}}}"#));
            }
            _ => out.push(error("Error parsing JSON into valid websocket request: ", text)),
        }
    }

    fn push(&mut self, venue: &Venue, out: &mut Vec<String>) {
        for sub in self.subs.iter_mut() {
            let Some(instrument) = venue.instruments.get(sub.cursor.ix) else { continue };
            push(sub, instrument, venue, out);
            sub.is_fresh = false;
        }
        self.users.push(venue, out);
    }

    fn each_cursor(&mut self, visit: &mut dyn FnMut(&mut Cursor)) {
        self.subs.each_cursor(visit);
    }
}

impl Desk {
    /// A stream about an address.
    fn follow(&mut self, method: &str, wanted: &Wanted, venue: &Venue) -> String {
        let user = wanted.user.as_deref().unwrap_or_default();
        let mut json = format!(r#"{{"type":"{}","user":"#, wanted.kind);
        text::quoted(&mut json, user);
        json.push('}');
        let refusal = match own::kind(&wanted.kind) {
            Some(kind) if method == "subscribe" => self.users.add(&json, kind, user, venue),
            _ if self.users.remove(&json) => None,
            _ => Some("Already unsubscribed: "),
        };
        match refusal {
            Some(words) => error(words, &json),
            None => format!(
                r#"{{"channel":"subscriptionResponse","data":{{"method":"{method}","subscription":{json}}}}}"#
            ),
        }
    }

    /// Returns the venue's words when it refuses.
    fn subscribe(&mut self, wanted: &Wanted, kind: Kind, json: &str, venue: &Venue) -> Option<&'static str> {
        if self.subs.has(json) {
            return Some("Already subscribed: ");
        }
        if self.subs.iter_mut().count() >= SUBSCRIPTIONS {
            return Some("Cannot subscribe to more than 1000 channels: ");
        }
        let coin = match kind {
            Kind::Contexts | Kind::EveryDex | Kind::Mids => venue.instruments.first().map(|i| (0, i)),
            _ => wanted.coin.as_deref().and_then(|coin| venue.find(coin)),
        };
        let Some((ix, instrument)) = coin else { return Some("Invalid subscription ") };
        self.subs.add(json, kind, ix, instrument);
        None
    }
}

fn error(words: &str, request: &str) -> String {
    let mut out = String::from(r#"{"channel":"error","data":"#);
    text::quoted(&mut out, &format!("{words}{}", request.chars().take(500).collect::<String>()));
    out.push('}');
    out
}

fn push(sub: &mut Sub<Kind>, instrument: &Instrument, venue: &Venue, out: &mut Vec<String>) {
    let Sub { kind, cursor, is_fresh, .. } = sub;
    let coin = instrument.listing.symbol;
    let mut frame =
        |channel: &str, data: &str| out.push(format!(r#"{{"channel":"{channel}","data":{data}}}"#));
    match kind {
        Kind::Book(levels) => {
            let every = if *levels == LEVELS[1] { BOOK_EVERY_MS[1] } else { BOOK_EVERY_MS[0] };
            if cursor.is_due(venue.now, every) && cursor.book_anew(instrument, true) {
                frame("l2Book", &book(instrument, venue, *levels));
            }
        }
        Kind::Quote => {
            if cursor.quote_moved(instrument) || *is_fresh {
                let side = |level: Option<Level>| level.map_or("null".into(), |l| row(instrument.listing, l));
                let (bid, ask) = (side(instrument.book.bid()), side(instrument.book.ask()));
                let time = venue.now.as_millis();
                frame("bbo", &format!(r#"{{"coin":"{coin}","time":{time},"bbo":[{bid},{ask}]}}"#));
            }
        }
        Kind::Trade => {
            if *is_fresh {
                cursor.trade = cursor.trade.saturating_sub(HISTORY);
            }
            let rows: Vec<String> = cursor.trades(instrument).map(|t| trade(instrument, t)).collect();
            if !rows.is_empty() {
                frame("trades", &format!("[{}]", rows.join(",")));
            }
        }
        Kind::Context if cursor.is_due(venue.now, 1_000) => {
            frame("activeAssetCtx", &format!(r#"{{"coin":"{coin}","ctx":{}}}"#, context(instrument)));
        }
        Kind::Contexts if cursor.is_due(venue.now, 1_000) => {
            frame("assetCtxs", &format!(r#"{{"dex":"","ctxs":{}}}"#, contexts("", venue)));
        }
        Kind::EveryDex if cursor.is_due(venue.now, 1_000) => {
            let of = |dex: &&'static str| format!(r#"["{dex}",{}]"#, contexts(dex, venue));
            let all: Vec<String> = dexes(venue).iter().map(of).collect();
            frame("allDexsAssetCtxs", &format!(r#"{{"ctxs":[{}]}}"#, all.join(",")));
        }
        Kind::Mids if cursor.is_due(venue.now, 1_000) => {
            frame("allMids", &format!(r#"{{"mids":{}}}"#, mids(venue)));
        }
        Kind::Context | Kind::Contexts | Kind::EveryDex | Kind::Mids => {}
    }
}
