//! Who speaks for an own account: signs requests at the moment they leave, and keeps what is secret out of
//! everything that is written.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

use data_encoding::{BASE64, HEXLOWER};
use hyper::body::Bytes;

use super::http::{Answered, Http};
use super::words::{self, Failure};
use crate::clock::Clock;
use crate::dialect::account::{Account, AccountDialect, SignError, Signed, Speaker};
use crate::model::secret::{Keys, Secret};
use crate::model::venue::{RestRequest, VenueSpec};

/// Shortest text that is looked for in what the venue sends. Shorter ones would be found everywhere.
const NEEDLE_BYTES_MIN: usize = 8;
/// Shortest text that signing adds and that is looked for in the answer; times and counters are shorter.
const SIGNATURE_BYTES_MIN: usize = 32;
/// Longest ticket taken, in bytes.
const TICKET_BYTES_MAX: usize = 4_096;
/// Where a ticket stands in a URL, path or text.
const PLACE: &str = "{ticket}";
/// What stands in a secret's place.
const MASK: &str = "[secret]";

/// An own account at one venue with all it needs to speak.
pub struct Own {
    /// The venue file.
    pub spec: VenueSpec,
    /// The private half of its dialect.
    pub dialect: &'static dyn AccountDialect,
    /// The account.
    pub account: Account,
    keys: Option<Keys>,
    needles: Vec<Secret>,
    clock: Clock,
    is_barred: AtomicBool,
}

impl fmt::Debug for Own {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Own({}/{})", self.spec.id, self.account.name)
    }
}

impl Own {
    /// An account with its keys; `None` for accounts by address.
    pub fn new(
        spec: VenueSpec,
        dialect: &'static dyn AccountDialect,
        account: Account,
        keys: Option<Keys>,
        clock: Clock,
    ) -> Self {
        let parts = keys.iter().flat_map(|k| [Some(&k.key), Some(&k.secret), k.passphrase.as_ref()]);
        let needles = parts.flatten().flat_map(forms).collect();
        Own { spec, dialect, account, keys, needles, clock, is_barred: AtomicBool::new(false) }
    }

    /// `<venue>/<account>@`, how the names of its connections begin.
    pub fn prefix(&self) -> String {
        format!("{}/{}@", self.spec.id, self.account.name)
    }

    /// The account with its keys and the time as it is now.
    pub fn speaker(&self) -> Speaker<'_> {
        Speaker { keys: self.keys.as_ref(), account: &self.account, now: self.clock.now() }
    }

    /// Signs a request with the time as it is now. A ticket goes where the request leaves a place for it.
    pub fn sign(&self, request: &RestRequest, ticket: Option<&Secret>) -> Result<Signed, SignError> {
        let Some(ticket) = ticket else { return self.dialect.sign(&self.spec, request, &self.speaker()) };
        let mut filled = request.clone();
        filled.path = filled.path.replace(PLACE, &encoded(ticket.expose()));
        filled.body = filled.body.map(|body| body.replace(PLACE, ticket.expose()));
        self.dialect.sign(&self.spec, &filled, &self.speaker())
    }

    /// Signs with the time as it is now, asks, and masks what the answer repeats of keys and signature.
    pub(super) async fn ask(
        &self,
        http: &Http,
        request: &RestRequest,
        ticket: Option<&Secret>,
    ) -> Result<Answered, Failure> {
        if self.is_barred() {
            return Err(Failure::new("the account is not watched any more"));
        }
        let signed = self.sign(request, ticket).map_err(|e| Failure::new(self.cannot_sign(e)))?;
        let mut answered = http.ask(request, Some(&signed)).await?;
        answered.rest.body = self.redact(answered.rest.body, &added(request, &signed));
        Ok(answered)
    }

    /// Nothing is asked for this account any more.
    pub fn bar(&self) {
        self.is_barred.store(true, Ordering::Relaxed);
    }

    /// True after [`Own::bar`].
    pub fn is_barred(&self) -> bool {
        self.is_barred.load(Ordering::Relaxed)
    }

    /// Bytes for the tape without keys and without `more`. Some venues repeat a key or a ticket.
    pub fn redact(&self, bytes: Bytes, more: &[Secret]) -> Bytes {
        let more = || more.iter().filter(|s| s.expose().len() >= NEEDLE_BYTES_MIN);
        let needles = || self.needles.iter().chain(more()).map(Secret::expose);
        if !needles().any(|needle| holds(&bytes, needle.as_bytes())) {
            return bytes;
        }
        let mut rest = &bytes[..];
        let mut out = Vec::with_capacity(bytes.len());
        while let Some(byte) = rest.first() {
            match needles().find(|n| rest.starts_with(n.as_bytes())) {
                Some(needle) => {
                    out.extend_from_slice(MASK.as_bytes());
                    rest = rest.get(needle.len()..).unwrap_or_default();
                }
                None => {
                    out.push(*byte);
                    rest = rest.get(1..).unwrap_or_default();
                }
            }
        }
        Bytes::from(out)
    }

    /// Words of the venue for a person: without secrets, short, harmless.
    pub fn clean(&self, text: &str, ticket: Option<&Secret>) -> String {
        let needles = self.needles.iter().chain(ticket).map(Secret::expose);
        let hidden = needles.fold(text.to_string(), |text, needle| text.replace(needle, MASK));
        words::clean(&hidden)
    }

    /// What an answer says, for a person.
    pub fn words_of(&self, answer: &Answered) -> String {
        let body = String::from_utf8_lossy(&answer.rest.body);
        match (&answer.refusal, body.trim()) {
            (Some(refusal), "") => refusal.reason.clone(),
            (_, body) => format!("HTTP {}: {}", answer.rest.status, self.clean(body, None)),
        }
    }

    /// Why an account is not watched: its key may do more than read.
    pub fn may_trade(&self, words: &str) -> String {
        let (name, what) = (&self.account.name, self.clean(words, None));
        format!("the key of account {name} may trade ({what}); faultline takes read-only keys only")
    }

    /// Why an account is not watched: its key cannot sign.
    pub fn cannot_sign(&self, error: SignError) -> String {
        format!("the key of account {} cannot sign: {error}", self.account.name)
    }
}

/// A secret as it is, and as answers may repeat it. Padding is left off: a URL writes it in another way.
fn forms(secret: &Secret) -> Vec<Secret> {
    let text = secret.expose();
    if text.len() < NEEDLE_BYTES_MIN {
        return Vec::new();
    }
    let all = [HEXLOWER.encode(text.as_bytes()), BASE64.encode(text.as_bytes()), encoded(text), text.into()];
    all.iter().map(|form| Secret::new(form.trim_end_matches("%3D").trim_end_matches('='))).collect()
}

/// What signing added to a request: long values of its headers and of its query.
fn added(request: &RestRequest, signed: &Signed) -> Vec<Secret> {
    let query = signed.path.split_once('?').map_or("", |(_, query)| query);
    let values = query.split('&').filter_map(|pair| pair.split_once('=')).map(|(_, value)| value);
    let values = values.filter(|value| !request.path.contains(value));
    let all = values.chain(signed.headers.iter().map(|(_, value)| value.expose()));
    let is_signature =
        |text: &&str| text.len() >= SIGNATURE_BYTES_MIN && !text.bytes().all(|b| b.is_ascii_digit());
    all.filter(is_signature)
        .map(|text| Secret::new(text.trim_end_matches("%3D").trim_end_matches('=')))
        .collect()
}

fn holds(bytes: &[u8], needle: &[u8]) -> bool {
    let Some(first) = needle.first() else { return false };
    let starts = bytes.iter().enumerate().filter(|(_, byte)| *byte == first);
    starts.into_iter().any(|(at, _)| bytes.get(at..).is_some_and(|rest| rest.starts_with(needle)))
}

/// True for a text that a URL, a header and a JSON text can carry.
pub(super) fn is_ticket(ticket: &Secret) -> bool {
    let text = ticket.expose();
    let fits = |b: u8| b.is_ascii_graphic() && b != b'"' && b != b'\\';
    !text.is_empty() && text.len() <= TICKET_BYTES_MAX && text.bytes().all(fits)
}

/// `text` with the ticket in its place.
pub(super) fn fill(text: &str, ticket: Option<&Secret>) -> String {
    ticket.map_or_else(|| text.to_string(), |ticket| text.replace(PLACE, ticket.expose()))
}

/// A URL with the ticket in its place.
pub(super) fn fill_url(url: &str, ticket: &Secret) -> String {
    // Parsing has kept the braces or written them as a URL does.
    let ticket = encoded(ticket.expose());
    url.replace(PLACE, &ticket).replace("%7Bticket%7D", &ticket)
}

/// Everything but the unreserved characters of RFC 3986 as `%XX`.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Mute;

    impl AccountDialect for Mute {
        fn needs(&self) -> crate::dialect::account::Needs {
            crate::dialect::account::Needs::Key
        }
        fn key_check(&self, _: &VenueSpec, _: &Account) -> Option<RestRequest> {
            None
        }
        fn permissions(
            &self,
            _: &crate::model::entry::RestAnswer<'_>,
        ) -> Result<crate::dialect::account::Permissions, crate::dialect::WireError> {
            Ok(crate::dialect::account::Permissions::Unknown)
        }
        fn sockets(&self, _: &VenueSpec, _: &Account) -> Vec<crate::model::venue::ConnPlan> {
            Vec::new()
        }
        fn login(&self, _: &VenueSpec) -> Box<dyn crate::dialect::account::Login> {
            Box::new(crate::dialect::account::NoLogin)
        }
        fn polls(&self, _: &VenueSpec, _: &Account) -> Vec<crate::model::venue::Poll> {
            Vec::new()
        }
        fn sign(&self, _: &VenueSpec, request: &RestRequest, _: &Speaker<'_>) -> Result<Signed, SignError> {
            Ok(Signed { path: request.path.clone(), body: request.body.clone(), ..Signed::default() })
        }
        fn decoder(&self, _: &VenueSpec) -> Box<dyn crate::dialect::Decoder> {
            unreachable!("no test of this file decodes")
        }
    }

    fn own() -> Own {
        let spec = toml::from_str(include_str!("../../venues/bybit.toml")).unwrap();
        let account = Account { name: "desk".into(), address: String::new() };
        let keys = Keys {
            key: Secret::new("key-0001"),
            secret: Secret::new("hunter22"),
            passphrase: Some(Secret::new("x")),
        };
        Own::new(spec, &Mute, account, Some(keys), Clock::start())
    }

    /// Fault: a venue that repeats the key in an error brings it onto the tape.
    #[test]
    fn what_a_venue_repeats_is_masked_in_every_form() {
        let own = own();
        let said =
            b"{\"origin\":\"1700key-00015000\",\"b\":\"aHVudGVyMjI=\",\"h\":\"68756e7465723232\",\"x\":1}";
        let taped = own.redact(Bytes::from_static(said), &[]);
        let text = String::from_utf8(taped.to_vec()).unwrap();
        assert_eq!(text, r#"{"origin":"1700[secret]5000","b":"[secret]=","h":"[secret]","x":1}"#);
        let plain = Bytes::from_static(b"{\"x\":\"hunter2\"}");
        assert_eq!(own.redact(plain.clone(), &[]), plain, "one letter less is another text");
        assert_eq!(
            own.clean("no hunter22\u{1b}[2J of T1", Some(&Secret::new("T1"))),
            "no [secret]\u{fffd}[2J of [secret]"
        );
        assert!(!format!("{own:?}").contains("hunter22"));
    }

    #[test]
    fn a_ticket_goes_into_its_place_only() {
        let ticket = Secret::new("a/b+c=");
        assert_eq!(
            fill_url("wss://v.example/ws?token={ticket}", &ticket),
            "wss://v.example/ws?token=a%2Fb%2Bc%3D"
        );
        assert_eq!(fill("{\"auth\":\"{ticket}\"}", Some(&ticket)), "{\"auth\":\"a/b+c=\"}");
        let put = own().sign(&RestRequest::get("/key?k={ticket}"), Some(&ticket)).unwrap();
        assert_eq!(put.path, "/key?k=a%2Fb%2Bc%3D");
        for bad in ["", "a b", "a\"b", "a\\b", "a\nb", &"x".repeat(5_000)] {
            assert!(!is_ticket(&Secret::new(bad)), "{bad}");
        }
    }
}
