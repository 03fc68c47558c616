//! One open websocket, from handshake to loss: reads, stamps, hands over, sends in time.
//!
//! Timers come before frames in every round, so heartbeats leave on time however busy the socket is;
//! frames that are already there are taken in runs, so timers cost nothing per frame.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::{FutureExt, SinkExt, StreamExt};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::tungstenite::error::CapacityError;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{self, Message};

use super::connection::{Connection, Order, attempt, planned_life, stopped};
use super::door::Socket;
use super::outbox::Outbox;
use super::silence::{BYTES_BUDGET, Silence, widened};
use super::words::{self, Failure};

/// Frames taken in one run before timers and orders are looked at.
const RUN_MAX: usize = 256;
/// Pause before another successor is tried after one could not be opened.
const SUCCESSOR_RETRY: Duration = Duration::from_secs(60);
/// Longest farewell when everything stops.
const FAREWELL: Duration = Duration::from_millis(300);

/// How a session ended.
pub(super) enum End {
    /// The core is gone.
    Gone,
    /// Told to end; why.
    Stopped(&'static str),
    /// A message above this limit.
    TooLarge(usize),
    /// Lost; try again.
    Lost(Failure),
    /// Too long without data or bytes; whether it brought any data before.
    Silent(Failure, bool),
    /// Aged; this socket takes over.
    Successor(Box<Socket>),
}

type Opening = Pin<Box<dyn Future<Output = Result<Socket, Failure>> + Send>>;

/// What has to happen when.
struct Agenda {
    outbox: Outbox,
    silence: Silence,
    beat_at: Option<Instant>,
    life_at: Option<Instant>,
    opening: Option<Opening>,
}

impl Agenda {
    fn new(conn: &Connection, now: Instant) -> Self {
        let beat = conn.heartbeat.map(|h| Duration::from_millis(h.every_ms));
        let bytes_budget = beat.map_or(BYTES_BUDGET, |every| every * 2);
        Agenda {
            outbox: Outbox::new(&conn.plan.hello, Duration::from_millis(conn.limits.send_gap_ms)),
            silence: Silence::new(conn.silence.map(|b| widened(b, conn.mute)), bytes_budget, now),
            beat_at: beat.map(|every| now + every),
            life_at: conn.patience.life.or(planned_life(&conn.limits, conn.seed)).map(|life| now + life),
            opening: None,
        }
    }

    /// The next instant at which something is due.
    fn wake_at(&self, now: Instant) -> Instant {
        let due = [self.outbox.next_at(now), self.beat_at, self.life_at];
        due.into_iter().flatten().fold(self.silence.check_at(), Instant::min)
    }
}

/// Runs one open socket until it ends.
pub(super) async fn run(conn: &mut Connection, mut ws: Socket) -> End {
    let mut agenda = Agenda::new(conn, Instant::now());
    let end = loop {
        let wake_at = agenda.wake_at(Instant::now());
        let step = tokio::select! {
            biased;
            () = stopped(&mut conn.stop) => Err(End::Stopped("stopped")),
            () = sleep_until(wake_at) => due(conn, &mut agenda, &mut ws).await,
            order = conn.orders.recv() => follow(conn, &mut agenda, order),
            opened = successor(&mut agenda.opening) => match opened {
                Ok(socket) => Err(End::Successor(Box::new(socket))),
                Err(_) => {
                    // The old socket still delivers; its own loss would be reported.
                    agenda.opening = None;
                    agenda.life_at = Some(Instant::now() + SUCCESSOR_RETRY);
                    Ok(())
                }
            },
            item = ws.next() => frames(conn, &mut agenda.silence, &mut ws, item).await,
        };
        if let Err(end) = step {
            break end;
        }
    };
    farewell(&end, &mut ws, conn.patience.write).await;
    end
}

async fn successor(opening: &mut Option<Opening>) -> Result<Socket, Failure> {
    match opening {
        Some(opening) => opening.await,
        None => std::future::pending().await,
    }
}

/// Does what is due: a check for silence, a heartbeat, one text, the successor.
async fn due(conn: &mut Connection, agenda: &mut Agenda, ws: &mut Socket) -> Result<(), End> {
    let now = Instant::now();
    if agenda.silence.check_at() <= now {
        conn.inlet.settle().map_err(|_| End::Gone)?;
        if let Some(reason) = agenda.silence.check(now) {
            return Err(End::Silent(Failure::new(reason), agenda.silence.brought_data()));
        }
        if conn.inlet.account().order_lost.swap(false, Ordering::Relaxed) {
            return Err(End::Lost(Failure::new(
                "orders came faster than they could be taken; all begins anew",
            )));
        }
    }
    if let Some(heartbeat) = conn.heartbeat.filter(|_| agenda.beat_at.is_some_and(|at| at <= now)) {
        agenda.outbox.heartbeat(heartbeat.text);
        agenda.beat_at = Some(now + Duration::from_millis(heartbeat.every_ms.max(1)));
    }
    if agenda.life_at.is_some_and(|at| at <= now) {
        agenda.life_at = None;
        let (turnstile, door) = (Arc::clone(&conn.turnstile), conn.door.clone());
        agenda.opening = Some(Box::pin(attempt(turnstile, door, conn.target.clone(), &conn.limits)));
    }
    if let Some(text) = agenda.outbox.pop(now) {
        match timeout(conn.patience.write, ws.send(outgoing(text))).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(End::Lost(words::websocket(&error))),
            Err(_) => return Err(End::Lost(Failure::new("the venue does not read; a write timed out"))),
        }
    }
    Ok(())
}

/// The frame of a text. An empty one is a heartbeat of venues that count websocket pings.
fn outgoing(text: String) -> Message {
    if text.is_empty() { Message::Ping(hyper::body::Bytes::new()) } else { Message::text(text) }
}

/// Takes an order.
fn follow(conn: &Connection, agenda: &mut Agenda, order: Option<Order>) -> Result<(), End> {
    let taken = match order {
        Some(Order::Texts(texts)) => agenda.outbox.order(texts, Instant::now()),
        Some(Order::Resubscribe) => agenda.outbox.order(conn.plan.hello.clone(), Instant::now()),
        Some(Order::Reconnect) => return Err(End::Lost(Failure::new("closed by order"))),
        Some(Order::Retire) => return Err(End::Stopped("the plan has changed")),
        None => return Err(End::Stopped("stopped")),
    };
    if taken {
        return Ok(());
    }
    // A decoder that asks for more than the venue allows is served best by fresh subscriptions.
    Err(End::Lost(Failure::new("more subscription orders wait than the limit; all are made anew")))
}

type Item = Option<Result<Message, tungstenite::Error>>;

/// Takes the message that came and those behind it.
async fn frames(
    conn: &mut Connection,
    silence: &mut Silence,
    ws: &mut Socket,
    first: Item,
) -> Result<(), End> {
    message(conn, silence, ws, first).await?;
    for _ in 1..RUN_MAX {
        // Whatever is taken out of the socket is handled before the loop ends.
        let Some(item) = ws.next().now_or_never() else { break };
        message(conn, silence, ws, item).await?;
    }
    Ok(())
}

async fn message(
    conn: &mut Connection,
    silence: &mut Silence,
    ws: &mut Socket,
    item: Item,
) -> Result<(), End> {
    match item {
        Some(Ok(Message::Text(text))) => frame(conn, silence, text.into()),
        Some(Ok(Message::Binary(bytes))) => frame(conn, silence, bytes),
        Some(Ok(Message::Ping(_))) => {
            silence.saw_ping();
            // The pong is queued by the protocol layer; several pings share the newest one.
            match timeout(conn.patience.write, ws.flush()).await {
                Ok(Ok(())) => Ok(()),
                Ok(Err(error)) => Err(End::Lost(words::websocket(&error))),
                Err(_) => Err(End::Lost(Failure::new("the venue does not read; a pong timed out"))),
            }
        }
        Some(Ok(Message::Pong(_) | Message::Frame(_))) => {
            silence.saw_ping();
            Ok(())
        }
        Some(Ok(Message::Close(why))) => Err(End::Lost(words::closed(why.as_ref()))),
        Some(Err(tungstenite::Error::Capacity(CapacityError::MessageTooLong { max_size, .. }))) => {
            Err(End::TooLarge(max_size))
        }
        Some(Err(error)) => Err(End::Lost(words::websocket(&error))),
        None => Err(End::Lost(Failure::new("the connection ended without a close frame"))),
    }
}

fn frame(conn: &mut Connection, silence: &mut Silence, bytes: hyper::body::Bytes) -> Result<(), End> {
    let ts_recv = conn.inlet.now();
    silence.saw(&bytes);
    conn.inlet.frame(ts_recv, bytes).map_err(|_| End::Gone)
}

/// Says goodbye where the other side may still listen. Failure changes nothing: the socket is dropped.
async fn farewell(end: &End, ws: &mut Socket, patience: Duration) {
    let (code, patience) = match end {
        End::TooLarge(_) => (CloseCode::Size, patience.min(FAREWELL)),
        End::Gone | End::Stopped(_) | End::Successor(_) => (CloseCode::Normal, FAREWELL),
        End::Lost(_) | End::Silent(..) => (CloseCode::Away, patience.min(FAREWELL)),
    };
    let frame = CloseFrame { code, reason: "".into() };
    drop(timeout(patience, ws.close(Some(frame))).await);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_heartbeat_is_a_ping() {
        assert!(outgoing(String::new()).is_ping());
        assert!(outgoing("ping".into()).is_text());
    }
}
