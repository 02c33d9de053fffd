//! Applies a scenario's departures from the contract to an answer.

use crate::{
    base::{position::shorten, urls::BaseUrl},
    domain::{
        actor::Actor,
        scenario::{self, Context},
    },
    http::{contract::answer::Answered, fault::ConnectionFault},
    sandbox::{Sandbox, Scripted},
};

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use serde_json::Value;

/// Set on every scripted answer, so that a browser runs no scripts from a body that a scenario wrote.
const SANDBOX: (HeaderName, HeaderValue) = (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox"));

/// A scenario that cannot be rendered.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct DepartureError(String);

/// Changes an answer as its scenario says. Templates see `request` under that name.
pub(super) fn apply_scenario(
    base_url: &BaseUrl,
    sandbox: &Sandbox,
    scripted: &Scripted,
    actor: &Actor,
    request: impl FnOnce(&Answered) -> Value,
    answered: &mut Answered,
) -> Result<(), DepartureError> {
    let mut chance = || sandbox.ids.chance();
    let Some(departure) = scripted.answer().and_then(|answer| answer.departure(&mut chance)) else {
        answered.headers.push(SANDBOX);
        return Ok(());
    };
    let request = request(answered);
    let context = Context {
        request: &request,
        actor,
        now: sandbox.clock.now(),
        base_url,
        agent_session_id: answered.findings.agent_session.as_deref().unwrap_or_default(),
        id: &sandbox.ids.own(),
    };
    let render = |body: &[u8]| {
        departure.render(body, &context).map_err(|error| {
            let name = scripted.scenario.name();
            DepartureError(shorten(&format!("The scenario {name:?} gave no answer: {error}.")).into_owned())
        })
    };
    let rendered = render(&answered.body)?;
    let masked = answered.masked_body.as_deref().map(render).transpose()?;
    answered.masked_body = masked.map(|masked| masked.body);
    let headers = rendered.headers.iter().filter_map(|(name, value)| Some((name.parse().ok()?, value.parse().ok()?)));
    answered.headers.extend(headers);
    // Added last, so that a scenario cannot replace it.
    answered.headers.push(SANDBOX);
    answered.body = rendered.body;
    if let Some(status) = departure.http_status.and_then(|status| StatusCode::from_u16(status).ok()) {
        answered.http_status = status;
        answered.is_refused = status.as_u16() >= 400;
    }
    if let Some(delay) = &departure.delay {
        answered.delay += delay.draw(&mut chance);
    }
    answered.dribble = departure.dribble;
    answered.fault = departure.fault.map(Into::into);
    Ok(())
}

impl From<scenario::ScriptedFault> for ConnectionFault {
    fn from(fault: scenario::ScriptedFault) -> Self {
        match fault {
            scenario::ScriptedFault::CloseBeforeAnswer => Self::CloseBeforeAnswer,
            scenario::ScriptedFault::CloseMidway => Self::CloseMidway,
            scenario::ScriptedFault::Reset => Self::Reset,
            scenario::ScriptedFault::EmptyAnswer => Self::EmptyAnswer,
            scenario::ScriptedFault::Hang { at_most } => Self::Hang(at_most),
        }
    }
}
