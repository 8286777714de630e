//! [`OrderedMerge`]: threads finish items in any order, and the items are processed in the order of their numbers. So
//! every decision depends on the numbers alone, and `--jobs` changes nothing.
//!
//! One thread at a time processes items: the one that finds the next item ready. The others go on working, but at most
//! a window ahead. So memory stays bounded however long one item takes.

use std::{
    collections::BTreeMap,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
};

/// Items numbered from 0, processed in that order.
#[derive(Debug)]
pub(super) struct OrderedMerge<T> {
    state: Mutex<State<T>>,
    moved: Condvar,
    window: u64,
}

#[derive(Debug)]
struct State<T> {
    next: u64,
    waiting: BTreeMap<u64, T>,
    is_processing: bool,
    closed: bool,
}

impl<T> OrderedMerge<T> {
    /// No thread works more than `window` items ahead.
    pub(super) fn new(window: u64) -> Self {
        let state = State { next: 0, waiting: BTreeMap::new(), is_processing: false, closed: false };
        Self { state: Mutex::new(state), moved: Condvar::new(), window: window.max(1) }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // The thread that joins the others reports a panic; the panic must not become a second one here.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until a thread may work on `number`. False if the merge is closed.
    pub(super) fn wait_for_room(&self, number: u64) -> bool {
        let mut state = self.lock();
        while !state.closed && number >= state.next + self.window {
            state = self.moved.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        !state.closed
    }

    /// Ends the merge: no further item is processed, and no thread waits.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.moved.notify_all();
    }

    /// A guard that closes the merge when it is dropped: a thread that panics never submits its item, and the others
    /// must not wait for it for ever.
    pub(super) fn close_on_drop(&self) -> CloseOnDrop<'_, T> {
        CloseOnDrop { merge: self, is_armed: true }
    }

    /// Submits an item, and processes all items that are ready unless another thread does. Each number must be
    /// submitted once.
    ///
    /// # Errors
    /// Those of `process`; then the merge is closed.
    pub(super) fn submit<E>(
        &self,
        number: u64,
        item: T,
        mut process: impl FnMut(u64, T) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut state = self.lock();
        state.waiting.insert(number, item);
        if state.is_processing {
            return Ok(());
        }
        // If `process` fails or panics, no other thread could ever go on.
        let mut guard = CloseOnDrop { merge: self, is_armed: true };
        while !state.closed {
            let number = state.next;
            let Some(item) = state.waiting.remove(&number) else { break };
            state.is_processing = true;
            drop(state);
            process(number, item)?;
            state = self.lock();
            state.next += 1;
            state.is_processing = false;
            self.moved.notify_all();
        }
        guard.is_armed = false;
        Ok(())
    }
}

/// See [`OrderedMerge::close_on_drop`].
pub(super) struct CloseOnDrop<'a, T> {
    merge: &'a OrderedMerge<T>,
    is_armed: bool,
}

impl<T> CloseOnDrop<'_, T> {
    /// The thread ended well: the merge stays open.
    pub(super) fn disarm(mut self) {
        self.is_armed = false;
    }
}

impl<T> Drop for CloseOnDrop<'_, T> {
    fn drop(&mut self) {
        if self.is_armed {
            self.merge.close();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn items_are_processed_in_order_from_any_thread() {
        let merge = OrderedMerge::new(3);
        let numbers = AtomicU64::new(0);
        let merged = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    loop {
                        let number = numbers.fetch_add(1, Ordering::Relaxed);
                        if number >= 200 || !merge.wait_for_room(number) {
                            break;
                        }
                        let process = |at, item: u64| {
                            merged.lock().unwrap().push((at, item));
                            Ok::<(), ()>(())
                        };
                        merge.submit(number, number * 2, process).unwrap();
                    }
                });
            }
        });
        assert_eq!(merged.into_inner().unwrap(), (0..200).map(|number| (number, number * 2)).collect::<Vec<_>>());
    }

    #[test]
    fn a_panic_ends_the_wait_of_all_threads() {
        let merge = OrderedMerge::<()>::new(1);
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _guard = merge.close_on_drop();
            panic!("on purpose");
        }));
        assert!(panicked.is_err() && !merge.wait_for_room(1));
        let merge = OrderedMerge::<()>::new(1);
        merge.close_on_drop().disarm();
        assert!(merge.wait_for_room(0));
    }

    #[test]
    fn an_error_ends_the_wait_of_all_threads() {
        let merge = OrderedMerge::new(1);
        assert_eq!(merge.submit(0, (), |_, ()| Err("full")), Err("full"));
        assert!(!merge.wait_for_room(1));
    }
}
