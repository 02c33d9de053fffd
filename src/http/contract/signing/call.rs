//! The input of a signing service route, and the order in which it is checked: the key first, then the rest.

use super::{error::ApiError, page::take_no_query};
use crate::{
    app::App,
    base::urls::BaseUrl,
    domain::{
        contract::{
            Schema, SchemaError,
            signing::{
                AGENTS, Body as BodyOf, CONTACT, CONTACT_CHANGE, CONTACT_GROUP, CONTACT_GROUP_CHANGE, ENVELOPE,
                RECIPIENT, RECIPIENT_CHANGE,
            },
        },
        signing::{
            AgentsRequest, ContactChange, ContactRequest, EnvelopeRequest, GroupChangeRequest, GroupRequest,
            RecipientChangeRequest, RecipientRequest,
        },
    },
    http::{
        base_url::base_url,
        body,
        contract::{
            answer::Findings,
            check::{Checked, Contracted, check, unread},
            credential::Caller,
            request_error::RequestError,
        },
    },
};
use axum::{body::Body, http::request::Parts};

/// The input of a route apart from its path.
pub(super) trait Asked: Sized + Send {
    /// Checks a request, and returns the input with the findings for the journal.
    fn ask(
        app: &App,
        parts: &Parts,
        caller: Result<Caller, ApiError>,
        body: Body,
    ) -> impl Future<Output = Result<(Caller, Self, Findings), ApiError>> + Send;
}

/// A body that matches its schema.
#[derive(Debug)]
pub(super) struct Given<T>(pub(super) T);

impl<T: Contracted + Send> Asked for Given<T> {
    async fn ask(
        app: &App,
        parts: &Parts,
        caller: Result<Caller, ApiError>,
        body: Body,
    ) -> Result<(Caller, Self, Findings), ApiError> {
        let Checked { caller, value, body, lease, advices } =
            check::<T, ApiError>(app, &parts.headers, caller, body).await?;
        let findings =
            Findings { client: Some(caller.client.clone()), body: Some(body), lease, advices, ..Findings::default() };
        if let Err(error) = take_no_query(parts.uri.query()) {
            return Err(error.with_findings(findings));
        }
        Ok((caller, Self(value), findings))
    }
}

/// A route without input: any body is discarded.
#[derive(Debug)]
pub(super) struct Nothing;

impl Asked for Nothing {
    async fn ask(
        _: &App,
        parts: &Parts,
        caller: Result<Caller, ApiError>,
        body: Body,
    ) -> Result<(Caller, Self, Findings), ApiError> {
        let (caller, findings) = without_body(parts, caller, body)?;
        match take_no_query(parts.uri.query()) {
            Ok(()) => Ok((caller, Self, findings)),
            Err(error) => Err(error.with_findings(findings)),
        }
    }
}

/// The input, with the base URL by which the caller reached the server.
#[derive(Debug)]
pub(super) struct Reached<A>(pub(super) BaseUrl, pub(super) A);

impl<A: Asked> Asked for Reached<A> {
    async fn ask(
        app: &App,
        parts: &Parts,
        caller: Result<Caller, ApiError>,
        body: Body,
    ) -> Result<(Caller, Self, Findings), ApiError> {
        // It was checked when the exchange was opened.
        let base_url = base_url(app, &parts.headers, &parts.uri).map_err(RequestError::from)?;
        let (caller, asked, findings) = A::ask(app, parts, caller, body).await?;
        Ok((caller, Self(base_url, asked), findings))
    }
}

/// Discards a body that the route does not use.
pub(super) fn without_body(
    parts: &Parts,
    caller: Result<Caller, ApiError>,
    body: Body,
) -> Result<(Caller, Findings), ApiError> {
    match caller {
        Ok(caller) => {
            body::drain(body);
            let findings = Findings { client: Some(caller.client.clone()), ..Findings::default() };
            Ok((caller, findings))
        }
        Err(error) => Err(unread(error, &parts.headers, body)),
    }
}

macro_rules! contracted {
    ($($request:ty: $body:expr),* $(,)?) => {$(
        impl Contracted for $request {
            fn schema(_: &App) -> Result<&Schema, &SchemaError> {
                BodyOf::schema(&$body)
            }
        }
    )*};
}

contracted! {
    EnvelopeRequest: ENVELOPE,
    RecipientRequest: RECIPIENT,
    RecipientChangeRequest: RECIPIENT_CHANGE,
    AgentsRequest: AGENTS,
    ContactRequest: CONTACT,
    ContactChange: CONTACT_CHANGE,
    GroupRequest: CONTACT_GROUP,
    GroupChangeRequest: CONTACT_GROUP_CHANGE,
}
