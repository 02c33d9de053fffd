//! Delegation for stores that wrap another one and pass most calls on.

/// Implements methods of `Store` by calling them on a field: `delegate!(memory: get find list);`.
macro_rules! delegate {
    ($field:tt: $($method:ident)*) => { $( delegate!(@$method $field); )* };
    (@get $field:tt) => {
        fn get<'a>(&'a self, place: &'a store::Place, id: &'a str) -> store::Pending<'a, Option<Arc<store::Stored>>> {
            store::Store::get(&self.$field, place, id)
        }
    };
    (@find $field:tt) => {
        fn find<'a>(&'a self, place: &'a store::Place, key: &'a str) -> store::Pending<'a, Option<Arc<store::Stored>>> {
            store::Store::find(&self.$field, place, key)
        }
    };
    (@list $field:tt) => {
        fn list<'a>(
            &'a self,
            place: &'a store::Place,
            page: store::Page<'a>,
        ) -> store::Pending<'a, Vec<Arc<store::Stored>>> {
            store::Store::list(&self.$field, place, page)
        }
    };
    (@due $field:tt) => {
        fn due<'a>(
            &'a self,
            sandbox: &'a str,
            limit: usize,
        ) -> store::Pending<'a, store::DueSlice> {
            store::Store::due(&self.$field, sandbox, limit)
        }
    };
    (@log $field:tt) => {
        fn log<'a>(
            &'a self,
            sandbox: &'a str,
            log: &'static str,
            after: u64,
            limit: usize,
        ) -> store::Pending<'a, store::LogSlice> {
            store::Store::log(&self.$field, sandbox, log, after, limit)
        }
    };
    (@next $field:tt) => {
        fn next<'a>(&'a self, sandbox: &'a str, counter: &'static str, count: u64) -> store::Pending<'a, u64> {
            store::Store::next(&self.$field, sandbox, counter, count)
        }
    };
    (@commit $field:tt) => {
        fn commit<'a>(
            &'a self,
            sandbox: &'a str,
            writes: Vec<store::Write>,
        ) -> store::Pending<'a, store::Committed> {
            store::Store::commit(&self.$field, sandbox, writes)
        }
    };
    (@clear $field:tt) => {
        fn clear<'a>(&'a self, sandbox: &'a str) -> store::Pending<'a, ()> {
            store::Store::clear(&self.$field, sandbox)
        }
    };
    (@usage $field:tt) => {
        fn usage<'a>(&'a self, place: &'a store::Place) -> store::Pending<'a, store::Usage> {
            store::Store::usage(&self.$field, place)
        }
    };
}
pub(crate) use delegate;
