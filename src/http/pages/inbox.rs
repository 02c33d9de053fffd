//! `/__admin/inbox`: the captured messages of a sandbox, for people.
//!
//! Shows nothing that `/__admin/messages` does not return, and changes nothing.

use super::{
    failure::Failure,
    layout::{card, fact, pill, time},
    visit::{Live, Page, Visit},
};
use crate::{
    base::{position::brief, reading, urls::PageUrls},
    domain::message::{Channel, Message},
    http::base_url::Base,
    sandbox::{DEFAULT, Sandbox},
    store::StoreError,
};
use axum::{
    extract::{Path, RawQuery},
    response::Response,
};
use jiff::Timestamp;
use maud::{Markup, html};
use serde_json::{Value, json};
use std::sync::Arc;

/// How many messages the page lists.
const LISTED: usize = 100;

pub(super) async fn show(visit: Visit, Base(base): Base, RawQuery(query): RawQuery) -> Response {
    let page = async {
        let query = reading::query(&query.unwrap_or_default()).map_err(|error| Failure::Query(error.to_string()))?;
        if let Some(unknown) = query.names().find(|name| !["search", "sandbox"].contains(name)) {
            let unknown = format!("unknown parameter {:?}; the inbox takes \"search\" and \"sandbox\"", brief(unknown));
            return Err(Failure::Query(unknown));
        }
        let given = query.word("search");
        let search = given.map_or("", |search| search.spaced.trim());
        // A form sends a space as `+`; a person who writes the URL may mean a plus.
        let readings = [Some(search), given.and_then(|search| search.plus.as_deref())];
        let readings: Vec<String> =
            readings.into_iter().flatten().map(|reading| reading.trim().to_lowercase()).collect();
        let contains = |text: &str| {
            let text = text.to_lowercase();
            readings.iter().any(|reading| text.contains(reading))
        };
        let sandbox = &visit.sandbox;
        let view = |message: &Message| serde_json::to_value(sandbox.message_view(message, &base)).unwrap_or_default();
        // Without the text, whose links take longer to compose than everything else.
        let is_found = |message: &Message| {
            search.is_empty()
                || contains(&message.to)
                || message.name.as_deref().is_some_and(contains)
                || message.code.as_deref().is_some_and(contains)
                || message.handoff_id().is_some_and(contains)
                || contains(message.kind.as_str())
                || message.subject().is_some_and(|subject| contains(&subject))
        };
        let page = sandbox.messages().page(None, LISTED, is_found).await?.ok_or(Failure::Unknown)?;
        let messages: Vec<(Timestamp, Value)> =
            page.records.iter().map(|message| (message.at, view(message))).collect();
        Ok(list(&visit, search, &messages, page.matching))
    };
    visit.answer(page.await)
}

pub(super) async fn show_message(visit: Visit, Base(base): Base, Path(id): Path<String>) -> Response {
    let page = async {
        let message = visit.sandbox.messages().get(&id).await?.ok_or(Failure::Unknown)?;
        let view = serde_json::to_value(visit.sandbox.message_view(&message, &base)).unwrap_or_default();
        Ok(one(&visit, &message, &view))
    };
    visit.answer(page.await)
}

/// Differs whenever a message arrives or is deleted.
pub(super) async fn mark(sandbox: &Sandbox) -> Result<Option<String>, StoreError> {
    let (newest, _) = sandbox.messages().newest(0, |_| true).await?;
    let id = newest.map_or_else(|| "".into(), |message| Arc::clone(&message.id));
    let usage = sandbox.messages().fill().await?;
    Ok(Some(format!("{id} {} {}", usage.kept, usage.dropped)))
}

fn list(visit: &Visit, search: &str, messages: &[(Timestamp, Value)], matching: usize) -> Page {
    let urls = visit.urls();
    let content = html! {
        (card(&html! {
            h1 data-testid="title" { "Inbox" }
            p.quiet {
                "Messages that the service would have sent in the sandbox "
                strong data-testid="sandbox" { (visit.sandbox.name()) }
                ". They are captured, never sent."
            }
            form method="get" action=(urls.inbox()) role="search" {
                @if visit.sandbox.name() != DEFAULT { input type="hidden" name="sandbox" value=(visit.sandbox.name()); }
                div.field {
                    label for="search" { "Search" }
                    input id="search" name="search" type="search" value=(search) data-testid="search";
                }
                div.actions { button.plain type="submit" data-testid="find" { "Find" } }
            }
        }))
        (card(&html! {
            @if messages.is_empty() { p.quiet data-testid="no-messages" { "No messages." } }
            ul.rows {
                @for (at, message) in messages {
                    li data-testid="message" {
                        a href=(urls.message(text(message, "id"))) data-testid="message-link" { (heading(message)) }
                        br;
                        span.quiet { "To " span data-testid="message-to" { (text(message, "to")) } " · " (time(*at)) } " "
                        (pill(text(message, "channel"), "message-channel", text(message, "channel")))
                    }
                }
                @if matching > messages.len() { li.quiet { "and " (matching - messages.len()) " older" } }
            }
        }))
    };
    let shown: Vec<&Value> = messages.iter().map(|(_, message)| message).collect();
    let state = json!({ "page": "inbox", "messages": shown, "matching": matching });
    let live = Live { page: urls.search_inbox(search), changes: urls.inbox_changes() };
    Page { live: Some(live), ..Page::new("Inbox", content, &state) }
}

fn one(visit: &Visit, message: &Message, view: &Value) -> Page {
    let urls = visit.urls();
    let links = view["links"].as_array().map(Vec::as_slice).unwrap_or_default();
    let content = card(&html! {
        h1 data-testid="title" { (heading(view)) }
        dl {
            (fact("To", "message-to", &html! {
                @if let Some(name) = view["name"].as_str() { (name) " · " }
                (text(view, "to"))
            }))
            (fact("Sent", "message-at", &time(message.at)))
            (fact("Kind", "message-kind", &html! { (message.kind.as_str().replace('_', " ")) }))
            @if let Some(code) = view["code"].as_str() { (fact("Code", "message-code", &html! { (code) })) }
        }
        (body(message, view, urls))
        @for link in links {
            p { a href=(text(link, "url")) data-testid="message-url" { (text(link, "rel")) ": " (text(link, "url")) } }
        }
        p { a href=(urls.inbox()) data-testid="back" { "Back to the inbox" } }
    });
    Page::new(heading(view).to_owned(), content, view)
}

/// A mail as the service would show it, in a frame that can do nothing; anything else as text.
fn body(message: &Message, view: &Value, urls: PageUrls<'_>) -> Markup {
    html! {
        @if message.channel == Channel::Email {
            iframe sandbox="allow-popups allow-popups-to-escape-sandbox" title="The mail" src=(urls.message_html(text(view, "id"))) data-testid="message-html" {}
        } @else {
            p.text data-testid="message-text" { (text(view, "text")) }
        }
    }
}

/// The subject of a mail, or the text of a short message.
fn heading(view: &Value) -> &str {
    match text(view, "subject") {
        "" => text(view, "text"),
        subject => subject,
    }
}

fn text<'v>(value: &'v Value, member: &str) -> &'v str {
    value[member].as_str().unwrap_or_default()
}
