//! Handmade pictures for the screen tests. All figures are invented.

use faultline::model::Num;
use faultline::model::alert::{Alert, AlertQuality, AlertState, Evidence, Severity, Subject};
use faultline::model::time::{Nanos, SECOND};
use faultline::snapshot::{
    BookState, BookView, Cell, CellState, FeedRow, FeedState, Figure, Focus, Grid, Markets, Mode, Quality,
    Snapshot, SummaryRow, SummaryValue, Totals, VenueRow,
};

/// 2024-08-08T23:54:15.030Z.
pub(crate) const AT: Nanos = Nanos(1_723_161_255_030_000_000);

const VENUES: [(&str, &str, &str); 8] = [
    ("kraken-futures", "kraken-f", "EU"),
    ("bitstamp", "bitstamp", "EU"),
    ("cme", "cme", "US"),
    ("coinbase-us", "coinbase", "US"),
    ("binance-usdm", "binance", "SC"),
    ("okx", "okx", "SC"),
    ("bybit", "bybit", "AE"),
    ("hyperliquid", "hyperliq", "--"),
];
const ASSETS: [&str; 8] = ["BTC", "ETH", "SOL", "XRP", "DOGE", "BNB", "ADA", "AVAX"];

/// Every fixture by name.
pub(crate) fn all() -> Vec<(&'static str, Snapshot)> {
    let all = [("calm", calm()), ("divergence", divergence()), ("broken", broken()), ("hostile", hostile())];
    all.into_iter().map(|(name, snapshot)| (name, crate::market::with_markets(snapshot))).collect()
}

/// Eight venues agree within a basis point.
pub(crate) fn calm() -> Snapshot {
    let n = ASSETS.len();
    let value = |row: usize, column: usize| ((row * 7 + column * 3) % 19) as f64 / 10.0 - 0.9;
    let cells = |f: &dyn Fn(usize, usize) -> f64| -> Vec<Cell> {
        let all = (0..VENUES.len()).flat_map(|r| (0..n).map(move |c| (r, c)));
        all.map(|(r, c)| live(f(r, c))).collect()
    };
    let mut snapshot = Snapshot {
        at: AT,
        seq: 88_213,
        is_synthetic: false,
        mode: Mode::Live,
        venues: VENUES.iter().map(|(id, short, regime)| venue(id, short, regime)).collect(),
        underlyings: ASSETS.into_iter().map(String::from).collect(),
        grids: vec![
            Grid {
                metric: "mid_gap_bps",
                title: "mid vs consensus",
                unit: "bps",
                is_signed: true,
                cap: 25.0,
                part: "",
                cells: cells(&value),
            },
            Grid {
                metric: "depth_usd_10",
                title: "depth within 10 bps",
                unit: "usd",
                is_signed: false,
                cap: 5e6,
                part: "",
                cells: cells(&|r, c| 4.9e6 / (1.0 + (r * 3 + c * 2) as f64)),
            },
        ],
        summary: vec![
            summary("spread_of_venues", "spread of v.", "bps", &|c| Some(1.7 + c as f64 / 10.0)),
            summary("hhi_depth", "HHI depth", "ratio", &|c| Some(0.28 + c as f64 / 20.0)),
            summary("leverage", "leverage", "x", &|c| (c != 3).then_some(31.2 - c as f64)),
        ],
        alerts: vec![],
        mutes: vec![],
        feeds: feeds(),
        booked: vec![],
        unmapped: vec![],
        markets: Markets::default(),
        portfolio: None,
        focus: None,
        lines: vec![],
        rules: Default::default(),
        whatif: Default::default(),
        explained: None,
        evidence: None,
        kept: None,
        feed: None,
        recordings: Default::default(),
        log: vec![],
        totals: Totals {
            frames: 912_334,
            bytes: 214_000_000,
            events: 1_204_551,
            unknown: 3,
            undecodable: 0,
            gaps: 2,
        },
    };
    snapshot.focus = Some(focus("kraken-futures", "BTC", 0.1));
    snapshot
}

/// Bybit has come apart: critical on SOL, acknowledged on BTC, a warning elsewhere, one over.
pub(crate) fn divergence() -> Snapshot {
    let mut snapshot = calm();
    let gaps = [-11.9, -7.3, -18.4, -2.0, -9.6, -1.1, -3.3, -26.1];
    for (column, gap) in gaps.into_iter().enumerate() {
        set(&mut snapshot, "bybit", column, live(gap));
    }
    mark(&mut snapshot, "bybit", 2, Severity::Critical);
    mark(&mut snapshot, "bybit", 0, Severity::Critical);
    mark(&mut snapshot, "okx", 4, Severity::Warning);
    snapshot.alerts = vec![
        Alert { subject: subject("SOL", "bybit"), ..alert("A-0193QX", "div.mid", Severity::Critical, 38) },
        Alert {
            subject: subject("BTC", "bybit"),
            state: AlertState::Acked,
            owner: Some("jm@desk1".into()),
            comment: Some("bybit index outage, see status page".into()),
            value: -11.9,
            ..alert("A-0188ZZ", "div.mid", Severity::Critical, 252)
        },
        Alert {
            subject: subject("DOGE", "okx"),
            value: 0.044,
            raise: 0.03,
            clear: 0.024,
            unit: "pct",
            ..alert("A-0190KM", "fund.gap", Severity::Warning, 700)
        },
        Alert {
            subject: Subject {
                metric: "feed_age".into(),
                venue: "hyperliquid".into(),
                part: "book".into(),
                ..Subject::default()
            },
            value: 9.1,
            raise: 5.0,
            clear: 4.0,
            unit: "s",
            is_stale: true,
            ..alert("A-0179AB", "feed.stale", Severity::Info, 3_840)
        },
        Alert {
            subject: subject("ADA", "okx"),
            state: AlertState::Resolved,
            resolved_at: Some(AT.plus(-600 * SECOND)),
            ..alert("A-0170CC", "div.mid", Severity::Warning, 7_900)
        },
    ];
    snapshot.focus = Some(focus("bybit", "SOL", -18.4));
    snapshot
}

/// Every kind of cell that is no value, at once.
pub(crate) fn broken() -> Snapshot {
    let mut snapshot = divergence();
    for column in 0..8 {
        let age_ms = if column < 4 { 9_100 } else { 75_000 };
        let cell =
            Cell { state: CellState::Stale, quality: Quality::Stale, age_ms, ..live(20.0 + column as f64) };
        set(&mut snapshot, "hyperliquid", column, cell);
        let state = if column < 2 { CellState::Value } else { CellState::NotListed };
        let value = (column < 2).then_some(4.8);
        set(&mut snapshot, "cme", column, Cell { state, value, ..Cell::default() });
    }
    let none = |state| Cell { state, value: None, quality: Quality::Missing, alert: None, age_ms: 400 };
    set(&mut snapshot, "okx", 0, none(CellState::Resync));
    set(&mut snapshot, "okx", 1, none(CellState::Halted));
    set(&mut snapshot, "okx", 2, none(CellState::NoConsensus));
    set(&mut snapshot, "okx", 3, none(CellState::Value));
    set(&mut snapshot, "okx", 5, Cell { quality: Quality::Degraded, ..live(5.5) });
    set(&mut snapshot, "okx", 6, Cell { quality: Quality::Estimated, ..live(-5.5) });
    set(&mut snapshot, "okx", 7, live(f64::NAN));
    mark(&mut snapshot, "hyperliquid", 2, Severity::Critical);
    for (id, state) in [
        ("hyperliquid", FeedState::Stale),
        ("okx", FeedState::Gap),
        ("cme", FeedState::Down),
        ("bybit", FeedState::Reconnecting),
    ] {
        for venue in snapshot.venues.iter_mut().filter(|v| v.id == id) {
            venue.state = state;
        }
        for feed in snapshot.feeds.iter_mut().filter(|f| f.venue == id) {
            *feed = FeedRow {
                state,
                rate: 0.0,
                p50_ms: None,
                p99_ms: None,
                p999_ms: None,
                max_ms: None,
                gaps: 2,
                reconnects: 4,
                dropped: 1_250,
                undecodable: 7,
                age_ms: if state == FeedState::Down { None } else { Some(9_100) },
                clock_offset_ms: Some(-4.2),
                last_error: "close 1006: connection reset by peer".into(),
                ..feed.clone()
            };
        }
    }
    if let Some(focus) = &mut snapshot.focus {
        focus.books[0].state = BookState::Stale;
        focus.series[20..30].fill(None);
        focus.consensus = None;
    }
    snapshot
}

/// A venue that tries to write to the officer's terminal through its names.
pub(crate) fn hostile() -> Snapshot {
    let mut snapshot = divergence();
    let evil = "\u{1b}[2J\u{1b}]0;owned\u{7}\u{1b}[31mSOL\u{202e}\u{200b}\u{9b}1m交易所交易所";
    snapshot.underlyings[2] = evil.into();
    snapshot.venues[6].short = "\u{1b}[5mby\u{8}\u{8}bit交易所".into();
    snapshot.venues[6].regime = "\u{1b}cAE\r\n".into();
    snapshot.alerts[0].subject = subject(evil, "bybit\u{1b}[0m");
    snapshot.alerts[0].summary = format!("{evil} stands apart \u{1b}P+q\u{1b}\\ by 18.4 bps");
    snapshot.alerts[1].comment = Some("\u{1b}]52;c;aGVsbG8=\u{7}fine".into());
    snapshot.feeds[0].last_error = "\u{1b}[999;999H\u{1b}[6nclose 1006\n\nline two".into();
    snapshot.focus = Some(focus("bybit", evil, -18.4));
    if let Some(focus) = &mut snapshot.focus {
        focus.books[0].symbol = evil.into();
    }
    snapshot
}

fn live(value: f64) -> Cell {
    Cell { state: CellState::Value, value: Some(value), quality: Quality::Ok, alert: None, age_ms: 84 }
}

fn set(snapshot: &mut Snapshot, id: &str, column: usize, cell: Cell) {
    let at = place(snapshot, id, column);
    snapshot.grids[0].cells[at] = cell;
}

fn mark(snapshot: &mut Snapshot, id: &str, column: usize, severity: Severity) {
    let at = place(snapshot, id, column);
    snapshot.grids[0].cells[at].alert = Some(severity);
}

fn place(snapshot: &Snapshot, id: &str, column: usize) -> usize {
    snapshot.venues.iter().position(|v| v.id == id).unwrap() * snapshot.underlyings.len() + column
}

fn venue(id: &str, short: &str, regime: &str) -> VenueRow {
    VenueRow { id: id.into(), short: short.into(), regime: regime.into(), state: FeedState::Ok }
}

fn summary(
    metric: &'static str,
    title: &'static str,
    unit: &'static str,
    f: &dyn Fn(usize) -> Option<f64>,
) -> SummaryRow {
    let value = |c| SummaryValue {
        value: f(c),
        quality: if f(c).is_some() { Quality::Ok } else { Quality::Missing },
    };
    SummaryRow { metric, title, unit, values: (0..ASSETS.len()).map(value).collect() }
}

fn subject(underlying: &str, venue: &str) -> Subject {
    Subject {
        metric: "mid_gap_bps".into(),
        underlying: underlying.into(),
        venue: venue.into(),
        ..Subject::default()
    }
}

fn alert(id: &str, rule: &str, severity: Severity, age_s: i64) -> Alert {
    Alert {
        id: id.into(),
        fingerprint: "b3:0011".into(),
        rule: rule.into(),
        subject: Subject::default(),
        severity,
        state: AlertState::Raised,
        value: -18.4,
        worst: -21.0,
        unit: "bps",
        raise: 15.0,
        clear: 9.0,
        quality: AlertQuality { q: 0.93, inputs: 7, used: 6, state: "degraded".into() },
        is_stale: false,
        count: 7,
        raised_at: AT.plus(-age_s * SECOND),
        last_seen: AT,
        resolved_at: None,
        evidence: Evidence { recording: "s-1121".into(), seq_from: 88_001, seq_to: 88_213, bundle: None },
        summary: "stands 18.4 bps below the consensus of 6 venues".into(),
        owner: None,
        comment: None,
        life: Default::default(),
    }
}

fn feeds() -> Vec<FeedRow> {
    let rows = VENUES.iter().enumerate().flat_map(|(i, (id, ..))| {
        ["book", "trade"].into_iter().map(move |channel| FeedRow {
            venue: id.to_string(),
            channel,
            state: FeedState::Ok,
            rate: if channel == "book" { 2_913.0 / (1 + i) as f64 } else { 3.4 },
            p50_ms: Some(11.4 + i as f64),
            p99_ms: Some(48.0 + 7.0 * i as f64),
            p999_ms: Some(140.0 + 31.0 * i as f64),
            max_ms: Some(410.0 + 55.0 * i as f64),
            gaps: 0,
            reconnects: u64::from(i == 3),
            dropped: 0,
            undecodable: 0,
            audits: 12,
            audit_mismatches: 0,
            age_ms: Some(21 + i as i64),
            clock_offset_ms: Some(0.4),
            last_error: String::new(),
        })
    });
    rows.collect()
}

fn focus(venue: &str, underlying: &str, gap: f64) -> Focus {
    let figure = |metric, label, value: f64, unit| Figure {
        metric,
        label,
        value: Some(value),
        unit,
        quality: Quality::Ok,
    };
    let mut venues: Vec<&str> = vec![venue];
    venues.extend(VENUES.iter().map(|v| v.0).filter(|id| *id != venue));
    Focus {
        underlying: underlying.into(),
        venue: venue.into(),
        consensus: Some(187.42),
        figures: vec![
            figure("z", "z", -4.1, "z"),
            figure("spread_bps", "spread", 2.1, "bps"),
            figure("depth_usd_10", "depth10", 1.9e6, "usd"),
            figure("funding_8h", "funding 8h", -0.031, "pct"),
            figure("oi_usd", "OI", 412e6, "usd"),
            Figure {
                metric: "basis_bps",
                label: "basis",
                value: None,
                unit: "bps",
                quality: Quality::Missing,
            },
            Figure {
                metric: "clock_ms",
                label: "clock err",
                value: Some(4.0),
                unit: "ms",
                quality: Quality::Estimated,
            },
        ],
        split: vec![],
        books: venues.iter().enumerate().map(|(i, id)| book(id, i, gap)).collect(),
        series_metric: "mid_gap_bps",
        series: (0..120)
            .map(|t| (t != 40).then_some(if t < 90 { gap * t as f64 / 90.0 } else { gap }))
            .collect(),
    }
}

fn book(id: &str, i: usize, gap: f64) -> BookView {
    let i64_of = |n: usize| i64::try_from(n).unwrap();
    let level = |side: i64, k: usize| {
        let price = 18_742 - i64_of(i) * 3 + side * (2 + i64_of(k));
        (Num::new(price, 2), Num::new(1_200 * (i64_of(k) + 1) * (1 + i64_of(i)), 2))
    };
    BookView {
        venue: id.into(),
        symbol: "SOLUSDT".into(),
        instrument: "SOL-USDT-PERP".into(),
        state: BookState::Synced,
        size_unit: "base",
        mid_gap_bps: Some(if i == 0 { gap } else { i as f64 / 10.0 }),
        spread_bps: Some(2.1),
        age_ms: 84 + i64_of(i),
        seq: Some(88_213 + i as u64),
        bids: (0..20).map(|k| level(-1, k)).collect(),
        asks: (0..20).map(|k| level(1, k)).collect(),
    }
}
