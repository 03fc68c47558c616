//! What-if on the command line: the shipped recordings under the shipped scenarios, byte for byte; what is
//! missing is said; files of strangers are refused at their place.
//!
//! `UPDATE=1 cargo test --test whatif` writes the goldens anew. Read the difference before you commit it.
#![expect(clippy::unwrap_used, reason = "a broken helper is a failed test")]

#[path = "room/program.rs"]
mod program;
#[path = "room/temp.rs"]
mod temp;

use std::path::{Path, PathBuf};

use program::{Ran, program, run};

fn whatif(home: &Path, words: &[&str]) -> Ran {
    run(program(home).arg("whatif").args(words), b"")
}

fn recording(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("recordings").join(name).to_str().unwrap().into()
}

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/whatif").join(name)
}

#[track_caller]
fn is_golden(name: &str, text: &str) {
    let path = golden(name);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
    }
    assert_eq!(text, std::fs::read_to_string(&path).unwrap(), "{}", path.display());
}

/// Catches: a figure that moves without a reason, a run time or a path in what must be the same bytes, limits
/// that are not printed.
#[test]
fn shipped_recordings_give_their_goldens() {
    let room = temp::Temp::new("whatif-golden");
    for (scenario, on, underlying, name) in [
        ("price_down_5", "calm.mcap", "BTC", "calm_price_down_5"),
        ("depth_60", "stale.mcap@16:32:20", "BTC", "stale_depth_60"),
        ("scan", "divergence.mcap@16:32:40", "SOL", "divergence_scan"),
        ("price_up_5", "divergence.mcap", "BTC", "divergence_not_subscribed"),
        ("slide_down_10", "divergence.mcap", "XRP", "divergence_first_critical"),
    ] {
        let on = recording(on);
        let words = ["run", scenario, "--on", &on, "--underlyings", underlying];
        let ran = whatif(room.path(), &words);
        assert_eq!(ran.code, Some(0), "{name}: {}", ran.err);
        assert!(ran.err.starts_with("run time "), "{}", ran.err);
        assert!(ran.out.starts_with("SANDBOX, DEMO: synthetic data."), "{}", ran.out);
        assert_eq!(
            ran.out.contains("LIMITS\n  Scenario, not forecast."),
            !ran.out.contains("not simulated:")
        );
        is_golden(&format!("{name}.txt"), &ran.out);
        let json = whatif(room.path(), &[&words[..], &["--json"]].concat());
        assert_eq!(json.out, whatif(room.path(), &[&words[..], &["--json"]].concat()).out, "{name}");
        if name == "calm_price_down_5" {
            is_golden(&format!("{name}.json"), &json.out);
        }
    }
}

/// Catches: a default instant that nobody can guess, an instant outside that passes for one inside.
#[test]
fn the_instant_is_told() {
    let room = temp::Temp::new("whatif-at");
    let at = |on: &str| {
        whatif(room.path(), &["run", "price_down_5", "--on", &recording(on), "--underlyings", "BTC"])
    };
    for (on, words) in [
        ("calm.mcap", "end of the recording: no critical alert before"),
        ("divergence.mcap", "divergence.mcap, first critical alert"),
        ("calm.mcap@16:32:30", "calm.mcap, as asked"),
        ("calm.mcap@23:59:59", "end of the recording: it is earlier than asked"),
    ] {
        let ran = at(on);
        assert!(ran.out.contains(words), "{on}: {}{}", ran.out, ran.err);
    }
    let ran = at("calm.mcap@00:00:01");
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("lies before the recording, which begins at"), "{}", ran.err);
}

/// Catches: a scenario that nobody finds, a user's file that does not replace the shipped one.
#[test]
fn scenarios_are_listed_and_shown() {
    let room = temp::Temp::new("whatif-ls");
    let listed = whatif(room.path(), &["ls"]);
    assert_eq!((listed.code, listed.out.lines().count()), (Some(0), 6), "{}", listed.err);
    let folder = room.path().join("config/faultline/scenarios");
    std::fs::create_dir_all(&folder).unwrap();
    let own = "title = \"ours\"\nunderlyings = [\"ETH\"]\n[price]\nchange_pct = -7.5\n";
    std::fs::write(folder.join("scan.toml"), own).unwrap();
    std::fs::write(folder.join("desk.toml"), own).unwrap();
    let with = |words: &[&str]| {
        let mut command = program(room.path());
        run(command.env("XDG_CONFIG_HOME", room.path().join("config")).arg("whatif").args(words), b"")
    };
    let listed = with(&["ls"]);
    assert_eq!(listed.out.lines().count(), 7, "{}", listed.out);
    assert!(listed.out.contains("scan             price -7.5 % at once"), "{}", listed.out);
    assert_eq!(with(&["show", "desk"]).out, format!("# scenarios/desk.toml\n# price -7.5 % at once\n{own}"));
    let ran = with(&["run", "desk", "--on", &recording("calm.mcap")]);
    assert!(ran.out.contains("desk on ETH: ours") && !ran.out.contains("BTC"), "{}", ran.out);
}

/// Catches: a mistake without place or remedy, a file of any length that is read whole, escape codes that
/// reach the terminal.
#[test]
fn mistakes_are_told() {
    let room = temp::Temp::new("whatif-bad");
    let file = |name: &str, text: &str| {
        std::fs::write(room.path().join(name), text).unwrap();
        name.to_string()
    };
    let calm = recording("calm.mcap");
    let bad = file("bad.toml", "title = \"x\"\n[price]\nchange_pc = -5\n");
    let wide = file("wide.toml", "title = \"x\"\n[price]\nchange_pct = -90\n");
    let long = file("long.toml", &"# x\n".repeat(300_000));
    let nest = file("nest.toml", &format!("title = {}\n", "[".repeat(100_000)));
    let show = file("show.toml", "title = \"x\" # \u{1b}[31m\n[scan]\n");
    for (words, code, expected) in [
        (&["run", &bad, "--on", &calm][..], 3, "did you mean `change_pct`?"),
        (&["run", &bad, "--on", &calm], 3, "--> bad.toml:3:1"),
        (&["run", &wide, "--on", &calm], 3, "does not lie between -40 and 40"),
        (&["show", &long], 3, "the limit is 1048576"),
        (&["show", &nest], 3, "nest.toml:1:"),
        (&["show", "nowhere.toml"], 3, "cannot read nowhere.toml"),
        (&["show", "/dev/zero/"], 3, "cannot read /dev/zero/"),
        (&["run", "scann", "--on", &calm], 2, "did you mean `scan`?"),
        (&["run", "qqqqqqqqq", "--on", &calm], 2, "there are price_down_5,"),
        (&["run", "scan", "--on", "live"], 2, "record first"),
        (&["run", "scan", "--on", "nowhere.mcap"], 5, "nowhere.mcap"),
        (
            &["run", "scan", "--on", &calm, "--underlyings", "NOSUCH"],
            2,
            "nothing about `NOSUCH` there; there are",
        ),
        (&["run", "scan"], 2, "--on"),
    ] {
        let ran = whatif(room.path(), words);
        assert_eq!((ran.code, ran.out.as_str()), (Some(code), ""), "{words:?}: {}", ran.err);
        assert!(ran.err.contains(expected) && !ran.err.contains("panicked"), "{words:?}: {}", ran.err);
    }
    // TOML refuses the escape in a comment, or it is shown as a sign: it never reaches the terminal.
    let ran = whatif(room.path(), &["show", &show]);
    assert!(!ran.out.contains('\u{1b}') && !ran.err.contains('\u{1b}'), "{ran:?}", ran = (ran.out, ran.err));
}
