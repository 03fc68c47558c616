//! Single messages of the real venues, pretty-printed, some of them cut out of their envelopes.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::collect::{Transcript, VENUES, account_decoder, corpus, decoder, feed, files, venue};

/// What `messages/<folder>.toml` says of one file of the corpus.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    /// Path below the folder, without `.json`.
    file: String,
    /// Venue whose decoder reads it, where it is not that of the list.
    #[serde(default)]
    venue: String,
    /// Address of the request it answers; a websocket message has none.
    #[serde(default)]
    url: String,
    /// It belongs to an own account.
    #[serde(default)]
    own: bool,
    /// Text around the file's content, which stands for `%`.
    #[serde(default)]
    wrap: String,
    /// Kinds of the lines it gives, or their starts: each of them, and no others.
    #[serde(default)]
    gives: Vec<String>,
    /// Instead: why it is not for us.
    #[serde(default)]
    skip: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    /// Venue whose decoder reads the files.
    venue: String,
    message: Vec<Row>,
}

fn lists() -> Vec<(String, List)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance/messages");
    let read = |path: PathBuf| {
        let name = path.file_stem().unwrap().to_str().unwrap().to_string();
        let list = toml::from_str(&std::fs::read_to_string(&path).unwrap());
        (name, list.unwrap_or_else(|e| panic!("{}: {e}", path.display())))
    };
    files(&folder).into_iter().map(read).collect()
}

/// One line of JSON from a pretty-printed document.
fn one_line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}

/// Every file of the corpus is read as its list says.
#[test]
fn messages_give_what_their_list_says() {
    let Some(corpus) = corpus("messages_give_what_their_list_says") else { return };
    let mut wrong = Vec::new();
    for (folder, list) in lists() {
        let mut read = 0;
        for row in &list.message {
            assert!(row.skip.is_empty() != row.gives.is_empty(), "{folder}/{}: gives or skip", row.file);
            let path = corpus.join(format!("messages/{folder}/{}.json", row.file));
            let text = one_line(
                &std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{folder}/{}: {e}", row.file)),
            );
            if row.gives.is_empty() {
                continue;
            }
            let text = if row.wrap.is_empty() { text } else { row.wrap.replacen('%', &text, 1) };
            let id = if row.venue.is_empty() { &list.venue } else { &row.venue };
            let spec = venue(id);
            let mut decoder = if row.own { account_decoder(&spec).unwrap() } else { decoder(&spec) };
            let mut transcript = Transcript::new(id);
            let line = if row.url.is_empty() { text } else { format!("1\t{}\t{text}", row.url) };
            feed(decoder.as_mut(), line.as_bytes(), &mut transcript);
            read += 1;
            let lines: Vec<&str> = transcript.text.lines().collect();
            let starts = |line: &str, kind: &str| {
                line.starts_with(&format!("{{\"type\":\"{kind}\"")) || line.starts_with(kind)
            };
            let is_named = |line: &&str| row.gives.iter().any(|kind| starts(line, kind));
            let is_given = |kind: &String| lines.iter().any(|line| starts(line, kind));
            let fits = lines.iter().all(is_named) && row.gives.iter().all(is_given);
            if !fits {
                wrong.push(format!("{folder}/{}: {:?} gave\n{}", row.file, row.gives, transcript.text));
            }
        }
        println!("{folder}: {read} messages read, {} named with a reason", list.message.len() - read);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// No file of the corpus is left out in silence.
#[test]
fn every_message_of_the_corpus_is_listed() {
    let Some(corpus) = corpus("every_message_of_the_corpus_is_listed") else { return };
    let mut missing = Vec::new();
    let lists = lists();
    for folder in files(&corpus.join("messages")) {
        let name = folder.file_name().unwrap().to_str().unwrap();
        assert!(lists.iter().any(|(listed, _)| listed == name), "no list for {name}");
    }
    for (folder, list) in lists {
        let root = corpus.join("messages").join(&folder);
        let mut below = vec![root.clone()];
        while let Some(path) = below.pop() {
            if path.is_dir() {
                below.extend(files(&path));
                continue;
            }
            let name = path.strip_prefix(&root).unwrap().with_extension("");
            if !list.message.iter().any(|row| Path::new(&row.file) == name) {
                missing.push(format!("{folder}/{}", name.display()));
            }
        }
    }
    assert!(missing.is_empty(), "not in tests/conformance/messages: {}", missing.join(", "));
}

/// Control, private and unused messages are known; what no socket ever sends is an error, not a panic.
#[test]
fn every_message_of_the_corpus_is_survived() {
    let Some(corpus) = corpus("every_message_of_the_corpus_is_survived") else { return };
    let urls = [
        "https://h/v5/market/instruments-info",
        "https://h/v5/market/tickers",
        "https://h/api/v5/market/books",
        "https://h/api/v5/public/instruments",
        "https://h/api/v5/public/open-interest",
        "https://h/info",
    ];
    for folder in files(&corpus.join("messages")) {
        for file in files(&folder).into_iter().filter(|file| file.is_file()) {
            let text = std::fs::read_to_string(&file).unwrap();
            let flat = one_line(&text);
            for id in VENUES.iter() {
                let mut decoder = decoder(&venue(id));
                let mut transcript = Transcript::new(id);
                feed(decoder.as_mut(), flat.as_bytes(), &mut transcript);
                for url in urls {
                    feed(decoder.as_mut(), format!("1\t{url}\t{flat}").as_bytes(), &mut transcript);
                }
            }
        }
    }
}
