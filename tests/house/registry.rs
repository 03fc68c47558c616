//! Registries are whole: what one list names, the other lists and the files have.

use std::collections::BTreeSet;

use faultline::config::{builtin, theme, venues};
use faultline::dialect::{self, DIALECTS};
use faultline::engine::metric::METRICS;
use faultline::model::venue::VenueSpec;
use faultline::sim;

use crate::source::{names, read};

fn specs() -> Vec<VenueSpec> {
    builtin::VENUES
        .iter()
        .map(|(file, text)| venues::read(file, text).unwrap_or_else(|e| panic!("{e}")))
        .collect()
}

#[test]
fn every_metric_has_a_card_that_says_something() {
    let mut seen = BTreeSet::new();
    for card in METRICS.iter().map(|metric| metric.card()) {
        assert!(seen.insert(card.id), "{} stands twice", card.id);
        let fresh: BTreeSet<&str> = card.parts.iter().copied().collect();
        assert_eq!(fresh.len(), card.parts.len(), "{}: a part stands twice", card.id);
        for text in [card.title, card.meaning, card.formula, card.source] {
            assert!(text.trim().len() >= 4, "{}: empty text on its card", card.id);
        }
        let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        assert!(card.id.chars().all(is_word), "{}", card.id);
    }
}

#[test]
fn every_file_of_venues_themes_and_scenarios_is_in_the_binary() {
    let embedded = |list: &[(&str, &str)], folder: &str| {
        let mut files: Vec<String> =
            list.iter().map(|(name, _)| name.trim_start_matches(folder).to_string()).collect();
        files.sort();
        files
    };
    assert_eq!(embedded(builtin::VENUES, "venues/"), names("venues", ".toml"), "src/config/builtin.rs");
    assert_eq!(embedded(builtin::THEMES, "themes/"), names("themes", ".toml"), "src/config/builtin.rs");
    let scenarios = embedded(builtin::SCENARIOS, "scenarios/");
    assert_eq!(scenarios, names("src/config/whatif", ".toml"), "src/config/builtin.rs");
}

#[test]
fn venues_dialects_and_simulated_venues_belong_together() {
    let specs = specs();
    for spec in &specs {
        assert!(dialect::find(&spec.dialect).is_some(), "{}: no dialect `{}`", spec.id, spec.dialect);
        assert!(sim::VENUES.iter().any(|venue| venue.id() == spec.id), "{} is not simulated", spec.id);
    }
    for dialect in DIALECTS {
        assert!(specs.iter().any(|spec| spec.dialect == dialect.id()), "no venue speaks {}", dialect.id());
    }
    for venue in sim::VENUES {
        assert!(specs.iter().any(|spec| spec.id == venue.id()), "no venue file for {}", venue.id());
    }
    let shorts: BTreeSet<&str> = specs.iter().map(|spec| spec.short.as_str()).collect();
    assert_eq!(shorts.len(), specs.len(), "two venues have the same short name");
}

#[test]
fn every_theme_reads() {
    let themes = theme::builtin().unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(themes.len(), builtin::THEMES.len());
    for ((file, _), theme) in builtin::THEMES.iter().zip(themes) {
        assert_eq!(*file, format!("themes/{}.toml", theme.name));
    }
}

#[test]
fn facts_of_venue_files_say_where_they_come_from() {
    for name in names("venues", ".toml") {
        let text = read(&format!("venues/{name}"));
        let head: String = text.lines().take_while(|line| line.starts_with('#')).collect();
        assert!(
            head.contains("Facts: ") && head.contains("read 20"),
            "{name}: first comment: sources and when read"
        );
        for part in text.split("[[instrument]]").skip(1) {
            let has = |key: &str| part.lines().any(|l| l.starts_with(key) && l.len() > key.len() + 6);
            assert!(has("source = ") && has("as_of = "), "{name}: an instrument without source or date");
        }
    }
}
