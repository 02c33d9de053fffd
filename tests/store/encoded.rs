//! A store that keeps JSON, as a database does, so that records are deserialized when they are read.

use crate::delegate::delegate;
use docendorse_mock::store::{self, Committed, Content, Document, LogEntry, Memory, Pending, Store, Write};
use std::sync::Arc;

#[derive(Debug)]
pub struct Encoded(pub Memory);

impl Store for Encoded {
    delegate!(0: get find list due log next clear usage);

    fn commit<'a>(&'a self, sandbox: &'a str, writes: Vec<Write>) -> Pending<'a, Committed> {
        self.0.commit(sandbox, writes.into_iter().map(encode_write).collect())
    }
}

fn encode_write(write: Write) -> Write {
    let document = |document: Document| Document { content: encode(document.content), ..document };
    match write {
        Write::Insert { collection, document: new } => Write::Insert { collection, document: document(new) },
        Write::Replace { collection, document: new, version } => {
            Write::Replace { collection, document: document(new), version }
        }
        Write::Append { log, entries } => {
            let entry = |entry: LogEntry| LogEntry { content: encode(entry.content), ..entry };
            Write::Append { log, entries: entries.into_iter().map(entry).collect() }
        }
        delete @ Write::Delete { .. } => delete,
    }
}

fn encode(content: Content) -> Content {
    match content {
        Content::Live(value) => Content::Encoded(value.encode().unwrap().into()),
        encoded @ Content::Encoded(_) => encoded,
    }
}
