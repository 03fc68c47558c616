//! Screens as words and as JSON.

use faultline::view::{json, plain};

use super::fixture;

#[test]
fn json_has_a_word_for_every_missing_value() {
    let text = json::map(&fixture::broken(), Some("mid_gap_bps")).unwrap();
    for part in [
        r#""schema":"faultline.snapshot/1","screen":"map","mode":"live","ts":"2024-08-08T23:54:15.030Z","seq":"88213""#,
        r#""value":null,"state":"not_listed""#,
        r#""value":null,"state":"resync""#,
        r#""value":null,"state":"halted""#,
        r#""value":null,"state":"no_consensus""#,
        r#""value":null,"state":"missing""#,
        r#""value":"22","state":"stale","quality":"stale","alert":"critical""#,
        r#""underlying":"SOL","value":"-18.4","state":"value","quality":"ok","alert":"critical""#,
    ] {
        assert!(text.contains(part), "no {part} in\n{text}");
    }
    assert!(!text.contains("depth_usd_10") && !text.contains("NaN"));
}

#[test]
fn cells_are_said_in_words() {
    let text = plain::map_plain(&fixture::broken());
    for line in [
        "SOL, bybit: minus 18.4 basis points, ALERT critical",
        "SOL, hyperliquid: stale 9.1s, last 22.0 basis points, ALERT critical",
        "SOL, cme: not listed",
        "BTC, okx: resync",
        "ETH, okx: halted by the venue",
        "BNB, okx: 5.5 basis points, degraded",
        "XRP, leverage: missing",
    ] {
        assert!(text.lines().any(|l| l == line), "no `{line}` in\n{text}");
    }
}
