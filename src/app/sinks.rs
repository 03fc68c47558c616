//! Which sinks a run has: `sinks.toml` of the configuration directory, with the secrets it names.

use super::failure::Failure;
use super::secrets;
use super::setup::{config_dir, read_file};
use crate::clock::Clock;
use crate::config::error::nearest;
use crate::config::sinks::{self, SinkSpec};
use crate::courier;
use crate::sink::{self, Desk, SINKS, notice};

/// The sinks with these names, all when none is named, ready to send.
///
/// # Errors
/// A mistake in the file, a sink that is not there, a secret that cannot be read.
pub fn desks(names: &[String], dry_run: bool) -> Result<Vec<Desk>, Failure> {
    let mut all = specs()?;
    for name in names {
        if all.iter().all(|s| s.name != *name) {
            let near = nearest(name, all.iter().map(|s| s.name.as_str()));
            let hint = near.map(|n| format!("; did you mean `{n}`?")).unwrap_or_default();
            return Err(Failure::usage(format!("there is no sink `{name}` in {}{hint}", sinks::FILE)));
        }
    }
    all.retain(|s| names.is_empty() || names.contains(&s.name));
    all.into_iter().map(|spec| desk(SinkSpec { dry_run: spec.dry_run || dry_run, ..spec })).collect()
}

fn specs() -> Result<Vec<SinkSpec>, Failure> {
    let Some(path) = config_dir().map(|dir| dir.join(sinks::FILE)).filter(|p| p.exists()) else {
        return Ok(Vec::new());
    };
    let kinds: Vec<&str> = SINKS.iter().map(|s| s.kind()).collect();
    sinks::read(&path.display().to_string(), &read_file(&path)?, &kinds).map_err(|e| Failure::config(&[e]))
}

/// A sink with its secrets, if it can work.
fn desk(spec: SinkSpec) -> Result<Desk, Failure> {
    let read = |part: &str, source: &Option<crate::config::accounts::Source>| {
        let Some(source) = source else { return Ok(None) };
        let secret = secrets::read(source);
        secret
            .map(Some)
            .map_err(|e| Failure::secrets(format!("sink `{}`: {part} from {source}: {e}", spec.name)))
    };
    let (url, secret) = (read("url_from", &spec.url_from)?, read("secret", &spec.secret)?);
    let desk = Desk::new(spec, url, secret);
    match sink::find(&desk.spec.kind).and_then(|kind| kind.lacks(&desk)) {
        None => Ok(desk),
        Some(why) => Err(Failure::config_words(format!("sink `{}`: {why}", desk.spec.name))),
    }
}

/// A sink by name, and what went wrong with it.
pub type Tried = (String, Result<(), String>);

/// Sends each sink a test message.
///
/// # Errors
/// A mistake in the file of sinks.
pub fn test() -> Result<Vec<Tried>, Failure> {
    let clock = Clock::start();
    let tried = desks(&[], false)?.into_iter().map(|desk| {
        let line =
            notice::line("test", Some("this is a test message of faultline doctor"), false, clock.now());
        (desk.spec.name.clone(), courier::test(&desk, &line, clock))
    });
    Ok(tried.collect())
}
