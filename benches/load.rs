//! Input of the benches: captured sessions as tape entries in memory.

use std::path::{Path, PathBuf};

use faultline::app::setup::Setup;
use faultline::model::Nanos;
use faultline::model::entry::{ConnInfo, ConnIx, Control, Entry, Kind, RestAnswer};
use faultline::pipeline::Pipeline;
use faultline::tape::{Format, Import, import};

/// An entry that owns its bytes.
pub(crate) struct Owned {
    seq: u64,
    ts_recv: Nanos,
    kind: OwnedKind,
}

enum OwnedKind {
    Conn(ConnIx, ConnInfo),
    Frame(ConnIx, usize, usize),
    Rest(ConnIx, String, u16, usize, usize),
    Control(ConnIx, Control),
    Tick,
    ClockStep,
}

/// A session in memory: entries, and their bytes in one block as a recording's chunks have them.
pub(crate) struct Session {
    pub(crate) entries: Vec<Owned>,
    pub(crate) bytes: Vec<u8>,
    pub(crate) frames: usize,
}

impl Session {
    /// The entry at a position.
    #[inline]
    pub(crate) fn entry(&self, at: usize) -> Entry<'_> {
        let owned = &self.entries[at];
        let kind = match &owned.kind {
            OwnedKind::Frame(conn, from, to) => Kind::Frame(*conn, &self.bytes[*from..*to]),
            OwnedKind::Tick => Kind::Tick,
            OwnedKind::Rest(conn, url, status, from, to) => {
                Kind::Rest(*conn, RestAnswer { url, status: *status, body: &self.bytes[*from..*to] })
            }
            OwnedKind::Conn(conn, info) => Kind::Conn(*conn, info),
            OwnedKind::Control(conn, control) => Kind::Control(*conn, control),
            OwnedKind::ClockStep => Kind::ClockStep,
        };
        Entry { seq: owned.seq, ts_recv: owned.ts_recv, kind }
    }

    /// Bytes of all frames.
    pub(crate) fn frame_bytes(&self) -> usize {
        self.entries
            .iter()
            .map(|e| if let OwnedKind::Frame(_, from, to) = e.kind { to - from } else { 0 })
            .sum()
    }
}

/// The captures folder, if it is set.
pub(crate) fn corpus() -> Option<PathBuf> {
    std::env::var_os("FAULTLINE_CORPUS").map(PathBuf::from)
}

/// Loads captures of one venue.
pub(crate) fn load(venue: &str, files: &[PathBuf]) -> Session {
    let mut session = Session { entries: Vec::new(), bytes: Vec::new(), frames: 0 };
    let imports = [Import { venue: venue.into(), files: files.to_vec() }];
    import(Format::by_name("raw").expect("raw"), &imports, &mut |entry| {
        let mut keep = |bytes: &[u8]| {
            let from = session.bytes.len();
            session.bytes.extend_from_slice(bytes);
            (from, session.bytes.len())
        };
        let kind = match entry.kind {
            Kind::Frame(conn, bytes) => {
                session.frames += 1;
                let (from, to) = keep(bytes);
                OwnedKind::Frame(conn, from, to)
            }
            Kind::Rest(conn, answer) => {
                let (from, to) = keep(answer.body);
                OwnedKind::Rest(conn, answer.url.into(), answer.status, from, to)
            }
            Kind::Conn(conn, info) => OwnedKind::Conn(conn, info.clone()),
            Kind::Control(conn, control) => OwnedKind::Control(conn, control.clone()),
            Kind::Tick => OwnedKind::Tick,
            Kind::ClockStep | Kind::Operator(_) => OwnedKind::ClockStep,
        };
        session.entries.push(Owned { seq: entry.seq, ts_recv: entry.ts_recv, kind });
        Ok(())
    })
    .expect("the capture imports");
    session
}

/// The Binance USD-M session of 8 August 2024.
pub(crate) fn usdm(corpus: &Path) -> Session {
    let file = |name: &str| corpus.join("sessions/binance_20240808").join(name);
    load("binance-usdm", &[file("usdm.ndjson.zst"), file("usdm.rest.ndjson.zst")])
}

/// A pipeline over one venue with the shipped rules.
pub(crate) fn pipeline(venue: &str) -> Pipeline {
    let mut setup = Setup::load(&[]).expect("built-in configuration");
    setup.choose(&[venue.into()]).expect("a venue");
    Pipeline::new(&setup.venues, setup.rules).expect("a pipeline")
}
