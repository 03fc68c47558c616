//! Own accounts as their venues state them.

use crate::model::Nanos;
use crate::model::event::Event;

/// An account of one venue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Index of its venue within the engine.
    pub venue: u16,
    /// The operator's name for it.
    pub name: String,
}

/// All own accounts.
#[derive(Debug, Default)]
pub struct Ledger {
    /// In order of first sight.
    pub accounts: Vec<Account>,
}

impl Ledger {
    /// Index of an account; a new one is entered.
    pub fn account(&mut self, venue: u16, name: &str) -> u16 {
        let known = self.accounts.iter().position(|a| a.venue == venue && a.name == name);
        let at = known.unwrap_or_else(|| {
            self.accounts.push(Account { venue, name: name.to_string() });
            self.accounts.len() - 1
        });
        u16::try_from(at).unwrap_or(u16::MAX)
    }

    /// Takes one event of an account.
    pub fn own(&mut self, _account: u16, _at: Nanos, _event: &Event<'_>) {}
}
