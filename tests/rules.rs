//! The shipped rules on the shipped recordings: what they must raise, and that calm stays calm.

use std::path::{Path, PathBuf};

use faultline::app::rules::{play, test, tune, update};
use faultline::model::alert::Severity;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf()
}

fn recording(name: &str) -> PathBuf {
    root().join("recordings").join(name)
}

fn shipped() -> Vec<PathBuf> {
    vec![root().join("src/config/rules.toml")]
}

/// Catches: a default that cries on a quiet day.
#[test]
fn calm_stays_calm() {
    let played = play(&recording("calm.mcap"), &shipped(), Ok).unwrap();
    let loud: Vec<String> = played
        .told
        .iter()
        .filter(|e| e.alert.severity > Severity::Info)
        .map(|e| format!("{} {} {}", e.event, e.alert.rule, e.alert.summary))
        .collect();
    assert!(loud.is_empty(), "{loud:#?}");
}

/// Catches: a default that no longer sees what it ships for.
#[test]
fn the_tests_of_the_shipped_rules_pass() {
    let on = ["calm.mcap", "divergence.mcap", "stale.mcap", "cascade.mcap"].map(recording);
    let verdicts = test(&shipped(), &on).unwrap();
    assert!(verdicts.len() >= 7, "{verdicts:#?}");
    for verdict in &verdicts {
        assert!(verdict.failed.is_empty(), "{verdict:#?}");
    }
}

/// Catches: an update that writes what does not pass, or in another rule's place.
#[test]
fn updated_expectations_pass() {
    let file = std::env::temp_dir().join(format!("faultline-rules-{}.toml", std::process::id()));
    let rule = |id: &str, expect: &str| {
        format!(
            "[[rule]]\nid = \"{id}\"\nmetric = \"mid_gap_bps\"\nraise = {{ warning = \"15bps\" }}\n\
             tests = [{{ recording = \"divergence.mcap\", expect = [{expect}] }}]\n"
        )
    };
    std::fs::write(&file, rule("a", "\"no alert\"") + &rule("b", "\"count 9\", \"resolve before 1s\""))
        .unwrap();
    let (files, on) = ([file.clone()], [recording("divergence.mcap")]);
    let failed = test(&files, &on).unwrap();
    assert!(failed.iter().all(|v| !v.failed.is_empty()), "{failed:#?}");
    assert_eq!(update(&failed).unwrap(), 2);
    let passed = test(&files, &on).unwrap();
    std::fs::remove_file(&file).unwrap();
    assert!(passed.len() == 2 && passed.iter().all(|v| v.failed.is_empty()), "{passed:#?}");
}

/// Catches: a table in which a wider limit raises more.
#[test]
fn wider_limits_raise_no_more() {
    let tried = tune::tune("div.mid", &shipped(), &[recording("divergence.mcap")]).unwrap();
    let now = tried.iter().find(|t| t.is_now).unwrap();
    assert_eq!((now.raised, now.limits.as_str()), (2, "warning 15, critical 25"));
    assert!(tried.last().unwrap().raised <= now.raised, "{tried:#?}");
}
