//! What a fuzzer runs: one function per reader of hostile input. `tests/fuzz_smoke.rs` runs the same
//! functions over a fixed set of inputs with the stable toolchain.

use std::io::Cursor;
use std::sync::LazyLock;

use faultline::config::{builtin, rules, scenarios, theme, venues};
use faultline::dialect::{DIALECTS, Decoder, Dialect, Note, Out};
use faultline::model::Nanos;
use faultline::model::entry::{ConnIx, Control, RestAnswer};
use faultline::model::event::Event;
use faultline::model::venue::{Command, VenueSpec};
use faultline::tape::{Check, Reader, info::info_of};

/// Counts what came out, so that nothing is left uncalled.
#[derive(Default)]
struct Seen(u64);

impl Out for Seen {
    fn event(&mut self, _: Event<'_>) {
        self.0 += 1;
    }

    fn command(&mut self, _: Command) {
        self.0 += 1;
    }

    fn note(&mut self, _: Note<'_>) {
        self.0 += 1;
    }
}

/// Decoders a message can be for: of each built-in venue the public one, then that of own accounts.
static CHOICES: LazyLock<Vec<(VenueSpec, bool)>> = LazyLock::new(|| {
    let has_account = |spec: &VenueSpec| dialect(spec).is_some_and(|d| d.account().is_some());
    let halves = |spec: VenueSpec| {
        let own = has_account(&spec).then(|| (spec.clone(), true));
        std::iter::once((spec, false)).chain(own)
    };
    builtin::VENUES.iter().filter_map(|(file, text)| venues::read(file, text).ok()).flat_map(halves).collect()
});

fn dialect(spec: &VenueSpec) -> Option<&'static dyn Dialect> {
    DIALECTS.iter().copied().find(|dialect| dialect.id() == spec.dialect)
}

/// Their names, `bybit` and `bybit@own`, in the order that a first byte counts them.
#[cfg_attr(not(test), expect(dead_code, reason = "a fuzzer chooses by the byte"))]
pub(crate) fn choices() -> Vec<String> {
    CHOICES.iter().map(|(spec, is_own)| format!("{}{}", spec.id, if *is_own { "@own" } else { "" })).collect()
}

/// Lines of messages to the decoder that the first byte chooses. The first byte of a line says what it is:
/// `>` a REST answer as `url<TAB>body`, `!` a connection that closed, `?` a book to forget, anything else a
/// frame.
pub(crate) fn dialects(bytes: &[u8]) {
    let Some((choice, lines)) = bytes.split_first() else { return };
    let Some((spec, is_own)) = CHOICES.get(usize::from(*choice) % CHOICES.len().max(1)) else { return };
    let Some(dialect) = dialect(spec) else { return };
    let decoder =
        if *is_own { dialect.account().map(|a| a.decoder(spec)) } else { Some(dialect.decoder(spec)) };
    let Some(mut decoder) = decoder else { return };
    let mut seen = Seen::default();
    for line in lines.split(|byte| *byte == b'\n') {
        one(decoder.as_mut(), line, &mut seen);
    }
}

fn one(decoder: &mut dyn Decoder, line: &[u8], seen: &mut Seen) {
    match line.split_first() {
        Some((b'>', rest)) => {
            let tab = rest.iter().position(|byte| *byte == b'\t').unwrap_or(0);
            let (url, body) = rest.split_at(tab);
            let url = String::from_utf8_lossy(url);
            let body = body.strip_prefix(b"\t").unwrap_or(body);
            decoder.rest(&RestAnswer { url: &url, status: 200, body }, seen);
        }
        Some((b'!', _)) => {
            decoder.control(ConnIx(0), &Control::Closed { reason: String::new(), retry_ms: 0 }, seen);
        }
        Some((b'?', _)) => decoder.resync(0, seen),
        _ => decoder.frame(ConnIx(0), line, seen),
    }
}

/// A recording, read with all checks, with those of chunks only, and for its summary.
pub(crate) fn tape(bytes: &[u8]) {
    for check in [Check::Full, Check::Chunks] {
        let Ok(mut reader) = Reader::open_with(Cursor::new(bytes), check) else { continue };
        let mut newest = Nanos(i64::MIN);
        while let Ok(Some(item)) = reader.next() {
            if let faultline::tape::Item::Entry(entry) = item {
                newest = newest.max(entry.ts_recv);
            }
        }
    }
    let _whole = info_of(Cursor::new(bytes)).is_ok_and(|info| info.is_whole());
}

/// A venue file, a rule file, a theme and a scenario; errors are drawn as people would see them.
pub(crate) fn config(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let parents = theme::builtin().unwrap_or_default();
    let errors = [
        venues::read("venues/x.toml", text).err(),
        rules::read("rules/x.toml", text).err(),
        theme::read("themes/x.toml", text, &parents).err(),
        scenarios::read("scenarios/x.toml", text).err(),
    ];
    for error in errors.into_iter().flatten() {
        let drawn = error.to_string();
        assert!(!drawn.is_empty(), "an error without words");
        assert!(!drawn.contains('\u{1b}') || text.is_empty(), "an escape reached the error text");
    }
}
