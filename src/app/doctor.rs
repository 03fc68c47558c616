//! What could be wrong on this machine: one line each, with cause and remedy.

use std::path::Path;

use super::failure::Failure;
use super::setup::{Setup, config_dir, themes};
use crate::clock::Clock;
use crate::config::accounts::AccountSpec;
use crate::dialect;
use crate::feed::{AccountFeed, VenueFeed, account, redirect};
use crate::pipeline::Pipeline;

/// Outcome of one check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// Works, but not as well as it could.
    Warn,
    /// Does not work.
    Fail,
}

impl Verdict {
    /// Lower-case word.
    pub const fn word(self) -> &'static str {
        match self {
            Verdict::Ok => "ok",
            Verdict::Warn => "warn",
            Verdict::Fail => "fail",
        }
    }
}

/// One line of the report.
#[derive(Clone, Debug)]
pub struct Finding {
    /// What was looked at.
    pub subject: &'static str,
    /// How it stands.
    pub verdict: Verdict,
    /// What was found, and what to do about it.
    pub words: String,
}

/// Looks at each own account: where its secrets come from, and, `is_online`, what its key may do.
pub fn accounts(file: Option<&Path>, is_online: bool) -> Vec<Finding> {
    let loaded = Setup::load(&[]).and_then(|mut setup| setup.add_accounts(file).map(|()| setup));
    let setup = match loaded {
        Ok(setup) => setup,
        Err(failure) => return vec![finding("accounts", Verdict::Fail, failure.message)],
    };
    if setup.accounts.is_empty() {
        return vec![finding("accounts", Verdict::Ok, "no own accounts: public data only".into())];
    }
    setup.accounts.iter().map(|spec| account_finding(&setup, spec, is_online)).collect()
}

fn account_finding(setup: &Setup, spec: &AccountSpec, is_online: bool) -> Finding {
    let alone = Setup { accounts: vec![spec.clone()], ..setup.clone() };
    let feeds = match alone.account_feeds() {
        Ok(feeds) => feeds,
        Err(failure) => return finding("account", Verdict::Fail, failure.message),
    };
    let mut words = format!("`{}` at {}", spec.name, spec.venue);
    let parts = [("key", &spec.key), ("secret", &spec.secret), ("passphrase", &spec.passphrase)];
    for (part, source) in parts.iter().filter_map(|(part, source)| Some((part, source.as_ref()?))) {
        words.push_str(&format!(", {part} from {source}"));
    }
    if !spec.address.is_empty() {
        words.push_str(&format!(", address {}", spec.address));
    }
    match feeds.first().filter(|_| is_online).map(|feed| ask(setup, feed)) {
        None => finding("account", Verdict::Ok, words),
        Some(Ok(told)) => finding("account", Verdict::Ok, format!("{words}: {told}")),
        Some(Err(why)) => finding("account", Verdict::Fail, format!("{words}: {why}")),
    }
}

/// Asks a venue what a key may do.
fn ask(setup: &Setup, feed: &AccountFeed) -> Result<String, String> {
    let spec = setup.venues.iter().find(|v| v.id == feed.venue).ok_or("the venue is gone")?;
    let address = redirect::from_env(&spec.id).map_err(|e| e.to_string())?;
    let venue = VenueFeed::new(spec.clone(), address).map_err(|e| e.to_string())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|e| Failure::from(e).message)?.block_on(account::examine(&venue, feed, Clock::start()))
}

/// Looks at version, rules, venues and themes. Touches no network.
pub fn examine() -> Vec<Finding> {
    let mut findings =
        vec![finding("version", Verdict::Ok, format!("faultline {}", env!("CARGO_PKG_VERSION")))];
    findings.push(match config_dir() {
        Some(dir) if dir.is_dir() => finding("config", Verdict::Ok, format!("reads {}", dir.display())),
        Some(dir) => {
            finding("config", Verdict::Ok, format!("built-in defaults; {} does not exist", dir.display()))
        }
        None => {
            finding("config", Verdict::Warn, "no HOME and no XDG_CONFIG_HOME: built-in defaults only".into())
        }
    });
    findings.push(match Setup::load(&[]) {
        Err(failure) => finding("rules and venues", Verdict::Fail, failure.message),
        Ok(setup) => match Pipeline::new(&setup.venues, setup.rules.clone()) {
            Err(error) => finding("rules and venues", Verdict::Fail, error.to_string()),
            Ok(_) => {
                let words = format!(
                    "{} venues, {} rules, {} dialects",
                    setup.venues.len(),
                    setup.rules.len(),
                    dialect::DIALECTS.len()
                );
                finding("rules and venues", Verdict::Ok, words)
            }
        },
    });
    findings.push(match themes() {
        Err(failure) => finding("themes", Verdict::Fail, failure.message),
        Ok(themes) => finding("themes", Verdict::Ok, format!("{} themes", themes.len())),
    });
    findings
}

/// Whether the simulator can be reached.
pub fn network() -> Finding {
    match loopback() {
        Ok(()) => finding("loopback", Verdict::Ok, "127.0.0.1 gives ports: the demo can run".into()),
        Err(error) => finding(
            "loopback",
            Verdict::Fail,
            format!("127.0.0.1 gives no port ({error}): the demo cannot run"),
        ),
    }
}

fn finding(subject: &'static str, verdict: Verdict, words: String) -> Finding {
    Finding { subject, verdict, words }
}

fn loopback() -> std::io::Result<()> {
    std::net::TcpListener::bind(("127.0.0.1", 0)).map(|_| ())
}
