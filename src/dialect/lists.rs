//! Own holdings that a venue tells in several lists, such as one per category or settlement currency.
//!
//! [`Body::Whole`](crate::model::event::Body::Whole) speaks of an account, a list speaks of its part.
//! Here stands what every list last told, so that all of it can be said once each was heard.

use std::collections::BTreeMap;

/// Rows kept of one account and kind.
pub const ROWS_MAX: usize = 4_096;

/// Rows by key, each of one list.
#[derive(Debug)]
pub struct Lists<K, V> {
    rows: BTreeMap<K, (u8, V)>,
    /// One bit per list that was not heard yet.
    unheard: u8,
    /// A row did not fit: these are not all.
    is_partial: bool,
}

impl<K: Ord, V> Lists<K, V> {
    /// Nothing heard yet of so many lists, eight at most.
    pub fn of(count: u8) -> Self {
        let unheard = u8::MAX.checked_shr(8 - u32::from(count.min(8))).unwrap_or(0);
        Lists { rows: BTreeMap::new(), unheard, is_partial: false }
    }

    /// A list is told anew: what it told before is forgotten.
    pub fn begin(&mut self, list: u8) {
        self.rows.retain(|_, (of, _)| *of != list);
    }

    /// A list was told to its end. True when all of them were, and none was too long.
    pub fn end(&mut self, list: u8) -> bool {
        self.unheard &= !1u8.checked_shl(u32::from(list)).unwrap_or(0);
        self.unheard == 0 && !self.is_partial
    }

    /// Takes a row; a full table takes no new ones.
    pub fn put(&mut self, list: u8, key: K, value: V) {
        if self.rows.len() < ROWS_MAX || self.rows.contains_key(&key) {
            self.rows.insert(key, (list, value));
        } else {
            self.is_partial = true;
        }
    }

    /// Forgets a row.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        self.rows.remove(key).map(|(_, value)| value)
    }

    /// A row.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.rows.get(key).map(|(_, value)| value)
    }

    /// All rows in order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.rows.iter().map(|(key, (_, value))| (key, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_is_said_only_once_every_list_was_heard() {
        let mut lists: Lists<&str, u8> = Lists::of(2);
        lists.put(0, "a", 1);
        assert!(!lists.end(0), "the other list may hold more");
        lists.put(1, "b", 2);
        assert!(lists.end(1));
        lists.begin(0);
        assert_eq!(lists.iter().map(|(k, _)| *k).collect::<Vec<_>>(), ["b"], "the other list stands");
        assert!(lists.end(0));
        assert!(Lists::<u8, u8>::of(8).unheard == u8::MAX && Lists::<u8, u8>::of(1).end(0));
    }

    #[test]
    fn what_does_not_fit_is_never_called_all() {
        let mut lists: Lists<usize, ()> = Lists::of(1);
        (0..ROWS_MAX).for_each(|key| lists.put(0, key, ()));
        assert!(lists.end(0));
        lists.put(0, ROWS_MAX, ());
        assert!(!lists.end(0) && lists.get(&ROWS_MAX).is_none());
    }
}
