//! From files to one rulebook: built-in facts first, those of the user over them, key by key.

use std::collections::{BTreeMap, BTreeSet};

use super::fact::{Fact, Layer};
use super::page::Page;
use super::venue::{Links, VenueRules};
use super::{ROWS_MAX, Rulebook, baseline, regime, source, venue};
use crate::config::{ConfigError, builtin};

/// A file: its name and its text.
#[derive(Clone, Copy, Debug)]
pub struct Given<'a> {
    /// `venues/x.toml`, or `rulebook/x.toml` of the user.
    pub name: &'a str,
    /// Its text.
    pub text: &'a str,
}

/// Folder of the user's facts.
const USER: &str = "rulebook/";
/// Folder of shipped facts.
const SHIPPED: &str = "venues/rulebook/";

impl Rulebook {
    /// The built-in facts with nothing over them.
    ///
    /// # Errors
    /// Only when a shipped file is broken; a test reads them all.
    pub fn built_in() -> Result<Rulebook, Vec<ConfigError>> {
        Rulebook::read(&[])
    }

    /// The built-in facts with these files over them: venue files stand for the built-in ones of their name,
    /// files of `rulebook/` come key by key over all.
    ///
    /// # Errors
    /// Every mistake in every file, with its place.
    pub fn read(given: &[Given<'_>]) -> Result<Rulebook, Vec<ConfigError>> {
        let shipped = builtin::RULEBOOK.iter().chain(builtin::VENUES);
        let says = |g: &Given<'_>| g.name.starts_with(SHIPPED) || has_section(g.text);
        let stands_for = |name: &str| given.iter().any(|g| g.name == name && says(g));
        let mut files: Vec<(Given<'_>, Layer)> = shipped
            .filter(|(name, _)| !stands_for(name))
            .map(|(name, text)| (Given { name, text }, Layer::BuiltIn))
            .collect();
        for file in given {
            let is_user = file.name.starts_with(USER);
            let is_venue = file.name.starts_with("venues/") && says(file);
            if is_user || is_venue {
                files.push((*file, if is_user { Layer::User } else { Layer::BuiltIn }));
            }
        }
        if files.len() > ROWS_MAX {
            let message = format!("{} files of rules; the limit is {ROWS_MAX}", files.len());
            return Err(vec![ConfigError::at(USER, "", 0..0, message)]);
        }
        Reading::default().all(&files)
    }
}

/// Whether a venue file says something about rules.
fn has_section(text: &str) -> bool {
    text.lines().any(|line| line.trim_start().trim_start_matches('[').starts_with("rulebook"))
}

/// What kind of file a name stands for.
fn stem(name: &str) -> &str {
    let name = name.rsplit(['/', '\\']).next().unwrap_or(name);
    name.strip_suffix(".toml").unwrap_or(name)
}

#[derive(Default)]
struct Reading<'a> {
    book: Rulebook,
    links: Vec<(Given<'a>, Links)>,
    errors: Vec<ConfigError>,
}

impl<'a> Reading<'a> {
    fn all(mut self, files: &[(Given<'a>, Layer)]) -> Result<Rulebook, Vec<ConfigError>> {
        for (file, _) in files.iter().filter(|(f, _)| stem(f.name) == "sources") {
            match source::read(file.name, file.text) {
                Ok(sources) => self.book.sources.extend(sources),
                Err(error) => self.errors.push(error),
            }
        }
        let known: BTreeSet<String> = self.book.sources.keys().cloned().collect();
        for (file, layer) in files {
            let page = Page { file: file.name, text: file.text, layer: *layer, sources: &known };
            if let Err(error) = self.one(*file, &page) {
                self.errors.push(error);
            }
        }
        self.join();
        if self.errors.is_empty() { Ok(self.book) } else { Err(self.errors) }
    }

    fn one(&mut self, file: Given<'a>, page: &Page<'_>) -> Result<(), ConfigError> {
        match stem(file.name) {
            "sources" => {}
            "jurisdictions" => {
                for found in regime::read(page)? {
                    let place = self.book.jurisdictions.entry(found.code.clone()).or_default();
                    let mut facts = std::mem::take(&mut place.facts);
                    for (key, fact) in &found.facts {
                        match facts.iter_mut().find(|f| f.0 == *key) {
                            Some(old) => old.1 = over(fact.clone(), std::mem::take(&mut old.1)),
                            None => facts.push((key, fact.clone())),
                        }
                    }
                    *place = found;
                    place.facts = facts;
                }
            }
            "baseline" => self.book.baseline = baseline::read(page)?,
            _ => {
                let is_alone = page.layer == Layer::User || file.name.starts_with(SHIPPED);
                if let Some((rules, links)) = venue::read(page, is_alone)? {
                    self.links.push((file, links));
                    merge(self.book.venues.entry(rules.id.clone()).or_default(), rules);
                }
            }
        }
        Ok(())
    }

    /// Names that must exist do, and an entity stands in one file.
    fn join(&mut self) {
        let mut owner: BTreeMap<&str, &str> = BTreeMap::new();
        for venue in self.book.venues.values() {
            for entity in &venue.entities {
                if let Some(other) = owner.insert(&entity.id, &venue.id) {
                    let message =
                        format!("entity `{}` stands with `{other}` and with `{}`", entity.id, venue.id);
                    let error = ConfigError::at("venues", "", 0..0, message);
                    self.errors.push(error.with_help("an entity stands in one file; others name its id"));
                }
            }
        }
        let none = BTreeSet::new();
        for (file, links) in &self.links {
            let page = Page { file: file.name, text: file.text, layer: Layer::BuiltIn, sources: &none };
            for (at, id) in links.entities.iter().filter(|(_, id)| !owner.contains_key(id.as_str())) {
                self.errors.push(page.unknown(at, "entity", id, owner.keys().copied()));
            }
            let regimes = || self.book.jurisdictions.keys().map(String::as_str);
            for (at, code) in links.regimes.iter().filter(|(_, c)| !self.book.jurisdictions.contains_key(c)) {
                self.errors.push(page.unknown(at, "regime", code, regimes()));
            }
        }
    }
}

/// A fact over the one it stands for.
fn over(mut new: Fact, mut old: Fact) -> Fact {
    old.over = None;
    new.over = Some(Box::new(old));
    new
}

fn merge_facts(into: &mut BTreeMap<String, Fact>, from: BTreeMap<String, Fact>) {
    for (key, fact) in from {
        let merged = match into.remove(&key) {
            Some(old) => over(fact, old),
            None => fact,
        };
        into.insert(key, merged);
    }
}

fn merge(into: &mut VenueRules, from: VenueRules) {
    let keep = |new: String, old: &mut String| {
        if !new.is_empty() {
            *old = new;
        }
    };
    keep(from.id, &mut into.id);
    keep(from.name, &mut into.name);
    keep(from.regime, &mut into.regime);
    into.is_reference |= from.is_reference;
    into.pool = from.pool.or(into.pool.take());
    for entity in from.entities {
        into.entities.retain(|e| e.id != entity.id);
        into.entities.push(entity);
    }
    merge_facts(&mut into.rules, from.rules);
    merge_facts(&mut into.haircuts, from.haircuts);
    into.schedules.extend(from.schedules);
    for row in from.recognition {
        let key = |r: &super::Recognition| (r.entity.clone(), r.jurisdiction.clone(), r.class);
        into.recognition.retain(|r| key(r) != key(&row));
        into.recognition.push(row);
    }
}
