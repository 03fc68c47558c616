//! The socket floor against a peer on loopback: what is lost is counted, what breaks comes back.

mod feed_peer;
mod feed_queue;

use std::collections::BTreeSet;
use std::time::Duration;

use faultline::feed::door::Door;
use faultline::feed::redirect::{RedirectError, Target};
use faultline::feed::{ArrivalKind, FeedError, OrderRefused, Patience, VenueFeed};
use faultline::model::entry::{ConnIx, Control};
use faultline::model::venue::{Command, RestRequest};
use feed_peer::{BEATING, PLAIN, Peer, Visit, answer, patience, start, venue, venue_with_one};
use futures_util::{SinkExt, StreamExt};
use tokio::time::{Instant, sleep, timeout};
use tokio_tungstenite::accept_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

/// Many connections in a short time, texts without pause.
const QUICK: &str = "send_gap_ms = 0\nconnects_per_min = 60000";

fn opened(c: &Control) -> bool {
    matches!(c, Control::Opened { .. })
}

fn closed(c: &Control) -> bool {
    matches!(c, Control::Closed { .. })
}

fn reason(control: &Control) -> &str {
    match control {
        Control::Closed { reason, .. }
        | Control::Refused { reason, .. }
        | Control::RestFailed { reason, .. } => reason,
        _ => "",
    }
}

/// Fault: subscriptions sent in one burst, out of order, or frames without their connection.
#[tokio::test]
async fn a_connection_is_announced_and_subscribes_at_the_venues_pace() {
    let peer = Peer::new("BTC\nETH\nSOL").await;
    let bench = start(peer.address, venue("send_gap_ms = 60"), &PLAIN, patience(), 64);
    let mut ws = peer.socket().await;
    let mut at = Vec::new();
    for symbol in ["BTC", "ETH", "SOL"] {
        let text = ws.next().await.unwrap().unwrap();
        assert_eq!(text.to_text().unwrap(), format!("subscribe {symbol}"));
        at.push(Instant::now());
    }
    assert!(at[2] - at[0] >= Duration::from_millis(110), "texts came {:?} apart", at[2] - at[0]);
    ws.send(Message::text(r#"{"trade":1}"#)).await.unwrap();
    ws.send(Message::binary(&b"{\"trade\":2}"[..])).await.unwrap();

    let (mut known, mut frames, mut order) = (BTreeSet::new(), Vec::new(), Vec::new());
    bench
        .next(|a| {
            match a.kind {
                ArrivalKind::Conn(ix, info) => {
                    assert!(info.url.contains(&peer.address.to_string()), "the tape says where it led");
                    known.insert(ix);
                    order.push(info.name);
                }
                ArrivalKind::Rest(ix, rest) => {
                    assert!(known.contains(&ix) && rest.status == 200);
                    assert_eq!(rest.url, format!("http://{}/list", peer.address));
                    order.push("list".into());
                }
                ArrivalKind::Control(ix, control) => {
                    assert!(known.contains(&ix));
                    assert_eq!(control, Control::Opened { reconnects: 0 });
                    order.push("opened".into());
                }
                ArrivalKind::Frame(ix, bytes) => {
                    assert!(known.contains(&ix) && a.ts_recv.0 > 0);
                    frames.push(bytes);
                }
            }
            (frames.len() == 2).then_some(())
        })
        .await;
    assert_eq!(order, ["plain/rest", "list", "plain/ws-1", "opened"]);
    assert_eq!(&frames[1][..], b"{\"trade\":2}");
    let gauges = bench.feeds.gauges();
    assert_eq!((gauges.venues[0].listed, gauges.venues[0].watched), (3, 3));
    assert!(gauges.conns[1].open && gauges.conns[1].frames == 2);
    bench.feeds.stop().await;
}

/// Fault: a retry that is late, gives up, or takes the next index. RELIABILITY G08.
#[tokio::test]
async fn twenty_cuts_are_each_mended_within_three_seconds() {
    let peer = Peer::new("BTC").await;
    let bench = start(peer.address, venue(QUICK), &PLAIN, patience(), 64);
    let mut ws = peer.socket().await;
    let mut slowest = Duration::ZERO;
    for cut in 1..=20u32 {
        assert!(ws.next().await.unwrap().unwrap().is_text(), "subscribed again");
        sleep(Duration::from_millis(10)).await; // stable by this test's patience
        drop(ws);
        let since = Instant::now();
        ws = timeout(Duration::from_secs(3), peer.socket()).await.expect("mended within three seconds");
        slowest = slowest.max(since.elapsed());
        let c = bench.control(closed).await;
        assert!(
            reason(&c).contains("ended") || reason(&c).contains("reset") || reason(&c).contains("without"),
            "{c:?}"
        );
        assert_eq!(bench.control(opened).await, Control::Opened { reconnects: cut });
    }
    println!("slowest of 20: {slowest:?}");
    assert_eq!(bench.feeds.gauges().conns.len(), 2, "the index stays");
    bench.feeds.stop().await;
}

/// Fault: a mute venue that answers pings passes for live. RELIABILITY N04, N05.
#[tokio::test]
async fn heartbeats_alone_do_not_keep_a_connection() {
    let peer = Peer::new("BTC").await;
    let wait = Patience { silence: Some(Duration::from_millis(400)), ..patience() };
    let bench = start(peer.address, venue(QUICK), &BEATING, wait, 64);
    let mut ws = peer.socket().await;
    let since = Instant::now();
    let mut pings = 0;
    while let Ok(Some(Ok(message))) = timeout(Duration::from_secs(3), ws.next()).await {
        if since.elapsed() > Duration::from_secs(3) {
            break;
        }
        if message.to_text().unwrap_or("") == "ping" {
            pings += 1;
            if ws.send(Message::text("pong")).await.is_err() {
                break;
            }
        }
    }
    let took = since.elapsed();
    assert!(pings >= 4, "{pings} heartbeats came");
    assert!(took >= Duration::from_millis(380) && took < Duration::from_secs(2), "found after {took:?}");
    assert!(reason(&bench.control(closed).await).contains("no data"));

    // A connection may carry quiet topics only: the next one gets twice the time.
    let _quiet = peer.socket().await;
    let since = Instant::now();
    assert!(reason(&bench.control(closed).await).contains("no bytes"), "nor does it answer heartbeats");
    assert!(since.elapsed() < Duration::from_secs(1), "which widens nothing");
    bench.feeds.stop().await;
}

/// Fault: a connection with quiet topics only is torn down again and again.
#[tokio::test]
async fn a_session_without_any_data_doubles_the_budget_of_the_next() {
    let peer = Peer::new("BTC").await;
    let wait = Patience { silence: Some(Duration::from_millis(100)), ..patience() };
    let bench = start(peer.address, venue(QUICK), &PLAIN, wait, 64);
    let mut took = Vec::new();
    for _ in 0..3 {
        let mut quiet = peer.socket().await;
        let since = Instant::now();
        while let Some(Ok(message)) = quiet.next().await {
            if message.is_close() {
                break;
            }
        }
        took.push(since.elapsed().as_millis());
    }
    assert!(took[0] >= 95 && took[1] >= 195 && took[2] >= 395, "{took:?}");
    bench.feeds.stop().await;
}

/// Fault: more is ordered than the venue's hourly limit lets through, and books wait for an hour.
#[tokio::test]
async fn too_many_orders_make_the_connection_start_over() {
    let peer = Peer::new("BTC").await;
    let bench = start(peer.address, venue(QUICK), &PLAIN, patience(), 64);
    let _ws = peer.socket().await;
    let conn = bench.socket().await;
    for n in 0..200 {
        let texts = vec![format!("unsubscribe {n}"), format!("subscribe {n}")];
        bench.feeds.command(0, Command::Send { conn, texts }).unwrap();
    }
    assert!(reason(&bench.control(closed).await).contains("made anew"));
    let mut ws = peer.socket().await;
    assert_eq!(ws.next().await.unwrap().unwrap().to_text().unwrap(), "subscribe BTC");
    bench.feeds.stop().await;
}

/// Fault: a socket without any byte is kept.
#[tokio::test]
async fn a_socket_without_bytes_is_given_up_after_two_heartbeats() {
    let peer = Peer::new("BTC").await;
    let bench = start(peer.address, venue(QUICK), &BEATING, patience(), 64);
    let _mute = peer.socket().await;
    assert!(reason(&bench.control(closed).await).contains("no bytes"));
    peer.socket().await;
    bench.feeds.stop().await;
}

/// Fault: a huge message is buffered, or ends the connection without a word. RELIABILITY X02.
#[tokio::test]
async fn an_oversize_message_closes_with_1009_and_is_reported() {
    let peer = Peer::new("BTC").await;
    let limits = format!("{QUICK}\nmessage_bytes_max = 4096");
    let bench = start(peer.address, venue(&limits), &PLAIN, patience(), 64);
    let mut ws = peer.socket().await;
    ws.send(Message::text("x".repeat(4096))).await.unwrap();
    ws.send(Message::text("x".repeat(4097))).await.unwrap();
    let farewell = loop {
        match ws.next().await {
            Some(Ok(Message::Close(frame))) => break frame,
            Some(Ok(_)) => {}
            other => panic!("no close frame but {other:?}"),
        }
    };
    assert_eq!(farewell.unwrap().code, CloseCode::Size);
    let control = bench.control(|c| !opened(c)).await;
    assert_eq!(control, Control::TooLarge { limit: 4096 });
    assert!(reason(&bench.control(closed).await).contains("4096"));
    peer.socket().await;
    bench.feeds.stop().await;
}

/// Fault: a venue that refuses us is asked again at once, and nobody learns why. RELIABILITY N12.
#[tokio::test]
async fn a_refused_upgrade_is_explained_and_not_hammered() {
    for (status, word, pause_ms) in [
        ("451 Unavailable For Legal Reasons", "region", 600_000),
        ("429 Too Many Requests\r\nretry-after: 17", "too many requests", 17_000),
        ("418 I'm a teapot\r\nretry-after: 99999", "banned", 900_000),
        ("302 Found\r\nlocation: wss://evil.example/", "not followed", 0),
    ] {
        let peer = Peer::new("").await;
        let bench = start(peer.address, venue_with_one(QUICK), &PLAIN, patience(), 64);
        let refused = loop {
            tokio::select! {
                visit = peer.visit() => match visit {
                    Visit::Request(path, stream) if path == "/ws" => answer(stream, status, "").await,
                    Visit::Request(_, stream) => answer(stream, "404 Not Found", "").await,
                    Visit::Socket(_) => unreachable!("this peer refuses"),
                },
                refused = bench.control(|c| matches!(c, Control::Refused { .. })) => break refused,
            }
        };
        assert!(reason(&refused).contains(word), "{refused:?}");
        let Control::Refused { retry_ms, .. } = refused else { unreachable!() };
        assert!(retry_ms >= pause_ms && retry_ms <= pause_ms + 30_000, "{status}: {retry_ms} ms");
        bench.feeds.stop().await;
    }
}

/// Fault: data or bad luck lead plain text to another machine. RELIABILITY X06.
#[test]
fn only_loopback_may_be_plain() {
    let away = VenueFeed::with_dialect(venue(""), Some("192.0.2.1:80".parse().unwrap()), &PLAIN);
    assert!(matches!(away, Err(FeedError::Redirect { source: RedirectError::NotLoopback(_), .. })));
    let mut plain = venue("");
    plain.endpoints[0].url = "ws://venue.invalid/ws".into();
    let plain = VenueFeed::with_dialect(plain, None, &PLAIN);
    assert!(matches!(plain, Err(FeedError::Redirect { source: RedirectError::Plain(_), .. })));
    let strange = VenueFeed::new(venue(""), None);
    assert!(matches!(strange, Err(FeedError::Dialect { .. })));
}

/// Fault: pages are asked twice, a storm of identical requests passes, or a ban is ignored.
#[tokio::test]
async fn requests_are_asked_once_and_a_limit_pauses_the_venue() {
    let peer = Peer::new("BTC\nnext /page2").await;
    let bench = start(peer.address, venue(QUICK), &PLAIN, patience(), 64);
    let mut asked = Vec::new();
    let mut sockets = Vec::new();
    let storm = || {
        for _ in 0..100 {
            bench.feeds.command(0, Command::Rest(RestRequest::get("/depth"))).unwrap();
        }
        // What the core's own decoder asks when it reads the list.
        bench.feeds.command(0, Command::Rest(RestRequest::get("/page2"))).unwrap();
    };
    let serve = async {
        loop {
            match peer.visit().await {
                Visit::Socket(socket) => {
                    sockets.push(socket);
                    storm();
                }
                Visit::Request(path, stream) => {
                    let (status, body) = match path.as_str() {
                        "/list" => ("200 OK", peer.list),
                        "/page2" => ("200 OK", "ETH"),
                        "/depth" => ("429 Too Many Requests\r\nretry-after: 60", "slow down"),
                        other => panic!("unexpected {other}"),
                    };
                    asked.push(path);
                    answer(stream, status, body).await;
                    if asked.last().is_some_and(|p| p == "/depth") {
                        storm();
                    }
                }
            }
        }
    };
    assert!(timeout(Duration::from_millis(900), serve).await.is_err());
    assert_eq!(asked, ["/list", "/page2", "/depth"]);
    let status = bench
        .next(|a| match a.kind {
            ArrivalKind::Rest(_, rest) if rest.url.ends_with("/depth") => Some((rest.status, rest.body)),
            _ => None,
        })
        .await;
    assert_eq!((status.0, &status.1[..]), (429, &b"slow down"[..]), "decoders see the refusal too");
    assert_eq!(bench.feeds.gauges().venues[0].watched, 2);
    assert_eq!(bench.feeds.command(9, Command::Rest(RestRequest::get("/x"))), Err(OrderRefused::Unknown));
    bench.feeds.stop().await;
}

/// Fault: an operator's order or a decoder's command does not reach its socket.
#[tokio::test]
async fn orders_reach_their_connection() {
    let peer = Peer::new("BTC").await;
    let bench = start(peer.address, venue(QUICK), &PLAIN, patience(), 64);
    let mut ws = peer.socket().await;
    let conn = bench.socket().await;
    assert!(ws.next().await.unwrap().unwrap().is_text());
    let texts = vec!["unsubscribe BTC".to_string(), "subscribe BTC".to_string()];
    bench.feeds.command(0, Command::Send { conn, texts: texts.clone() }).unwrap();
    for text in texts {
        assert_eq!(ws.next().await.unwrap().unwrap().to_text().unwrap(), text);
    }
    bench.feeds.resubscribe(conn).unwrap();
    assert_eq!(ws.next().await.unwrap().unwrap().to_text().unwrap(), "subscribe BTC");
    bench.feeds.reconnect(conn).unwrap();
    assert!(reason(&bench.control(closed).await).contains("order"));
    peer.socket().await;
    assert_eq!(bench.feeds.reconnect(ConnIx(99)), Err(OrderRefused::Unknown));
    bench.feeds.stop().await;
}

/// Fault: a peer that accepts and never answers holds a connection for ever. RELIABILITY N10, N11.
#[tokio::test]
async fn a_peer_that_never_upgrades_costs_one_deadline() {
    let peer = Peer::new("").await;
    let wait =
        Patience { connect: Duration::from_millis(150), rest: Duration::from_millis(150), ..patience() };
    let bench = start(peer.address, venue_with_one(QUICK), &PLAIN, wait, 64);
    let mut held = Vec::new();
    let serve = async {
        loop {
            held.push(peer.visit().await);
        }
    };
    tokio::select! {
        () = serve => {}
        refused = bench.control(|c| matches!(c, Control::Refused { .. })) => {
            assert!(reason(&refused).contains("no connection within 0.15 s"), "{refused:?}");
        }
    }
    bench.feeds.stop().await;
}

/// Fault: a planned end costs a whole connect, or loses what the old socket still brings. G09.
#[tokio::test]
async fn a_successor_is_open_before_the_old_connection_closes() {
    let peer = Peer::new("BTC").await;
    let wait = Patience { life: Some(Duration::from_millis(150)), ..patience() };
    let bench = start(peer.address, venue(QUICK), &PLAIN, wait, 64);
    let mut old = peer.socket().await;
    assert!(old.next().await.unwrap().unwrap().is_text());
    let knocking = peer.knock().await;
    // Its handshake hangs here; the old one delivers on.
    old.send(Message::text("{\"still\":1}")).await.unwrap();
    bench.next(|a| matches!(a.kind, ArrivalKind::Frame(..)).then_some(())).await;
    let _new = accept_async(knocking).await.unwrap();
    assert!(reason(&bench.control(closed).await).contains("planned"));
    assert_eq!(bench.control(opened).await, Control::Opened { reconnects: 1 });
    assert!(matches!(old.next().await, Some(Ok(Message::Close(_)))));
    bench.feeds.stop().await;
}

/// Fault: a venue whose list is late at start is watched in part for ever.
#[tokio::test]
async fn a_late_list_replaces_the_venue_files_instruments() {
    let peer = Peer::new("BTC\nETH").await;
    let wait = Patience { list_retry: Duration::from_millis(300), ..patience() };
    let bench = start(peer.address, venue_with_one(QUICK), &PLAIN, wait, 64);
    let Visit::Request(path, stream) = peer.visit().await else { panic!("the list comes first") };
    assert_eq!(path, "/list");
    answer(stream, "400 Bad Request", "").await;
    let late = async {
        let (mut hello, mut held, mut first) = (Vec::new(), Vec::new(), true);
        loop {
            match peer.visit().await {
                Visit::Request(_, stream) if first => answer(stream, "400 Bad Request", "").await,
                Visit::Request(_, stream) => answer(stream, "200 OK", peer.list).await,
                Visit::Socket(mut ws) => {
                    first = false;
                    hello.push(ws.next().await.unwrap().unwrap().to_string());
                    if hello.len() == 2 {
                        hello.push(ws.next().await.unwrap().unwrap().to_string());
                        return hello;
                    }
                    held.push(ws); // open until it is retired
                }
            }
        }
    };
    let hello = timeout(Duration::from_secs(5), late).await.expect("a plan with both");
    assert_eq!(hello, ["subscribe BTC", "subscribe BTC", "subscribe ETH"]);
    let gauges = bench.feeds.gauges();
    assert_eq!((gauges.conns.len(), gauges.venues[0].watched), (2, 2));
    bench.feeds.stop().await;
}

/// Fault: a peer without TLS in the venue's place is talked to, or the cause is lost. RELIABILITY X05.
#[tokio::test]
async fn a_peer_without_tls_is_refused_and_named() {
    let peer = Peer::new("").await;
    let door = Door {
        tls: faultline::feed::door::tls(),
        patience: Duration::from_secs(2),
        headers: Default::default(),
    };
    let target = Target {
        url: format!("wss://{}/ws", peer.address),
        host: peer.address.ip().to_string(),
        port: peer.address.port(),
    };
    let garbage = async {
        peer.garbage().await;
        std::future::pending::<()>().await;
    };
    let refused = tokio::select! {
        () = garbage => unreachable!(),
        opened = door.open(&target, 4_096) => opened.expect_err("no TLS, no connection"),
    };
    assert!(refused.reason.starts_with("TLS: "), "{}", refused.reason);
}
