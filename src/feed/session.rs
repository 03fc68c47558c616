//! One open websocket, from handshake to loss: reads, stamps, hands over, sends in time.
//!
//! A connection of an own account logs in first; what belongs to its login goes no further.
//!
//! Timers come before frames in every round, so heartbeats leave on time however busy the socket is;
//! frames that are already there are taken in runs, so timers cost nothing per frame.

use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::{FutureExt, SinkExt, StreamExt};
use hyper::body::Bytes;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::tungstenite::error::CapacityError;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{self, Message};

use super::connection::{Attempt, Connection, Open, Order, attempt, planned_life, stopped};
use super::door::Socket;
use super::inlet::Gone;
use super::login::{Entrance, Step};
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
    Successor(Box<Open>),
    /// The login failed; try again.
    NotIn(Failure),
    /// The account must not be watched; why.
    Barred(String),
}

impl From<Gone> for End {
    fn from(_: Gone) -> Self {
        End::Gone
    }
}

/// What has to happen when.
struct Agenda {
    outbox: Outbox,
    silence: Silence,
    beat_at: Option<Instant>,
    life_at: Option<Instant>,
    opening: Option<Attempt>,
    entrance: Option<Entrance>, // connections of own accounts have one
    opened: Option<u32>,        // until it is said: how often the connection was opened before
}

impl Agenda {
    fn new(conn: &Connection, entrance: Option<Entrance>, opened: u32, now: Instant) -> Self {
        let beat = conn.heartbeat.map(|h| Duration::from_millis(h.every_ms));
        let bytes_budget = beat.map_or(BYTES_BUDGET, |every| every * 2);
        Agenda {
            outbox: Outbox::new(&[], Duration::from_millis(conn.limits.send_gap_ms)),
            silence: Silence::new(conn.silence.map(|b| widened(b, conn.mute)), bytes_budget, now),
            beat_at: beat.map(|every| now + every),
            life_at: conn.patience.life.or(planned_life(&conn.limits, conn.seed)).map(|life| now + life),
            opening: None,
            entrance,
            opened: Some(opened),
        }
    }

    /// True while a login is under way.
    fn is_outside(&self) -> bool {
        self.entrance.as_ref().is_some_and(|entrance| !entrance.is_in())
    }

    /// The next instant at which something is due.
    fn wake_at(&self, now: Instant) -> Instant {
        let until = self.entrance.as_ref().and_then(Entrance::until);
        let due = [self.outbox.next_at(now), self.beat_at, self.life_at, until];
        due.into_iter().flatten().fold(self.silence.check_at(), Instant::min)
    }
}

/// Runs one open socket until it ends; also says whether it was of use. `opened` is how often the
/// connection was opened before.
pub(super) async fn run(conn: &mut Connection, open: Open, opened: u32) -> (End, bool) {
    let Open { socket: mut ws, ticket } = open;
    let now = Instant::now();
    let entrance = conn.private.as_ref().map(|private| private.entrance(ticket, now + conn.patience.login));
    let mut agenda = Agenda::new(conn, entrance, opened, now);
    let end = match begin(conn, &mut agenda).await {
        Err(end) => end,
        Ok(()) => turns(conn, &mut agenda, &mut ws).await,
    };
    let was_open = agenda.opened.is_none();
    let end = match end {
        End::Lost(failure) | End::Silent(failure, _) if !was_open => {
            End::NotIn(Failure { reason: format!("the login was cut off: {}", failure.reason), ..failure })
        }
        end => end,
    };
    farewell(&end, &mut ws, conn.patience.write).await;
    (end, was_open)
}

/// Says what comes first: the subscriptions, or a login.
async fn begin(conn: &mut Connection, agenda: &mut Agenda) -> Result<(), End> {
    match &mut agenda.entrance {
        None => enter(conn, agenda).await,
        Some(entrance) => {
            let step = entrance.open();
            pass(conn, agenda, step).await
        }
    }
}

/// The connection is of use from now on.
async fn enter(conn: &mut Connection, agenda: &mut Agenda) -> Result<(), End> {
    let Some(opened) = agenda.opened.take() else { return Ok(()) };
    let hello = match &agenda.entrance {
        Some(entrance) => entrance.fill(&conn.plan.hello),
        None => conn.plan.hello.clone(),
    };
    agenda.outbox.hello(hello);
    Ok(conn.says_open(opened).await?)
}

/// Does what a login wants.
async fn pass(conn: &mut Connection, agenda: &mut Agenda, step: Step) -> Result<(), End> {
    if !agenda.outbox.say(step.send) {
        return Err(End::Lost(Failure::new("the login wants more texts sent than the limit")));
    }
    match step.end {
        Some(end) => Err(end),
        None if !agenda.is_outside() => enter(conn, agenda).await,
        None => Ok(()),
    }
}

/// Reads, sends and waits until something ends it.
async fn turns(conn: &mut Connection, agenda: &mut Agenda, ws: &mut Socket) -> End {
    loop {
        let wake_at = agenda.wake_at(Instant::now());
        let step = tokio::select! {
            biased;
            () = stopped(&mut conn.stop) => Err(End::Stopped("stopped")),
            () = sleep_until(wake_at) => due(conn, agenda, ws).await,
            order = conn.orders.recv() => follow(conn, agenda, order),
            failure = expiry(&mut agenda.entrance) => Err(End::Lost(failure)),
            opened = successor(&mut agenda.opening) => match opened {
                Ok(open) => Err(End::Successor(Box::new(open))),
                Err(_) => {
                    // The old socket still delivers; its own loss would be reported.
                    agenda.opening = None;
                    agenda.life_at = Some(Instant::now() + SUCCESSOR_RETRY);
                    Ok(())
                }
            },
            item = ws.next() => frames(conn, agenda, ws, item).await,
        };
        if let Err(end) = step {
            return end;
        }
    }
}

/// The end of a ticket.
async fn expiry(entrance: &mut Option<Entrance>) -> Failure {
    match entrance {
        Some(entrance) => entrance.expiry().await,
        None => std::future::pending().await,
    }
}

async fn successor(opening: &mut Option<Attempt>) -> Result<Open, Failure> {
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
        agenda.opening = Some(attempt(conn));
    }
    if let Some(failure) = agenda.entrance.as_mut().and_then(|entrance| entrance.late(now)) {
        return Err(End::NotIn(failure));
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
    let fill = |texts: Vec<String>| match &agenda.entrance {
        Some(entrance) => entrance.fill(&texts),
        None => texts,
    };
    let taken = match order {
        // The subscriptions that follow the login bring all of it.
        Some(Order::Texts(_) | Order::Resubscribe) if agenda.is_outside() => true,
        Some(Order::Texts(texts)) => agenda.outbox.order(fill(texts), Instant::now()),
        Some(Order::Resubscribe) => agenda.outbox.order(fill(conn.plan.hello.clone()), Instant::now()),
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
async fn frames(conn: &mut Connection, agenda: &mut Agenda, ws: &mut Socket, first: Item) -> Result<(), End> {
    message(conn, agenda, ws, first).await?;
    for _ in 1..RUN_MAX {
        // Whatever is taken out of the socket is handled before the loop ends.
        let Some(item) = ws.next().now_or_never() else { break };
        message(conn, agenda, ws, item).await?;
    }
    Ok(())
}

async fn message(conn: &mut Connection, agenda: &mut Agenda, ws: &mut Socket, item: Item) -> Result<(), End> {
    match item {
        Some(Ok(Message::Text(text))) => frame(conn, agenda, text.into()).await,
        Some(Ok(Message::Binary(bytes))) => frame(conn, agenda, bytes).await,
        Some(Ok(Message::Ping(_))) => {
            agenda.silence.saw_ping();
            // The pong is queued by the protocol layer; several pings share the newest one.
            match timeout(conn.patience.write, ws.flush()).await {
                Ok(Ok(())) => Ok(()),
                Ok(Err(error)) => Err(End::Lost(words::websocket(&error))),
                Err(_) => Err(End::Lost(Failure::new("the venue does not read; a pong timed out"))),
            }
        }
        Some(Ok(Message::Pong(_) | Message::Frame(_))) => {
            agenda.silence.saw_ping();
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

async fn frame(conn: &mut Connection, agenda: &mut Agenda, bytes: Bytes) -> Result<(), End> {
    let ts_recv = conn.inlet.now();
    agenda.silence.saw(&bytes);
    let Some(entrance) = &mut agenda.entrance else { return Ok(conn.inlet.frame(ts_recv, bytes)?) };
    let (step, taped) = entrance.hear(bytes);
    if let Some(bytes) = taped {
        conn.inlet.frame(ts_recv, bytes)?;
    }
    pass(conn, agenda, step).await
}

/// Says goodbye where the other side may still listen. Failure changes nothing: the socket is dropped.
async fn farewell(end: &End, ws: &mut Socket, patience: Duration) {
    let (code, patience) = match end {
        End::TooLarge(_) => (CloseCode::Size, patience.min(FAREWELL)),
        End::Gone | End::Stopped(_) | End::Successor(_) | End::Barred(_) => (CloseCode::Normal, FAREWELL),
        End::Lost(_) | End::Silent(..) | End::NotIn(_) => (CloseCode::Away, patience.min(FAREWELL)),
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
