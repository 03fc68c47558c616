//! A recording that was cut, flipped or forged is never taken for a whole one, and never a panic.

use faultline::tape::info::info_of;
use faultline::tape::{Ending, Reader, TapeError};

use super::support::{Dice, Owned, What, conn, meta, read, record};

/// A small recording of three chunks with every kind of entry.
fn small() -> (Vec<Owned>, Vec<u8>) {
    let mut tape = vec![Owned { seq: 1, ts: 0, what: What::Conn(0, conn("bybit/1")) }];
    for seq in 2..=13 {
        let ts = i64::try_from(seq).unwrap() * 200_000_000;
        tape.push(match seq {
            5 | 9 => Owned { seq, ts, what: What::Tick },
            7 => Owned { seq, ts, what: What::Rest(0, 200, "https://x/y".into(), b"{}".to_vec()) },
            _ => Owned::frame(seq, ts, format!("{{\"n\":{seq}}}")),
        });
    }
    let bytes = record(&tape);
    (tape, bytes)
}

/// Fault: a cut file is called complete, gives an entry that was not there, loses a whole chunk or panics.
#[test]
fn a_file_cut_at_any_byte_gives_its_whole_chunks() {
    let (tape, bytes) = small();
    let mut counts = std::collections::BTreeSet::new();
    for len in 0..bytes.len() {
        let (items, ending) = read(&bytes[..len]);
        assert_eq!(items, tape[..items.len()], "cut at {len}");
        counts.insert(items.len());
        match ending {
            Ok(Ending::Truncated { at_byte, whole_chunks, note }) => {
                assert!(at_byte <= len as u64, "cut at {len}: {at_byte}");
                assert_eq!(whole_chunks == 0, items.is_empty(), "cut at {len}");
                let only_index = note.contains("only the index");
                assert!(!only_index || items.len() == tape.len(), "cut at {len}: {note}");
            }
            Ok(Ending::Complete) => panic!("a file cut at {len} of {} is not complete", bytes.len()),
            Err(TapeError::Empty) => assert_eq!(len, 0),
            Err(TapeError::HeadCut { at }) => assert!(at <= len as u64 && items.is_empty()),
            Err(error) => panic!("cut at {len}: {error}"),
        }
    }
    let info = info_of(bytes.as_slice()).unwrap();
    assert_eq!(counts.len() as u64, info.chunks + 1, "each chunk counts as soon as it is whole: {counts:?}");
}

/// Fault: one changed bit anywhere passes for the truth (RELIABILITY S06: detection is 100 %).
#[test]
fn every_flipped_bit_is_found() {
    let (tape, bytes) = small();
    assert!(info_of(bytes.as_slice()).unwrap().is_whole());
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << bit;
            let whole = info_of(flipped.as_slice()).is_ok_and(|info| info.is_whole());
            assert!(!whole, "bit {bit} of byte {at}");
            if bit == at % 8 {
                let (items, _) = read(flipped.as_slice());
                assert_eq!(items, tape[..items.len()], "bit {bit} of byte {at} gave something else");
            }
        }
    }
}

/// Fault: any bytes at all bring the reader down.
#[test]
fn garbage_is_an_error_and_never_a_panic() {
    let (_, bytes) = small();
    let mut dice = Dice(3);
    for _ in 0..3_000 {
        let mut wild = bytes.clone();
        for _ in 0..=dice.roll(6) {
            let at = usize::try_from(dice.roll(wild.len() as u64)).unwrap();
            match dice.roll(3) {
                0 => wild[at] = dice.bytes(1)[0],
                1 => wild.truncate(at.max(1)),
                _ => {
                    let run = dice.bytes(9);
                    wild.splice(at..at, run);
                }
            }
        }
        assert!(!info_of(wild.as_slice()).is_ok_and(|info| info.is_whole()) || wild == bytes);
    }
    for len in 0..200 {
        assert!(info_of(dice.bytes(len).as_slice()).is_err());
    }
}

/// Fault: content that no writer wrote, under a CRC that fits, brings the reader down or round in circles.
#[test]
fn forged_content_is_an_error_and_never_a_panic() {
    let (_, bytes) = small();
    let at = records(&bytes).into_iter().find(|(op, _)| *op == 6).unwrap().1;
    let header = 9 + 8 + 8 + 8 + 4 + 4 + 4 + 8;
    let plain = zstd::bulk::decompress(&bytes[at.start + header..at.end], 1 << 20).unwrap();
    let mut dice = Dice(5);
    let mut read_on = 0;
    for _ in 0..6_000 {
        let mut wild = plain.clone();
        for _ in 0..=dice.roll(3) {
            let at = usize::try_from(dice.roll(wild.len() as u64)).unwrap();
            match dice.roll(4) {
                0 => wild[at] = dice.bytes(1)[0],
                1 => wild[at] ^= 1,
                2 => wild[at] = wild[at].wrapping_add(1),
                _ => wild[at] = 0xff,
            }
        }
        let mut content = vec![0; 16];
        content.extend_from_slice(&(wild.len() as u64).to_le_bytes());
        content.extend_from_slice(&crc32fast::hash(&wild).to_le_bytes());
        content.extend_from_slice(&[0; 4]);
        content.extend_from_slice(&(wild.len() as u64).to_le_bytes());
        content.extend_from_slice(&wild);
        let mut forged = bytes[..at.start].to_vec();
        forged.push(6);
        forged.extend_from_slice(&(content.len() as u64).to_le_bytes());
        forged.extend_from_slice(&content);
        forged.extend_from_slice(&bytes[at.end..]);
        match info_of(forged.as_slice()) {
            Ok(info) => {
                assert!(!info.is_whole());
                read_on += u64::from(info.entries > 0);
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert!(read_on > 5_000, "most of it is read in spite of the damage: {read_on}");
}

/// Offsets of the records between head and end: opcode and range.
fn records(bytes: &[u8]) -> Vec<(u8, std::ops::Range<usize>)> {
    let mut at = 8;
    let mut found = Vec::new();
    while at + 9 <= bytes.len() - 8 {
        let len = u64::from_le_bytes(bytes[at + 1..at + 9].try_into().unwrap());
        let end = at + 9 + usize::try_from(len).unwrap();
        found.push((bytes[at], at..end));
        at = end;
    }
    found
}

/// The error that reading these bytes meets first.
fn first_error(bytes: &[u8]) -> String {
    read(bytes).1.unwrap_err().to_string()
}

/// Fault: someone takes a chunk out, puts one twice or brings one from another session, with valid CRCs.
#[test]
fn a_chunk_that_was_taken_out_put_twice_or_swapped_breaks_the_chain() {
    let (_, bytes) = small();
    let chunks: Vec<_> = records(&bytes).into_iter().filter(|(op, _)| *op == 6).map(|(_, at)| at).collect();
    assert_eq!(chunks.len(), 3);

    let mut without = bytes.clone();
    without.drain(chunks[1].clone());
    assert!(first_error(&without).contains("the hash chain is broken before this chunk"));

    let mut twice = bytes.clone();
    twice.splice(chunks[1].start..chunks[1].start, bytes[chunks[0].clone()].to_vec());
    assert!(first_error(&twice).contains("repeats entries"));

    let (mut tape, _) = small();
    tape[1] = Owned::frame(2, tape[1].ts, *b"{\"n\":9}");
    let other = record(&tape);
    let mut swapped = bytes.clone();
    swapped.splice(
        chunks[0].clone(),
        other[records(&other).iter().find(|r| r.0 == 6).unwrap().1.clone()].to_vec(),
    );
    assert!(first_error(&swapped).contains("the hash chain is broken before this chunk"));

    let mut last = bytes.clone();
    last.drain(chunks[2].clone());
    assert!(first_error(&last).contains("missing"), "{}", first_error(&last));
}

/// Fault: the closing record is cut out with its counts, the CRC is made to fit, and nobody misses it.
#[test]
fn what_is_missing_or_added_at_the_end_is_found() {
    let (_, bytes) = small();
    let end = records(&bytes).iter().rposition(|(op, _)| *op == 12).unwrap();
    let mut forged = bytes.clone();
    forged.drain(records(&bytes)[end].1.clone());
    let data_end = records(&forged).into_iter().find(|(op, _)| *op == 15).unwrap().1;
    let crc = crc32fast::hash(&forged[..data_end.start]).to_le_bytes();
    forged[data_end.start + 9..data_end.end].copy_from_slice(&crc);
    assert!(first_error(&forged).contains("the closing record is missing"), "{}", first_error(&forged));

    let longer = [bytes.as_slice(), b"\n"].concat();
    assert!(first_error(&longer).contains("does not end where the recording does"));
}

/// Fault: the configuration is changed after the fact and the alarms no longer follow from it.
#[test]
fn the_configuration_is_under_the_chain() {
    let (_, bytes) = small();
    let mut eased = bytes.clone();
    let at = bytes.windows(6).position(|text| text == b"15 bps").unwrap();
    eased[at..at + 2].copy_from_slice(b"95");
    assert!(first_error(&eased).contains("the hash chain is broken"));
}

/// Fault: one bad chunk takes the rest of the recording with it.
#[test]
fn behind_a_damaged_chunk_the_reading_goes_on() {
    let (tape, bytes) = small();
    let chunks: Vec<_> = records(&bytes).into_iter().filter(|(op, _)| *op == 6).collect();
    let mut damaged = bytes.clone();
    damaged[chunks[1].1.end - 3] ^= 0x10;
    let mut reader = Reader::open(damaged.as_slice()).unwrap();
    let (mut items, mut errors) = (Vec::new(), Vec::new());
    loop {
        match reader.next() {
            Ok(Some(item)) => items.push(Owned::of(&item)),
            Ok(None) => break,
            Err(error) => errors.push(error.to_string()),
        }
    }
    let lost: Vec<_> = tape.iter().filter(|item| !items.contains(item)).map(|item| item.seq).collect();
    assert_eq!(lost, [5, 6, 7, 8, 9]);
    assert!(errors[0].starts_with(&format!("damaged at byte {}", chunks[1].1.start)), "{errors:?}");
    assert_eq!(errors.len(), 2, "the chunk and the CRC over all data: {errors:?}");
    let info = info_of(damaged.as_slice()).unwrap();
    assert_eq!((info.missing, info.damages, info.is_whole()), (5, 2, false));
}

/// Fault: the chunk that defines the channels is damaged, and nothing behind it can be read any more.
#[test]
fn damage_to_the_first_chunk_costs_no_other() {
    let second = 1_000_000_000;
    let mut tape = vec![Owned { seq: 1, ts: 0, what: What::Conn(0, conn("bybit/1")) }];
    tape.extend((2..60).map(|seq| Owned::frame(seq, i64::try_from(seq).unwrap() * second, *b"{}")));
    tape[20].what = What::Conn(1, conn("bybit/2"));
    tape[21].what = What::Frame(1, b"new".to_vec());
    tape[25].what = What::Frame(1, b"again".to_vec());
    tape[26].ts = tape[25].ts;
    tape[50].what = What::Frame(1, b"late".to_vec());
    let bytes = record(&tape);
    let lost = |which: &[usize]| {
        let chunks: Vec<_> = records(&bytes).into_iter().filter(|(op, _)| *op == 6).collect();
        let mut damaged = bytes.clone();
        which.iter().for_each(|chunk| damaged[chunks[*chunk].1.end - 3] ^= 1);
        let mut reader = Reader::open(damaged.as_slice()).unwrap();
        let mut seqs: Vec<u64> = tape.iter().map(|item| item.seq).collect();
        loop {
            match reader.next() {
                Ok(Some(item)) => seqs.retain(|seq| *seq != Owned::of(&item).seq),
                Ok(None) => break,
                Err(error) => assert!(error.is_local(), "{error}"),
            }
        }
        assert_eq!(reader.connections().count(), 2, "chunks {which:?}");
        seqs
    };
    assert_eq!(lost(&[0]), [1]);
    assert_eq!(lost(&[1]), [2], "the frames' channel");
    assert_eq!(lost(&[2]), [3]);
    assert_eq!(lost(&[20]), [21], "a connection is known by its channel too");
    assert_eq!(lost(&[21]), [22], "the channel is stated again before it is used again");
    let both = "without both, its frames are lost until the next time, and no others";
    assert_eq!(lost(&[21, 22]), [22, 23, 26], "{both}");
}

/// Fault: files that are no recordings are told apart by guess, or not at all.
#[test]
fn other_files_have_their_own_errors() {
    let error = |bytes: &[u8]| Reader::open(bytes).map(|_| ()).unwrap_err();
    assert!(matches!(error(b""), TapeError::Empty));
    assert!(matches!(error(b"{\"a\":1}\n{\"a\":2}\n"), TapeError::NotARecording));
    assert!(matches!(error(&mcap::MAGIC[..5]), TapeError::HeadCut { at: 0 }));
    let mut foreign = Vec::new();
    let options = mcap::WriteOptions::new().profile("ros2");
    options.create(std::io::Cursor::new(&mut foreign)).unwrap().finish().unwrap();
    let text = error(&foreign).to_string();
    assert!(text.contains("\"ros2\"") && text.contains("not a recording of faultline"), "{text}");
    let mut bare = Vec::new();
    let options = mcap::WriteOptions::new().profile("faultline");
    options.create(std::io::Cursor::new(&mut bare)).unwrap().finish().unwrap();
    assert!(matches!(error(&bare), TapeError::Damaged { .. }));

    let bytes = record(&[]);
    let at = bytes.windows(10).position(|text| text == b"format\x01\0\0\0").unwrap() + 10;
    let mut newer = bytes.clone();
    newer[at] = b'2';
    assert!(matches!(error(&newer), TapeError::Newer { .. }));
    assert_eq!(*Reader::open(bytes.as_slice()).unwrap().meta(), meta());
    assert_eq!(read(bytes.as_slice()).1.unwrap(), Ending::Complete, "an empty recording is a recording");
}

/// Fault: a power cut leaves zeros at the end and the recording before them is refused.
#[test]
fn zeros_at_the_end_are_a_cut() {
    let (tape, bytes) = small();
    let chunk = records(&bytes).into_iter().filter(|(op, _)| *op == 6).nth(1).unwrap().1;
    let mut torn = bytes[..chunk.end].to_vec();
    torn.resize(chunk.end + 4_096, 0);
    let (items, ending) = read(torn.as_slice());
    assert_eq!(items, tape[..items.len()]);
    let Ok(Ending::Truncated { at_byte, whole_chunks: 2, note }) = ending else { panic!("{ending:?}") };
    assert_eq!(at_byte, chunk.end as u64);
    assert!(note.contains("zero bytes"));
}
