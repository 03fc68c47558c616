//! What the tests of own accounts read: arrivals folded as the core does, and canaries in what was written.
#![expect(clippy::unwrap_used, reason = "a broken helper is a failed test")]

use faultline::app::tee::{arrival_entry, mark_entry};
use faultline::dialect::Dialect;
use faultline::engine::Ask;
use faultline::feed::{Arrival, ArrivalKind};
use faultline::model::entry::Entry;
use faultline::model::venue::Command;
use faultline::pipeline::Pipeline;
use faultline::snapshot::Mode;
use faultline::tape::{Recorder, TickGrid};
use faultline::view::plain;

use crate::feed_desk::{DESK, KEY, PASSPHRASE, SECRET, TICKET, venue};

fn find(id: &str) -> Option<&'static dyn Dialect> {
    (id == "desk").then_some(&DESK)
}

pub(crate) fn pipeline() -> Pipeline {
    Pipeline::with_dialects(&[venue()], Vec::new(), find).unwrap()
}

/// Folds arrivals as the core does, and records them when asked.
pub(crate) fn fold(
    pipeline: &mut Pipeline,
    tape: &[Arrival],
    mut recorder: Option<&mut Recorder>,
) -> Vec<Command> {
    let (mut grid, mut seq, mut commands) = (TickGrid::new(), 0, Vec::new());
    let mut apply = |pipeline: &mut Pipeline, entry: &Entry<'_>| {
        if let Some(recorder) = &mut recorder {
            recorder.push(entry).unwrap();
        }
        pipeline.ingest(entry).own.iter().map(|(_, command)| command.clone()).collect::<Vec<_>>()
    };
    for arrival in tape {
        while let Some(mark) = grid.due(arrival.ts_recv) {
            seq += 1;
            apply(pipeline, &mark_entry(seq, mark));
        }
        seq += 1;
        commands.extend(apply(pipeline, &arrival_entry(seq, arrival)));
    }
    let end = tape.last().unwrap().ts_recv.plus(2_000_000_000);
    while let Some(mark) = grid.due(end) {
        seq += 1;
        apply(pipeline, &mark_entry(seq, mark));
    }
    commands
}

/// What the Feeds screen says after these arrivals.
pub(crate) fn feeds_screen(tape: &[Arrival]) -> String {
    let mut pipeline = pipeline();
    fold(&mut pipeline, tape, None);
    plain::feeds(&pipeline.snapshot(Mode::Live, &Ask::default()))
}

/// Every form in which a canary could have got out.
fn canaries() -> Vec<Vec<u8>> {
    let base64 = |text: &str| data_encoding::BASE64.encode(text.as_bytes()).into_bytes();
    let hex = |text: &str| data_encoding::HEXLOWER.encode(text.as_bytes()).into_bytes();
    let all = [KEY, SECRET, PASSPHRASE, TICKET];
    all.iter().flat_map(|c| [c.as_bytes().to_vec(), base64(c), hex(c)]).collect()
}

#[track_caller]
pub(crate) fn assert_clean(what: &str, bytes: &[u8]) {
    for canary in canaries() {
        let is_there = bytes.windows(canary.len()).any(|w| w == canary);
        assert!(!is_there, "{what} holds {}", String::from_utf8_lossy(&canary));
    }
}

#[track_caller]
pub(crate) fn assert_clean_tape(tape: &[Arrival]) {
    for arrival in tape {
        let bytes: &[u8] = match &arrival.kind {
            ArrivalKind::Frame(_, bytes) => bytes,
            ArrivalKind::Rest(_, rest) => &rest.body,
            _ => b"",
        };
        assert_clean("the tape", bytes);
        assert_clean("the tape", format!("{arrival:?}").as_bytes());
    }
}
