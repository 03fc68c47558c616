//! Family I: can what is seen be trusted.

use super::{Bad, Card, Every, Input, Metric, Over, Part, Row, Scope, Unit};
use crate::engine::beat::CONN_STALE;
use crate::engine::listing::Listing;
use crate::engine::market::Market;
use crate::engine::venue::Venue;
use crate::model::Nanos;
use crate::model::event::Channel;
use crate::model::instrument::Status;
use crate::model::time::MS;
use crate::snapshot::{BookState, Quality};

const fn card(
    id: &'static str,
    title: &'static str,
    unit: Unit,
    meaning: &'static str,
    formula: &'static str,
    limits: Option<(f64, f64)>,
) -> Card {
    let (bad, every) = (Bad::High, Every::Second);
    Card {
        id,
        title,
        unit,
        meaning,
        formula,
        source: "METRICS.md family I",
        limits,
        bad,
        every,
        inputs: &[Input::Feed],
        scopes: &[Over::Venue],
        ..Card::PLAIN
    }
}

/// Calls `f` for every venue.
fn each_venue(market: &Market, mut f: impl FnMut(u16, &Venue)) {
    for (venue, slot) in (0u16..).zip(&market.venues) {
        f(venue, slot);
    }
}

/// Calls `f` for every channel that ever spoke.
fn each_channel(market: &Market, mut f: impl FnMut(u16, Channel, Nanos)) {
    each_venue(market, |venue, slot| {
        for channel in Channel::ALL.into_iter().filter(|c| c.is_market()) {
            if let Some(last) = slot.health.of(channel).beat.last() {
                f(venue, channel, last);
            }
        }
    });
}

/// Newest message of any connection of a venue, heartbeats included.
fn last_of(market: &Market, venue: u16) -> Option<Nanos> {
    market.conns.values().filter(|c| c.venue == venue && c.is_market()).filter_map(|c| c.last).max()
}

/// I1.
pub(super) struct Age;

impl Metric for Age {
    fn card(&self) -> &'static Card {
        static CARD: Card = card(
            "feed_age_ms",
            "feed age",
            Unit::Ms,
            "time since a channel last spoke",
            "tick - ts_recv of the newest message of the channel",
            None,
        );
        &CARD
    }

    fn eval(&self, market: &Market, at: Nanos, out: &mut Vec<Row>) {
        each_channel(market, |venue, channel, last| {
            let age = at.since(last).max(0) as f64 / MS as f64;
            out.push(Row::single(
                Scope::venue(venue).part(Part::Channel(channel)),
                Some(age),
                Quality::Ok,
                last,
            ));
        });
    }
}

/// I1 against what the channel allows.
pub(super) struct AgeRatio;

impl Metric for AgeRatio {
    fn card(&self) -> &'static Card {
        static CARD: Card = Card {
            every: Every::Tick,
            ..card(
                "feed_age_ratio",
                "feed age / allowed",
                Unit::Times,
                "silence measured in the silence the channel allows: from 1 on it is stale",
                "age / limit: 2 s for a channel that sent >= 5/s, else 3 expected gaps held to 5..30 s; channels that send on change only, unless as fast and promised to be: age of the connection / 10 s",
                Some((1.0, 3.0)),
            )
        };
        &CARD
    }

    fn eval(&self, market: &Market, at: Nanos, out: &mut Vec<Row>) {
        each_channel(market, |venue, channel, last| {
            let Some(spec) = market.cadence(venue, channel) else { return };
            let Some(slot) = market.venues.get(usize::from(venue)) else { return };
            let limit = slot.health.of(channel).beat.limit(spec);
            let ratio = if limit == i64::MAX {
                let spoke = last_of(market, venue).unwrap_or(last);
                at.since(spoke).max(0) as f64 / CONN_STALE as f64
            } else {
                at.since(last).max(0) as f64 / limit as f64
            };
            out.push(Row::single(
                Scope::venue(venue).part(Part::Channel(channel)),
                Some(ratio),
                Quality::Ok,
                last,
            ));
        });
    }
}

/// Connections that should be up and are not.
pub(super) struct Down;

impl Metric for Down {
    fn card(&self) -> &'static Card {
        static CARD: Card = Card {
            every: Every::Tick,
            ..card(
                "feed_down_conns",
                "connections down",
                Unit::Count,
                "connections of a venue that are not open",
                "count of connections without a finished handshake; 1 while a venue has none at all",
                Some((1.0, 1.0)),
            )
        };
        &CARD
    }

    fn eval(&self, market: &Market, at: Nanos, out: &mut Vec<Row>) {
        each_venue(market, |venue, _| {
            let conns = || market.conns.values().filter(|c| c.venue == venue);
            let sockets = conns().filter(|c| c.is_market()).count();
            let down = match (conns().next(), sockets) {
                (None, _) => return, // not asked for
                (Some(_), 0) => 1,   // its instrument list never came: as good as down
                _ => conns().filter(|c| c.is_market() && !c.is_up).count(),
            };
            out.push(Row::single(Scope::venue(venue), Some(down as f64), Quality::Ok, at));
        });
    }
}

fn quantile(market: &Market, which: usize, out: &mut Vec<Row>) {
    each_venue(market, |venue, slot| {
        let value = slot.health.quantiles_ms.and_then(|q| q.get(which).copied());
        let as_of = last_of(market, venue).unwrap_or_default();
        if slot.health.quantiles_ms.is_some() {
            out.push(Row::single(Scope::venue(venue), value, Quality::Ok, as_of));
        }
    });
}

/// I2, median.
pub(super) struct LatencyP50;

impl Metric for LatencyP50 {
    fn card(&self) -> &'static Card {
        static CARD: Card = card(
            "feed_latency_ms_p50",
            "latency p50",
            Unit::Ms,
            "venue stamp to socket over 60 s; negative when the venue's clock is ahead",
            "median of ts_recv - ts_venue",
            None,
        );
        &CARD
    }

    fn eval(&self, market: &Market, _at: Nanos, out: &mut Vec<Row>) {
        quantile(market, 0, out);
    }
}

/// I2, 99th percentile.
pub(super) struct LatencyP99;

impl Metric for LatencyP99 {
    fn card(&self) -> &'static Card {
        static CARD: Card = card(
            "feed_latency_ms_p99",
            "latency p99",
            Unit::Ms,
            "venue stamp to socket over 60 s; negative when the venue's clock is ahead",
            "99th percentile of ts_recv - ts_venue",
            Some((500.0, 2_000.0)),
        );
        &CARD
    }

    fn eval(&self, market: &Market, _at: Nanos, out: &mut Vec<Row>) {
        quantile(market, 1, out);
    }
}

/// I3.
pub(super) struct GapRate;

impl Metric for GapRate {
    fn card(&self) -> &'static Card {
        static CARD: Card = card(
            "gap_rate",
            "gaps per minute",
            Unit::PerMinute,
            "sequence holes: books that had to be rebuilt",
            "holes in the last minute",
            Some((1.0, 5.0)),
        );
        &CARD
    }

    fn eval(&self, market: &Market, at: Nanos, out: &mut Vec<Row>) {
        each_venue(market, |venue, slot| {
            let value = f64::from(slot.health.gaps_per_minute());
            out.push(Row::single(Scope::venue(venue), Some(value), Quality::Ok, at));
        });
    }
}

/// I4.
pub(super) struct ClockOffset;

impl Metric for ClockOffset {
    fn card(&self) -> &'static Card {
        static CARD: Card = Card {
            bad: Bad::Both,
            ..card(
                "clock_offset_ms",
                "clock offset",
                Unit::Ms,
                "the venue's clock against ours, at most; negative means theirs is ahead",
                "minimum of ts_recv - ts_venue over 5 min",
                Some((250.0, 1_000.0)),
            )
        };
        &CARD
    }

    fn eval(&self, market: &Market, at: Nanos, out: &mut Vec<Row>) {
        each_venue(market, |venue, slot| {
            if let Some(offset) = slot.health.offset_ms() {
                out.push(Row::single(Scope::venue(venue), Some(offset), Quality::Ok, at));
            }
        });
    }
}

/// I5: weight of what is live over all weight, how many are live, how many there are. Rows are (weight,
/// live); they count alike while any weight is unknown. `None` without any.
fn seen(venues: impl Iterator<Item = (f64, bool)>) -> Option<(f64, u16, u16)> {
    let (mut live, mut all, mut used, mut expected, mut is_weighted) = (0.0, 0.0, 0u16, 0u16, true);
    for (weight, is_live) in venues {
        is_weighted &= weight > 0.0;
        (all, expected) = (all + weight, expected + 1);
        if is_live {
            (live, used) = (live + weight, used + 1);
        }
    }
    let share = if is_weighted { live / all } else { f64::from(used) / f64::from(expected) };
    (expected > 0).then_some((share, used, expected))
}

/// I5.
pub(super) struct Coverage;

impl Metric for Coverage {
    fn card(&self) -> &'static Card {
        static CARD: Card = Card {
            bad: Bad::Low,
            every: Every::Tick,
            inputs: &[Input::Feed, Input::Book, Input::OpenInterest],
            scopes: &[Over::Underlying],
            ..card(
                "coverage",
                "coverage",
                Unit::Ratio,
                "how much of an underlying is seen live",
                "open interest of venues with a synced book / open interest of all venues that list it; venues count equally while any open interest is unknown",
                Some((0.8, 0.5)),
            )
        };
        &CARD
    }

    fn eval(&self, market: &Market, at: Nanos, out: &mut Vec<Row>) {
        for underlying in 0..market.underlyings.len() as u16 {
            if !market.is_watched(underlying) {
                continue; // listed somewhere, asked for nowhere
            }
            let heads = (0..market.venues.len() as u16).filter_map(|venue| market.head(venue, underlying));
            let weighed = heads.map(|(_, head)| {
                let weight = head.open_interest().map_or(0.0, |o| o.0);
                (weight, head.figures.state == BookState::Synced)
            });
            let Some((share, used, expected)) = seen(weighed) else { continue };
            out.push(Row {
                scope: Scope::underlying(underlying),
                value: Some(share),
                quality: Quality::Ok,
                coverage: share,
                used,
                expected,
                as_of: at,
                ..Row::EMPTY
            });
        }
    }
}

/// I6.
pub(super) struct Faults;

impl Metric for Faults {
    fn card(&self) -> &'static Card {
        static CARD: Card = Card {
            inputs: &[Input::Feed, Input::Book],
            ..card(
                "book_faults",
                "book faults",
                Unit::Count,
                "books crossed for over 2 s, impossible numbers and resyncs",
                "count in the last 5 min",
                Some((2.0, 10.0)),
            )
        };
        &CARD
    }

    fn eval(&self, market: &Market, at: Nanos, out: &mut Vec<Row>) {
        each_venue(market, |venue, slot| {
            let value = slot.health.faults_5m() as f64;
            out.push(Row::single(Scope::venue(venue), Some(value), Quality::Ok, at));
        });
    }
}

/// I7.
pub(super) struct RateRobz;

impl Metric for RateRobz {
    fn card(&self) -> &'static Card {
        static CARD: Card = Card {
            bad: Bad::Both,
            ..card(
                "msg_rate_robz",
                "message rate, robust z",
                Unit::Times,
                "silence and flood both matter",
                "(messages of the last minute - median) / (1.4826 * MAD) over the minutes of the last 24 h; none before 30 min",
                Some((4.0, 8.0)),
            )
        };
        &CARD
    }

    fn eval(&self, market: &Market, at: Nanos, out: &mut Vec<Row>) {
        each_venue(market, |venue, slot| {
            if let Some(z) = slot.health.rate_robz {
                out.push(Row::single(Scope::venue(venue), Some(z), Quality::Ok, at));
            }
        });
    }
}

/// I8.
pub(super) struct Halted;

impl Metric for Halted {
    fn card(&self) -> &'static Card {
        static CARD: Card = Card {
            inputs: &[Input::Status, Input::Feed],
            ..card(
                "venue_state",
                "halted share",
                Unit::Ratio,
                "0 while every watched contract of a venue trades, 1 when none does",
                "contracts that are not open / contracts that are not closed for good",
                Some((0.01, 0.5)),
            )
        };
        &CARD
    }

    fn eval(&self, market: &Market, at: Nanos, out: &mut Vec<Row>) {
        each_venue(market, |venue, slot| {
            let is_over = |l: &&Listing| l.def.as_ref().is_none_or(|d| d.status == Status::Closed);
            let watched = || slot.listings.iter().filter(|l| l.conn.is_some() && !is_over(l));
            let (all, halted) = (watched().count(), watched().filter(|l| !l.is_open()).count());
            if all > 0 {
                let value = halted as f64 / all as f64;
                out.push(Row::single(Scope::venue(venue), Some(value), Quality::Ok, at));
            }
        });
    }
}

/// I9.
pub(super) struct EngineLag;

impl Metric for EngineLag {
    fn card(&self) -> &'static Card {
        static CARD: Card = Card {
            scopes: &[Over::Global],
            ..card(
                "engine_lag_ms",
                "engine lag",
                Unit::Ms,
                "how far the fold is behind the clock; unknown in a replay",
                "clock - tick when the tick before was done",
                Some((100.0, 1_000.0)),
            )
        };
        &CARD
    }

    fn is_live_only(&self) -> bool {
        true
    }

    fn eval(&self, market: &Market, at: Nanos, out: &mut Vec<Row>) {
        if let Some(lag) = market.lag_ms {
            out.push(Row::single(Scope::GLOBAL, Some(lag), Quality::Ok, at));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::health::ConnHealth;
    use crate::model::entry::ConnIx;

    const VENUE: &str = "id = \"v\"\nbrand = \"v\"\nshort = \"v\"\nname = \"V\"\ndialect = \"x\"\n\
        [[endpoint]]\nname = \"e\"\nurl = \"wss://v.invalid\"\nchannels = [\"book\"]\n\
        [rest]\nurl = \"https://v.invalid\"\n";

    fn down(market: &Market) -> Vec<Option<f64>> {
        let mut rows = Vec::new();
        Down.eval(market, Nanos(1), &mut rows);
        rows.iter().map(|r| r.value).collect()
    }

    #[test]
    fn i5_coverage() {
        let weights = [0.45, 0.25, 0.15, 0.10, 0.05];
        let of = |weights: [f64; 5]| {
            seen(weights.into_iter().zip([true, true, true, false, false]))
                .map(|(share, used, all)| ((share * 1e12).round() / 1e12, used, all))
        };
        assert_eq!(of(weights), Some((0.85, 3, 5)));
        assert_eq!(of([0.45, 0.0, 0.15, 0.10, 0.05]), Some((0.6, 3, 5)), "one is unknown: all count alike");
        assert_eq!(seen(std::iter::empty()), None);
    }

    #[test]
    fn a_venue_whose_instrument_list_never_came_counts_as_down() {
        let mut market = Market::new(vec![toml::from_str(VENUE).unwrap()]);
        assert_eq!(down(&market), [], "nobody asked for it");
        let rest = ConnHealth { is_rest: true, ..ConnHealth::default() };
        market.conns.insert(ConnIx(0), rest);
        assert_eq!(down(&market), [Some(1.0)]);
        market.conns.insert(ConnIx(1), ConnHealth { is_up: true, ..ConnHealth::default() });
        assert_eq!(down(&market), [Some(0.0)]);
        market.conns.insert(ConnIx(2), ConnHealth::default());
        assert_eq!(down(&market), [Some(1.0)]);
    }
}
