//! Paging of lists: `limit` and `after` in the query, `matching` and `next` in the answer.

use crate::{
    base::{
        names::is_id,
        reading::{Readings, Within, quoted},
    },
    http::problem::Problem,
    store::RecordPage,
};
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

/// Maximum and default page size.
const MOST: usize = 1000;
const DEFAULT: usize = 100;

/// Approximate maximum bytes of one page. The last entry may exceed it.
const PAGE_BYTES: usize = 4 << 20;

/// One page of a list.
#[derive(Debug)]
pub(super) struct ListPage<T> {
    pub(super) entries: Vec<T>,
    /// Number of entries from `after` on.
    pub(super) matching: usize,
    /// The id of the last entry, or `None` on the last page.
    pub(super) next: Option<String>,
}

/// The page to return.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Paging {
    /// Only entries after this one; pass the `next` of the previous page. 404 if there is no such entry.
    #[param(value_type = Option<String>)]
    pub(super) after: Option<Readings>,
    /// Maximum number of entries to return.
    #[param(inline, default = 100)]
    pub(super) limit: Option<Limit>,
}

impl Paging {
    /// Cuts the requested page out of a list. `what` names one entry in the error for an unknown `after`.
    pub(super) fn of<T, V: Serialize>(
        &self,
        what: &str,
        all: &[T],
        id: impl Fn(&T) -> &str,
        show: impl Fn(&T) -> V,
    ) -> Result<ListPage<V>, Problem> {
        let limit = page_size(self.limit);
        let rest = match &self.after {
            None => all,
            Some(after) => {
                let place = all.iter().position(|entry| after.is(id(entry)));
                let place = place.ok_or_else(|| Problem::unknown_after(what, &after.spaced, all.iter().map(&id)))?;
                all.get(place + 1..).unwrap_or_default()
            }
        };
        let (mut page, mut bytes) = (Vec::new(), 0);
        for entry in rest.iter().take(limit) {
            if bytes >= PAGE_BYTES {
                break;
            }
            let entry = show(entry);
            bytes += serde_json::to_vec(&entry).map_or(0, |written| written.len());
            page.push(entry);
        }
        let next = if page.len() < rest.len() {
            page.len().checked_sub(1).map(|last| id(&rest[last]).to_owned())
        } else {
            None
        };
        Ok(ListPage { entries: page, matching: rest.len(), next })
    }
}

/// A page of records, or an error if no record has the id `after`. `what` names one record in that error.
pub(super) fn page_after<T>(
    what: &str,
    after: Option<&str>,
    page: Option<RecordPage<T>>,
) -> Result<RecordPage<T>, Problem> {
    page.ok_or_else(|| Problem::unknown_after(what, after.unwrap_or_default(), []))
}

/// A page size in a request.
pub(super) type Limit = Within<1, MOST>;

/// Refuses a filter value that nothing can match, because no reading of it has the right form. `problem` describes the
/// fault in a value.
pub(super) fn check_filter(
    name: &str,
    value: Option<&Readings>,
    problem: impl Fn(&str) -> Option<String>,
) -> Result<(), Problem> {
    let check = |text: &str| problem(text).map_or(Ok(()), Err);
    value.map_or(Ok(()), |value| value.parse(check)).map_err(|problem| Problem::in_query(name, problem))
}

/// Refuses an agent session filter whose value is not a session id.
pub(super) fn check_session_filter(value: Option<&Readings>) -> Result<(), Problem> {
    check_filter("agent_session_id", value, |id| {
        let example = "as_0123456789abcdef01234567";
        (!is_id(id, "as_"))
            .then(|| format!("{} is not the id of an agent session; write one such as {example}", quoted(id)))
    })
}

/// The requested page size, or the default.
pub(super) fn page_size(asked: Option<Limit>) -> usize {
    asked.map_or(DEFAULT, Limit::get)
}
