//! The count of messages on one connection: rules 2 and 3 of the parent module.
//!
//! The venue gives an answer its number when the subscription arrives and sends it when its data have
//! been fetched. In between other messages go out with higher numbers. So a number that was jumped over
//! is open for a while: it is lost when it has not come within [`LATE_MAX`] messages.
//!
//! How many answers may be under way is known from the moment at which the last subscription of a
//! connection is answered: those whose numbers are open, and what was asked for since. Each accounts for
//! one number; more open numbers than those are a loss at once. Before that moment any jump waits. The end
//! of a subscription is answered on the spot and waits for nothing.

use std::collections::VecDeque;

use crate::model::event::{Gap, GapWhy};

/// Messages within which an answer that was jumped over must come; also how many may be open.
const LATE_MAX: usize = 256;

/// Kinds of message.
const KINDS: &[&str] =
    &["connected", "subscribed", "unsubscribed", "channel_data", "channel_batch_data", "pong", "error"];

/// What a number says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Take the message.
    Take,
    /// Seen before: leave it out.
    Seen,
    /// Take the message, but something before it is missing.
    Lost(Gap),
}

/// The numbers of one connection.
#[derive(Debug, Default)]
pub(super) struct Count {
    next: Option<i64>,
    /// Numbers jumped over, with the count of messages at that time; oldest first.
    open: VecDeque<(i64, usize)>,
    /// Messages so far, and until when answers may be under way.
    seen: usize,
    late_until: usize,
    waits: bool,
    /// Answers that may be under way, once the last subscription was answered.
    late: Option<usize>,
}

impl Count {
    /// True for kinds of message that are numbered.
    pub(super) fn knows(kind: &str) -> bool {
        KINDS.contains(&kind)
    }

    /// Takes the number of a message: what it says of those before it.
    pub(super) fn judge(&mut self, kind: &str, number: i64) -> Step {
        match kind {
            "connected" => {
                *self = Count::default();
                self.answer(number)
            }
            "subscribed" | "error" => self.answer(number),
            _ => self.data(number),
        }
    }

    /// The last subscription that a connection begins with was answered.
    pub(super) fn is_greeted(&mut self) {
        self.late = Some(self.open.len());
    }

    /// True once when no answer can be under way any more.
    pub(super) fn settles(&mut self) -> bool {
        self.seen > self.late_until && std::mem::take(&mut self.waits)
    }

    /// A subscription is asked for.
    pub(super) fn expect_answer(&mut self) {
        self.late = self.late.map(|late| late.saturating_add(1));
        self.wait();
    }

    fn wait(&mut self) {
        self.late_until = self.seen.saturating_add(LATE_MAX);
        self.waits = true;
    }

    /// An answer may be late, and more of them may follow. A refusal may repeat a number.
    fn answer(&mut self, number: i64) -> Step {
        self.wait();
        let is_open = self.open.iter().any(|(open, _)| *open == number);
        let is_old = self.next.is_some_and(|next| number < next) && !is_open;
        let step = if is_old { Step::Take } else { self.data(number) };
        self.late = self.late.map(|late| late.saturating_sub(1));
        match self.late {
            Some(late) if step == Step::Take && self.open.len() > late => self.unowed(number),
            _ => step,
        }
    }

    /// Fewer answers are under way than numbers are open: some of these were data.
    fn unowed(&mut self, got: i64) -> Step {
        let lost = self.open.front().map_or(Step::Take, |(number, _)| Step::Lost(gap(*number, got)));
        self.open.clear();
        lost
    }

    /// Any other message.
    fn data(&mut self, number: i64) -> Step {
        self.seen = self.seen.saturating_add(1);
        let next = self.next.unwrap_or(number);
        if number < next {
            if let Some(at) = self.open.iter().position(|(open, _)| *open == number) {
                self.open.remove(at);
                return self.overdue(number).map_or(Step::Take, Step::Lost);
            }
            if number.saturating_add(1) == next {
                return Step::Seen;
            }
        }
        let missing = usize::try_from(number.saturating_sub(next)).unwrap_or(usize::MAX);
        let late = if self.seen > self.late_until { 0 } else { self.late.unwrap_or(LATE_MAX).min(LATE_MAX) };
        let may_be_late = missing.saturating_add(self.open.len()) <= late;
        self.next = Some(number.saturating_add(1));
        if missing > 0 && !may_be_late {
            return Step::Lost(gap(next, number));
        }
        self.open.extend((next..number).map(|open| (open, self.seen)));
        self.overdue(number).map_or(Step::Take, Step::Lost)
    }

    /// The loss of a number that was waited for too long.
    fn overdue(&mut self, got: i64) -> Option<Gap> {
        let (number, since) = *self.open.front()?;
        if self.seen.saturating_sub(since) < LATE_MAX {
            return None;
        }
        self.open.clear();
        Some(gap(number, got))
    }
}

fn gap(expected: i64, got: i64) -> Gap {
    Gap { expected: u64::try_from(expected).ok(), got: u64::try_from(got).ok(), why: GapWhy::Sequence }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost(expected: u64, got: u64) -> Step {
        Step::Lost(Gap { expected: Some(expected), got: Some(got), why: GapWhy::Sequence })
    }

    /// A connection on which nothing is under way: the next number is 100.
    fn settled() -> Count {
        let mut count = Count::default();
        assert_eq!(count.data(99), Step::Take);
        count
    }

    #[test]
    fn rule_2_a_jump_is_a_loss_and_is_told_once() {
        let mut count = settled();
        assert_eq!(count.data(100), Step::Take);
        assert_eq!(count.data(103), lost(101, 103));
        assert_eq!(count.data(104), Step::Take);
        assert_eq!(count.data(104), Step::Seen, "a repetition");
        assert_eq!(count.data(7), lost(105, 7), "a counter that was set back is followed");
        assert_eq!(count.data(8), Step::Take);
    }

    #[test]
    fn rule_3_an_answer_may_come_after_higher_numbers() {
        let mut count = Count::default();
        for (kind, number) in [("connected", 0), ("channel_data", 3), ("subscribed", 2), ("error", 1)] {
            assert_eq!(count.judge(kind, number), Step::Take, "{kind} {number}");
        }
        for number in 4..4 + LATE_MAX as i64 {
            assert_eq!(count.judge("channel_data", number), Step::Take);
        }
        assert_eq!(count.judge("channel_data", 1_000), lost(260, 1_000), "no answer is under way any more");
    }

    /// Fault: lost messages that pass for answers, for as long as answers could come.
    #[test]
    fn rule_3_only_as_many_numbers_are_waited_for_as_answers_are_under_way() {
        let mut count = Count::default();
        // 2 and 4 are answers that are late; 5 is the last one that the connection begins with.
        for (kind, number) in [("connected", 0), ("subscribed", 1), ("channel_data", 3), ("subscribed", 5)] {
            assert_eq!(count.judge(kind, number), Step::Take, "{kind} {number}");
        }
        count.is_greeted();
        assert_eq!(count.judge("channel_data", 6), Step::Take);
        assert_eq!(count.judge("channel_data", 8), lost(7, 8));
        let mut asked = Count::default();
        asked.judge("connected", 0);
        asked.judge("subscribed", 1);
        asked.is_greeted();
        asked.expect_answer();
        assert_eq!(asked.judge("channel_data", 3), Step::Take, "2 may be the answer");
        assert_eq!(asked.judge("subscribed", 2), Step::Take);
        assert_eq!(asked.judge("channel_data", 5), lost(4, 5), "it has come");
    }

    /// Fault: a lost change that hides behind an answer until it is overdue, a hundred books later.
    #[test]
    fn rule_3_a_number_still_open_behind_the_last_answer_is_a_loss() {
        let mut count = settled();
        count.is_greeted();
        count.expect_answer();
        assert_eq!(count.judge("channel_data", 101), Step::Take, "100 may be the answer");
        assert_eq!(count.judge("subscribed", 102), lost(100, 102), "it was not");
        assert_eq!(count.judge("channel_data", 103), Step::Take, "told once");
    }

    /// Fault: one book that is asked for anew costs all the others.
    #[test]
    fn rule_3_the_end_of_a_subscription_is_not_the_answer_that_is_waited_for() {
        let mut count = settled();
        count.is_greeted();
        count.expect_answer();
        for (kind, number) in [("unsubscribed", 100), ("channel_data", 102), ("subscribed", 101)] {
            assert_eq!(count.judge(kind, number), Step::Take, "{kind} {number}");
        }
        assert_eq!(count.judge("channel_data", 104), lost(103, 104));
    }

    /// Fault: an answer that comes behind a loss is waited for still, and hides the next loss.
    #[test]
    fn rule_3_an_answer_behind_a_loss_is_an_answer() {
        let mut count = settled();
        count.is_greeted();
        count.expect_answer();
        assert_eq!(count.judge("channel_data", 103), lost(100, 103), "three are missing, one may be late");
        assert_eq!(count.judge("subscribed", 101), Step::Take);
        assert_eq!(count.judge("channel_data", 105), lost(104, 105));
    }

    #[test]
    fn rule_3_a_number_that_never_comes_is_a_loss() {
        let mut count = settled();
        count.expect_answer();
        assert_eq!(count.data(101), Step::Take);
        let steps: Vec<Step> = (102..).map(|n| count.data(n)).take(LATE_MAX).collect();
        let (last, before) = steps.split_last().unwrap();
        assert!(before.iter().all(|step| *step == Step::Take));
        assert_eq!(*last, lost(100, 101 + LATE_MAX as u64));
        assert_eq!(count.data(102 + LATE_MAX as i64), Step::Take, "told once");
    }

    #[test]
    fn rule_2_a_greeting_begins_the_count_anew_and_a_refusal_repeats_a_number() {
        let mut count = Count::default();
        for (kind, number) in
            [("connected", 0), ("channel_data", 1), ("error", 1), ("channel_data", 2), ("connected", 0)]
        {
            assert_eq!(count.judge(kind, number), Step::Take, "{kind} {number}");
        }
        assert_eq!(count.judge("channel_data", 1), Step::Take);
    }

    #[test]
    fn rule_7_the_end_of_all_answers_is_told_once() {
        let mut count = Count::default();
        count.judge("connected", 0);
        let told: Vec<i64> = (1..1_000).filter(|n| count.data(*n) == Step::Take && count.settles()).collect();
        assert_eq!(told, [LATE_MAX as i64]);
        count.expect_answer();
        assert!((1_000..2_000).any(|n| count.data(n) == Step::Take && count.settles()));
    }

    #[test]
    fn a_jump_beyond_all_answers_is_a_loss_at_once() {
        let mut count = settled();
        count.expect_answer();
        assert_eq!(count.data(100 + LATE_MAX as i64 + 1), lost(100, 101 + LATE_MAX as u64));
        count.expect_answer();
        assert_eq!(count.data(i64::MAX), lost(102 + LATE_MAX as u64, i64::MAX as u64));
        assert!(count.open.is_empty());
    }
}
