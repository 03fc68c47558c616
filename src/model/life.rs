//! What happens to an alert beside its value: who took it, what silences it, what it turned out to be.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::time::Nanos;

/// Moments of one alert that are kept.
pub const MOMENTS_KEPT: usize = 32;

/// What an alert turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Disposition {
    /// It was what it said.
    True,
    /// There was nothing.
    False,
    /// Known and expected.
    Known,
    /// A drill.
    Test,
}

impl Disposition {
    /// All of them, in the order a screen offers them.
    pub const ALL: [Disposition; 4] =
        [Disposition::True, Disposition::False, Disposition::Known, Disposition::Test];

    /// Lower-case word.
    pub const fn word(self) -> &'static str {
        match self {
            Disposition::True => "true",
            Disposition::False => "false",
            Disposition::Known => "known",
            Disposition::Test => "test",
        }
    }

    /// The disposition with this name.
    pub fn from_word(word: &str) -> Option<Self> {
        Disposition::ALL.into_iter().find(|d| d.word() == word)
    }
}

/// One thing that happened to an alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// When.
    pub at: Nanos,
    /// What, as the event of the line says it.
    pub what: &'static str,
    /// Who, where a person did it.
    pub who: Option<String>,
    /// More words; may be empty.
    pub words: String,
}

/// The life of an alert. All that a screen shows of it beside the value.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Life {
    /// Since when nobody owns it: escalation counts from here.
    pub since: Nanos,
    /// When the acknowledgement ends by itself.
    pub ack_until: Option<Nanos>,
    /// Mute that silences it; `composition` when a venue just left or joined.
    pub muted_by: Option<String>,
    /// When that mute ends, where it is known.
    pub muted_until: Option<Nanos>,
    /// The condition comes and goes; it stays open.
    pub is_flapping: bool,
    /// Levels of escalation that were reached.
    pub level: u8,
    /// Where the newest escalation went.
    pub escalated_to: Option<String>,
    /// The next escalation: when and where to.
    pub next: Option<(Nanos, String)>,
    /// Open alert that explains this one.
    pub inhibited_by: Option<String>,
    /// Alert that stands for this one and others of its rule.
    pub storm: Option<String>,
    /// Alerts it stands for, when it is the row of a storm.
    pub members: u32,
    /// What it turned out to be.
    pub disposition: Option<Disposition>,
    /// Labels of its rule.
    pub labels: Arc<BTreeMap<String, String>>,
    /// What happened, oldest first.
    pub history: Arc<Vec<Moment>>,
}

impl Life {
    /// Sinks say nothing of it: muted, explained by another alert, or told by the row of a storm.
    pub const fn is_silent(&self) -> bool {
        self.muted_by.is_some() || self.inhibited_by.is_some() || self.storm.is_some()
    }

    /// Adds a moment; beyond [`MOMENTS_KEPT`] the oldest but the first leaves.
    pub fn note(&mut self, moment: Moment) {
        let history = Arc::make_mut(&mut self.history);
        if history.len() == MOMENTS_KEPT {
            history.remove(1); // how it began stays
        }
        history.push(moment);
    }
}

/// A mute: what it silences, until when, who said so and why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mute {
    /// Chosen by the face that made it.
    pub id: String,
    /// Filter text, see [`Matcher`](super::matcher::Matcher).
    pub matcher: String,
    /// When it ends; without it at the end of the session.
    pub until: Option<Nanos>,
    /// It ends when nothing that it silences is open any more.
    pub until_resolved: bool,
    /// It silences critical alerts of the families that are always heard too.
    pub include_critical: bool,
    /// Who.
    pub who: String,
    /// Why.
    pub reason: String,
    /// When it was made.
    pub made_at: Nanos,
    /// Open alerts that it silences now.
    pub silences: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: a history that forgets how it began, or grows without end.
    #[test]
    fn the_history_keeps_its_beginning() {
        let mut life = Life::default();
        for at in 0..100 {
            life.note(Moment { at: Nanos(at), what: "updated", who: None, words: String::new() });
        }
        let kept: Vec<i64> = life.history.iter().map(|m| m.at.0).collect();
        assert_eq!((kept.len(), kept[0], kept[1], kept[31]), (MOMENTS_KEPT, 0, 69, 99));
    }
}
