//! Own accounts: `accounts.toml`. It says where secrets are, never what they are.
//!
//! A secret that stands in the file itself is refused, and no error of this file shows a value that could
//! be one: what is drawn is a masked copy of the text.

use std::fmt::Write as _;
use std::ops::Range;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use toml::Spanned;

use super::mask::masked;
use super::{ConfigError, parse};

/// Name of the file in the configuration directory and in recordings.
pub const FILE: &str = "accounts.toml";
/// Own accounts of one run.
pub const ACCOUNTS_MAX: usize = 64;
/// Longest name of an account.
pub const NAME_CHARS_MAX: usize = 24;
/// Longest address, name of a variable or credential.
pub(super) const WORD_CHARS_MAX: usize = 128;

/// Where a secret is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// An environment variable.
    Env(String),
    /// A file of the user, for nobody else to read.
    File(String),
    /// A credential that systemd hands to the service.
    Credential(String),
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Source::Env(name) => write!(f, "environment variable {name}"),
            Source::File(path) => write!(f, "file {path}"),
            Source::Credential(name) => write!(f, "systemd credential {name}"),
        }
    }
}

/// One account, as the file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountSpec {
    /// The operator's name for it, unique at its venue.
    pub name: String,
    /// Venue id.
    pub venue: String,
    /// Where the key is.
    pub key: Option<Source>,
    /// Where the secret is.
    pub secret: Option<Source>,
    /// Where the passphrase is.
    pub passphrase: Option<Source>,
    /// Public address, where the venue knows accounts by address; empty otherwise.
    pub address: String,
    /// File of positions, for venues without a private half.
    pub positions: Option<String>,
    /// File and place, for later complaints.
    pub place: Place,
}

/// Where an account stands in its file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    file: String,
    masked: String,
    name: Range<usize>,
    venue: Range<usize>,
}

impl Place {
    /// A complaint about the account.
    pub fn at_name(&self, message: impl Into<String>) -> ConfigError {
        ConfigError::at(&self.file, &self.masked, self.name.clone(), message)
    }

    /// A complaint about its venue.
    pub fn at_venue(&self, message: impl Into<String>) -> ConfigError {
        ConfigError::at(&self.file, &self.masked, self.venue.clone(), message)
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    account: Vec<Row>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    name: Spanned<String>,
    venue: Spanned<String>,
    key: Option<Spanned<Written>>,
    secret: Option<Spanned<Written>>,
    passphrase: Option<Spanned<Written>>,
    address: Option<Spanned<String>>,
    positions: Option<Spanned<String>>,
}

/// A source as written.
#[derive(Debug)]
pub(super) enum Written {
    Where(Table),
    /// The secret itself, which is forgotten at once.
    Literal,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Table {
    env: Option<String>,
    file: Option<String>,
    credential: Option<String>,
}

// By hand: whatever is not a table is taken for a secret, and no error may repeat it.
impl<'de> Deserialize<'de> for Written {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Visit;
        impl<'de> Visitor<'de> for Visit {
            type Value = Written;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(REMEDY)
            }

            fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<Written, E> {
                Ok(Written::Literal)
            }

            fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<Written, E> {
                Ok(Written::Literal)
            }

            fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<Written, E> {
                Ok(Written::Literal)
            }

            fn visit_bool<E: serde::de::Error>(self, _: bool) -> Result<Written, E> {
                Ok(Written::Literal)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Written, A::Error> {
                while seq.next_element::<serde::de::IgnoredAny>()?.is_some() {}
                Ok(Written::Literal)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Written, A::Error> {
                Table::deserialize(MapAccessDeserializer::new(map)).map(Written::Where)
            }
        }
        from.deserialize_any(Visit)
    }
}

const REMEDY: &str = r#"{ env = "NAME" }, { file = "/path" } or { credential = "name" }"#;

/// Reads the file of accounts.
///
/// # Errors
/// Unknown keys, secrets in the file, names that cannot be, one name twice at a venue, too many accounts.
pub fn read(file: &str, text: &str) -> Result<Vec<AccountSpec>, ConfigError> {
    let masked = masked(text);
    let parsed: File = parse(file, text).map_err(|e| hidden(e, &masked))?;
    let reader = Reader { file, masked: &masked };
    let mut accounts: Vec<AccountSpec> = Vec::new();
    for row in parsed.account {
        let account = reader.account(row)?;
        let place = &account.place;
        if accounts.iter().any(|a| a.venue == account.venue && a.name == account.name) {
            let message = format!("there are two accounts `{}` at {}", account.name, account.venue);
            return Err(place.at_name(message));
        }
        if accounts.len() == ACCOUNTS_MAX {
            return Err(place.at_name(format!("there are more than {ACCOUNTS_MAX} accounts")));
        }
        accounts.push(account);
    }
    Ok(accounts)
}

/// The accounts as the file would say them, without anything else that stood in it: for recordings.
pub fn write(accounts: &[AccountSpec]) -> String {
    let mut out = String::new();
    for account in accounts {
        // Writing to a String cannot fail.
        let _written = writeln!(out, "[[account]]\nname = {:?}\nvenue = {:?}", account.name, account.venue);
        let parts = [("key", &account.key), ("secret", &account.secret), ("passphrase", &account.passphrase)];
        for (part, source) in parts.iter().filter_map(|(part, source)| Some((part, source.as_ref()?))) {
            let (kind, name) = match source {
                Source::Env(name) => ("env", name),
                Source::File(name) => ("file", name),
                Source::Credential(name) => ("credential", name),
            };
            let _written = writeln!(out, "{part} = {{ {kind} = {name:?} }}");
        }
        if !account.address.is_empty() {
            let _written = writeln!(out, "address = {:?}", account.address);
        }
        if let Some(path) = &account.positions {
            let _written = writeln!(out, "positions = {path:?}");
        }
    }
    out
}

pub(super) struct Reader<'t> {
    pub(super) file: &'t str,
    pub(super) masked: &'t str,
}

impl Reader<'_> {
    pub(super) fn at(&self, span: Range<usize>, message: impl Into<String>) -> ConfigError {
        ConfigError::at(self.file, self.masked, span, message)
    }

    fn account(&self, row: Row) -> Result<AccountSpec, ConfigError> {
        let name = row.name.get_ref();
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
        if name.is_empty() || name.len() > NAME_CHARS_MAX || !name.chars().all(fits) {
            let message = format!("an account's name has up to {NAME_CHARS_MAX} of a-z, 0-9, - and _");
            return Err(self.at(row.name.span(), message));
        }
        let address = match &row.address {
            Some(address) if !is_word(address.get_ref(), |c| c.is_ascii_alphanumeric()) => {
                return Err(self.at(address.span(), "an address holds letters and digits only"));
            }
            address => address.as_ref().map(|a| a.get_ref().clone()).unwrap_or_default(),
        };
        Ok(AccountSpec {
            name: name.clone(),
            venue: row.venue.get_ref().clone(),
            key: self.source("key", row.key)?,
            secret: self.source("secret", row.secret)?,
            passphrase: self.source("passphrase", row.passphrase)?,
            address,
            positions: row.positions.map(Spanned::into_inner),
            place: Place {
                file: self.file.to_string(),
                masked: self.masked.to_string(),
                name: row.name.span(),
                venue: row.venue.span(),
            },
        })
    }

    /// Where a secret is, as written.
    pub(super) fn source(
        &self,
        part: &str,
        written: Option<Spanned<Written>>,
    ) -> Result<Option<Source>, ConfigError> {
        let Some(written) = written else { return Ok(None) };
        let span = written.span();
        let fail = |message: String, help: &str| Err(self.at(span.clone(), message).with_help(help));
        let table = match written.into_inner() {
            Written::Where(table) => table,
            Written::Literal => {
                let help =
                    format!("say where it is: {part} = {REMEDY}; take this one back where it was given");
                return fail(format!("the {part} itself must not stand in this file"), &help);
            }
        };
        match (table.env, table.file, table.credential) {
            (Some(name), None, None) if is_variable(&name) => Ok(Some(Source::Env(name))),
            (Some(_), None, None) => fail(
                format!("`env` of the {part} is no name of a variable"),
                "names of variables hold A-Z, 0-9 and _; the secret itself must not stand here",
            ),
            (None, Some(path), None) if path.starts_with('/') => Ok(Some(Source::File(path))),
            (None, Some(_), None) => {
                fail(format!("`file` of the {part} is no whole path"), "begin it with /")
            }
            (None, None, Some(name))
                if is_word(&name, |c| c.is_ascii_alphanumeric() || "._-".contains(c)) =>
            {
                Ok(Some(Source::Credential(name)))
            }
            (None, None, Some(_)) => fail(
                format!("`credential` of the {part} is no name of a credential"),
                "names hold letters, digits, `.`, `_` and `-`",
            ),
            _ => fail(format!("the {part} needs one source"), &format!("write {part} = {REMEDY}")),
        }
    }
}

fn is_word(text: &str, fits: impl Fn(char) -> bool) -> bool {
    !text.is_empty() && text.len() <= WORD_CHARS_MAX && text != ".." && text.chars().all(fits)
}

/// Capitals only: a key that was pasted in place of a name is found out.
pub(super) fn is_variable(name: &str) -> bool {
    is_word(name, |c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
        && !name.starts_with(|c: char| c.is_ascii_digit())
}

/// An error over the masked text, without the value that serde would repeat.
pub(super) fn hidden(mut error: ConfigError, masked: &str) -> ConfigError {
    if let Some((head, expected)) = error.message.split_once(", expected ")
        && head.starts_with("invalid ")
    {
        error.message = format!("something else stands here, expected {expected}");
    }
    error.over(masked)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "# mine\n[[account]]\nname = \"desk\"\nvenue = \"bybit\"\n\
        key = { env = \"BYBIT_KEY\" }\nsecret = { file = \"/etc/faultline/bybit\" }\n\
        passphrase = { credential = \"bybit.pass\" }\n\
        [[account]]\nname = \"vault\"\nvenue = \"hyperliquid\"\naddress = \"0xabc1\"\n";

    #[test]
    fn sources_are_read_and_written_again_without_comments() {
        let accounts = read(FILE, GOOD).unwrap();
        let desk = &accounts[0];
        assert_eq!((desk.name.as_str(), desk.venue.as_str()), ("desk", "bybit"));
        assert_eq!(desk.key, Some(Source::Env("BYBIT_KEY".into())));
        assert_eq!(desk.secret, Some(Source::File("/etc/faultline/bybit".into())));
        assert_eq!(desk.passphrase, Some(Source::Credential("bybit.pass".into())));
        assert_eq!(accounts[1].address, "0xabc1");
        let written = write(&accounts);
        assert!(!written.contains("mine"), "{written}");
        let again = read(FILE, &written).unwrap();
        let without = |a: &AccountSpec| AccountSpec { place: Place::default(), ..a.clone() };
        assert_eq!(
            again.iter().map(without).collect::<Vec<_>>(),
            accounts.iter().map(without).collect::<Vec<_>>()
        );
        assert_eq!(read(FILE, "").unwrap(), []);
    }

    /// Fault: the error about a secret in the file shows the secret.
    #[test]
    fn a_secret_in_the_file_is_refused_and_not_shown() {
        let source = r#"secret = { file = "/etc/faultline/bybit" }"#;
        for (line, word) in [
            (r#"secret = "hunter2""#, "must not stand in this file"),
            ("secret = 'hunter2'", "must not stand in this file"),
            ("secret = \"\"\"\nhunter2\nhunter2\"\"\"", "must not stand in this file"),
            ("secret = [\"hunter2\"]", "must not stand in this file"),
            ("secret = 4411hunter2", "accounts.toml"),
            ("secret = hunter2", "accounts.toml"),
            ("secret = \"hunter2", "accounts.toml"),
            (r#"secert = "hunter2""#, "did you mean `secret`"),
            (r#"secret = { env = "hunter2" }"#, "no name of a variable"),
            (r#"secret = { evn = "hunter2" }"#, "did you mean `env`"),
            (r#"secret = { file = "hunter2" }"#, "no whole path"),
            (r#"secret = { credential = "hunter2/.." }"#, "no name of a credential"),
            (r#"secret = { env = "A", file = "/hunter3" } # hunter2"#, "needs one source"),
            (r#"account = "hunter2""#, "accounts.toml"),
        ] {
            let error = read(FILE, &GOOD.replace(source, line)).unwrap_err();
            let shown = format!("{error} {error:?}");
            let is_secret = shown.replace("hunter2/..", "").contains("hunter2");
            assert!(!is_secret, "{line} is shown:\n{shown}");
            assert!(shown.contains(word), "{line}:\n{error}");
        }
    }

    #[test]
    fn mistakes_are_shown_at_their_place() {
        let twice = GOOD.replace("vault", "desk").replace("hyperliquid", "bybit");
        for (text, word) in [
            (twice, "two accounts `desk` at bybit"),
            (GOOD.replace("\"desk\"", "\"De/sk\""), "an account's name has up to"),
            (GOOD.replace("0xabc1", "0x abc"), "an address holds letters"),
            (GOOD.replace("venue =", "venu ="), "did you mean `venue`?"),
            (
                "[[account]]\nname = \"a\"\nvenue = 3\n".into(),
                "something else stands here, expected a string",
            ),
        ] {
            let error = read(FILE, &text).unwrap_err().to_string();
            assert!(error.contains(word) && error.contains("accounts.toml:"), "{word}:\n{error}");
        }
        let row = |n: usize| format!("[[account]]\nname = \"a{n}\"\nvenue = \"v\"\n");
        let many: String = (0..=ACCOUNTS_MAX).map(row).collect();
        assert!(read(FILE, &many).unwrap_err().message.contains("more than 64"));
    }
}
