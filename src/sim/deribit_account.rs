//! The private side of Deribit: the login's signature, private channels, signed requests.
//!
//! The key may read and nothing else. Margin is by settlement currency (`segregated_sm`).

use super::account::{Change, KEY, Order, OrderState, Position, SECRET, asset_of};
use super::auth::{Form, is_hmac_sha256};
use super::deribit::{Fault, Params};
use super::deribit_wire::{coarse, number, numbered, told};
use super::instrument::Instrument;
use super::market::Venue;
use super::session::Request;
use super::text::{Digits, price_text, size_text};

/// Steps between two portfolios.
const PORTFOLIO_STEPS: u64 = 10;

/// What a socket knows of its client.
#[derive(Debug, Default)]
pub(super) struct Own {
    /// The client has proved itself.
    pub(super) is_known: bool,
    /// Channel of changes, and the first change not yet sent.
    changes: Option<(String, u64)>,
    /// Channel of portfolios.
    portfolio: Option<String>,
}

impl Own {
    /// Checks a login: HMAC-SHA256 over time, nonce and data, each on its line but the last.
    pub(super) fn auth(&mut self, params: &Params) -> Result<(), Fault> {
        let Params { grant_type, client_id, timestamp, nonce, data, signature, .. } = params;
        if grant_type != "client_signature" {
            return Err((-32602, "Invalid params"));
        }
        let text = format!("{timestamp}\n{nonce}\n{data}");
        self.is_known = client_id == KEY && is_hmac_sha256(SECRET.as_bytes(), &text, signature, Form::Hex);
        if self.is_known { Ok(()) } else { Err((13004, "invalid_credentials")) }
    }

    /// Takes a private channel; false where there is none of this name.
    pub(super) fn add(&mut self, name: &str, venue: &Venue) -> bool {
        match name.split('.').collect::<Vec<_>>().as_slice() {
            ["user", "changes", "any", "any", "raw" | "100ms"] => {
                self.changes = Some((name.to_string(), venue.account.next_change()));
            }
            ["user", "portfolio", "any"] => self.portfolio = Some(name.to_string()),
            _ => return false,
        }
        true
    }

    /// Ends a private channel; false when there was none of this name.
    pub(super) fn remove(&mut self, name: &str) -> bool {
        if self.changes.as_ref().is_some_and(|(channel, _)| channel == name) {
            self.changes = None;
            return true;
        }
        self.portfolio.take_if(|channel| channel == name).is_some()
    }

    /// Appends what happened since the last step.
    pub(super) fn push(&mut self, venue: &Venue, out: &mut Vec<String>) {
        if let Some((channel, next)) = &mut self.changes {
            for (_, _, change) in venue.account.changes_from(*next) {
                out.extend(told_change(channel, &change, venue));
            }
            *next = venue.account.next_change();
        }
        if let Some(channel) = self.portfolio.as_ref().filter(|_| venue.step.is_multiple_of(PORTFOLIO_STEPS))
        {
            out.extend(summaries(venue).iter().map(|summary| told(channel, summary)));
        }
    }
}

/// The answer to a login.
pub(super) fn grant() -> String {
    r#"{"token_type":"bearer","scope":"connection mainaccount account:read trade:read wallet:none block_trade:none","refresh_token":"demo-refresh-token","expires_in":900,"access_token":"demo-access-token"}"#.into()
}

/// True for a request with a good `deri-hmac-sha256` header.
pub(super) fn is_signed(request: &Request<'_>) -> bool {
    let Some(fields) = request.header("authorization").and_then(|h| h.strip_prefix("deri-hmac-sha256 "))
    else {
        return false;
    };
    let field = |name: &str| {
        fields.split(',').find_map(|pair| pair.split_once('=').filter(|(k, _)| *k == name)).map(|(_, v)| v)
    };
    let (Some(id), Some(ts), Some(nonce), Some(sig)) =
        (field("id"), field("ts"), field("nonce"), field("sig"))
    else {
        return false;
    };
    let query = if request.query.is_empty() { String::new() } else { format!("?{}", request.query) };
    let text = format!("{ts}\n{nonce}\n{}\n{}{query}\n{}\n", request.method, request.path, request.body);
    id == KEY && is_hmac_sha256(SECRET.as_bytes(), &text, sig, Form::Hex)
}

/// The result of a private method that reads; `None` for all others.
pub(super) fn read(method: &str, venue: &Venue) -> Option<String> {
    let account = &venue.account;
    match method {
        "private/get_positions" => {
            let rows: Vec<String> = account.positions.iter().filter_map(|p| position(p, venue)).collect();
            Some(format!("[{}]", rows.join(",")))
        }
        "private/get_open_orders" => {
            let rows: Vec<String> = account.open_orders().filter_map(|o| order(o, venue)).collect();
            Some(format!("[{}]", rows.join(",")))
        }
        "private/get_account_summaries" => {
            let rows = summaries(venue).join(",");
            Some(format!(r#"{{"id":51,"username":"desk","type":"main","summaries":[{rows}]}}"#))
        }
        _ => None,
    }
}

/// Orders and positions come in one channel, money in another.
fn told_change(channel: &str, change: &Change, venue: &Venue) -> Option<String> {
    let (ix, orders, positions) = match change {
        Change::Order(o) => (o.ix, order(o, venue)?, String::new()),
        Change::Position(p) => (p.ix, String::new(), position(p, venue)?),
        Change::Coin(_) => return None,
    };
    let symbol = venue.instruments.get(ix)?.listing.symbol;
    let data = format!(
        r#"{{"trades":[],"positions":[{positions}],"orders":[{orders}],"instrument_name":"{symbol}"}}"#
    );
    Some(told(channel, &data))
}

fn position(p: &Position, venue: &Venue) -> Option<String> {
    let instrument: &Instrument = venue.instruments.get(p.ix)?;
    let l = instrument.listing;
    let direction = match p.lots {
        0 => "zero",
        lots if lots > 0 => "buy",
        _ => "sell",
    };
    let entry = if p.lots == 0 { 0 } else { p.entry_e8 };
    let (upnl, coins) = (number(p.upnl_e8(instrument), 8), l.base_e8(p.lots, instrument.mark_e8));
    Some(format!(
        r#"{{"instrument_name":"{}","kind":"future","size":{},"size_currency":{},"direction":"{direction}","average_price":{},"mark_price":{},"index_price":{},"settlement_price":{},"initial_margin":{},"maintenance_margin":{},"open_orders_margin":0.0,"leverage":{},"floating_profit_loss":{upnl},"realized_profit_loss":0.0,"realized_funding":0.0,"total_profit_loss":{upnl},"interest_value":0.0,"delta":{}}}"#,
        l.symbol,
        size_text(l, p.lots, Digits::Float),
        number(coins, 8),
        number(entry, 8),
        coarse(l, instrument.mark_e8),
        coarse(l, instrument.index_e8),
        coarse(l, instrument.mark_e8),
        number(p.initial_e8(instrument), 8),
        number(p.maintenance_e8(instrument), 8),
        instrument.leverage,
        number(coins, 8),
    ))
}

fn order(o: &Order, venue: &Venue) -> Option<String> {
    let instrument = venue.instruments.get(o.ix)?;
    let l = instrument.listing;
    let (state, reason) = match o.state {
        OrderState::Open => ("open", ""),
        OrderState::Filled => ("filled", ""),
        OrderState::Cancelled => ("cancelled", r#""cancel_reason":"user_request","#),
    };
    let price = price_text(l, o.ticks, Digits::Float);
    let average = if o.filled > 0 { price.clone() } else { "0.0".into() };
    let direction = if o.is_buy { "buy" } else { "sell" };
    Some(format!(
        r#"{{"order_id":"{}","label":"","instrument_name":"{}","direction":"{direction}","price":{price},"amount":{},"contracts":{}.0,"filled_amount":{},"average_price":{average},"order_state":"{state}",{reason}"order_type":"limit","time_in_force":"good_til_cancelled","reduce_only":false,"post_only":false,"reject_post_only":false,"is_liquidation":false,"risk_reducing":false,"mmp":false,"replaced":false,"web":false,"api":true,"creation_timestamp":{},"last_update_timestamp":{}}}"#,
        numbered(l, o.id),
        l.symbol,
        size_text(l, o.lots, Digits::Float),
        o.lots,
        size_text(l, o.filled, Digits::Float),
        o.made.as_millis(),
        o.changed.as_millis()
    ))
}

/// One row for each currency with money.
fn summaries(venue: &Venue) -> Vec<String> {
    let account = &venue.account;
    let row = |coin: &super::account::Coin| {
        let (mut upnl, mut initial, mut maintenance) = (0, 0, 0);
        for p in &account.positions {
            let Some(instrument) = venue.instruments.get(p.ix) else { continue };
            if asset_of(instrument.listing, "USDC") == coin.asset {
                upnl += p.upnl_e8(instrument);
                initial += p.initial_e8(instrument);
                maintenance += p.maintenance_e8(instrument);
            }
        }
        let equity = coin.total_e8 + upnl;
        let free = number((equity - initial).max(0), 8);
        format!(
            r#"{{"currency":"{}","balance":{},"equity":{},"margin_balance":{},"initial_margin":{},"maintenance_margin":{},"projected_initial_margin":{},"projected_maintenance_margin":{},"available_funds":{free},"available_withdrawal_funds":{free},"session_upl":{},"session_rpl":0.0,"total_pl":{},"futures_pl":{},"options_pl":0.0,"options_value":0.0,"margin_model":"segregated_sm","cross_collateral_enabled":false,"portfolio_margining_enabled":false,"fee_balance":0.0,"spot_reserve":0.0,"locked_balance":0.0}}"#,
            coin.asset,
            number(coin.total_e8, 8),
            number(equity, 8),
            number(equity, 8),
            number(initial, 8),
            number(maintenance, 8),
            number(initial, 8),
            number(maintenance, 8),
            number(upnl, 8),
            number(upnl, 8),
            number(upnl, 8),
        )
    };
    account.coins.iter().map(row).collect()
}
