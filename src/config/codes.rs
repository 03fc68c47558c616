//! Codes of errors in configuration files, with the long text of each.

/// A code.
#[derive(Clone, Copy, Debug)]
pub struct Code {
    /// Its number: 1007 is `FL-1007`.
    pub number: u16,
    /// What happened, one line.
    pub title: &'static str,
    /// Why it usually happens and what to do.
    pub text: &'static str,
}

/// A value that is not what it should be, without a code of its own.
pub const VALUE: u16 = 1000;
/// The text is no TOML.
pub const SYNTAX: u16 = 1001;
/// A value of another kind.
pub const KIND: u16 = 1003;
/// A key that must be there is not.
pub const MISSING: u16 = 1004;
/// A key that does not exist.
pub const KEY: u16 = 1007;
/// A name that does not exist.
pub const NAME: u16 = 1008;

/// Every code, by number.
pub static CODES: &[Code] = &[
    Code {
        number: VALUE,
        title: "a value cannot be used",
        text: "The key is right and its value is of the right kind, but the value itself cannot be: a limit below \
               zero, a time without a unit, a venue in two files. The line under the message shows the place. \
               Nothing was changed: a running faultline keeps the configuration it had.",
    },
    Code {
        number: SYNTAX,
        title: "the file is no TOML",
        text: "A quote or bracket is open, a key stands twice, or a text has no quotes. Texts stand in quotes \
               (theme = \"mono\"), numbers and true or false do not. The mark shows where reading stopped; the \
               mistake is there or just before. https://toml.io has the whole language on one page.",
    },
    Code {
        number: KIND,
        title: "a value is of another kind",
        text: "A text where a number must stand, or one word where a list must stand. Limits of alert rules are \
               texts with their unit: raise = \"15bps\". Lists stand in brackets: underlyings = [\"BTC\"].",
    },
    Code {
        number: MISSING,
        title: "a key is missing",
        text: "The table needs a key that is not there. `faultline schema rule` and `faultline config schema` say \
               which keys there are; files in the program itself (`faultline theme show NAME`) are examples.",
    },
    Code {
        number: KEY,
        title: "a key does not exist",
        text: "Keys are checked because a misspelt key would be ignored in silence, and a limit that is ignored \
               raises no alert. The help line names the nearest key. A key may also stand in the wrong table: in \
               TOML all lines below [record] belong to it up to the next bracket.",
    },
    Code {
        number: NAME,
        title: "a name does not exist",
        text: "A theme, role, colour, colour map, profile or venue of this name is not there. Lists: `faultline \
               theme ls`, `faultline theme roles`, `faultline venues ls`. Own themes are read from the folder that \
               `faultline config path` names.",
    },
];

/// The code in a text: `FL-1007`, `fl-1007`, `1007`.
pub fn find(text: &str) -> Option<&'static Code> {
    let digits = text
        .get(..3)
        .filter(|head| head.eq_ignore_ascii_case("FL-"))
        .and_then(|_| text.get(3..))
        .unwrap_or(text);
    let number: u16 = digits.parse().ok()?;
    CODES.iter().find(|c| c.number == number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_rise_and_say_something() {
        assert!(CODES.windows(2).all(|w| w[0].number < w[1].number));
        assert!(CODES.iter().all(|c| c.text.len() > 100 && !c.title.is_empty()));
        assert_eq!(find("FL-1007").map(|c| c.number), find("1007").map(|c| c.number));
        assert!(find("FL-9").is_none() && find("mid_gap_bps").is_none() && find("é7").is_none());
    }
}
