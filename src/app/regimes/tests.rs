//! The lens against a recomputation by hand, on recordings.

use std::path::Path;
use std::sync::Arc;

use crate::app::player::Tape;
use crate::config::rulebook::{ClientClass, Given, Rulebook};
use crate::config::{builtin, venues};
use crate::engine::Engine;
use crate::engine::book::BookSide;
use crate::engine::listing::Listing;
use crate::engine::rulebook::access::reach;
use crate::model::entry::Kind;
use crate::model::instrument::Payoff;
use crate::pipeline::Pipeline;
use crate::snapshot::BookState;
use crate::snapshot::rules::{Lens, Seen};
use crate::tape::{self, Check, Format, Import};

/// The state of a recording after some ticks, or at its end.
fn folded(path: &Path, rules: &[std::path::PathBuf], ticks: usize) -> Tape {
    let mut tape = Tape::open(path, rules, Check::Chunks).unwrap();
    let mut seen = 0;
    while let Some(step) = tape.step(&mut |_, _| {}).unwrap() {
        seen += usize::from(step.is_tick);
        if seen == ticks {
            break;
        }
    }
    tape
}

/// Price in USD and USD of every level, the long way.
fn levels(engine: &Engine, listing: &Listing, side: BookSide) -> Vec<(f64, f64)> {
    let market = engine.market();
    let def = listing.def.as_ref().unwrap();
    let number = |text: String| text.parse::<f64>().unwrap();
    let (quote, money) =
        (market.usd(listing.quote_currency).unwrap().0, market.usd(listing.money_currency).unwrap().0);
    let multiplier = number(def.multiplier.to_string());
    let mut out = Vec::new();
    listing.book.walk(side, |price, size| {
        let (price, size) = (number(price.to_string()), number(size.to_string()));
        let usd = match def.payoff {
            Payoff::Inverse => size * multiplier * money,
            Payoff::Linear | Payoff::Quanto => size * multiplier * price * money,
        };
        out.push((price / number(def.price_scale.to_string()) * quote, usd));
        true
    });
    out
}

fn is_usable(listing: &Listing) -> bool {
    listing.figures.state == BookState::Synced && !listing.figures.is_mid_old && listing.is_open()
}

/// Cost of a size against a reference on levels of several books.
fn cost(mut levels: Vec<(f64, f64)>, side: BookSide, usd: f64, reference: f64) -> Option<f64> {
    levels.sort_by(|a, b| if side == BookSide::Ask { a.0.total_cmp(&b.0) } else { b.0.total_cmp(&a.0) });
    let (mut left, mut base) = (usd, 0.0);
    for (price, there) in levels {
        let taken = there.min(left);
        (left, base) = (left - taken, base + taken / price);
    }
    let sign = if side == BookSide::Ask { 1.0 } else { -1.0 };
    (left <= 1e-6).then(|| 1e4 * sign * (usd / base / reference - 1.0))
}

fn near(value: f64, expected: f64) {
    assert!((value - expected).abs() <= 1e-6 * expected.abs().max(1.0), "{value} is not {expected}");
}

/// Every figure of a lens, from the books alone.
fn check(engine: &Engine, book: &Rulebook, lens: &Lens, class: ClientClass) -> usize {
    let market = engine.market();
    for seen in &lens.rows {
        let underlying = market.underlying_of(&seen.underlying).unwrap();
        let (mut depth, mut costs) = ([0.0; 3], Vec::new());
        let mut pools = Vec::new();
        for (venue, slot) in (0u16..).zip(&market.venues) {
            let rules = book.venues.get(&slot.spec.id);
            let access = rules.and_then(|r| reach(book, r, &lens.regime, class).access);
            let mut own = 0.0;
            for listing in slot.listings.iter().filter(|l| l.underlying == Some(underlying)) {
                let is_member = market.members[usize::from(underlying)].iter().any(|(v, s)| {
                    *v == venue && market.listing(*v, *s).is_some_and(|l| std::ptr::eq(l, listing))
                });
                if is_member && is_usable(listing) {
                    for side in [BookSide::Ask, BookSide::Bid] {
                        let band = |(price, _): &(f64, f64)| (price / seen.reference - 1.0).abs() <= 10e-4;
                        own +=
                            levels(engine, listing, side).into_iter().filter(band).map(|l| l.1).sum::<f64>();
                    }
                }
            }
            depth[2] += own;
            depth[1] += if access == Some(false) { 0.0 } else { own };
            depth[0] += if access == Some(true) { own } else { 0.0 };
            if access == Some(true) {
                pools.push(own);
            }
            if let Some((_, head)) = market.head(venue, underlying).filter(|(_, head)| is_usable(head)) {
                costs.push((
                    access == Some(true),
                    [BookSide::Ask, BookSide::Bid].map(|s| levels(engine, head, s)),
                ));
            }
        }
        compare(seen, depth, &pools, &costs);
    }
    lens.rows.len()
}

/// A book: whether it is reached, and its levels by side.
type Book = (bool, [Vec<(f64, f64)>; 2]);

fn compare(seen: &Seen, depth: [f64; 3], pools: &[f64], costs: &[Book]) {
    near(seen.depth.0, depth[0]);
    near(seen.depth.1, depth[1]);
    near(seen.depth.2, depth[2]);
    let squares: f64 = pools.iter().map(|p| (p / depth[0]) * (p / depth[0])).sum();
    match seen.effective_pools {
        Some(found) => near(found, 1.0 / squares),
        None => assert!(depth[0] == 0.0),
    }
    for (at, side) in [BookSide::Ask, BookSide::Bid].into_iter().enumerate() {
        let of = |all: bool| {
            let books = costs.iter().filter(|c| all || c.0).flat_map(|c| c.1[at].clone());
            cost(books.collect(), side, 1e6, seen.reference)
        };
        let expected = of(false).zip(of(true)).map(|(reached, all)| reached - all);
        assert_eq!(seen.access_cost_bps[at].is_some(), expected.is_some(), "{}", seen.underlying);
        if let Some((found, expected)) = seen.access_cost_bps[at].zip(expected) {
            near(found, expected);
            assert!(found >= -1e-9, "fewer books are never cheaper: {found}");
        }
    }
}

/// Catches: a lens that counts what is not reached, or leaves out what is; unknown as closed or as open.
#[test]
fn the_lens_is_what_the_books_give_by_hand() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("recordings/divergence.mcap");
    let tape = folded(&path, &[], usize::MAX);
    let engine = tape.pipeline.engine();
    let book = engine.market().rules.book.clone();
    let mut sure = 0.0;
    for (text, class) in [
        ("EU:retail", ClientClass::Retail),
        ("US:institutional", ClientClass::Institutional),
        ("AE-DU:retail", ClientClass::Retail),
        ("AE-AZ:professional", ClientClass::Professional),
    ] {
        let lens = engine.seen_from(text);
        assert!(check(engine, &book, &lens, class) > 0, "{lens:?}");
        sure += lens.rows.iter().map(|r| r.depth.0).sum::<f64>();
        assert!(lens.rows.iter().all(|r| r.depth.0 <= r.depth.1 && r.depth.1 <= r.depth.2));
    }
    assert!(sure > 0.0, "nobody reaches anything: the test shows nothing");
    assert!(engine.seen_from("EV:retail").missing.contains("did you mean"));
    assert!(engine.seen_from("EU").missing.contains("names no class"));
    assert!(engine.seen_from("").missing.contains("names no class"));
}

/// The page of a recording: rules are there, schedules of the feed stand over what is written.
#[test]
fn the_page_of_a_recording_has_every_venue() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("recordings/divergence.mcap");
    let tape = folded(&path, &[], 100);
    let engine = tape.pipeline.engine();
    let page = &engine.market().rules.page;
    assert_eq!(page.rows.len(), engine.market().venues.len());
    assert!(page.rows.iter().any(|r| r.cells[0].layer == "feed"), "{page:#?}");
    assert!(page.rows.iter().any(|r| r.cells.iter().any(|c| c.text.is_empty())), "something is unknown");
}

/// A file of the user for the capture: one pool of the two is reached, the other closed.
const FILE: &str = "id = \"binance-coinm\"
[[rulebook.recognition]]
entity = \"binance-exch\"
jurisdiction = \"AE-AZ\"
client_class = \"professional\"
law = \"permitted\"
venue_policy = \"blocked\"
basis = \"home_licence\"
finding = \"none\"
source = \"proposal\"
as_of = \"2026-11-22\"
confidence = \"low\"
";

/// The same on a real capture, where one is there, with a rule file of its own.
#[test]
fn the_lens_on_a_real_capture() {
    let Some(corpus) = std::env::var_os("FAULTLINE_CORPUS") else { return };
    let part = |venue: &str, stem: &str| Import {
        venue: venue.into(),
        files: ["rest.", ""]
            .map(|kind| Path::new(&corpus).join(format!("sessions/binance_20240808/{stem}.{kind}ndjson.zst")))
            .to_vec(),
    };
    let parts = [part("binance-usdm", "usdm"), part("binance-coinm", "coinm")];
    let given = [Given { name: "rulebook/binance-coinm.toml", text: FILE }];
    let book = Arc::new(Rulebook::read(&given).unwrap());
    let specs: Vec<_> = builtin::VENUES
        .iter()
        .map(|(file, text)| venues::read(file, text).unwrap())
        .filter(|spec| parts.iter().any(|p| p.venue == spec.id))
        .collect();
    let mut pipeline = Pipeline::new(&specs, Vec::new()).unwrap();
    pipeline.set_rulebook(book.clone());
    let mut ticks = 0;
    let imported = tape::import(Format::by_name("raw").unwrap(), &parts, &mut |entry| {
        ticks += usize::from(matches!(entry.kind, Kind::Tick));
        if ticks <= 600 {
            pipeline.ingest(entry);
        }
        Ok(())
    });
    imported.unwrap();
    let engine = pipeline.engine();
    let lens = engine.seen_from("AE-AZ:professional");
    assert!(check(engine, &book, &lens, ClientClass::Professional) > 0, "{lens:?}");
    assert!(lens.rows.iter().all(|r| 0.0 < r.depth.0 && r.depth.0 < r.depth.2), "{lens:?}");
}
