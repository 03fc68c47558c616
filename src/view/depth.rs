//! How many colours the terminal shows: flag, then environment. Nothing is asked of the terminal.

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

/// The depth to draw with. `flag` is `--color`, `env` reads a variable of the environment.
///
/// Order: flag, `FAULTLINE_COLOR`, `NO_COLOR` and its like, `COLORTERM`, `TERM`. `always` skips what
/// only forbids colour. Inside tmux or screen 24 bits are not assumed: `COLORTERM` is inherited there
/// from the outer terminal and says nothing about the inner one.
pub fn detect(flag: Option<&str>, env: impl Fn(&str) -> Option<String>) -> Depth {
    let read = |name: &str| env(name).filter(|v| !v.is_empty());
    for word in [flag.map(str::to_string), read("FAULTLINE_COLOR")].into_iter().flatten() {
        if let Some(depth) = Depth::from_word(&word) {
            return depth;
        }
        if word == "always" {
            return from_terminal(&read).max(Depth::Ansi16);
        }
    }
    if read("NO_COLOR").is_some() || read("CLICOLOR").is_some_and(|v| v == "0") {
        return Depth::Mono;
    }
    from_terminal(&read)
}

fn from_terminal(read: &impl Fn(&str) -> Option<String>) -> Depth {
    let term = read("TERM").unwrap_or_default();
    let is_inside = read("TMUX").is_some() || term.starts_with("tmux") || term.starts_with("screen");
    let is_true = read("COLORTERM").is_some_and(|v| v == "truecolor" || v == "24bit");
    match term.as_str() {
        "dumb" => Depth::Mono,
        _ if is_inside => Depth::Ansi256,
        _ if is_true || term.ends_with("-direct") => Depth::True,
        "xterm" => Depth::Ansi256,
        t if t.contains("256color") => Depth::Ansi256,
        _ => Depth::Ansi16,
    }
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
