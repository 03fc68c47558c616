//! The desk's own account at Kraken Futures: challenge and signature, its feeds, its lists.

use data_encoding::BASE64;
use ring::digest::{SHA256, digest};

use super::account::{Change, Coin, KEY, Order, OrderState, Position, SECRET};
use super::auth::{Form, is_hmac_sha512};
use super::instrument::Instrument;
use super::kraken::{Ask, code, figure, is_inverse, price, size, uuid};
use super::market::Venue;
use super::text::quoted;
use crate::model::time::rfc3339_short;

/// The private half of one connection.
#[derive(Debug, Default)]
pub(super) struct Own {
    /// Challenge in force, empty before one was asked for.
    challenge: String,
    /// Feeds in force.
    feeds: Vec<&'static str>,
    /// First change not yet told.
    next: u64,
    /// Simulated second in which positions were told last.
    told: i64,
}

/// True for the HMAC-SHA512 of the SHA-256 of `text`, in base64.
pub(super) fn is_signed(text: &str, signature: &str) -> bool {
    let hash = digest(&SHA256, text.as_bytes());
    BASE64
        .decode(SECRET.as_bytes())
        .is_ok_and(|secret| is_hmac_sha512(&secret, hash.as_ref(), signature, Form::Base64))
}

impl Own {
    /// Gives out a challenge to a known key.
    pub(super) fn challenge(&mut self, ask: &Ask, venue: &Venue, out: &mut Vec<String>) {
        if ask.api_key != KEY {
            return out.push(r#"{"event":"alert","message":"Invalid api key"}"#.into());
        }
        self.challenge = uuid("challenge", venue.step);
        out.push(format!(r#"{{"event":"challenge","message":"{}"}}"#, self.challenge));
    }

    /// Begins or ends a feed when the challenge is signed.
    pub(super) fn ask(&mut self, ask: &Ask, begin: bool, venue: &Venue, out: &mut Vec<String>) {
        let is_mine = ask.api_key == KEY && !self.challenge.is_empty();
        let is_answer = ask.original_challenge == self.challenge;
        if !is_mine || !is_answer || !is_signed(&self.challenge, &ask.signed_challenge) {
            let refusal = r#"{"event":"alert","message":"Failed to subscribe to authenticated feed"}"#;
            return out.push(refusal.into());
        }
        let feed = match ask.feed.as_str() {
            "open_positions" => "open_positions",
            "open_orders" => "open_orders",
            _ => "balances",
        };
        let event = if begin { "subscribed" } else { "unsubscribed" };
        let mut answer = format!(r#"{{"event":"{event}","feed":"{feed}","api_key":"#);
        quoted(&mut answer, &ask.api_key);
        answer.push_str(",\"original_challenge\":");
        quoted(&mut answer, &ask.original_challenge);
        answer.push_str(",\"signed_challenge\":");
        quoted(&mut answer, &ask.signed_challenge);
        answer.push('}');
        out.push(answer);
        self.feeds.retain(|f| *f != feed);
        if begin {
            if self.feeds.is_empty() {
                self.next = venue.account.next_change();
            }
            self.feeds.push(feed);
            out.push(whole(feed, venue));
        }
    }

    /// Tells what changed: positions and balances whole, orders one by one.
    pub(super) fn push(&mut self, venue: &Venue, out: &mut Vec<String>) {
        if self.feeds.is_empty() {
            return;
        }
        let (mut moved, mut paid) = (false, false);
        for (_, _, change) in venue.account.changes_from(self.next) {
            match change {
                Change::Order(order) if self.feeds.contains(&"open_orders") => {
                    out.extend(news(&order, venue));
                }
                Change::Position(_) => moved = true,
                Change::Coin(_) => paid = true,
                Change::Order(_) => {}
            }
        }
        self.next = venue.account.next_change();
        let second = venue.now.as_millis() / 1_000;
        if (moved || second != self.told) && self.feeds.contains(&"open_positions") {
            self.told = second;
            out.push(whole("open_positions", venue));
        }
        if paid && self.feeds.contains(&"balances") {
            out.push(balances("balances", venue));
        }
    }
}

/// What a feed says first.
fn whole(feed: &str, venue: &Venue) -> String {
    let (account, now) = (&venue.account, venue.now.as_millis());
    let with = |ix: usize| venue.instruments.get(ix);
    match feed {
        "open_positions" => {
            let held = account.positions.iter().filter(|p| p.lots != 0);
            let rows: Vec<String> = held.filter_map(|p| Some(position(p, with(p.ix)?))).collect();
            let rows = rows.join(",");
            format!(
                r#"{{"feed":"open_positions","account":"demo","positions":[{rows}],"seq":{},"timestamp":{now}}}"#,
                venue.step
            )
        }
        "open_orders" => {
            let rows: Vec<String> =
                account.open_orders().filter_map(|o| Some(order(o, with(o.ix)?))).collect();
            format!(r#"{{"feed":"open_orders_snapshot","account":"demo","orders":[{}]}}"#, rows.join(","))
        }
        _ => balances("balances_snapshot", venue),
    }
}

fn position(p: &Position, instrument: &Instrument) -> String {
    let l = instrument.listing;
    let fixed = match p.isolated_e8 {
        Some(_) => format!(r#","max_fixed_leverage":{}.0"#, p.leverage),
        None => String::new(),
    };
    let threshold = p.liquidation_e8(instrument).unwrap_or_default();
    let initial = figure(p.initial_e8(instrument));
    format!(
        r#"{{"instrument":"{}","balance":{},"pnl":{},"entry_price":{},"mark_price":{},"index_price":{},"liquidation_threshold":{},"effective_leverage":{}.0,"return_on_equity":0.0,"unrealized_funding":0.0,"initial_margin":{initial},"initial_margin_with_orders":{initial},"maintenance_margin":{},"pnl_currency":"{}"{fixed}}}"#,
        l.symbol,
        size(l, p.lots),
        figure(p.upnl_e8(instrument)),
        figure(p.entry_e8),
        figure(instrument.mark_e8),
        figure(instrument.index_e8),
        figure(threshold),
        p.leverage,
        figure(p.maintenance_e8(instrument)),
        if is_inverse(l) { code(l.underlying) } else { "USD" },
    )
}

fn order(o: &Order, instrument: &Instrument) -> String {
    let l = instrument.listing;
    format!(
        r#"{{"instrument":"{}","time":{},"last_update_time":{},"qty":{},"filled":{},"limit_price":{},"stop_price":0.0,"type":"limit","order_id":"{}","direction":{},"reduce_only":false}}"#,
        l.symbol,
        o.made.as_millis(),
        o.changed.as_millis(),
        size(l, o.lots - o.filled),
        size(l, o.filled),
        price(l, o.ticks),
        uuid("order", o.id),
        u8::from(!o.is_buy),
    )
}

/// A change of an order. A cancellation names the order's id alone.
fn news(o: &Order, venue: &Venue) -> Option<String> {
    let instrument = venue.instruments.get(o.ix)?;
    Some(match o.state {
        OrderState::Cancelled => format!(
            r#"{{"feed":"open_orders","order_id":"{}","is_cancel":true,"reason":"cancelled_by_user"}}"#,
            uuid("order", o.id)
        ),
        state => {
            let (is_cancel, reason) = match state {
                OrderState::Filled => (true, "full_fill"),
                _ if o.filled > 0 => (false, "partial_fill"),
                _ => (false, "new_placed_order_by_user"),
            };
            let order = order(o, instrument);
            format!(r#"{{"feed":"open_orders","order":{order},"is_cancel":{is_cancel},"reason":"{reason}"}}"#)
        }
    })
}

/// What positions of one settlement currency need and gain: initial, maintenance, profit.
fn needs(venue: &Venue, inverse_of: Option<&str>) -> (i64, i64, i64) {
    let mine = venue.account.positions.iter().filter_map(|p| Some((p, venue.instruments.get(p.ix)?)));
    mine.filter(|(_, i)| match inverse_of {
        Some(asset) => is_inverse(i.listing) && i.listing.underlying == asset,
        None => !is_inverse(i.listing),
    })
    .fold((0, 0, 0), |(im, mm, pnl), (p, i)| {
        (im + p.initial_e8(i), mm + p.maintenance_e8(i), pnl + p.upnl_e8(i))
    })
}

fn balances(feed: &str, venue: &Venue) -> String {
    let (now, step) = (venue.now.as_millis(), venue.step);
    let futures: Vec<String> =
        venue.account.coins.iter().filter(|c| c.asset != "USD").map(|c| wallet(c, venue)).collect();
    let cash = venue.account.coins.iter().find(|c| c.asset == "USD").map_or(0, |c| c.total_e8);
    let (im, mm, pnl) = needs(venue, None);
    let (total, equity, free) = (figure(cash), figure(cash + pnl), figure(cash + pnl - im));
    let (im, mm, pnl) = (figure(im), figure(mm), figure(pnl));
    let usd = format!(
        r#"{{"quantity":{total},"value":{total},"collateral_value":{total},"available":{free},"haircut":0.0,"conversion_spread":0.0}}"#
    );
    format!(
        r#"{{"feed":"{feed}","account":"demo","holding":{{}},"futures":{{{}}},"flex_futures":{{"currencies":{{"USD":{usd}}},"balance_value":{total},"portfolio_value":{equity},"collateral_value":{total},"initial_margin":{im},"initial_margin_without_orders":{im},"maintenance_margin":{mm},"pnl":{pnl},"unrealized_funding":0.0,"total_unrealized":{pnl},"total_unrealized_as_margin":{pnl},"margin_equity":{equity},"available_margin":{free}}},"timestamp":{now},"seq":{step}}}"#,
        futures.join(",")
    )
}

/// A single-collateral wallet.
fn wallet(coin: &Coin, venue: &Venue) -> String {
    let (im, mm, pnl) = needs(venue, Some(coin.asset));
    let (unit, total) = (code(coin.asset), coin.total_e8);
    let (value, free) = (figure(total + pnl), figure(total + pnl - im));
    let name = format!("F-{unit}:USD");
    format!(
        r#""{name}":{{"name":"{name}","pair":"{unit}/USD","unit":"{unit}","portfolio_value":{value},"balance":{},"maintenance_margin":{},"initial_margin":{},"available":{free},"unrealized_funding":0.0,"pnl":{}}}"#,
        figure(total),
        figure(mm),
        figure(im),
        figure(pnl),
    )
}

/// The content of a private list.
pub(super) fn listed(path: &str, venue: &Venue) -> String {
    let with = |ix: usize| venue.instruments.get(ix);
    match path {
        "/api/v3/openpositions" => {
            let held = venue.account.positions.iter().filter(|p| p.lots != 0);
            let row = |p: &Position| {
                let l = with(p.ix)?.listing;
                let side = if p.lots < 0 { "short" } else { "long" };
                let (at, entry, size) = (rfc3339_short(venue.now), figure(p.entry_e8), size(l, p.lots.abs()));
                let fixed = p
                    .isolated_e8
                    .map_or(String::new(), |_| format!(r#","maxFixedLeverage":{}.0"#, p.leverage));
                Some(format!(
                    r#"{{"side":"{side}","symbol":"{}","price":{entry},"fillTime":"{at}","size":{size},"unrealizedFunding":0.0{fixed}}}"#,
                    l.symbol
                ))
            };
            format!(r#""openPositions":[{}]"#, held.filter_map(row).collect::<Vec<_>>().join(","))
        }
        "/api/v3/openorders" => {
            let row = |o: &Order| {
                let l = with(o.ix)?.listing;
                let (side, status) = (
                    if o.is_buy { "buy" } else { "sell" },
                    if o.filled > 0 { "partiallyFilled" } else { "untouched" },
                );
                let (left, filled, at) =
                    (size(l, o.lots - o.filled), size(l, o.filled), rfc3339_short(o.changed));
                let (id, limit) = (uuid("order", o.id), price(l, o.ticks));
                Some(format!(
                    r#"{{"order_id":"{id}","symbol":"{}","side":"{side}","orderType":"lmt","limitPrice":{limit},"unfilledSize":{left},"receivedTime":"{at}","status":"{status}","filledSize":{filled},"reduceOnly":false,"lastUpdateTime":"{at}"}}"#,
                    l.symbol
                ))
            };
            format!(
                r#""openOrders":[{}]"#,
                venue.account.open_orders().filter_map(row).collect::<Vec<_>>().join(",")
            )
        }
        _ => accounts(venue),
    }
}

fn accounts(venue: &Venue) -> String {
    let mut rows = vec![r#""cash":{"type":"cashAccount","balances":{}}"#.to_string()];
    for coin in venue.account.coins.iter().filter(|c| c.asset != "USD") {
        let (im, mm, pnl) = needs(venue, Some(coin.asset));
        let unit = code(coin.asset).to_lowercase();
        let (total, value, free) =
            (figure(coin.total_e8), figure(coin.total_e8 + pnl), figure(coin.total_e8 + pnl - im));
        rows.push(format!(
            r#""fi_{unit}usd":{{"type":"marginAccount","currency":"{unit}","auxiliary":{{"usd":0,"pv":{value},"pnl":{},"af":{free},"funding":0.0}},"balances":{{"{unit}":{total}}},"marginRequirements":{{"im":{},"mm":{},"lt":0.0,"tt":0.0}}}}"#,
            figure(pnl),
            figure(im),
            figure(mm)
        ));
    }
    let cash = venue.account.coins.iter().find(|c| c.asset == "USD").map_or(0, |c| c.total_e8);
    let (im, mm, pnl) = needs(venue, None);
    let (total, equity, free) = (figure(cash), figure(cash + pnl), figure(cash + pnl - im));
    rows.push(format!(
        r#""flex":{{"type":"multiCollateralMarginAccount","currencies":{{"USD":{{"quantity":{total},"value":{total},"collateral":{total},"available":{free}}}}},"initialMargin":{im},"initialMarginWithOrders":{im},"maintenanceMargin":{mm},"balanceValue":{total},"portfolioValue":{equity},"collateralValue":{total},"pnl":{pnl},"unrealizedFunding":0.0,"totalUnrealized":{pnl},"totalUnrealizedAsMargin":{pnl},"availableMargin":{free},"marginEquity":{equity}}}"#,
        im = figure(im),
        mm = figure(mm),
        pnl = figure(pnl),
    ));
    format!(r#""accounts":{{{}}}"#, rows.join(","))
}
