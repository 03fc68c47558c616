//! One websocket of a simulated venue: the session's texts in and out, at the market's pace, bent by
//! the venue's fault switches.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};

use super::fault::Switches;
use super::limits::Window;
use super::market::Venue;
use super::server::Port;
use super::session::Session;
use crate::model::Nanos;
use crate::model::time::SECOND;

/// Largest message taken from a client.
const CLIENT_BYTES_MAX: usize = 64 << 10;
/// Bytes that may wait for a client that reads slowly.
const WAITING_BYTES_MAX: usize = 8 << 20;
/// A client that takes nothing for this long is let go.
const SLOW_CLIENT: Duration = Duration::from_secs(10);
/// Distance of the venue's own ping frames, where it sends them.
const PING_EVERY: Duration = Duration::from_secs(180);
/// A frame that no venue sends: cut JSON and a terminal escape.
const GARBAGE: &str = "{\"e\":\"dep\u{1b}]0;owned\u{7}\\u00";

/// Serves one websocket until the client leaves or stops reading.
pub(super) async fn drive<S>(io: S, session: Box<dyn Session>, port: Port)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let limits = WebSocketConfig::default()
        .max_message_size(Some(CLIENT_BYTES_MAX))
        .max_frame_size(Some(CLIENT_BYTES_MAX))
        .max_write_buffer_size(WAITING_BYTES_MAX);
    let socket = WebSocketStream::from_raw_socket(io, Role::Server, Some(limits)).await;
    let seen = *port.switches.borrow();
    let opened = port.shared.venue(port.server.id(), |venue| venue.now).unwrap_or_default();
    let (bends, texts, aged_before) = (Bends::default(), Window::default(), seen.aged_h);
    Line { socket, session, port, seen, opened, aged_before, bends, texts, out: Vec::new() }.run().await;
}

struct Line<S> {
    socket: WebSocketStream<S>,
    session: Box<dyn Session>,
    port: Port,
    /// The switches as last looked at.
    seen: Switches,
    /// Simulated time of the opening, and the hours added to older connections until then.
    opened: Nanos,
    aged_before: u64,
    bends: Bends,
    texts: Window,
    out: Vec<String>,
}

/// What is to be done to the frames of coming steps.
#[derive(Default)]
struct Bends {
    /// Sent twice.
    repeat: bool,
    /// Sent after those of the step that follows.
    swap: bool,
    held: Vec<String>,
    /// Sent with a wrong checksum.
    checksum: bool,
}

impl Bends {
    /// Bends the frames of one step.
    fn apply(&mut self, out: &mut Vec<String>) {
        if out.is_empty() {
            return;
        }
        if std::mem::take(&mut self.repeat) {
            *out = out.iter().flat_map(|text| [text.clone(), text.clone()]).collect();
        }
        if self.checksum
            && let Some(spoiled) = out.iter_mut().find_map(|text| Some((spoil(text)?, text)))
        {
            *spoiled.1 = spoiled.0;
            self.checksum = false;
        }
        if std::mem::take(&mut self.swap) {
            self.held = std::mem::take(out);
        } else {
            out.append(&mut self.held);
        }
    }
}

/// The text with another number as its checksum; `None` where it has none.
fn spoil(text: &str) -> Option<String> {
    let (before, rest) = text.split_once("\"checksum\":")?;
    let end = rest.find(|c: char| c != '-' && !c.is_ascii_digit())?;
    let other = if rest.starts_with("7,") { 8 } else { 7 };
    Some(format!("{before}\"checksum\":{other}{}", rest.get(end..)?))
}

/// The close frame of a limit.
fn told_off(words: &'static str) -> CloseFrame {
    CloseFrame { code: CloseCode::Policy, reason: words.into() }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Line<S> {
    async fn run(mut self) {
        let mut steps = self.port.shared.steps();
        let mut pings = tokio::time::interval_at(tokio::time::Instant::now() + PING_EVERY, PING_EVERY);
        self.encode(|session, venue, out| session.greet(venue, out));
        loop {
            if self.send().await.is_none() {
                return;
            }
            tokio::select! {
                biased;
                changed = steps.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    if self.step().is_none() {
                        return self.close().await;
                    }
                }
                changed = self.port.switches.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    self.bend();
                }
                _ = pings.tick(), if self.port.server.pings() => {
                    if self.socket.send(Message::Ping("1".into())).await.is_err() {
                        return;
                    }
                }
                message = self.socket.next() => match message {
                    Some(Ok(Message::Text(text))) => {
                        if let Some(frame) = self.text(&text) {
                            drop(self.socket.close(Some(frame)).await);
                            return;
                        }
                    }
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                    Some(Ok(_)) => {}
                },
            }
        }
    }

    fn encode(&mut self, f: impl FnOnce(&mut dyn Session, &Venue, &mut Vec<String>)) {
        let Line { session, port, out, .. } = self;
        port.shared.venue(port.server.id(), |venue| f(session.as_mut(), venue, out));
    }

    /// Reads a text of the client; the close frame when it is one too many.
    fn text(&mut self, text: &str) -> Option<CloseFrame> {
        let limits = self.port.server.limits();
        if let Some(rate) = limits.texts
            && self.texts.spend(rate, 1, tokio::time::Instant::now()).is_err()
        {
            return Some(told_off("too many requests"));
        }
        self.encode(|session, venue, out| session.text(text, venue, out));
        let mut open = 0;
        self.session.each_cursor(&mut |_| open += 1);
        (open > limits.subscriptions).then(|| told_off("too many subscriptions"))
    }

    /// Sends what is due, or, in silence, lets it pass. `None` when the venue ends the connection.
    fn step(&mut self) -> Option<()> {
        let switches = *self.port.switches.borrow();
        let (opened, life_h) = (self.opened, self.port.server.limits().life_h);
        let aged_h = switches.aged_h - self.aged_before;
        let mut is_over = false;
        self.encode(|session, venue, out| {
            let age_h = venue.now.since(opened).max(0).unsigned_abs() / (3_600 * SECOND.unsigned_abs());
            is_over = venue.down || life_h.is_some_and(|life| age_h + aged_h >= u64::from(life));
            if switches.silent || venue.silent {
                skip(session, venue);
            } else {
                session.push(venue, out);
            }
        });
        self.bends.apply(&mut self.out);
        (!is_over).then_some(())
    }

    /// Ends the connection as a venue does that has had enough of it.
    async fn close(&mut self) {
        let frame = CloseFrame { code: CloseCode::Away, reason: "".into() };
        drop(tokio::time::timeout(SLOW_CLIENT, self.socket.close(Some(frame))).await);
    }

    /// Notes momentary faults that were made since the last look.
    fn bend(&mut self) {
        let now = *self.port.switches.borrow_and_update();
        let before = std::mem::replace(&mut self.seen, now);
        if now.garbage != before.garbage {
            self.out.push(GARBAGE.into());
        }
        if now.gaps.0 != before.gaps.0 {
            self.session.each_cursor(&mut |cursor| cursor.lose = now.gaps.1);
        }
        if now.restarts != before.restarts {
            self.session.each_cursor(&mut |cursor| cursor.restart = true);
        }
        self.bends.repeat |= now.repeats != before.repeats;
        self.bends.swap |= now.swaps != before.swaps;
        self.bends.checksum |= now.checksums != before.checksums;
    }

    async fn send(&mut self) -> Option<()> {
        if self.out.is_empty() {
            return Some(());
        }
        let pause = self.port.switches.borrow().trickle;
        if !pause.is_zero() {
            return self.trickle(pause).await;
        }
        let Line { socket, out, .. } = self;
        let sending = async {
            for text in out.drain(..) {
                socket.feed(Message::text(text)).await?;
            }
            socket.flush().await
        };
        tokio::time::timeout(SLOW_CLIENT, sending).await.ok()?.ok()
    }

    /// Sends frame by frame, with a pause before each.
    async fn trickle(&mut self, pause: Duration) -> Option<()> {
        for text in std::mem::take(&mut self.out) {
            tokio::time::sleep(pause).await;
            let sending = self.socket.send(Message::text(text));
            tokio::time::timeout(SLOW_CLIENT, sending).await.ok()?.ok()?;
        }
        Some(())
    }
}

/// Lets a step pass without a message.
pub(super) fn skip(session: &mut dyn Session, venue: &Venue) {
    session.each_cursor(&mut |cursor| {
        if let Some(instrument) = venue.instruments.get(cursor.ix) {
            cursor.skip(instrument);
        }
    });
}
