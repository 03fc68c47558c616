//! Vectors of METRICS.md §9 and of errata 33 to 35, and what holds for every run.

use super::scan::{Grid, Scan, concentration, convexity, cover, size};
use super::*;

fn book() -> [[(f64, f64); 4]; 2] {
    [
        [(0.001, 500.0), (0.005, 1_000.0), (0.01, 2_000.0), (0.03, 5_000.0)],
        [(0.001, 100.0), (0.005, 200.0), (0.01, 400.0), (0.03, 1_000.0)],
    ]
}

fn side(book: &[(f64, f64)], triggers: &[(f64, f64, f64)]) -> Side {
    Side {
        book: book.iter().map(|(offset, qty)| Level { offset: *offset, qty: *qty }).collect(),
        triggers: triggers
            .iter()
            .map(|(price, qty, bankruptcy)| Trigger { price: *price, qty: *qty, bankruptcy: *bankruptcy })
            .collect(),
    }
}

/// The two venues of the worked example, falling.
pub(super) fn worked() -> Vec<Place> {
    let [a, b] = book();
    let longs_a = [(96.0, 800.0, 95.0), (93.5, 1_500.0, 92.6), (90.0, 1_000.0, 89.2)];
    let longs_b = [(95.5, 600.0, 94.8), (94.0, 700.0, 93.4), (92.0, 500.0, 91.4)];
    vec![
        Place { weight: 0.7, fund: Some(2_000.0), down: side(&a, &longs_a), up: Side::default() },
        Place { weight: 0.3, fund: Some(300.0), down: side(&b, &longs_b), up: Side::default() },
    ]
}

fn fall(set: &Set, x: f64) -> Outcome {
    Run::new(100.0, &worked()).shock(Way::Down, x, set, Funds::UnknownEmpty)
}

#[track_caller]
fn near(got: f64, want: f64) {
    assert!((got - want).abs() <= 1e-9 * want.abs().max(1.0), "{got} for {want}");
}

/// Liquidated, in USD, shortfall, fund left, ADL, worst price.
#[track_caller]
fn is_place(got: &PlaceOutcome, want: [f64; 6]) {
    let got = [got.liquidated, got.liquidated_usd, got.shortfall, got.fund, got.adl, got.worst];
    for (got, want) in got.into_iter().zip(want) {
        near(got, want);
    }
}

#[track_caller]
fn is_whole(got: &Outcome, index: f64, amplification: f64, rounds: u32) {
    near(got.index, index);
    near(got.amplification().unwrap(), amplification);
    assert_eq!(got.rounds, rounds);
}

/// Catches: fills at the mark, offsets from the wrong index, a surplus the fund keeps whole.
#[test]
fn t1_a_gap_that_the_books_take() {
    let set = Set { lasting: 0.5, ..OPTIMISTIC };
    let out = fall(&set, 0.05);
    is_whole(&out, 94.69125, 1.06175, 1);
    is_place(&out.places[0], [800.0, 76_000.0, 190.0, 1_810.0, 0.0, 94.525]);
    is_place(&out.places[1], [600.0, 57_000.0, 280.0, 25.25, 0.0, 94.05]);
}

/// Catches: a fund that starts empty, gains a little and is spent by halves for ever: its last digits can
/// be halved no further.
#[test]
fn what_an_empty_fund_gains_is_spent_and_the_run_ends() {
    let mut dice = 1_u64;
    let mut roll = |from: f64, to: f64| {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        from + (to - from) * (dice >> 11) as f64 / (1_u64 << 53) as f64
    };
    for _ in 0..200 {
        let index = roll(1.0, 100_000.0);
        let triggers: Vec<_> =
            (0..200).map(|_| (0.96 * index, roll(0.0, 9.0), index * roll(0.93, 1.1))).collect();
        let down = side(&[(0.001, 400.0), (0.03, 100_000.0)], &triggers);
        let place = Place { weight: 1.0, fund: None, down, up: Side::default() };
        let out = Run::new(index, &[place]).shock(Way::Down, 0.05, &OPTIMISTIC, Funds::UnknownEmpty);
        let [place] = &out.places[..] else { panic!("{out:?}") };
        near(place.filled + place.adl, place.liquidated);
        assert!(place.fund < 1e9 && place.adl > 0.0);
    }
}

/// Catches: a fund that pays beyond its end, ADL that moves the price, marks that forget the last trade.
#[test]
fn t2_central_breaks_the_thin_venue() {
    let out = fall(&CENTRAL, 0.05);
    is_whole(&out, 94.544, 1.0912, 2);
    is_place(&out.places[0], [800.0, 76_000.0, 308.75, 1_691.25, 0.0, 94.05]);
    is_place(&out.places[1], [1_300.0, 122_342.9, 302.625, 0.0, 902.783_018_867_924_3, 92.15]);
}

#[test]
fn t2_trace_of_the_rounds() {
    let (_, rounds) = Run::new(100.0, &worked()).traced(Way::Down, 0.05, &CENTRAL, Funds::UnknownEmpty);
    let row = |s: &Step| [s.triggered, s.filled, s.price, s.fund, s.adl];
    let [first, second] = rounds.as_slice() else { panic!("{rounds:?}") };
    for (got, want) in
        row(&first.places[1]).into_iter().zip([600.0, 397.216_981_132, 92.15, 0.0, 202.783_019])
    {
        assert!((got - want).abs() < 1e-6, "{got} for {want}");
    }
    near(second.index, 94.544);
    near(first.after, 94.544);
    near(second.after, 94.544);
    near(second.places[1].mark, 93.347);
    near(second.places[0].mark, 94.297);
    near(second.places[1].adl, 700.0);
}

#[test]
fn t2_optimistic() {
    let out = fall(&OPTIMISTIC, 0.05);
    is_whole(&out, 94.93825, 1.01235, 1);
    is_place(&out.places[0], [800.0, 76_000.0, 190.0, 1_810.0, 0.0, 94.525]);
    is_place(&out.places[1], [600.0, 57_000.0, 280.0, 25.25, 0.0, 94.05]);
}

/// Catches: a collapse on one venue that stays there: the second cohort of A goes with B's price.
#[test]
fn t2_pessimistic_reaches_the_other_venue() {
    let out = fall(&PESSIMISTIC, 0.05);
    is_whole(&out, 92.114546, 1.577_090_8, 2);
    is_place(&out.places[0], [2_300.0, 215_080.0, 1_630.185, 369.815, 1_450.0, 90.4913]);
    is_place(&out.places[1], [1_300.0, 121_904.0, 300.5, 0.025, 1_130.0, 92.15]);
}

#[test]
fn t2_with_half_of_the_move_lasting() {
    let out = fall(&Set { lasting: 0.5, ..CENTRAL }, 0.05);
    is_whole(&out, 94.24, 1.152, 2);
    is_place(&out.places[0], [800.0, 76_000.0, 308.75, 1_691.25, 0.0, 94.05]);
    is_place(&out.places[1], [1_300.0, 122_236.5, 302.625, 0.0, 902.783_018_867_924_3, 92.15]);
}

/// Catches: a slide that is as bad as a gap. Refill changes nothing here, for nothing waits.
#[test]
fn t2_ramp_of_ten_steps() {
    for refill in [0.0, 0.2] {
        let out = fall(&Set { steps: 10, refill, ..CENTRAL }, 0.05);
        is_whole(&out, 94.544_538_649_999_98, 1.091_092_270_000_004_7, 10);
        let a = [800.0, 76_783.670_908_163_13, 0.0, 2_235.868_622_549_36, 0.0, 94.544_538_649_999_98];
        is_place(&out.places[0], a);
        let b = [
            600.0,
            57_172.807_339_205_67,
            310.396_714_036_906_5,
            0.0,
            158.284_588_051_053_76,
            92.429_371_865,
        ];
        is_place(&out.places[1], b);
    }
}

/// Catches: bisection. Amplification rises and falls, ADL only rises.
#[test]
fn f11_the_grid_is_not_monotone_and_is_scanned() {
    let want = [
        (4.0, 1.0504, 0.0),
        (4.5, 1.1019, 822.9),
        (5.0, 1.0912, 902.8),
        (5.5, 1.0515, 986.9),
        (6.0, 1.1454, 1_076.3),
        (7.0, 1.0339, 2_474.9),
        (10.0, 1.0230, 3_655.9),
    ];
    let mut before = 0.0;
    for (pct, amplification, adl) in want {
        let out = fall(&CENTRAL, pct / 100.0);
        let got = (out.amplification().unwrap(), out.sum(|p| p.adl));
        assert!((got.0 - amplification).abs() < 5.1e-5 && (got.1 - adl).abs() < 0.051, "{pct}: {got:?}");
        assert!(got.1 >= before, "ADL fell at {pct}");
        before = got.1;
    }
    let scan = Scan::of(100.0, &worked());
    assert_eq!(scan.down.critical(CENTRAL_AT, false), Some(4.5));
    assert_eq!(scan.up.critical(CENTRAL_AT, false), None, "no shorts: beyond the grid");
}

#[test]
fn f8_is_valued_at_bankruptcy_prices() {
    near(fall(&CENTRAL, 0.05).sum(|p| p.adl_usd), 84_603.830_188_679_25);
}

/// Catches: cover against what was paid instead of what is owed, and an empty book that costs nothing.
#[test]
fn f9_is_against_what_would_be_owed_without_an_end_of_funds() {
    let places = worked();
    let out = Run::new(100.0, &places).shock(Way::Down, 0.05, &CENTRAL, Funds::Endless);
    near(out.places[0].shortfall, 308.75);
    near(out.places[1].shortfall, 1_263.08);
    near(out.sum(|p| p.unfilled), 450.0);
    near(cover(2_000.0, out.places[0].shortfall).unwrap(), 6.477_732_793_522_267);
    near(cover(300.0, out.places[1].shortfall).unwrap(), 0.237_514_646_736_550_82);
    near(cover(300e6, 420e6).unwrap(), 0.714_285_714_285_714_3);
    assert_eq!(cover(1.0, 0.0), None);
}

#[test]
fn g9_and_g10() {
    near(convexity(20e6, 90e6).unwrap(), 2.25);
    assert_eq!(convexity(0.0, 1.0), None);
    near(concentration(&[0.2, 0.2, 0.6], &[0.5, 0.3, 0.2]).unwrap(), 0.4);
    assert_eq!(concentration(&[0.0, 0.0], &[1.0, 1.0]), None);
}

/// Catches: anything lost between trigger and end, with any set, size and fund, refill included.
#[test]
fn what_is_closed_is_filled_or_deleveraged() {
    let places = worked();
    let mut run = Run::new(100.0, &places);
    let waiting = Set { refill: 0.02, ..PESSIMISTIC };
    for set in SETS.iter().chain([&waiting]) {
        let mut adl = 0.0;
        for k in 0..scan::SHOCKS {
            for funds in [Funds::UnknownEmpty, Funds::Endless] {
                let out = run.shock(Way::Down, size(k), set, funds);
                for (place, got) in places.iter().zip(&out.places) {
                    near(got.filled + got.adl, got.liquidated);
                    let all: f64 = place.down.triggers.iter().map(|t| t.qty).sum();
                    assert!(got.liquidated <= all && got.fund >= 0.0 && got.unfilled <= got.adl + 1e-9);
                }
                if funds == Funds::UnknownEmpty && set.refill <= 0.0 {
                    let next = out.sum(|p| p.adl);
                    assert!(next >= adl - 1e-9, "{} {k}: ADL fell from {adl} to {next}", set.name);
                    adl = next;
                }
            }
        }
    }
}

#[test]
fn no_shock_is_no_amplification() {
    let out = fall(&CENTRAL, 0.0);
    assert_eq!((out.amplification(), out.sum(|p| p.liquidated), out.rounds), (None, 0.0, 1));
}

/// Catches: a rise that is not the mirror of a fall.
#[test]
fn a_rise_mirrors_a_fall() {
    let mirrored: Vec<Place> = worked()
        .into_iter()
        .map(|p| {
            let mirror = |t: &Trigger| Trigger {
                price: 200.0 - t.price,
                qty: t.qty,
                bankruptcy: 200.0 - t.bankruptcy,
            };
            let triggers = p.down.triggers.iter().map(mirror).collect();
            Place { up: Side { book: p.down.book, triggers }, down: Side::default(), ..p }
        })
        .collect();
    let out = Run::new(100.0, &mirrored).shock(Way::Up, 0.05, &CENTRAL, Funds::UnknownEmpty);
    assert!(out.index > 105.0 && out.moved > 0.05 && out.amplification().unwrap() > 1.0);
    near(out.places[0].liquidated, 800.0);
    assert!(out.places[1].adl > 0.0 && out.places[1].worst > 105.0);
    assert_eq!(Scan::of(100.0, &mirrored).up.critical(CENTRAL_AT, false), Some(4.5));
}

/// Catches: an unknown fund that is taken for zero or for endless without saying so.
#[test]
fn an_unknown_fund_is_a_range() {
    let mut places = worked();
    places[1].fund = None;
    let scan = Scan::of(100.0, &places);
    let cell = scan.down.cell(CENTRAL_AT, 5.0).unwrap();
    assert!(cell.adl_usd.empty > cell.adl_usd.endless && cell.adl_usd.endless > 0.0, "{cell:?}");
    assert!(scan.down.critical(CENTRAL_AT, true) <= scan.down.critical(CENTRAL_AT, false));
    let known = Scan::of(100.0, &worked());
    let cell = known.down.cell(CENTRAL_AT, 5.0).unwrap();
    near(cell.adl_usd.empty, cell.adl_usd.endless);
    near(cell.loss_usd, 308.75 + 1_263.08);
    near(cell.unfilled, 450.0);
    near(
        known.down.losses[CENTRAL_AT].iter().sum(),
        known.down.cell(CENTRAL_AT, Grid::COVER_PCT).unwrap().loss_usd,
    );
}
