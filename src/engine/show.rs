//! The engine's state as a snapshot for faces. Reads only.

use super::Engine;
use super::book::BookSide;
use super::health::VenueHealth;
use super::metric::{METRICS, NO_SYMBOL, NONE, Part, Row, Scope, find};
use super::rulebook::feed::SOURCE;
use super::rulebook::state::Change;
use super::venue::Venue;
use crate::model::Decimal;
use crate::model::alert::{Alert, AlertState, Severity};
use crate::model::event::Channel;
use crate::model::instrument::SizeUnit;
use crate::model::time::{MS, SECOND};
use crate::snapshot::rules::Rules;
use crate::snapshot::{
    Ask, BookState, BookView, FeedRow, FeedState, Figure, Focus, Markets, Mode, Quality, Snapshot,
    SummaryRow, SummaryValue, VenueRow,
};

/// Levels per side in a drill-down.
const BOOK_LEVELS: usize = 20;
/// Changes of rules shown.
const CHANGES_SHOWN: usize = 50;
/// Resolved alerts shown.
const RESOLVED_SHOWN: usize = 50;
/// Figures of a cell beside the map's own metric: metric id and label.
const CELL_FIGURES: [(&str, &str); 6] = [
    ("spread_bps", "spread"),
    ("depth_usd_10", "depth 10"),
    ("depth_usd_100", "depth 100"),
    ("depth_imbalance", "imbalance"),
    ("oi_usd", "OI"),
    ("oi_base", "OI base"),
];
/// Figures under the map, by metric id.
const SUMMARY: [&str; 7] =
    ["price_dispersion_bps", "oi_usd", "hhi_depth", "hhi_volume", "hhi_oi", "n_eff_venues", "coverage"];

impl Engine {
    /// Everything a face may show, as of the newest tick.
    pub fn snapshot(&self, mode: Mode, ask: &Ask) -> Snapshot {
        let columns = self.columns();
        Snapshot {
            at: self.now.at,
            seq: self.now.seq,
            mode,
            is_synthetic: mode == Mode::Demo,
            venues: self.order.iter().filter_map(|v| self.venue_row(*v)).collect(),
            underlyings: columns
                .iter()
                .filter_map(|u| self.market.underlyings.get(usize::from(*u)).cloned())
                .collect(),
            grids: self.grids(&columns, &ask.metric),
            unmapped: METRICS
                .iter()
                .map(|m| m.card())
                .filter(|c| !c.is_mapped())
                .map(|c| (c.id, c.title))
                .collect(),
            booked: self.booked(&columns, &ask.metric),
            summary: SUMMARY.iter().filter_map(|id| self.summary_row(id, &columns)).collect(),
            markets: self.pages(&columns, ask),
            alerts: self.alerts(),
            mutes: self.alarm.mutes().cloned().collect(),
            feeds: self.order.iter().flat_map(|v| self.feed_rows(*v)).collect(),
            portfolio: if ask.pages.portfolio { self.portfolio() } else { None },
            focus: ask.cell.as_ref().and_then(|cell| self.focus(cell, &ask.metric)),
            lines: self.lines(ask),
            rules: self.rules(&ask.lens),
            whatif: crate::snapshot::whatif::Shown::default(), // runs beside the engine
            explained: ask.explain.as_ref().and_then(|about| self.explained(about)),
            evidence: ask.evidence.as_ref().and_then(|about| self.evidence(about)),
            kept: ask.alert.as_ref().and_then(|id| self.taps.kept(id)),
            feed: self.feed_detail(&ask.feed),
            recordings: std::sync::Arc::default(), // beside the engine, as what-if runs
            log: if ask.pages.log { self.taps.log().cloned().collect() } else { Vec::new() },
            totals: self.totals,
        }
    }

    /// Figures of all underlyings, of the asked cell's alone, or none.
    fn pages(&self, columns: &[u16], ask: &Ask) -> Markets {
        let asked = ask.cell.as_ref().and_then(|cell| self.market.underlying_of(&cell.1));
        match (ask.pages.markets, ask.pages.market, asked) {
            (true, ..) => self.markets(columns),
            (false, true, Some(underlying)) => self.markets(&[underlying]),
            _ => Markets::default(),
        }
    }

    fn rules(&self, lens: &str) -> Rules {
        let rules = &self.market.rules;
        let change = |c: &Change| {
            let (venue, listing) =
                (self.market.venues.get(usize::from(c.venue)), self.market.listing(c.venue, c.symbol));
            crate::snapshot::rules::Change {
                at: c.at,
                venue: venue.map(|v| v.spec.id.clone()).unwrap_or_default(),
                instrument: listing.map(|l| l.name.clone()).unwrap_or_default(),
                old: c.old.clone(),
                new: c.new.clone(),
                doublings: c.doublings,
                source: SOURCE,
            }
        };
        Rules {
            page: rules.page.clone(),
            changes: rules.changes.iter().rev().take(CHANGES_SHOWN).map(change).collect(),
            lens: (!lens.is_empty()).then(|| self.seen_from(lens)),
        }
    }

    /// Underlyings that some venue trades, largest open interest first, then by name.
    pub(super) fn columns(&self) -> Vec<u16> {
        let interest = |u: u16| self.value("oi_usd", Scope::underlying(u)).unwrap_or(0.0);
        let name = |u: u16| self.market.underlyings.get(usize::from(u));
        let mut columns: Vec<u16> = (0..self.market.underlyings.len() as u16)
            .filter(|u| (0..self.market.venues.len() as u16).any(|v| self.is_watched(v, *u)))
            .collect();
        columns.sort_by(|a, b| interest(*b).total_cmp(&interest(*a)).then_with(|| name(*a).cmp(&name(*b))));
        columns
    }

    fn is_watched(&self, venue: u16, underlying: u16) -> bool {
        self.market.head(venue, underlying).is_some_and(|(_, l)| l.conn.is_some())
    }

    fn row(&self, metric: &str, scope: Scope) -> Option<&Row> {
        self.tables.get(find(metric)?)?.row(scope)
    }

    fn value(&self, metric: &str, scope: Scope) -> Option<f64> {
        self.row(metric, scope)?.value
    }

    fn venue_row(&self, venue: u16) -> Option<VenueRow> {
        let slot = self.market.venues.get(usize::from(venue))?;
        Some(VenueRow {
            id: slot.spec.id.clone(),
            short: slot.spec.short.clone(),
            regime: slot.spec.regime.clone(),
            state: self.venue_state(venue, slot),
        })
    }

    /// The worst of the connections, then of the books, then of the channels.
    fn venue_state(&self, venue: u16, slot: &Venue) -> FeedState {
        let conns = || self.market.conns.values().filter(|c| c.venue == venue && c.is_market());
        if conns().next().is_none() {
            return FeedState::Down;
        }
        if conns().any(|c| !c.is_up) {
            return FeedState::Reconnecting;
        }
        let books = || slot.listings.iter().filter(|l| l.conn.is_some());
        if books().any(|l| l.figures.state == BookState::Stale) {
            return FeedState::Stale;
        }
        if books().any(|l| l.figures.state != BookState::Synced) {
            return FeedState::Gap;
        }
        FeedState::Ok
    }

    fn summary_row(&self, id: &str, columns: &[u16]) -> Option<SummaryRow> {
        let at = find(id)?;
        let (card, table) = (METRICS.get(at)?.card(), self.tables.get(at)?);
        let value = |u: &u16| match table.row(Scope::underlying(*u)) {
            Some(row) => SummaryValue { value: row.value, quality: row.quality },
            None => SummaryValue::default(),
        };
        let values = columns.iter().map(value).collect();
        Some(SummaryRow { metric: card.id, title: card.title, unit: card.unit.word(), values })
    }

    /// Open alerts by severity and age, then resolved ones, newest first.
    fn alerts(&self) -> Vec<Alert> {
        let mut open: Vec<Alert> =
            self.alarm.open().map(|(_, a)| a).chain(self.alarm.waiting()).cloned().collect();
        let rank = |a: &Alert| (std::cmp::Reverse(a.severity), a.state == AlertState::Acked, a.raised_at);
        open.sort_by(|a, b| rank(a).cmp(&rank(b)).then_with(|| a.id.cmp(&b.id)));
        open.extend(self.alarm.resolved().iter().rev().take(RESOLVED_SHOWN).cloned());
        open
    }

    fn feed_rows(&self, venue: u16) -> Vec<FeedRow> {
        let Some(slot) = self.market.venues.get(usize::from(venue)) else { return Vec::new() };
        let state = self.venue_state(venue, slot);
        let channels = Channel::ALL.into_iter().filter(|c| c.is_market());
        let mut rows: Vec<FeedRow> = channels
            .filter(|c| slot.health.of(*c).beat.last().is_some())
            .map(|c| self.feed_row(slot, c, self.channel_state(venue, c, state)))
            .collect();
        if rows.is_empty() && self.market.conns.values().any(|c| c.venue == venue && c.account.is_none()) {
            rows.push(self.feed_row(slot, Channel::Book, state)); // connecting, nothing heard yet
        }
        rows
    }

    fn channel_state(&self, venue: u16, channel: Channel, of_venue: FeedState) -> FeedState {
        let scope = Scope::venue(venue).part(Part::Channel(channel));
        match of_venue {
            FeedState::Reconnecting | FeedState::Down => of_venue,
            _ if self.value("feed_age_ratio", scope).is_some_and(|r| r > 1.0) => FeedState::Stale,
            FeedState::Gap | FeedState::Stale if channel == Channel::Book => of_venue,
            _ => FeedState::Ok,
        }
    }

    fn feed_row(&self, slot: &Venue, channel: Channel, state: FeedState) -> FeedRow {
        let health: &VenueHealth = &slot.health;
        let beat = &health.of(channel).beat;
        let open_s = (self.now.at.0.rem_euclid(10 * SECOND)) as f64 / SECOND as f64;
        let offset = health.offset_ms();
        let quantile = |k: usize| Some(health.quantiles_ms?.get(k)? - offset?);
        FeedRow {
            venue: slot.spec.id.clone(),
            channel: channel.word(),
            state,
            rate: beat.rate(open_s),
            p50_ms: quantile(0),
            p99_ms: quantile(1),
            p999_ms: quantile(2),
            max_ms: quantile(3),
            gaps: health.gaps,
            reconnects: health.reconnects,
            dropped: health.dropped,
            undecodable: health.undecodable,
            audits: health.audits.0,
            audit_mismatches: health.audits.1,
            age_ms: beat.last().map(|l| self.now.at.since(l).max(0) / MS),
            clock_offset_ms: offset,
            last_error: health.last_error.clone(),
        }
    }

    pub(super) fn focus(&self, (venue, underlying): &(String, String), metric: &str) -> Option<Focus> {
        let v = self.venue(venue)?;
        let u = u16::try_from(self.market.underlyings.iter().position(|x| x == underlying)?).ok()?;
        let head = self.market.head(v, u);
        let figure = |(id, label): &(&'static str, &'static str)| {
            let at = find(id)?;
            let card = METRICS.get(at)?.card();
            let table = self.tables.get(at)?;
            let row = table
                .row(Scope::cell(u, v))
                .or_else(|| table.row(Scope::instrument(u, v, head.map_or(NO_SYMBOL, |h| h.0))));
            let (value, quality) = row.map_or((None, Quality::Missing), |r| (r.value, r.quality));
            Some(Figure { metric: card.id, label, value, unit: card.unit.word(), quality })
        };
        let gap = self.value("mid_gap_bps", Scope::cell(u, v));
        let mid_usd = head.and_then(|(_, l)| Some(l.figures.mid? * self.market.usd(l.quote_currency)?.0));
        let mut books: Vec<BookView> = self.book_view(v, u).into_iter().collect();
        books.extend(self.order.iter().filter(|o| **o != v).filter_map(|o| self.book_view(*o, u)));
        Some(Focus {
            underlying: underlying.clone(),
            venue: venue.clone(),
            consensus: mid_usd.zip(gap).map(|(mid, gap)| mid / libm::exp(gap / 1e4)),
            figures: CELL_FIGURES.iter().filter_map(figure).collect(),
            split: self.split(v, u, metric),
            books,
            series_metric: "mid_gap_bps",
            series: self.history.of(u, v),
        })
    }

    fn book_view(&self, venue: u16, underlying: u16) -> Option<BookView> {
        let (symbol, listing) = self.market.head(venue, underlying)?;
        listing.conn?;
        let def = listing.def.as_ref()?;
        Some(BookView {
            venue: self.market.venues.get(usize::from(venue))?.spec.id.clone(),
            symbol: listing.symbol.clone(),
            instrument: listing.name.clone(),
            state: listing.figures.state,
            size_unit: if def.multiplier == Decimal::ONE && def.oi_unit == SizeUnit::Base {
                "base"
            } else {
                "contracts"
            },
            mid_gap_bps: self.value("mid_gap_bps", Scope::cell(underlying, venue)),
            spread_bps: self.value("spread_bps", Scope::instrument(underlying, venue, symbol)),
            age_ms: listing.beat(Channel::Book).last().map_or(0, |l| self.now.at.since(l).max(0) / MS),
            seq: listing.book_seq,
            bids: listing.book.top(BookSide::Bid, BOOK_LEVELS),
            asks: listing.book.top(BookSide::Ask, BOOK_LEVELS),
        })
    }

    /// The worst open severity, for exit codes.
    pub fn worst_open(&self) -> Option<Severity> {
        self.alarm.open().map(|(_, a)| a).chain(self.alarm.waiting()).map(|a| a.severity).max()
    }

    /// Names of a scope's venue, peer, underlying and instrument; empty where they do not apply.
    pub fn names(&self, scope: &Scope) -> [&str; 4] {
        let venue = |ix: u16| self.market.venues.get(usize::from(ix)).map_or("", |v| v.spec.id.as_str());
        let underlying = if scope.underlying == NONE {
            ""
        } else {
            self.market.underlyings.get(usize::from(scope.underlying)).map_or("", String::as_str)
        };
        let instrument = self.market.listing(scope.venue, scope.symbol).map_or("", |l| l.name.as_str());
        [venue(scope.venue), venue(scope.peer), underlying, instrument]
    }
}
