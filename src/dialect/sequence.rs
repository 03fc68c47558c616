//! Sequence disciplines: how a book knows that it has missed nothing.
//!
//! A discipline sees only numbers. It says what to do with a message; the dialect does it.

/// What to do with a book message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It continues the book.
    Apply,
    /// Seen before, or older than the snapshot: leave it out.
    Old,
    /// Proves that nothing was missed, changes nothing.
    Beat,
    /// Something is missing between `expected` and `got`.
    Gap {
        /// The number that should have come.
        expected: i64,
        /// The number that came.
        got: i64,
    },
}

/// Numbers that grow by one per message.
#[derive(Clone, Copy, Debug)]
pub struct Consecutive {
    last: i64,
}

impl Consecutive {
    /// Starts behind a snapshot with this number.
    pub const fn from(last: i64) -> Self {
        Consecutive { last }
    }

    /// Takes the next number. The same number again is a repetition; a smaller one is a hole, since
    /// nobody can tell a late message from a counter that was set back.
    pub const fn step(&mut self, got: i64) -> Step {
        let expected = self.last.saturating_add(1);
        if got == expected {
            self.last = got;
            Step::Apply
        } else if got == self.last {
            Step::Old
        } else {
            Step::Gap { expected, got }
        }
    }
}

/// Messages that name their predecessor. Steps are of any size and may lead backwards.
#[derive(Clone, Copy, Debug)]
pub struct Chained {
    prev: i64,
    last: i64,
    joining: bool,
}

impl Chained {
    /// Starts behind a snapshot of the same stream.
    pub const fn from(last: i64) -> Self {
        Chained { prev: last, last, joining: false }
    }

    /// Starts behind a snapshot from elsewhere, which may lie inside the span of the next message.
    pub const fn joining(last: i64) -> Self {
        Chained { prev: last, last, joining: true }
    }

    /// Takes a message that says it follows `prev` and ends at `seq`.
    pub const fn step(&mut self, prev: i64, seq: i64, empty: bool) -> Step {
        if self.joining {
            if seq <= self.last && prev < self.last {
                return Step::Old;
            }
            if prev > self.last {
                return Step::Gap { expected: self.last, got: prev };
            }
            *self = Chained { prev, last: seq, joining: false };
            return if empty { Step::Beat } else { Step::Apply };
        }
        if prev == self.last {
            *self = Chained { prev, last: seq, joining: false };
            return if seq == prev && empty { Step::Beat } else { Step::Apply };
        }
        // The same message again is a repetition too, even where it led backwards.
        if seq == self.last && (prev < self.last || prev == self.prev) {
            return Step::Old;
        }
        Step::Gap { expected: self.last, got: prev }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn consecutive_numbers_admit_no_jump() {
        let mut seq = Consecutive::from(10);
        assert_eq!(seq.step(11), Step::Apply);
        assert_eq!(seq.step(11), Step::Old);
        assert_eq!(seq.step(13), Step::Gap { expected: 12, got: 13 });
        assert_eq!(seq.step(9), Step::Gap { expected: 12, got: 9 });
        assert_eq!(seq.step(12), Step::Apply);
    }

    #[test]
    fn a_chain_takes_steps_of_any_size_and_direction() {
        let mut seq = Chained::from(700);
        assert_eq!(seq.step(700, 709, false), Step::Apply);
        assert_eq!(seq.step(709, 709, true), Step::Beat);
        assert_eq!(seq.step(700, 709, false), Step::Old);
        assert_eq!(seq.step(709, 3, false), Step::Apply, "reset in maintenance");
        assert_eq!(seq.step(709, 3, false), Step::Old, "the reset twice");
        assert_eq!(seq.step(4, 8, false), Step::Gap { expected: 3, got: 4 });
        assert_eq!(seq.step(1, 2, false), Step::Gap { expected: 3, got: 1 });
    }

    #[test]
    fn a_chain_joins_a_snapshot_from_elsewhere_once() {
        let mut seq = Chained::joining(100);
        assert_eq!(seq.step(80, 90, false), Step::Old);
        assert_eq!(seq.step(90, 100, false), Step::Old);
        assert_eq!(seq.step(95, 105, false), Step::Apply, "the snapshot lies inside this one");
        assert_eq!(seq.step(104, 110, false), Step::Gap { expected: 105, got: 104 });
        assert_eq!(Chained::joining(100).step(101, 105, false), Step::Gap { expected: 100, got: 101 });
        assert_eq!(Chained::joining(100).step(100, 103, false), Step::Apply);
    }
}
