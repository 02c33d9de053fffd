//! `/sign/{link}`: what an agent does with an invitation (G4, G5, G10).

mod words;

use self::words::{Words, words};
use super::{
    failure::Failure,
    layout::{banner, button, card, fact, pill, time},
    visit::{Done, Live, Page, Visit},
};
use crate::{
    base::{reading, urls::PageUrls},
    domain::{
        contract::read_json,
        signing::{
            Act, AgentState, Command, Envelope, EnvelopeState, Judgement, Locale, Recipient, RecipientState, Refusal,
            Spot,
        },
    },
    http::body::{self, BodyError},
    sandbox::{Sandbox, SigningError},
    store::StoreError,
};
use axum::{
    extract::{Path, Request},
    http::{StatusCode, header},
    response::Response,
};
use jiff::Timestamp;
use maud::{Markup, html};
use serde::Serialize;
use serde_json::Value;

/// The state of the page.
#[derive(Serialize)]
struct SignPage<'a> {
    page: &'static str,
    envelope_id: String,
    envelope_name: &'a str,
    envelope_status: &'static str,
    agent_id: String,
    name: &'a str,
    status: &'static str,
    locale: Locale,
    /// Whether signing takes the one-time code.
    needs_code: bool,
    /// What the agent can do now: `open`, `accept`, `decline`, `sign`.
    actions: Vec<&'static str>,
    /// Who accepted first, for an agent that was released.
    #[serde(skip_serializing_if = "Option::is_none")]
    first: Option<First>,
    /// The name of the refusal, after a command that was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<&'static str>,
}

#[derive(Serialize)]
struct First {
    name: String,
    at: Timestamp,
}

/// An agent with its place in an envelope.
struct Place<'a> {
    envelope: &'a Envelope,
    recipient: &'a Recipient,
    spot: Spot,
    state: AgentState,
}

pub(super) async fn show(visit: Visit, Path(link): Path<String>) -> Response {
    let page = async {
        let (envelope, spot) = visit.sandbox.agent_of_link(&link).await?.ok_or(Failure::Unknown)?;
        if visit.is_look {
            visit.sandbox.note_link_view(&envelope, spot).await?;
        }
        render(&visit, &link, &envelope, spot, None).await
    };
    visit.answer(page.await)
}

pub(super) async fn open(visit: Visit, Path(link): Path<String>) -> Response {
    visit.answer_done(act(&visit, &link, Act::Open).await)
}

pub(super) async fn accept(visit: Visit, Path(link): Path<String>) -> Response {
    visit.answer_done(act(&visit, &link, Act::Accept).await)
}

pub(super) async fn decline(visit: Visit, Path(link): Path<String>) -> Response {
    visit.answer_done(act(&visit, &link, Act::Decline).await)
}

pub(super) async fn sign(visit: Visit, Path(link): Path<String>, request: Request) -> Response {
    let done = async {
        let form = read_form(&visit, request).await?;
        let form = reading::query(&form).map_err(|error| Failure::Form(error.to_string()))?;
        let code = form.word("code").map(|code| code.spaced.trim()).filter(|code| !code.is_empty());
        act(&visit, &link, Act::Sign { code }).await
    };
    visit.answer_done(done.await)
}

/// Largest handoff whose message the page shows, in bytes. A larger one would be parsed for each of its many agents.
const LARGEST_PARSED: usize = 64 << 10;

/// Largest form, in bytes.
const LARGEST_FORM: usize = 16 << 10;

async fn read_form(visit: &Visit, request: Request) -> Result<String, Failure> {
    let waits_for_leave = request.headers().contains_key(header::EXPECT);
    let body = body::read(request.into_body(), LARGEST_FORM, waits_for_leave, &visit.app.bodies.control).await;
    let read = body.map_err(|error| {
        Failure::Form(match error {
            BodyError::TooLarge => format!("it is larger than {LARGEST_FORM} bytes"),
            BodyError::Busy => body::BUSY.to_owned(),
            BodyError::TimedOut => "it did not arrive in time".to_owned(),
            BodyError::Broken => "it ended before it was complete".to_owned(),
        })
    })?;
    String::from_utf8(read.bytes.to_vec()).map_err(|_| Failure::Form("it is not UTF-8".to_owned()))
}

/// Differs whenever the page does.
pub(super) async fn mark(sandbox: &Sandbox, link: &str) -> Result<Option<String>, StoreError> {
    let found = sandbox.agent_of_link(link).await?;
    let Some((envelope, _)) = found else { return Ok(None) };
    // Changes of a draft have no revision, but every change has a version.
    let version = sandbox.envelopes().get_versioned(&envelope.id.to_string()).await?.map(|(_, version)| version);
    Ok(version.map(|version| version.to_string()))
}

async fn act(visit: &Visit, link: &str, act: Act<'_>) -> Result<Done, Failure> {
    let (envelope, spot) = visit.sandbox.agent_of_link(link).await?.ok_or(Failure::Unknown)?;
    let agent = envelope.agent_id(spot).ok_or(Failure::Unknown)?;
    match visit.sandbox.act(&agent.to_string(), act).await {
        Ok(_) => Ok(Done::SeeOther(visit.urls().sign(link))),
        Err(SigningError::Refused { refusal, envelope, .. }) => {
            let page = render(visit, link, &envelope, spot, Some(refusal)).await?;
            Ok(Done::Refused(Page { status: StatusCode::CONFLICT, ..page }))
        }
        Err(SigningError::Store(error)) => Err(error.into()),
        Err(_) => Err(Failure::Unknown),
    }
}

async fn render(
    visit: &Visit,
    link: &str,
    envelope: &Envelope,
    spot: Spot,
    refusal: Option<Refusal>,
) -> Result<Page, Failure> {
    let recipient = envelope.recipient_at(spot.recipient).ok_or(Failure::Unknown)?;
    let state = recipient.agent(spot.agent).ok_or(Failure::Unknown)?;
    let person =
        usize::try_from(spot.agent).ok().and_then(|place| recipient.role.persons.get(place)).ok_or(Failure::Unknown)?;
    let agent_id = envelope.agent_id(spot).ok_or(Failure::Unknown)?;
    let words = words(person.locale);
    let place = Place { envelope, recipient, spot, state };
    let request = handoff_of(&visit.sandbox, envelope).await?;
    let actions = place.actions();
    let urls = visit.urls();
    let sender = envelope.terms.sender.as_ref().map(|sender| sender.name.as_deref().unwrap_or(&sender.email));
    let message = request.pointer("/facts/metadata/message").and_then(Value::as_str);
    let content = card(&html! {
        h1 data-testid="title" { (envelope.terms.name) }
        (place.notices(words, refusal))
        dl {
            @if let Some(sender) = sender { (fact(words.sent_by, "sender", &html! { (sender) })) }
            (fact(words.you, "agent-name", &html! {
                (person.name)
                @if let Some(contact) = person.email.as_deref().or(person.phone.as_deref()) { " · " (contact) }
            }))
            @if let Some(role) = &recipient.role.role_name { (fact(words.role, "role", &html! { (role) })) }
            @if let Some(message) = message { (fact(words.message, "message", &html! { (message) })) }
            (fact(words.state, "agent-state", &pill(state.as_str(), "agent-status", place.told(words))))
            @if let Some(at) = envelope.expires_at() { (fact(words.expires, "expires-at", &time(at))) }
        }
        @if actions.contains(&"accept") && recipient.role.persons.len() > 1 {
            p.quiet data-testid="competition" { (words.first_to_accept) }
        }
        (buttons(&place, &actions, words, urls, link))
    });
    let state = SignPage {
        page: "sign",
        envelope_id: envelope.id.to_string(),
        envelope_name: &envelope.terms.name,
        envelope_status: envelope.state.as_str(),
        agent_id: agent_id.to_string(),
        name: &person.name,
        status: state.as_str(),
        locale: person.locale,
        needs_code: recipient.role.phone_verification,
        actions,
        first: place.first(),
        refused: refusal.map(Refusal::name),
    };
    let page = Page::new(words.title, content, &state);
    let live = Live { page: urls.sign(link), changes: urls.sign_changes(link) };
    Ok(Page { lang: words.lang, live: Some(live), ..page })
}

impl Place<'_> {
    /// What the rules let the agent do now.
    fn actions(&self) -> Vec<&'static str> {
        let may = |act| match self.envelope.judge(Command::Act(self.spot, act)) {
            Ok(judgement) => judgement == Judgement::Effective,
            Err(refusal) => refusal == Refusal::CodeRequired,
        };
        let all = [
            ("open", Act::Open),
            ("accept", Act::Accept),
            ("sign", Act::Sign { code: None }),
            ("decline", Act::Decline),
        ];
        all.into_iter().filter(|(_, act)| may(*act)).map(|(name, _)| name).collect()
    }

    /// Who accepted first, if that was another agent.
    fn first(&self) -> Option<First> {
        let (RecipientState::Claimed { by, at, .. } | RecipientState::Completed { by: Some(by), at, .. }) =
            self.recipient.state
        else {
            return None;
        };
        if by == self.spot.agent {
            return None;
        }
        let person = self.recipient.role.persons.get(usize::try_from(by).ok()?)?;
        Some(First { name: person.name.to_string(), at })
    }

    /// The agent's state, as a sentence.
    fn told(&self, words: &Words) -> &'static str {
        match self.state {
            AgentState::Waiting => words.waiting,
            AgentState::Invited => words.invited,
            AgentState::Opened => words.opened,
            AgentState::Primary => words.primary,
            AgentState::Released => words.released,
            AgentState::Declined => words.declined,
            AgentState::Signed => words.signed,
        }
    }

    fn notices(&self, words: &Words, refusal: Option<Refusal>) -> Markup {
        let ended = match self.envelope.state {
            EnvelopeState::Draft => Some(words.draft),
            EnvelopeState::Sent { .. } => None,
            EnvelopeState::Finalized { .. } => Some(words.finalized),
            EnvelopeState::Voided { .. } => Some(words.voided),
            EnvelopeState::Expired { .. } => Some(words.expired),
        };
        let problem = refusal.map(|refusal| match refusal {
            Refusal::CodeRequired => words.code_required,
            Refusal::CodeWrong => words.code_wrong,
            Refusal::NothingToSign | Refusal::ReadOnly => words.nothing_to_sign,
            _ => words.refused,
        });
        html! {
            @if let Some(problem) = problem { (banner("warning", "problem", &html! { (problem) })) }
            @if let Some(first) = self.first() {
                (banner("info", "somebody-was-first", &html! {
                    strong { (words.somebody_was_first) } ": "
                    span data-testid="first-name" { (first.name) } ", " (words.accepted_at) " " (time(first.at)) "."
                }))
            }
            @if let Some(ended) = ended { (banner("info", "envelope-state", &html! { (ended) })) }
        }
    }
}

fn buttons(place: &Place<'_>, actions: &[&str], words: &Words, urls: PageUrls<'_>, link: &str) -> Markup {
    let needs_code = place.recipient.role.phone_verification;
    html! {
        @if actions.contains(&"sign") {
            form method="post" action=(urls.act(link, "sign")) {
                @if needs_code {
                    p { (words.code_sent) }
                    div.field {
                        label for="code" { (words.code) }
                        input id="code" name="code" inputmode="numeric" autocomplete="one-time-code" maxlength="6" data-testid="code";
                    }
                }
                div.actions { button.main type="submit" data-testid="sign" { (words.sign) } }
            }
        }
        div.actions {
            @if actions.contains(&"open") { (button(&urls.act(link, "open"), "open", "main", words.open)) }
            @if actions.contains(&"accept") { (button(&urls.act(link, "accept"), "accept", "main", words.accept)) }
            @if actions.contains(&"decline") { (button(&urls.act(link, "decline"), "decline", "danger", words.decline)) }
        }
    }
}

/// The body of the handoff that an envelope came from; null if there was none.
async fn handoff_of(sandbox: &Sandbox, envelope: &Envelope) -> Result<Value, StoreError> {
    let Some(origin) = &envelope.terms.origin else { return Ok(Value::Null) };
    let session = sandbox.agent_sessions().get(&origin.agent_session_id).await?;
    let session = session.filter(|session| session.request.len() <= LARGEST_PARSED);
    Ok(session.and_then(|session| read_json(&session.request).ok()).unwrap_or_default())
}
