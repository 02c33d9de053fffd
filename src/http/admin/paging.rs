//! Lists page by page: `limit` and `after` of the query, `matching` and `next` of the answer.

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

/// The largest page, and the usual one.
const MOST: usize = 1000;
const USUAL: usize = 100;

/// About how many bytes one page holds at most, except for the last entry on it.
const PAGE_BYTES: usize = 4 << 20;

/// A part of a list.
#[derive(Debug)]
pub(super) struct ListPage<T> {
    pub(super) entries: Vec<T>,
    /// How many there are, from `after` on.
    pub(super) matching: usize,
    /// The id of the last entry, unless the page is the last one.
    pub(super) next: Option<String>,
}

/// Which part of a list is wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Paging {
    /// Only entries after this one: the `next` of the page before. 404 when there is no such entry.
    #[param(value_type = Option<String>)]
    pub(super) after: Option<Readings>,
    /// At most this many.
    #[param(inline, default = 100)]
    pub(super) limit: Option<Limit>,
}

impl Paging {
    /// The part of a list that is wanted. `what` is one entry of it, for the error about an id that does not exist.
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

/// A page of records; an error when no record has the id `after`. `what` is one record of the list.
pub(super) fn page_after<T>(
    what: &str,
    after: Option<&str>,
    page: Option<RecordPage<T>>,
) -> Result<RecordPage<T>, Problem> {
    page.ok_or_else(|| Problem::unknown_after(what, after.unwrap_or_default(), []))
}

/// A page size as a request asks for it.
pub(super) type Limit = Within<1, MOST>;

/// Refuses a filter that nothing can match, because no reading of its value is of the right form. `problem` is what is
/// wrong with a value.
pub(super) fn check_filter(
    name: &str,
    value: Option<&Readings>,
    problem: impl Fn(&str) -> Option<String>,
) -> Result<(), Problem> {
    let check = |text: &str| problem(text).map_or(Ok(()), Err);
    value.map_or(Ok(()), |value| value.parse(check)).map_err(|problem| Problem::in_query(name, problem))
}

/// Refuses a filter by agent session whose value is not an id of one.
pub(super) fn check_session_filter(value: Option<&Readings>) -> Result<(), Problem> {
    check_filter("agent_session_id", value, |id| {
        let example = "as_0123456789abcdef01234567";
        (!is_id(id, "as_"))
            .then(|| format!("{} is not the id of an agent session; write one such as {example}", quoted(id)))
    })
}

/// The page size that a request asks for, or else the usual one.
pub(super) fn page_size(asked: Option<Limit>) -> usize {
    asked.map_or(USUAL, Limit::get)
}
