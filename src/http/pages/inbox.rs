//! `/__admin/inbox`: the captured messages of a sandbox, for people.
//!
//! Shows nothing that `/__admin/messages` does not return, and changes nothing.

use super::{
    failure::Failure,
    layout::{card, fact, pill},
    visit::{Live, Page, Visit},
};
use crate::{
    base::{reading, urls::PageUrls},
    domain::message::{Channel, Message},
    http::base_url::Base,
    sandbox::{DEFAULT, Sandbox},
    store::StoreError,
};
use axum::{
    extract::{Path, RawQuery},
    response::Response,
};
use maud::{Markup, html};
use serde_json::{Value, json};
use std::sync::Arc;

/// How many messages the page lists.
const LISTED: usize = 100;

pub(super) async fn show(visit: Visit, Base(base): Base, RawQuery(query): RawQuery) -> Response {
    let page = async {
        let query = reading::query(&query.unwrap_or_default()).ok();
        let search = query.as_ref().and_then(|query| query.word("search"));
        let search = search.map(|search| search.plus.as_ref().unwrap_or(&search.spaced).trim().to_lowercase());
        let search = search.unwrap_or_default();
        let sandbox = &visit.sandbox;
        let view = |message: &Message| serde_json::to_value(sandbox.message_view(message, &base)).unwrap_or_default();
        let is_found = |message: &Message| {
            search.is_empty()
                || message.to.to_lowercase().contains(&search)
                || text(&view(message), "subject").to_lowercase().contains(&search)
                || text(&view(message), "text").to_lowercase().contains(&search)
        };
        let page = sandbox.messages().page(None, LISTED, is_found).await?.ok_or(Failure::Unknown)?;
        let messages: Vec<Value> = page.records.iter().map(|message| view(message)).collect();
        Ok(list(&visit, &search, &messages, page.matching))
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
    let newest = sandbox.messages().page(None, 1, |_| true).await?;
    Ok(newest.map(|page| {
        let id = page.records.first().map(|message| Arc::clone(&message.id)).unwrap_or_default();
        format!("{id} {}", page.matching)
    }))
}

fn list(visit: &Visit, search: &str, messages: &[Value], matching: usize) -> Page {
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
                @for message in messages {
                    li data-testid="message" {
                        a href=(urls.message(text(message, "id"))) data-testid="message-link" { (heading(message)) }
                        br;
                        span.quiet { "To " span data-testid="message-to" { (text(message, "to")) } " · " (text(message, "at")) } " "
                        (pill(text(message, "channel"), "message-channel", text(message, "channel")))
                    }
                }
                @if matching > messages.len() { li.quiet { "and " (matching - messages.len()) " older" } }
            }
        }))
    };
    let state = json!({ "page": "inbox", "messages": messages, "matching": matching });
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
            (fact("Sent", "message-at", &html! { (text(view, "at")) }))
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
            iframe sandbox="" title="The mail" src=(urls.message_html(text(view, "id"))) data-testid="message-html" {}
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
