//! Where secrets come from: the environment, a file of the user, a credential of systemd. They go from
//! there into [`Secret`] and nowhere else; errors name the place, never what is in it.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::config::accounts::{AccountSpec, Source};
use crate::dialect::account::Needs;
use crate::model::secret::{Keys, Secret};

/// Largest secret, in bytes: a private key in PEM fits several times.
const SECRET_BYTES_MAX: usize = 16 << 10;
/// Bits of a file's mode that let others in.
const OTHERS: u32 = 0o077;

/// Reads what an account needs. `None` for an account by address.
///
/// # Errors
/// Words for a person: what could not be read, and what to do about it.
pub fn keys(account: &AccountSpec, needs: Needs) -> Result<Option<Keys>, String> {
    let part = |name: &str, source: &Option<Source>| {
        let whose = format!("account `{}` at {}", account.name, account.venue);
        let source = source.as_ref().ok_or_else(|| format!("{whose}: no {name}"))?;
        read(source).map_err(|e| format!("{whose}: {name} from {source}: {e}"))
    };
    if needs == Needs::Address {
        return Ok(None);
    }
    let passphrase = match needs {
        Needs::KeyAndPassphrase => Some(part("passphrase", &account.passphrase)?),
        Needs::Key | Needs::Address => None,
    };
    let (key, secret) = (part("key", &account.key)?, part("secret", &account.secret)?);
    Ok(Some(Keys { key, secret, passphrase }))
}

/// Reads one secret.
///
/// # Errors
/// Words for a person, without what was read.
pub fn read(source: &Source) -> Result<Secret, String> {
    let text = match source {
        Source::Env(name) => match std::env::var_os(name) {
            None => return Err("it is not set".into()),
            Some(text) => text.into_string().map_err(|_| "it is no text")?,
        },
        Source::File(path) => of_file(Path::new(path), true)?,
        Source::Credential(name) => {
            let folder = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
            let folder = folder.ok_or("there is no $CREDENTIALS_DIRECTORY; systemd sets it for a service")?;
            of_file(&folder.join(name), false)? // systemd sees to modes and owners itself
        }
    };
    // An editor ends a file with a line break; a key in PEM has more of them inside.
    let text = text.trim_end_matches(['\n', '\r']);
    if text.is_empty() {
        return Err("it is empty".into());
    }
    if text.len() > SECRET_BYTES_MAX {
        return Err(format!("it has more than {SECRET_BYTES_MAX} bytes"));
    }
    Ok(Secret::new(text))
}

fn of_file(path: &Path, is_checked: bool) -> Result<String, String> {
    let words = |e: std::io::Error| e.to_string();
    // Looked at before it is opened: opening a pipe would wait for its writer.
    if !path.metadata().map_err(words)?.is_file() {
        return Err("it is no file".into());
    }
    let file = File::open(path).map_err(words)?;
    let meta = file.metadata().map_err(words)?; // of what was opened, not of what stands there now
    if is_checked {
        check(path, meta.mode(), meta.uid(), own_uid())?;
    }
    let mut text = String::new();
    let most = SECRET_BYTES_MAX as u64 + 3; // with room for a line break
    file.take(most).read_to_string(&mut text).map_err(|e| match e.kind() {
        std::io::ErrorKind::InvalidData => "it is no text".to_string(),
        _ => words(e),
    })?;
    Ok(text)
}

/// A secret's file belongs to its user and to nobody else.
fn check(path: &Path, mode: u32, owner: u32, user: Option<u32>) -> Result<(), String> {
    let shown = path.display();
    if user.is_some_and(|user| user != owner) {
        return Err(format!("it belongs to another user; do: chown \"$USER\" '{shown}'"));
    }
    if mode & OTHERS != 0 {
        let mode = mode & 0o7777;
        return Err(format!("others may read or change it (mode {mode:04o}); do: chmod 600 '{shown}'"));
    }
    Ok(())
}

/// The user this process acts for, where the system tells.
fn own_uid() -> Option<u32> {
    std::fs::metadata("/proc/self").ok().map(|meta| meta.uid())
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn file(name: &str, text: &[u8], mode: u32) -> PathBuf {
        let path = std::env::temp_dir().join(format!("faultline-{}-{name}", std::process::id()));
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        path
    }

    fn of(path: &Path) -> Result<Secret, String> {
        let read = read(&Source::File(path.display().to_string()));
        std::fs::remove_file(path).unwrap();
        read
    }

    /// Fault: a key that everyone on the machine can read is taken without a word.
    #[test]
    fn a_file_that_others_may_read_is_refused_with_what_to_do() {
        for mode in [0o644, 0o640, 0o660, 0o604, 0o666] {
            let path = file("open", b"hunter2", mode);
            let error = of(&path).unwrap_err();
            assert!(error.contains(&format!("chmod 600 '{}'", path.display())), "{error}");
            assert!(!error.contains("hunter2"));
        }
        for mode in [0o600, 0o400] {
            assert_eq!(of(&file("shut", b"hunter2\n", mode)).unwrap().expose(), "hunter2");
        }
        assert!(check(Path::new("/k"), 0o600, 0, Some(1_000)).unwrap_err().contains("chown"));
        assert_eq!(check(Path::new("/k"), 0o600, 1_000, Some(1_000)), Ok(()));
        assert_eq!(own_uid(), Some(std::fs::metadata("/proc/self").unwrap().uid()));
    }

    #[test]
    fn what_cannot_be_a_secret_is_refused() {
        assert!(of(&file("empty", b"\n", 0o600)).unwrap_err().contains("empty"));
        assert!(of(&file("bytes", b"\xff\xfe", 0o600)).unwrap_err().contains("no text"));
        let large = vec![b'x'; SECRET_BYTES_MAX + 1];
        assert!(of(&file("large", &large, 0o600)).unwrap_err().contains("more than"));
        let pem = b"-----BEGIN KEY-----\nAA\n-----END KEY-----\n";
        assert_eq!(of(&file("pem", pem, 0o600)).unwrap().expose().lines().count(), 3);
        let folder = read(&Source::File("/".into()));
        assert!(folder.unwrap_err().contains("no file"));
        assert!(read(&Source::Env("FAULTLINE_NOT_SET".into())).unwrap_err().contains("not set"));
        assert!(read(&Source::Credential("none".into())).is_err());
    }

    #[test]
    fn an_account_brings_what_its_venue_needs() {
        let path = file("part", b"k", 0o600);
        let source = Some(Source::File(path.display().to_string()));
        let mut account = AccountSpec { name: "desk".into(), venue: "v".into(), ..AccountSpec::default() };
        assert!(keys(&account, Needs::Address).unwrap().is_none());
        assert_eq!(keys(&account, Needs::Key).unwrap_err(), "account `desk` at v: no key");
        (account.key, account.secret) = (source.clone(), source);
        assert!(keys(&account, Needs::Key).unwrap().is_some_and(|k| k.passphrase.is_none()));
        assert!(keys(&account, Needs::KeyAndPassphrase).unwrap_err().contains("no passphrase"));
        std::fs::remove_file(path).unwrap();
    }
}
