//! Two ways to read a hot message, one result: compact messages go straight from the bytes, the same
//! messages with one space more through the general parser.

use crate::collect::{Transcript, VENUES, corpus, decoder, feed, venue};
use crate::goldens::{cases, is_own};

/// The line with a space behind the first brace of its message.
fn spaced(line: &[u8]) -> Vec<u8> {
    let mut line = line.to_vec();
    if line.first() != Some(&b'!')
        && let Some(brace) = line.iter().position(|b| *b == b'{')
    {
        line.insert(brace + 1, b' ');
    }
    line
}

fn assert_same(id: &str, name: &str, text: &[u8]) {
    let spec = venue(id);
    let (mut hot, mut general) = (decoder(&spec), decoder(&spec));
    let (mut hot_says, mut general_says) = (Transcript::new(id), Transcript::new(id));
    for (n, line) in text.split(|b| *b == b'\n').enumerate().filter(|(_, line)| !line.is_empty()) {
        feed(hot.as_mut(), line, &mut hot_says);
        feed(general.as_mut(), &spaced(line), &mut general_says);
        assert_eq!(hot_says.text, general_says.text, "{name}, line {}", n + 1);
        hot_says.text.clear();
        general_says.text.clear();
    }
}

#[test]
fn cases_read_the_same_both_ways() {
    for id in VENUES.iter() {
        for case in cases(id).into_iter().filter(|case| !is_own(case)) {
            let text = std::fs::read(case.join("frames.ndjson")).unwrap();
            assert_same(id, &case.display().to_string(), &text);
        }
    }
}

#[test]
fn sessions_read_the_same_both_ways() {
    let Some(corpus) = corpus("sessions_read_the_same_both_ways") else { return };
    for (id, session) in [
        ("okx", "okx_2022"),
        ("bybit", "bybit_v5"),
        ("hyperliquid", "hyperliquid"),
        ("deribit", "deribit_2021"),
        ("binance-usdm", "binance_usdm_2021"),
        ("kraken-futures", "kraken_futures_2021"),
    ] {
        let file = std::fs::File::open(corpus.join(format!("sessions/{session}.ndjson.zst"))).unwrap();
        assert_same(id, session, &zstd::stream::decode_all(file).unwrap());
    }
}
