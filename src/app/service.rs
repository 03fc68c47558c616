//! What doctor says about the parts of a service: journal, sinks, unit file.

use super::doctor::{Finding, Verdict};
use super::{keeper, sinks, watch};
use crate::store::{Journal, StoreError};

/// Where the unit file is installed.
const UNIT_AT: &str = "/etc/systemd/system/faultline.service";
/// What the unit must say, or the service is worth less than it looks.
const MUST: &[&str] =
    &["Type=notify", "ExecReload=", "WatchdogSec=", "SuccessExitStatus=143", "StateDirectory="];

/// Looks at journal, sinks and unit file; `is_tested` sends each sink a message.
pub fn examine(is_tested: bool) -> Vec<Finding> {
    let finding = |subject, verdict, words: String| Finding { subject, verdict, words };
    let mut findings = vec![match keeper::usual_path().map(|path| (Journal::join(&path), path)) {
        Err(failure) => finding("journal", Verdict::Warn, failure.message),
        Ok((Err(StoreError::Absent { .. }), path)) => finding(
            "journal",
            Verdict::Ok,
            format!("begins with the first `live` or `watch`, at {}", path.display()),
        ),
        Ok((Err(error), _)) => finding("journal", Verdict::Fail, error.to_string()),
        Ok((Ok(journal), path)) => match journal.verify(None) {
            Ok(found) => match found.broken {
                None => finding(
                    "journal",
                    Verdict::Ok,
                    format!("{} entries in {}", found.entries, path.display()),
                ),
                Some(what) => finding("journal", Verdict::Fail, format!("{}: {what}", path.display())),
            },
            Err(error) => finding("journal", Verdict::Fail, error.to_string()),
        },
    }];
    match if is_tested { sinks::test() } else { sinks::desks(&[], true).map(|d| names(&d)) } {
        Err(failure) => findings.push(finding("sinks", Verdict::Fail, failure.message)),
        Ok(tried) if tried.is_empty() => {
            findings.push(finding("sinks", Verdict::Ok, "none: alerts stay on this machine".into()));
        }
        Ok(tried) => findings.extend(tried.into_iter().map(|(name, result)| match result {
            Ok(()) if is_tested => finding("sink", Verdict::Ok, format!("`{name}` took a test message")),
            Ok(()) => finding("sink", Verdict::Ok, format!("`{name}`; --test-sinks sends it a message")),
            Err(why) => finding("sink", Verdict::Fail, format!("`{name}`: {why}")),
        })),
    }
    if let Ok(text) = std::fs::read_to_string(UNIT_AT) {
        let missing: Vec<&str> = MUST.iter().copied().filter(|word| !text.contains(word)).collect();
        findings.push(match missing.as_slice() {
            [] if text == watch::UNIT => {
                finding("unit", Verdict::Ok, format!("{UNIT_AT} is the shipped one"))
            }
            [] => finding("unit", Verdict::Ok, format!("{UNIT_AT} is your own")),
            missing => {
                let words = format!(
                    "{UNIT_AT} lacks {}; `faultline watch --print-unit` has them",
                    missing.join(", ")
                );
                finding("unit", Verdict::Warn, words)
            }
        });
    }
    findings
}

fn names(desks: &[crate::sink::Desk]) -> Vec<sinks::Tried> {
    desks.iter().map(|d| (d.spec.name.clone(), Ok(()))).collect()
}
