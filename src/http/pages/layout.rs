//! The look of every page: the document around it, and the few parts that pages are made of.
//!
//! Stable `data-testid`s are part of the interface; `docs/journeys.md` lists them.

use super::visit::Page;
use crate::base::urls::PageUrls;
use jiff::Timestamp;
use maud::{DOCTYPE, Markup, html};

/// The whole document of a page.
pub(super) fn document(page: &Page, urls: PageUrls<'_>) -> Markup {
    let (mock, legal) = match page.lang {
        "tr" => ("Bu sayfa docendorse-mock tarafından üretildi", "Hukuki geçerliliği yoktur."),
        _ => ("This page is served by docendorse-mock", "It has no legal effect."),
    };
    html! {
        (DOCTYPE)
        html lang=(page.lang) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (page.title) " · docendorse-mock" }
                link rel="icon" href="data:,";
                link rel="stylesheet" href=(urls.asset("style.css"));
                @if page.live.is_some() { script src=(urls.asset("live.js")) defer {} }
            }
            body {
                header.bar {
                    span.brand { "DocEndorse" }
                    span.mark data-testid="mock-mark" { "MOCK" }
                }
                main tabindex="-1" data-page=[page.live.as_ref().map(|live| &live.page)] data-changes=[page.live.as_ref().map(|live| &live.changes)] {
                    (page.content)
                }
                footer { p data-testid="mock-notice" { (mock) ". " (legal) } }
            }
        }
    }
}

pub(super) fn card(content: &Markup) -> Markup {
    html! { section.card { (content) } }
}

/// A notice of a kind: `info`, `success` or `warning`.
pub(super) fn banner(kind: &str, testid: &str, content: &Markup) -> Markup {
    html! { p.banner.(kind) data-testid=(testid) role="status" { (content) } }
}

/// One row of a list of facts.
pub(super) fn fact(name: &str, testid: &str, value: &Markup) -> Markup {
    html! { div { dt { (name) } dd data-testid=(testid) { (value) } } }
}

/// A form that consists of a button.
pub(super) fn button(action: &str, testid: &str, kind: &str, label: &str) -> Markup {
    html! {
        form method="post" action=(action) { button.(kind) type="submit" data-testid=(testid) { (label) } }
    }
}

/// A state, as a small label.
pub(super) fn pill(state: &str, testid: &str, label: &str) -> Markup {
    html! { span.pill.(state) data-testid=(testid) { (label) } }
}

/// A time of the sandbox, in UTC.
pub(super) fn time(at: Timestamp) -> Markup {
    html! { time datetime=(at) { (at.strftime("%Y-%m-%d %H:%M:%S UTC")) } }
}
