//! How many colours the terminal shows, and how that is known. Asking the terminal is not done here.

/// Colour depth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Depth {
    /// No colour at all; attributes stay.
    Mono,
    /// The 16 colours of the user.
    Ansi16,
    /// The xterm table.
    Ansi256,
    /// 24 bits.
    True,
}

impl Depth {
    /// Word for the legend and for `--color`.
    pub const fn word(self) -> &'static str {
        match self {
            Depth::Mono => "mono",
            Depth::Ansi16 => "16",
            Depth::Ansi256 => "256",
            Depth::True => "true",
        }
    }

    /// The depth with this name.
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "true" | "truecolor" | "24bit" => Some(Depth::True),
            "256" => Some(Depth::Ansi256),
            "16" => Some(Depth::Ansi16),
            "mono" | "never" => Some(Depth::Mono),
            _ => None,
        }
    }
}

/// A decision and what led to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// The depth.
    pub depth: Depth,
    /// Why: `TERM is xterm-256color`.
    pub why: String,
}

/// What is known before the environment is looked at.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wishes<'a> {
    /// `--color`.
    pub flag: Option<&'a str>,
    /// `color` of the configuration.
    pub config: Option<&'a str>,
    /// What the terminal itself says about 24 bits; `None` when it was not asked or did not answer.
    pub is_true: Option<bool>,
}

/// The depth to draw with. `flag` is `--color`, `env` reads a variable of the environment.
pub fn detect(flag: Option<&str>, env: impl Fn(&str) -> Option<String>) -> Depth {
    decide(Wishes { flag, ..Wishes::default() }, env).depth
}

/// The depth to draw with, and why.
///
/// Order: flag, `FAULTLINE_COLOR`, `NO_COLOR` and its like, configuration, the terminal's own answer,
/// `COLORTERM`, `TERM`. `always` skips what only forbids colour. Inside tmux or screen 24 bits are not
/// assumed: `COLORTERM` is inherited there from the outer terminal and says nothing about the inner one.
pub fn decide(wishes: Wishes<'_>, env: impl Fn(&str) -> Option<String>) -> Decided {
    let read = |name: &str| env(name).filter(|v| !v.is_empty());
    let wish = |word: &str, from: &str| -> Option<Decided> {
        let why = format!("{from} is {word}");
        if word == "always" {
            let found = from_terminal(wishes.is_true, &read);
            return Some(Decided {
                depth: found.depth.max(Depth::Ansi16),
                why: format!("{why}, {}", found.why),
            });
        }
        Depth::from_word(word).map(|depth| Decided { depth, why })
    };
    let set = read("FAULTLINE_COLOR");
    let first = wishes.flag.and_then(|word| wish(word, "--color"));
    if let Some(found) = first.or_else(|| set.and_then(|word| wish(&word, "FAULTLINE_COLOR"))) {
        return found;
    }
    let forbids =
        [("NO_COLOR", read("NO_COLOR").is_some()), ("CLICOLOR", read("CLICOLOR").is_some_and(|v| v == "0"))];
    if let Some((name, _)) = forbids.iter().find(|(_, is_set)| *is_set) {
        return Decided { depth: Depth::Mono, why: format!("{name} forbids colour") };
    }
    wishes
        .config
        .and_then(|word| wish(word, "color of the configuration"))
        .unwrap_or_else(|| from_terminal(wishes.is_true, &read))
}

fn from_terminal(is_true: Option<bool>, read: &impl Fn(&str) -> Option<String>) -> Decided {
    let term = read("TERM").unwrap_or_default();
    let is_inside = read("TMUX").is_some() || term.starts_with("tmux") || term.starts_with("screen");
    let colorterm = read("COLORTERM").filter(|v| v == "truecolor" || v == "24bit");
    let name = if term.is_empty() { "TERM is not set".to_string() } else { format!("TERM is {term}") };
    let (depth, why) = match (term.as_str(), colorterm) {
        ("dumb", _) => (Depth::Mono, name),
        _ if is_true == Some(true) => (Depth::True, "the terminal says it has 24 bits".into()),
        _ if is_inside => (Depth::Ansi256, format!("{name}, and a multiplexer does not say it has 24 bits")),
        (_, Some(word)) => (Depth::True, format!("COLORTERM is {word}")),
        (t, _) if t.ends_with("-direct") => (Depth::True, name),
        ("xterm", _) => (Depth::Ansi256, name),
        (t, _) if t.contains("256color") => (Depth::Ansi256, name),
        _ => (Depth::Ansi16, name),
    };
    Decided { depth, why }
}

/// False when the locale names a character set that has no box drawing. No locale at all says nothing.
pub fn is_unicode(env: impl Fn(&str) -> Option<String>) -> bool {
    let set = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(|name| env(name).filter(|v| !v.is_empty()));
    set.is_none_or(|v| v.to_ascii_lowercase().replace('-', "").contains("utf8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn depth(flag: Option<&str>, vars: &[(&str, &str)]) -> Depth {
        detect(flag, |name| vars.iter().find(|(n, _)| *n == name).map(|(_, v)| v.to_string()))
    }

    #[test]
    fn the_order_is_flag_then_wishes_then_terminal() {
        let rich = [("COLORTERM", "truecolor"), ("TERM", "xterm-256color")];
        assert_eq!(depth(None, &rich), Depth::True);
        assert_eq!(depth(Some("16"), &rich), Depth::Ansi16);
        assert_eq!(depth(Some("auto"), &rich), Depth::True);
        assert_eq!(depth(None, &[("FAULTLINE_COLOR", "256"), ("NO_COLOR", "1")]), Depth::Ansi256);
        assert_eq!(depth(None, &[("NO_COLOR", "1"), ("COLORTERM", "truecolor")]), Depth::Mono);
        assert_eq!(depth(None, &[("NO_COLOR", ""), ("TERM", "xterm-256color")]), Depth::Ansi256);
        assert_eq!(depth(Some("always"), &[("NO_COLOR", "1"), ("TERM", "vt100")]), Depth::Ansi16);
        assert_eq!(depth(None, &[("CLICOLOR", "0"), ("TERM", "xterm")]), Depth::Mono);
    }

    #[test]
    fn what_the_terminal_says_stands_between_wishes_and_names() {
        let with = |config, is_true, vars: &[(&str, &str)]| {
            let wishes = Wishes { flag: None, config, is_true };
            decide(wishes, |name| vars.iter().find(|(n, _)| *n == name).map(|(_, v)| v.to_string()))
        };
        let tmux = [("TERM", "tmux-256color"), ("TMUX", "/tmp/x"), ("COLORTERM", "truecolor")];
        assert_eq!(with(None, None, &tmux).depth, Depth::Ansi256);
        assert_eq!(with(None, Some(true), &tmux).depth, Depth::True);
        assert_eq!(with(Some("16"), Some(true), &tmux).depth, Depth::Ansi16);
        assert_eq!(with(Some("auto"), Some(true), &[("TERM", "vt220")]).depth, Depth::True);
        assert_eq!(with(Some("true"), Some(true), &[("NO_COLOR", "1")]).depth, Depth::Mono);
        assert_eq!(with(None, Some(true), &[("TERM", "dumb")]).depth, Depth::Mono);
        assert_eq!(with(None, None, &[("TERM", "xterm")]).why, "TERM is xterm");
        assert_eq!(with(None, None, &[("CLICOLOR", "0")]).why, "CLICOLOR forbids colour");
    }

    #[test]
    fn a_locale_without_unicode_asks_for_ascii() {
        let unicode = |vars: &[(&str, &str)]| {
            is_unicode(|name| vars.iter().find(|(n, _)| *n == name).map(|(_, v)| v.to_string()))
        };
        assert!(unicode(&[]) && unicode(&[("LANG", "de_DE.UTF-8")]) && unicode(&[("LANG", "C.utf8")]));
        assert!(
            !unicode(&[("LANG", "C")]) && !unicode(&[("LC_ALL", "de_DE.ISO-8859-1"), ("LANG", "C.UTF-8")])
        );
    }

    #[test]
    fn a_bare_terminal_is_not_trusted_with_more_than_it_names() {
        for (vars, expected) in [
            (&[("TERM", "xterm")][..], Depth::Ansi256),
            (&[("TERM", "xterm-direct")][..], Depth::True),
            (&[("TERM", "linux")][..], Depth::Ansi16),
            (&[("TERM", "dumb")][..], Depth::Mono),
            (&[("TERM", "tmux-256color"), ("COLORTERM", "truecolor")][..], Depth::Ansi256),
            (&[][..], Depth::Ansi16),
        ] {
            assert_eq!(depth(None, vars), expected, "{vars:?}");
        }
    }
}
