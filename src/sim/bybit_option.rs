//! Bybit's option category: tickers with volatilities and greeks, always whole.

use serde::Deserialize;

use super::bybit::{Field, object, reply};
use super::chain::{self, Contract};
use super::listing::E8;
use super::market::Venue;
use super::session::Session;
use super::subscription::Cursor;
use super::text::{fixed_text, trimmed_text};

/// Most topics of one connection.
const TOPICS_MAX: usize = 2_000;
/// Price step: five dollars.
const TICK_E8: i64 = 500_000_000;
/// Steps of the market between two tickers of an option.
const EVERY_STEPS: u64 = 10;

/// Options of a coin with their native names.
pub(super) fn options(coin: &str) -> impl Iterator<Item = (String, Contract)> {
    chain::contracts(coin).map(|contract| (name(&contract), contract))
}

/// `BTC-25JUN27-90000-C`: settled in USDC.
fn name(contract: &Contract) -> String {
    let right = if contract.is_call { 'C' } else { 'P' };
    format!("{}-{}-{}-{right}", contract.underlying, contract.expiry, contract.strike)
}

/// Index of a coin in `10^-8` dollars.
fn index(venue: &Venue, coin: &str) -> Option<i64> {
    venue.instruments.iter().find(|i| i.listing.underlying == coin).map(|i| i.index_e8)
}

/// Every field of an option's ticker. REST has other names for the touch.
pub(super) fn ticker(name: &str, contract: &Contract, venue: &Venue, is_rest: bool) -> Option<Vec<Field>> {
    let index_e8 = index(venue, contract.underlying)?;
    let f = contract.figures(index_e8, venue.now);
    let rungs = contract.rungs(f.usd_e8, TICK_E8, venue.now);
    let money = |e8: i64| trimmed_text(e8, E8);
    let price = |ticks: i64| trimmed_text(ticks.saturating_mul(TICK_E8), E8);
    let (bid, ask) = (rungs.bids.first(), rungs.asks.first());
    let touch = |rung: Option<&chain::Rung>| {
        rung.map_or_else(|| ("0".into(), "0".into()), |r| (price(r.ticks), fixed_text(r.tenths, 1)))
    };
    let ((bid_price, bid_size), (ask_price, ask_size)) = (touch(bid), touch(ask));
    let names = match is_rest {
        true => ["bid1Price", "bid1Size", "bid1Iv", "ask1Price", "ask1Size", "ask1Iv", "markIv"],
        false => ["bidPrice", "bidSize", "bidIv", "askPrice", "askSize", "askIv", "markPriceIv"],
    };
    let bid_iv = if bid.is_some() { money(f.bid_iv_e8) } else { "0".into() };
    let ask_iv = if ask.is_some() { money(f.ask_iv_e8) } else { "0".into() };
    let values = [bid_price, bid_size, bid_iv, ask_price, ask_size, ask_iv, money(f.iv_e8)];
    let mut fields: Vec<Field> = vec![("symbol", name.to_string())];
    fields.extend(names.into_iter().zip(values));
    fields.extend([
        ("lastPrice", money(f.usd_e8)),
        ("highPrice24h", money(f.usd_e8)),
        ("lowPrice24h", money(f.usd_e8)),
        ("markPrice", money(f.usd_e8)),
        ("indexPrice", money(index_e8)),
        ("underlyingPrice", money(f.forward_e8)),
        ("openInterest", money(f.interest_e8)),
        ("turnover24h", "0".into()),
        ("volume24h", "0".into()),
        ("totalVolume", "0".into()),
        ("totalTurnover", "0".into()),
        ("delta", money(f.delta_e8)),
        ("gamma", money(f.gamma_e8)),
        ("vega", money(f.vega_e8)),
        ("theta", money(f.theta_e8)),
        ("predictedDeliveryPrice", "0".into()),
        ("change24h", "0".into()),
    ]);
    Some(fields)
}

/// One row of the instrument list.
pub(super) fn terms(name: &str, contract: &Contract) -> String {
    let right = if contract.is_call { "Call" } else { "Put" };
    format!(
        r#"{{"symbol":"{name}","optionsType":"{right}","status":"Trading","baseCoin":"{}","quoteCoin":"USDC","settleCoin":"USDC","launchTime":"1780000000000","deliveryTime":"{}","deliveryFeeRate":"0.00015","priceFilter":{{"minPrice":"5","maxPrice":"1110000","tickSize":"5"}},"lotSizeFilter":{{"maxOrderQty":"500","minOrderQty":"0.1","qtyStep":"0.1"}},"displayName":"{name}"}}"#,
        contract.underlying, contract.expires_ms
    )
}

/// A socket of the category.
pub(super) struct Desk {
    topics: Vec<(String, Contract)>,
}

impl Desk {
    pub(super) const fn new() -> Self {
        Desk { topics: Vec::new() }
    }

    /// Takes what is known and lists what is not, as this category does.
    fn subscribe(&mut self, topics: &[String]) -> String {
        let (mut good, mut bad) = (Vec::new(), Vec::new());
        for topic in topics {
            let name = topic.strip_prefix("tickers.");
            let coin = name.and_then(|name| name.split('-').next()).unwrap_or_default();
            match options(coin).find(|(known, _)| Some(known.as_str()) == name) {
                Some((_, contract)) if self.topics.len() < TOPICS_MAX => {
                    self.topics.push((topic.clone(), contract));
                    good.push(topic);
                }
                _ => bad.push(topic),
            }
        }
        let list = |topics: &[&String]| {
            let mut out = String::new();
            for (n, topic) in topics.iter().enumerate() {
                out.push_str(if n == 0 { "" } else { "," });
                super::text::quoted(&mut out, topic);
            }
            out
        };
        format!(
            r#"{{"success":true,"conn_id":"5b1c2f4e-7a30-4d7e-9c11-000000000002","data":{{"failTopics":[{}],"successTopics":[{}]}},"type":"COMMAND_RESP"}}"#,
            list(&bad),
            list(&good)
        )
    }
}

#[derive(Deserialize)]
struct Ask {
    op: String,
    #[serde(default)]
    args: Vec<String>,
}

impl Session for Desk {
    fn greet(&mut self, _venue: &Venue, _out: &mut Vec<String>) {}

    fn text(&mut self, text: &str, venue: &Venue, out: &mut Vec<String>) {
        let Ok(ask) = sonic_rs::from_str::<Ask>(text) else {
            return out.push(reply(false, "error:json format error", "", ""));
        };
        out.push(match ask.op.as_str() {
            "ping" => {
                format!(r#"{{"args":["{}"],"conn_id":"c","op":"pong"}}"#, venue.now.as_millis())
            }
            "subscribe" => self.subscribe(&ask.args),
            "unsubscribe" => {
                self.topics.retain(|(topic, _)| !ask.args.contains(topic));
                r#"{"success":true,"conn_id":"c","data":{"failTopics":[],"successTopics":[]},"type":"COMMAND_RESP"}"#.into()
            }
            _ => reply(false, "error:op not supported", "", &ask.op),
        });
    }

    fn push(&mut self, venue: &Venue, out: &mut Vec<String>) {
        let now = venue.now.as_millis();
        for (n, (topic, contract)) in (0u64..).zip(&self.topics) {
            if !(venue.step + n).is_multiple_of(EVERY_STEPS) {
                continue;
            }
            let name = topic.strip_prefix("tickers.").unwrap_or_default();
            let Some(fields) = ticker(name, contract, venue, false) else { continue };
            let data = object(&fields);
            out.push(format!(
                r#"{{"id":"{topic}-{now}","topic":"{topic}","ts":{now},"data":{data},"type":"snapshot"}}"#
            ));
        }
    }

    fn each_cursor(&mut self, _visit: &mut dyn FnMut(&mut Cursor)) {}
}
