//! Runs a decoder over lines and writes down everything that it says.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use faultline::cli::decode::split_line;
use faultline::cli::event_json::{Origin, push_event};
use faultline::config;
use faultline::dialect::{self, Decoder, Note, Out};
use faultline::model::entry::{ConnIx, Control, RestAnswer};
use faultline::model::event::Event;
use faultline::model::time::Nanos;
use faultline::model::venue::{Command, VenueSpec};

/// Ids of the built-in venues.
pub(crate) static VENUES: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let id = |(name, _): &(&'static str, &str)| name.strip_prefix("venues/")?.strip_suffix(".toml");
    config::builtin::VENUES.iter().filter_map(id).collect()
});

/// A built-in venue file.
pub(crate) fn venue(id: &str) -> VenueSpec {
    let file = format!("venues/{id}.toml");
    let (_, text) = config::builtin::VENUES.iter().find(|(name, _)| *name == file).unwrap();
    config::venues::read(&file, text).unwrap()
}

/// A fresh decoder of a venue.
pub(crate) fn decoder(venue: &VenueSpec) -> Box<dyn Decoder> {
    dialect::find(&venue.dialect).unwrap().decoder(venue)
}

/// A fresh decoder of own accounts at a venue, where its dialect has that half.
pub(crate) fn account_decoder(venue: &VenueSpec) -> Option<Box<dyn Decoder>> {
    Some(dialect::find(&venue.dialect).unwrap().account()?.decoder(venue))
}

/// The folder of real captures, if there is one.
pub(crate) fn corpus(test: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("FAULTLINE_CORPUS").map(PathBuf::from);
    if folder.is_none() {
        println!("{test}: skipped, FAULTLINE_CORPUS is not set");
    }
    folder
}

/// Files below a folder, in order of their names.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    files
}

/// Events, notes and commands as lines of JSON.
pub(crate) struct Transcript {
    venue: String,
    line: u64,
    ts_recv: Option<Nanos>,
    pub(crate) text: String,
}

impl Transcript {
    pub(crate) fn new(venue: &str) -> Self {
        Transcript { venue: venue.into(), line: 0, ts_recv: None, text: String::new() }
    }

    fn say(&mut self, kind: &str, what: &str) {
        let what = sonic_rs::to_string(what).unwrap();
        self.text.push_str(&format!("{{\"{kind}\":{what},\"line\":{}}}\n", self.line));
    }
}

impl Out for Transcript {
    fn event(&mut self, event: Event<'_>) {
        let origin = Origin { line: self.line, venue: &self.venue, ts_recv: self.ts_recv };
        push_event(&mut self.text, origin, &event);
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Rest(request) => self.say("ask", &request.path),
            Command::Send { texts, .. } => self.say("send", &texts.join(" ")),
        }
    }

    fn note(&mut self, note: Note<'_>) {
        match note {
            Note::Heartbeat => self.say("note", "heartbeat"),
            Note::Ack => self.say("note", "ack"),
            Note::Refused(why) => self.say("refused", why),
            Note::Unused(kind) => self.say("unused", kind),
            Note::Unknown(kind) => self.say("unknown", kind),
            Note::Superseded => self.say("note", "superseded"),
            Note::Undecodable(error) => self.say("error", &error.to_string()),
        }
    }
}

/// Feeds one line of a case: a message as `decode` takes it, or `!` and a change of the connection.
pub(crate) fn feed(decoder: &mut dyn Decoder, line: &[u8], transcript: &mut Transcript) {
    transcript.line += 1;
    if let Some(control) = line.strip_prefix(b"!") {
        let control = match control {
            b"closed" => Control::Closed { reason: "test".into(), retry_ms: 0 },
            b"opened" => Control::Opened { reconnects: 1 },
            b"overrun" => Control::Overrun { frames: 1, bytes: 1 },
            b"refused" => Control::Refused { reason: "test".into(), retry_ms: 0 },
            b"restfailed" => Control::RestFailed {
                url: "https://openapi.okx.com/api/v5/market/books?instId=BTC-USDT-SWAP&sz=400".into(),
                reason: "test".into(),
            },
            other => panic!("unknown control {}", String::from_utf8_lossy(other)),
        };
        decoder.control(ConnIx(0), &control, transcript);
        return;
    }
    let line = split_line(line);
    transcript.ts_recv = line.ts_recv;
    match line.url {
        Some(url) => decoder.rest(&RestAnswer { url, status: 200, body: line.message }, transcript),
        None => decoder.frame(ConnIx(0), line.message, transcript),
    }
}
