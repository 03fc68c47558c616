//! Every entry comes back as it was recorded, in order, whatever it holds.

use std::io::{self, Read};

use faultline::model::Nanos;
use faultline::model::entry::{ConnIx, Control, Entry, Kind};
use faultline::tape::info::info_of;
use faultline::tape::{Check, Ending, Reader, TapeError, Writer};

use super::support::{Dice, Owned, What, conn, meta, read, record};

/// Gives bytes in pieces of random size, as sockets and pipes do.
struct Pieces<'a>(&'a [u8], Dice);

impl Read for Pieces<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let want = usize::try_from(1 + self.1.roll(70)).unwrap().min(out.len());
        (&self.0[..want.min(self.0.len())]).read(out).inspect(|count| self.0 = &self.0[*count..])
    }
}

/// Fault: anything lost, changed, reordered or renumbered between writer and reader.
#[test]
fn a_random_tape_comes_back_as_it_was() {
    for seed in 1..=150 {
        let mut dice = Dice(seed);
        let len = dice.roll(120);
        let tape = dice.tape(len);
        let bytes = record(&tape);
        let (items, ending) = read(Pieces(&bytes, Dice(seed)));
        assert_eq!(items, tape, "seed {seed}");
        assert_eq!(ending.unwrap(), Ending::Complete, "seed {seed}");
        assert!(info_of(bytes.as_slice()).unwrap().is_whole(), "seed {seed}");
    }
}

/// Fault: the file depends on when its bytes are fetched, so two recordings of one tape differ.
#[test]
fn the_bytes_do_not_depend_on_when_they_are_fetched() {
    let tape = Dice(7).tape(200);
    let mut writer = Writer::new(&meta()).unwrap();
    let mut bytes = Vec::new();
    for item in &tape {
        item.write(&mut writer).unwrap();
        writer.drain(&mut bytes).unwrap();
    }
    writer.finish().unwrap();
    writer.drain(&mut bytes).unwrap();
    assert!(bytes == record(&tape));
}

/// Fault: what the recording says about itself is lost, or a connection is missing in the table.
#[test]
fn session_configuration_and_connections_come_back() {
    let tape = [
        Owned { seq: 1, ts: 5, what: What::Conn(0, conn("bybit/linear-1")) },
        Owned { seq: 2, ts: 5, what: What::Conn(2, conn("bybit/rest")) },
    ];
    let bytes = record(&tape);
    let mut reader = Reader::open_with(bytes.as_slice(), Check::Chunks).unwrap();
    assert_eq!(*reader.meta(), meta());
    while reader.next().unwrap().is_some() {}
    let names: Vec<_> = reader.connections().map(|(ix, info)| (ix.0, info.name.as_str())).collect();
    assert_eq!(names, [(0, "bybit/linear-1"), (2, "bybit/rest")]);
}

fn frames(spec: &[(i64, usize)]) -> Vec<Owned> {
    let mut tape = vec![Owned { seq: 1, ts: spec[0].0, what: What::Conn(0, conn("bybit/1")) }];
    for ((ts, len), seq) in spec.iter().zip(2..) {
        tape.push(Owned::frame(seq, *ts, Dice(seq).bytes(*len as u64)));
    }
    tape
}

fn chunks(tape: &[Owned]) -> u64 {
    info_of(record(tape).as_slice()).unwrap().chunks
}

/// Fault: a crash loses more than the open chunk because chunks close too late.
#[test]
fn a_chunk_closes_by_size_time_alert_and_hole() {
    let second = 1_000_000_000;
    assert_eq!(chunks(&frames(&[(0, 10), (second - 1, 10)])), 1);
    assert_eq!(chunks(&frames(&[(0, 10), (second, 10)])), 2);
    assert_eq!(chunks(&frames(&[(0, 10), (-9 * second, 10)])), 1, "time that steps back is no second");
    assert_eq!(chunks(&frames(&[(0, 200_000), (1, 61_000), (2, 10)])), 1);
    assert_eq!(chunks(&frames(&[(0, 200_000), (1, 62_200), (2, 10)])), 2);

    let mut tape = frames(&[(0, 10), (1, 10)]);
    tape.insert(2, Owned { seq: 2, ts: 0, what: What::Alert("{\"id\":\"A-0193\"}".into()) });
    assert_eq!(chunks(&tape), 2, "an alert line closes its chunk");

    let mut tape = frames(&[(9 * second, 10), (second, 10), (2 * second, 10)]);
    tape.insert(2, Owned { seq: 2, ts: 9 * second, what: What::Alert("{}".into()) });
    assert_eq!(chunks(&tape), 2, "a chunk that begins in the past lasts by engine time");

    let mut tape = frames(&[(0, 10), (1, 10)]);
    tape[2].seq = 9;
    assert_eq!(chunks(&tape), 2, "a hole in seq begins a chunk");
    assert_eq!(info_of(record(&tape).as_slice()).unwrap().missing, 6);
}

/// Fault: a venue sends megabytes of blanks, the chunk looks like a bomb and the recording is refused.
#[test]
fn a_huge_frame_of_nothing_can_be_read_back() {
    let tape = [
        Owned { seq: 1, ts: 0, what: What::Conn(0, conn("bybit/1")) },
        Owned::frame(2, 0, vec![b' '; 16 << 20]),
        Owned::frame(3, 0, vec![b' '; 200_000]),
    ];
    let (items, ending) = read(record(&tape).as_slice());
    assert!(items == tape);
    assert_eq!(ending.unwrap(), Ending::Complete);
}

/// Fault: an entry that the reader would refuse is recorded, or one refusal ends the recording.
#[test]
fn what_cannot_be_read_back_is_refused_and_the_rest_goes_on() {
    let mut writer = Writer::new(&meta()).unwrap();
    let info = conn("bybit/1");
    let huge = vec![0; (24 << 20) + 1];
    let frame = |seq, ix, bytes| Entry { seq, ts_recv: Nanos(0), kind: Kind::Frame(ConnIx(ix), bytes) };
    let declare = |seq, ix| Entry { seq, ts_recv: Nanos(0), kind: Kind::Conn(ConnIx(ix), &info) };
    let refused = |result: Result<(), TapeError>, part: &str| {
        let text = result.unwrap_err().to_string();
        assert!(text.contains(part), "{text}");
    };
    refused(writer.push(&frame(1, 0, b"x")), "not recorded before");
    let opened = Control::Opened { reconnects: 0 };
    let control = Entry { seq: 1, ts_recv: Nanos(0), kind: Kind::Control(ConnIx(0), &opened) };
    refused(writer.push(&control), "not recorded before");
    writer.push(&declare(1, 0)).unwrap();
    refused(writer.push(&frame(1, 0, b"x")), "does not rise");
    refused(writer.push(&declare(2, 5_000)), "4,096");
    let long = conn(&"x".repeat(9_000));
    let entry = Entry { seq: 2, ts_recv: Nanos(0), kind: Kind::Conn(ConnIx(1), &long) };
    refused(writer.push(&entry), "above 8 KiB");
    let reason = Control::Closed { reason: "\u{1b}".repeat(5 << 20), retry_ms: 0 };
    let entry = Entry { seq: 2, ts_recv: Nanos(0), kind: Kind::Control(ConnIx(0), &reason) };
    refused(writer.push(&entry), "above 24 MiB");
    let other = conn("bybit/2");
    let taken = Entry { seq: 2, ts_recv: Nanos(0), kind: Kind::Conn(ConnIx(0), &other) };
    refused(writer.push(&taken), "taken");
    refused(writer.push(&frame(2, 0, &huge)), "above 24 MiB");
    refused(writer.alert(1 << 40, Nanos(0), "x"), "far from");
    writer.push(&frame(2, 0, b"last")).unwrap();
    writer.finish().unwrap();
    refused(writer.push(&frame(3, 0, b"x")), "finished");
    refused(writer.alert(2, Nanos(0), "x"), "finished");
    let (items, ending) = read(writer.take().as_slice());
    assert_eq!(items[1], Owned::frame(2, 0, *b"last"));
    assert_eq!((items.len(), ending.unwrap()), (2, Ending::Complete));
}
