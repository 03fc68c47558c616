//! Leverage and liquidity of each underlying as plain figures for faces. Reads tables and rules only.

use super::Engine;
use super::margins::LADDER_USD;
use super::metric::{METRICS, Note, Part, Row, Scope, Table, find};
use crate::snapshot::Quality;
use crate::snapshot::markets::{MARGIN_SIZES, Markets, Reading, UnderlyingView, VenueView};

const _: () = assert!(LADDER_USD.len() == MARGIN_SIZES.len());

/// Bands of estimates: P10, P50 and P90 of both sides.
const BANDS: [&str; 6] = ["long_p10", "long_p50", "long_p90", "short_p10", "short_p50", "short_p90"];
/// Low and high ends of simulated figures by direction.
const RANGES: [&str; 6] = ["down", "down_low", "down_high", "up", "up_low", "up_high"];
const FLOORS: [&str; 2] = ["observed", "model"];
const SIDES: [&str; 2] = ["buy", "sell"];

/// Metrics of an underlying over its venues, with the parts shown beside the whole.
const OVER_ALL: [(&str, &[&str]); 24] = [
    ("oi_usd", &[]),
    ("oi_flow_pct_1h", &[]),
    ("leverage_max_bound", &[]),
    ("near_liq_share_2", &BANDS),
    ("near_liq_share_5", &BANDS),
    ("near_liq_share_10", &BANDS),
    ("liq_rate_usd_min", &FLOORS),
    ("critical_shock_pct", &RANGES),
    ("cascade_amplification", &RANGES),
    ("liq_forecast_cover", &[]),
    ("funding_oiw_apr", &[]),
    ("depth_usd_10", &[]),
    ("depth_usd_25", &[]),
    ("depth_usd_50", &[]),
    ("depth_usd_100", &[]),
    ("depth_usd_200", &[]),
    ("hhi_depth", &[]),
    ("n_eff_venues", &[]),
    ("ctt_bps_1m", &SIDES),
    ("fragmentation_cost_bps_1m", &SIDES),
    ("silo_cost_bps_1m", &SIDES),
    ("depth_drop_pct", &[]),
    ("depth_halflife_s", &[]),
    ("ctt_ratio", &[]),
];

/// Metrics of an underlying on one venue: of the cell, else of its representative.
const OF_VENUE: [(&str, &[&str]); 7] = [
    ("oi_usd", &[]),
    ("funding_apr", &[]),
    ("implied_leverage", &BANDS),
    ("near_liq_share_5", &[]),
    ("liq_rate_usd_min", &FLOORS),
    ("spread_bps", &[]),
    ("ctt_bps_1m", &SIDES),
];

/// Depth of a venue is that of all its perpetuals together, as shares and concentration count it.
const DEPTHS: [&str; 5] = ["depth_usd_10", "depth_usd_25", "depth_usd_50", "depth_usd_100", "depth_usd_200"];
/// Depth that shares are made of.
const SHARED_DEPTH: &str = "depth_usd_100";

/// A metric that was found: id, unit, its table, parts to show.
struct Source<'a> {
    id: &'static str,
    title: &'static str,
    unit: &'static str,
    table: &'a Table,
    parts: &'static [&'static str],
}

impl Source<'_> {
    /// Nothing known.
    const fn missing(&self) -> Reading {
        Reading { title: self.title, unit: self.unit, ..Reading::missing(self.id, "") }
    }

    /// The whole, which is missing where there is no row, and the parts there are.
    fn read(&self, scope: Scope, out: &mut Vec<Reading>) {
        out.push(self.table.row(scope).map_or(self.missing(), |row| self.reading("", row)));
        for part in self.parts {
            if let Some(row) = self.table.row(scope.part(Part::Named(part))) {
                out.push(self.reading(part, row));
            }
        }
    }

    fn reading(&self, part: &'static str, row: &Row) -> Reading {
        let old = row.last.map(|l| l.0).filter(|_| row.quality == Quality::Stale);
        let filled = match row.note {
            Note::Insufficient { filled, .. } => Some(filled),
            _ => None,
        };
        Reading {
            metric: self.id,
            title: self.title,
            part,
            value: row.value.or(old),
            unit: self.unit,
            quality: row.quality,
            coverage: row.coverage,
            note: row.note.word(),
            filled,
        }
    }

    /// All instruments of a venue as one.
    fn sum(&self, underlying: u16, venue: u16) -> Reading {
        self.sum_of(underlying, venue).unwrap_or(self.missing())
    }

    fn sum_of(&self, underlying: u16, venue: u16) -> Option<Reading> {
        let is_own = |r: &&Row| r.scope.venue == venue && r.scope.part == Part::Whole;
        let from = self.table.rows().partition_point(|r| r.scope.underlying < underlying);
        let rows = self.table.rows().get(from..)?;
        let rows = || rows.iter().take_while(|r| r.scope.underlying == underlying).filter(is_own);
        let first = self.reading("", rows().next()?);
        let values = rows().filter_map(|r| r.value);
        let value = values.clone().next().map(|_| values.sum());
        let worst = rows().map(|r| r.quality).max().unwrap_or_default();
        let quality = if value.is_some() { worst.min(Quality::Degraded) } else { worst };
        let note = rows().map(|r| r.note.word()).find(|n| !n.is_empty()).unwrap_or_default();
        Some(Reading { value: value.or(first.value), quality, note, ..first })
    }
}

impl Engine {
    /// Figures of the screens Leverage and Liquidity for these underlyings.
    pub(super) fn markets(&self, columns: &[u16]) -> Markets {
        let (all, own) = (self.sources(&OVER_ALL), self.sources(&OF_VENUE));
        let depths = self.sources(&DEPTHS.map(|id| (id, &[][..])));
        let view = |underlying: &u16| {
            let name = self.market.underlyings.get(usize::from(*underlying))?.clone();
            let mut readings = Vec::new();
            all.iter().for_each(|s| s.read(Scope::underlying(*underlying), &mut readings));
            let mut venues: Vec<VenueView> =
                self.order.iter().filter_map(|v| self.venue_view(*underlying, *v, &own, &depths)).collect();
            share(&mut venues, "oi_usd", ("oi_share", "share of open interest"));
            share(&mut venues, SHARED_DEPTH, ("depth_share", "share of depth"));
            readings.extend(together(&venues));
            Some(UnderlyingView { underlying: name, readings, venues })
        };
        Markets { underlyings: columns.iter().filter_map(view).collect() }
    }

    fn sources(&self, list: &[(&str, &'static [&'static str])]) -> Vec<Source<'_>> {
        let source = |(id, parts): &(&str, &'static [&'static str])| {
            let at = find(id)?;
            let card = METRICS.get(at)?.card();
            Some(Source {
                id: card.id,
                title: card.title,
                unit: card.unit.word(),
                table: self.tables.get(at)?,
                parts,
            })
        };
        list.iter().filter_map(source).collect()
    }

    fn venue_view(
        &self,
        underlying: u16,
        venue: u16,
        own: &[Source<'_>],
        depths: &[Source<'_>],
    ) -> Option<VenueView> {
        let (symbol, head) = self.market.head(venue, underlying)?;
        let mut readings = Vec::new();
        for source in own {
            let cell = Scope::cell(underlying, venue);
            let is_there = source.table.row(cell).is_some();
            let scope = if is_there { cell } else { Scope::instrument(underlying, venue, symbol) };
            source.read(scope, &mut readings);
        }
        readings.extend(depths.iter().map(|s| s.sum(underlying, venue)));
        let interest = head.open_interest().map_or(0.0, |o| o.0);
        if let Some(value) = head.margins.as_ref().and_then(|m| m.loosest(interest)) {
            readings.push(derived(("max_leverage", "highest leverage"), "", "x", (value, Quality::Ok, 1.0)));
        }
        let slot = self.market.venues.get(usize::from(venue))?;
        Some(VenueView {
            venue: slot.spec.id.clone(),
            regime: slot.spec.regime.clone(),
            readings,
            leverage: self.market.leverage_of(head).unwrap_or_default(),
            maintenance: self.market.maintenance_of(head).unwrap_or_default(),
        })
    }
}

/// A figure that is no metric of its own: id and title, part, unit, value with its trust and coverage.
fn derived(
    (metric, title): (&'static str, &'static str),
    part: &'static str,
    unit: &'static str,
    (value, quality, coverage): (f64, Quality, f64),
) -> Reading {
    Reading { title, value: Some(value), unit, quality, coverage, ..Reading::missing(metric, part) }
}

/// Adds to each venue its share of the sum over venues with a live value. What is missing is not in the sum,
/// so that the others' shares are then too high: they are degraded.
fn share(venues: &mut [VenueView], of: &'static str, id: (&'static str, &'static str)) {
    let live = |v: &VenueView| v.get(of, "").value.filter(|_| v.get(of, "").quality < Quality::Stale);
    let total: f64 = venues.iter().filter_map(live).sum();
    if total <= 0.0 {
        return;
    }
    let is_whole = venues.iter().all(|v| live(v).is_some());
    for venue in venues {
        let Some(value) = live(venue) else { continue };
        let own = venue.get(of, "").quality;
        let quality = if is_whole { own } else { own.max(Quality::Degraded) };
        venue.readings.push(derived(id, "", "ratio", (value / total, quality, 1.0)));
    }
}

/// Estimated leverage over the venues that have one: the harmonic mean, weighted with open interest, of each
/// bound of the band. Errors of venues are taken to go together, as in the sums of METRICS.md F5, so that the
/// mean of the P10 is the P10 of the mean. The whole is the worse middle.
fn together(venues: &[VenueView]) -> Vec<Reading> {
    let mut quality = Quality::Estimated;
    let (mut interest, mut young) = (0.0, 0.0);
    let mut margin = [0.0; BANDS.len()];
    for venue in venues {
        let open = venue.get("oi_usd", "").value.filter(|oi| *oi > 0.0);
        let band = BANDS.map(|part| venue.get("implied_leverage", part).value.filter(|x| *x > 0.0));
        let (Some(open), true) = (open, band.iter().all(Option::is_some)) else {
            quality = quality.max(Quality::Degraded); // a venue is not in it
            continue;
        };
        let middle = venue.get("implied_leverage", "");
        quality = quality.max(middle.quality);
        interest += open;
        young += open * middle.coverage;
        for (sum, leverage) in margin.iter_mut().zip(band.into_iter().flatten()) {
            *sum += open / leverage;
        }
    }
    if interest <= 0.0 {
        return Vec::new();
    }
    let of = |part, value| {
        derived(("implied_leverage", "implied leverage"), part, "x", (value, quality, young / interest))
    };
    let [long, short] = [interest / margin[1], interest / margin[4]];
    let mut readings = vec![of("", long.max(short))];
    readings.extend(BANDS.into_iter().zip(margin).map(|(part, m)| of(part, interest / m)));
    readings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn venue(interest: Option<f64>, leverage: Option<f64>) -> VenueView {
        let mut readings = Vec::new();
        let reading = |metric, part, value| Reading {
            quality: Quality::Estimated,
            ..derived((metric, metric), part, "x", value)
        };
        readings.extend(interest.map(|oi| reading("oi_usd", "", (oi, Quality::Ok, 1.0))));
        for (part, times) in BANDS.into_iter().zip([0.5, 1.0, 2.0, 0.25, 0.5, 1.0]) {
            let value = leverage.map(|l| (l * times, Quality::Ok, 1.0));
            readings.extend(value.map(|v| reading("implied_leverage", part, v)));
        }
        readings.extend(leverage.map(|l| reading("implied_leverage", "", (l, Quality::Ok, 0.5))));
        VenueView { readings, ..VenueView::default() }
    }

    /// Fault: an arithmetic mean, which lets a small reckless venue outweigh the margin that is there.
    #[test]
    fn leverage_of_several_venues_is_all_interest_over_all_margin() {
        let readings = together(&[venue(Some(100.0), Some(10.0)), venue(Some(100.0), Some(30.0))]);
        let of = |part| readings.iter().find(|r| r.part == part).copied().unwrap();
        // 200 / (100/10 + 100/30)
        assert!((of("").value.unwrap() - 15.0).abs() < 1e-9);
        assert!((of("long_p10").value.unwrap() - 7.5).abs() < 1e-9);
        assert!((of("short_p50").value.unwrap() - 7.5).abs() < 1e-9);
        assert_eq!((of("").quality, of("").coverage), (Quality::Estimated, 0.5));
    }

    /// Fault: a venue that cannot be estimated counts as unlevered, or its absence goes unsaid.
    #[test]
    fn a_venue_without_an_estimate_is_left_out_and_said() {
        let readings = together(&[venue(Some(100.0), Some(10.0)), venue(Some(900.0), None)]);
        assert_eq!((readings[0].value, readings[0].quality), (Some(10.0), Quality::Degraded));
        assert!(together(&[venue(None, Some(10.0)), venue(Some(900.0), None)]).is_empty());
    }

    /// Fault: shares that sum to one over venues of which one is silent, as if it did not exist.
    #[test]
    fn shares_beside_a_silent_venue_are_degraded() {
        let mut venues = [venue(Some(300.0), None), venue(Some(100.0), None), venue(None, None)];
        share(&mut venues, "oi_usd", ("oi_share", ""));
        let read = venues.each_ref().map(|v| v.get("oi_share", ""));
        assert_eq!(read.map(|r| r.value), [Some(0.75), Some(0.25), None]);
        assert_eq!(read[0].quality, Quality::Degraded);
        share(&mut venues[..2], "oi_usd", ("depth_share", ""));
        assert_eq!(venues[0].get("depth_share", "").quality, Quality::Estimated);
    }
}
