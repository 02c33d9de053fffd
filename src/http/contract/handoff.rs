//! `POST /api/v1/agent-sessions/create` (H1): checks a handoff, and writes the sandbox's decision as the contract
//! defines it.

use super::{
    answer::{Answered, Findings},
    check::{Checked, check},
    credential::{Caller, find_token, judge_credential, sandbox_of},
    departure::apply_scenario,
    error::{HandoffError, error_status},
    record,
};
use crate::{
    app::App,
    base::{position::brief, urls::BaseUrl},
    config::Auth,
    domain::{
        contract::{Advice, Answer, read_json},
        scenario::Obstacle,
        session::HandoffRequest,
    },
    http::body,
    sandbox::{FoundToken, HandOff, HandOffResult, Sandbox},
    store::StoreError,
};
use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    response::Response,
};
use serde_json::Value;
use std::{future::ready, sync::Arc};

/// Creates an agent session, or answers with the reason why it cannot.
pub(super) async fn create_agent_session(State(app): State<Arc<App>>, request: Request) -> Response {
    let incoming = match record::admit::<HandoffError>(&app, request) {
        Ok(incoming) => incoming,
        Err(refusal) => return refusal,
    };
    let token = find_token(&app, &incoming.parts.headers).await;
    let sandbox = sandbox_of(&app, &token);
    let (exchange, parts, body) = record::open(&app, incoming, Arc::clone(&sandbox));
    let base_url = exchange.base_url();
    exchange.answer(hand_off(&app, &parts.headers, token, sandbox, body, base_url)).await
}

/// Answers other methods with 405 (H4).
pub(super) async fn method_not_allowed(State(app): State<Arc<App>>, request: Request) -> Response {
    let incoming = match record::admit::<HandoffError>(&app, request) {
        Ok(incoming) => incoming,
        Err(refusal) => return refusal,
    };
    let sandbox = sandbox_of(&app, &find_token(&app, &incoming.parts.headers).await);
    let (exchange, parts, body) = record::open(&app, incoming, sandbox);
    body::drain(body);
    let (method, path) = (brief(parts.method.as_str()), brief(parts.uri.path()));
    let description = format!("{method} is not allowed at {path}; use POST.");
    let error = HandoffError::new(StatusCode::METHOD_NOT_ALLOWED, description).with_header(header::ALLOW, "POST");
    exchange.answer(ready(Err(error))).await
}

async fn hand_off(
    app: &App,
    headers: &HeaderMap,
    shown: Result<FoundToken, StoreError>,
    sandbox: Arc<Sandbox>,
    body: Body,
    base_url: BaseUrl,
) -> Result<Answered, HandoffError> {
    let caller = judge_credential(app, headers, shown, &sandbox).await;
    let Checked { caller: Caller { sandbox, client, token }, value, body, lease, mut advices } =
        check::<HandoffRequest, HandoffError>(app, headers, caller, body).await?;
    let token_id = token.as_ref().map(|token| Arc::clone(&token.jti));
    if let Some(token) = token {
        let others = token.contradictions(&value.actor);
        if sandbox.switches().auth == Auth::Strict && !others.is_empty() {
            let findings =
                Findings { client: Some(client), body: Some(body), token: token_id, lease, ..Findings::default() };
            return Err(acts_for_another(&others).with_findings(findings));
        }
        advices.extend(others);
        advices.extend(token.missing_openid());
    }
    let HandOff { result, delay, chosen, scenarios, advices: others, scripted } = match sandbox
        .hand_off(&client, value, Arc::clone(&body), base_url.clone())
        .await
    {
        Ok(handed_off) => handed_off,
        Err(failure) => {
            let findings =
                Findings { client: Some(client), body: Some(body), advices, token: token_id, ..Findings::default() };
            return Err(HandoffError::from(failure).with_findings(findings));
        }
    };
    advices.extend(others);
    let (http_status, status, answer) = to_answer(&base_url, &sandbox, &result);
    let agent_session = match &result {
        HandOffResult::Session(session) => Some(Arc::clone(&session.id)),
        _ => None,
    };
    let reason = chosen.why.clone();
    let findings = Findings {
        client: Some(client),
        body: Some(body),
        lease,
        advices,
        chosen: Some(chosen),
        scenarios: Some(scenarios),
        agent_session,
        token: token_id,
        ..Findings::default()
    };
    let mut answered =
        Answered { status: Some(status), delay, ..Answered::plain(http_status, answer, reason, findings) };
    if status == "error" {
        answered.http_status = error_status(sandbox.switches(), http_status);
    }
    if let Some((scripted, actor)) = scripted
        && let Err(error) = apply_scenario(&base_url, &sandbox, &scripted, &actor, request_of, &mut answered)
    {
        return Err(HandoffError::from(error).with_findings(answered.findings));
    }
    Ok(answered)
}

fn acts_for_another(others: &[Advice]) -> HandoffError {
    let others: Vec<String> = others.iter().map(ToString::to_string).collect();
    let description = format!("The access token acts for another user: {}.", others.join("; "));
    HandoffError::new(StatusCode::FORBIDDEN, description)
}

/// The value that templates see as `request`.
fn request_of(answered: &Answered) -> Value {
    read_json(answered.findings.body.as_deref().unwrap_or_default()).unwrap_or_default()
}

/// Translates a result into the contract's answer: the HTTP status, the `status` member and the body.
fn to_answer(base_url: &BaseUrl, sandbox: &Sandbox, result: &HandOffResult) -> (StatusCode, &'static str, Vec<u8>) {
    let pages = sandbox.pages(base_url);
    match result {
        HandOffResult::Session(session) => {
            (StatusCode::OK, "success", Answer::success(&session.id, pages.agent(&session.id)).to_json())
        }
        HandOffResult::Obstacle(Obstacle::RequireSubscription, waiting) => {
            let url = pages.subscribe(waiting);
            (StatusCode::OK, "require_subscription", Answer::require_subscription(url).to_json())
        }
        HandOffResult::Obstacle(Obstacle::VerifyEmail, _) => {
            (StatusCode::OK, "verify_email", Answer::verify_email().to_json())
        }
        HandOffResult::Obstacle(Obstacle::Register, waiting) => {
            let url = (!sandbox.switches().no_registration_url).then(|| pages.register(waiting));
            (StatusCode::OK, "register", Answer::register(url).to_json())
        }
        HandOffResult::Obstacle(Obstacle::Error { description }, _) => {
            (StatusCode::UNPROCESSABLE_ENTITY, "error", Answer::error(description).to_json())
        }
        HandOffResult::Duplicate => {
            let description = "The handoff_id was used before; send each handoff with its own id.";
            (StatusCode::CONFLICT, "error", Answer::error(description).to_json())
        }
        HandOffResult::OtherUser => {
            let description = "The handoff_id belongs to the session of another user (actor.external_user_id or \
                               actor.email differs); send each handoff with its own id.";
            (StatusCode::CONFLICT, "error", Answer::error(description).to_json())
        }
    }
}
