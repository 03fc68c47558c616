//! What operators do in a story.

use faultline::model::Nanos;
use faultline::model::alert::{AlertEvent, AlertState};
use faultline::model::entry::OperatorAction;
use faultline::model::life::Disposition;

use super::{START, World, tick};
use faultline::model::time::TICK;

pub(crate) const NAMES: [&str; 7] = ["ack", "unack", "comment", "escalate", "resolve", "mute", "unmute"];

/// `VERB WHO ..`
pub(crate) fn act(world: &mut World, at: Nanos, words: &[&str]) {
    let who = words[1].to_string();
    let action = match words[0] {
        "mute" => mute(who, &words[2..]),
        "unmute" => OperatorAction::Unmute { id: words[2].into(), who },
        "resolve" => {
            let as_ = Disposition::from_word(words[2]).unwrap();
            OperatorAction::Resolve { id: oldest(world), as_, who, comment: words[3..].join(" ") }
        }
        verb => {
            let (id, comment) = (oldest(world), words[2..].join(" "));
            match verb {
                "ack" => OperatorAction::Ack { id, who, comment },
                "unack" => OperatorAction::Unack { id, who },
                "comment" => OperatorAction::Comment { id, who, comment },
                _ => OperatorAction::Escalate { id, who },
            }
        }
    };
    world.seq += 1;
    world.engine.operate(world.seq, at, &action, &mut world.events);
}

/// The alert that was raised first and is open; with none open the one that was raised first.
fn oldest(world: &World) -> String {
    let state = |id: &str| world.events.iter().rev().find(|e| e.alert.id == id).map(|e| e.alert.state);
    let is_open = |e: &&AlertEvent| state(&e.alert.id) != Some(AlertState::Resolved);
    let first = world.events.iter().find(is_open).or(world.events.first());
    first.expect("nothing to act on").alert.id.clone()
}

/// `m1 [until=9] [until-resolved] [all-critical] FILTER.. [# REASON..]`
fn mute(who: String, words: &[&str]) -> OperatorAction {
    let has = |word: &str| words.contains(&word);
    let is_option = |w: &&&str| w.starts_with("until") || **w == "all-critical";
    let until = words.iter().find_map(|w| w.strip_prefix("until=")).map(|t| START.plus(tick(t) * TICK));
    let filter: Vec<&str> = words[1..].iter().filter(|w| !is_option(w)).copied().collect();
    OperatorAction::Mute {
        id: words[0].into(),
        matcher: filter.join(" "),
        until,
        until_resolved: has("until-resolved"),
        include_critical: has("all-critical"),
        who,
        reason: "test".into(),
    }
}
