//! One websocket of a simulated venue: the session's texts in and out, at the market's pace, bent by
//! the venue's fault switches.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::market::Venue;
use super::server::Port;
use super::session::Session;

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
    Line { socket, session, port, garbage: seen.garbage, gaps: seen.gaps.0, out: Vec::new() }.run().await;
}

struct Line<S> {
    socket: WebSocketStream<S>,
    session: Box<dyn Session>,
    port: Port,
    garbage: u64,
    gaps: u64,
    out: Vec<String>,
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
                    self.step();
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
                        self.encode(|session, venue, out| session.text(&text, venue, out));
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

    /// Sends what is due, or, in silence, lets it pass.
    fn step(&mut self) {
        let silent = self.port.switches.borrow().silent;
        self.encode(|session, venue, out| {
            if silent || venue.silent {
                skip(session, venue);
            } else {
                session.push(venue, out);
            }
        });
    }

    /// Applies momentary faults that were made since the last look.
    fn bend(&mut self) {
        let switches = *self.port.switches.borrow_and_update();
        if switches.garbage != self.garbage {
            self.garbage = switches.garbage;
            self.out.push(GARBAGE.into());
        }
        if switches.gaps.0 != self.gaps {
            self.gaps = switches.gaps.0;
            self.session.each_cursor(&mut |cursor| cursor.lose = switches.gaps.1);
        }
    }

    async fn send(&mut self) -> Option<()> {
        if self.out.is_empty() {
            return Some(());
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
}

/// Lets a step pass without a message.
pub(super) fn skip(session: &mut dyn Session, venue: &Venue) {
    session.each_cursor(&mut |cursor| {
        if let Some(instrument) = venue.instruments.get(cursor.ix) {
            cursor.skip(instrument);
        }
    });
}
