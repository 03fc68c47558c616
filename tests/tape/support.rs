//! A tape in memory, made from a seed, and the two ways between it and a recording.

use std::io::Read;

use faultline::model::Nanos;
use faultline::model::entry::{ConnInfo, ConnIx, Control, Entry, Kind, OperatorAction, RestAnswer};
use faultline::model::life::Disposition;
use faultline::tape::{Ending, Item, Meta, Reader, TapeError, Writer};

/// An owned item of a tape.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Owned {
    pub(crate) seq: u64,
    pub(crate) ts: i64,
    pub(crate) what: What,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum What {
    Conn(u16, ConnInfo),
    Frame(u16, Vec<u8>),
    Rest(u16, u16, String, Vec<u8>),
    Control(u16, Control),
    Operator(OperatorAction),
    Tick,
    ClockStep,
    Alert(String),
}

impl Owned {
    pub(crate) fn frame(seq: u64, ts: i64, bytes: impl Into<Vec<u8>>) -> Self {
        Owned { seq, ts, what: What::Frame(0, bytes.into()) }
    }

    pub(crate) fn write(&self, writer: &mut Writer) -> Result<(), TapeError> {
        let ts_recv = Nanos(self.ts);
        let kind = match &self.what {
            What::Alert(line) => return writer.alert(self.seq, ts_recv, line),
            _ => self.kind(),
        };
        writer.push(&Entry { seq: self.seq, ts_recv, kind })
    }

    pub(crate) fn kind(&self) -> Kind<'_> {
        match &self.what {
            What::Conn(ix, info) => Kind::Conn(ConnIx(*ix), info),
            What::Frame(ix, bytes) => Kind::Frame(ConnIx(*ix), bytes),
            What::Rest(ix, status, url, body) => {
                Kind::Rest(ConnIx(*ix), RestAnswer { url, status: *status, body })
            }
            What::Control(ix, control) => Kind::Control(ConnIx(*ix), control),
            What::Operator(action) => Kind::Operator(action),
            What::Tick => Kind::Tick,
            What::ClockStep => Kind::ClockStep,
            What::Alert(_) => panic!("an alert line is no entry"),
        }
    }

    pub(crate) fn of(item: &Item<'_>) -> Self {
        let entry = match item {
            Item::Alert { seq, ts, line } => {
                return Owned { seq: *seq, ts: ts.0, what: What::Alert((*line).into()) };
            }
            Item::Entry(entry) => entry,
        };
        Self::of_entry(entry)
    }

    pub(crate) fn of_entry(entry: &Entry<'_>) -> Self {
        let what = match entry.kind {
            Kind::Conn(ix, info) => What::Conn(ix.0, info.clone()),
            Kind::Frame(ix, bytes) => What::Frame(ix.0, bytes.to_vec()),
            Kind::Rest(ix, rest) => What::Rest(ix.0, rest.status, rest.url.into(), rest.body.to_vec()),
            Kind::Control(ix, control) => What::Control(ix.0, control.clone()),
            Kind::Operator(action) => What::Operator(action.clone()),
            Kind::Tick => What::Tick,
            Kind::ClockStep => What::ClockStep,
        };
        Owned { seq: entry.seq, ts: entry.ts_recv.0, what }
    }
}

pub(crate) fn meta() -> Meta {
    let config = [("venues/bybit.toml", "id = \"bybit\"\n"), ("rules/div.toml", "raise = \"15 bps\"\n")];
    Meta {
        version: "0.1.0".into(),
        session: "s-test".into(),
        host: "desk1".into(),
        mode: "live".into(),
        started: Nanos(1_723_161_255_030_314_667),
        config: config.map(|(k, v)| (k.to_string(), v.to_string())).into(),
    }
}

pub(crate) fn conn(name: &str) -> ConnInfo {
    ConnInfo { venue: "bybit".into(), name: name.into(), url: "wss://example/v5".into() }
}

/// A closed recording of these items.
pub(crate) fn record(items: &[Owned]) -> Vec<u8> {
    let mut writer = Writer::new(&meta()).unwrap();
    for item in items {
        item.write(&mut writer).unwrap();
    }
    writer.finish().unwrap();
    writer.take()
}

/// Everything a recording gives until its end or its first error.
pub(crate) fn read(bytes: impl Read) -> (Vec<Owned>, Result<Ending, TapeError>) {
    let mut items = Vec::new();
    let mut reader = match Reader::open(bytes) {
        Ok(reader) => reader,
        Err(error) => return (items, Err(error)),
    };
    loop {
        match reader.next() {
            Ok(Some(item)) => items.push(Owned::of(&item)),
            Ok(None) => return (items, Ok(reader.ending().unwrap().clone())),
            Err(error) => return (items, Err(error)),
        }
    }
}

/// A small generator of numbers (xorshift64*): the same tape for the same seed.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % sides
    }

    pub(crate) fn bytes(&mut self, len: u64) -> Vec<u8> {
        (0..len).map(|_| self.roll(256).to_le_bytes()[0]).collect()
    }

    fn text(&mut self) -> String {
        const PIECES: [&str; 6] = ["a", "é", "\"", "\n", "\u{1b}[2J", "\0"];
        (0..self.roll(6)).map(|_| PIECES[usize::try_from(self.roll(6)).unwrap()]).collect()
    }

    /// A tape of `len` items that has everything a live one has, and stranger times.
    pub(crate) fn tape(&mut self, len: u64) -> Vec<Owned> {
        let mut items = Vec::new();
        let mut seq = [0, 0, u64::from(u32::MAX) - 3, 1 << 40][usize::try_from(self.roll(4)).unwrap()];
        let mut ts: i64 = [1_723_161_255_030_314_667, -5, 0][usize::try_from(self.roll(3)).unwrap()];
        let mut conns = 0u16;
        for _ in 0..len {
            ts += i64::try_from(self.roll(200_000_000)).unwrap() - 20_000_000;
            if self.roll(20) == 0 && conns > 0 {
                items.push(Owned { seq: seq - self.roll(2).min(seq), ts, what: What::Alert(self.text()) });
                continue;
            }
            seq += 1 + u64::from(self.roll(50) == 0) * self.roll(9);
            let ix = u16::try_from(self.roll(u64::from(conns.max(1)))).unwrap();
            let what = match self.roll(12) {
                _ if conns == 0 => self.conn(&mut conns),
                0 => self.conn(&mut conns),
                1 => {
                    What::Rest(ix, 200 + u16::try_from(self.roll(300)).unwrap(), self.text(), self.bytes(40))
                }
                2 => What::Control(ix, self.control()),
                3 => What::Operator(self.operator()),
                4 => What::ClockStep,
                5 | 6 => What::Tick,
                _ => {
                    let len = if self.roll(60) == 0 { 300_000 } else { self.roll(200) };
                    What::Frame(ix, self.bytes(len))
                }
            };
            items.push(Owned { seq, ts, what });
        }
        items
    }

    fn conn(&mut self, conns: &mut u16) -> What {
        let ix = *conns;
        *conns += 1;
        let name = format!("venue/{ix}{}", self.text());
        What::Conn(ix, ConnInfo { venue: self.text(), name, url: self.text() })
    }

    fn control(&mut self) -> Control {
        let (reason, retry_ms) = (self.text(), self.roll(1 << 50));
        match self.roll(6) {
            0 => Control::Opened { reconnects: 3 },
            1 => Control::Closed { reason, retry_ms },
            2 => Control::Refused { reason, retry_ms },
            3 => Control::Overrun { frames: retry_ms, bytes: u64::MAX },
            4 => Control::TooLarge { limit: retry_ms },
            _ => Control::RestFailed { url: self.text(), reason },
        }
    }

    fn operator(&mut self) -> OperatorAction {
        let (id, who) = (self.text(), self.text());
        match self.roll(7) {
            0 => OperatorAction::Ack { id, who, comment: self.text() },
            1 => OperatorAction::Comment { id, who, comment: self.text() },
            2 => OperatorAction::Escalate { id, who },
            3 => {
                let as_ = Disposition::ALL[self.roll(4) as usize];
                OperatorAction::Resolve { id, as_, who, comment: self.text() }
            }
            4 => OperatorAction::Unmute { id, who },
            5 => OperatorAction::Mute {
                id,
                matcher: self.text(),
                until: (self.roll(2) == 0).then(|| Nanos(self.roll(1 << 40) as i64)),
                until_resolved: self.roll(2) == 0,
                include_critical: self.roll(2) == 0,
                who,
                reason: self.text(),
            },
            _ => OperatorAction::Unack { id, who },
        }
    }
}
