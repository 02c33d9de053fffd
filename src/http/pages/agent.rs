//! `/agent/{agent_session_id}`: what the agent knows of a handoff, and how its envelope stands (S2).

use super::{
    failure::Failure,
    layout::{banner, button, card, fact, pill, time},
    visit::{Done, Live, Page, Visit},
};
use crate::{
    base::urls::PageUrls,
    domain::{
        contract::read_json,
        session::{AgentSession, Intent, SessionStatus},
        signing::{AgentState, Envelope, EnvelopeState, Spot},
    },
    sandbox::{Sandbox, SigningError},
    store::StoreError,
};
use axum::{extract::Path, http::StatusCode, response::Response};
use maud::{Markup, html};
use serde::Serialize;
use serde_json::Value;
use std::sync::Arc;

/// How many agents of a recipient the page lists.
const LISTED: usize = 50;

/// The state of the page.
#[derive(Serialize)]
struct AgentPage<'a> {
    page: &'static str,
    agent_session_id: &'a str,
    status: SessionStatus,
    intent: &'static str,
    actor_email: &'a str,
    /// The body of the handoff.
    request: &'a Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    envelope: Option<EnvelopeOnPage>,
    /// What happens next, for people.
    next: &'static str,
}

#[derive(Serialize)]
struct EnvelopeOnPage {
    id: String,
    name: String,
    status: &'static str,
    recipients: Vec<RecipientOnPage>,
}

#[derive(Serialize)]
struct RecipientOnPage {
    name: String,
    status: &'static str,
    agents: Vec<AgentOnPage>,
    /// How many agents are not listed.
    more: usize,
}

#[derive(Serialize)]
struct AgentOnPage {
    id: String,
    name: String,
    contact: String,
    status: &'static str,
    /// The signing page, relative to this one.
    sign_url: String,
}

pub(super) async fn show(visit: Visit, Path(id): Path<String>) -> Response {
    let page = async {
        let session = if visit.is_look {
            visit.sandbox.open_session_page(&id).await?
        } else {
            visit.sandbox.agent_sessions().get(&id).await?
        };
        render(&visit, &*session.ok_or(Failure::Unknown)?, None).await
    };
    visit.answer(page.await)
}

/// Sends the envelope of a session, which is still a draft.
pub(super) async fn send(visit: Visit, Path(id): Path<String>) -> Response {
    let done = async {
        let session = visit.sandbox.agent_sessions().get(&id).await?.ok_or(Failure::Unknown)?;
        if session.status == SessionStatus::Expired {
            return Err(Failure::Expired);
        }
        let envelope = session.envelope_id.ok_or(Failure::Unknown)?;
        match visit.sandbox.send_envelope(&envelope.to_string()).await {
            Ok(_) => Ok(Done::SeeOther(visit.urls().agent(&id))),
            Err(SigningError::Store(error)) => Err(error.into()),
            Err(SigningError::NoSuchEnvelope(_)) => Err(Failure::Unknown),
            Err(error) => {
                let page = render(&visit, &session, Some(&error.to_string())).await?;
                Ok(Done::Refused(Page { status: StatusCode::CONFLICT, ..page }))
            }
        }
    };
    visit.answer_done(done.await)
}

/// Differs whenever the page does.
pub(super) async fn mark(sandbox: &Sandbox, id: &str) -> Result<Option<String>, StoreError> {
    let Some(session) = sandbox.agent_sessions().get(id).await? else { return Ok(None) };
    // Changes of a draft have no revision, but every change has a version.
    let version = match session.envelope_id {
        Some(id) => sandbox.envelopes().get_versioned(&id.to_string()).await?.map(|(_, version)| version),
        None => None,
    };
    Ok(Some(format!("{:?} {version:?}", session.status)))
}

async fn envelope_of(sandbox: &Sandbox, session: &AgentSession) -> Result<Option<Arc<Envelope>>, StoreError> {
    let Some(id) = session.envelope_id else { return Ok(None) };
    sandbox.envelopes().get(&id.to_string()).await
}

async fn render(visit: &Visit, session: &AgentSession, refusal: Option<&str>) -> Result<Page, Failure> {
    if session.status == SessionStatus::Expired {
        return Err(Failure::Expired);
    }
    let envelope = envelope_of(&visit.sandbox, session).await?;
    let request: Value = read_json(&session.request).unwrap_or_default();
    let urls = visit.urls();
    let next = next_step(session.intent, envelope.as_deref());
    let shown = envelope.as_deref().map(|envelope| on_page(&visit.sandbox, envelope, urls));
    let is_draft = envelope.as_ref().is_some_and(|envelope| envelope.state == EnvelopeState::Draft);
    let content = html! {
        (card(&html! {
            h1 data-testid="title" { "Your e-sign agent is ready" }
            @if let Some(refusal) = refusal { (banner("warning", "problem", &html! { (refusal) })) }
            (banner("info", "next-step", &html! { (next) }))
            @if is_draft {
                div.actions { (button(&urls.send_draft(&session.id), "send", "main", "Send for signature")) }
            }
        }))
        @if let Some(envelope) = &shown { (envelope_card(envelope)) }
        (card(&html! {
            h2 { "What the agent knows" }
            dl {
                (fact("Session", "agent-session-id", &html! { (session.id) }))
                (fact("For", "actor", &html! {
                    @if let Some(name) = &session.actor.display_name { (name) " · " }
                    (session.actor.email)
                }))
                (fact("Intent", "intent", &html! { (session.intent.as_str()) }))
                (fact("Summary", "summary", &html! { (text(&request, "/context/summary")) }))
                @for (name, testid, pointer) in [
                    ("Document", "document", "/facts/metadata/title"),
                    ("Message", "message", "/facts/metadata/message"),
                    ("Effective", "effective-date", "/facts/dates/effective_date"),
                ] {
                    @if !text(&request, pointer).is_empty() {
                        (fact(name, testid, &html! { (text(&request, pointer)) }))
                    }
                }
                (fact("Expires", "expires-at", &time(session.expires_at)))
            }
            (list("Parties", "party", request.pointer("/facts/parties"), &["name", "email", "telephone"]))
            (list("Files", "file", request.pointer("/files"), &["name", "type", "url"]))
        }))
    };
    let state = AgentPage {
        page: "agent",
        agent_session_id: &session.id,
        status: session.status,
        intent: session.intent.as_str(),
        actor_email: &session.actor.email,
        request: &request,
        envelope: shown,
        next,
    };
    let page = Page::new("Your e-sign agent", content, &state);
    let live = Live { page: urls.agent(&session.id), changes: urls.agent_changes(&session.id) };
    Ok(Page { live: Some(live), ..page })
}

fn next_step(intent: Intent, envelope: Option<&Envelope>) -> &'static str {
    match (intent, envelope.map(|envelope| &envelope.state)) {
        (_, Some(EnvelopeState::Draft)) => "The draft is not sent yet. Add recipients if it has none, then send it.",
        (_, Some(EnvelopeState::Sent { .. })) => "The document was sent. It is complete when every signer has signed.",
        (_, Some(EnvelopeState::Finalized { .. })) => "Everyone has signed. The document is complete.",
        (_, Some(EnvelopeState::Voided { .. })) => "The document was voided. Nobody can sign it any more.",
        (_, Some(EnvelopeState::Expired { .. })) => "The document has expired before everyone signed.",
        (Intent::CreateTemplate, None) => "The agent creates a template from your document.",
        (Intent::UseTemplate, None) => "The agent asks which template to use.",
        (_, None) => "The agent continues the conversation from here.",
    }
}

fn on_page(sandbox: &Sandbox, envelope: &Envelope, urls: PageUrls<'_>) -> EnvelopeOnPage {
    let recipients = (0_u32..).zip(&envelope.recipients).filter(|(_, recipient)| !recipient.is_removed());
    let recipients = recipients.map(|(place, recipient)| {
        let agents = (0_u32..).zip(&recipient.role.persons).take(LISTED);
        let agents = agents.filter_map(|(agent, person)| {
            let spot = Spot { recipient: place, agent };
            let id = envelope.agent_id(spot)?;
            Some(AgentOnPage {
                id: id.to_string(),
                name: person.name.to_string(),
                contact: person.email.as_deref().or(person.phone.as_deref()).unwrap_or_default().to_owned(),
                status: recipient.agent(agent).map_or("waiting", AgentState::as_str),
                sign_url: urls.sign(&sandbox.sign_link(id)),
            })
        });
        RecipientOnPage {
            name: recipient.role.role_name.as_deref().unwrap_or(&recipient.role.identifier).to_owned(),
            status: recipient.state.as_str(),
            agents: agents.collect(),
            more: recipient.role.persons.len().saturating_sub(LISTED),
        }
    });
    EnvelopeOnPage {
        id: envelope.id.to_string(),
        name: envelope.terms.name.to_string(),
        status: envelope.state.as_str(),
        recipients: recipients.collect(),
    }
}

fn envelope_card(envelope: &EnvelopeOnPage) -> Markup {
    card(&html! {
        h2 { "Envelope “" span data-testid="envelope-name" { (envelope.name) } "” " (pill(envelope.status, "envelope-status", envelope.status)) }
        @if envelope.recipients.is_empty() { p.quiet data-testid="no-recipients" { "No recipients yet." } }
        @for recipient in &envelope.recipients {
            h3 data-testid="recipient" { (recipient.name) " " (pill(recipient.status, "recipient-status", recipient.status)) }
            ul.rows {
                @for agent in &recipient.agents {
                    li data-testid="agent" {
                        span data-testid="agent-name" { (agent.name) } " "
                        span.quiet { (agent.contact) } " "
                        (pill(agent.status, "agent-status", agent.status)) " "
                        a href=(agent.sign_url) data-testid="sign-link" { "Signing page of " (agent.name) " (only in the mock)" }
                    }
                }
                @if recipient.more > 0 { li.quiet { "and " (recipient.more) " more" } }
            }
        }
    })
}

/// A list of objects in the handoff, each as one line of the given members.
fn list(title: &str, testid: &str, items: Option<&Value>, members: &[&str]) -> Markup {
    let items = items.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    html! {
        @if !items.is_empty() {
            h2 { (title) }
            ul.rows {
                @for item in items.iter().take(LISTED) {
                    li data-testid=(testid) {
                        @for member in members {
                            @if let Some(text) = item.get(member).and_then(Value::as_str) { span { (text) } " " }
                        }
                    }
                }
                @if items.len() > LISTED { li.quiet { "and " (items.len() - LISTED) " more" } }
            }
        }
    }
}

fn text<'v>(request: &'v Value, pointer: &str) -> &'v str {
    request.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}
