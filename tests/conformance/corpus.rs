//! Single messages of the real venues, pretty-printed, some of them cut out of their envelopes.

use crate::collect::{Transcript, VENUES, corpus, decoder, feed, files, venue};

/// Data messages of subscribed channels: file, start of the lines they must give.
const DATA: &[(&str, &str, &[&str])] = &[
    // Level 1 gives quotes.
    ("bybit", "ws_orderbook_delta", &["quote"]),
    ("bybit", "ws_orderbook_snapshot", &["quote"]),
    ("bybit", "ws_public_trade", &["trade"]),
    ("bybit", "ws_ticker_linear", &["ticker", "quote"]),
    ("bybit", "ws_ticker_option", &["ticker"]),
    ("okx", "ws_books_snapshot", &["book"]),
    ("okx", "ws_trades", &["trade"]),
    ("okx", "ws_tickers", &["ticker", "quote"]),
    ("okx", "ws_bbo_tbt", &["quote"]),
    ("okx", "ws_funding_rate", &["ticker"]),
    ("okx", "ws_instruments", &["instrument"]),
    ("hyperliquid", "ws_book_data", &["book"]),
];

/// Data messages of Binance: file below `messages/binance/futures/market_data_json`, and its kind. A
/// depth event alone waits for its snapshot.
const BINANCE: &[(&str, &str)] = &[
    ("agg_trade_stream", "{\"type\":\"trade\""),
    ("book_ticker_stream", "{\"type\":\"quote\""),
    ("depth_update_stream", "{\"ask\""),
    ("liquidation_stream", "{\"type\":\"liquidation\""),
    ("mark_price_stream", "{\"type\":\"ticker\""),
    ("ticker_stream", "{\"type\":\"ticker\""),
    ("trade_stream", "{\"type\":\"trade\""),
];

/// REST answers that are read, with the URL they answer.
const ANSWERS: &[(&str, &str, &str, &str, usize)] = &[
    (
        "bybit",
        "http_get_instruments_linear",
        "https://h/v5/market/instruments-info?category=linear",
        "instrument",
        2,
    ),
    (
        "bybit",
        "http_get_instruments_inverse",
        "https://h/v5/market/instruments-info?category=inverse",
        "instrument",
        1,
    ),
    (
        "bybit",
        "http_get_instruments_option",
        "https://h/v5/market/instruments-info?category=option",
        "instrument",
        1,
    ),
    (
        "bybit",
        "http_get_instruments_spot",
        "https://h/v5/market/instruments-info?category=spot",
        "instrument",
        2,
    ),
    (
        "okx",
        "http_get_instruments_swap",
        "https://h/api/v5/public/instruments?instType=SWAP",
        "instrument",
        1,
    ),
    (
        "okx",
        "http_get_instruments_futures",
        "https://h/api/v5/public/instruments?instType=FUTURES",
        "instrument",
        1,
    ),
    (
        "okx",
        "http_get_instruments_option",
        "https://h/api/v5/public/instruments?instType=OPTION",
        "instrument",
        1,
    ),
    (
        "okx",
        "http_get_instruments_spot",
        "https://h/api/v5/public/instruments?instType=SPOT",
        "instrument",
        1,
    ),
    ("okx", "http_get_mark_price", "https://h/api/v5/public/mark-price?instType=SWAP", "ticker", 1),
    ("hyperliquid", "http_meta_perp_sample", "https://h/info {\"type\":\"meta\"}", "instrument", 3),
];

/// One line of JSON from a pretty-printed document. Hyperliquid samples without their envelope get it.
fn one_line(venue: &str, name: &str, text: &str) -> String {
    let flat = text.replace(['\n', '\r'], " ");
    if venue == "hyperliquid" && name == "ws_book_data" {
        return format!("{{\"channel\":\"l2Book\",\"data\":{flat}}}");
    }
    flat
}

#[test]
fn data_messages_give_their_kind() {
    let Some(corpus) = corpus("data_messages_give_their_kind") else { return };
    for (id, name, kinds) in DATA {
        let text = std::fs::read_to_string(corpus.join(format!("messages/{id}/{name}.json"))).unwrap();
        let mut transcript = Transcript::new(id);
        feed(decoder(&venue(id)).as_mut(), one_line(id, name, &text).as_bytes(), &mut transcript);
        let lines: Vec<&str> = transcript.text.lines().collect();
        assert!(lines.len() >= kinds.len(), "{id}/{name}: {}", transcript.text);
        for (n, line) in lines.iter().enumerate() {
            let kind = kinds[n.min(kinds.len() - 1)];
            assert!(line.starts_with(&format!("{{\"type\":\"{kind}\"")), "{id}/{name}: {line}");
        }
    }
}

#[test]
fn binance_messages_give_their_kind() {
    let Some(corpus) = corpus("binance_messages_give_their_kind") else { return };
    for (name, start) in BINANCE {
        let path = format!("messages/binance/futures/market_data_json/{name}.json");
        let text = std::fs::read_to_string(corpus.join(path)).unwrap();
        let mut transcript = Transcript::new("binance-usdm");
        feed(decoder(&venue("binance-usdm")).as_mut(), one_line("", name, &text).as_bytes(), &mut transcript);
        assert!(transcript.text.starts_with(start), "{name}: {}", transcript.text);
    }
}

#[test]
fn rest_answers_give_their_kind() {
    let Some(corpus) = corpus("rest_answers_give_their_kind") else { return };
    for (id, name, url, kind, at_least) in ANSWERS {
        let text = std::fs::read_to_string(corpus.join(format!("messages/{id}/{name}.json"))).unwrap();
        let line = format!("1\t{url}\t{}", one_line(id, name, &text));
        let mut transcript = Transcript::new(id);
        feed(decoder(&venue(id)).as_mut(), line.as_bytes(), &mut transcript);
        let found =
            transcript.text.lines().filter(|l| l.starts_with(&format!("{{\"type\":\"{kind}\""))).count();
        assert!(
            found >= *at_least && !transcript.text.contains("\"error\""),
            "{id}/{name}: {}",
            transcript.text
        );
    }
}

/// Control, private and unused messages are known; what no socket ever sends is an error, not a panic.
#[test]
fn every_message_of_the_corpus_is_survived() {
    let Some(corpus) = corpus("every_message_of_the_corpus_is_survived") else { return };
    let urls = [
        "https://h/v5/market/instruments-info",
        "https://h/v5/market/tickers",
        "https://h/api/v5/market/books",
        "https://h/api/v5/public/instruments",
        "https://h/api/v5/public/open-interest",
        "https://h/info",
    ];
    for folder in files(&corpus.join("messages")) {
        for file in files(&folder).into_iter().filter(|file| file.is_file()) {
            let text = std::fs::read_to_string(&file).unwrap();
            let flat = one_line("", "", &text);
            for id in VENUES {
                let mut decoder = decoder(&venue(id));
                let mut transcript = Transcript::new(id);
                feed(decoder.as_mut(), flat.as_bytes(), &mut transcript);
                let own =
                    folder.ends_with(id) && file.file_name().unwrap().to_str().unwrap().starts_with("ws_");
                let enveloped = flat.contains("\"topic\"")
                    || flat.contains("\"arg\"")
                    || flat.contains("\"channel\"")
                    || flat.contains("\"op\"")
                    || flat.contains("\"event\"");
                if own && enveloped {
                    let lost =
                        transcript.text.contains("\"error\"") || transcript.text.contains("\"unknown\"");
                    assert!(!lost && !transcript.text.is_empty(), "{}: {}", file.display(), transcript.text);
                }
                for url in urls {
                    feed(decoder.as_mut(), format!("1\t{url}\t{flat}").as_bytes(), &mut transcript);
                }
            }
        }
    }
}
