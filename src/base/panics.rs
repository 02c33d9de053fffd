//! Catches panics in libraries.

use std::{
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook},
};

thread_local! {
    static IS_CAUGHT: Cell<bool> = const { Cell::new(false) };
}

/// Runs a computation and returns `None` if it panics. The caller must then drop everything that the computation
/// changes.
pub fn catch<T>(compute: impl FnOnce() -> T) -> Option<T> {
    let before = IS_CAUGHT.replace(true);
    let result = catch_unwind(AssertUnwindSafe(compute));
    IS_CAUGHT.set(before);
    result.ok()
}

/// Whether [`catch`] will catch a panic on this thread. A panic hook should then print nothing.
#[must_use]
pub fn is_caught() -> bool {
    IS_CAUGHT.get()
}

/// Keeps the messages of caught panics off standard error. Call once, at program start.
pub fn silence_caught() {
    let usual = take_hook();
    set_hook(Box::new(move |panic| {
        if !is_caught() {
            usual(panic);
        }
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caught_panic_returns_none() {
        assert_eq!(catch(|| 1), Some(1));
        assert_eq!(catch(|| -> u8 { panic!("caught by the test: {}", is_caught()) }), None);
        assert!(!is_caught());
    }
}
