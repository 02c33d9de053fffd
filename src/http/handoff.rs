//! `POST /api/v1/agent-sessions/create` (H1): a handoff's way in, and the sandbox's decision in the contract's words.

use super::{
    credential::{Caller, judge_credential},
    depart::depart,
    error::HandoffError,
    extract::{Checked, check},
    record::{self, Answered, Findings},
};
use crate::{
    actor::Actor,
    app::App,
    config::{Auth, Switches},
    contract::{Advice, Answer},
    oauth::AccessToken,
    position::brief,
    sandbox::{FoundToken, HandOff, HandOffResult},
    scenario::Obstacle,
    session::HandoffRequest,
};
use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, StatusCode},
    response::Response,
};
use serde_json::Value;
use std::sync::Arc;

/// Creates an agent session, or tells the caller what stands in the way.
pub(super) async fn create_agent_session(State(app): State<Arc<App>>, request: Request) -> Response {
    let (mut exchange, parts, body) = record::open(&app, request);
    let shown = exchange.take_shown();
    exchange.answer(hand_off(&app, &parts.headers, shown, body)).await
}

async fn hand_off(app: &App, headers: &HeaderMap, shown: FoundToken, body: Body) -> Result<Answered, HandoffError> {
    let Checked { caller: Caller { sandbox, client, token }, value, body, lease, mut advices } =
        check::<HandoffRequest, HandoffError>(app, headers, judge_credential(app, headers, shown), body).await?;
    let token_id = token.as_ref().map(|token| Arc::clone(&token.jti));
    if let Some(token) = token {
        let others = contradictions(&token, &value.actor);
        if sandbox.switches().auth == Auth::Strict && !others.is_empty() {
            let findings =
                Findings { client: Some(client), body: Some(body), token: token_id, lease, ..Findings::default() };
            return Err(HandoffError { findings: Box::new(findings), ..acts_for_another(&others) });
        }
        advices.extend(others);
    }
    let HandOff { result, delay, chosen, differs_from_first, not_taken, scripted } = match sandbox
        .hand_off(&client, value, Arc::clone(&body))
        .await
    {
        Ok(handed_off) => handed_off,
        Err(failure) => {
            let findings =
                Findings { client: Some(client), body: Some(body), advices, token: token_id, ..Findings::default() };
            return Err(HandoffError { findings: Box::new(findings), ..failure.into() });
        }
    };
    if differs_from_first {
        advices.push(Advice {
            pointer: "/handoff_id".to_owned(),
            code: "reused_handoff_id",
            message: "was used before with another body; a handoff of its own needs an id of its own".to_owned(),
        });
    }
    advices.extend(not_taken);
    let (http_status, status, answer) = in_words(app, sandbox.switches(), &result);
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
        agent_session,
        token: token_id,
        ..Findings::default()
    };
    let mut answered =
        Answered { status: Some(status), delay, ..Answered::plain(http_status, answer, reason, findings) };
    if let Some((scripted, actor)) = scripted
        && let Err(error) = depart(app, &sandbox, &scripted, &actor, request_of, &mut answered)
    {
        return Err(HandoffError { findings: Box::new(answered.findings), ..error });
    }
    Ok(answered)
}

/// Where a handoff is for somebody else than the user whom its access token acts for (T6).
fn contradictions(token: &AccessToken, actor: &Actor) -> Vec<Advice> {
    let differs = |pointer: &str, claim: &str, ours: Option<&str>, theirs: &str, same: bool| {
        let ours = ours.filter(|_| !same)?;
        Some(Advice {
            pointer: pointer.to_owned(),
            code: "other_user",
            message: format!("is {:?}, but the access token acts for {claim} {:?}", brief(theirs), brief(ours)),
        })
    };
    let (sub, email) = (token.sub.as_deref(), token.email.as_deref());
    let same_sub = sub.is_some_and(|sub| *sub == *actor.external_user_id);
    let same_email = email.is_some_and(|email| email.eq_ignore_ascii_case(&actor.email));
    [
        differs("/actor/external_user_id", "sub", sub, &actor.external_user_id, same_sub),
        differs("/actor/email", "email", email, &actor.email, same_email),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn acts_for_another(others: &[Advice]) -> HandoffError {
    let others: Vec<String> = others.iter().map(ToString::to_string).collect();
    let description = format!("The access token acts for another user: {}.", others.join("; "));
    HandoffError::new(StatusCode::FORBIDDEN, description)
}

/// What templates call `request`.
fn request_of(answered: &Answered) -> Value {
    serde_json::from_slice(answered.findings.body.as_deref().unwrap_or_default()).unwrap_or_default()
}

/// A result in the contract's words: the HTTP status, the `status`, the body.
fn in_words(app: &App, switches: &Switches, result: &HandOffResult) -> (StatusCode, &'static str, Vec<u8>) {
    let base = &app.base_url;
    match result {
        HandOffResult::Session(session) => {
            let uri = format!("{base}/agent/{}", session.id);
            (StatusCode::OK, "success", Answer::success(&session.id, uri).to_json())
        }
        HandOffResult::Obstacle(Obstacle::RequireSubscription) => {
            let url = format!("{base}/subscribe/plan_default");
            (StatusCode::OK, "require_subscription", Answer::require_subscription(url).to_json())
        }
        HandOffResult::Obstacle(Obstacle::VerifyEmail) => {
            (StatusCode::OK, "verify_email", Answer::verify_email().to_json())
        }
        HandOffResult::Obstacle(Obstacle::Register) => {
            let url = (!switches.no_registration_url).then(|| format!("{base}/register"));
            (StatusCode::OK, "register", Answer::register(url).to_json())
        }
        HandOffResult::Obstacle(Obstacle::Error { description }) => {
            (StatusCode::UNPROCESSABLE_ENTITY, "error", Answer::error(description).to_json())
        }
        HandOffResult::Duplicate => {
            let description = "The handoff_id was used before; send each handoff under an id of its own.";
            (StatusCode::CONFLICT, "error", Answer::error(description).to_json())
        }
    }
}
