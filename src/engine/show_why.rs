//! Why a figure is what it is, as plain data for faces: explanation and evidence. Reads only.

use rust_decimal::prelude::ToPrimitive;

use super::Engine;
use super::metric::{Input, METRICS, NONE, Row, Scope, Table, find};
use crate::model::Nanos;
use crate::model::alert::AlertEvent;
use crate::model::time::MS;
use crate::snapshot::evidence::{RuleLine, SourceLine, Terms, ValueLine};
use crate::snapshot::{About, Ask, Evidence, Explained, FeedDetail};

/// Values of one explanation.
const VALUES_MAX: usize = 16;
/// Sources of one explanation.
const SOURCES_MAX: usize = 64;
/// Alerts of one tick whose evidence is kept.
const RAISED_MAX: usize = 16;
/// Lines of a connection's log beside its detail.
const CONN_LINES_MAX: usize = 12;

/// Files and keys that change figures made of an input.
const fn key_of(input: Input) -> &'static str {
    match input {
        Input::Book => "venues/ID.toml: channels.book.expected_gap_ms (when a book is stale)",
        Input::Trade => "venues/ID.toml: channels.trade.expected_gap_ms",
        Input::Ticker => "venues/ID.toml: channels.ticker.expected_gap_ms, poll_ms",
        Input::OpenInterest => "venues/ID.toml: channels.open_interest.poll_ms; instruments.oi_unit",
        Input::Liquidation => "venues/ID.toml: channels.liquidation.report (all, or a floor)",
        Input::Option => "venues/ID.toml: channels.option",
        Input::Schedule => "venues/ID.toml: channels.schedule.poll_ms",
        Input::Fund => "venues/ID.toml: channels.fund.poll_ms",
        Input::Status => "venues/ID.toml: channels.status",
        Input::Account => "accounts.toml: which accounts are read; --positions FILE",
        Input::Rate => "--venues, --underlyings: which pairs give prices of currencies",
        Input::Profile => "venues/ID.toml: regime, taker_fee_bps",
        Input::Feed => "venues/ID.toml: endpoint, limits",
        Input::Metric => "the keys of the metrics it is made of",
    }
}

impl Engine {
    /// Sets what messages are looked at; what is shown follows with the next picture.
    pub fn look(&mut self, ask: &Ask) {
        let cell = ask.evidence.as_ref().filter(|e| !e.venue.is_empty());
        let watched = match cell {
            Some(about) => {
                self.venue(&about.venue).map(|v| (v, self.market.underlying_of(&about.underlying)))
            }
            None => self.venue(&ask.feed).map(|v| (v, None)),
        };
        self.taps.watch(watched);
    }

    /// The rows that a figure is: those of the very scope, else what is nearest above it.
    fn rows_of(&self, at: usize, about: &About) -> (Scope, Vec<&Row>) {
        let venue = |id: &str| if id.is_empty() { None } else { self.venue(id) };
        let (v, p) = (venue(&about.venue).unwrap_or(NONE), venue(&about.peer).unwrap_or(NONE));
        let u = self.market.underlying_of(&about.underlying).unwrap_or(NONE);
        let rows = self.tables.get(at).map_or(&[][..], Table::rows);
        let of = |v: u16, u: u16, p: u16| -> Vec<&Row> {
            rows.iter().filter(|r| (r.scope.venue, r.scope.underlying, r.scope.peer) == (v, u, p)).collect()
        };
        let pairs = || -> Vec<&Row> {
            let has = |s: &Scope| s.peer != NONE && (s.venue == v || s.peer == v) && s.underlying == u;
            rows.iter().filter(|r| v != NONE && has(&r.scope)).collect()
        };
        let scope = Scope { underlying: u, venue: v, peer: p, ..Scope::GLOBAL };
        let tries = [of(v, u, p), of(v.min(p), u, v.max(p)), pairs(), of(NONE, u, NONE), of(v, NONE, NONE)];
        let mut found = tries.into_iter().find(|t| !t.is_empty()).unwrap_or_else(|| of(NONE, NONE, NONE));
        let is_part = |r: &&Row| r.scope.part.word() == about.part;
        if !about.part.is_empty() && found.iter().any(is_part) {
            found.retain(is_part);
        }
        (found.first().map_or(scope, |r| r.scope), found)
    }

    fn age_ms(&self, at: Option<Nanos>) -> Option<i64> {
        at.filter(|at| at.0 > 0).map(|at| self.now.at.since(at).max(0) / MS)
    }

    /// What a figure is made of; `None` when there is no such metric.
    pub fn explained(&self, about: &About) -> Option<Explained> {
        let at = find(&about.metric)?;
        let metric = METRICS.get(at)?;
        let card = metric.card();
        let (scope, rows) = self.rows_of(at, about);
        let told = metric.explain(&self.market, self.now.at, scope);
        let newest = |s: &super::metric::explain::Source| (s.venue, s.at.unwrap_or_default());
        let wanted: Vec<_> = told.sources.iter().take(SOURCES_MAX).map(newest).collect();
        let places = self.taps.places(&wanted);
        let source = |(s, seq): (&super::metric::explain::Source, Option<u64>)| SourceLine {
            input: s.input.word(),
            venue: self.names(&Scope::venue(s.venue))[0].to_string(),
            name: s.name.clone(),
            age_ms: self.age_ms(s.at),
            seq,
            left_out: s.left_out,
            is_head: s.is_head,
        };
        let mut notes = told.notes.clone();
        if rows.is_empty() {
            notes.push("it has no value there now".into());
        } else if rows.len() > VALUES_MAX {
            notes.push(format!("{} more values", rows.len() - VALUES_MAX));
        }
        let mut keys: Vec<String> =
            self.rules_of(at).map(|rule| format!("rules: [[rule]] id = \"{rule}\"")).collect();
        keys.extend(card.inputs.iter().map(|i| key_of(*i).to_string()));
        keys.dedup();
        Some(Explained {
            about: about.clone(),
            at: self.now.at,
            seq: self.now.seq,
            title: card.title,
            unit: card.unit.word(),
            card: card.lines(),
            values: rows.iter().take(VALUES_MAX).map(|r| self.value_line(r)).collect(),
            sources: told.sources.iter().zip(places).map(source).collect(),
            more: told.sources.len().saturating_sub(SOURCES_MAX),
            notes,
            rules: self.limits_of(at),
            keys,
        })
    }

    fn rules_of(&self, metric: usize) -> impl Iterator<Item = &str> {
        self.alarm.judges().iter().filter(move |j| j.metric == metric).map(|j| j.rule.id.as_str())
    }

    fn limits_of(&self, metric: usize) -> Vec<RuleLine> {
        let judges = self.alarm.judges().iter().filter(|j| j.metric == metric);
        let lines = judges.flat_map(|judge| {
            judge.levels.iter().map(|level| RuleLine {
                rule: judge.rule.id.clone(),
                severity: level.severity,
                raise: level.raise,
                clear: level.clear,
                hold_ms: judge.hold / MS,
                clear_hold_ms: judge.clear_hold / MS,
            })
        });
        lines.collect()
    }

    fn value_line(&self, row: &Row) -> ValueLine {
        let [venue, peer, underlying, instrument] = self.names(&row.scope);
        let words = [underlying, venue, peer, instrument, row.scope.part.word()];
        let of: Vec<&str> = words.into_iter().filter(|w| !w.is_empty()).collect();
        ValueLine {
            of: if of.is_empty() { "whole market".into() } else { of.join(" ") },
            value: row.value,
            quality: row.quality,
            coverage: row.coverage,
            used: row.used,
            expected: row.expected,
            age_ms: self.age_ms(Some(row.as_of)),
            note: row.note.word(),
        }
    }

    /// The evidence of a figure as of now.
    pub(super) fn evidence(&self, about: &About) -> Option<Evidence> {
        let explained = self.explained(about)?;
        let at = u16::try_from(find(&about.metric)?).ok()?;
        let u = self.market.underlying_of(&about.underlying);
        // What is of all venues shows the books of all, in the order of the configuration.
        let named = self.venue(&about.venue);
        let lists = |v: &u16| u.is_some_and(|u| self.market.head(*v, u).is_some());
        let venue = named.or_else(|| self.order.iter().copied().find(lists));
        let cell = u.zip(venue);
        let id = |v: u16| self.names(&Scope::venue(v))[0].to_string();
        let focus = venue.and_then(|v| self.focus(&(id(v), about.underlying.clone()), &about.metric));
        let short = match cell {
            Some((u, v)) if at == 0 => self.history.of(u, v),
            _ => Vec::new(),
        };
        Some(Evidence {
            alert: String::new(),
            at: self.now.at,
            seq: self.now.seq,
            explained,
            focus,
            short,
            long: self.history.line(at, u.unwrap_or(NONE)).0,
            terms: u.map_or_else(Vec::new, |u| {
                let venues =
                    venue.into_iter().chain(self.order.iter().copied().filter(|o| Some(*o) != venue));
                venues.filter_map(|v| self.terms(v, u)).collect()
            }),
            frames: self.taps.frames(),
        })
    }

    fn terms(&self, venue: u16, underlying: u16) -> Option<Terms> {
        let (_, listing) = self.market.head(venue, underlying)?;
        let slot = self.market.venues.get(usize::from(venue))?;
        Some(Terms {
            venue: slot.spec.id.clone(),
            regime: slot.spec.regime.clone(),
            symbol: listing.symbol.clone(),
            settle: listing.def.as_ref().map(|d| d.settle.clone()).unwrap_or_default(),
            fee_bps: slot.spec.taker_fee_bps.and_then(|f| f.to_f64()),
            funding_h: self.market.funding(venue, listing, self.now.at).0.map(|r| r.hours),
            leverage: self.market.leverage_of(listing).unwrap_or_default(),
            maintenance: self.market.maintenance_of(listing).unwrap_or_default(),
        })
    }

    /// Keeps the evidence of alerts that are raised now: as they stood, not as they are when somebody looks.
    pub(super) fn keep_evidence(&mut self, told: &[AlertEvent]) {
        for event in told {
            self.taps.alert(event);
        }
        for event in told.iter().filter(|e| e.event == "raised").take(RAISED_MAX) {
            if let Some(mut evidence) = self.evidence(&About::of(&event.alert.subject)) {
                evidence.alert.clone_from(&event.alert.id);
                evidence.frames.clear(); // of what somebody looked at just then
                self.taps.keep(evidence);
            }
        }
    }

    /// Latencies and connections of a venue.
    pub(super) fn feed_detail(&self, id: &str) -> Option<FeedDetail> {
        let venue = self.venue(id)?;
        let slot = self.market.venues.get(usize::from(venue))?;
        let offset = slot.health.offset_ms().unwrap_or(0.0);
        let latency: Vec<(f64, u64)> =
            slot.health.latencies_ms().into_iter().map(|(ms, n)| (ms - offset, n)).collect();
        let total: u64 = latency.iter().map(|l| l.1).sum();
        let mut seen = 0;
        let rank = (total * 999).div_ceil(1_000);
        let p999 = latency.iter().find(|(_, n)| {
            seen += n;
            seen >= rank
        });
        let conns = || self.market.conns.values().filter(|c| c.venue == venue && c.account.is_none());
        let is_here = |who: &str| conns().any(|c| c.name == who);
        Some(FeedDetail {
            venue: id.to_string(),
            tail_ms: p999.zip(latency.last()).map(|(p, last)| (p.0, last.0)),
            latency,
            lag_ms: self.market.lag_ms,
            conns: conns().map(|c| (c.name.clone(), c.is_up, self.age_ms(c.last))).collect(),
            log: self.taps.log().filter(|l| is_here(&l.who)).take(CONN_LINES_MAX).cloned().collect(),
            frame: self.taps.frames().into_iter().next(),
        })
    }
}
