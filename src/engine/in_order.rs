//! Brings what many threads finish in any order back into one order: [`InOrder`]. Whatever is decided while merging
//! depends on the order of the numbers alone, so that `--jobs` changes nothing.
//!
//! One thread merges at a time, whichever finds the next item ready; the others go on working, but never further ahead
//! than a window, so that memory stays bounded however long merging one item takes.

use std::{
    collections::BTreeMap,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
};

/// Items numbered from 0, merged in that order.
#[derive(Debug)]
pub(super) struct InOrder<T> {
    state: Mutex<State<T>>,
    moved: Condvar,
    window: u64,
}

#[derive(Debug)]
struct State<T> {
    next: u64,
    waiting: BTreeMap<u64, T>,
    merging: bool,
    closed: bool,
}

impl<T> InOrder<T> {
    /// Nobody works more than `window` items ahead.
    pub(super) fn new(window: u64) -> Self {
        let state = State { next: 0, waiting: BTreeMap::new(), merging: false, closed: false };
        Self { state: Mutex::new(state), moved: Condvar::new(), window: window.max(1) }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // A panic of ours elsewhere is told by whoever joins the threads; it must not become a second one here.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until `number` may be worked on. False where nothing is merged any more.
    pub(super) fn wait_for_room(&self, number: u64) -> bool {
        let mut state = self.lock();
        while !state.closed && number >= state.next + self.window {
            state = self.moved.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        !state.closed
    }

    /// Nothing is merged any more, and nobody waits.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.moved.notify_all();
    }

    /// Closes when it is dropped, unless the work was done: a thread that panics with a batch in its hands must not let
    /// the others wait for that batch for ever.
    pub(super) fn closing(&self) -> CloseOnDrop<'_, T> {
        CloseOnDrop { order: self, armed: true }
    }

    /// Hands in an item, and merges what is ready unless another thread is at it. Each number must be handed in once.
    ///
    /// # Errors
    /// Those of `merge`, after which everything is closed.
    pub(super) fn hand_in<E>(
        &self,
        number: u64,
        item: T,
        mut merge: impl FnMut(u64, T) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut state = self.lock();
        state.waiting.insert(number, item);
        if state.merging {
            return Ok(());
        }
        // Closes when `merge` fails or panics: nobody else would ever move on.
        let mut closing = CloseOnDrop { order: self, armed: true };
        while !state.closed {
            let number = state.next;
            let Some(item) = state.waiting.remove(&number) else { break };
            state.merging = true;
            drop(state);
            merge(number, item)?;
            state = self.lock();
            state.next += 1;
            state.merging = false;
            self.moved.notify_all();
        }
        closing.armed = false;
        Ok(())
    }
}

/// Closes what it belongs to, see [`InOrder::closing`].
pub(super) struct CloseOnDrop<'a, T> {
    order: &'a InOrder<T>,
    armed: bool,
}

impl<T> CloseOnDrop<'_, T> {
    /// The work was done: nothing is closed.
    pub(super) fn done(mut self) {
        self.armed = false;
    }
}

impl<T> Drop for CloseOnDrop<'_, T> {
    fn drop(&mut self) {
        if self.armed {
            self.order.close();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn items_are_merged_in_order_whoever_hands_them_in() {
        let order = InOrder::new(3);
        let numbers = AtomicU64::new(0);
        let merged = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    loop {
                        let number = numbers.fetch_add(1, Ordering::Relaxed);
                        if number >= 200 || !order.wait_for_room(number) {
                            break;
                        }
                        let merge = |at, item: u64| {
                            merged.lock().unwrap().push((at, item));
                            Ok::<(), ()>(())
                        };
                        order.hand_in(number, number * 2, merge).unwrap();
                    }
                });
            }
        });
        assert_eq!(merged.into_inner().unwrap(), (0..200).map(|number| (number, number * 2)).collect::<Vec<_>>());
    }

    #[test]
    fn a_panic_of_one_sends_everybody_home() {
        let order = InOrder::<()>::new(1);
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _closing = order.closing();
            panic!("on purpose");
        }));
        assert!(panicked.is_err() && !order.wait_for_room(1));
        let order = InOrder::<()>::new(1);
        order.closing().done();
        assert!(order.wait_for_room(0));
    }

    #[test]
    fn a_failed_merge_sends_everybody_home() {
        let order = InOrder::new(1);
        assert_eq!(order.hand_in(0, (), |_, ()| Err("full")), Err("full"));
        assert!(!order.wait_for_room(1));
    }
}
