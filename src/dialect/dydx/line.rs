//! One connection: its count of messages and its failed subscriptions. Rules 2, 3 and 7 of the parent module.

use super::count::{Count, Step};

/// Start of the words with which a subscription fails that may be tried again.
const TRANSIENT: &str = "Internal error";
/// How often in a row failed subscriptions of a connection are tried again.
const RETRIES_MAX: u32 = 8;
/// Kinds of message.
const KINDS: &[&str] =
    &["connected", "subscribed", "unsubscribed", "channel_data", "channel_batch_data", "pong", "error"];

/// What is known of one connection.
#[derive(Debug, Default)]
pub(super) struct Line {
    count: Count,
    retries: u32,
}

impl Line {
    /// True for kinds of message that count.
    pub(super) fn knows(kind: &str) -> bool {
        KINDS.contains(&kind)
    }

    /// What the number of a message says of those before it.
    pub(super) fn judge(&mut self, kind: &str, number: i64) -> Step {
        match kind {
            "connected" => {
                *self = Line::default();
                self.count.answer(number)
            }
            "subscribed" => {
                self.retries = 0;
                self.count.answer(number)
            }
            "unsubscribed" | "error" => self.count.answer(number),
            _ => self.count.data(number),
        }
    }

    /// A subscription is asked for: its answer may be late.
    pub(super) fn asks(&mut self) {
        self.count.expect_answers();
    }

    /// True when a refused subscription of this channel is to be tried again.
    pub(super) fn tries_again(&mut self, words: &str, channel: &str) -> bool {
        let again = words.starts_with(TRANSIENT) && !channel.is_empty() && self.retries < RETRIES_MAX;
        if again {
            self.retries += 1;
            self.asks();
        }
        again
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_7_only_what_the_venue_could_not_fetch_is_tried_again_and_not_for_ever() {
        let mut line = Line::default();
        let words = "Internal error, could not fetch data for subscription: v4_orderbook.";
        assert!(!line.tries_again("Invalid subscription", "v4_orderbook"));
        assert!(!line.tries_again(words, ""));
        assert_eq!(
            (0..100).filter(|_| line.tries_again(words, "v4_orderbook")).count(),
            RETRIES_MAX as usize
        );
        line.judge("subscribed", 1);
        assert!(line.tries_again(words, "v4_orderbook"), "a success begins anew");
    }

    #[test]
    fn rule_2_a_greeting_begins_the_count_anew() {
        let mut line = Line::default();
        line.judge("connected", 0);
        line.judge("channel_data", 1);
        assert_eq!(line.judge("connected", 0), Step::Take);
        assert_eq!(line.judge("channel_data", 1), Step::Take);
    }
}
