//! The state machine of an alert: what may follow what, whatever the market and the operators do.

use std::collections::BTreeMap;

use super::*;
use crate::config::rules;
use crate::engine::metric::{METRICS, Note, find};
use crate::engine::rule::judges;
use crate::model::alert::AlertState;
use crate::model::entry::OperatorAction;
use crate::model::life::Disposition;
use crate::model::time::{MS, SECOND};

const RULES: &str = r#"
[[rule]]
id = "gap"
metric = "mid_gap_bps"
raise = { warning = "15bps", critical = "25bps" }
hold = "3s"
clear_hold = "5s"
reopen = "60s"
min_quality = 0.5
storm = 3
inhibited_by = ["wide"]
escalate = [{ after = "20s", sink = "slack" }, { after = "60s", sink = "pager" }]

[[rule]]
id = "wide"
metric = "spread_bps"
raise = { info = "10bps" }
hold = "1s"
clear_hold = "2s"
"#;

/// A market of nothing but rows.
struct Bench {
    alarm: Alarm,
    market: Market,
    tables: Vec<Table>,
    now: Instant,
    told: Vec<AlertEvent>,
}

impl Bench {
    fn new(text: &str) -> Bench {
        let judges = judges(rules::read("x", text).unwrap()).unwrap();
        Bench {
            alarm: Alarm::new(judges),
            market: Market::new(Vec::new()),
            tables: METRICS.iter().map(|_| Table::default()).collect(),
            now: Instant { at: Nanos(0), seq: 0 },
            told: Vec::new(),
        }
    }

    fn show(&mut self, metric: &str, rows: Vec<Row>) {
        self.tables[find(metric).unwrap()] = Table::of(rows);
    }

    /// The next tick, `step` later.
    fn tick(&mut self, step: i64) {
        self.now = Instant { at: self.now.at.plus(step), seq: self.now.seq + 1 };
        self.alarm.judge(&self.market, &self.tables, self.now, &mut self.told);
    }

    fn act(&mut self, action: &OperatorAction) {
        self.now.seq += 1;
        self.alarm.operate(action, self.now, &mut self.told);
    }

    fn events(&mut self) -> Vec<&'static str> {
        std::mem::take(&mut self.told).iter().map(|e| e.event).collect()
    }

    fn id(&self) -> String {
        self.alarm.open().next().unwrap().1.id.clone()
    }
}

fn row(cell: usize, value: Option<f64>) -> Row {
    let scope = Scope::underlying(0).part(Part::Named(["a", "b", "c", "d", "e"][cell]));
    Row { used: 1, ..Row::single(scope, value, Quality::Ok, Nanos(0)) }
}

/// A dice that gives the same numbers everywhere.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

fn random_act(dice: &mut Dice, id: String) -> OperatorAction {
    let who = "ana".to_string();
    match dice.below(9) {
        0 | 1 => OperatorAction::Ack { id, who, comment: "seen".into() },
        2 => OperatorAction::Unack { id, who },
        3 => OperatorAction::Resolve { id, as_: Disposition::True, who, comment: String::new() },
        4 => OperatorAction::Comment { id, who, comment: "hm".into() },
        5 => OperatorAction::Escalate { id, who },
        6 | 7 => OperatorAction::Mute {
            id: "m".into(),
            matcher: if dice.below(2) == 0 { "rule=gap".into() } else { "severity=warning".into() },
            until: None,
            until_resolved: dice.below(2) == 0,
            include_critical: false,
            who,
            reason: "test".into(),
        },
        _ => OperatorAction::Unmute { id: "m".into(), who },
    }
}

/// Rows of five cells whose values wander, go missing and go stale.
fn random_rows(dice: &mut Dice, values: &mut [f64; 5]) -> Vec<Row> {
    let mut rows = Vec::new();
    for (cell, value) in values.iter_mut().enumerate() {
        *value = (*value + dice.below(13) as f64 - 6.0).clamp(-5.0, 35.0);
        match dice.below(40) {
            0 => {} // the row is gone
            1 => rows.push(row(cell, None)),
            2 => rows.push(Row { quality: Quality::Stale, ..row(cell, Some(*value)) }),
            3 => rows.push(Row { coverage: 0.3, ..row(cell, Some(*value)) }),
            _ => rows.push(row(cell, Some(*value))),
        }
    }
    rows
}

fn story(seed: u64) -> Vec<AlertEvent> {
    let mut dice = Dice(seed);
    let mut bench = Bench::new(RULES);
    let mut values = [0.0; 5];
    let mut all = Vec::new();
    for _ in 0..1_500 {
        let rows = random_rows(&mut dice, &mut values);
        bench.show("mid_gap_bps", rows);
        bench.show("spread_bps", vec![row(0, Some(if dice.below(30) < 10 { 12.0 } else { 1.0 }))]);
        bench.tick(SECOND);
        if dice.below(15) == 0 {
            let ids: Vec<String> = bench.alarm.open().map(|(_, a)| a.id.clone()).collect();
            let known = (!ids.is_empty()).then(|| ids[dice.below(ids.len() as u64) as usize].clone());
            let action = random_act(&mut dice, known.unwrap_or_else(|| "A-NOBODY".into()));
            bench.act(&action);
        }
        let mut open: Vec<&str> = bench.alarm.open().map(|(_, a)| a.fingerprint.as_str()).collect();
        let n = open.len();
        open.sort_unstable();
        open.dedup();
        assert_eq!(open.len(), n, "two open alerts of one fingerprint");
        all.append(&mut bench.told);
    }
    all
}

/// Catches: a transition that is none, a repeat of what is known, an alert that ends unseen.
#[test]
fn every_transition_is_legal() {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for seed in 0..12 {
        let mut states: BTreeMap<String, AlertEvent> = BTreeMap::new();
        for event in story(seed) {
            let before = states.get(&event.alert.id);
            let state = before.map(|b| b.alert.state);
            let (open, over) = (Some(AlertState::Raised), Some(AlertState::Resolved));
            let is_legal = match event.event {
                "raised" if event.is_reopened => state == over,
                "raised" => state.is_none(),
                "acked" => state.is_some() && state != over && event.alert.state == AlertState::Acked,
                "unacked" => state == Some(AlertState::Acked) && event.alert.state == AlertState::Raised,
                "muted" => before.is_some_and(|b| state != over && b.alert.life.muted_by.is_none()),
                "unmuted" => before.is_some_and(|b| b.alert.life.muted_by.is_some()),
                "stale" => before.is_some_and(|b| state != over && !b.alert.is_stale),
                "escalated" if event.who.is_some() => state.is_some() && state != over,
                "escalated" => state == open,
                "resolved" => state.is_some() && state != over && event.alert.resolved_at.is_some(),
                "disposed" => state == over,
                "updated" => state.is_some(),
                other => panic!("nobody knows {other}"),
            };
            assert!(is_legal, "seed {seed}: {} after {state:?}: {event:#?}", event.event);
            *seen.entry(event.event).or_default() += 1;
            states.insert(event.alert.id.clone(), event);
        }
    }
    for event in ["raised", "acked", "unacked", "muted", "unmuted", "stale", "escalated", "resolved"] {
        assert!(seen.get(event).is_some_and(|n| *n > 5), "the dice never threw {event}: {seen:?}");
    }
}

/// Catches: an alert that ends because nobody can see its value; counts and worsts that go back.
#[test]
fn what_cannot_be_judged_is_never_over_and_nothing_shrinks() {
    for seed in 0..12 {
        let mut last: BTreeMap<String, Alert> = BTreeMap::new();
        for event in story(seed).into_iter().filter(|e| e.alert.rule == "gap") {
            let alert = event.alert;
            if let Some(before) = last.get(&alert.id) {
                if event.event == "resolved" && event.who.is_none() && alert.unit != "count" {
                    let q = &alert.quality;
                    assert!(q.q >= 0.5 && q.state == "ok", "seed {seed}: {alert:#?}");
                }
                assert!(alert.count >= before.count, "seed {seed}: {alert:#?}");
                let is_new = event.is_reopened; // a new episode begins with its own value
                assert!(is_new || alert.worst >= before.worst, "seed {seed}: {alert:#?}");
            }
            last.insert(alert.id.clone(), alert);
        }
    }
}

/// Catches: sinks that are called about what is muted or explained.
#[test]
fn what_is_silent_is_not_escalated_by_time() {
    for seed in 0..12 {
        for event in story(seed).iter().filter(|e| e.event == "escalated" && e.who.is_none()) {
            assert!(!event.alert.life.is_silent(), "seed {seed}: {event:#?}");
        }
    }
}

/// Catches: hash order, or memory of another run.
#[test]
fn the_same_tape_gives_the_same_alerts() {
    assert_eq!(story(7), story(7));
}

/// Catches: an alert that somebody took once and everybody forgot.
#[test]
fn an_acknowledgement_ends_after_eight_hours() {
    let mut bench = Bench::new(RULES);
    bench.show("mid_gap_bps", vec![row(0, Some(16.0))]);
    (0..4).for_each(|_| bench.tick(SECOND));
    let ack = OperatorAction::Ack { id: bench.id(), who: "ana".into(), comment: String::new() };
    bench.act(&ack);
    assert_eq!(bench.events(), ["raised", "acked"]);
    (0..479).for_each(|_| bench.tick(60 * SECOND));
    assert_eq!(bench.events(), [""; 0], "nothing before eight hours");
    bench.tick(60 * SECOND);
    assert_eq!(bench.events(), ["unacked"]);
    bench.tick(60 * SECOND);
    assert_eq!(bench.events(), ["escalated", "escalated"], "both levels are overdue, counted from then on");
}

/// Catches: a venue that would take for ever to leave and counts as no value at all.
#[test]
fn what_is_unbounded_lies_beyond_every_limit() {
    let mut bench = Bench::new(&RULES.replace("min_quality = 0.5", ""));
    let unbounded =
        Row { value: None, note: Note::UnboundedHigh, coverage: 1.0, used: 1, ..row(0, Some(0.0)) };
    bench.show("mid_gap_bps", vec![unbounded]);
    (0..5).for_each(|_| bench.tick(SECOND));
    let told = std::mem::take(&mut bench.told);
    assert_eq!((told[0].event, told[0].alert.severity), ("raised", Severity::Critical));
    assert!(told[0].alert.value.is_infinite());
}

/// Catches: an insurance fund that runs dry under a mute nobody meant for it.
#[test]
fn some_critical_alerts_are_heard_in_spite_of_a_mute() {
    for (metric, is_heard) in [("insurance_cover", true), ("mid_gap_bps", false)] {
        for all in [false, true] {
            let text = format!(
                "[[rule]]\nid = \"r\"\nmetric = \"{metric}\"\nraise = {{ critical = \"0\" }}\nclear = \
                 {{ critical = \"0\" }}\nhold = \"0s\"\n"
            );
            let mut bench = Bench::new(&text);
            bench.act(&OperatorAction::Mute {
                id: "m".into(),
                matcher: "*".into(),
                until: None,
                until_resolved: false,
                include_critical: all,
                who: "ana".into(),
                reason: "maintenance".into(),
            });
            bench.show(metric, vec![row(0, Some(if is_heard { -1.0 } else { 1.0 }))]);
            (0..700).for_each(|_| bench.tick(100 * MS));
            let (_, alert) = bench.alarm.open().next().expect(metric);
            assert_eq!(alert.life.muted_by.is_none(), is_heard && !all, "{metric} {all}");
        }
    }
}

/// Catches: a share that jumps because a feed died, told as if the market had moved.
#[test]
fn a_figure_of_change_is_silent_after_its_venues_changed() {
    let text = "[[rule]]\nid = \"flow\"\nmetric = \"oi_flow_pct_5m\"\nraise = { warning = \"5pct\" }\nhold = \"0s\"\n";
    let mut bench = Bench::new(text);
    let of =
        |used, value| Row { used, ..Row::single(Scope::underlying(0), Some(value), Quality::Ok, Nanos(0)) };
    bench.show("oi_flow_pct_5m", vec![of(3, 0.0)]);
    bench.tick(10 * SECOND);
    bench.show("oi_flow_pct_5m", vec![of(2, -30.0)]);
    bench.tick(10 * SECOND);
    let told = std::mem::take(&mut bench.told);
    assert_eq!(told[0].event, "raised");
    assert_eq!(told[0].alert.life.muted_by.as_deref(), Some("composition"));
    (0..30).for_each(|_| bench.tick(10 * SECOND));
    assert_eq!(bench.events(), ["unmuted"], "one window later it is heard");
}
