//! Where a contract lives at Gate: folders of the REST interface, which also tell the settlement coin.
//!
//! `BTC_USDT` is settled in USDT, `BTC_USD` in BTC, `BTC_USDT_20270625` is dated: folders `futures/usdt`,
//! `futures/btc`, `delivery/usdt`.

const ROOT: &str = "/api/v4";

/// The folder of an endpoint of the venue file: its name is the coin, `delivery-` before it for dated
/// contracts.
pub(super) fn of_endpoint(name: &str) -> String {
    match name.strip_prefix("delivery-") {
        Some(coin) => format!("{ROOT}/delivery/{coin}"),
        None => format!("{ROOT}/futures/{name}"),
    }
}

/// The folder of a contract, by the grammar of its name.
pub(super) fn of_symbol(symbol: &str) -> String {
    let mut parts = symbol.split('_').skip(1);
    let (quote, kind) =
        (parts.next().unwrap_or_default(), if parts.next().is_some() { "delivery" } else { "futures" });
    let coin = match quote {
        "USD" => "btc".to_string(), // the inverse contracts
        quote => quote.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase(),
    };
    format!("{ROOT}/{kind}/{coin}")
}

/// True for contracts with an end.
pub(super) fn is_dated(symbol: &str) -> bool {
    symbol.split('_').nth(2).is_some()
}

/// True for contracts paid in the coin they are about. Among those against dollars, which are all settled in
/// bitcoin, that is bitcoin; the others are quanto.
pub(super) fn is_inverse(symbol: &str) -> bool {
    symbol == "BTC_USD"
}

/// Path of a book with its number.
pub(super) fn book(symbol: &str, depth: usize) -> String {
    let home = of_symbol(symbol);
    format!("{home}/order_book?contract={}&limit={depth}&with_id=true", escaped(symbol))
}

/// Path of the margin tiers of a contract.
pub(super) fn tiers(symbol: &str) -> String {
    format!("{}/risk_limit_tiers?contract={}", of_symbol(symbol), escaped(symbol))
}

/// Path of the terms of one contract.
pub(super) fn contract(symbol: &str) -> String {
    format!("{}/contracts/{}", of_symbol(symbol), escaped(symbol))
}

/// What would break a URL is escaped: symbols come from the venue.
fn escaped(symbol: &str) -> String {
    let mut out = String::with_capacity(symbol.len());
    for byte in symbol.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// What a URL of the venue asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asked<'u> {
    /// Dated contracts.
    pub(super) dated: bool,
    /// Settlement coin in small letters.
    pub(super) coin: &'u str,
    /// `contracts`, `order_book`, …
    pub(super) what: &'u str,
    /// Query.
    query: &'u str,
}

impl<'u> Asked<'u> {
    /// Reads a full URL, or `rest:<path>`.
    pub(super) fn of(url: &'u str) -> Option<Asked<'u>> {
        let (_, path) = url.split_once("/api/v4/")?;
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let mut parts = path.split('/');
        let dated = match parts.next()? {
            "futures" => false,
            "delivery" => true,
            _ => return None,
        };
        Some(Asked { dated, coin: parts.next()?, what: parts.next()?, query })
    }

    /// The folder, as [`of_symbol`] writes it.
    pub(super) fn home(&self) -> String {
        format!("{ROOT}/{}/{}", if self.dated { "delivery" } else { "futures" }, self.coin)
    }

    /// A parameter of the query.
    pub(super) fn parameter(&self, name: &str) -> Option<&'u str> {
        self.query
            .split('&')
            .find_map(|pair| pair.split_once('=').filter(|(n, _)| *n == name))
            .map(|(_, v)| v)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_the_folder() {
        assert_eq!(of_symbol("BTC_USDT"), of_endpoint("usdt"));
        assert_eq!(of_symbol("BTC_USD"), of_endpoint("btc"));
        assert_eq!(of_symbol("BTC_USD1"), of_endpoint("usd1"));
        assert_eq!(of_symbol("BTC_USDT_20270625"), of_endpoint("delivery-usdt"));
        assert!(is_dated("BTC_USDT_20270625") && !is_dated("BTC_USDT"));
    }

    #[test]
    fn a_symbol_cannot_break_out_of_its_parameter() {
        let path = book("A_US/../x?y&contract=B", 50);
        assert!(
            path.starts_with("/api/v4/futures/usxycontractb/order_book?contract=A_US%2F%2E%2E%2Fx%3Fy%26"),
            "{path}"
        );
    }

    #[test]
    fn urls_are_read_back() {
        let asked =
            Asked::of("https://api.gateio.ws/api/v4/delivery/usdt/order_book?contract=A&limit=100").unwrap();
        assert_eq!((asked.dated, asked.coin, asked.what), (true, "usdt", "order_book"));
        assert_eq!((asked.parameter("limit"), asked.parameter("x")), (Some("100"), None));
        assert!(Asked::of("https://api.gateio.ws/api/v4/spot/tickers").is_none());
    }
}
