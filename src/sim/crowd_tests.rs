//! What holds for a crowd: prices of liquidation, money, deleveraging, who is there.

use super::*;
use crate::sim::market::UNDERLYINGS;

const LINEAR: Listing =
    Listing::row(["T", "BTC"], (10, 2), (1, 3), Unit::BaseE8(100_000_000), (100, 900, 1.0), 100);
const INVERSE: Listing = Listing::row(["I", "BTC"], (1, 1), (1, 0), Unit::Usd(100), (100, 900, 1.0), 100);
const PRICE: i64 = 60_000 * 100_000_000;

fn crowd(listing: &Listing, lots: i64) -> Crowd {
    let past = Past::new(7, "BTC", UNDERLYINGS[0].2);
    Crowd::new(7, "x/T", listing, (lots, PRICE), &past, Shape::Reported)
}

/// METRICS.md §8 step 3 and L2, with 0.5 % maintenance.
#[test]
fn triggers_are_those_of_the_specification() {
    let at = |listing: &Listing, side, leverage| {
        crowd(listing, 1_000_000).enter(side, 1_000, PRICE, Some(leverage)).trigger_e8 as f64 / PRICE as f64
    };
    for (listing, side, leverage, want) in [
        (&LINEAR, 0, 3.0, 40_201.005_025_125_63 / 60_000.0),
        (&LINEAR, 0, 10.0, 54_271.356_783_919_6 / 60_000.0),
        (&LINEAR, 1, 10.0, 65_671.641_791_044_78 / 60_000.0),
        (&INVERSE, 0, 10.0, 45_681.818_181_818_18 / 50_000.0),
        (&INVERSE, 1, 10.0, 55_277.777_777_777_78 / 50_000.0),
    ] {
        let got = at(listing, side, leverage);
        assert!((got / want - 1.0).abs() < 1e-6, "{} {side} {leverage}: {got} for {want}", listing.symbol);
    }
    let hedged = crowd(&LINEAR, 1_000_000).enter(1, 1_000, PRICE, None);
    assert_eq!(hedged.trigger_e8, i64::MAX);
}

/// Catches: a law that holds whatever happens. Each is broken once by hand.
#[test]
fn laws_hold_through_trades_closes_and_deleveraging_and_are_noticed_when_broken() {
    for listing in [&LINEAR, &INVERSE] {
        let lots = 1_000_000;
        let mut people = crowd(listing, lots);
        let mut open = [lots, lots];
        assert_eq!(people.broken_law(open, PRICE), None, "{}", listing.symbol);
        (0..2).for_each(|side| people.open(side, 500, PRICE / 100 * 99));
        (0..2).for_each(|side| people.close(side, 7_000, PRICE / 100 * 98));
        open = open.map(|lots| lots + 500 - 7_000);
        assert_eq!(people.broken_law(open, PRICE / 100 * 97), None);

        let mark = PRICE / 100 * 94;
        people.margin_call(mark);
        assert!(people.waiting()[0] > 0 && people.waiting()[1] == 0, "a fall ends longs");
        assert!(people.positions(0).iter().all(|p| p.trigger_e8 < mark));
        let mut deleveraged = 0;
        while let Some(claim) = people.claim(2_000) {
            // The book is gone: 8 % below the mark.
            let price = mark / 100 * 92;
            if people.affords(&claim, price) {
                people.forced(claim.lots, price);
                people.close(1, claim.lots, price); // who bought
                open = open.map(|lots| lots - claim.lots);
            } else {
                let closed = people.deleverage(claim.lots, mark);
                deleveraged += closed;
                open = open.map(|lots| lots - closed);
            }
            assert_eq!(people.broken_law(open, mark), None, "{}", listing.symbol);
        }
        assert!(deleveraged > 0, "{}", listing.symbol);
        assert_eq!(people.waiting(), [0, 0]);

        assert_eq!(
            people.broken_law([open[0] + 1, open[1]], mark),
            Some("positions do not sum to open interest")
        );
        people.purse.fees += 1;
        assert_eq!(people.broken_law(open, mark), Some("money was made or lost"));
        people.purse.fees += people.purse.fund + 4;
        people.purse.fund = -5;
        assert_eq!(people.broken_law(open, mark), Some("the insurance fund is in debt"));
    }
}

/// Catches: deleveraging that leaves or takes a remainder, or that closes the wrong people.
#[test]
fn deleveraging_closes_the_most_profitable_at_the_bankruptcy_price() {
    let mut people = crowd(&LINEAR, 1_000_000);
    let mark = PRICE / 100 * 90;
    people.margin_call(mark);
    let claim = people.claim(50).unwrap();
    let each = worth(LINEAR.unit, mark);
    let best = people.positions(1).iter().map(|p| rank(p, 1, each)).fold(f64::MIN, f64::max);
    let is_there =
        |people: &Crowd| people.positions(1).iter().any(|p| rank(p, 1, each) >= best * (1.0 - 1e-9));
    let free = |people: &Crowd| people.positions(1).iter().map(|p| p.lots).sum::<i64>();
    let (fund, before) = (people.purse.fund, free(&people));
    assert!(is_there(&people));
    assert_eq!(people.deleverage(claim.lots, mark), claim.lots);
    assert_eq!((people.purse.fund, before - free(&people)), (fund, claim.lots), "the fund takes no part");
    assert!(rank(&people.sides[1][0], 1, each) <= best);
}

/// Catches: people who would have been closed before the start, and a side that is all alike.
#[test]
fn people_are_alive_and_differ_in_leverage_and_entry() {
    let people = crowd(&LINEAR, 10_000_000);
    for side in 0..SIDES {
        let own = people.positions(side);
        assert_eq!(own.iter().map(|p| p.lots).sum::<i64>(), 10_000_000);
        assert!(own.iter().all(|p| if side == 0 { p.trigger_e8 < PRICE } else { p.trigger_e8 > PRICE }));
        let hedged = own.iter().filter(|p| p.trigger_e8 == out_of_reach(side)).count();
        assert!((50..900).contains(&hedged), "{hedged}");
        let mut entries: Vec<i128> = own.iter().map(|p| p.cost / i128::from(p.lots)).collect();
        entries.sort_unstable();
        entries.dedup();
        assert!(entries.len() > 50, "{}", entries.len());
    }
}

/// Catches: a small leveraged newcomer whose liquidation price becomes that of the hedged position it joins.
#[test]
fn newcomers_do_not_pull_a_hedge_into_reach() {
    let mut people = crowd(&LINEAR, 10_000_000);
    let hedged = |people: &Crowd| -> i64 {
        people.positions(1).iter().filter(|p| p.trigger_e8 == i64::MAX).map(|p| p.lots).sum()
    };
    let before = hedged(&people);
    (0..500).for_each(|_| people.open(1, 1, PRICE));
    assert!(before > 1_000_000 && hedged(&people) >= before, "{before} {}", hedged(&people));
}
