//! Runs of a sandbox: all sets of assumptions, all estimates of positions, both ends of unknown funds.

use super::run::{Funds, Outcome, PlaceOutcome, Round, Run};
use super::sandbox::{BANDS, MEDIAN_AT, Sandbox};
use super::scan::{self, Cell, Grid, Scan};
use super::{CENTRAL_AT, Place, SETS, Set, Way};
use crate::snapshot::whatif::{Critical, CurveRow, Own, Range, Run as Shown, Step, StepVenue, VenueRun};

/// Sizes of a scan that are shown, in percent.
const SHOWN_PCT: [f64; 9] = [1.0, 2.0, 3.0, 4.0, 5.0, 7.5, 10.0, 15.0, 20.0];

/// A sandbox with its books as the scenario leaves them.
pub(super) struct Runner<'a> {
    sandbox: &'a Sandbox,
    index: f64,
    places: [Vec<Place>; BANDS],
}

/// One shock in all ways.
struct Played {
    /// Median positions, central set, unknown funds endless.
    mid: Outcome,
    /// All, that one among them.
    all: Vec<Outcome>,
    /// The middle one with funds that never end.
    owed_mid: Outcome,
    /// All with funds that never end.
    owed: Vec<Outcome>,
    rounds: Vec<Round>,
}

impl Played {
    fn range(&self, of: impl Fn(&Outcome) -> f64) -> Range {
        range(of(&self.mid), self.all.iter().map(of))
    }
}

fn range(mid: f64, all: impl Iterator<Item = f64>) -> Range {
    let (mut low, mut high) = (mid, mid);
    for x in all {
        (low, high) = (low.min(x), high.max(x));
    }
    Range { mid, low, high }
}

impl<'a> Runner<'a> {
    pub(super) fn new(sandbox: &'a Sandbox, index: f64, books_left: f64) -> Self {
        let mut places = sandbox.places.clone();
        for place in places.iter_mut().flatten() {
            for side in [&mut place.down, &mut place.up] {
                side.book.iter_mut().for_each(|level| level.qty *= books_left);
            }
        }
        Runner { sandbox, index, places }
    }

    /// The scans of low, median and high positions.
    pub(super) fn scans(&self) -> [Scan; BANDS] {
        std::array::from_fn(|at| Scan::of(self.index, self.places.get(at).map_or(&[], Vec::as_slice)))
    }

    /// F11 over all runs.
    pub(super) fn critical(scans: &[Scan; BANDS], way: Way) -> Critical {
        let all = || {
            let grids = scans.iter().map(move |s| s.grid(way));
            grids.flat_map(|g| (0..SETS.len()).flat_map(move |s| [g.critical(s, false), g.critical(s, true)]))
        };
        let median = scans.get(MEDIAN_AT).map(|s| s.grid(way));
        Critical {
            is_down: way == Way::Down,
            sets: (0..SETS.len()).map(|set| median?.critical(set, false)).collect(),
            low: all().flatten().reduce(f64::min),
            high: all().reduce(|a, b| Some(a?.max(b?))).flatten(),
        }
    }

    /// Rows of a scan.
    pub(super) fn curve(scans: &[Scan; BANDS], way: Way) -> Vec<CurveRow> {
        let row = |pct: f64| {
            let cells = || {
                let grids = scans.iter().map(move |s| s.grid(way));
                grids.flat_map(move |g: &Grid| (0..SETS.len()).filter_map(move |set| g.cell(set, pct)))
            };
            let mid = scans.get(MEDIAN_AT)?.grid(way).cell(CENTRAL_AT, pct)?;
            let both = |of: fn(&Cell) -> scan::Range| {
                range(of(mid).endless, cells().flat_map(|c| [of(c).endless, of(c).empty]))
            };
            Some(CurveRow {
                is_down: way == Way::Down,
                pct,
                amplification: both(|c| c.amplification),
                adl: both(|c| c.adl_usd),
                owed: range(mid.loss_usd, cells().map(|c| c.loss_usd)),
                is_at_least: mid.unfilled > 0.0,
            })
        };
        SHOWN_PCT.into_iter().filter_map(row).collect()
    }

    fn play(&self, way: Way, x: f64, steps: u32) -> Option<Played> {
        let (mut all, mut owed, mut middle) = (Vec::new(), Vec::new(), None);
        for (band, places) in self.places.iter().enumerate() {
            let mut run = Run::new(self.index, places);
            for (at, set) in SETS.iter().enumerate() {
                let set = Set { steps, ..*set };
                let endless = run.shock(way, x, &set, Funds::Endless);
                if (band, at) == (MEDIAN_AT, CENTRAL_AT) {
                    let (mid, rounds) = run.traced(way, x, &set, Funds::UnknownEndless);
                    middle = Some((mid, endless.clone(), rounds));
                }
                owed.push(endless);
                all.push(run.shock(way, x, &set, Funds::UnknownEndless));
                all.push(run.shock(way, x, &set, Funds::UnknownEmpty));
            }
        }
        let (mid, owed_mid, rounds) = middle?;
        Some(Played { mid, all, owed_mid, owed, rounds })
    }

    /// One shock; `x` is a fraction without sign.
    pub(super) fn run(&self, way: Way, x: f64, steps: u32) -> Shown {
        let Some(played) = self.play(way, x, steps) else { return Shown::default() };
        let places = self.places.get(MEDIAN_AT).map_or(&[][..], Vec::as_slice);
        let owed = |o: &Outcome| o.sum(|p| p.shortfall);
        let mut venues = vec![None; self.sandbox.venue_count()];
        for (at, (place, seat)) in places.iter().zip(&self.sandbox.seats).enumerate() {
            if let Some(venue) = venues.get_mut(*seat) {
                *venue = self.venue(&played, at, place);
            }
        }
        let known = places.iter().filter_map(|p| p.fund).sum::<f64>();
        let spent = |o: &Outcome| {
            let both = places.iter().zip(&o.places).filter_map(|(p, out)| Some((p.fund?, out.fund)));
            both.map(|(before, after)| (before - after).max(0.0)).sum::<f64>() / known
        };
        Shown {
            pct: -way.sign() * 100.0 * x,
            index: played.range(|o| o.index),
            amplification: played.range(|o| o.amplification().unwrap_or(0.0)),
            closed: played.range(|o| o.sum(|p| p.liquidated_usd)),
            adl: played.range(|o| o.sum(|p| p.adl_usd)),
            owed: range(owed(&played.owed_mid), played.owed.iter().map(owed)),
            beyond: played.range(|o| self.index * o.sum(|p| p.unfilled)),
            insurance: (known > 0.0).then(|| played.range(spent)),
            venues,
            steps: played.rounds.iter().map(|round| self.step(round)).collect(),
            own: self.sandbox.own.iter().map(|(seat, own)| self.own(&played, way, *seat, own)).collect(),
        }
    }

    fn venue(&self, played: &Played, at: usize, place: &Place) -> Option<VenueRun> {
        let mid = played.mid.places.get(at)?;
        let of = |figure: &dyn Fn(&PlaceOutcome) -> f64| {
            range(figure(mid), played.all.iter().filter_map(|o| o.places.get(at)).map(figure))
        };
        Some(VenueRun {
            closed: of(&|p| p.liquidated_usd),
            interest: of(&|p| -self.index * p.liquidated),
            adl: of(&|p| p.adl_usd),
            fund: match place.fund {
                Some(before) => of(&|p| p.fund - before),
                None => of(&|p| -p.shortfall),
            },
            worst: of(&|p| p.worst),
            is_beyond: mid.unfilled > 0.0,
        })
    }

    fn step(&self, round: &Round) -> Step {
        let rows = round.places.iter().zip(&self.sandbox.seats);
        let busy = rows.filter(|(step, _)| step.triggered > 0.0 || step.filled > 0.0 || step.adl > 0.0);
        let row = |(step, seat): (&super::Step, &usize)| StepVenue {
            venue: *seat,
            triggered: step.triggered * step.mark,
            filled: step.filled * step.price,
            adl: step.adl * step.mark,
            price: step.price,
        };
        Step { from: round.index, to: round.after, venues: busy.map(row).collect() }
    }

    /// An own position: its delta times the move of the index, and whether its mark gets as far as its
    /// liquidation. A mark is worst where index and last fill are.
    fn own(&self, played: &Played, way: Way, seat: Option<usize>, own: &Own) -> Own {
        let at = seat.and_then(|seat| self.sandbox.seats.iter().position(|s| *s == seat));
        let set = SETS.get(CENTRAL_AT).map_or(1.0, |s| s.index_share);
        let is_reached = |o: &Outcome| {
            let worst = at.and_then(|at| o.places.get(at)).map_or(o.index, |p| p.worst);
            let mark = set * o.index + (1.0 - set) * worst;
            let fall_pct = 100.0 * way.sign() * (1.0 - mark / self.index);
            let is_there = |pct: f64| -way.sign() * pct >= 0.0 && fall_pct >= pct.abs();
            own.distance_pct.map_or(own.is_reached, |pct| Some(is_there(pct)))
        };
        let change = |o: &Outcome, delta: f64| delta * (o.index / self.index - 1.0);
        Own {
            change: own.delta.map(|delta| played.range(|o| change(o, delta))),
            is_reached: is_reached(&played.mid),
            is_ever_reached: is_reached(&played.mid)
                .map(|_| played.all.iter().any(|o| is_reached(o) == Some(true))),
            ..own.clone()
        }
    }
}
