//! A new venue on a known protocol is one file: nothing of the program changes.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a broken helper is a failed test")]

#[path = "room/program.rs"]
mod program;
#[path = "room/temp.rs"]
mod temp;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;

use faultline::clock::Clock;
use faultline::config::builtin;
use faultline::sim::{Scene, Sim, SimConfig, serve};
use program::{program, run};
use sonic_rs::{JsonContainerTrait, JsonValueTrait, Value};
use tokio::runtime::Runtime;

/// A second pool with the protocol of a built-in venue: another id, other hosts.
fn second(of: &str, host: (&str, &str)) -> String {
    let file = format!("venues/{of}.toml");
    let (_, text) = builtin::VENUES.iter().find(|(name, _)| *name == file).unwrap();
    let other = [
        (format!("\nid = \"{of}\""), format!("\nid = \"{of}-two\"")),
        (format!("\nbrand = \"{of}\""), "\nbrand = \"second\"".into()),
        (format!("\nshort = \"{of}\""), format!("\nshort = \"{of}-2\"")),
        (host.0.into(), host.1.into()),
    ];
    // Entities and facts are those of the first one; of the second nothing is known.
    let own = text.split("\n# Rulebook:").next().unwrap_or(text);
    other.iter().fold(own.to_string(), |text, (from, to)| {
        assert!(text.contains(from.as_str()), "{file} has no {from:?}");
        text.replace(from.as_str(), to)
    })
}

fn simulator(runtime: &Runtime) -> (Sim, BTreeMap<String, SocketAddr>) {
    let clock = Clock::start();
    let venues = vec!["bybit".to_string(), "okx".to_string()];
    let config = SimConfig { venues, ..SimConfig::new(7, Scene::Calm, clock.now()) };
    let sim = runtime.block_on(serve(config, clock)).unwrap();
    let places = sim.endpoints().iter().cloned().collect();
    (sim, places)
}

/// The map of these venues, two of which stand in the user's folder only.
fn map(home: &Path, config: &Path, places: &BTreeMap<String, SocketAddr>) -> Value {
    let mut command = program(home);
    command.env("XDG_CONFIG_HOME", config);
    command.args([
        "snapshot",
        "map",
        "--json",
        "--source",
        "live",
        "--no-account",
        "--underlyings",
        "BTC,ETH",
    ]);
    command.args(["--venues", "bybit,okx,second"]);
    for (id, address) in places {
        command.args([
            "--redirect",
            &format!("{id}={address}"),
            "--redirect",
            &format!("{id}-two={address}"),
        ]);
    }
    let ran = run(&mut command, b"");
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    sonic_rs::from_str(&ran.out).unwrap_or_else(|e| panic!("{e}: {}", ran.out))
}

/// Catches: something outside a venue's file that knows which venues there are.
#[test]
fn a_venue_file_puts_a_venue_on_the_map() {
    let room = temp::Temp::new("venue_file");
    let venues = room.path().join("config/faultline/venues");
    std::fs::create_dir_all(&venues).unwrap();
    for (id, host) in [("bybit", ("bybit.com", "second.example")), ("okx", ("okx.com", "second.example"))] {
        std::fs::write(venues.join(format!("{id}-two.toml")), second(id, host)).unwrap();
    }
    let runtime = Runtime::new().unwrap();
    let (sim, places) = simulator(&runtime);
    let map = map(room.path(), &room.path().join("config"), &places);
    let cells = map["metrics"][0]["cells"].as_array().unwrap();
    let live: Vec<String> = cells
        .iter()
        .filter(|cell| cell["state"].as_str() == Some("value"))
        .map(|cell| format!("{} {}", cell["venue"].as_str().unwrap(), cell["underlying"].as_str().unwrap()))
        .collect();
    let expected =
        ["bybit", "okx", "bybit-two", "okx-two"].map(|id| [format!("{id} BTC"), format!("{id} ETH")]);
    assert_eq!(live, expected.concat(), "{map}");
    runtime.block_on(sim.stop()).unwrap();
}
