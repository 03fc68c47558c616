//! Own accounts as a user meets them: what is wrong is told with its remedy, and whatever happens, no
//! secret comes out of the program.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a broken helper is a failed test, and a test says what it did"
)]

#[path = "room/builtin.rs"]
mod builtin;
#[path = "room/program.rs"]
mod program;
#[path = "room/temp.rs"]
mod temp;

use std::collections::BTreeSet;
use std::fs::Permissions;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use data_encoding::{BASE64, HEXLOWER};
use faultline::dialect;
use faultline::dialect::account::Needs;
use faultline::model::entry::{Control, Kind};
use faultline::sim::account::{KEY, SECRET};
use faultline::tape::{Item, Reader};
use program::{Ran, program, run};

/// Valid base64, as some venues give out.
const CANARY: &str = "Q0FOQVJZLW5ldmVyLXNob3ctdGhpcy10ZXh0LTQ3MTE=";
const CANARY_KEY: &str = "CANARYkey0815CANARYkey0815";

/// Venues whose dialect reads own accounts, and what they need.
fn with_accounts() -> Vec<(String, Needs)> {
    let needs = |dialect: &str| Some(dialect::find(dialect)?.account()?.needs());
    // A second door to another pool is watched only when it is named.
    let setup = builtin::setup();
    let own = setup.venues.iter().filter(|v| v.may_share.is_empty());
    own.filter_map(|v| Some((v.id.clone(), needs(&v.dialect)?))).collect()
}

fn with_keys() -> Vec<String> {
    let found: Vec<String> =
        with_accounts().into_iter().filter(|(_, needs)| *needs != Needs::Address).map(|(id, _)| id).collect();
    if found.is_empty() {
        println!("skipped: no dialect of this build has accounts with keys");
    }
    found
}

fn forms(secret: &str) -> [Vec<u8>; 3] {
    // Without padding, which a URL writes in another way.
    let forms = [secret.to_string(), BASE64.encode(secret.as_bytes()), HEXLOWER.encode(secret.as_bytes())];
    forms.map(|form| form.trim_end_matches('=').as_bytes().to_vec())
}

#[track_caller]
fn assert_without(secrets: &[&str], what: &str, bytes: &[u8]) {
    for form in secrets.iter().flat_map(|s| forms(s)) {
        let is_there = bytes.windows(form.len()).any(|w| w == form);
        assert!(!is_there, "{what} holds {}", String::from_utf8_lossy(&form));
    }
}

#[track_caller]
fn assert_quiet(ran: &Ran) {
    assert_without(&[CANARY, CANARY_KEY], "stdout", ran.out.as_bytes());
    assert_without(&[CANARY, CANARY_KEY], "stderr", ran.err.as_bytes());
    assert!(!ran.err.contains("panicked"), "{}", ran.err);
}

fn file(path: PathBuf, text: &str, mode: u32) -> PathBuf {
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    path
}

/// An account of `venue` with every part: the key in the environment, the rest in files.
fn accounts(room: &Path, venue: &str, mode: u32) -> PathBuf {
    let secret = file(room.join("secret"), CANARY, mode);
    let path = secret.display();
    let text = format!(
        "# {CANARY}\n[[account]]\nname = \"desk\"\nvenue = \"{venue}\"\nkey = {{ env = \"DESK_KEY\" }}\n\
         secret = {{ file = \"{path}\" }}\npassphrase = {{ file = \"{path}\" }}\n"
    );
    file(room.join("accounts.toml"), &text, 0o644)
}

/// Runs with the accounts file, and with the key in the environment.
fn with_file(home: &Path, words: &[&str], accounts: &Path) -> Ran {
    let mut command = program(home);
    command.args(words).arg("--accounts").arg(accounts).env("DESK_KEY", CANARY_KEY);
    run(&mut command, b"")
}

/// Everything a recording holds, as text, and the accounts of its connections as `venue/account`.
fn recorded(folder: &Path) -> (Vec<u8>, BTreeSet<String>, Vec<String>) {
    let (mut all, mut accounts, mut refusals) = (Vec::new(), BTreeSet::new(), Vec::new());
    let files = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path());
    for path in files.filter(|p| p.extension().is_some_and(|e| e == "mcap")) {
        let bytes = std::fs::read(path).unwrap();
        let mut reader = Reader::open(std::io::Cursor::new(bytes.clone())).unwrap();
        all.extend(format!("{:?}", reader.meta()).into_bytes());
        all.extend(bytes);
        while let Some(item) = reader.next().unwrap() {
            let Item::Entry(entry) = item else { continue };
            match entry.kind {
                Kind::Frame(_, bytes) => all.extend(bytes),
                Kind::Rest(_, answer) => {
                    all.extend(answer.url.as_bytes());
                    all.extend(answer.body);
                }
                Kind::Conn(_, info) => {
                    all.extend(format!("{info:?}").into_bytes());
                    accounts.extend(info.account().map(|name| format!("{}/{name}", info.venue)));
                }
                Kind::Control(_, control) => {
                    all.extend(format!("{control:?}").into_bytes());
                    if let Control::Refused { reason, .. } = control {
                        refusals.push(reason.clone());
                    }
                }
                _ => {}
            }
        }
    }
    (all, accounts, refusals)
}

/// Fault: the error about a secret in the file repeats the secret.
#[test]
fn a_secret_in_the_file_ends_the_run_and_is_not_repeated() {
    let room = temp::Temp::new("accounts_literal");
    for line in [
        format!("secret = \"{CANARY}\""),
        format!("secret = {CANARY}"),
        format!("secert = \"{CANARY}\""),
        format!("secret = {{ env = \"{CANARY}\" }}"),
    ] {
        let text = format!("[[account]]\nname = \"desk\"\nvenue = \"bybit\"\n{line}\n");
        let path = file(room.path().join("accounts.toml"), &text, 0o600);
        for words in [&["watch", "--for", "1s"][..], &["doctor"], &["snapshot", "feeds", "--source", "live"]]
        {
            let ran = with_file(room.path(), words, &path);
            assert_quiet(&ran);
            let (said, code) = if words[0] == "doctor" { (&ran.out, Some(1)) } else { (&ran.err, Some(3)) };
            assert_eq!(ran.code, code, "{words:?} {line}: {said}");
            assert!(said.contains("accounts.toml:4:"), "{words:?} {line}: {said}");
        }
    }
}

#[test]
fn mistakes_about_venues_are_told_at_their_place() {
    let room = temp::Temp::new("accounts_venue");
    let path = accounts(room.path(), "byibt", 0o600);
    let ran = with_file(room.path(), &["watch", "--for", "1s"], &path);
    assert_quiet(&ran);
    assert_eq!(ran.code, Some(3));
    assert!(ran.err.contains("there is no venue `byibt`") && ran.err.contains("did you mean"), "{}", ran.err);
    let ran = with_file(room.path(), &["watch", "--for", "1s", "--no-account"], &path);
    assert_eq!(ran.code, Some(2), "both at once mean nothing");
    for venue in with_keys() {
        let text = format!("[[account]]\nname = \"desk\"\nvenue = \"{venue}\"\n");
        let path = file(room.path().join("accounts.toml"), &text, 0o600);
        let ran = with_file(room.path(), &["watch", "--for", "1s"], &path);
        assert!(ran.code == Some(3) && ran.err.contains("needs its key"), "{venue}: {}", ran.err);
    }
}

/// Fault: a file that others may read is used, or nobody learns how to shut it.
#[test]
fn doctor_says_where_secrets_come_from_and_what_to_shut() {
    let room = temp::Temp::new("accounts_doctor");
    let none = run(program(room.path()).arg("doctor"), b"");
    assert!(none.out.contains("no own accounts"), "{}", none.out);
    for venue in with_keys() {
        let open = with_file(room.path(), &["doctor"], &accounts(room.path(), &venue, 0o644));
        assert_quiet(&open);
        assert!(open.code == Some(1) && open.out.contains("chmod 600"), "{venue}: {}", open.out);
        let shut = with_file(room.path(), &["doctor"], &accounts(room.path(), &venue, 0o600));
        assert_quiet(&shut);
        let by_systemd = format!(
            "[[account]]\nname = \"desk\"\nvenue = \"{venue}\"\nkey = {{ credential = \"secret\" }}\n\
             secret = {{ credential = \"secret\" }}\npassphrase = {{ credential = \"secret\" }}\n"
        );
        let path = file(room.path().join("systemd.toml"), &by_systemd, 0o644);
        let handed = |folder: &Path| {
            let mut command = program(room.path());
            command.args(["doctor", "--accounts"]).arg(&path).env("CREDENTIALS_DIRECTORY", folder);
            run(&mut command, b"")
        };
        let systemd = handed(room.path());
        assert_quiet(&systemd);
        assert!(systemd.out.contains("key from systemd credential secret"), "{}", systemd.out);
        assert!(handed(Path::new("/nowhere")).out.contains("No such file"));
        let told = format!("`desk` at {venue}, key from environment variable DESK_KEY, secret from file ");
        assert!(shut.out.contains(&told), "{}", shut.out);
    }
}

/// A venue that answers everything with what it was asked, keys and all.
fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = vec![0u8; 16 << 10];
            let seen = stream.read(&mut head).unwrap_or(0);
            let status = "HTTP/1.1 401 Unauthorized\r\nconnection: close\r\ncontent-length";
            // A client that left is no fault of the test.
            let _sent =
                write!(stream, "{status}: {seen}\r\n\r\n").and_then(|()| stream.write_all(&head[..seen]));
        }
    });
    address
}

/// Fault: something of a key is in the recording, on stdout or stderr, even where the venue repeats it.
#[test]
fn a_venue_that_repeats_everything_brings_no_key_onto_the_tape() {
    for venue in with_keys() {
        let room = temp::Temp::new(&format!("accounts_echo_{venue}"));
        let path = accounts(room.path(), &venue, 0o600);
        let redirect = format!("{venue}={}", echo());
        let words = ["record", "--for", "2s", "-o", "out", "--venues", &venue, "--redirect", &redirect];
        let ran = with_file(room.path(), &words, &path);
        assert_quiet(&ran);
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        let (bytes, accounts, refusals) = recorded(&room.path().join("out"));
        assert_without(&[CANARY, CANARY_KEY], &format!("the recording of {venue}"), &bytes);
        assert_eq!(accounts, BTreeSet::from([format!("{venue}/desk")]));
        let at = bytes.windows(8).any(|w| w == b"DESK_KEY");
        assert!(at, "the recording says where the key was, not what it is");
        println!("{venue}: {refusals:?}");
    }
}

/// Fault: the demo has no account where it could, one that it was told to leave out, or writes its keys down.
#[test]
fn the_demo_brings_an_account_unless_told_not_to() {
    let room = temp::Temp::new("accounts_demo");
    let demo = ["record", "--source", "demo", "--for", "2s", "-o"];
    let ran = run(program(room.path()).args(demo).arg("with"), b"");
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let (bytes, accounts, _) = recorded(&room.path().join("with"));
    let served: BTreeSet<&str> = faultline::sim::VENUES.iter().map(|v| v.id()).collect();
    let expected = with_accounts().into_iter().filter(|(id, _)| served.contains(id.as_str()));
    assert_eq!(accounts, expected.map(|(id, _)| format!("{id}/demo")).collect());
    assert_without(&[KEY, SECRET], "the recording of the demo", &bytes);
    let ran = run(program(room.path()).args(demo).args(["without", "--no-account"]), b"");
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert_eq!(recorded(&room.path().join("without")).1, BTreeSet::new());
}
