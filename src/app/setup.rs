//! Configuration of a run: built-in files, the user's files over them, what the flags choose.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::failure::Failure;
use super::given;
use super::secrets;
use crate::config::accounts::{self, AccountSpec};
use crate::config::error::nearest;
use crate::config::rulebook::{Given, Rulebook};
use crate::config::rules::{self, Rule};
use crate::config::theme::{self, ThemeSpec};
use crate::config::{ConfigError, builtin, venues};
use crate::dialect::account::{Account, Needs};
use crate::dialect::{self, AccountDialect, Dialect};
use crate::engine::metric::{METRICS, Part};
use crate::feed::AccountFeed;
use crate::model::entry::GivenPosition;
use crate::model::event::Channel;
use crate::model::venue::VenueSpec;
use crate::tape::Meta;

/// Files of one folder of the configuration directory. More are refused: none is left out in silence.
const FILES_MAX: usize = 200;

/// Everything a run is configured by. The texts go into the recording, so that it is self-contained.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    /// Ids of all venues, those that are not chosen included.
    pub known: Vec<String>,
    /// Venues in display order.
    pub venues: Vec<VenueSpec>,
    /// Alert rules.
    pub rules: Vec<Rule>,
    /// What law and venues say about margin and access.
    pub rulebook: Arc<Rulebook>,
    /// Own accounts.
    pub accounts: Vec<AccountSpec>,
    /// Name and full text of every file used; of the accounts only where their secrets are.
    pub texts: BTreeMap<String, String>,
}

impl Setup {
    /// Built-in files and those of the configuration directory; a file of the user replaces the
    /// built-in one of the same name.
    pub fn load(rule_files: &[PathBuf]) -> Result<Setup, Failure> {
        let mut files: BTreeMap<String, String> = BTreeMap::new();
        let mut order: Vec<String> = Vec::new();
        for (name, text) in builtin::VENUES.iter().chain(builtin::RULEBOOK).chain(builtin::RULES) {
            order.push((*name).to_string());
            files.insert((*name).to_string(), (*text).to_string());
        }
        if let Some(dir) = config_dir() {
            for folder in ["venues", "rules", "rulebook"] {
                for (name, text) in read_folder(&dir.join(folder), folder)? {
                    if !files.contains_key(&name) {
                        order.push(name.clone());
                    }
                    files.insert(name, text);
                }
            }
        }
        if !rule_files.is_empty() {
            // Rules named on the command line stand alone.
            order.retain(|name| !name.starts_with("rules/"));
            files.retain(|name, _| !name.starts_with("rules/"));
            for path in rule_files {
                let name = path.display().to_string();
                files.insert(name.clone(), read_file(path)?);
                order.push(name);
            }
        }
        let setup = Setup::from_texts(&order, files)?;
        setup.check_places()?;
        Ok(setup)
    }

    /// A rule that names a venue or part that does not exist would watch nothing and say nothing.
    fn check_places(&self) -> Result<(), Failure> {
        let mut errors = Vec::new();
        let sides = [Part::Bid.word(), Part::Ask.word()];
        for rule in &self.rules {
            let venues = || self.venues.iter().map(|v| v.id.as_str());
            let named = METRICS.iter().flat_map(|m| m.card().parts).copied();
            let parts = || Channel::ALL.iter().map(|c| c.word()).chain(sides).chain(named.clone());
            for name in rule.only.venue.iter().filter(|name| venues().all(|v| v != *name)) {
                errors.push(unknown(rule, "venue", name, nearest(name, venues())));
            }
            for name in rule.only.part.iter().filter(|name| parts().all(|p| p != *name)) {
                errors.push(unknown(rule, "part", name, nearest(name, parts())));
            }
        }
        if errors.is_empty() { Ok(()) } else { Err(Failure::config(&errors)) }
    }

    /// The configuration a recording was made with.
    pub fn of_recording(meta: &Meta, rule_files: &[PathBuf]) -> Result<Setup, Failure> {
        let mut files = meta.config.clone();
        if files.is_empty() {
            return Setup::load(rule_files); // an import carries none
        }
        if !rule_files.is_empty() {
            files.retain(|name, _| name.starts_with("venues/") || is_of_rulebook(name));
            for path in rule_files {
                files.insert(path.display().to_string(), read_file(path)?);
            }
        }
        // The order of display is the order of the built-in list, then by name.
        let place = |name: &str| builtin::VENUES.iter().position(|v| v.0 == name).unwrap_or(usize::MAX);
        let mut order: Vec<String> = files.keys().cloned().collect();
        order.sort_by(|a, b| place(a).cmp(&place(b)).then(a.cmp(b)));
        Setup::from_texts(&order, files)
    }

    fn from_texts(order: &[String], files: BTreeMap<String, String>) -> Result<Setup, Failure> {
        let mut setup = Setup::default();
        let mut errors: Vec<ConfigError> = Vec::new();
        for name in order {
            let Some(text) = files.get(name).filter(|_| !is_of_rulebook(name)) else { continue };
            if name.starts_with("venues/") {
                match venues::read(name, text).and_then(|v| fitting(name, text, v, &setup.venues)) {
                    Ok(venue) => setup.venues.push(venue),
                    Err(error) => errors.push(error),
                }
            } else if name != accounts::FILE {
                // A replay needs no accounts: its connections tell whose they are.
                match rules::read_all(name, text) {
                    Ok(rules) => setup.rules.extend(rules),
                    Err(all) => errors.extend(all),
                }
            }
        }
        setup.known = setup.venues.iter().map(|v| v.id.clone()).collect();
        let facts: Vec<Given<'_>> = files.iter().map(|(name, text)| Given { name, text }).collect();
        match Rulebook::read(&facts) {
            Ok(rulebook) => setup.rulebook = Arc::new(rulebook),
            Err(wrong) => errors.extend(wrong),
        }
        setup.texts = files;
        if errors.is_empty() { Ok(setup) } else { Err(Failure::config(&errors)) }
    }

    /// Adds the own accounts of `file`, or of the configuration directory. Call it with all venues present.
    pub fn add_accounts(&mut self, file: Option<&Path>) -> Result<(), Failure> {
        let usual = config_dir().map(|dir| dir.join(accounts::FILE)).filter(|path| path.exists());
        let Some(path) = file.map(Path::to_path_buf).or(usual) else { return Ok(()) };
        let found = accounts::read(&path.display().to_string(), &read_file(&path)?)
            .map_err(|e| Failure::config(&[e]))?;
        let errors: Vec<ConfigError> = found.iter().filter_map(|a| self.unfit(a)).collect();
        if !errors.is_empty() {
            return Err(Failure::config(&errors));
        }
        self.texts.insert(accounts::FILE.into(), accounts::write(&found));
        self.accounts = found;
        Ok(())
    }

    /// What an account's venue needs to know it; an error where it has no accounts.
    fn needs(&self, account: &AccountSpec) -> Result<Needs, ConfigError> {
        let place = &account.place;
        let Some(venue) = self.venues.iter().find(|v| v.id == account.venue) else {
            return Err(self.no_venue(account));
        };
        let dialect = dialect::find(&venue.dialect).and_then(Dialect::account);
        dialect
            .map(AccountDialect::needs)
            .ok_or_else(|| place.at_venue(format!("this build reads no own accounts at {}", account.venue)))
    }

    /// What is wrong with an account whose positions are given by hand.
    fn unfit_given(&self, account: &AccountSpec) -> Option<ConfigError> {
        let has_keys = account.key.is_some() || account.secret.is_some() || account.passphrase.is_some();
        if has_keys || !account.address.is_empty() {
            let words = "an account has keys or an address, or a file of positions, not both";
            return Some(account.place.at_name(words));
        }
        let is_known = self.venues.iter().any(|v| v.id == account.venue);
        (!is_known).then(|| self.no_venue(account))
    }

    fn no_venue(&self, account: &AccountSpec) -> ConfigError {
        let error = account.place.at_venue(format!("there is no venue `{}`", account.venue));
        match nearest(&account.venue, self.venues.iter().map(|v| v.id.as_str())) {
            Some(near) => error.with_help(format!("did you mean `{near}`?")),
            None => error,
        }
    }

    /// What is wrong with an account, if anything.
    fn unfit(&self, account: &AccountSpec) -> Option<ConfigError> {
        if account.positions.is_some() {
            return self.unfit_given(account);
        }
        let needs = match self.needs(account) {
            Ok(needs) => needs,
            Err(error) => return Some(error),
        };
        let parts: &[(&str, bool)] = &[
            ("key", account.key.is_some() || needs == Needs::Address),
            ("secret", account.secret.is_some() || needs == Needs::Address),
            ("passphrase", account.passphrase.is_some() || needs != Needs::KeyAndPassphrase),
            ("address", !account.address.is_empty() || needs != Needs::Address),
        ];
        let place = &account.place;
        if let Some((part, _)) = parts.iter().find(|(_, is_there)| !is_there) {
            let message = format!("account `{}`: {} needs its {part}", account.name, account.venue);
            let help = match *part {
                "address" => r#"write address = "0x...""#.to_string(),
                part => format!(r#"write {part} = {{ env = "NAME" }} or {{ file = "/path" }}"#),
            };
            return Some(place.at_name(message).with_help(help));
        }
        None
    }

    /// Positions of the accounts that are given by hand, as rows for the tape.
    pub fn given(&self) -> Result<Vec<GivenPosition>, Failure> {
        let mut rows = Vec::new();
        for spec in &self.accounts {
            let Some(path) = &spec.positions else { continue };
            let own = |row: &GivenPosition| row.account == spec.name && row.venue == spec.venue;
            rows.extend(given::rows(Path::new(path), &self.known)?.into_iter().filter(own));
        }
        Ok(rows)
    }

    /// The accounts with their keys, for the feeds. Accounts of venues that are not watched are left out.
    pub fn account_feeds(&self) -> Result<Vec<AccountFeed>, Failure> {
        let mut feeds = Vec::new();
        let is_watched = |a: &&AccountSpec| self.venues.iter().any(|v| v.id == a.venue);
        for spec in self.accounts.iter().filter(is_watched).filter(|a| a.positions.is_none()) {
            let needs = self.needs(spec).map_err(|e| Failure::config(&[e]))?;
            let keys = secrets::keys(spec, needs).map_err(Failure::secrets)?;
            let account = Account { name: spec.name.clone(), address: spec.address.clone() };
            feeds.push(AccountFeed { venue: spec.venue.clone(), account, keys });
        }
        Ok(feeds)
    }

    /// Keeps the venues with these ids or brands, in that order. Empty keeps all. A second door to a pool
    /// stays only when its id is named, or when an account is there.
    pub fn choose(&mut self, names: &[String]) -> Result<(), Failure> {
        let has_account = |v: &VenueSpec| self.accounts.iter().any(|a| a.venue == v.id);
        let is_door = |v: &VenueSpec| !v.may_share.is_empty() && !has_account(v);
        let mut kept: Vec<VenueSpec> = Vec::new();
        if names.is_empty() {
            kept.extend(self.venues.iter().filter(|v| !is_door(v)).cloned());
        }
        for name in names {
            let before = kept.len();
            let is_meant = |v: &&VenueSpec| v.id == *name || v.brand == *name && !is_door(v);
            kept.extend(self.venues.iter().filter(is_meant).cloned());
            if kept.len() == before {
                let known: Vec<&str> = self.venues.iter().map(|v| v.id.as_str()).collect();
                return Err(Failure::usage(format!(
                    "there is no venue `{name}`; known are {}",
                    known.join(", ")
                )));
            }
        }
        let ids: Vec<String> = kept.iter().map(|v| v.id.clone()).collect();
        self.texts.retain(|name, _| {
            name.strip_prefix("venues/")
                .and_then(|n| n.strip_suffix(".toml"))
                .is_none_or(|id| ids.iter().any(|i| i == id))
        });
        self.venues = kept;
        Ok(())
    }
}

/// Built-in themes, then those of the configuration directory; a theme of the user takes the place of one
/// with the same name.
pub fn themes() -> Result<Vec<ThemeSpec>, Failure> {
    let mut themes = theme::builtin().map_err(|e| Failure::config(&[e]))?;
    theme::add(&mut themes, &config_folder("themes")?).map_err(|e| Failure::config(&e))?;
    Ok(themes)
}

/// `$XDG_CONFIG_HOME/faultline`, or `~/.config/faultline`.
pub fn config_dir() -> Option<PathBuf> {
    base("XDG_CONFIG_HOME", ".config")
}

/// `$XDG_DATA_HOME/faultline`, or `~/.local/share/faultline`: recordings.
pub fn data_dir() -> Option<PathBuf> {
    base("XDG_DATA_HOME", ".local/share")
}

/// Where the journal, logs and what the screen keeps are: the folder systemd gives a service,
/// `$XDG_STATE_HOME/faultline`, or `~/.local/state/faultline`.
pub fn state_dir() -> Option<PathBuf> {
    let given = std::env::var_os("STATE_DIRECTORY").filter(|v| !v.is_empty()).map(PathBuf::from);
    given.or_else(|| base("XDG_STATE_HOME", ".local/state"))
}

/// `$XDG_CACHE_HOME/faultline`, or `~/.cache/faultline`: what can be made again.
pub fn cache_dir() -> Option<PathBuf> {
    base("XDG_CACHE_HOME", ".cache")
}

/// Name and text of a file of the configuration directory; `None` where there is none.
pub fn config_file(name: &str) -> Result<Option<(String, String)>, Failure> {
    let Some(path) = config_dir().map(|dir| dir.join(name)).filter(|path| path.exists()) else {
        return Ok(None);
    };
    Ok(Some((path.display().to_string(), read_file(&path)?)))
}

fn base(variable: &str, fallback: &str) -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let root = set(variable).or_else(|| Some(set("HOME")?.join(fallback)))?;
    Some(root.join("faultline"))
}

fn unknown(rule: &Rule, what: &str, name: &str, near: Option<&str>) -> ConfigError {
    let error =
        rule.place.at_id(format!("rule `{}` looks at {what} `{name}`, which does not exist", rule.id));
    match near {
        Some(near) => error.with_help(format!("did you mean `{near}`?")),
        None => error,
    }
}

/// A venue that fits to the others and to this build.
fn fitting(name: &str, text: &str, venue: VenueSpec, others: &[VenueSpec]) -> Result<VenueSpec, ConfigError> {
    let at = |value: &str| {
        let from = text.find(&format!("\"{value}\"")).unwrap_or(0);
        from..from + value.len() + 2
    };
    if others.iter().any(|v| v.id == venue.id) {
        let message = format!("venue `{}` stands in two files", venue.id);
        return Err(ConfigError::at(name, text, at(&venue.id), message));
    }
    if dialect::find(&venue.dialect).is_some() {
        return Ok(venue);
    }
    let known = || dialect::DIALECTS.iter().map(|d| d.id());
    let message = format!("there is no dialect `{}`", venue.dialect);
    let error = ConfigError::at(name, text, at(&venue.dialect), message);
    Err(match nearest(&venue.dialect, known()) {
        Some(near) => error.with_help(format!("did you mean `{near}`?")),
        None => error.with_help(format!("there are {}", known().collect::<Vec<_>>().join(", "))),
    })
}

/// Files of facts, shipped or of the user.
fn is_of_rulebook(name: &str) -> bool {
    name.starts_with("rulebook/") || name.starts_with("venues/rulebook/")
}

pub(super) fn read_file(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|e| Failure::config_file(path, &e))
}

/// TOML files of a folder of the configuration directory, by name.
pub fn config_folder(folder: &str) -> Result<Vec<(String, String)>, Failure> {
    config_dir().map_or(Ok(Vec::new()), |dir| read_folder(&dir.join(folder), folder))
}

/// TOML files of a folder by name; a folder that does not exist is empty.
pub(super) fn read_folder(dir: &Path, prefix: &str) -> Result<Vec<(String, String)>, Failure> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Ok(Vec::new()) };
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|e| Some(e.ok()?.path()))
        .filter(|p| p.extension().is_some_and(|e| e == "toml"))
        .take(FILES_MAX + 1)
        .collect();
    if paths.len() > FILES_MAX {
        let error = std::io::Error::other(format!("it holds more than {FILES_MAX} files"));
        return Err(Failure::config_file(dir, &error));
    }
    paths.sort();
    paths
        .into_iter()
        .map(|path| {
            let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
            Ok((format!("{prefix}/{name}"), read_file(&path)?))
        })
        .collect()
}
