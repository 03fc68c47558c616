//! The project's own text, split into code and the rest.

use std::path::{Path, PathBuf};

/// A Rust file of the project. Lines keep their numbers in every form of the text.
pub(crate) struct File {
    /// Path from the root of the repository, with `/`.
    pub(crate) path: String,
    /// As written.
    pub(crate) text: String,
    /// Without comments and test code.
    pub(crate) code: String,
    /// Like `code`, with string literals blanked as well.
    pub(crate) bare: String,
}

impl File {
    /// Module path below the crate: `src/tape/reader/mod.rs` is `["tape", "reader"]`.
    pub(crate) fn module(&self) -> Vec<&str> {
        let inner = self.path.trim_start_matches("src/").trim_end_matches(".rs").trim_end_matches("/mod");
        inner.split('/').filter(|part| !matches!(*part, "lib" | "main")).collect()
    }

    /// Lines of a form of the text that hold `needle`, as `path:line`.
    pub(crate) fn lines_with<'a>(
        &'a self,
        form: &'a str,
        needle: &'a str,
    ) -> impl Iterator<Item = (String, &'a str)> {
        let hits = form.lines().enumerate().filter(move |(_, line)| line.contains(needle));
        hits.map(|(at, line)| (format!("{}:{}", self.path, at + 1), line))
    }
}

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A file of the repository.
pub(crate) fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// Names in a folder of the repository that end with `end`, sorted.
pub(crate) fn names(folder: &str, end: &str) -> Vec<String> {
    let entries = std::fs::read_dir(root().join(folder)).unwrap_or_else(|e| panic!("{folder}: {e}"));
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| name.ends_with(end))
        .collect();
    names.sort();
    names
}

/// Every Rust file below a folder, by path.
pub(crate) fn rust_files(folder: &str) -> Vec<File> {
    let mut paths = Vec::new();
    collect(&root().join(folder), &mut paths);
    paths.sort();
    paths
        .into_iter()
        .map(|path| {
            let text = std::fs::read_to_string(&path).unwrap();
            let path = path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/");
            let is_test_file = path.ends_with("/tests.rs") || !path.starts_with("src/");
            let (mut code, mut bare) = blank(&text);
            if path.ends_with("/tests.rs") {
                (code, bare) = (String::new(), String::new());
            } else if !is_test_file {
                drop_tests(&mut code, &mut bare);
            }
            File { path, text, code, bare }
        })
        .collect()
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, paths);
        } else if path.extension().is_some_and(|end| end == "rs") {
            paths.push(path);
        }
    }
}

/// The text without comments, and the text without comments and the insides of literals.
fn blank(text: &str) -> (String, String) {
    let bytes = text.as_bytes();
    let (mut code, mut bare) = (bytes.to_vec(), bytes.to_vec());
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let (len, is_comment) = if rest.starts_with(b"//") {
            (rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len()), true)
        } else if rest.starts_with(b"/*") {
            (find(rest, b"*/").map_or(rest.len(), |end| end + 2), true)
        } else if let Some(len) = literal(rest) {
            (len, false)
        } else {
            at += 1;
            continue;
        };
        wipe(&mut bare[at..at + len]);
        if is_comment {
            wipe(&mut code[at..at + len]);
        }
        at += len;
    }
    (String::from_utf8(code).unwrap(), String::from_utf8(bare).unwrap())
}

/// Length of the string or character literal at the start, if there is one.
fn literal(rest: &[u8]) -> Option<usize> {
    match rest {
        [b'"', ..] => {
            let mut at = 1;
            while let Some(byte) = rest.get(at) {
                match byte {
                    b'\\' => at += 2,
                    b'"' => return Some(at + 1),
                    _ => at += 1,
                }
            }
            Some(rest.len())
        }
        [b'r', next @ ..] if matches!(next.first(), Some(b'"' | b'#')) => {
            let hashes = next.iter().take_while(|b| **b == b'#').count();
            (next.get(hashes) == Some(&b'"')).then_some(())?;
            let end: Vec<u8> = std::iter::once(b'"').chain(std::iter::repeat_n(b'#', hashes)).collect();
            let body = hashes + 2;
            Some(find(&rest[body..], &end).map_or(rest.len(), |at| body + at + end.len()))
        }
        [b'\'', b'\\', _, ..] => rest.iter().skip(3).position(|b| *b == b'\'').map(|at| at + 4),
        [b'\'', _, b'\'', ..] => Some(3), // anything else is a lifetime
        _ => None,
    }
}

fn find(text: &[u8], needle: &[u8]) -> Option<usize> {
    text.windows(needle.len()).position(|window| window == needle)
}

fn wipe(bytes: &mut [u8]) {
    bytes.iter_mut().filter(|b| **b != b'\n').for_each(|b| *b = b' ');
}

/// Blanks every item behind `#[cfg(test)]`.
fn drop_tests(code: &mut String, bare: &mut String) {
    const MARK: &str = "#[cfg(test)]";
    while let Some(from) = bare.find(MARK) {
        let len = item(&bare.as_bytes()[from + MARK.len()..]);
        for text in [&mut *code, &mut *bare] {
            let mut bytes = std::mem::take(text).into_bytes();
            wipe(&mut bytes[from..from + MARK.len() + len]);
            *text = String::from_utf8(bytes).unwrap();
        }
    }
}

/// Length of the item at the start: up to its semicolon or closing brace.
fn item(text: &[u8]) -> usize {
    let mut depth = 0usize;
    for (at, byte) in text.iter().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 1 => return at + 1,
            b'}' => depth -= 1,
            b';' if depth == 0 => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[test]
fn comments_strings_and_tests_are_told_from_code() {
    let text = "a // b\n\"c // d\" 'e' r#\"f\"#\n#[cfg(test)]\nmod t { fn g() { \"}\" } }\nh<'a>";
    let (mut code, mut bare) = blank(text);
    drop_tests(&mut code, &mut bare);
    let words = |t: &str| t.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(words(&code), "a \"c // d\" 'e' r#\"f\"# h<'a>");
    assert_eq!(words(&bare), "a h<'a>");
    assert_eq!(bare.lines().count(), text.lines().count());
}
