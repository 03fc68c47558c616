//! What a face asks for beyond what every picture holds.

use crate::model::alert::Subject;

/// Pages of a picture that are filled on demand: all of them ten times a second would cost more than the tick.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pages {
    /// Leverage and liquidity of every underlying.
    pub markets: bool,
    /// The same of the asked cell's underlying alone.
    pub market: bool,
    /// Own accounts.
    pub portfolio: bool,
    /// What happened: the log of the tape and of the program.
    pub log: bool,
    /// Recordings on this machine.
    pub recordings: bool,
}

impl Pages {
    /// Every page.
    pub const ALL: Pages =
        Pages { markets: true, market: true, portfolio: true, log: true, recordings: true };

    /// What is in one of both.
    pub const fn and(self, other: Pages) -> Pages {
        Pages {
            markets: self.markets | other.markets,
            market: self.market | other.market,
            portfolio: self.portfolio | other.portfolio,
            log: self.log | other.log,
            recordings: self.recordings | other.recordings,
        }
    }
}

/// A figure: a metric and what it is of. Empty fields mean: of all of them together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// Metric id.
    pub metric: String,
    /// Canonical asset.
    pub underlying: String,
    /// Venue id.
    pub venue: String,
    /// The other venue of a pair.
    pub peer: String,
    /// Part: `bid`, a channel, a name of the card.
    pub part: String,
}

impl About {
    /// A metric of an underlying on a venue; either may be empty.
    pub fn cell(metric: &str, underlying: &str, venue: &str) -> About {
        let own = |text: &str| text.to_string();
        About { metric: own(metric), underlying: own(underlying), venue: own(venue), ..About::default() }
    }

    /// The figure that an alert is about.
    pub fn of(subject: &Subject) -> About {
        About {
            metric: subject.metric.clone(),
            underlying: subject.underlying.clone(),
            venue: subject.venue.clone(),
            peer: subject.peer.clone(),
            part: subject.part.clone(),
        }
    }

    /// `mid_gap_bps  SOL  bybit`.
    pub fn label(&self) -> String {
        let words = [&self.metric, &self.underlying, &self.venue, &self.peer, &self.part];
        let words: Vec<&str> = words.into_iter().filter(|w| !w.is_empty()).map(String::as_str).collect();
        words.join("  ")
    }
}

/// What a face wants beyond what every picture holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ask {
    /// Cell whose depth is shown: venue id and underlying.
    pub cell: Option<(String, String)>,
    /// Metric of the map: the picture holds its cells, as booked too, and its split for the cell.
    pub metric: String,
    /// Metrics of the timeline.
    pub pins: Vec<String>,
    /// Clients through whose eyes the market is seen: `EU:retail`; empty for nobody.
    pub lens: String,
    /// Pages of other screens.
    pub pages: Pages,
    /// A figure to explain.
    pub explain: Option<About>,
    /// A figure whose evidence is followed.
    pub evidence: Option<About>,
    /// An alert whose evidence was kept when it was raised.
    pub alert: Option<String>,
    /// Venue whose messages are shown; empty for none.
    pub feed: String,
}
