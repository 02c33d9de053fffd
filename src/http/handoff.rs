//! `POST /api/v1/agent-sessions/create` (H1): a handoff's way in, and the sandbox's decision in the contract's words.

use super::{
    error::HandoffError,
    extract::{Caller, Checked, check},
    fault::Fault,
    record::{self, Answered, Findings},
};
use crate::{
    actor::Actor,
    app::App,
    contract::{Advice, Answer},
    sandbox::{HandOff, HandOffResult, Sandbox, Scripted},
    scenario::{self, Context, Obstacle},
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
    let (exchange, parts, body) = record::open(&app, request);
    exchange.answer(hand_off(&app, &parts.headers, body)).await
}

async fn hand_off(app: &App, headers: &HeaderMap, body: Body) -> Result<Answered, HandoffError> {
    let Checked { caller: Caller { sandbox, client }, value, body, mut advices } =
        check::<HandoffRequest>(app, headers, body).await?;
    let HandOff { result, delay, chosen, differs_from_first, scripted } =
        sandbox.hand_off(&client, value, Arc::clone(&body)).await?;
    if differs_from_first {
        advices.push(Advice {
            pointer: "/handoff_id".to_owned(),
            code: "reused_handoff_id",
            message: "was used before with another body; a handoff of its own needs an id of its own".to_owned(),
        });
    }
    let (http_status, status, answer) = in_words(app, &result);
    let agent_session = match &result {
        HandOffResult::Session(session) => Some(Arc::clone(&session.id)),
        _ => None,
    };
    let mut answered = Answered {
        http_status,
        status,
        headers: Vec::new(),
        body: answer,
        fault: None,
        dribble: None,
        is_scripted: false,
        delay,
        reason: chosen.why.clone(),
        findings: Findings {
            client: Some(client),
            body: Some(body),
            advices,
            chosen: Some(chosen),
            agent_session,
            ..Findings::default()
        },
    };
    if let Some((scripted, actor)) = scripted
        && let Err(error) = depart(app, &sandbox, &scripted, &actor, &mut answered)
    {
        return Err(HandoffError { findings: Box::new(answered.findings), ..error });
    }
    Ok(answered)
}

/// A result in the contract's words: the HTTP status, the `status`, the body.
fn in_words(app: &App, result: &HandOffResult) -> (StatusCode, &'static str, Vec<u8>) {
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
            let url = (!app.settings.no_registration_url).then(|| format!("{base}/register"));
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

/// Lets an answer depart from the contract's as its scenario says.
fn depart(
    app: &App,
    sandbox: &Sandbox,
    scripted: &Scripted,
    actor: &Actor,
    answered: &mut Answered,
) -> Result<(), HandoffError> {
    let mut chance = || sandbox.ids.chance();
    let Some(departure) = scripted.answer().and_then(|answer| answer.departure(&mut chance)) else {
        return Ok(());
    };
    let request: Value =
        serde_json::from_slice(answered.findings.body.as_deref().unwrap_or_default()).unwrap_or_default();
    let context = Context {
        request: &request,
        actor,
        now: sandbox.clock.now(),
        base_url: &app.base_url,
        agent_session_id: answered.findings.agent_session.as_deref().unwrap_or_default(),
        id: &sandbox.ids.own(),
    };
    let rendered = departure.render(&answered.body, &context).map_err(|error| {
        let name = scripted.scenario.name();
        let description = format!("The scenario {name:?} cannot be answered by: {error}.");
        HandoffError::new(StatusCode::INTERNAL_SERVER_ERROR, description)
    })?;
    let headers = rendered.headers.iter().filter_map(|(name, value)| Some((name.parse().ok()?, value.parse().ok()?)));
    answered.headers.extend(headers);
    answered.body = rendered.body;
    if let Some(status) = departure.http_status.and_then(|status| StatusCode::from_u16(status).ok()) {
        answered.http_status = status;
        answered.is_scripted = true;
    }
    if let Some(delay) = &departure.delay {
        answered.delay += delay.draw(&mut chance);
    }
    answered.dribble = departure.dribble;
    answered.fault = departure.fault.map(Into::into);
    Ok(())
}

impl From<scenario::Fault> for Fault {
    fn from(fault: scenario::Fault) -> Self {
        match fault {
            scenario::Fault::CloseBeforeAnswer => Self::CloseBeforeAnswer,
            scenario::Fault::CloseMidway => Self::CloseMidway,
            scenario::Fault::Reset => Self::Reset,
            scenario::Fault::EmptyAnswer => Self::EmptyAnswer,
            scenario::Fault::Hang { at_most } => Self::Hang(at_most),
        }
    }
}
