//! Limits: every constant that bounds something, with its place, and what happens at the bound.
//!
//! A limit is a constant whose name ends as in [`ENDINGS`]. A new one needs a line in [`AT`].

use std::fmt::Write as _;

use crate::source::rust_files;

const ENDINGS: &[&str] = &["_MAX", "_KEPT", "_CEILING", "CAPACITY", "RESERVE", "CHUNK_INPUT", "CHUNK_SPAN"];

/// File below `src/`, constant, what happens when it is reached.
const AT: &[(&str, &str, &str)] = &[
    ("app/alerts.rs", "ANSWER_MAX", "the wish is withdrawn, exit 1"),
    ("app/keeper.rs", "BACKLOG_MAX", "the oldest records are lost; counted, logged, in each heartbeat"),
    ("app/keeper.rs", "BATCH_MAX", "the rest is written by the next commit"),
    ("app/keeper.rs", "TAKEN_MAX", "the one who asked is told that the engine did not take it"),
    ("app/log.rs", "FILES_KEPT", "the oldest log file goes"),
    ("app/log.rs", "FILE_BYTES_MAX", "the log file is put aside as `.1`"),
    ("app/log.rs", "FOLDED_MAX", "a repeated line is written once more"),
    ("app/metrics.rs", "SERVED_MAX", "further requests wait"),
    ("cli/alerts.rs", "COMMENT_CHARS_MAX", "usage error, exit 2"),
    ("config/sinks.rs", "SINKS_MAX", "configuration error, exit 3"),
    ("config/sinks.rs", "WORDS_MAX", "configuration error, exit 3"),
    ("courier/file.rs", "FILES_KEPT", "the oldest file goes"),
    ("courier/http.rs", "ANSWER_BYTES_MAX", "the rest of the answer is not read"),
    ("courier/http.rs", "PAUSE_MAX", "a longer pause is not granted to the receiver"),
    ("courier/http.rs", "QUOTED_CHARS_MAX", "the rest of the answer is not repeated in the log"),
    ("courier/task.rs", "PAGE_MAX", "the rest is read with the next page"),
    ("engine/restored.rs", "WAITING_MAX", "further alerts stay open in the journal only"),
    ("sink/pagerduty.rs", "SUMMARY_CHARS_MAX", "the summary is cut"),
    ("store/alerts.rs", "RESOLVED_KEPT", "the oldest resolved alert leaves the list; its lines stay"),
    ("store/alerts.rs", "RESTORED_MAX", "further alerts stay open in the journal only"),
    ("store/entries.rs", "CHECKED_AT_OPEN_MAX", "older entries are checked by `alerts verify`"),
    ("store/entries.rs", "ENTRIES_MAX", "the oldest entries leave; the chain goes on from the last of them"),
    ("store/entries.rs", "SLACK_MAX", "the oldest entries leave together"),
    ("store/intents.rs", "TAKEN_MAX", "the rest is taken up at the next turn"),
    ("store/mod.rs", "BUSY_MAX", "the write fails and is tried again"),
    ("store/mod.rs", "LOCK_CHARS_MAX", "the rest of the lock file is not read"),
    ("app/core.rs", "ACTIONS_MAX", "the action is dropped; the picture does not change"),
    ("app/core.rs", "LINES_MAX", "the core waits: no alert is dropped"),
    ("app/core.rs", "TURN_MAX", "the clock is looked at, then the next turn"),
    ("app/desk.rs", "CLIPBOARD_MAX", "the copy goes to the file only, and the screen says so"),
    ("app/desk.rs", "DESK_BYTES_MAX", "the file is left alone, and the screen says so"),
    ("app/given.rs", "NESTING_MAX", "the file is refused, exit 3"),
    ("app/given.rs", "ROWS_MAX", "the file is refused, exit 3"),
    ("app/player.rs", "COMMANDS_MAX", "the command is dropped"),
    ("app/host.rs", "READ_MAX", "`doctor` says that larger recordings were not read"),
    ("app/host.rs", "RECORDINGS_MAX", "`doctor` says how many were not read"),
    ("app/outlet.rs", "BYTES_MAX", "the picture is dropped; the next one is drawn whole"),
    ("app/probe.rs", "ANSWER_BYTES_MAX", "what the terminal says beyond is not read; defaults hold"),
    ("app/pace.rs", "WRITES_KEPT", "older writes do not count for the pace"),
    ("app/reload.rs", "NEWS_MAX", "further changes are the same burst: all files are read once"),
    ("app/screen/mod.rs", "KEYS_MAX", "keys wait in the terminal"),
    ("app/setup.rs", "FILES_MAX", "exit 3 with the folder's name"),
    ("app/secrets.rs", "SECRET_BYTES_MAX", "configuration error, exit 3"),
    (
        "app/source.rs",
        "INGRESS_MAX",
        "the connection discards until half is free, then one `Overrun` entry; books resync",
    ),
    ("app/source.rs", "STOP_MAX", "tasks are dropped"),
    ("app/spoken.rs", "LINES_MAX", "lines wait in the terminal"),
    ("app/spoken.rs", "LINE_BYTES_MAX", "the rest counts as the next line"),
    ("app/tee.rs", "BYTES_MAX", "recording ends, header NOT RECORDING"),
    ("app/tee.rs", "ENTRIES_MAX", "recording ends, header NOT RECORDING"),
    ("cli/decode.rs", "LINE_BYTES_MAX", "an `error` line; the run goes on, exit 1"),
    ("cli/look.rs", "FILL_MAX", "the snapshot is printed as it is"),
    (
        "config/accounts.rs",
        "ACCOUNTS_MAX",
        "configuration error, exit 3; on a tape, further accounts are not read",
    ),
    ("config/accounts.rs", "NAME_CHARS_MAX", "configuration error, exit 3"),
    ("config/accounts.rs", "WORD_CHARS_MAX", "configuration error, exit 3"),
    ("config/error.rs", "FILE_BYTES_MAX", "configuration error, exit 3"),
    ("config/keys.rs", "KEYS_OF_ONE_MAX", "configuration error, exit 3"),
    ("config/rulebook/mod.rs", "ROWS_MAX", "configuration error, exit 3"),
    ("config/rulebook/mod.rs", "TEXT_CHARS_MAX", "configuration error, exit 3"),
    ("config/rulebook/mod.rs", "TIERS_MAX", "configuration error, exit 3"),
    ("engine/rulebook/state.rs", "CHANGES_KEPT", "the oldest change is forgotten"),
    ("config/rules/check.rs", "ESCALATIONS_MAX", "configuration error, exit 3"),
    ("config/rules/check.rs", "EXPR_BYTES_MAX", "configuration error, exit 3"),
    ("config/rules/check.rs", "LABELS_MAX", "configuration error, exit 3"),
    ("config/rules/mod.rs", "RULES_MAX", "configuration error, exit 3"),
    ("config/scenarios.rs", "MOVE_PCT_MAX", "configuration error, exit 3"),
    ("config/scenarios.rs", "NAMED_MAX", "configuration error, exit 3"),
    ("config/scenarios.rs", "STEPS_MAX", "configuration error, exit 3"),
    ("config/scenarios.rs", "TEXT_CHARS_MAX", "configuration error, exit 3"),
    ("config/settings/read.rs", "DEPTH_MAX", "configuration error, exit 3"),
    ("config/theme/raw.rs", "NAME_CHARS_MAX", "configuration error, exit 3"),
    ("config/theme/raw.rs", "THEME_BYTES_MAX", "configuration error, exit 3"),
    ("config/venues.rs", "FEE_BPS_MAX", "configuration error, exit 3"),
    ("config/venues.rs", "MESSAGE_BYTES_CEILING", "configuration error, exit 3"),
    ("config/venues.rs", "SHORT_COLUMNS_MAX", "configuration error, exit 3"),
    ("dialect/lists.rs", "ROWS_MAX", "further rows are passed on, but nothing is called all"),
    ("dialect/bitget/own.rs", "OWN_ROWS_KEPT", "what is beyond is told, but not missed when it goes"),
    ("dialect/kraken/own.rs", "ORDERS_MAX", "undecodable: counted; a single order is told and forgotten"),
    ("dialect/kraken/wallets.rs", "ASSETS_MAX", "undecodable: counted"),
    ("dialect/deribit/own.rs", "CURRENCIES_MAX", "positions of further currencies count as cross margin"),
    ("dialect/hyperliquid/meta.rs", "TIERS_MAX", "undecodable: counted, the answer gives no terms"),
    ("dialect/hyperliquid/meta.rs", "TOKENS_KEPT", "further names are not learnt"),
    ("dialect/hyperliquid/mod.rs", "TOPICS_MAX", "further channels are not subscribed"),
    ("dialect/hyperliquid/own.rs", "DEXES_KEPT", "undecodable: counted"),
    ("dialect/hyperliquid/own.rs", "GONE_MAX", "the rest is asked for after the next list"),
    ("dialect/hyperliquid/own.rs", "ORDERS_KEPT", "what is beyond is told, but not missed when it goes"),
    ("dialect/okx/own.rs", "GONE_MAX", "the rest is asked for after the next list"),
    ("dialect/okx/own.rs", "OWN_KEPT", "what is beyond is told, but not missed when it goes"),
    ("dialect/okx/risk.rs", "TIER_ROWS_MAX", "undecodable: counted, no schedule of the answer is told"),
    ("model/life.rs", "MOMENTS_KEPT", "the oldest moment but the first leaves the alert's history"),
    ("model/matcher.rs", "TERMS_MAX", "the filter is refused, and why"),
    ("model/matcher.rs", "TEXT_MAX", "the filter is refused, and why"),
    ("sim/hyperliquid_account.rs", "USERS_MAX", "the simulated venue refuses the subscription"),
    ("sim/okx_options.rs", "SUBSCRIPTIONS_MAX", "the simulated venue refuses the subscription"),
    ("dialect/gate/book.rs", "DEPTH_MAX", "levels beyond it are deleted"),
    ("dialect/gate/own.rs", "ORDERS_MAX", "undecodable: counted"),
    ("dialect/bitmex/instruments.rs", "TIERS_MAX", "larger positions have no tier: no margin is given"),
    ("dialect/bitmex/money.rs", "CURRENCIES_MAX", "undecodable: counted"),
    ("dialect/bitmex/rows.rs", "KEYS_MAX", "undecodable: counted, the table is asked for anew"),
    ("dialect/bitmex/rows.rs", "ROWS_MAX", "undecodable: counted, the table is asked for anew"),
    ("dialect/dydx/count.rs", "LATE_MAX", "a gap: the books of the connection resync"),
    ("dialect/dydx/cross.rs", "HIDDEN_MAX", "undecodable: counted, the book resyncs"),
    ("dialect/dydx/cross.rs", "LEVELS_KEPT", "undecodable: counted, the book resyncs"),
    (
        "dialect/dydx/orders.rs",
        "ORDERS_MAX",
        "the oldest is forgotten; what is only told in part is left out",
    ),
    ("dialect/dydx/wallet.rs", "POSITIONS_MAX", "undecodable: counted"),
    ("dialect/dydx/wallet.rs", "SUBACCOUNTS_MAX", "undecodable: counted"),
    ("dialect/mod.rs", "LEVELS_MAX", "undecodable: counted, the book resyncs"),
    ("dialect/mod.rs", "PENDING_MESSAGES_MAX", "the snapshot is asked for anew"),
    ("dialect/mod.rs", "SYMBOLS_MAX", "undecodable: counted"),
    ("dialect/scan.rs", "DIGITS_MAX", "the general parser decides"),
    ("dialect/symbols.rs", "SYMBOL_BYTES_MAX", "undecodable: counted"),
    ("dialect/wire.rs", "DEPTH_MAX", "undecodable: counted"),
    ("engine/absorption.rs", "HOURS_KEPT", "the oldest hour is forgotten"),
    ("engine/absorption.rs", "SERIES_MAX", "further underlyings take no part"),
    ("app/ring.rs", "CHARS_MAX", "the text is cut"),
    ("app/ring.rs", "LINES_KEPT", "the oldest line is forgotten"),
    ("app/shelf.rs", "DAMAGE_MAX", "further damaged places are counted, not told"),
    ("app/shelf.rs", "FILES_MAX", "older recordings are counted, not listed"),
    ("app/shelf.rs", "LOG_SHOWN_MAX", "older lines are not shown"),
    ("engine/show_why.rs", "CONN_LINES_MAX", "older changes stand in the log"),
    (
        "engine/show_why.rs",
        "RAISED_MAX",
        "of further alerts of the tick no evidence is kept; the tape has it",
    ),
    ("engine/show_why.rs", "SOURCES_MAX", "further sources are counted"),
    ("engine/show_why.rs", "VALUES_MAX", "further values are counted"),
    ("engine/taps.rs", "EVENTS_KEPT", "further events of a message are not told"),
    ("engine/taps.rs", "EVIDENCE_KEPT", "the oldest evidence is forgotten; the tape has it"),
    ("engine/taps.rs", "FRAME_BYTES_KEPT", "the rest of the message is counted; the tape has it"),
    ("engine/taps.rs", "FRAMES_KEPT", "the oldest message leaves the screen"),
    ("engine/taps.rs", "LOG_CHARS_MAX", "the text is cut"),
    ("engine/taps.rs", "LOG_LINES_KEPT", "the oldest line is forgotten"),
    ("engine/taps.rs", "MARKS_KEPT", "the place of an older message on the tape is not told"),
    ("view/explain.rs", "COPIED_FRAMES_MAX", "older messages are not copied"),
    ("view/why.rs", "FIGURES_MAX", "further figures of the place are not offered"),
    ("view/why.rs", "LINES_MAX", "the text stands still"),
    ("engine/alarm/episode.rs", "TURNS_MAX", "the alert is flapping: said once, it stays open"),
    ("engine/alarm/mod.rs", "RESOLVED_MAX", "the oldest resolved alert leaves the screen"),
    ("engine/alarm/mute.rs", "MUTES_MAX", "a further mute is not taken: better heard than lost"),
    ("engine/alarm/storm.rs", "RAISES_KEPT", "the oldest raise is not counted; the storm goes on"),
    ("engine/beat.rs", "SLOW_STALE_MAX", "the channel is stale"),
    ("engine/book/chunks.rs", "RUN_MAX", "the run is split"),
    ("engine/book/ladder.rs", "DRIFT_MAX", "the window moves to the touch"),
    ("engine/book/mod.rs", "SIDE_LEVELS_MAX", "the book is void and resyncs"),
    ("engine/discovery/job.rs", "BAND_MAX", "the share is degraded"),
    ("engine/discovery/mod.rs", "CURRENCIES_MAX", "pairs with a further quote currency have no value"),
    ("engine/discovery/mod.rs", "FOLLOWED_MAX", "further underlyings have no price discovery"),
    ("engine/expr.rs", "NODES_MAX", "configuration error, exit 3"),
    ("engine/grid.rs", "CHANGES_KEPT", "the oldest change is forgotten: the window is shorter, degraded"),
    ("engine/cascade/case.rs", "LEVELS_KEPT", "levels farther than 25.6 % from the mid count as empty"),
    ("engine/cascade/mod.rs", "ROUNDS_MAX", "what is left of the queue goes to ADL"),
    ("engine/hidden/cohorts.rs", "COHORTS_MAX", "the row farthest from the mark joins the anchor"),
    ("engine/hidden/score.rs", "QUARTERS_KEPT", "the oldest quarter of an hour is forgotten"),
    ("engine/hidden/theta.rs", "SUM_CEILING", "the weights are scaled down to it"),
    ("engine/health.rs", "ERROR_CHARS_MAX", "the text is cut"),
    ("engine/health.rs", "MINUTES_MAX", "the oldest minute is forgotten"),
    ("engine/history.rs", "LINE_POINTS_MAX", "the oldest point is forgotten: the timeline spans one hour"),
    ("engine/history.rs", "POINTS_MAX", "the oldest point is forgotten"),
    ("engine/index/mod.rs", "MINUTES_KEPT", "a change is explained over one hour at most"),
    ("engine/index/past.rs", "DAY_KEPT", "the oldest sample is forgotten"),
    ("engine/index/past.rs", "HOUR_KEPT", "the oldest sample is forgotten"),
    ("engine/index/score.rs", "BLOCKS_KEPT", "the oldest three days are forgotten"),
    ("engine/ledger/mod.rs", "ACCOUNTS_MAX", "further accounts are not kept"),
    ("engine/ledger/mod.rs", "FINAL_ORDERS_MAX", "the oldest final order is forgotten"),
    ("engine/ledger/mod.rs", "HOLDINGS_MAX", "further rows are left out and counted"),
    (
        "engine/ledger/mod.rs",
        "TOLD_MAX",
        "old ones are forgotten first; beyond that an answer may undo a message",
    ),
    ("engine/listing.rs", "CROSSED_MAX", "the book resyncs"),
    ("engine/market.rs", "UNDERLYINGS_MAX", "instruments of further underlyings enter no figure"),
    ("engine/metric/price/mod.rs", "VOTES_MAX", "further venues do not vote"),
    ("engine/venue.rs", "FUNDS_MAX", "further funds are not kept"),
    ("engine/venue.rs", "RULE_CHANGES_KEPT", "the oldest change is forgotten"),
    ("engine/walk.rs", "SIDES_MAX", "further venues are not part of the merged book"),
    ("engine/walk.rs", "STEPS_MAX", "the book counts as truncated there"),
    ("engine/window/hist.rs", "KEYS_MAX", "values that differ from all before are not recorded in that part"),
    ("engine/window/mod.rs", "LATENCY_MAX", "counted as the largest"),
    ("engine/window/tod.rs", "DAYS_KEPT", "the oldest day of the slot is forgotten"),
    ("feed/account.rs", "POLLS_MAX", "further polls of the account are not made"),
    ("feed/account.rs", "SOCKETS_MAX", "no further socket of the account is opened"),
    ("feed/door.rs", "ADDRESSES_MAX", "further addresses are not tried"),
    ("feed/door.rs", "MESSAGE_BYTES_MAX", "close 1009, `TooLarge` entry, reconnect"),
    ("feed/door.rs", "WRITE_BYTES_MAX", "the connection fails and is opened anew"),
    ("feed/http.rs", "BODY_BYTES_MAX", "`RestFailed` entry"),
    ("feed/ingress.rs", "BYTES_MAX", "as `INGRESS_MAX`"),
    ("feed/ingress.rs", "CAPACITY", "as `INGRESS_MAX`"),
    ("feed/ingress.rs", "RESERVE", "control and REST entries wait"),
    ("feed/mod.rs", "CONNECTIONS_MAX", "no further connection is opened"),
    ("feed/mod.rs", "WATCH_MAX", "the instruments of least rank are not watched"),
    ("feed/outbox.rs", "WAITING_MAX", "the connection starts over"),
    ("feed/own.rs", "TICKET_BYTES_MAX", "the ticket is refused; the socket tries again"),
    ("feed/pace.rs", "KEYS_MAX", "old keys are forgotten"),
    ("feed/registry.rs", "ORDERS_MAX", "the order is refused and counted"),
    ("feed/rest.rs", "UNDER_WAY_MAX", "requests wait"),
    ("feed/rest.rs", "WAITING_MAX", "`RestFailed` entry"),
    ("feed/running.rs", "STOP_MAX", "tasks are ended"),
    ("feed/session.rs", "RUN_MAX", "timers and orders come first"),
    ("feed/supervisor.rs", "AUDITS_MAX", "further books are not audited"),
    ("feed/supervisor.rs", "POLLS_MAX", "further polls are not made"),
    ("feed/supervisor.rs", "VENUE_CONNECTIONS_MAX", "no further connection is opened"),
    ("feed/watch.rs", "OPTIONS_MAX", "options that end later are not watched"),
    ("feed/watch.rs", "FOLLOW_UPS_MAX", "further pages are not asked for"),
    ("feed/words.rs", "PAUSE_MAX", "the pause is cut"),
    ("feed/words.rs", "TEXT_MAX", "the text is cut"),
    ("model/num.rs", "SCALE_MAX", "undecodable: counted"),
    ("sim/account.rs", "CHANGES_KEPT", "the oldest is forgotten"),
    ("sim/account.rs", "FINAL_KEPT", "the oldest is forgotten"),
    ("sim/deribit.rs", "CHANNELS_MAX", "further channels are left out of the answer"),
    ("sim/bybit_option.rs", "TOPICS_MAX", "the topic is refused"),
    ("sim/crowd.rs", "POSITIONS_MAX", "who comes later joins a position"),
    ("sim/instrument.rs", "LIQUIDATIONS_KEPT", "the oldest is forgotten"),
    ("sim/instrument.rs", "TRADES_KEPT", "the oldest is forgotten"),
    ("sim/limits.rs", "PATHS_MAX", "further paths share one budget"),
    ("sim/server.rs", "CONNECTIONS_MAX", "the connection is dropped"),
    ("sim/server.rs", "REQUEST_BYTES_MAX", "the request is refused"),
    ("sim/socket.rs", "CLIENT_BYTES_MAX", "the client is dropped"),
    ("sim/socket.rs", "WAITING_BYTES_MAX", "the client is dropped"),
    ("sim/subscription.rs", "SUBSCRIPTIONS_MAX", "further subscriptions are not kept"),
    ("tape/import/mod.rs", "BAD_KEPT", "further bad lines are only counted"),
    ("tape/import/mod.rs", "LINE_MAX", "a bad line: counted"),
    ("tape/import/mod.rs", "URL_KEPT", "the address is cut"),
    ("tape/info.rs", "DAMAGES_KEPT", "further damages are only counted"),
    ("tape/layout.rs", "CHANNEL_MAX", "damaged recording, exit 5"),
    ("tape/layout.rs", "CHUNK_INPUT", "the chunk closes"),
    ("tape/layout.rs", "CHUNK_MAX", "damaged recording, exit 5"),
    ("tape/layout.rs", "CHUNK_SPAN", "the chunk closes"),
    ("tape/layout.rs", "CONNECTIONS_MAX", "the entry is refused"),
    ("tape/layout.rs", "CONN_TEXT_MAX", "the entry is refused"),
    ("tape/layout.rs", "DEPTH_MAX", "damaged recording, exit 5"),
    ("tape/layout.rs", "ENTRY_MAX", "the entry is refused; the recording goes on"),
    ("tape/layout.rs", "RATIO_MAX", "damaged recording, exit 5"),
    ("tape/layout.rs", "RECORD_MAX", "damaged recording, exit 5"),
    ("view/kept.rs", "HISTORY_KEPT", "the oldest command is forgotten"),
    ("view/kept.rs", "NAMED_MAX", "a further name is refused, and the prompt says so"),
    ("view/kept.rs", "NAME_CHARS_MAX", "the name is refused, and the prompt says so"),
    ("view/filter.rs", "TERMS_MAX", "the filter is refused, and the prompt says so"),
    ("view/operate.rs", "UNDO_KEPT", "the oldest step cannot be taken back"),
    ("view/picker.rs", "FILTER_CHARS_MAX", "further characters are not taken"),
    ("view/places.rs", "PLACES_KEPT", "the oldest place is forgotten"),
    ("view/prompt.rs", "INPUT_CHARS_MAX", "further characters are not taken"),
    ("view/widget/hits.rs", "HITS_MAX", "what is drawn after it cannot be pointed at; keys reach it"),
    ("view/state.rs", "PINS_MAX", "a further metric is not pinned, and the screen says so"),
];

/// A limit of the source.
struct Limit {
    place: String,
    name: String,
    value: String,
}

fn limits() -> Vec<Limit> {
    let mut limits = Vec::new();
    for file in rust_files("src") {
        for line in file.code.lines() {
            let Some((head, rest)) = line.split_once("const ") else { continue };
            let is_item = head.trim().is_empty() || head.trim().starts_with("pub");
            let Some((name, rest)) = rest.split_once(": ").filter(|_| is_item) else { continue };
            let Some(value) = rest.split_once(" = ").and_then(|(_, v)| v.strip_suffix(';')) else { continue };
            if ENDINGS.iter().any(|end| name.ends_with(end)) {
                let place = file.path.trim_start_matches("src/").to_string();
                limits.push(Limit { place, name: name.into(), value: plain(value) });
            }
        }
    }
    limits.sort_by(|a, b| (&a.place, &a.name).cmp(&(&b.place, &b.name)));
    limits
}

/// A value as people read it: `16 << 20` is 16 MiB.
fn plain(value: &str) -> String {
    let value = value.trim_start_matches("Duration::").replace('_', ",");
    match value.split_once(" << ") {
        Some(("1", "15")) => "32,768".into(),
        Some(("1", "16")) => "65,536".into(),
        Some(("1", "18")) => "262,144".into(),
        Some((n, "10")) => format!("{n} KiB"),
        Some((n, "20")) => format!("{n} MiB"),
        _ => value
            .strip_prefix("from,secs(")
            .and_then(|v| v.strip_suffix(')'))
            .map_or(value.clone(), |seconds| format!("{seconds} s"))
            .replace(" * SECOND", " s"),
    }
}

#[test]
fn every_limit_says_what_happens_at_it() {
    let found = limits();
    let mut wrong = String::new();
    for limit in &found {
        if !AT.iter().any(|row| row.0 == limit.place && row.1 == limit.name) {
            writeln!(wrong, "(\"{}\", \"{}\", \"...\"), is missing", limit.place, limit.name).unwrap();
        }
    }
    for (place, name, _) in AT {
        if !found.iter().any(|limit| limit.place == *place && limit.name == *name) {
            writeln!(wrong, "(\"{place}\", \"{name}\") is gone from the source").unwrap();
        }
    }
    assert!(wrong.is_empty(), "AT in tests/house/limits.rs:\n{wrong}");
}

/// The table for `src/LIMITS.md`: what bounds the program. The simulator's own limits stay here.
pub(crate) fn table() -> String {
    let mut out = String::from("| place | limit | value | when it is reached |\n|---|---|---|---|\n");
    for Limit { place, name, value } in limits().into_iter().filter(|limit| !limit.place.starts_with("sim/"))
    {
        let then = AT.iter().find(|row| row.0 == place && row.1 == name).map_or("", |row| row.2);
        writeln!(out, "| `{place}` | `{name}` | {value} | {then} |").unwrap();
    }
    out
}
