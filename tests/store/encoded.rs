//! A store that holds what it is given as JSON, as a database does; so that records come back from their own text.

use docendorse_mock::store::{Content, Document, Fill, Memory, Page, Pending, Place, Store, Stored};
use std::sync::Arc;

#[derive(Debug)]
pub struct Encoded(pub Memory);

/// Writes a document down.
fn written(document: Document) -> Document {
    let content = match document.content {
        Content::Live(value) => Content::Encoded(value.encode().unwrap().into()),
        encoded @ Content::Encoded(_) => encoded,
    };
    Document { content, ..document }
}

impl Store for Encoded {
    fn insert<'a>(&'a self, place: &'a Place, document: Document) -> Pending<'a, ()> {
        self.0.insert(place, written(document))
    }

    fn replace<'a>(&'a self, place: &'a Place, document: Document, version: u64) -> Pending<'a, bool> {
        self.0.replace(place, written(document), version)
    }

    fn get<'a>(&'a self, place: &'a Place, id: &'a str) -> Pending<'a, Option<Arc<Stored>>> {
        self.0.get(place, id)
    }

    fn find<'a>(&'a self, place: &'a Place, key: &'a str) -> Pending<'a, Option<Arc<Stored>>> {
        self.0.find(place, key)
    }

    fn list<'a>(&'a self, place: &'a Place, page: Page) -> Pending<'a, Vec<Arc<Stored>>> {
        self.0.list(place, page)
    }

    fn delete_at<'a>(&'a self, place: &'a Place, id: &'a str, version: u64) -> Pending<'a, bool> {
        self.0.delete_at(place, id, version)
    }

    fn delete<'a>(&'a self, place: &'a Place, id: &'a str) -> Pending<'a, bool> {
        self.0.delete(place, id)
    }

    fn clear<'a>(&'a self, sandbox: &'a str) -> Pending<'a, ()> {
        self.0.clear(sandbox)
    }

    fn fill<'a>(&'a self, place: &'a Place) -> Pending<'a, Fill> {
        self.0.fill(place)
    }
}
