//! The journal against restarts, second writers, damage and its own size.

use std::path::PathBuf;

use super::*;
use crate::model::Nanos;
use crate::model::alert::Severity;

/// A folder that goes with the test.
struct Room(PathBuf);

impl Room {
    fn new(name: &str) -> Room {
        let dir = std::env::temp_dir().join(format!("faultline-store-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        Room(dir)
    }

    fn path(&self) -> PathBuf {
        self.0.join("journal.db")
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

fn line(id: &str, event: &str, state: &str, who: &str) -> Record {
    let who = if who.is_empty() { "null".to_string() } else { format!("\"{who}\"") };
    Record::Line(format!(
        r#"{{"schema":"faultline.alert/1","seq":7,"event":"alert.{event}","ts":"2026-01-01T00:00:00Z","ts_engine":"2026-01-01T00:00:00Z","id":"{id}","fingerprint":"b3:{id}","rule":"div.mid","rule_version":1,"severity":"critical","state":"{state}","flags":[],"count":1,"subject":{{"metric":"mid_gap_bps","underlying":"SOL"}},"value":"-18.4","worst":"-20","unit":"bps","raise":"15","clear":"12","hold_ms":3000,"quality":{{"q":1.0,"inputs":7,"used":7,"state":"ok"}},"evidence":{{"recording":"s-1","seq_from":1,"seq_to":7,"bundle":null}},"summary":"SOL apart","who":{who},"comment":{who},"mode":"live","host":"h","session":"s","prev_hash":"","hash":"{id}{event}"}}"#
    ))
}

/// Catches: an open alert, its owner or the head of the chain lost over a restart; a resolved one restored.
#[test]
fn open_alerts_their_owners_and_the_chain_outlive_the_process() {
    let room = Room::new("restore");
    let mut journal = Journal::own(&room.path(), 7).unwrap();
    let records = [
        line("A-1", "raised", "raised", ""),
        line("A-2", "raised", "raised", ""),
        line("A-1", "acked", "acked", "ana"),
        line("A-3", "raised", "raised", ""),
        line("A-3", "resolved", "resolved", ""),
    ];
    journal.append(Nanos(5), &records).unwrap();
    drop(journal);
    let journal = Journal::own(&room.path(), 8).unwrap();
    let open = journal.restorable().unwrap();
    let told: Vec<(&str, Option<&str>)> = open.iter().map(|a| (a.id.as_str(), a.owner.as_deref())).collect();
    assert_eq!(told, [("A-1", Some("ana")), ("A-2", None)]);
    assert_eq!(open[0].worst, "-20");
    assert_eq!(journal.line_head().unwrap(), "A-3resolved");
    assert_eq!(journal.verify(None).unwrap().entries, 5);
}

/// Catches: two processes that write one journal.
#[test]
fn one_process_holds_the_journal_and_others_are_told_who() {
    let room = Room::new("lock");
    let first = Journal::own(&room.path(), 4711).unwrap();
    let refused = Journal::own(&room.path(), 4712).unwrap_err();
    assert!(matches!(&refused, StoreError::Held { pid, .. } if pid == "4711"), "{refused}");
    assert!(Journal::join(&room.path()).is_ok(), "others read");
    drop(first);
    Journal::own(&room.path(), 4712).unwrap();
}

/// Catches: an entry changed, taken out or put in without a word; damage that reads as an empty journal.
#[test]
fn whatever_is_changed_afterwards_is_found() {
    let room = Room::new("chain");
    let mut journal = Journal::own(&room.path(), 7).unwrap();
    let records: Vec<Record> = (0..6).map(|n| line(&format!("A-{n}"), "raised", "raised", "")).collect();
    journal.append(Nanos(5), &records).unwrap();
    let broken = |journal: &Journal| journal.verify(None).unwrap().broken;
    assert_eq!(broken(&journal), None);
    journal.db.execute("UPDATE entries SET body = replace(body, '-18.4', '-1.84') WHERE n = 3", []).unwrap();
    assert_eq!(broken(&journal).unwrap(), "entry 3 does not fit its hash");
    journal.db.execute("DELETE FROM entries WHERE n = 3", []).unwrap();
    assert_eq!(broken(&journal).unwrap(), "entries 3 to 3 are missing");
    drop(journal);
    let refused = Journal::own(&room.path(), 7).unwrap_err();
    assert!(refused.is_damage() && refused.to_string().contains("mv '"), "{refused}");
    std::fs::write(room.path(), b"no database at all, but long enough to be taken for one. ".repeat(40))
        .unwrap();
    let refused = Journal::own(&room.path(), 7).unwrap_err();
    assert!(refused.is_damage(), "{refused}");
}

/// Catches: a database of something else that is written into.
#[test]
fn a_foreign_database_stays_as_it_is() {
    let room = Room::new("foreign");
    rusqlite::Connection::open(room.path()).unwrap().execute_batch("CREATE TABLE t(x)").unwrap();
    assert!(matches!(Journal::own(&room.path(), 7).unwrap_err(), StoreError::Foreign { .. }));
}

/// Catches: an intent taken twice, or an answer that never reaches the one who asked.
#[test]
fn an_intent_is_taken_once_and_answered() {
    let room = Room::new("intent");
    let owner = Journal::own(&room.path(), 7).unwrap();
    let other = Journal::join(&room.path()).unwrap();
    let n = other.ask(Nanos(5), "{}").unwrap();
    assert_eq!(owner.asked().unwrap().len(), 1);
    owner.settle(n, IntentState::Taken, "").unwrap();
    assert!(owner.asked().unwrap().is_empty());
    owner.settle(n, IntentState::Refused, "no such alert").unwrap();
    let intent = other.intent(n).unwrap().unwrap();
    assert_eq!((intent.state, intent.answer.as_str()), (IntentState::Refused, "no such alert"));
}

/// Catches: a mute lost over a restart, restored after its end, or after it was taken back.
#[test]
fn mutes_stand_until_their_time_or_until_taken_back() {
    let room = Room::new("mutes");
    let mut journal = Journal::own(&room.path(), 7).unwrap();
    let mute = |id: &str, until: &str| {
        Record::Act(format!(
            r#"{{"seq":1,"at":"x","action":{{"action":"mute","id":"{id}","until":{until}}}}}"#
        ))
    };
    let unmute = Record::Act(r#"{"seq":1,"at":"x","action":{"action":"unmute","id":"M-2"}}"#.into());
    let records = [mute("M-1", "100"), mute("M-2", "100"), mute("M-3", "null"), unmute];
    journal.append(Nanos(5), &records).unwrap();
    let standing = journal.standing(Nanos(50)).unwrap();
    assert_eq!(standing, [r#"{"action":"mute","id":"M-1","until":100}"#]);
    assert!(journal.standing(Nanos(100)).unwrap().is_empty());
}

/// Catches: a journal that grows for ever, or one that cannot be checked once its oldest entries left.
#[test]
fn the_oldest_entries_leave_and_the_rest_still_fits() {
    let room = Room::new("trim");
    let mut journal = Journal::own(&room.path(), 7).unwrap();
    let session = |n: i64| Record::Session(format!("{n}"));
    let most = entries::ENTRIES_MAX;
    let records: Vec<Record> = (0..most + 1_500).map(session).collect();
    journal.append(Nanos(5), &records).unwrap();
    journal.append(Nanos(6), &[line("A-1", "raised", "raised", "")]).unwrap();
    let found = journal.verify(None).unwrap();
    assert_eq!(found.broken, None);
    assert!(found.first > 1 && found.entries <= u64::try_from(most).unwrap() + 1_001, "{found:?}");
}

/// Catches: a sink that is new and gets years of old alerts, or one that forgets where it was.
#[test]
fn a_new_sink_begins_now_and_an_old_one_where_it_was() {
    let room = Room::new("cursor");
    let mut journal = Journal::own(&room.path(), 7).unwrap();
    journal.append(Nanos(5), &[line("A-1", "raised", "raised", "")]).unwrap();
    assert_eq!(journal.cursor("pager").unwrap(), 1);
    journal.append(Nanos(6), &[line("A-2", "raised", "raised", "")]).unwrap();
    assert_eq!((journal.cursor("pager").unwrap(), journal.cursor("chat").unwrap()), (1, 2));
    let told = post::ToldOf { at: Nanos(6), severity: Severity::Critical, is_open: true };
    journal.tell("pager", "b3:1", told).unwrap();
    assert_eq!(journal.told("pager", "b3:1").unwrap(), Some(told));
    assert_eq!(journal.told("chat", "b3:1").unwrap(), None);
}
