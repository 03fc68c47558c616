//! Own accounts against a venue on loopback: what the officer sees when something is wrong with a key, and
//! that nothing secret is written anywhere.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a broken helper is a failed test")]

mod feed_desk;
#[path = "feed_desk/reading.rs"]
mod reading;
#[path = "room/temp.rs"]
mod temp;

use std::time::Duration;

use faultline::clock::Clock;
use faultline::engine::Ask;
use faultline::feed::{AccountFeed, Arrival, ArrivalKind, Patience, VenueFeed, account};
use faultline::model::entry::{ConnInfo, ConnIx, Control, Kind};
use faultline::model::secret::Secret;
use faultline::model::venue::{Command, RestRequest};
use faultline::pipeline::Pipeline;
use faultline::snapshot::{FeedState, Mode};
use faultline::tape::{Item, Meta, Reader, Recorder};
use faultline::view::plain;
use feed_desk::{DESK, ECHO, KEY, Peer, SECRET, TICKET, TICKETS, account, start, venue};
use futures_util::{SinkExt, StreamExt};
use reading::{assert_clean, assert_clean_tape, feeds_screen, fold, pipeline};
use tokio::time::{Instant, sleep};
use tokio_tungstenite::tungstenite::Message;

fn patience() -> Patience {
    Patience { stable: Duration::from_millis(5), ..Patience::default() }
}

fn refused(control: &Control) -> bool {
    matches!(control, Control::Refused { .. })
}

fn opened(control: &Control) -> bool {
    matches!(control, Control::Opened { .. })
}

/// Words and pause of a refusal.
fn words(control: Control) -> (String, u64) {
    match control {
        Control::Refused { reason, retry_ms } | Control::Closed { reason, retry_ms } => (reason, retry_ms),
        other => panic!("no refusal: {other:?}"),
    }
}

/// Fault: subscriptions before the login is done, a login on the tape, a signature in a name, an old time.
#[tokio::test]
async fn an_account_is_checked_logs_in_and_leaves_no_secret_on_the_tape() {
    let mut peer = Peer::new().await;
    let mut bench = start(&peer, &DESK, account(), patience());
    let (path, mut ws) = peer.socket().await;
    assert_eq!(path, "/own");
    let login = ws.next().await.unwrap().unwrap().to_string();
    assert!(login.starts_with(&format!("login {KEY} ")), "{login}");
    ws.send(Message::text("hello there")).await.unwrap();
    ws.send(Message::text("challenge c1")).await.unwrap();
    assert_eq!(ws.next().await.unwrap().unwrap().to_text().unwrap(), "answer c1");
    ws.send(Message::text(format!("ok {TICKET}"))).await.unwrap();
    assert_eq!(ws.next().await.unwrap().unwrap().to_text().unwrap(), "subscribe orders");
    ws.send(Message::text(format!("{{\"said\":\"{KEY}\"}}"))).await.unwrap();
    ws.send(Message::text("{\"ask\":1}")).await.unwrap();

    let private = bench.conn("desk/main@private-1").await;
    let mut frames = Vec::new();
    let mut is_open_at = None;
    bench
        .next(|a| {
            match &a.kind {
                ArrivalKind::Frame(ix, bytes) if *ix == private => {
                    frames.push(String::from_utf8(bytes.to_vec()).unwrap());
                }
                ArrivalKind::Control(ix, Control::Opened { reconnects: 0 }) if *ix == private => {
                    is_open_at = Some(frames.len());
                }
                _ => {}
            }
            (frames.len() == 3).then_some(())
        })
        .await;
    assert_eq!(frames, ["hello there", "{\"said\":\"[secret]\"}", "{\"ask\":1}"], "the login is not there");
    assert_eq!(is_open_at, Some(1), "open means logged in");

    let rest = bench.conn("desk/main@rest").await;
    let is_answer = |a: &Arrival| match &a.kind {
        ArrivalKind::Rest(ix, answer) if *ix == rest => Some(answer.url.clone()),
        _ => None,
    };
    let url = match bench.tape.iter().find_map(is_answer) {
        Some(url) => url,
        None => bench.next(is_answer).await,
    };
    assert_eq!(url, format!("http://{}/positions?all=1", peer.address), "named without its signature");
    for command in fold(&mut pipeline(), &bench.tape, None) {
        bench.feeds.own(private, command).unwrap();
    }
    let order = bench.next(|a| is_answer(a).filter(|url| url.contains("orders"))).await;
    assert!(order.ends_with("/orders?open=1"), "{order}");
    let asked = peer.asked("/");
    assert!(asked.len() >= 3 && asked.iter().all(|a| a.is_signed && a.age_ms < Some(5_000)), "{asked:?}");
    assert_eq!(asked[0].path, "/check?a=1", "the key is checked before anything else");
    bench.feeds.stop().await;
    assert_clean_tape(&bench.tape);
}

/// Fault: a key that may trade is used all the same, or asked about again and again.
#[tokio::test]
async fn a_key_that_may_trade_is_refused_once_and_the_feeds_screen_says_so() {
    let mut peer = Peer::new().await;
    peer.says("/check", "200 OK", "trade Withdraw, Order");
    let mut bench = start(&peer, &DESK, account(), patience());
    let (reason, retry_ms) = words(bench.control("desk/main@rest", refused).await);
    let expected = "the key of account main may trade (Withdraw, Order); faultline takes read-only keys only";
    assert_eq!((reason.as_str(), retry_ms), (expected, 0));
    assert!(peer.is_left_alone(Duration::from_millis(700)).await, "no socket for such a key");
    assert_eq!((peer.asked("/check").len(), peer.asked("/positions").len()), (1, 0));
    let screen = feeds_screen(&bench.tape);
    assert!(screen.contains(expected), "{screen}");
    bench.feeds.stop().await;
}

/// Fault: what a login tells about a key is not taken seriously, or only on that socket.
#[tokio::test]
async fn a_login_that_shows_trading_rights_ends_the_whole_account() {
    let mut peer = Peer::new().await;
    let mut bench = start(&peer, &DESK, account(), patience());
    let (_, mut ws) = peer.socket().await;
    ws.send(Message::text("trade all scopes")).await.unwrap();
    for conn in ["desk/main@private-1", "desk/main@rest"] {
        let (reason, retry_ms) = words(bench.control(conn, refused).await);
        assert!(reason.contains("may trade (all scopes)") && retry_ms == 0, "{reason} {retry_ms}");
    }
    let before = peer.asked("/").len();
    assert!(peer.is_left_alone(Duration::from_millis(700)).await, "not tried again");
    assert_eq!(peer.asked("/").len(), before, "nor polled");
    let conn = bench.conn("desk/main@rest").await;
    assert!(bench.feeds.own(conn, Command::Rest(RestRequest::get("/orders?open=1"))).is_err());
    bench.feeds.stop().await;
}

/// Fault: a venue that does not tell about a key is taken for a refusal, or passed over in silence.
#[tokio::test]
async fn a_venue_that_does_not_tell_is_noted() {
    let mut peer = Peer::new().await;
    peer.says("/check", "200 OK", "silent");
    let mut bench = start(&peer, &DESK, account(), patience());
    let note = bench.control("desk/main@rest", |c| matches!(c, Control::RestFailed { .. })).await;
    assert!(format!("{note:?}").contains("does not tell what the key of account main may do"), "{note:?}");
    peer.socket().await;
    bench.feeds.stop().await;
}

/// Fault: a wrong key or a wrong clock is hammered, unexplained, or pauses public data too.
#[tokio::test]
async fn a_wrong_key_and_a_wrong_clock_are_told_in_the_venues_words() {
    let wrong_key = format!("bad key {KEY}");
    for (status, body, told) in [
        ("401 Unauthorized", wrong_key.as_str(), "HTTP 401: bad key [secret]"),
        ("403 Forbidden", "this address is not on the key's list", "not on the key's list"),
        ("400 Bad Request", "timestamp outside of recv_window", "HTTP 400: timestamp outside of recv_window"),
        ("200 OK", "{\"retCode\":10003}", "HTTP 200: {\"retCode\":10003}"),
        ("401 Unauthorized", "read", "HTTP 401: read"),
        ("401 Unauthorized", "", "the venue wants a login here"),
    ] {
        let mut peer = Peer::new().await;
        peer.says("/check", status, body);
        let mut bench = start(&peer, &DESK, account(), patience());
        let (reason, retry_ms) = words(bench.control("desk/main@rest", refused).await);
        assert!(reason.starts_with("the key of account main is not accepted: "), "{reason}");
        assert!(reason.contains(told), "{reason}");
        assert!((600_000..=900_000).contains(&retry_ms), "{status}: {retry_ms} ms");
        assert!(feeds_screen(&bench.tape).contains(told), "{told}");
        bench.feeds.command(0, Command::Rest(RestRequest::get("/public?b=2"))).unwrap();
        let public = |a: &Arrival| matches!(&a.kind, ArrivalKind::Rest(_, r) if r.url.contains("/public"));
        bench.next(|a| public(a).then_some(())).await;
        assert!(peer.is_left_alone(Duration::from_millis(50)).await);
        bench.feeds.stop().await;
        assert_clean_tape(&bench.tape);
    }
}

/// Fault: a venue that repeats the request it got brings its signature onto the tape.
#[tokio::test]
async fn a_signature_that_a_venue_repeats_is_masked() {
    let peer = Peer::new().await;
    peer.says("/positions", "200 OK", ECHO);
    peer.says("/check", "403 Forbidden", ECHO);
    let venue = VenueFeed::with_dialect(venue(), Some(peer.address), &DESK).unwrap();
    let told = account::examine(&venue, &account(), Clock::start()).await.unwrap_err();
    assert!(told.contains("sig=[secret]"), "{told}");
    peer.says("/check", "200 OK", "read");
    let mut bench = start(&peer, &DESK, account(), patience());
    let body = |a: &Arrival| match &a.kind {
        ArrivalKind::Rest(_, answer) => Some(String::from_utf8(answer.body.to_vec()).unwrap()),
        _ => None,
    };
    let body = bench.next(body).await;
    assert!(body.starts_with("/positions?all=1&sig=[secret] "), "{body}");
    bench.feeds.stop().await;
    assert_clean_tape(&bench.tape);
}

/// Fault: a login that is refused is repeated at once, and nobody learns why.
#[tokio::test]
async fn a_refused_login_is_told_and_waits_long() {
    let mut peer = Peer::new().await;
    let mut bench = start(&peer, &DESK, account(), patience());
    let (_, mut ws) = peer.socket().await;
    ws.send(Message::text(format!("no sign of {KEY} is wrong"))).await.unwrap();
    let (reason, retry_ms) = words(bench.control("desk/main@private-1", refused).await);
    assert_eq!(reason, "the venue refuses the login of account main: sign of [secret] is wrong");
    assert!(retry_ms >= 600_000, "{retry_ms}");
    assert!(!bench.tape.iter().any(|a| matches!(&a.kind, ArrivalKind::Control(_, c) if opened(c))));
    assert!(feeds_screen(&bench.tape).contains(&reason));
    bench.feeds.stop().await;
}

/// Fault: a login without an answer holds the connection for ever.
#[tokio::test]
async fn a_login_that_nobody_answers_costs_one_deadline() {
    let mut peer = Peer::new().await;
    let wait = Patience { login: Duration::from_millis(150), ..patience() };
    let mut bench = start(&peer, &DESK, account(), wait);
    let (_, mut ws) = peer.socket().await;
    ws.send(Message::text("hello there")).await.unwrap();
    let (reason, retry_ms) = words(bench.control("desk/main@private-1", refused).await);
    assert_eq!(reason, "the login of account main was not answered in time");
    assert!(retry_ms < 60_000, "{retry_ms}");
    peer.socket().await;
    bench.feeds.stop().await;
}

/// Fault: a socket cut during its login counts as open, or is not opened again.
#[tokio::test]
async fn a_socket_cut_in_its_login_was_never_open() {
    let mut peer = Peer::new().await;
    let mut bench = start(&peer, &DESK, account(), patience());
    let (_, mut ws) = peer.socket().await;
    ws.next().await.unwrap().unwrap();
    drop(ws);
    let (reason, _) = words(bench.control("desk/main@private-1", refused).await);
    assert!(reason.starts_with("the login was cut off: "), "{reason}");
    let (_, mut ws) = peer.socket().await;
    ws.send(Message::text("ok")).await.unwrap();
    assert_eq!(bench.control("desk/main@private-1", opened).await, Control::Opened { reconnects: 0 });
    drop(ws);
    let closed = bench.control("desk/main@private-1", |c| matches!(c, Control::Closed { .. })).await;
    assert!(!words(closed).0.contains("login"));
    bench.feeds.stop().await;
}

/// Fault: an expired ticket is kept alive for ever, used again, or written down.
#[tokio::test]
async fn an_expired_ticket_is_replaced_and_none_is_written_down() {
    let mut peer = Peer::new().await;
    let mut bench = start(&peer, &TICKETS, account(), patience());
    let (path, mut ws) = peer.socket().await;
    assert_eq!(path, format!("/own/{TICKET}"));
    assert_eq!(ws.next().await.unwrap().unwrap().to_text().unwrap(), "subscribe orders");
    ws.send(Message::text(format!("{{\"e\":\"expires\",\"k\":\"{TICKET}\"}}"))).await.unwrap();
    while peer.asked("/ticket?t=").len() < 2 {
        sleep(Duration::from_millis(10)).await;
    }
    let kept = peer.asked("/ticket?t=");
    assert_eq!((kept[0].method.as_str(), kept[0].is_signed), ("PUT", true));
    assert!(kept[0].path.ends_with(TICKET), "the ticket is in its place");
    assert_eq!(peer.asked("/ticket?new=1")[0].method, "POST");
    peer.says("/ticket", "400 Bad Request", &format!("{TICKET} is not known"));
    let (reason, _) = words(bench.control("@private-1", |c| matches!(c, Control::Closed { .. })).await);
    assert_eq!(reason, "the ticket of account main has expired: HTTP 400: [secret] is not known");
    let (reason, _) = words(bench.control("@private-1", refused).await);
    assert!(reason.starts_with("no ticket for account main: HTTP 400"), "{reason}");
    peer.says("/ticket", "200 OK", "nothing");
    let (reason, _) = words(bench.control("@private-1", refused).await);
    assert_eq!(reason, "no ticket for account main: field `ticket` is missing");
    peer.says("/ticket", "200 OK", "ticket second/1");
    assert_eq!(peer.socket().await.0, "/own/second%2F1");
    bench.drain();
    bench.feeds.stop().await;
    let url = bench.tape.iter().find_map(|a| match &a.kind {
        ArrivalKind::Conn(_, info) if info.name.ends_with("private-1") => Some(info.url.clone()),
        _ => None,
    });
    assert!(url.unwrap().ends_with("/own/{ticket}"), "the tape keeps the place, not the ticket");
    let refusals = bench.tape.iter().filter(|a| !format!("{a:?}").contains("HTTP 400"));
    assert_clean_tape(&refusals.cloned().collect::<Vec<_>>());
}

/// Fault: after "too many requests" signed requests go on, or leave later with the time they were queued.
#[tokio::test]
async fn a_limit_on_a_signed_request_pauses_the_venue_and_no_old_time_is_sent() {
    let mut peer = Peer::new().await;
    peer.says("/positions", "429 Too Many Requests\r\nretry-after: 2", "slow down");
    let mut bench = start(&peer, &DESK, account(), patience());
    peer.socket().await;
    let rest = bench.conn("desk/main@rest").await;
    let status = |a: &Arrival| match &a.kind {
        ArrivalKind::Rest(ix, answer) if *ix == rest => Some(answer.status),
        _ => None,
    };
    assert_eq!(bench.next(status).await, 429, "the decoder sees it");
    let since = Instant::now();
    peer.says("/positions", "200 OK", "[1]");
    bench.feeds.own(rest, Command::Rest(RestRequest::get("/orders?open=1"))).unwrap();
    bench.feeds.command(0, Command::Rest(RestRequest::get("/public?b=2"))).unwrap();
    assert_eq!(bench.next(status).await, 200);
    assert!(since.elapsed() > Duration::from_millis(1_800), "the venue rests: {:?}", since.elapsed());
    let order = &peer.asked("/orders")[0];
    assert!(order.is_signed && order.age_ms < Some(1_000), "signed when it left: {order:?}");
    assert!(feeds_screen(&bench.tape).contains("HTTP 429: slow down"));
    bench.feeds.stop().await;
}

/// Fault: a key that cannot sign is tried for ever.
#[tokio::test]
async fn a_key_that_cannot_sign_is_told_at_once() {
    let mut peer = Peer::new().await;
    let mut account = account();
    account.keys.as_mut().unwrap().secret = Secret::new("two words");
    let mut bench = start(&peer, &DESK, account, patience());
    let (reason, retry_ms) = words(bench.control("desk/main@rest", refused).await);
    assert_eq!(reason, "the key of account main cannot sign: the secret is not one word");
    assert_eq!(retry_ms, 0);
    assert!(peer.is_left_alone(Duration::from_millis(100)).await && peer.asked("/").is_empty());
    bench.feeds.stop().await;
}

/// Fault: an account's rest or its fall spoils the market's feeds.
#[tokio::test]
async fn an_account_that_falls_leaves_the_market_as_it_is() {
    let mut peer = Peer::new().await;
    let mut bench = start(&peer, &DESK, account(), patience());
    let (_, mut ws) = peer.socket().await;
    ws.send(Message::text("ok")).await.unwrap();
    bench.control("@private-1", opened).await;
    drop(ws);
    bench.control("@private-1", |c| matches!(c, Control::Closed { .. })).await;
    let (market, start) = (ConnIx(900), bench.tape[0].ts_recv);
    let url = "wss://venue.invalid/ws".into();
    let info = ConnInfo { venue: "desk".into(), name: "desk/ws-1".into(), url };
    let opened = ArrivalKind::Control(market, Control::Opened { reconnects: 0 });
    let first = [ArrivalKind::Conn(market, info), opened];
    let first = first.into_iter().map(|kind| Arrival { ts_recv: start, kind });
    let mut pipeline = pipeline();
    fold(&mut pipeline, &first.chain(bench.tape.iter().cloned()).collect::<Vec<_>>(), None);
    let snapshot = pipeline.snapshot(Mode::Live, &Ask::default());
    assert_eq!(snapshot.venues[0].state, FeedState::Ok);
    bench.feeds.stop().await;
}

/// Fault: a replay differs, needs keys, or the recording holds a secret. RELIABILITY X07.
#[tokio::test]
async fn a_recording_replays_without_keys_and_holds_no_secret() {
    let mut peer = Peer::new().await;
    let mut bench = start(&peer, &DESK, account(), patience());
    let (_, mut ws) = peer.socket().await;
    ws.send(Message::text(format!("ok {TICKET}"))).await.unwrap();
    for n in 0..20 {
        ws.send(Message::text(format!("{{\"n\":{n},\"k\":\"{KEY}\",\"s\":\"{SECRET}\"}}"))).await.unwrap();
    }
    let mut frames = 0;
    bench
        .next(|a| {
            frames += usize::from(matches!(a.kind, ArrivalKind::Frame(..)));
            (frames == 20).then_some(())
        })
        .await;
    drop(ws);
    bench.control("@private-1", |c| matches!(c, Control::Closed { .. })).await;
    bench.feeds.stop().await;

    let room = temp::Temp::new("feed_account");
    let path = room.path().join("own.mcap");
    let mut recorder = Recorder::create_at(&path, &Meta::default(), Clock::start()).unwrap();
    let mut live = pipeline();
    let commands = fold(&mut live, &bench.tape, Some(&mut recorder));
    recorder.finish().unwrap();

    let bytes = std::fs::read(&path).unwrap();
    assert_clean("the file", &bytes);
    let mut replayed = pipeline();
    let mut again = Vec::new();
    let mut reader = Reader::open(std::io::Cursor::new(bytes)).unwrap();
    while let Some(item) = reader.next().unwrap() {
        if let Item::Entry(entry) = item {
            assert_clean("the recording", format!("{entry:?}").as_bytes());
            let bytes = match entry.kind {
                Kind::Frame(_, bytes) => bytes,
                Kind::Rest(_, answer) => answer.body,
                _ => b"",
            };
            assert_clean("a message of the recording", bytes);
            again.extend(replayed.ingest(&entry).own.iter().map(|(_, command)| command.clone()));
        }
    }
    assert_eq!(commands, again);
    assert_eq!(live.engine().totals(), replayed.engine().totals());
    assert!(live.engine().totals().events >= 20);
    let ledger = |p: &Pipeline| format!("{:?}", p.engine().ledger());
    assert_eq!(ledger(&live), ledger(&replayed));
    assert!(ledger(&live).contains("main"), "{}", ledger(&live));
    let screen = |p: &Pipeline| plain::feeds(&p.snapshot(Mode::Live, &Ask::default()));
    assert_eq!(screen(&live), screen(&replayed));
}

/// Fault: a debug print or a panic of anything that holds keys shows them. RELIABILITY X07.
#[tokio::test]
async fn nothing_that_holds_keys_prints_them() {
    let AccountFeed { venue: id, account, keys } = account();
    let feed = AccountFeed { venue: id, account: account.clone(), keys: keys.clone() };
    let own = faultline::feed::own::Own::new(venue(), &DESK, account, keys.clone(), Clock::start());
    let signed = own.sign(&RestRequest::get("/x?a=1"), Some(&Secret::new(TICKET))).unwrap();
    let text =
        format!("{feed:?} {feed:#?} {own:?} {:?} {:?} {signed:?} {keys:?}", own.speaker(), own.account);
    assert_clean("a debug print", text.as_bytes());
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
        panic!("{feed:?} {own:?} {signed:?}");
    }));
    let said = *panicked.unwrap_err().downcast::<String>().unwrap();
    assert!(said.contains("[secret]"), "{said}");
    assert_clean("a panic", said.as_bytes());
}

/// Fault: the check that a person asks for says something else than the feeds would.
#[tokio::test]
async fn a_key_can_be_checked_before_it_is_used() {
    let peer = Peer::new().await;
    let venue = VenueFeed::with_dialect(venue(), Some(peer.address), &DESK).unwrap();
    let check = || account::examine(&venue, &ACCOUNT, Clock::start());
    static ACCOUNT: std::sync::LazyLock<AccountFeed> = std::sync::LazyLock::new(account);
    assert_eq!(check().await, Ok("the key may only read".into()));
    peer.says("/check", "200 OK", "trade Order");
    assert!(check().await.unwrap_err().contains("may trade (Order)"));
    peer.says("/check", "401 Unauthorized", &format!("no {KEY}"));
    assert!(check().await.unwrap_err().ends_with("is not accepted: HTTP 401: no [secret]"));
}
