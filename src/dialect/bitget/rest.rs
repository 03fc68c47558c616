//! Requests and their answers: terms, margin tiers, insurance funds, books to check the streamed ones.

use rust_decimal::Decimal;
use serde::Deserialize;

use super::decode::BitgetDecoder;
use super::instruments;
use super::messages::{Answer, BookRow};
use super::product::Product;
use crate::dialect::levels::levels_of;
use crate::dialect::wire::{self, Field, Raw};
use crate::dialect::{Note, Out, WireError};
use crate::model::entry::RestAnswer;
use crate::model::event::{Body, BookChange, Event, InsuranceFund, Symbol};
use crate::model::instrument::SizeUnit;
use crate::model::margin::{MarginBase, MarginForm, MarginSchedule, TierRow, TierStyle};
use crate::model::venue::{RestRequest, Watch};

/// Tiers of one contract.
const TIERS: &str = "/api/v2/mix/market/query-position-lever";
/// All funds of a product.
const FUNDS: &str = "/api/v3/market/risk-reserve-all";
/// A book without a sequence number: good for a check, not for a start.
const BOOK: &str = "/api/v3/market/orderbook";
/// Levels of a book over REST.
const BOOK_DEPTH: u32 = 200;

/// The request for the margin tiers of a contract.
pub(super) fn tiers(watch: &Watch) -> RestRequest {
    let product = Product::of(&watch.def).upper();
    RestRequest::get(format!("{TIERS}?productType={product}&symbol={}", escaped(&watch.symbol)))
}

/// The request for the insurance funds of a product.
pub(super) fn funds(product: Product) -> RestRequest {
    RestRequest::get(format!("{FUNDS}?category={}", product.upper()))
}

/// The request for a book as it is now.
pub(super) fn book(watch: &Watch) -> RestRequest {
    let product = Product::of(&watch.def).upper();
    RestRequest::get(format!(
        "{BOOK}?category={product}&symbol={}&limit={BOOK_DEPTH}",
        escaped(&watch.symbol)
    ))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Tier<'a> {
    #[serde(borrow)]
    start_unit: Field<'a>,
    #[serde(borrow)]
    end_unit: Field<'a>,
    #[serde(borrow)]
    leverage: Field<'a>,
    #[serde(borrow)]
    keep_margin_rate: Field<'a>,
}

#[derive(Deserialize)]
struct Funds<'a> {
    #[serde(borrow)]
    list: Field<'a>,
}

#[derive(Deserialize)]
struct Fund<'a> {
    #[serde(borrow)]
    symbols: Field<'a>,
    #[serde(borrow)]
    coin: Field<'a>,
    #[serde(borrow)]
    balance: Field<'a>,
}

impl BitgetDecoder {
    pub(super) fn answer(&mut self, answer: &RestAnswer<'_>, out: &mut dyn Out) -> Result<(), WireError> {
        let parsed: Answer<'_> = wire::object(wire::guarded(answer.body)?)?;
        if answer.status != 200 || !parsed.is_granted() {
            out.note(Note::Refused(&wire::word(&parsed.msg)));
            return Ok(());
        }
        let data = wire::json(&parsed.data, "data")?;
        let is = |path| answer.url.contains(path);
        if !(is(instruments::PATH) || is(TIERS) || is(FUNDS) || is(BOOK)) {
            out.note(Note::Unused("REST answer"));
            return Ok(());
        }
        let product = ["productType", "category"]
            .iter()
            .find_map(|name| parameter(answer.url, name).and_then(|value| Product::parse(value.as_bytes())));
        let product = product.ok_or(WireError::Missing("productType"))?;
        if is(instruments::PATH) {
            return wire::each_row(data, |row| self.terms(product, row, out));
        }
        if is(FUNDS) {
            let funds: Funds<'_> = wire::object(data)?;
            let list = funds.list.as_ref().map_or("[]", Raw::json);
            return if list == "null" { Ok(()) } else { wire::each_row(list, |row| fund(product, row, out)) };
        }
        let symbol = parameter(answer.url, "symbol").ok_or(WireError::Missing("symbol"))?;
        let ix = self.place(product, symbol)?;
        if is(TIERS) {
            let schedule = schedule(data)?;
            let body = Body::Schedule(&schedule);
            out.event(Event { symbol: self.table.symbol(ix), ts_venue: None, body });
            return Ok(());
        }
        let row: BookRow<'_> = wire::object(data)?;
        levels_of(&row.b, &mut self.bids)?;
        levels_of(&row.a, &mut self.asks)?;
        product.sizes(&mut self.bids)?;
        product.sizes(&mut self.asks)?;
        let ts_venue = wire::millis(&row.ts, "ts")?;
        let book = BookChange { snapshot: true, bids: &self.bids, asks: &self.asks, seq: None };
        out.event(Event { symbol: self.table.symbol(ix), ts_venue, body: Body::Audit(book) });
        Ok(())
    }

    fn terms(&mut self, product: Product, row: &str, out: &mut dyn Out) -> Result<(), WireError> {
        let (symbol, def) = instruments::read(product, row)?;
        let ix = self.place(product, &symbol)?;
        out.event(Event { symbol: self.table.symbol(ix), ts_venue: None, body: Body::Instrument(&def) });
        Ok(())
    }
}

/// Tiers by value in the quote currency, each rate on the whole of it. Nothing is said of gaps between
/// tiers: a schedule that does not begin at zero or does not ascend is refused.
fn schedule(data: &str) -> Result<MarginSchedule, WireError> {
    let mut rows: Vec<TierRow> = Vec::new();
    wire::each_row(data, |row| {
        let tier: Tier<'_> = wire::object(row)?;
        let floor = wire::amount(&tier.start_unit, "startUnit")?.ok_or(WireError::Missing("startUnit"))?;
        rows.push(TierRow {
            floor,
            cap: wire::amount(&tier.end_unit, "endUnit")?,
            initial: None,
            maintenance: wire::amount(&tier.keep_margin_rate, "keepMarginRate")?,
            max_leverage: wire::amount(&tier.leverage, "leverage")?,
        });
        Ok(())
    })?;
    rows.sort_by_key(|r| r.floor);
    let starts = rows.first().is_some_and(|r| r.floor == Decimal::ZERO);
    let ascends = rows.windows(2).all(|pair| match pair {
        [a, b] => a.floor < b.floor && a.cap.is_some_and(|cap| cap <= b.floor),
        _ => true,
    });
    if !starts || !ascends {
        return Err(WireError::Range("startUnit"));
    }
    let form = MarginForm::Tiers { style: TierStyle::Slab, rows };
    Ok(MarginSchedule { form, basis: SizeUnit::Quote, base: MarginBase::Mark, liquidation_fee: None })
}

/// A fund stands behind several contracts and has no name: the first of them, in order of the alphabet,
/// names it.
fn fund(product: Product, row: &str, out: &mut dyn Out) -> Result<(), WireError> {
    let row: Fund<'_> = wire::object(row)?;
    let mut symbols: Vec<String> = Vec::new();
    if let Some(list) = &row.symbols {
        symbols = wire::parse(list.json())?;
    }
    let first = symbols.into_iter().min().unwrap_or_default();
    let pool = format!("{}/{first}", product.upper());
    let asset = wire::required(&row.coin, "coin")?;
    let amount = wire::figure(&row.balance, "balance")?.ok_or(WireError::Missing("balance"))?;
    let fund = InsuranceFund { pool: &pool, asset: &asset, amount, usd: None };
    out.event(Event { symbol: Symbol::NONE, ts_venue: None, body: Body::Fund(fund) });
    Ok(())
}

/// A name from the venue as a query can hold it.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// The value of a query parameter.
pub(super) fn parameter<'u>(url: &'u str, name: &str) -> Option<&'u str> {
    let (_, query) = url.split_once('?')?;
    query.split('&').find_map(|pair| pair.split_once('=').filter(|(n, _)| *n == name)).map(|(_, v)| v)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = r#"[{"symbol":"BTCUSDT","level":"2","startUnit":"150000","endUnit":"900000","leverage":"100","keepMarginRate":"0.005"},
        {"symbol":"BTCUSDT","level":"1","startUnit":"0","endUnit":"150000","leverage":"125","keepMarginRate":"0.004"}]"#;

    #[test]
    fn tiers_are_put_in_order_and_charge_the_whole_position() {
        let d = |text: &str| Decimal::from_str_exact(text).unwrap();
        let tiers = schedule(TWO).unwrap().tiers().unwrap();
        assert_eq!(tiers.maintenance(d("100000")), Some(d("400")));
        assert_eq!(tiers.maintenance(d("200000")), Some(d("1000")), "0.5 % of all of it");
        assert_eq!(tiers.maintenance(d("900001")), None);
    }

    #[test]
    fn a_name_cannot_break_out_of_its_query() {
        let watch = Watch { symbol: "A&limit=9 \u{e9}".into(), def: Default::default() };
        assert_eq!(
            tiers(&watch).path,
            format!("{TIERS}?productType=USDT-FUTURES&symbol=A%26limit%3D9%20%C3%A9")
        );
        assert!(book(&watch).path.ends_with("&symbol=A%26limit%3D9%20%C3%A9&limit=200"));
    }

    #[test]
    fn tiers_that_do_not_join_are_refused() {
        for (from, to) in [
            (r#""startUnit":"0""#, r#""startUnit":"1""#),
            (r#""startUnit":"0""#, r#""startUnit":"150000""#),
            (r#""endUnit":"150000""#, r#""endUnit":"150001""#),
            (r#""endUnit":"150000""#, r#""endUnit":"""#),
        ] {
            assert!(schedule(&TWO.replace(from, to)).is_err(), "{to}");
        }
        assert!(schedule("[]").is_err());
    }
}
