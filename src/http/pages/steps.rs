//! What a user does before a handoff can succeed: subscribe (S3), verify an email (S4), register (S5).

use super::{
    failure::Failure,
    layout::{banner, card, fact},
    visit::{Done, Page, Visit},
};
use crate::{
    domain::{
        actor::{ActorChange, ActorState},
        session::{AgentSession, PendingHandoff, WaitsFor},
    },
    sandbox::Journey,
};
use axum::{extract::Path, response::Response};
use maud::{Markup, html};
use serde::Serialize;
use std::sync::Arc;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Subscribe,
    Verify,
    Register,
}

/// The state of the page.
#[derive(Serialize)]
struct StepPage<'a> {
    page: &'static str,
    email: &'a str,
    handoff_id: &'a str,
    /// Whether the user has done this step.
    done: bool,
    /// The agent session that the handoff has by now.
    #[serde(skip_serializing_if = "Option::is_none")]
    agent_session_id: Option<&'a str>,
    /// Its page, relative to this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    agent_url: Option<String>,
}

pub(super) async fn show_subscribe(visit: Visit, Path(id): Path<String>) -> Response {
    visit.answer(show(&visit, Step::Subscribe, &id, &visit.urls().subscribe(&id)).await)
}

pub(super) async fn subscribe(visit: Visit, Path(id): Path<String>) -> Response {
    visit.answer_done(complete(&visit, Step::Subscribe, &id, visit.urls().subscribe(&id)).await)
}

pub(super) async fn show_register(visit: Visit, Path(id): Path<String>) -> Response {
    visit.answer(show(&visit, Step::Register, &id, &visit.urls().register(&id)).await)
}

pub(super) async fn register(visit: Visit, Path(id): Path<String>) -> Response {
    visit.answer_done(complete(&visit, Step::Register, &id, visit.urls().register(&id)).await)
}

pub(super) async fn show_verify(visit: Visit, Path(link): Path<String>) -> Response {
    let page = async {
        let id = visit.sandbox.waiting_of_link(&link).ok_or(Failure::Unknown)?;
        show(&visit, Step::Verify, &id, &visit.urls().verify_email(&link)).await
    };
    visit.answer(page.await)
}

pub(super) async fn verify(visit: Visit, Path(link): Path<String>) -> Response {
    let done = async {
        let id = visit.sandbox.waiting_of_link(&link).ok_or(Failure::Unknown)?;
        complete(&visit, Step::Verify, &id, visit.urls().verify_email(&link)).await
    };
    visit.answer_done(done.await)
}

impl Step {
    fn change(self) -> ActorChange {
        let done = Some(true);
        match self {
            Self::Subscribe => ActorChange { subscribed: done, ..ActorChange::default() },
            Self::Verify => ActorChange { email_verified: done, ..ActorChange::default() },
            Self::Register => ActorChange { registered: done, ..ActorChange::default() },
        }
    }

    fn is_done(self, actor: &ActorState) -> bool {
        match self {
            Self::Subscribe => actor.subscribed,
            Self::Verify => actor.email_verified,
            Self::Register => actor.registered,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Subscribe => "subscribe",
            Self::Verify => "verify_email",
            Self::Register => "register",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Subscribe => "Subscribe to send documents",
            Self::Verify => "Verify your email",
            Self::Register => "Create your account",
        }
    }
}

async fn show(visit: &Visit, step: Step, waiting: &str, action: &str) -> Result<Page, Failure> {
    match visit.sandbox.journey(waiting).await?.ok_or(Failure::Unknown)? {
        Journey::Waits(pending) => {
            let actor = visit.sandbox.actor(&pending.request.actor.email).await?;
            // A scenario can ask a subscribed actor to subscribe; the button opens the session then as well (S3).
            let is_asked = |actor: &ActorState| pending.waits_for == WaitsFor::Subscription && actor.is_complete();
            let done = actor.is_some_and(|actor| step.is_done(&actor) && !is_asked(&actor));
            Ok(if done { completed(step, &pending) } else { to_do(step, &pending, action) })
        }
        Journey::Succeeded(session) => Ok(succeeded(visit, step, &session)),
    }
}

async fn complete(visit: &Visit, step: Step, waiting: &str, own: String) -> Result<Done, Failure> {
    let journey = visit.sandbox.journey(waiting).await?.ok_or(Failure::Unknown)?;
    let Journey::Waits(pending) = journey else { return Ok(Done::SeeOther(own)) };
    visit.sandbox.change_actor(&pending.request.actor.email, step.change()).await?;
    // A subscription opens the session; the other steps wait for the caller's retry.
    Ok(Done::SeeOther(match visit.sandbox.journey(waiting).await? {
        Some(Journey::Succeeded(session)) => visit.urls().agent(&session.id),
        _ => own,
    }))
}

fn to_do(step: Step, pending: &Arc<PendingHandoff>, action: &str) -> Page {
    let actor = &pending.request.actor;
    let name = actor.display_name.as_deref().unwrap_or_default();
    let content = match step {
        Step::Subscribe => html! {
            p { "Your account needs a subscription before the agent can send documents." }
            p.price data-testid="price" { "€0.00 " span.quiet { "per month, because this is a mock" } }
            (known(pending))
            (form(action, &html! {}, "subscribe", "Subscribe"))
        },
        Step::Verify => html! {
            p { "Confirm that this address is yours." }
            (known(pending))
            (form(action, &html! {}, "verify", "Verify this email"))
        },
        Step::Register => html! {
            p { "Check your details and create the account." }
            (form(action, &html! {
                div.field {
                    label for="name" { "Name" }
                    input id="name" name="name" value=(name) readonly autocomplete="name" data-testid="name";
                }
                div.field {
                    label for="email" { "Email" }
                    input id="email" name="email" type="email" value=(actor.email) readonly autocomplete="email" data-testid="email";
                }
            }, "register", "Create account"))
        },
    };
    page(step, pending, false, &content)
}

fn completed(step: Step, pending: &PendingHandoff) -> Page {
    let told = match step {
        Step::Subscribe => "You are subscribed. Something else is still missing; go back to the product and try again.",
        Step::Verify => "Your email is verified. Go back to the product and try again.",
        Step::Register => "Your account exists. Go back to the product and try again.",
    };
    page(step, pending, true, &html! { (banner("success", "done", &html! { (told) })) (known(pending)) })
}

fn page(step: Step, pending: &PendingHandoff, done: bool, content: &Markup) -> Page {
    let state = StepPage {
        page: step.name(),
        email: &pending.request.actor.email,
        handoff_id: &pending.request.handoff_id,
        done,
        agent_session_id: None,
        agent_url: None,
    };
    Page::new(step.title(), card(&html! { h1 data-testid="title" { (step.title()) } (content) }), &state)
}

/// The handoff has a session by now, so there is nothing left to do here.
fn succeeded(visit: &Visit, step: Step, session: &AgentSession) -> Page {
    let agent_url = visit.urls().agent(&session.id);
    let content = card(&html! {
        h1 data-testid="title" { (step.title()) }
        (banner("success", "done", &html! { "This is done already." }))
        p { a href=(agent_url) data-testid="continue" { "Continue with your e-sign agent" } }
    });
    let state = StepPage {
        page: step.name(),
        email: &session.actor.email,
        handoff_id: &session.handoff_id,
        done: true,
        agent_session_id: Some(&session.id),
        agent_url: Some(agent_url),
    };
    Page::new(step.title(), content, &state)
}

fn known(pending: &PendingHandoff) -> Markup {
    html! {
        dl {
            (fact("Email", "email", &html! { (pending.request.actor.email) }))
            (fact("Handoff", "handoff-id", &html! { (pending.request.handoff_id) }))
        }
    }
}

fn form(action: &str, fields: &Markup, testid: &str, label: &str) -> Markup {
    html! {
        form method="post" action=(action) {
            (fields)
            div.actions { button.main type="submit" data-testid=(testid) { (label) } }
        }
    }
}
