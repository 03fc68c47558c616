//! Pages: tables that are made from the program, links that lead somewhere, sizes of files.
//!
//! `UPDATE=1 cargo test --test house` writes the tables anew.

use std::fmt::Write as _;

use clap::CommandFactory as _;
use faultline::cli::args::Args;
use faultline::config::{self, builtin};
use faultline::dialect::account::Needs;
use faultline::dialect::{self, AccountDialect, Dialect};
use faultline::engine::metric::METRICS;
use faultline::view::action::BINDINGS;
use faultline::view::screen::SCREENS;

use crate::source::{names, read, root, rust_files};
use crate::{floors, limits};

const LINES_MAX: usize = 500;
const ARCHITECTURE_LINES_MAX: usize = 250;

/// A table between two comments of a page.
struct Block {
    page: &'static str,
    name: &'static str,
    text: String,
}

fn blocks() -> Vec<Block> {
    let block = |page, name, text| Block { page, name, text };
    vec![
        block("README.md", "commands", commands()),
        block("README.md", "keys", keys()),
        block("README.md", "exit codes", exit_codes()),
        block("README.md", "venues", venues()),
        block("src/ARCHITECTURE.md", "floors", floors::table()),
        block("src/LIMITS.md", "limits", limits::table()),
        block("src/METRICS.md", "metrics", metrics()),
        block("src/METRICS.md", "cards", cards()),
    ]
}

#[test]
fn tables_of_the_pages_are_those_of_the_program() {
    for Block { page, name, text } in blocks() {
        let old = read(page);
        let begin = format!("<!-- begin {name}: written by tests/house -->\n");
        let end = format!("<!-- end {name} -->");
        let (head, rest) = old.split_once(&begin).unwrap_or_else(|| panic!("{page}: no table `{name}`"));
        let (held, tail) = rest.split_once(&end).unwrap_or_else(|| panic!("{page}: no end of `{name}`"));
        let expected = format!("\n{text}\n");
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(root().join(page), format!("{head}{begin}{expected}{end}{tail}")).unwrap();
        } else {
            assert!(held == expected, "{page}: the table `{name}` is old; UPDATE=1 cargo test --test house");
        }
    }
}

/// Every command and its own options, from the grammar.
fn commands() -> String {
    let mut out = String::from("| command | what it does | options |\n|---|---|---|\n");
    let mut root = Args::command();
    root.build();
    for command in root.get_subcommands().filter(|c| c.get_name() != "help") {
        let parts: Vec<_> = command.get_subcommands().filter(|c| c.get_name() != "help").collect();
        if parts.is_empty() {
            row(&mut out, "", command);
        }
        for part in parts {
            row(&mut out, &format!("{} ", command.get_name()), part);
        }
    }
    out
}

fn row(out: &mut String, prefix: &str, command: &clap::Command) {
    let mut name = format!("{prefix}{}", command.get_name());
    for arg in command.get_positionals() {
        let value = arg.get_value_names().and_then(|names| names.first()).map_or("", |name| name.as_str());
        let value = value.to_uppercase();
        name.push_str(&if arg.is_required_set() { format!(" {value}") } else { format!(" [{value}]") });
    }
    let own = command.get_arguments().filter(|arg| !arg.is_global_set() && !arg.is_positional());
    let options: Vec<String> = own
        .filter(|arg| arg.get_id() != "help")
        .filter_map(|arg| Some(format!("`--{}`", arg.get_long()?)))
        .collect();
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    writeln!(out, "| `{name}` | {} | {} |", about.replace('|', "\\|"), options.join(" ")).unwrap();
}

/// Every built-in venue, and what an own account needs there.
fn venues() -> String {
    let mut out =
        String::from("| venue | name | protocol | regime | own account by |\n|---|---|---|---|---|\n");
    for (file, text) in builtin::VENUES {
        let venue = config::venues::read(file, text).unwrap();
        let account = dialect::find(&venue.dialect).and_then(Dialect::account);
        let needs = match account.map(AccountDialect::needs) {
            None => "-",
            Some(Needs::Key) => "key",
            Some(Needs::KeyAndPassphrase) => "key and passphrase",
            Some(Needs::Address) => "address",
        };
        let (id, name, dialect, regime) = (&venue.id, &venue.name, &venue.dialect, &venue.regime);
        writeln!(out, "| `{id}` | {name} | `{dialect}` | {regime} | {needs} |").unwrap();
    }
    out
}

fn keys() -> String {
    let mut out = String::from("| keys | what they do |\n|---|---|\n");
    for screen in SCREENS {
        writeln!(out, "| `{}` | screen {} |", screen.key(), screen.title()).unwrap();
    }
    for binding in BINDINGS {
        let keys: Vec<String> = binding.keys.iter().map(|key| format!("`{key}`")).collect();
        let place = if binding.is_replay { " (replay)" } else { "" };
        writeln!(out, "| {} | {}{place} |", keys.join(" "), binding.help).unwrap();
    }
    out
}

/// Exit codes with the words of their doc comments.
fn exit_codes() -> String {
    let text = read("src/app/failure.rs");
    let module = text.split("pub mod code {").nth(1).and_then(|t| t.split("\n}").next()).unwrap();
    let mut out = String::from("| code | meaning |\n|---|---|\n");
    let mut words = Vec::new();
    for line in module.lines().map(str::trim) {
        if let Some(doc) = line.strip_prefix("/// ") {
            words.push(doc);
        } else if let Some(value) = line.split(" = ").nth(1) {
            writeln!(out, "| {} | {} |", value.trim_end_matches(';'), words.join(" ")).unwrap();
            words.clear();
        }
    }
    out
}

fn metrics() -> String {
    let mut out = String::from("| metric | unit | meaning |\n|---|---|---|\n");
    for card in METRICS.iter().map(|metric| metric.card()) {
        let meaning = card.meaning.replace('|', "\\|");
        writeln!(out, "| `{}` | {} | {meaning} |", card.id, card.unit.word()).unwrap();
    }
    out
}

/// Every card in full.
fn cards() -> String {
    let mut out = String::new();
    for card in METRICS.iter().map(|metric| metric.card()) {
        writeln!(out, "### `{}`: {}\n", card.id, card.title).unwrap();
        for (label, text) in card.lines() {
            writeln!(out, "- {label}: {}", text.replace('|', "\\|")).unwrap();
        }
        out.push('\n');
    }
    out.trim_end().to_string() + "\n"
}

#[test]
fn files_keep_their_size_and_say_why_they_exist() {
    let mut wrong = String::new();
    for file in ["src", "tests", "benches", "fuzz"].iter().flat_map(|folder| rust_files(folder)) {
        let lines = file.text.lines().count();
        if lines > LINES_MAX {
            writeln!(wrong, "{}: {lines} lines, at most {LINES_MAX}: split it", file.path).unwrap();
        }
        if !file.text.starts_with("//!") && !file.text.starts_with("#![doc = ") {
            writeln!(wrong, "{}: the first line says why the file exists (`//!`)", file.path).unwrap();
        }
    }
    let lines = read("src/ARCHITECTURE.md").lines().count();
    if lines > ARCHITECTURE_LINES_MAX {
        writeln!(wrong, "src/ARCHITECTURE.md: {lines} lines, at most {ARCHITECTURE_LINES_MAX}").unwrap();
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// Files that pages name in backticks exist: `src/…`, `tests/…`, `venues/…` and so on.
#[test]
fn paths_that_the_pages_name_exist() {
    let mut wrong = String::new();
    for page in [
        "README.md",
        "src/ARCHITECTURE.md",
        "src/METRICS.md",
        "venues/README.md",
        "themes/README.md",
        "tests/README.md",
        "recordings/README.md",
        "fuzz/README.md",
    ] {
        for word in read(page).split('`').skip(1).step_by(2) {
            let starts = ["src/", "tests/", "benches/", "fuzz/", ".ci/"];
            let is_plain = word.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
            if is_plain && starts.iter().any(|s| word.starts_with(s)) && !root().join(word).exists() {
                writeln!(wrong, "{page}: `{word}` does not exist").unwrap();
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// README says which tests are skipped without captured messages.
#[test]
fn readme_names_every_test_file_that_needs_the_corpus() {
    let readme = read("README.md");
    let marks = ["FAULTLINE_CORPUS\"", "= corpus("];
    for file in rust_files("tests").iter().filter(|file| marks.iter().any(|mark| file.code.contains(mark))) {
        let is_helper = file.path.ends_with("collect.rs") || file.path.starts_with("tests/house");
        assert!(
            is_helper || readme.contains(&format!("`{}`", file.path)),
            "README.md: {} needs the corpus",
            file.path
        );
    }
}

/// The page of the tests names every test program.
#[test]
fn tests_readme_names_every_test_program() {
    let page = read("tests/README.md");
    for name in names("tests", ".rs") {
        assert!(page.contains(&format!("`tests/{name}`")), "tests/README.md: {name} is missing");
    }
}
