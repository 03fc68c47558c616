//! The map: a grid per metric that has a figure per venue and underlying, the same as venues book it, and how
//! one becomes the other. METRICS.md §4. Reads only.

use rust_decimal::prelude::ToPrimitive;

use super::Engine;
use super::alarm::worst;
use super::consensus::bps;
use super::history::{LINE_STEP_S, part_of};
use super::listing::Listing;
use super::metric::{Bad, Input, METRICS, NONE, Over, Part, Row, Scope, Table, find};
use crate::model::event::Channel;
use crate::model::time::MS;
use crate::model::venue::Report;
use crate::snapshot::{Ask, BookState, Cell, CellState, Figure, Grid, Line, Quality};

/// Metrics that compare with other venues: without these there is no consensus.
const COMPARED: [&str; 4] = ["mid_gap_bps", "mid_gap_bps_10s", "mark_gap_bps", "index_gap_bps"];
/// What may have been liquidated, and what was seen of it.
const LIQUIDATIONS: (&str, &str) = ("model", "observed");

/// One instrument that stands for a venue in an underlying.
#[derive(Clone, Copy)]
struct Place<'a> {
    underlying: u16,
    venue: u16,
    symbol: u32,
    listing: &'a Listing,
}

/// A metric as each venue books it.
struct Booked {
    metric: &'static str,
    title: &'static str,
    unit: &'static str,
    cap: f64,
    part: &'static str,
    /// Value of a cell, given the comparable one.
    value: fn(&Engine, Place<'_>, Option<f64>) -> Option<f64>,
}

static BOOKED: [Booked; 4] = [
    Booked {
        metric: "mid_gap_bps",
        title: "gap as quoted",
        unit: "bps",
        cap: 25.0,
        part: "",
        value: |engine, place, gap| Some(gap? - engine.currency_bps(place)?),
    },
    Booked {
        metric: "funding_apr",
        title: "funding as booked",
        unit: "bps_per_interval",
        cap: 10.0,
        part: "",
        value: |engine, place, _| Some(engine.funding_of(place)?.rate * 1e4),
    },
    Booked {
        metric: "oi_usd",
        title: "open interest as reported",
        unit: "own units",
        cap: 1e6,
        part: "",
        // Only while the comparable one is there: an old statement is no present figure.
        value: |_, place, usd| usd.and(place.listing.ticker.open_interest)?.to_f64(),
    },
    Booked {
        metric: "liq_rate_usd_min",
        title: "liquidations as seen",
        unit: "usd_per_min",
        cap: 1e6,
        part: LIQUIDATIONS.1,
        value: |_, _, observed| observed,
    },
];

/// The row of the cell, else of its representative, else of the first instrument that has one.
fn row<'t>(table: &'t Table, place: Place<'_>, part: Part) -> Option<&'t Row> {
    let Place { underlying, venue, symbol, .. } = place;
    let of = |scope: Scope| table.row(scope.part(part));
    of(Scope::cell(underlying, venue)).or_else(|| of(Scope::instrument(underlying, venue, symbol))).or_else(
        || {
            let key = |r: &Row| (r.scope.underlying, r.scope.venue);
            let from = table.rows().partition_point(|r| key(r) < (underlying, venue));
            let rows = table.rows().get(from..)?.iter().take_while(|r| key(r) == (underlying, venue));
            rows.into_iter().find(|r| r.scope.peer == NONE && r.scope.part == part)
        },
    )
}

impl Engine {
    /// A grid per metric that the map can show, those made for it first. Cells are filled for the asked one,
    /// and for those made for the map when none is asked for: all of them ten times a second would cost more
    /// than the tick.
    pub(super) fn grids(&self, columns: &[u16], asked: &str) -> Vec<Grid> {
        let mut grids = Vec::new();
        for is_own in [true, false] {
            for (metric, table) in METRICS.iter().zip(&self.tables) {
                let card = metric.card();
                if !card.is_mapped() || card.map_cap.is_some() != is_own {
                    continue;
                }
                let is_filled = card.id == asked || (is_own && asked.is_empty());
                let part = if is_filled { part_of(card.id, table) } else { Part::Whole };
                let cell = |place: Place<'_>| {
                    let row = row(table, place, part);
                    let value = row.and_then(|r| r.value);
                    let old = row.and_then(|r| table.last(r.scope)).map(|last| last.0);
                    self.cell(place, row, (value, old), card.id)
                };
                grids.push(Grid {
                    metric: card.id,
                    title: card.title,
                    unit: card.unit.word(),
                    is_signed: card.bad == Bad::Both,
                    cap: card.cap(),
                    part: part.word(),
                    cells: if is_filled { self.cells(columns, cell) } else { Vec::new() },
                });
            }
        }
        grids
    }

    /// The metrics that venues book in ways of their own; cells for the asked one.
    pub(super) fn booked(&self, columns: &[u16], asked: &str) -> Vec<Grid> {
        let grid = |form: &Booked| {
            let at = find(form.metric)?;
            let (card, table) = (METRICS.get(at)?.card(), self.tables.get(at)?);
            let part = if form.part.is_empty() { Part::Whole } else { Part::Named(form.part) };
            let cell = |place: Place<'_>| {
                let row = row(table, place, part);
                let value = (form.value)(self, place, row.and_then(|r| r.value));
                // The last comparable value is not the last booked one.
                self.cell(place, row, (value, None), card.id)
            };
            Some(Grid {
                metric: card.id,
                title: form.title,
                unit: form.unit,
                is_signed: card.bad == Bad::Both,
                cap: form.cap,
                part: form.part,
                cells: if card.id == asked { self.cells(columns, cell) } else { Vec::new() },
            })
        };
        BOOKED.iter().filter_map(grid).collect()
    }

    /// Cells row by row; a cell without an instrument is not listed.
    fn cells(&self, columns: &[u16], cell: impl Fn(Place<'_>) -> Cell) -> Vec<Cell> {
        let places = self.order.iter().flat_map(|v| columns.iter().map(move |u| (*v, *u)));
        places.map(|(v, u)| self.place(v, u).map_or_else(Cell::default, &cell)).collect()
    }

    fn place(&self, venue: u16, underlying: u16) -> Option<Place<'_>> {
        let (symbol, listing) = self.market.head(venue, underlying)?;
        Some(Place { underlying, venue, symbol, listing })
    }

    /// A cell: its value now, and the last one there was.
    fn cell(
        &self,
        place: Place<'_>,
        row: Option<&Row>,
        (value, old): (Option<f64>, Option<f64>),
        metric: &str,
    ) -> Cell {
        let head = place.listing;
        let last = head.beat(Channel::Book).last();
        let age_ms = last.map_or(0, |l| self.now.at.since(l).max(0) / MS);
        let is_halted = head.def.is_some() && !head.is_open();
        let state = match (head.figures.state, value) {
            _ if is_halted => CellState::Halted,
            (BookState::Stale | BookState::Dead, _) => CellState::Stale,
            (BookState::Resyncing, _) => CellState::Resync,
            (BookState::Synced, None) if COMPARED.contains(&metric) => CellState::NoConsensus,
            (BookState::Synced, _) => CellState::Value,
        };
        let mut alert = None;
        for (scope, open) in self.alarm.open() {
            let is_here = scope.venue == place.venue && scope.underlying == place.underlying;
            if is_here && open.subject.metric == metric {
                alert = worst(alert, open.severity);
            }
        }
        let shown = if state == CellState::Value { value } else { old };
        Cell { state, value: shown, quality: row.map_or(Quality::Missing, |r| r.quality), alert, age_ms }
    }

    /// What the quote currency adds to a gap of prices, in bps.
    fn currency_bps(&self, place: Place<'_>) -> Option<f64> {
        Some(bps(self.market.usd(place.listing.quote_currency)?.0, 1.0))
    }

    fn funding_of(&self, place: Place<'_>) -> Option<super::funding::Rate> {
        self.market.funding(place.venue, place.listing, self.now.at).0
    }

    /// The pinned metrics over the last hour, of the underlying that is looked at.
    pub(super) fn lines(&self, ask: &Ask) -> Vec<Line> {
        let name = ask.cell.as_ref().map_or("", |cell| cell.1.as_str());
        let underlying = self.market.underlying_of(name).unwrap_or(NONE);
        let line = |id: &String| {
            let at = find(id)?;
            let card = METRICS.get(at)?.card();
            let (points, is_market) = self.history.line(u16::try_from(at).ok()?, underlying);
            let has = |over| card.scopes.contains(&over);
            let of = match (is_market, has(Over::Underlying), has(Over::Global)) {
                (false, true, _) | (true, _, true) => "",
                (false, false, _) => "worst of ",
                (true, ..) => "worst venue",
            };
            Some(Line {
                metric: card.id,
                title: card.title,
                unit: card.unit.word(),
                of,
                underlying: if is_market { String::new() } else { name.to_string() },
                is_own: card.inputs.contains(&Input::Account),
                step_ms: LINE_STEP_S * 1_000,
                points,
            })
        };
        ask.pins.iter().filter_map(line).collect()
    }

    /// From a metric as the venue books it to what is compared, step by step; empty where both are one.
    pub(super) fn split(&self, venue: u16, underlying: u16, metric: &str) -> Vec<Figure> {
        let place = self.place(venue, underlying);
        let form = BOOKED.iter().find(|b| b.metric == metric);
        let table = find(metric).and_then(|at| self.tables.get(at));
        let (Some(place), Some(form), Some(table)) = (place, form, table) else { return Vec::new() };
        let read = |part| {
            let row = row(table, place, part);
            (row.and_then(|r| r.value), row.map_or(Quality::Missing, |r| r.quality))
        };
        let figure = |label, (value, quality), unit| Figure {
            metric: form.metric,
            label,
            value,
            unit,
            quality: if value.is_none() { Quality::Missing } else { quality },
        };
        let exact = |value| (value, Quality::Ok);
        let whole = read(Part::Whole);
        let booked = (form.value)(self, place, whole.0);
        match metric {
            "mid_gap_bps" => vec![
                figure("as quoted", (booked, whole.1), "bps"),
                figure("currency", (self.currency_bps(place), whole.1), "bps"),
                figure("normalised", whole, "bps"),
            ],
            "funding_apr" => {
                let rate = self.funding_of(place);
                vec![
                    figure("as booked", exact(booked), form.unit),
                    figure("interval", exact(rate.map(|r| r.hours)), "h"),
                    figure("normalised", exact(rate.map(|r| r.eq8() * 1e4)), "bps_per_8h"),
                    figure("simple", whole, "apr"),
                ]
            }
            "oi_usd" => {
                let def = place.listing.def.as_ref();
                let unit = def.map_or("", |d| d.oi_unit.word());
                vec![
                    figure("as reported", exact(booked), unit),
                    figure("sides", exact(def.map(|d| f64::from(d.oi_sides.max(1)))), "count"),
                    figure("normalised", whole, "usd"),
                ]
            }
            _ => {
                // The venue says so before it has shown any.
                let slot = self.market.venues.get(usize::from(venue));
                let report = slot.and_then(|s| s.cadence.get(Channel::Liquidation as usize)?.report);
                let seen = match report.map(Report::is_throttled) {
                    Some(true) => "seen, floor",
                    Some(false) => "seen, all",
                    None => "seen",
                };
                vec![
                    figure(seen, read(Part::Named(LIQUIDATIONS.1)), form.unit),
                    figure("normalised", read(Part::Named(LIQUIDATIONS.0)), form.unit),
                ]
            }
        }
    }
}
