//! Golden bodies: what each receiver is told, byte for byte.

use super::alertmanager::Alertmanager;
use super::hearing::{Known, Verdict, judge};
use super::*;
use crate::config::sinks;
use crate::model::Nanos;
use crate::model::secret::Secret;
use crate::model::time::SECOND;

const NOW: Nanos = Nanos(1_767_225_600 * SECOND);

fn line(event: &str, state: &str, severity: &str) -> AlertLine {
    let text = format!(
        r#"{{"schema":"faultline.alert/1","seq":7,"event":"alert.{event}","ts":"2026-01-01T00:00:00.123456789Z","ts_engine":"2026-01-01T00:00:00Z","id":"A-7Q2MZK","fingerprint":"b3:7f","rule":"div.mid","rule_version":1,"severity":"{severity}","state":"{state}","flags":[],"count":1,"subject":{{"metric":"mid_gap_bps","underlying":"SOL","venue":"v1"}},"value":"-18.4","worst":"-20","unit":"bps","raise":"15","clear":"12","hold_ms":3000,"quality":{{"q":1.0,"inputs":7,"used":7,"state":"ok"}},"evidence":{{"recording":"s-1","seq_from":1,"seq_to":7,"bundle":null}},"summary":"SOL <apart> ]\"\\","who":null,"comment":null,"mode":"demo","host":"desk 1","session":"s","prev_hash":"","hash":""}}"#
    );
    sonic_rs::from_str(&text).unwrap()
}

fn desk(kind: &str, more: &str, secret: Option<&str>) -> Desk {
    let kinds: Vec<&str> = SINKS.iter().map(|s| s.kind()).collect();
    let spec = sinks::read("s", &format!("[sink.a]\nkind = \"{kind}\"\n{more}\n"), &kinds).unwrap().remove(0);
    Desk::new(spec, None, secret.map(Secret::new))
}

fn told<'a>(line: &'a AlertLine, before: Option<Severity>, receipt: Option<&str>) -> Told<'a> {
    Told { line, text: "{\"a\":1}", now: NOW, before, receipt: receipt.map(Into::into) }
}

fn posts(desk: &Desk, told: &Told<'_>) -> Vec<Post> {
    let post = |parcel| match parcel {
        Parcel::Post(post) => post,
        _ => panic!("no request"),
    };
    find(&desk.spec.kind).unwrap().parcels(desk, told).into_iter().map(post).collect()
}

fn bytes(desk: &Desk, line: &AlertLine) -> String {
    match find(&desk.spec.kind).unwrap().parcels(desk, &told(line, None, None)).remove(0) {
        Parcel::Bytes(bytes) => String::from_utf8(bytes).unwrap(),
        _ => panic!("no bytes"),
    }
}

/// Catches: a signature that a receiver cannot check, a key that changes with each attempt.
#[test]
fn a_webhook_is_signed_over_its_time_and_body() {
    let (desk, line) =
        (desk("webhook", "url = \"https://h/x\"", Some("key")), line("raised", "raised", "critical"));
    let post = posts(&desk, &told(&line, None, None)).remove(0);
    assert_eq!((post.url.as_str(), post.body.as_str()), ("https://h/x", "{\"a\":1}"));
    // printf '1767225600.{"a":1}' | openssl dgst -sha256 -hmac key
    let signature = "v1=80f7b75f8618b9b24d72673996a625f1a43f7387a26b6739d667431724fe4d23";
    let expected = [
        ("idempotency-key", "A-7Q2MZK+7+raised"),
        ("x-faultline-timestamp", "1767225600"),
        ("x-faultline-signature", signature),
    ];
    let headers: Vec<(&str, &str)> =
        post.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(headers, expected);
}

/// Catches: made-up data that reads as real, text that Slack takes for a command.
#[test]
fn slack_reads_one_sentence_that_says_demo() {
    let desk = desk("slack", "url = \"http://127.0.0.1/x\"\nallow = [\"127.0.0.1\"]", None);
    let post = posts(&desk, &told(&line("raised", "raised", "critical"), None, None)).remove(0);
    assert_eq!(
        post.body,
        r#"{"text":"DEMO CRITICAL raised: SOL &lt;apart&gt; ]\"\\ (-18.4 bps, A-7Q2MZK)"}"#
    );
}

/// Catches: a page that is never taken back, or one page per change of value.
#[test]
fn pagerduty_hears_trigger_acknowledge_and_resolve_under_one_key() {
    let desk = desk("pagerduty", "", Some("R1"));
    for (event, state, action) in [
        ("raised", "raised", "trigger"),
        ("acked", "acked", "acknowledge"),
        ("resolved", "resolved", "resolve"),
    ] {
        let body = posts(&desk, &told(&line(event, state, "critical"), None, None)).remove(0).body;
        let head = format!(
            r#"{{"routing_key":"R1","event_action":"{action}","dedup_key":"b3:7f","client":"faultline","payload":{{"summary":"DEMO CRITICAL {event}: "#
        );
        assert!(body.starts_with(&head), "{body}");
        assert!(
            body.contains(
                r#""source":"desk 1","severity":"critical","timestamp":"2026-01-01T00:00:00.123456789Z""#
            ),
            "{body}"
        );
    }
}

/// Catches: an alert that Alertmanager drops between two repetitions, one that never ends, a severity that stays
/// beside the new one, a silence that outlives its alert.
#[test]
fn alertmanager_gets_an_end_in_the_future_and_a_silence_with_an_end() {
    let desk = desk(
        "alertmanager",
        "url = \"http://127.0.0.1:9093/\"\nsilence_on_ack = true\nresend = \"1m\"",
        None,
    );
    let ends = |post: &Post| {
        let alerts: Vec<sonic_rs::Value> = sonic_rs::from_str(&post.body).unwrap();
        let text = |a: &sonic_rs::Value, k: &str| sonic_rs::to_string(&a[k]).unwrap().replace('"', "");
        alerts.iter().map(|a| (text(&a["labels"], "severity"), text(a, "endsAt"))).collect::<Vec<_>>()
    };
    let row = |severity: &str, end: &str| (severity.to_string(), format!("2026-01-01T00:{end}.000000000Z"));
    let raised = posts(&desk, &told(&line("updated", "raised", "critical"), Some(Severity::Warning), None));
    assert_eq!(raised[0].url, "http://127.0.0.1:9093/api/v2/alerts");
    assert_eq!(ends(&raised[0]), [row("critical", "03:00"), row("warning", "00:00")]);
    let resolved = posts(&desk, &told(&line("resolved", "resolved", "critical"), None, Some("id-1")));
    assert_eq!(ends(&resolved[0]), [row("critical", "00:00")]);
    assert_eq!(
        (resolved[1].method, resolved[1].url.as_str()),
        ("DELETE", "http://127.0.0.1:9093/api/v2/silence/id-1")
    );
    let acked = posts(&desk, &told(&line("acked", "acked", "critical"), None, None));
    assert_eq!(
        acked[1].body,
        r#"{"matchers":[{"name":"fingerprint","value":"b3:7f","isRegex":false,"isEqual":true}],"startsAt":"2026-01-01T00:00:00.000000000Z","endsAt":"2026-01-01T08:00:00.000000000Z","createdBy":"faultline","comment":"acknowledged"}"#
    );
    let standing = Alertmanager.standing(&desk, &[line("raised", "raised", "critical")], NOW);
    let Parcel::Post(post) = &standing[0] else { panic!("no request") };
    assert!(post.body.contains("FaultlineWatchdog"), "{}", post.body);
    assert_eq!(ends(post), [row("none", "03:00"), row("critical", "03:00")]);
}

/// Catches: a field that ends early and lets a venue's text forge another one; a line break in a log.
#[test]
fn syslog_and_journald_escape_what_they_carry() {
    let udp = desk("syslog", "url = \"udp://127.0.0.1:514\"", None);
    let mut bad = line("raised", "raised", "critical");
    bad.subject.venue = "v\"]\n<1>".into();
    assert_eq!(
        bytes(&udp, &bad),
        "<130>1 2026-01-01T00:00:00.123456Z desk1 faultline - alert.raised [faultline@32473 id=\"A-7Q2MZK\" event=\"alert.raised\" rule=\"div.mid\" fingerprint=\"b3:7f\" underlying=\"SOL\" venue=\"v\\\"\\] <1>\" value=\"-18.4\" unit=\"bps\" mode=\"demo\"] DEMO CRITICAL raised: SOL <apart> ]\"\\ (-18.4 bps, A-7Q2MZK)"
    );
    let framed = bytes(&desk("syslog", "url = \"tcp://127.0.0.1:601\"", None), &bad);
    let (length, rest) = framed.split_once(' ').unwrap();
    assert_eq!(length.parse::<usize>().unwrap(), rest.len());
    let native = bytes(&desk("journald", "", None), &bad);
    assert!(native.contains("PRIORITY=2\n") && native.contains("FAULTLINE_ALERT_ID=A-7Q2MZK\n"), "{native}");
    assert!(native.contains("FAULTLINE_VENUE\n\u{7}\0\0\0\0\0\0\0v\"]\n<1>\n"), "{native:?}");
}

/// Catches: a pager that goes off each minute for one flapping alert, one that never hears of the worse, an
/// alert that is closed here and open there, a mute that is heard.
#[test]
fn a_fingerprint_is_heard_once_in_a_while_unless_it_gets_worse() {
    let spec = desk("webhook", "url = \"https://h\"\nmin_severity = \"warning\"", None).spec;
    let at = |s: i64| NOW.plus(s * SECOND);
    let known = |severity, is_open| Some(Known { at: NOW, severity, is_open });
    let (raised, warning) = (line("raised", "raised", "critical"), line("raised", "raised", "warning"));
    let resolved = line("resolved", "resolved", "critical");
    assert_eq!(judge(&spec, &raised, None, at(0)), Verdict::Tell);
    assert_eq!(judge(&spec, &raised, known(Severity::Critical, false), at(60)), Verdict::Hold);
    assert_eq!(judge(&spec, &raised, known(Severity::Warning, false), at(60)), Verdict::Tell, "it is worse");
    assert_eq!(judge(&spec, &raised, known(Severity::Critical, false), at(300)), Verdict::Tell);
    assert_eq!(judge(&spec, &resolved, known(Severity::Critical, true), at(1)), Verdict::Tell);
    assert_eq!(judge(&spec, &resolved, None, at(1)), Verdict::Skip, "of what it never heard");
    assert_eq!(
        judge(&spec, &line("updated", "raised", "critical"), known(Severity::Warning, true), at(1)),
        Verdict::Tell
    );
    assert_eq!(
        judge(&spec, &line("updated", "raised", "critical"), known(Severity::Critical, true), at(1)),
        Verdict::Skip
    );
    assert_eq!(judge(&spec, &line("raised", "raised", "info"), None, at(0)), Verdict::Skip);
    let mut muted = warning.clone();
    muted.flags = vec!["muted".into()];
    assert_eq!(judge(&spec, &muted, None, at(0)), Verdict::Skip);
    let only = desk("webhook", "url = \"https://h\"\nmatch = { rule = [\"feed.*\"] }", None).spec;
    assert_eq!(judge(&only, &warning, None, at(0)), Verdict::Skip);
}
