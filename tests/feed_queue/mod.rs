//! Full queues and the end: what is discarded is counted, and nothing waits for ever.

use std::time::Duration;

use faultline::feed::{Arrival, ArrivalKind, STOP_MAX};
use faultline::model::Nanos;
use faultline::model::entry::{ConnIx, Control};
use futures_util::SinkExt;
use tokio::time::{Instant, sleep, timeout};
use tokio_tungstenite::tungstenite::Message;

use super::feed_peer::{
    Bench, PLAIN, POLLING, Peer, Visit, answer, patience, start, start_with_sender, venue, venue_with_one,
};
use super::{QUICK, opened};

/// Fault: frames vanish on a full queue, or the socket waits for the core. DECISIONS 8, G17.
#[tokio::test]
async fn frames_sent_are_frames_received_and_frames_in_overruns() {
    let peer = Peer::new("BTC").await;
    let bench = start(peer.address, venue(QUICK), &PLAIN, patience(), 100);
    let mut ws = peer.socket().await;
    let conn = bench.socket().await;
    let (mut sent, mut sent_bytes) = (0u64, 0u64);
    let (mut got, mut lost, mut got_bytes, mut lost_bytes, mut overruns) = (0u64, 0u64, 0u64, 0u64, 0);
    let mut count = |kind: ArrivalKind| match kind {
        ArrivalKind::Frame(ix, bytes) => {
            assert_eq!(ix, conn);
            got += 1;
            got_bytes += bytes.len() as u64;
        }
        ArrivalKind::Control(_, Control::Overrun { frames, bytes }) => {
            overruns += 1;
            lost += frames;
            lost_bytes += bytes;
        }
        _ => {}
    };
    for burst in 0..6u64 {
        for n in 0..1_500u64 {
            let text = format!("{{\"burst\":{burst},\"n\":{n}}}");
            sent += 1;
            sent_bytes += text.len() as u64;
            ws.send(Message::text(text)).await.unwrap();
        }
        // The core sleeps while the burst arrives, then catches up to somewhere.
        sleep(Duration::from_millis(60)).await;
        for _ in 0..(burst * 37 % 101) {
            if let Some(a) = bench.rx.try_recv() {
                count(a.kind);
            }
        }
    }
    let end = Instant::now() + Duration::from_secs(3);
    loop {
        while let Some(a) = bench.rx.try_recv() {
            count(a.kind);
        }
        let gauge = &bench.feeds.gauges().conns[usize::from(conn.0)];
        let settled =
            gauge.frames + gauge.dropped_frames == sent && Instant::now() + Duration::from_secs(2) > end;
        if settled || Instant::now() > end {
            break;
        }
        sleep(Duration::from_millis(5)).await;
    }
    println!("sent {sent}, received {got}, discarded {lost} in {overruns} overruns");
    assert_eq!((sent, sent_bytes), (got + lost, got_bytes + lost_bytes));
    assert!(overruns >= 2 && lost > 1_000, "the queue was never full");
    let gauge = bench.feeds.gauges().conns[usize::from(conn.0)].clone();
    assert_eq!((gauge.frames, gauge.dropped_frames), (got, lost));
    bench.feeds.stop().await;
}

/// Fault: a stop that hangs on a socket, a poll, a pause or a full queue.
#[tokio::test]
async fn stop_ends_everything_within_a_second() {
    let peer = Peer::new("BTC").await;
    let bench = start(peer.address, venue(QUICK), &POLLING, patience(), 16);
    let mut ws = peer.socket().await;
    for _ in 0..200 {
        ws.send(Message::text("{\"fills\":\"the queue\"}")).await.unwrap();
    }
    bench.control(opened).await;
    let since = Instant::now();
    let Bench { feeds, rx } = bench;
    feeds.stop().await;
    assert!(since.elapsed() <= STOP_MAX, "{:?}", since.elapsed());
    let mut last = None;
    // An error means that every sender is gone: no task is left.
    while let Ok(Some(a)) = rx.recv_timeout(Duration::from_millis(500)) {
        last = Some(a.kind);
    }
    assert!(rx.recv_timeout(Duration::ZERO).is_err(), "a task still holds the queue");
    assert!(matches!(last, Some(ArrivalKind::Control(_, Control::Closed { .. }))), "{last:?}");
}

/// Fault: a stop waits for a pause of ten minutes, or for a core that takes nothing any more.
#[tokio::test]
async fn stop_waits_neither_for_a_pause_nor_for_a_full_queue() {
    for full in [false, true] {
        let peer = Peer::new("").await;
        let (bench, tx) = start_with_sender(peer.address, venue_with_one(QUICK), &PLAIN, patience(), 16);
        let refuse = async {
            loop {
                let Visit::Request(_, stream) = peer.visit().await else { unreachable!("this peer refuses") };
                answer(stream, "451 Unavailable For Legal Reasons", "").await;
            }
        };
        tokio::select! {
            () = refuse => {}
            _refused = bench.control(|c| matches!(c, Control::Refused { .. })) => {}
        }
        let filler = Control::Overrun { frames: 0, bytes: 0 };
        let filler = Arrival { ts_recv: Nanos(0), kind: ArrivalKind::Control(ConnIx(0), filler) };
        while full && tx.try_control(filler.clone()).is_ok() {}
        drop(tx);
        let Bench { feeds, rx } = bench;
        let conn = feeds.gauges().conns[1].conn;
        if full {
            // Now a task waits for a place.
            feeds.reconnect(conn).unwrap();
            timeout(Duration::from_millis(100), peer.visit()).await.expect("it knocks again");
            sleep(Duration::from_millis(50)).await;
        }
        let since = Instant::now();
        feeds.stop().await;
        // Without a full queue nothing has to be ended by force.
        let most = if full { STOP_MAX } else { Duration::from_millis(400) };
        assert!(since.elapsed() <= most, "full: {full}, {:?}", since.elapsed());
        tokio::task::yield_now().await;
        while rx.try_recv().is_some() {}
        assert!(rx.recv_timeout(Duration::from_millis(200)).is_err(), "a task still holds the queue");
    }
}
