//! What a value is made of: the card in words, and the sources of one row with their age and state.

use super::{Bad, Card, Every, Input, NO_SYMBOL, NONE, Over, Scope};
use crate::engine::listing::Listing;
use crate::engine::market::Market;
use crate::model::Nanos;
use crate::model::event::Channel;
use crate::model::instrument::Status;
use crate::model::time::SECOND;
use crate::snapshot::BookState;

/// One source of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Kind of input.
    pub input: Input,
    /// Venue index; [`NONE`] for what no venue sends.
    pub venue: u16,
    /// Instrument, account or connection.
    pub name: String,
    /// `ts_recv` of its newest message.
    pub at: Option<Nanos>,
    /// Why it is left out; `None` when it counts.
    pub left_out: Option<&'static str>,
    /// It speaks for its venue on the map.
    pub is_head: bool,
}

/// What a row is made of.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Explanation {
    /// Sources in order of venue and instrument.
    pub sources: Vec<Source>,
    /// Sentences.
    pub notes: Vec<String>,
}

impl Bad {
    /// Words.
    pub const fn word(self) -> &'static str {
        match self {
            Bad::High => "high values",
            Bad::Low => "low values",
            Bad::Both => "values far from zero",
        }
    }
}

impl Every {
    /// Words.
    pub const fn word(self) -> &'static str {
        match self {
            Every::Tick => "100 ms",
            Every::Second => "1 s",
            Every::TenSeconds => "10 s",
            Every::Minute => "1 min",
        }
    }
}

impl Card {
    /// All that it says, as pairs of label and text.
    pub fn lines(&self) -> Vec<(&'static str, String)> {
        let list = |words: Vec<&str>| if words.is_empty() { "-".to_string() } else { words.join(", ") };
        let limits = self.limits.map_or("none".into(), |(w, c)| format!("warning {w}, critical {c}"));
        let mut lines = vec![
            ("meaning", self.meaning.to_string()),
            ("unit", self.unit.word().to_string()),
            ("formula", self.formula.to_string()),
            ("inputs", list(self.inputs.iter().map(|i| i.word()).collect())),
            ("scopes", list(self.scopes.iter().map(|s| s.word()).collect())),
            ("every", self.every.word().to_string()),
            ("bad", self.bad.word().to_string()),
            ("limits", limits),
            ("source", self.source.to_string()),
        ];
        if !self.parts.is_empty() {
            lines.insert(5, ("parts", self.parts.join(", ")));
        }
        lines
    }
}

/// The channels that an input comes on.
const fn channels(input: Input) -> &'static [Channel] {
    match input {
        Input::Book => &[Channel::Book],
        Input::Trade => &[Channel::Trade],
        Input::Ticker => &[Channel::Ticker],
        Input::OpenInterest => &[Channel::OpenInterest, Channel::Ticker],
        Input::Liquidation => &[Channel::Liquidation],
        Input::Option => &[Channel::Option],
        Input::Schedule => &[Channel::Schedule],
        Input::Fund
        | Input::Status
        | Input::Account
        | Input::Rate
        | Input::Profile
        | Input::Feed
        | Input::Metric => &[],
    }
}

impl Explanation {
    /// The instruments, accounts, currencies and connections that a scope covers, by the inputs of a card.
    pub fn of_members(card: &Card, market: &Market, at: Nanos, scope: Scope) -> Explanation {
        let mut all = Explanation::default();
        let listings = members(market, scope);
        for input in card.inputs {
            for (venue, symbol) in &listings {
                if let Some(listing) = market.listing(*venue, *symbol) {
                    all.sources.extend(of_listing(market, at, *input, (*venue, *symbol), listing));
                }
            }
            match input {
                Input::Account => all.accounts(market, at, scope),
                Input::Feed | Input::Status => all.connections(market, scope),
                Input::Rate => all.rates(market, &listings),
                Input::Fund => all.funds(market, scope),
                Input::Metric => all.notes.push("made of other metrics: explain those".into()),
                _ => {}
            }
        }
        all
    }

    fn accounts(&mut self, market: &Market, at: Nanos, scope: Scope) {
        for account in market.ledger.accounts.iter().filter(|a| scope.venue == NONE || a.venue == scope.venue)
        {
            let left_out = match account.age(at) {
                _ if account.is_given => None,
                _ if !account.is_known => Some("nothing stated yet"),
                (_, true) => Some("stale: counts as degraded"),
                _ => None,
            };
            self.sources.push(Source {
                input: Input::Account,
                venue: account.venue,
                name: account.name.clone(),
                at: account.heard,
                left_out,
                is_head: false,
            });
        }
    }

    fn connections(&mut self, market: &Market, scope: Scope) {
        for conn in market.conns.values().filter(|c| scope.venue == NONE || c.venue == scope.venue) {
            let left_out = (!conn.is_up && !conn.is_rest).then_some("not connected");
            self.sources.push(Source {
                input: Input::Feed,
                venue: conn.venue,
                name: conn.name.clone(),
                at: conn.last,
                left_out,
                is_head: false,
            });
        }
    }

    /// The currencies that the money of these listings is in.
    fn rates(&mut self, market: &Market, listings: &[(u16, u32)]) {
        let money = |(venue, symbol): &(u16, u32)| Some(market.listing(*venue, *symbol)?.money_currency);
        let mut currencies: Vec<u16> = listings.iter().filter_map(money).collect();
        currencies.sort_unstable();
        currencies.dedup();
        for currency in currencies.iter().filter_map(|c| market.currencies.get(usize::from(*c))) {
            let left_out = currency.usd.is_none().then_some("no price");
            let usd = currency.usd.map(|usd| format!(" at {usd} ({})", currency.quality.word()));
            self.sources.push(Source {
                input: Input::Rate,
                venue: NONE,
                name: format!("{}{}", currency.name, usd.unwrap_or_default()),
                at: currency.seen,
                left_out,
                is_head: false,
            });
        }
    }

    fn funds(&mut self, market: &Market, scope: Scope) {
        for (venue, slot) in (0u16..).zip(&market.venues).filter(|(v, _)| [NONE, *v].contains(&scope.venue)) {
            self.sources.extend(slot.funds.iter().map(|(pool, fund)| Source {
                input: Input::Fund,
                venue,
                name: format!("{pool} {}", fund.asset),
                at: Some(fund.at),
                left_out: None,
                is_head: false,
            }));
        }
    }
}

/// The instruments that a scope covers.
fn members(market: &Market, scope: Scope) -> Vec<(u16, u32)> {
    if scope.symbol != NO_SYMBOL {
        return vec![(scope.venue, scope.symbol)];
    }
    if scope.underlying == NONE {
        let listings = market.venues.get(usize::from(scope.venue)).map_or(&[][..], |v| v.listings.as_slice());
        let watched = (0u32..).zip(listings).filter(|(_, l)| l.conn.is_some());
        return watched.map(|(symbol, _)| (scope.venue, symbol)).collect();
    }
    // The value of one venue depends on the others: all are shown.
    let all = market.members.get(usize::from(scope.underlying)).cloned().unwrap_or_default();
    let is_pair = scope.peer != NONE;
    all.into_iter().filter(|(venue, _)| !is_pair || [scope.venue, scope.peer].contains(venue)).collect()
}

/// One input of an instrument; `None` when its venue has no such channel at all.
fn of_listing(
    market: &Market,
    now: Nanos,
    input: Input,
    (venue, symbol): (u16, u32),
    listing: &Listing,
) -> Option<Source> {
    let channel = channels(input).iter().max_by_key(|c| listing.beat(**c).last())?;
    let at = listing.beat(*channel).last();
    let head = listing.underlying.and_then(|u| market.head(venue, u));
    let is_book = *channel == Channel::Book;
    let left_out = match (listing.figures.state, at) {
        _ if listing.def.as_ref().is_none_or(|d| d.status == Status::Closed) => Some("no terms, or over"),
        (_, None) => Some("nothing received"),
        _ if !listing.is_open() => Some("not trading"),
        (BookState::Resyncing, _) if is_book => Some("book resyncs"),
        (BookState::Stale, _) if is_book => Some("book is stale"),
        (BookState::Dead, _) if is_book => Some("not connected"),
        _ if !is_book && market.is_channel_stale(venue, listing, *channel, now) => Some("stale"),
        _ => None,
    };
    let is_head = head.is_some_and(|(head, _)| head == symbol);
    Some(Source { input, venue, name: listing.name.clone(), at, left_out, is_head })
}

/// Age in words.
pub fn age(now: Nanos, at: Option<Nanos>) -> String {
    at.map_or("-".into(), |at| format!("{:.3} s", now.since(at) as f64 / SECOND as f64))
}

/// Words of the scopes of a card.
pub fn scopes(card: &Card) -> String {
    card.scopes.iter().map(|s: &Over| s.word()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::entry::ConnIx;
    use crate::model::event::{Body, BookChange, Event, Level, Symbol};
    use crate::model::instrument::InstrumentDef;
    use crate::model::num::Num;

    #[test]
    fn sources_say_their_age_and_why_they_are_left_out() {
        let spec = |id: &str| {
            let text = format!(
                "id = \"{id}\"\nbrand = \"v\"\nshort = \"v\"\nname = \"V\"\ndialect = \"x\"\n\
                 [[endpoint]]\nname = \"e\"\nurl = \"wss://v.invalid\"\nchannels = [\"book\"]\n\
                 [rest]\nurl = \"https://v.invalid\"\n"
            );
            toml::from_str(&text).unwrap()
        };
        let mut market = Market::new(vec![spec("a"), spec("b")]);
        let def =
            InstrumentDef { underlying: "BTC".into(), quote: "USDT".into(), ..InstrumentDef::default() };
        let level = |price| [Level { price: Num::new(price, 0), size: Num::new(1, 0) }];
        let (bids, asks) = (level(99), level(101));
        let now = Nanos(3 * SECOND);
        for venue in [0, 1] {
            market.define(venue, 0, "X", &def);
        }
        let change = BookChange { snapshot: true, bids: &bids, asks: &asks, seq: None };
        let event = Event { symbol: Symbol { ix: 0, text: "X" }, ts_venue: None, body: Body::Book(change) };
        market.apply(0, ConnIx(0), Nanos(2 * SECOND), &event);
        market.judge(now, &mut Vec::new());
        static CARD: Card = Card { inputs: &[Input::Book, Input::Rate], ..Card::PLAIN };
        let told = Explanation::of_members(&CARD, &market, now, Scope::cell(0, 0));
        let seen: Vec<_> =
            told.sources.iter().map(|s| (s.input, s.venue, age(now, s.at), s.left_out)).collect();
        assert_eq!(
            seen,
            [
                (Input::Book, 0, "1.000 s".to_string(), None),
                (Input::Book, 1, "-".to_string(), Some("nothing received")),
                (Input::Rate, NONE, "-".to_string(), None),
            ]
        );
        assert!(told.sources[0].is_head && told.sources[2].name.starts_with("USDT at 1 "));
        let one = Explanation::of_members(&CARD, &market, now, Scope::instrument(0, 1, 0));
        assert_eq!(one.sources.len(), 2, "the instrument and its currency");
    }
}
