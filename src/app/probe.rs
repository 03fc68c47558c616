//! Asks the terminal what it can do: background, 24 bits, whole pictures, width of ambiguous characters.
//!
//! All questions go out at once, with one that every terminal answers (DA1) last: its answer is the fence
//! behind which nothing more comes. What is not answered in time stays unknown; a silent terminal costs
//! `TIME` and nothing else. Keys that are pressed in that time are lost.

use std::io::{self, IsTerminal, Write};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::clock::Clock;
use crate::config::theme::heatmap::Rgb;
use crate::model::time::MS;

/// Longest wait for answers.
const TIME: i64 = 150 * MS;
/// Most bytes of answers.
const ANSWER_BYTES_MAX: usize = 4 << 10;

/// Background; 24 bits by terminfo name; 24 bits by setting a colour and asking for it; mode 2026; the
/// column behind one shade; what kind of terminal it is. The line is cleared again.
const QUESTIONS: &str = "\x1b]11;?\x1b\\\x1bP+q524742\x1b\\\x1b[48;2;1;2;3m\x1bP$qm\x1b\\\x1b[0m\x1b[?2026$p\
                         \x1b[1;1H▒\x1b[6n\x1b[1;1H\x1b[2K\x1b[c";

/// What the terminal said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    /// Colour of the background.
    pub background: Option<Rgb>,
    /// It has 24 bits.
    pub is_true: Option<bool>,
    /// It can show a picture as one.
    pub can_sync: Option<bool>,
    /// Columns of an ambiguous character.
    pub ambiguous: Option<u16>,
    /// The fence was answered: nothing more comes.
    pub is_complete: bool,
}

impl Answers {
    /// True when the background is nearer to white than to black.
    pub fn is_light(&self) -> Option<bool> {
        let (r, g, b) = self.background?;
        Some(u32::from(r) * 2 + u32::from(g) * 5 + u32::from(b) > 8 * 127)
    }
}

/// True when the terminal is one that may be asked: some print questions they do not know.
pub fn may_ask(env: impl Fn(&str) -> Option<String>) -> bool {
    let term = env("TERM").unwrap_or_default();
    let is_plain = term.is_empty() || term == "dumb" || term == "linux" || term.starts_with("vt");
    !is_plain && io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// Asks, and waits for answers. Raw mode must be on.
pub fn ask() -> Answers {
    let mut bytes = Vec::new();
    if exchange(&mut bytes).is_err() {
        return Answers::default();
    }
    read(&bytes)
}

fn exchange(bytes: &mut Vec<u8>) -> io::Result<()> {
    let mut out = io::stdout();
    if !is_ready(&out, PollFlags::OUT, 0)? {
        return Ok(());
    }
    out.write_all(QUESTIONS.as_bytes())?;
    out.flush()?;
    let (clock, input) = (Clock::start(), io::stdin());
    let start = clock.now();
    let mut part = [0; 512];
    while !read(bytes).is_complete && bytes.len() < ANSWER_BYTES_MAX {
        let left = TIME - clock.now().since(start);
        if left <= 0 || !is_ready(&input, PollFlags::IN, left)? {
            break;
        }
        let count = rustix::io::read(&input, &mut part)?;
        if count == 0 {
            break;
        }
        bytes.extend(part.iter().take(count));
    }
    Ok(())
}

/// Waits until a stream can be read or written.
pub(super) fn is_ready(stream: &impl std::os::fd::AsFd, what: PollFlags, nanos: i64) -> io::Result<bool> {
    let wait = Timespec { tv_sec: nanos / 1_000_000_000, tv_nsec: nanos % 1_000_000_000 };
    let mut fds = [PollFd::new(stream, what)];
    Ok(poll(&mut fds, Some(&wait))? > 0)
}

/// Reads answers. Anything may stand between them.
pub fn read(bytes: &[u8]) -> Answers {
    let mut answers = Answers::default();
    let text = String::from_utf8_lossy(bytes);
    for part in text.split('\x1b').skip(1) {
        let end = part.trim_end_matches(['\x07', '\\']);
        if let Some(colour) = end.strip_prefix("]11;") {
            answers.background = rgb(colour).or(answers.background);
        } else if let Some(names) = end.strip_prefix("P1+r") {
            if names.to_ascii_lowercase().starts_with("524742") {
                answers.is_true = Some(true);
            }
        } else if let Some(style) = end.strip_prefix("P1$r") {
            let set =
                style.contains("48;2;1;2;3") || style.contains("48:2::1:2:3") || style.contains("48:2:1:2:3");
            answers.is_true = Some(set || answers.is_true == Some(true));
        } else if let Some(mode) = part.strip_prefix("[?2026;") {
            // 1 set, 2 reset: known; 0 unknown, 4 never.
            answers.can_sync = mode.get(..1).map(|state| ["1", "2", "3"].contains(&state));
        } else if let Some(column) = part.strip_prefix("[1;").and_then(|p| p.split_once('R')).map(|p| p.0) {
            answers.ambiguous =
                column.parse::<u16>().ok().and_then(|c| c.checked_sub(1)).filter(|c| (1..=2).contains(c));
        } else if part
            .strip_prefix("[?")
            .and_then(|p| p.split_once('c'))
            .is_some_and(|(codes, _)| is_codes(codes))
        {
            answers.is_complete = true;
        }
    }
    answers
}

fn is_codes(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit() || b == b';')
}

/// `rgb:1010/1414/1a1a`, `rgb:10/14/1a`: the first two digits of each part.
fn rgb(text: &str) -> Option<Rgb> {
    let mut parts = text.strip_prefix("rgb:").or(text.strip_prefix("rgba:"))?.split('/');
    let mut next = || u8::from_str_radix(parts.next()?.get(..2)?, 16).ok();
    Some((next()?, next()?, next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rich_terminal_is_understood() {
        let said = b"\x1b]11;rgb:1010/1414/1a1a\x1b\\\x1bP1+r524742=38\x1b\\\x1bP1$r0;48:2::1:2:3m\x1b\\\x1b[?2026;2$y\x1b[1;2R\x1b[?62;22c";
        let answers = read(said);
        let expected = Answers {
            background: Some((0x10, 0x14, 0x1a)),
            is_true: Some(true),
            can_sync: Some(true),
            ambiguous: Some(1),
            is_complete: true,
        };
        assert_eq!((answers, answers.is_light()), (expected, Some(false)));
        assert_eq!(read(b"\x1b]11;rgb:ff/fa/f0\x07").is_light(), Some(true));
    }

    #[test]
    fn a_poor_terminal_says_what_it_lacks() {
        let answers = read(b"\x1bP0+r\x1b\\\x1bP1$r0m\x1b\\\x1b[?2026;0$y\x1b[1;3R\x1b[?1;2c");
        assert_eq!(
            (answers.is_true, answers.can_sync, answers.ambiguous),
            (Some(false), Some(false), Some(2))
        );
        assert!(answers.is_complete && answers.background.is_none());
    }

    #[test]
    fn hostile_and_cut_answers_are_no_answers() {
        for said in [
            &b""[..],
            b"\x1b",
            b"\x1b[",
            b"\x1b]11;",
            b"\x1b]11;rgb:",
            b"\x1b]11;rgb:zz/\xff\xff/1",
            b"\x1b[?2026;",
            b"\x1b[1;99999999R",
            b"\x1b[1;0R",
            b"\x1b[1;R",
            b"\x1b[?c\x1b",
            b"\xc3\x1b[?\xc3c",
            b"q:quit\r\n",
        ] {
            let answers = read(said);
            let bare = Answers { is_complete: answers.is_complete, can_sync: None, ..Answers::default() };
            assert_eq!(Answers { can_sync: None, ..answers }, bare, "{said:?}");
            assert_ne!(answers.can_sync, Some(true));
        }
        // Keys between the answers do no harm.
        assert!(read(b"jj\x1b[Aqq\x1b[?6cq").is_complete);
        let long: Vec<u8> = std::iter::repeat_n(b'\x1b', 100_000).collect();
        assert_eq!(read(&long), Answers::default());
    }
}
