//! Embeddings of the recent pictures and sounds, so that a changed sound gives a new map at once.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::Arc;

/// A bounded store: over the cap the least recently used goes.
pub(crate) struct Recent<K, V> {
    held: HashMap<K, (Arc<V>, usize)>,
    order: VecDeque<K>,
    bytes: usize,
    cap: usize,
}

impl<K: Eq + Hash + Clone, V> Recent<K, V> {
    /// Holds at most `cap` bytes (at least one entry).
    pub(crate) fn new(cap: usize) -> Self {
        Self { held: HashMap::new(), order: VecDeque::new(), bytes: 0, cap }
    }

    /// The entry, which becomes the most recent.
    pub(crate) fn get(&mut self, key: &K) -> Option<Arc<V>> {
        let value = self.held.get(key)?.0.clone();
        // The entry asked for is usually among the last few: search from the end.
        if let Some(at) = self.order.iter().rposition(|k| k == key)
            && let Some(k) = self.order.remove(at)
        {
            self.order.push_back(k);
        }
        Some(value)
    }

    pub(crate) fn insert(&mut self, key: K, value: Arc<V>, bytes: usize) {
        if let Some((_, old)) = self.held.insert(key.clone(), (value, bytes)) {
            self.bytes -= old;
            self.order.retain(|k| *k != key);
        }
        self.order.push_back(key);
        self.bytes += bytes;
        while self.bytes > self.cap && self.order.len() > 1 {
            let Some(oldest) = self.order.pop_front() else { break };
            if let Some((_, b)) = self.held.remove(&oldest) {
                self.bytes -= b;
            }
        }
    }

    pub(crate) fn clear(&mut self) {
        self.held.clear();
        self.order.clear();
        self.bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_goes_first_and_one_entry_always_stays() {
        let mut r = Recent::new(100);
        for k in 0..4 {
            r.insert(k, Arc::new(k), 30);
        }
        assert!(r.get(&0).is_none());
        assert!(r.get(&1).is_some());
        r.insert(9, Arc::new(9), 30);
        assert!(r.get(&1).is_some() && r.get(&2).is_none());
        r.insert(10, Arc::new(10), 500);
        assert_eq!((r.held.len(), r.bytes), (1, 500));
        r.insert(10, Arc::new(11), 20);
        assert_eq!((r.held.len(), r.bytes, *r.get(&10).unwrap()), (1, 20, 11));
    }
}
