//! The journal of a sandbox in an embedded server.
//!
//! Queries have the form of `/__admin/requests/count`, such as `json!({ "match": { "email": "sam@example.com" } })` or
//! `json!({ "endpoint": "handoff" })`. An empty query, `json!({})`, matches every exchange.

use super::{MockError, MockSandbox};
use crate::{
    base::{
        clock::{Deadline, Stopwatch},
        reading,
    },
    domain::{
        journal::{Endpoint, Entry, Query},
        scenario::Match,
    },
    sandbox::{Sandbox, Tally},
};
use serde::Deserialize;
use serde_json::Value;
use std::{sync::Arc, time::Duration};

/// Maximum duration of a search.
const SEARCH: Duration = Duration::from_secs(10);

impl MockSandbox {
    /// All exchanges that the journal holds, newest first.
    #[must_use]
    pub fn exchanges(&self) -> Vec<Arc<Entry>> {
        self.current().journal.all()
    }

    /// The matching exchanges, newest first.
    ///
    /// # Errors
    /// If the query is invalid.
    pub fn find_exchanges(&self, query: &Value) -> Result<Vec<Arc<Entry>>, MockError> {
        let sandbox = self.current();
        Ok(search(&sandbox, read(query)?)?.entries(&sandbox.journal))
    }

    /// The number of matching exchanges.
    ///
    /// # Errors
    /// If the query is invalid.
    pub fn count_exchanges(&self, query: &Value) -> Result<usize, MockError> {
        Ok(self.find_exchanges(query)?.len())
    }

    /// Waits until the journal holds `count` matching exchanges, and returns all matching ones, newest first.
    ///
    /// A reset restarts the count.
    ///
    /// # Errors
    /// Returns [`MockError::TimedOut`] on a timeout, and other errors if the query is invalid or the sandbox is deleted
    /// during the wait.
    pub async fn wait_for_exchanges(
        &self,
        count: usize,
        query: &Value,
        timeout: Duration,
    ) -> Result<Vec<Arc<Entry>>, MockError> {
        let time = Stopwatch::start();
        let query = read(query)?;
        loop {
            let sandbox = self.current();
            let mut tally = search(&sandbox, Arc::clone(&query))?;
            let found = tally.entries(&sandbox.journal);
            if found.len() >= count {
                return Ok(found);
            }
            let mut wait = self.app.wait(&sandbox, tally, count);
            match tokio::time::timeout(timeout.saturating_sub(time.elapsed()), wait.answer()).await {
                Ok(Some(found)) => return Ok(found?),
                Ok(None) if self.app.is_ready() && !Arc::ptr_eq(&sandbox, &self.current()) => {}
                Ok(None) => return Err(MockError::Gone),
                Err(_) => {
                    let matching = search(&sandbox, query)?.entries(&sandbox.journal).len();
                    let kept = sandbox.journal.fill().kept;
                    return Err(MockError::TimedOut { wanted: count, matching, kept, timeout });
                }
            }
        }
    }
}

fn search(sandbox: &Sandbox, query: Arc<Query>) -> Result<Tally, MockError> {
    let deadline = Deadline::new(SEARCH, Arc::default());
    match Tally::of(query, &sandbox.journal, &deadline) {
        Some(tally) => Ok(tally?),
        None => Err(MockError::Query(format!("the search took longer than {} s", SEARCH.as_secs()))),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    #[serde(default, rename = "match")]
    matcher: Match,
    #[serde(default)]
    endpoint: Option<Endpoint>,
}

fn read(query: &Value) -> Result<Arc<Query>, MockError> {
    let asked = reading::json(query.to_string().as_bytes());
    let Asked { matcher, endpoint } = asked.map_err(|error| MockError::Query(error.to_string()))?;
    Ok(Arc::new(Query { matcher, endpoint }))
}
