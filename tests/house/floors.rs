//! Floors: who may import whom, and which libraries belong to which floor.

use std::fmt::Write as _;

use crate::source::{File, rust_files};

/// Every module of the crate with its floor, what it may import, and what that means. This is the table
/// of `src/ARCHITECTURE.md`.
const FLOORS: &[(&str, u8, &[&str], &str)] = &[
    ("model", 0, &[], "the vocabulary; no I/O, no clock, no venue"),
    ("clock", 1, &["model"], "the one door to the wall clock"),
    ("config", 1, &["model"], "TOML given as text becomes checked structures"),
    ("snapshot", 1, &["model"], "what the eye sees: plain immutable data"),
    ("dialect", 2, &["model"], "wire protocols: bytes become events; the only place that knows venue JSON"),
    ("engine", 2, &["model", "snapshot", "config"], "the fold: books, windows, metrics, rules, alerts"),
    ("tape", 2, &["model", "clock"], "recordings: entries to MCAP and back, imports"),
    ("sink", 2, &["model", "config"], "alert events become lines, and lines what each receiver wants"),
    ("store", 2, &["model"], "the alert journal: what was told and done, on disk"),
    ("view", 2, &["model", "snapshot", "config"], "snapshots become cells, sentences, JSON"),
    (
        "courier",
        3,
        &["model", "clock", "sink", "store"],
        "lines are delivered: one task and one cursor per sink",
    ),
    ("feed", 3, &["model", "clock", "dialect"], "sockets, reconnects, REST, budgets"),
    ("sim", 3, &["model", "clock"], "the venue simulator; shares nothing with `dialect`"),
    (
        "pipeline",
        3,
        &["model", "config", "snapshot", "dialect", "engine"],
        "decoders and engine behind one door",
    ),
    ("app", 4, BELOW_APP, "wiring: sources meet faces"),
    ("cli", 5, BELOW_CLI, "the command line"),
];
const BELOW_APP: &[&str] = &[
    "model", "clock", "config", "snapshot", "dialect", "engine", "tape", "sink", "store", "view", "courier",
    "feed", "sim", "pipeline",
];
const BELOW_CLI: &[&str] = &[
    "model", "clock", "config", "snapshot", "dialect", "engine", "tape", "sink", "store", "view", "courier",
    "feed", "sim", "pipeline", "app",
];

/// Libraries and parts of std that only some modules may name.
const DOORS: &[(&str, &[&str])] = &[
    ("tokio", &["courier", "feed", "sim", "app", "cli"]),
    ("tokio_tungstenite", &["feed", "sim"]),
    ("hyper", &["courier", "feed", "sim", "app"]),
    ("rustls", &["courier", "feed"]),
    ("ratatui", &["view", "app"]),
    ("crossterm", &["view", "app"]),
    ("rustix", &["app"]),
    ("notify", &["app"]),
    ("mcap", &["tape"]),
    ("zstd", &["tape"]),
    ("clap", &["cli"]),
    ("rusqlite", &["store"]),
    ("toml", &["config"]),
    ("sonic_rs", &["dialect", "tape", "sink", "store", "view", "courier", "sim", "app", "cli"]),
    ("std::fs", &["tape", "store", "courier", "app", "cli"]),
    ("std::net", &["courier", "feed", "sim", "app", "cli"]),
    ("std::thread", &["courier", "app", "cli"]),
    ("std::process", &["courier", "app", "cli", "main"]),
    ("std::env", &["feed", "app", "cli"]),
    ("std::time", &["clock", "store", "courier", "feed", "sim", "app", "cli"]),
];

/// What must not be named where results come from, and what to take instead.
const SHUT: &[(&str, &str)] = &[
    ("Instant::now", "time comes from the tape"),
    ("SystemTime::now", "time comes from the tape"),
    ("thread_rng", "chance comes from the simulator's seed"),
    ("rand::", "chance comes from the simulator's seed"),
    ("HashMap", "its order is random; take a BTreeMap"),
    ("HashSet", "its order is random; take a BTreeSet"),
    ("unbounded_channel", "a queue has a limit with a name"),
    ("mpsc::channel()", "a queue has a limit with a name"),
    ("f64::from_str", "prices and money are Num or Decimal"),
    ("parse::<f64>", "prices and money are Num or Decimal"),
    ("from_f64", "prices and money are Num or Decimal"),
];
/// Files that may name what is shut, and what. An elliptic signature is not safe without chance; none of
/// it reaches the tape or an event.
const OPEN: &[(&str, &str)] = &[("src/dialect/coinbase/jwt.rs", "rand::")];
/// Modules whose result must be a function of the tape.
const PURE: &[&str] = &["model", "dialect", "engine", "pipeline"];

/// Modules of the crate that a file names, with the line that does.
fn imports(file: &File) -> Vec<(String, usize)> {
    let module = file.module();
    let mut found = Vec::new();
    for (at, _) in file.bare.match_indices("crate::") {
        let line = file.bare[..at].lines().count().max(1);
        let rest = &file.bare[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(group) => {
                let group = group.split("};").next().unwrap_or_default();
                found.extend(top_names(group).map(|name| (name, line)));
            }
            None => found.push((word(rest), line)),
        }
    }
    // A chain of `super::` that climbs to the crate names a module as well.
    for (at, _) in file.bare.match_indices("super::") {
        let before = &file.bare[..at];
        if before.ends_with("super::") {
            continue;
        }
        let chain = &file.bare[at..];
        let ups = chain.split("super::").take_while(|part| part.is_empty()).count();
        if ups >= module.len() {
            found.push((word(&chain["super::".len() * ups..]), before.lines().count().max(1)));
        }
    }
    found
}

/// First words of the members of `{a::b, c::{d, e}}`.
fn top_names(group: &str) -> impl Iterator<Item = String> + '_ {
    let mut depth = 0usize;
    let members = group.split(move |c| {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    });
    members.map(|member| word(member.trim_start())).filter(|name| !name.is_empty())
}

fn word(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

#[test]
fn a_file_imports_its_own_folder_and_allowed_floors_only() {
    let mut wrong = String::new();
    for file in rust_files("src") {
        let Some(own) = file.module().first().map(ToString::to_string) else { continue };
        let Some(row) = FLOORS.iter().find(|row| row.0 == own) else {
            panic!("{}: module `{own}` has no floor in tests/house/floors.rs", file.path)
        };
        for (name, line) in imports(&file) {
            if name != own && !row.2.contains(&name.as_str()) {
                writeln!(wrong, "{}:{line}: `{own}` must not import `{name}`", file.path).unwrap();
            }
        }
    }
    assert!(wrong.is_empty(), "src/ARCHITECTURE.md, floors:\n{wrong}");
}

#[test]
fn the_table_itself_leads_downwards() {
    for (name, floor, imports, _) in FLOORS {
        for import in *imports {
            let below = FLOORS.iter().find(|row| row.0 == *import).map(|row| row.1);
            assert!(below.is_some_and(|below| below < *floor), "{name} stands on {import}");
        }
    }
}

#[test]
fn libraries_and_the_machine_are_reached_from_their_floors_only() {
    let mut wrong = String::new();
    for file in rust_files("src") {
        let own = file.module().first().map_or("main", |name| *name).to_string();
        for (library, allowed) in DOORS {
            let path = format!("{library}::");
            let is_named = file.bare.match_indices(path.as_str()).any(|(at, _)| {
                let before = file.bare[..at].chars().next_back();
                !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':')
            });
            if is_named && !allowed.contains(&own.as_str()) {
                writeln!(wrong, "{}: `{own}` must not name `{library}`", file.path).unwrap();
            }
        }
    }
    assert!(wrong.is_empty(), "DOORS in tests/house/floors.rs:\n{wrong}");
}

#[test]
fn doors_to_time_chance_and_order_are_shut_where_results_come_from() {
    let mut wrong = String::new();
    for file in rust_files("src").iter().filter(|f| f.module().first().is_some_and(|m| PURE.contains(m))) {
        let is_open = |name: &str| OPEN.contains(&(file.path.as_str(), name));
        for (name, instead) in SHUT.iter().filter(|(name, _)| !is_open(name)) {
            for (place, _) in file.lines_with(&file.bare, name) {
                writeln!(wrong, "{place}: {name}: {instead}").unwrap();
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// The table for `src/ARCHITECTURE.md`.
pub(crate) fn table() -> String {
    let mut out = String::from("| floor | module | may import | duty |\n|---|---|---|---|\n");
    for (name, floor, imports, duty) in FLOORS {
        let imports = match *imports {
            [] => "nothing".to_string(),
            all if all.len() > 9 && all.len() == FLOORS.iter().filter(|row| row.1 < *floor).count() => {
                "everything below".into()
            }
            some => some.join(", "),
        };
        writeln!(out, "| {floor} | `{name}` | {imports} | {duty} |").unwrap();
    }
    out
}
