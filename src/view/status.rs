//! What a face shows beside the market: recording, transport, notices. No market data.
//!
//! The snapshot is a function of the tape; this is a function of the process that runs it.

use crate::model::time::Nanos;

/// State of the process, as of now.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Status {
    /// What the recorder does.
    pub recording: Recording,
    /// Frames drawn in the last full second. The event loop overwrites it.
    pub fps: u32,
    /// The link to the terminal sets the frame rate. The event loop overwrites it.
    pub is_slow: bool,
    /// Present in replay.
    pub transport: Option<Transport>,
    /// One line for the operator: an error, an answer.
    pub notice: Option<String>,
    /// No venue can be reached.
    pub is_offline: bool,
}

/// What the recorder does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Recording {
    /// Nothing was asked for.
    #[default]
    Off,
    /// A file grows.
    On {
        /// File name without its folder.
        file: String,
        /// How long, in milliseconds.
        elapsed_ms: i64,
        /// Bytes written.
        bytes: u64,
    },
    /// It was asked for and does not work: the header says NOT RECORDING.
    Failed {
        /// Error in words.
        reason: String,
    },
}

/// Where a replay stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Transport {
    /// Name of the recording.
    pub file: String,
    /// First instant.
    pub start: Nanos,
    /// Last instant.
    pub end: Nanos,
    /// Where it stands.
    pub at: Nanos,
    /// Recording seconds per second; infinite means as fast as it goes.
    pub speed: f64,
    /// It stands still.
    pub is_paused: bool,
    /// Alerts raised in the recording, oldest first.
    pub alert_marks: Vec<AlertMark>,
}

/// An alert on the timeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlertMark {
    /// When it was raised.
    pub at: Nanos,
    /// How bad it was.
    pub severity: crate::model::alert::Severity,
}

/// What a face asks of a replay.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TransportCommand {
    /// Runs or stands still.
    PlayPause,
    /// One event on, then stands still.
    StepEvent,
    /// One event back, then stands still.
    StepBack,
    /// One raw frame on, then stands still.
    StepFrame,
    /// Moves by nanoseconds of recording; negative is back.
    SeekBy(i64),
    /// Moves to an instant.
    SeekTo(Nanos),
    /// To the next alert mark.
    NextAlert,
    /// To the previous alert mark.
    PrevAlert,
    /// Next lower speed of [`SPEEDS`].
    Slower,
    /// Next higher speed of [`SPEEDS`].
    Faster,
    /// This speed.
    Speed(f64),
}

/// Speeds that `-` and `+` walk through; the last one means as fast as it goes.
pub const SPEEDS: [f64; 9] = [0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 50.0, f64::INFINITY];

/// The neighbour of `speed` in [`SPEEDS`]; the ends stay.
pub fn next_speed(speed: f64, is_faster: bool) -> f64 {
    let next = if is_faster {
        SPEEDS.iter().copied().find(|s| *s > speed)
    } else {
        SPEEDS.iter().rev().copied().find(|s| *s < speed)
    };
    next.unwrap_or(speed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds_walk_the_list_and_stop_at_its_ends() {
        assert_eq!(next_speed(1.0, true).to_bits(), 2.0f64.to_bits());
        assert_eq!(next_speed(1.0, false).to_bits(), 0.5f64.to_bits());
        assert_eq!(next_speed(3.0, true).to_bits(), 5.0f64.to_bits());
        assert_eq!(next_speed(0.1, false).to_bits(), 0.1f64.to_bits());
        assert!(next_speed(50.0, true).is_infinite());
        assert!(next_speed(f64::INFINITY, true).is_infinite());
    }
}
