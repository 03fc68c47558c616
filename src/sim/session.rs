//! What a simulated venue must do: sessions on a websocket, answers over REST.

use super::account::SECRET;
use super::limits::Limits;
use super::listing::Listing;
use super::market::Venue;
use super::scene::Part;
use super::subscription::Cursor;

/// What of forced closes a venue tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shows {
    /// Each.
    All,
    /// The largest of a second.
    Largest,
    /// The largest long and the largest short of a second.
    LargestOfSide,
    /// None.
    Nothing,
}

/// The server side of one venue. One static per venue, entered in [`super::VENUES`].
pub trait VenueServer: Sync {
    /// Venue id, as in the venue files.
    fn id(&self) -> &'static str;

    /// Its part in scenes.
    fn part(&self) -> Part;

    /// Its instruments.
    fn listings(&self) -> &'static [Listing];

    /// Hours between funding settlements.
    fn funding_hours(&self) -> i64;

    /// Currency that linear contracts are settled in.
    fn cash(&self) -> &'static str {
        "USDT"
    }

    /// What of forced closes it tells on its public feed.
    fn shows(&self) -> Shows {
        Shows::All
    }

    /// Secret of the demo's key at this venue.
    fn secret(&self) -> &'static str {
        SECRET
    }

    /// What it enforces.
    fn limits(&self) -> &'static Limits {
        &Limits::NONE
    }

    /// A websocket session on `path`, with the query of the URL; `None` where the venue has no socket.
    fn session(&self, path: &str, query: &str, venue: &Venue) -> Option<Box<dyn Session>>;

    /// True when the venue sends ping frames of its own.
    fn pings(&self) -> bool {
        false
    }

    /// The answer to a REST request.
    fn rest(&self, request: &Request<'_>, venue: &Venue) -> Answer;
}

/// One websocket connection of a client: remembers what was subscribed and sent.
pub trait Session: Send {
    /// What the venue says before it is asked.
    fn greet(&mut self, venue: &Venue, out: &mut Vec<String>);

    /// Reads a text of the client; answers go to `out`.
    fn text(&mut self, text: &str, venue: &Venue, out: &mut Vec<String>);

    /// Appends what is due at this step. Called once per step while data flows.
    fn push(&mut self, venue: &Venue, out: &mut Vec<String>);

    /// Visits what is subscribed, so that the shell can silence it or lose messages of it.
    fn each_cursor(&mut self, visit: &mut dyn FnMut(&mut Cursor));
}

/// A REST request.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// `GET`, `POST`, `PUT`.
    pub method: &'a str,
    /// Path without query.
    pub path: &'a str,
    /// Query without the question mark.
    pub query: &'a str,
    /// Body, empty for GET.
    pub body: &'a str,
    /// Headers by lower-case name.
    pub headers: &'a [(String, String)],
}

impl<'a> Request<'a> {
    /// A header, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&'a str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// True when a key, signature or token comes with it. All venues put one of them into a header.
    pub(super) fn carries_key(&self) -> bool {
        self.headers.iter().any(|(name, _)| name.ends_with("key") || name.starts_with("auth"))
    }

    /// A parameter of the query.
    pub fn param(&self, name: &str) -> Option<&'a str> {
        self.query
            .split('&')
            .find_map(|pair| pair.split_once('=').filter(|(key, _)| *key == name))
            .map(|(_, v)| v)
    }
}

/// A REST answer: JSON with its status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// JSON text.
    pub body: String,
}

impl Answer {
    /// Status 200.
    pub fn ok(body: String) -> Self {
        Answer { status: 200, body }
    }

    /// A refusal in the venue's own words.
    pub fn refused(status: u16, body: impl Into<String>) -> Self {
        Answer { status, body: body.into() }
    }
}
