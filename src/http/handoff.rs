//! `POST /api/v1/agent-sessions/create` (H1): a handoff's way in, and the sandbox's decision in the contract's words.

use super::{
    error::HandoffError,
    extract::{Caller, Checked, check},
    record::{self, Answered, Findings},
};
use crate::{
    app::App,
    contract::{Advice, Answer},
    sandbox::{HandOff, HandOffResult},
    scenario::Obstacle,
};
use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, StatusCode},
    response::Response,
};
use std::sync::Arc;

/// Creates an agent session, or tells the caller what stands in the way.
pub(super) async fn create_agent_session(State(app): State<Arc<App>>, request: Request) -> Response {
    let (exchange, parts, body) = record::open(&app, request);
    exchange.answer(hand_off(&app, &parts.headers, body)).await
}

async fn hand_off(app: &App, headers: &HeaderMap, body: Body) -> Result<Answered, HandoffError> {
    let Checked { caller: Caller { sandbox, client }, value, body, mut advices } = check(app, headers, body).await?;
    let HandOff { result, delay, chosen, differs_from_first } =
        sandbox.hand_off(&client, value, Arc::clone(&body)).await?;
    if differs_from_first {
        advices.push(Advice {
            pointer: "/handoff_id".to_owned(),
            code: "reused_handoff_id",
            message: "was used before with another body; a handoff of its own needs an id of its own".to_owned(),
        });
    }
    let reason = chosen.why.clone();
    let mut findings =
        Findings { client: Some(client), body: Some(body), advices, chosen: Some(chosen), ..Findings::default() };
    let base = &app.base_url;
    let (status, answer) = match &result {
        HandOffResult::Session(session) => {
            findings.agent_session = Some(Arc::clone(&session.id));
            let uri = format!("{base}/agent/{}", session.id);
            ("success", Answer::success(&session.id, uri).to_json())
        }
        HandOffResult::Obstacle(Obstacle::RequireSubscription) => {
            let url = format!("{base}/subscribe/plan_default");
            ("require_subscription", Answer::require_subscription(url).to_json())
        }
        HandOffResult::Obstacle(Obstacle::VerifyEmail) => ("verify_email", Answer::verify_email().to_json()),
        HandOffResult::Obstacle(Obstacle::Register) => {
            let url = (!app.settings.no_registration_url).then(|| format!("{base}/register"));
            ("register", Answer::register(url).to_json())
        }
        HandOffResult::Obstacle(Obstacle::Error { description }) => {
            let description = description.clone();
            return Err(HandoffError {
                findings: Box::new(findings),
                ..HandoffError::new(StatusCode::UNPROCESSABLE_ENTITY, description)
            });
        }
        HandOffResult::Duplicate => {
            let description = "The handoff_id was used before; send each handoff under an id of its own.";
            return Err(HandoffError {
                findings: Box::new(findings),
                ..HandoffError::new(StatusCode::CONFLICT, description)
            });
        }
    };
    Ok(Answered { http_status: StatusCode::OK, status, header: None, body: answer, delay, reason, findings })
}
