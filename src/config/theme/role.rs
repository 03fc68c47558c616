//! The fixed list of roles that a theme may style.

/// Declares the enum, its names and its list from one table.
macro_rules! roles {
    ($($variant:ident $name:literal $doc:literal,)*) => {
        /// What a piece of the screen means.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Role {
            $(#[doc = $doc] $variant,)*
        }

        impl Role {
            /// Every role, in the order of the theme page.
            pub const ALL: &[Role] = &[$(Role::$variant,)*];

            /// Name in theme files.
            pub const fn name(self) -> &'static str {
                match self { $(Role::$variant => $name,)* }
            }

            /// What it is for, one line.
            pub const fn about(self) -> &'static str {
                match self { $(Role::$variant => $doc,)* }
            }
        }
    };
}

roles! {
    Text "text" "Plain text.",
    TextDim "text.dim" "Labels and units.",
    TextStrong "text.strong" "Figures that matter most.",
    Surface "surface" "Background of everything.",
    Border "border" "Lines and frames.",
    BorderFocus "border.focus" "Frame of the pane that has the keys.",
    Title "title" "Titles of panes.",
    Header "header" "First line.",
    Tab "tab" "Names of screens.",
    TabActive "tab.active" "Name of the screen that shows.",
    TableHead "table.head" "Heads of columns.",
    Selection "selection" "The cell or row under the cursor.",
    ModeLive "mode.live" "The word LIVE.",
    ModeReplay "mode.replay" "The word REPLAY.",
    ModeDemo "mode.demo" "The word DEMO.",
    ModeSandbox "mode.sandbox" "The word SANDBOX.",
    ModeFrozen "mode.frozen" "The word FROZEN.",
    ModeOffline "mode.offline" "The word OFFLINE.",
    SevCrit "sev.crit" "Critical alerts.",
    SevWarn "sev.warn" "Warnings.",
    SevInfo "sev.info" "Infos.",
    SevResolved "sev.resolved" "Alerts that are over.",
    StateOk "state.ok" "Feeds and books that work.",
    StateStale "state.stale" "The last value of something that stopped.",
    StateStaleOld "state.stale.old" "The same after a minute.",
    StateGap "state.gap" "A sequence hole is being mended.",
    StateReconnecting "state.reconnecting" "A connection is being opened.",
    StateDown "state.down" "No connection.",
    StateHalted "state.halted" "Halted by the venue.",
    StateMuted "state.muted" "Muted alerts.",
    StateMissing "state.missing" "No value, or not listed.",
    QualityDegraded "quality.degraded" "Some input is old or missing.",
    QualityEstimated "quality.estimated" "From a model.",
    Bid "bid" "Bids.",
    Ask "ask" "Asks.",
    Spark "spark" "Lines and bars of series.",
    Key "key" "Keys in the footer and in help.",
    KeyText "key.text" "What the keys do.",
    Prompt "prompt" "The line that takes input.",
    PromptError "prompt.error" "Why input was refused.",
    Notice "notice" "Answers and notices.",
    RecFailed "rec.failed" "The words NOT RECORDING.",
    TimelineMark "timeline.at" "Where the replay stands.",
}

impl Role {
    /// The role with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Role::ALL.iter().copied().find(|r| r.name() == name)
    }

    /// The role that this one looks like when a theme does not set it.
    pub fn parent(self) -> Option<Self> {
        match self.name().rsplit_once('.').map(|(head, _)| Role::from_name(head)) {
            Some(Some(parent)) => Some(parent),
            _ if self == Role::Text || self == Role::Surface => None,
            _ => Some(Role::Text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parents_lead_to_text() {
        for role in Role::ALL {
            let mut at = *role;
            let mut steps = 0;
            while let Some(parent) = at.parent() {
                at = parent;
                steps += 1;
                assert!(steps < 5, "{} walks in a circle", role.name());
            }
            assert!(at == Role::Text || at == Role::Surface);
        }
        assert_eq!(Role::BorderFocus.parent(), Some(Role::Border));
        assert_eq!(Role::StateStaleOld.parent(), Some(Role::StateStale));
    }
}
