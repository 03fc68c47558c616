//! The demo in a real terminal (tmux): every screen, filter, command line, an acknowledgement, themes, a
//! storm of resizes, a terminal of one cell, Ctrl-c. It prints `skipped` where there is no tmux.
//!
//! Nothing here waits a fixed time to be right: each step waits for what must appear.
#![expect(clippy::unwrap_used, reason = "a broken helper is a failed test")]

#[path = "room/temp.rs"]
mod temp;

use std::process::Command;

use faultline::clock::Clock;
use faultline::model::time::SECOND;
use temp::Temp;

/// How long a step may take on a loaded machine.
const PATIENCE: i64 = 60 * SECOND;

/// A terminal with a server of its own.
struct Terminal {
    socket: String,
}

impl Terminal {
    /// A shell in a terminal of 120 by 40 whose folders are those of the test; `None` without tmux.
    fn open(home: &Temp) -> Option<Terminal> {
        let terminal = Terminal { socket: format!("faultline-test-{}", std::process::id()) };
        Command::new("tmux").arg("-V").output().ok()?;
        let home = home.path().display();
        let shell = format!(
            "env HOME={home} XDG_CONFIG_HOME={home}/config XDG_STATE_HOME={home}/state \
             XDG_DATA_HOME={home}/data LANG=C.UTF-8 COLORTERM= TERM=xterm-256color PS1='ready$ ' sh"
        );
        terminal.tmux(&["-f", "/dev/null", "new-session", "-d", "-x", "120", "-y", "40", &shell]);
        terminal.tmux(&["set-option", "-g", "window-size", "manual"]);
        Some(terminal)
    }

    fn tmux(&self, words: &[&str]) -> String {
        let mut command = Command::new("tmux");
        let out = command.arg("-u").args(["-L", &self.socket]).args(words).output().unwrap();
        String::from_utf8_lossy(&out.stdout).into_owned()
    }

    fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p"])
    }

    /// Presses keys by their tmux names.
    fn keys(&self, keys: &[&str]) {
        self.tmux(&[&["send-keys"], keys].concat());
    }

    /// Types text as it stands.
    fn text(&self, text: &str) {
        self.tmux(&["send-keys", "-l", text]);
    }

    /// Escape, and then nothing until it was taken: with a letter behind it, it would be Alt and the letter.
    fn escape(&self) {
        self.keys(&["Escape"]);
        self.until("? help");
    }

    fn size(&self, columns: u16, rows: u16) {
        self.tmux(&["resize-window", "-x", &columns.to_string(), "-y", &rows.to_string()]);
    }

    /// Waits until a text shows; the screen that shows it.
    fn until(&self, text: &str) -> String {
        self.wait(text, |screen| screen.contains(text))
    }

    fn wait(&self, what: &str, is_there: impl Fn(&str) -> bool) -> String {
        let clock = Clock::start();
        let start = clock.now();
        loop {
            let screen = self.screen();
            if is_there(&screen) {
                return screen;
            }
            assert!(clock.now().since(start) < PATIENCE, "no `{what}` on\n{screen}");
            std::thread::yield_now();
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]);
    }
}

fn run(terminal: &Terminal, options: &str) {
    terminal.text(&format!(
        "{} demo --scene divergence {options}; echo left with $?",
        env!("CARGO_BIN_EXE_faultline")
    ));
    terminal.keys(&["Enter"]);
    terminal.until("DEMO");
}

#[test]
fn an_officer_drives_the_demo() {
    let home = Temp::new("terminal");
    let Some(terminal) = Terminal::open(&home) else {
        println!("skipped: no tmux");
        return;
    };
    run(&terminal, "--operator jm@desk1");
    // The picture of a screen that works: values, then an alert.
    terminal.wait("a value of the map", |s| s.contains("rows as configured") && s.contains("+/-25"));
    for (key, says) in [
        ("2", "Leverage by OI"),
        ("3", "Liquidity"),
        ("4", " by severity "),
        ("6", " channels "),
        ("7", "gross"),
        ("8", "SANDBOX"),
        ("1", "Map: mid"),
    ] {
        terminal.keys(&[key]);
        terminal.until(says);
    }
    filter_and_command_line(&terminal);
    acknowledge(&terminal);
    exports(&terminal, &home);
    sizes(&terminal);
    terminal.keys(&["C-c"]);
    terminal.until("Ctrl-c again quits");
    terminal.keys(&["C-c"]);
    terminal.until("left with 0");
    terminal.text("stty -a | tr ' ' '\\n' | grep -x -e echo -e icanon | tr '\\n' ' '");
    terminal.keys(&["Enter"]);
    terminal.wait("a terminal as it was found", |s| s.contains("icanon echo") || s.contains("echo icanon"));
    remembers(&terminal);
}

fn filter_and_command_line(terminal: &Terminal) {
    terminal.text("/und:btc,eth");
    terminal.until("filter map: und:btc,eth_");
    terminal.keys(&["Enter"]);
    terminal.wait("the filter in the frame", |s| s.contains("filter und:btc,eth:") && !s.contains("DOGE "));
    terminal.escape();
    terminal.wait("no filter", |s| !s.contains("filter und"));
    terminal.text(":the");
    terminal.until("draw with a theme");
    terminal.escape();
    terminal.text(":fozzle");
    terminal.keys(&["Enter"]);
    terminal.until("unknown command `fozzle`");
    terminal.escape();
    terminal.text(":layout save desk");
    terminal.keys(&["Enter"]);
    terminal.until("layout desk is kept");
    terminal.text(":theme mono");
    terminal.keys(&["Enter"]);
    terminal.until("theme mono");
    terminal.keys(&["T"]);
    terminal.wait("another theme", |s| s.contains(" theme ") && !s.contains("theme mono"));
    terminal.keys(&["C-w"]);
    terminal.until("layout: body only");
    terminal.keys(&["C-w", "C-w"]);
    terminal.keys(&["C-w"]);
    terminal.until("layout: ");
    terminal.text(":layout desk");
    terminal.keys(&["Enter"]);
    terminal.until("layout desk");
}

fn acknowledge(terminal: &Terminal) {
    terminal.keys(&["4"]);
    terminal.wait("an alert", |s| s.contains("RAISED"));
    terminal.keys(&["g", "g", "a"]);
    terminal.until("with comment: _");
    terminal.text("index outage, see status page");
    terminal.keys(&["Enter"]);
    terminal.wait("the acknowledgement", |s| s.contains("ACKED") && s.contains("jm@desk1"));
    terminal.keys(&["u"]);
    terminal.until("undone: ack A-");
    terminal.keys(&["C-r"]);
    terminal.until("done again: ack A-");
}

fn exports(terminal: &Terminal, home: &Temp) {
    terminal.keys(&["x"]);
    terminal.until("written to");
    let folder = home.path().join("state/faultline/exports");
    let file = std::fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
    let text = std::fs::read_to_string(file).unwrap();
    assert!(text.starts_with("id,severity,state,rule,"), "{text}");
    terminal.keys(&["Y"]);
    terminal.until("copied");
    let copy = std::fs::read_to_string(home.path().join("state/faultline/copy.txt")).unwrap();
    assert!(copy.contains("| id | severity |") && copy.contains("synthetic data"), "{copy}");
    terminal.keys(&["Z"]);
    terminal.wait("an answer", |s| s.contains("times in local") || s.contains("does not say its zone"));
    terminal.keys(&["1", "R"]);
    terminal.until("report is not available here");
}

/// Fault: a size breaks the picture or ends the program.
fn sizes(terminal: &Terminal) {
    for n in 0..60u16 {
        terminal.size(1 + (n * 37) % 200, 1 + (n * 17) % 60);
    }
    terminal.size(1, 1);
    terminal.size(60, 10);
    terminal.until("80x24 needed");
    for (columns, rows) in [(80, 24), (200, 60), (120, 40)] {
        terminal.size(columns, rows);
        terminal.wait("the map", |s| {
            let lines: Vec<&str> = s.lines().collect();
            lines.len() >= usize::from(rows) - 1 && s.contains("BTC") && s.contains("DEMO")
        });
    }
}

/// A second run knows the commands of the first.
fn remembers(terminal: &Terminal) {
    run(terminal, "--mouse");
    terminal.until("mouse on");
    terminal.text(":");
    terminal.keys(&["Up"]);
    terminal.until(":layout desk_");
    terminal.escape();
    terminal.keys(&["q"]);
    terminal.wait("the end", |s| s.matches("left with 0").count() >= 1 && !s.contains("DEMO  synthetic"));
}
