//! What the index says while a venue is lost: losing data never looks like calm without a word.
//! METRICS.md §7 and §12.
#![expect(clippy::unwrap_used, reason = "a broken helper is a failed test")]

#[path = "room/market.rs"]
mod market;

use faultline::engine::Engine;
use faultline::engine::index::members::Sub;
use faultline::engine::metric::{Row, Scope, find};
use faultline::model::entry::{ConnIx, Control};
use faultline::model::time::SECOND;
use market::{Dice, Market, START, STORY, VENUES, engine};

/// Seconds without a venue, longer than anything is held; seconds until it counts again.
const LOST: i64 = 150;
const BACK: i64 = 120;
/// Seconds after which silence is noticed.
const NOTICED: i64 = 30;
/// Points by which two indices of the same market may differ: one of them has another past.
const NOISE: f64 = 1.0;

/// How a venue is lost.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Loss {
    /// Its sockets stay and say nothing.
    Silent,
    /// Its connection closes.
    Closed,
}

fn row(engine: &Engine) -> Row {
    *engine.tables()[find("faultline_index").unwrap()].row(Scope::GLOBAL).unwrap()
}

/// Both engines hear the same market; one loses a venue now and then.
struct Pair {
    kept: Engine,
    lost: Engine,
    market: Market,
    n: i64,
}

impl Pair {
    /// A second, without a venue on one side.
    fn second(&mut self, without: Option<u16>) {
        self.n += 1;
        let hears = |venue: u16| Some(venue).filter(|venue| Some(*venue) != without);
        let hearers = &mut [(&mut self.kept, &Some as &dyn Fn(u16) -> Option<u16>), (&mut self.lost, &hears)];
        self.market.second(self.n, hearers);
    }

    /// What a lost venue takes from the index at this second, in points; `None` where a worse quality says so.
    fn fall(&self, venue: u16) -> Option<f64> {
        let (kept, lost) = (row(&self.kept), row(&self.lost));
        assert!(
            lost.quality >= kept.quality,
            "{venue}: less data gave {:?} of {:?}",
            lost.quality,
            kept.quality
        );
        let (Some(whole), Some(part)) = (kept.value, lost.value.filter(|_| lost.quality == kept.quality))
        else {
            assert!(lost.quality > kept.quality, "{venue}: no value and no word");
            return None;
        };
        let told = |engine: &Engine| *engine.market().index.market().unwrap();
        let scores = told(&self.kept).y.into_iter().zip(told(&self.lost).y);
        let lower = Sub::ALL.iter().zip(scores).filter(|(_, (kept, lost))| lost < kept);
        let weights: f64 = lower.map(|(sub, _)| 100.0 * sub.weight()).sum();
        assert!(whole - part <= weights + NOISE, "{venue}: {whole} became {part}, {weights} may go");
        Some(whole - part)
    }
}

/// Catches: a venue that takes its stress with it and leaves calm: readings that vanish instead of being
/// held, weights that shrink with what is lost, a quality that gets better with less data.
#[test]
fn a_lost_venue_never_lowers_the_index_by_more_than_a_sub_index_weighs() {
    let mut dice = Dice(7);
    let strain = VENUES.map(|_| dice.next());
    let market = Market::new(11, strain);
    let mut pair = Pair { kept: engine(&VENUES), lost: engine(&VENUES), market, n: 0 };
    // An hour of past that several members need, and some minutes.
    (0..STORY).for_each(|_| pair.second(None));
    let heaviest = Sub::ALL.iter().map(|sub| 100.0 * sub.weight()).fold(0.0, f64::max);
    for (venue, id) in (0..).zip(VENUES) {
        let loss = if venue % 2 == 0 { Loss::Silent } else { Loss::Closed };
        let before = row(&pair.lost);
        assert!(before.value.is_some_and(|value| value > 10.0), "there is stress to lose: {before:?}");
        let at = START.plus(pair.n * SECOND);
        if loss == Loss::Closed {
            let closed = Control::Closed { reason: "gone".into(), retry_ms: 0 };
            pair.lost.control(ConnIx(venue), at, &closed);
        }
        let (mut worst, mut silent) = (f64::MIN, 0);
        for second in 0..LOST {
            pair.second(Some(venue));
            match pair.fall(venue) {
                Some(fall) => worst = worst.max(fall),
                None => silent += 1,
            }
            if second >= NOTICED {
                let (kept, lost) = (row(&pair.kept).coverage, row(&pair.lost).coverage);
                assert!(lost < kept, "{id} is gone and coverage is {lost} of {kept}");
            }
        }
        println!(
            "{id} {loss:?} of {:.1}: at most {worst:.2} less, {silent} s told by quality",
            before.value.unwrap()
        );
        assert!(worst <= heaviest, "{id}: the index fell by {worst}");
        if loss == Loss::Closed {
            let at = START.plus(pair.n * SECOND);
            pair.lost.control(ConnIx(venue), at, &Control::Opened { reconnects: 1 });
        }
        pair.market.strain = VENUES.map(|_| dice.next());
        if venue >= 2 {
            // From here on the next one has nearly all of the stress.
            pair.market.strain.iter_mut().for_each(|strain| *strain *= 0.2);
            pair.market
                .strain
                .iter_mut()
                .skip(usize::from(venue) + 1)
                .take(1)
                .for_each(|strain| *strain = 1.0);
        }
        (0..BACK).for_each(|_| pair.second(None));
    }
}
