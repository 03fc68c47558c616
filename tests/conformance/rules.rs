//! Every numbered sequence rule has something that breaks it: `rules.toml` beside this file against the docs
//! of the dialects, the case folders and the test functions. `RULES.md` is written from it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use faultline::dialect::DIALECTS;
use serde::Deserialize;

#[derive(Deserialize)]
struct Table {
    rule: Vec<Rule>,
}

/// One rule of one dialect.
#[derive(Deserialize)]
struct Rule {
    dialect: String,
    id: String,
    /// The sentences of the doc.
    says: String,
    /// Case folders, or `file::function`.
    broken_by: Vec<String>,
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// The head of a rule: `1. …` or `- A1. …`.
fn head(line: &str) -> Option<(&str, &str)> {
    let (id, says) = line.strip_prefix("- ").unwrap_or(line).split_once(". ")?;
    let number = id.strip_prefix(|c: char| c.is_ascii_uppercase()).unwrap_or(id);
    (!number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())).then_some((id, says))
}

/// Numbered rules of a module doc, in their order.
fn rules_of(doc: &str) -> Vec<(String, String)> {
    let mut rules: Vec<(String, String)> = Vec::new();
    let mut is_open = false;
    for line in doc.lines().map_while(|line| line.strip_prefix("//!")) {
        match head(line.trim_start()) {
            Some((id, says)) => {
                rules.push((id.into(), says.into()));
                is_open = true;
            }
            None if line.starts_with("    ") && is_open => {
                let rule = rules.last_mut().unwrap();
                rule.1 = format!("{} {}", rule.1, line.trim());
            }
            None => is_open = false,
        }
    }
    rules
}

fn table() -> Vec<Rule> {
    toml::from_str::<Table>(&read("tests/conformance/rules.toml")).unwrap().rule
}

/// The file as it should be, its sentences taken from the docs.
fn written(table: &[Rule]) -> String {
    let text = read("tests/conformance/rules.toml");
    let mut out: String =
        text.lines().take_while(|l| l.starts_with('#')).fold(String::new(), |s, l| s + l + "\n");
    for rule in table {
        let says = rule.says.replace('\\', "\\\\").replace('"', "\\\"");
        write!(
            out,
            "\n[[rule]]\ndialect = \"{}\"\nid = \"{}\"\nsays = \"{says}\"\nbroken_by = [\n",
            rule.dialect, rule.id
        )
        .unwrap();
        rule.broken_by.iter().for_each(|by| writeln!(out, "    \"{by}\",").unwrap());
        out.push_str("]\n");
    }
    out
}

/// The page for people.
fn page(table: &[Rule]) -> String {
    let mut out = String::from(
        "# Sequence rules and what breaks them\n\nWritten by `UPDATE=1 cargo test --test conformance` from \
         `rules.toml`. Folders are below `tests/captured/`, functions below `src/dialect/`.\n",
    );
    for dialect in DIALECTS {
        write!(out, "\n## {}\n\n| rule | says | broken by |\n|---|---|---|\n", dialect.id()).unwrap();
        for rule in table.iter().filter(|rule| rule.dialect == dialect.id()) {
            let short = |by: &String| {
                let by = by.trim_start_matches("tests/captured/").trim_start_matches("src/dialect/");
                format!("`{by}`")
            };
            let by: Vec<String> = rule.broken_by.iter().map(short).collect();
            let says = rule.says.replace('|', "\\|");
            writeln!(out, "| {} | {says} | {} |", rule.id, by.join("<br>")).unwrap();
        }
    }
    out
}

/// Catches: a rule that was written down and never tried, a rule that is kept here and no longer there.
#[test]
fn every_numbered_rule_stands_in_the_table_with_what_breaks_it() {
    let mut table = table();
    let is_update = std::env::var_os("UPDATE").is_some();
    let (mut wrong, mut known) = (String::new(), 0);
    for dialect in DIALECTS {
        let rules = rules_of(&read(&format!("src/dialect/{}/mod.rs", dialect.id())));
        assert!(rules.len() >= 3, "{} has {} rules", dialect.id(), rules.len());
        known += rules.len();
        for (id, says) in rules {
            match table.iter_mut().find(|rule| rule.dialect == dialect.id() && rule.id == id) {
                Some(rule) if is_update => rule.says = says,
                Some(rule) if rule.says == says => {}
                Some(_) => writeln!(wrong, "{} {id} says: {says}", dialect.id()).unwrap(),
                None => writeln!(wrong, "{} {id} is missing: {says}", dialect.id()).unwrap(),
            }
        }
    }
    assert!(wrong.is_empty(), "tests/conformance/rules.toml:\n{wrong}");
    assert_eq!(table.len(), known, "the table has rules that no doc has, or one twice");
    for (path, text) in [("rules.toml", written(&table)), ("RULES.md", page(&table))] {
        let path = format!("tests/conformance/{path}");
        if is_update {
            std::fs::write(root().join(&path), &text).unwrap();
        }
        assert!(
            std::fs::read_to_string(root().join(&path)).is_ok_and(|t| t == text),
            "{path} is old: UPDATE=1 writes it"
        );
    }
}

/// Catches: a rule whose proof was renamed or deleted; a case that calls itself another rule's.
#[test]
fn what_breaks_a_rule_exists() {
    for Rule { dialect, id, broken_by, .. } in table() {
        assert!(!broken_by.is_empty(), "nothing breaks rule {id} of {dialect}");
        for by in broken_by {
            match by.split_once("::") {
                Some((file, function)) => {
                    assert!(file.starts_with(&format!("src/dialect/{dialect}/")), "{by} is not of {dialect}");
                    let test = format!("#[test]\n{{}}fn {function}(");
                    let text = read(file);
                    let is_there =
                        ["    ", ""].iter().any(|indent| text.contains(&test.replace("{}", indent)));
                    assert!(is_there, "{dialect} {id}: no test {by}");
                }
                None => {
                    assert!(by.starts_with(&format!("tests/captured/{dialect}")), "{by} is not of {dialect}");
                    for file in ["frames.ndjson", "expect.ndjson"] {
                        assert!(
                            root().join(Path::new(&by)).join(file).is_file(),
                            "{dialect} {id}: {by} lacks {file}"
                        );
                    }
                }
            }
        }
    }
}
