//! The Alerts screen: what lies over alerts, who did what, what happens next.

use std::sync::Arc;

use faultline::model::alert::AlertState;
use faultline::model::life::{Disposition, Life, Moment, Mute};
use faultline::model::time::SECOND;
use faultline::snapshot::Snapshot;
use faultline::view::Depth;

use crate::fixture::{self, AT};
use crate::{SIZES, draw, golden, named, text, ui};

fn moment(age_s: i64, what: &'static str, who: Option<&str>, words: &str) -> Moment {
    Moment { at: AT.plus(-age_s * SECOND), what, who: who.map(str::to_string), words: words.into() }
}

/// One alert in each of the states an officer must tell apart.
fn lived() -> Snapshot {
    let mut snapshot = fixture::divergence();
    let lives = [
        Life {
            next: Some((AT.plus(262 * SECOND), "slack".into())),
            history: Arc::new(vec![
                moment(38, "raised", None, "warning at -16.1 bps"),
                moment(30, "updated", None, "critical at -25.4 bps"),
                moment(12, "updated", Some("jm@desk1"), "says calling the desk"),
            ]),
            ..Life::default()
        },
        Life { ack_until: Some(AT.plus(28_000 * SECOND)), ..Life::default() },
        Life { muted_by: Some("m1".into()), muted_until: Some(AT.plus(1_800 * SECOND)), ..Life::default() },
        Life { inhibited_by: Some("A-0181AA".into()), ..Life::default() },
        Life { disposition: Some(Disposition::False), ..Life::default() },
    ];
    for (alert, life) in snapshot.alerts.iter_mut().zip(lives) {
        alert.life = life;
    }
    snapshot.mutes = vec![Mute {
        id: "m1".into(),
        matcher: "venue=okx rule=fund.*".into(),
        until: Some(AT.plus(1_800 * SECOND)),
        who: "jm@desk1".into(),
        reason: "maintenance".into(),
        silences: 1,
        ..Mute::default()
    }];
    snapshot
}

/// Catches: a mute, a cause or a countdown that nobody sees.
#[test]
fn what_lies_over_an_alert_is_seen() {
    let snapshot = lived();
    for size in SIZES {
        let buf = draw(&snapshot, &ui("alerts", size), &named("faultline-dark", Depth::True));
        golden(&format!("lived-alerts-{}x{}", size.0, size.1), &text(&buf));
    }
}

/// Catches: an alert that reads as heard although nobody is told of it.
#[test]
fn a_muted_alert_says_so_without_a_screen() {
    let snapshot = lived();
    let told = faultline::view::plain::alerts(&snapshot);
    let of = |id: &str| told.lines().find(|l| l.contains(id)).unwrap_or_default().to_string();
    assert!(of("A-0190KM").contains("muted"), "{told}");
    assert!(of("A-0179AB").contains("inhibited"), "{told}");
    assert!(snapshot.alerts.iter().any(|a| a.state == AlertState::Raised));
}
