//! Paging and filtering of lists: `limit`, `after`, and for envelopes `status`.

use super::{
    call::{Asked, without_body},
    error::ApiError,
};
use crate::{
    app::App,
    base::{document::Record, position::brief, reading::quoted},
    config::is_number,
    domain::signing::EnvelopeState,
    http::{
        contract::{answer::Findings, credential::Caller},
        problem::suggestion,
    },
    sandbox::SigningError,
    store::Reader,
};
use axum::{body::Body, http::request::Parts};
use std::sync::Arc;

/// Maximum and default page size.
const MOST: usize = 1000;
const DEFAULT: usize = 100;

/// One page of a list, newest first.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PageQuery {
    limit: usize,
    /// The id of the last record of the previous page.
    after: Option<String>,
}

/// One page of the list of envelopes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct EnvelopePage {
    pub(super) page: PageQuery,
    /// Only envelopes with this status.
    pub(super) status: Option<&'static str>,
}

impl PageQuery {
    /// The records of the page, and the id from which the next page continues, if there is one.
    pub(super) async fn of<T: Record>(
        &self,
        records: &Reader<T>,
        wanted: impl Fn(&T) -> bool + Send,
        missing: impl FnOnce(String) -> SigningError + Send,
    ) -> Result<(Vec<Arc<T>>, Option<Arc<str>>), ApiError> {
        match records.page(self.after.as_deref(), self.limit, wanted).await? {
            Some(page) => Ok((page.records, page.next)),
            None => Err(missing(self.after.clone().unwrap_or_default()).into()),
        }
    }
}

impl Asked for PageQuery {
    async fn ask(
        _: &App,
        parts: &Parts,
        caller: Result<Caller, ApiError>,
        body: Body,
    ) -> Result<(Caller, Self, Findings), ApiError> {
        let (caller, findings) = without_body(parts, caller, body)?;
        match read(parts.uri.query(), &["limit", "after"]) {
            Ok(EnvelopePage { page, .. }) => Ok((caller, page, findings)),
            Err(error) => Err(error.with_findings(findings)),
        }
    }
}

impl Asked for EnvelopePage {
    async fn ask(
        _: &App,
        parts: &Parts,
        caller: Result<Caller, ApiError>,
        body: Body,
    ) -> Result<(Caller, Self, Findings), ApiError> {
        let (caller, findings) = without_body(parts, caller, body)?;
        match read(parts.uri.query(), &["limit", "after", "status"]) {
            Ok(page) => Ok((caller, page, findings)),
            Err(error) => Err(error.with_findings(findings)),
        }
    }
}

fn read(query: Option<&str>, known: &[&'static str]) -> Result<EnvelopePage, ApiError> {
    let (mut limit, mut after, mut status) = (None, None, None);
    for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        if !known.contains(&&*name) {
            return Err(unknown_parameter(&name, known));
        }
        let is_first = match &*name {
            "limit" => limit.replace(read_limit(&value)?).is_none(),
            "after" => after.replace(value.into_owned()).is_none(),
            _ => status.replace(read_status(&value)?).is_none(),
        };
        if !is_first {
            return Err(ApiError::query(
                &name,
                format!("The query parameter {name} is given more than once; give it once."),
            ));
        }
    }
    Ok(EnvelopePage { page: PageQuery { limit: limit.unwrap_or(DEFAULT), after }, status })
}

/// Refuses a query at an endpoint that takes none.
pub(super) fn take_no_query(query: Option<&str>) -> Result<(), ApiError> {
    match form_urlencoded::parse(query.unwrap_or_default().as_bytes()).next() {
        Some((name, _)) => Err(unknown_parameter(&name, &[])),
        None => Ok(()),
    }
}

fn unknown_parameter(name: &str, known: &[&str]) -> ApiError {
    let shown = quoted(name);
    let description = match known {
        [] => format!("The query parameter {shown} is unknown; this endpoint takes none."),
        known => {
            let meant = suggestion(name, known);
            let end = if meant.is_empty() { "." } else { "" };
            format!("The query parameter {shown} is not one of {}{meant}{end}", known.join(", "))
        }
    };
    ApiError::query(name, description)
}

fn read_limit(value: &str) -> Result<usize, ApiError> {
    match value.parse().ok().filter(|_| is_number(value)) {
        Some(limit @ 1..=MOST) => Ok(limit),
        _ => Err(ApiError::query(
            "limit",
            format!("limit must be a whole number from 1 to {MOST}, but is {:?}.", brief(value)),
        )),
    }
}

fn read_status(value: &str) -> Result<&'static str, ApiError> {
    EnvelopeState::WORDS.into_iter().find(|status| *status == value).ok_or_else(|| {
        ApiError::query(
            "status",
            format!("status must be one of {}, but is {:?}.", EnvelopeState::WORDS.join(", "), brief(value)),
        )
    })
}
