//! The book against a naive ordered map, under random and hostile level streams.

use std::collections::BTreeMap;

use super::*;

/// The simplest book there is: decimal text would do, trimmed numbers do as well.
#[derive(Default)]
struct Naive {
    bids: BTreeMap<Num, Num>,
    asks: BTreeMap<Num, Num>,
}

impl Naive {
    fn update(&mut self, bids: &[Level], asks: &[Level]) {
        for (side, levels) in [(&mut self.bids, bids), (&mut self.asks, asks)] {
            for level in levels {
                if level.size.is_zero() {
                    side.remove(&level.price);
                } else {
                    side.insert(level.price, level.size);
                }
            }
        }
    }

    fn check(&self, book: &Book) {
        let bids: Vec<_> = self.bids.iter().rev().map(|(p, s)| (*p, *s)).collect();
        let asks: Vec<_> = self.asks.iter().map(|(p, s)| (*p, *s)).collect();
        assert_eq!(book.top(BookSide::Bid, usize::MAX >> 1), bids);
        assert_eq!(book.top(BookSide::Ask, usize::MAX >> 1), asks);
        assert_eq!(book.len(BookSide::Bid), bids.len());
        let (scale, size_scale) = book.scales();
        let mantissa = |n: &Num| n.at_scale(scale).unwrap();
        assert_eq!(book.best(BookSide::Ask).map(|b| b.0), asks.first().map(|l| mantissa(&l.0)));
        assert_eq!(book.best(BookSide::Bid).map(|b| b.0), bids.first().map(|l| mantissa(&l.0)));
        assert_eq!(book.worst(BookSide::Bid), bids.last().map(|l| mantissa(&l.0)));
        assert_eq!(book.worst(BookSide::Ask), asks.last().map(|l| mantissa(&l.0)));
        // Depth at three limits, recomputed level by level.
        for (side, levels, sign) in [(BookSide::Bid, &bids, -1), (BookSide::Ask, &asks, 1)] {
            let Some((best, _)) = levels.first() else { continue };
            let limits = [5, 700, 60_000].map(|d| mantissa(best) + sign * d);
            for (limit, depth) in limits.iter().zip(book.depth(side, &limits)) {
                let mut expected = Depth::default();
                for (p, s) in levels {
                    if mantissa(p) * sign <= limit * sign {
                        expected.add(mantissa(p), s.at_scale(size_scale).unwrap());
                    }
                }
                assert_eq!(depth, expected, "{side:?} up to {limit}");
            }
        }
    }
}

struct Rng(u64);

impl Rng {
    fn next(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }
}

fn level(price: i64, scale: u8, size: i64, size_scale: u8) -> Level {
    Level { price: Num::new(price, scale), size: Num::new(size, size_scale) }
}

/// Random levels around a wandering touch, some far away, some finer than before.
fn random_side(rng: &mut Rng, touch: i64, sign: i64, n: u64) -> Vec<Level> {
    (0..n)
        .map(|_| {
            let away = match rng.next(10) {
                0 => rng.next(200_000) as i64,
                1..=3 => rng.next(20_000) as i64,
                _ => rng.next(600) as i64,
            };
            let size = if rng.next(3) == 0 { 0 } else { 1 + rng.next(1_000_000) as i64 };
            level((touch + sign * away).max(1), 1, size, 3)
        })
        .collect()
}

#[test]
fn deep_and_shallow_books_equal_the_naive_map() {
    for seed in 1..=12u64 {
        let mut rng = Rng(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let (mut book, mut naive) = (Book::default(), Naive::default());
        let mut touch = 600_000i64;
        let burst = if seed % 2 == 0 { 60 } else { 6 };
        for step in 0..600 {
            touch += rng.next(400) as i64 - 200;
            if rng.next(100) == 0 {
                touch += rng.next(60_000) as i64 - 30_000; // a jump beyond the window
            }
            let (n, m) = (rng.next(burst), rng.next(burst));
            let bids = random_side(&mut rng, touch - 1, -1, n);
            let asks = random_side(&mut rng, touch + 1, 1, m);
            if rng.next(150) == 0 {
                naive = Naive::default();
                book.replace(&bids, &asks).unwrap();
                naive.update(&bids, &asks);
            } else {
                book.update(&bids, &asks).unwrap();
                naive.update(&bids, &asks);
            }
            if step % 20 == 0 {
                naive.check(&book);
            }
        }
        naive.check(&book);
    }
}

#[test]
fn finer_numbers_widen_the_book_without_loss() {
    let (mut book, mut naive) = (Book::default(), Naive::default());
    for (scale, size_scale) in [(0, 0), (2, 1), (1, 4), (5, 4)] {
        let bids: Vec<_> = (1..900).map(|i| level(1_000_000 - i * 7, scale, i, size_scale)).collect();
        let asks: Vec<_> = (1..900).map(|i| level(1_000_000 + i * 7, scale, i, size_scale)).collect();
        book.update(&bids, &asks).unwrap();
        naive.update(&bids, &asks);
        let trimmed = |m: &BTreeMap<Num, Num>| m.iter().map(|(p, s)| (*p, *s)).collect::<Vec<_>>();
        assert_eq!(book.top(BookSide::Ask, 100_000), trimmed(&naive.asks), "scale {scale}");
    }
}

#[test]
fn numbers_that_do_not_fit_are_refused() {
    let mut book = Book::default();
    book.update(&[level(i64::MAX / 2, 0, 1, 0)], &[]).unwrap();
    assert_eq!(book.update(&[level(1, 18, 1, 0)], &[]), Err(Unusable));
}

#[test]
fn trailing_zeros_do_not_thin_the_window() {
    let mut book = Book::default();
    book.replace(&[level(6_180_020, 2, 2_909, 3)], &[level(6_180_030, 2, 1, 3)]).unwrap();
    assert_eq!(book.scales(), (1, 3));
    assert_eq!(book.best(BookSide::Bid), Some((618_002, 2_909)));
}

#[test]
fn a_snapshot_replaces_everything() {
    let mut book = Book::default();
    let deep: Vec<_> = (1..1_000).map(|i| level(i, 0, 1, 0)).collect();
    book.update(&deep, &[]).unwrap();
    book.replace(&[level(5, 0, 7, 0)], &[]).unwrap();
    assert_eq!(book.top(BookSide::Bid, 9), vec![(Num::new(5, 0), Num::new(7, 0))]);
    assert_eq!(book.best(BookSide::Ask), None);
}
