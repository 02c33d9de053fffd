//! The product's own store and repository, compiled a second time with the checker's locks instead of the system's.

#[path = "../../src/store/collection.rs"]
#[allow(dead_code, reason = "the tests use only parts")]
mod collection;
#[path = "../../src/store/memory.rs"]
#[allow(dead_code, reason = "the tests use only parts")]
mod memory;
#[path = "../../src/store/reader.rs"]
#[allow(dead_code, reason = "the tests use only parts")]
mod reader;
#[path = "../../src/store/repository.rs"]
#[allow(dead_code, reason = "the tests use only parts")]
mod repository;
#[path = "../../src/store/retention.rs"]
#[allow(dead_code, reason = "the tests use only parts")]
mod retention;
#[path = "../../src/store/ring.rs"]
#[allow(dead_code, reason = "the tests use only parts")]
mod ring;

mod sync {
    pub(super) use shuttle::sync::{PoisonError, RwLock};
}

pub use docendorse_mock::store::{
    Commit, Committed, Document, DueSlice, Log, LogEntry, LogSlice, Numbered, Page, Pending, Place, Shelf, Store,
    StoreError, Stored, Usage, Write, Written,
};
pub use memory::Memory;
pub use reader::Reader;
pub use repository::{Repository, Update};
pub use retention::Retention;

/// The result of a store call that completes immediately.
pub fn at_once<T>(call: impl Future<Output = T>) -> T {
    let mut call = std::pin::pin!(call);
    let waker = std::task::Waker::noop();
    match call.as_mut().poll(&mut std::task::Context::from_waker(waker)) {
        std::task::Poll::Ready(result) => result,
        std::task::Poll::Pending => panic!("the in-memory store never waits"),
    }
}
