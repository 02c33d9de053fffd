//! Hosted pages over plain HTTP, as a backend test walks them.

mod hostile;
mod inbox;
mod journeys;
mod live;
mod signing;

use crate::harness::{Answer, Api};
use axum::{body::Body, http::Request};
use serde_json::{Value, json};

/// Follows a URL that was handed out, or one on a page, as a browser does when somebody clicks.
async fn visit(api: &Api, url: &str) -> Answer {
    api.get(url.strip_prefix("http://mock.test").unwrap_or(url)).await
}

/// The state of a page.
async fn state(api: &Api, url: &str) -> Value {
    let path = url.strip_prefix("http://mock.test").unwrap_or(url);
    let answer = api.send(Request::get(path).header("accept", "application/json").body(Body::empty()).unwrap()).await;
    answer.json()
}

/// Presses a button: sends its form.
async fn press(api: &Api, path: &str, form: &str) -> Answer {
    let request = Request::post(path)
        .header("content-type", "application/x-www-form-urlencoded")
        .header("origin", "http://mock.test")
        .header("host", "mock.test")
        .header("sec-fetch-site", "same-origin");
    api.send(request.body(Body::from(form.to_owned())).unwrap()).await
}

/// The path that a relative URL leads to, from the page at `from`.
fn follow(from: &str, url: &str) -> String {
    let path = from.split('?').next().unwrap();
    let mut segments: Vec<&str> = path.split('/').collect();
    segments.pop();
    let (path, query) = url.split_once('?').map_or((url, String::new()), |(path, query)| (path, format!("?{query}")));
    for segment in path.split('/') {
        match segment {
            ".." => assert!(segments.pop().is_some() && !segments.is_empty(), "{url} leaves the server from {from}"),
            segment => segments.push(segment),
        }
    }
    segments.join("/") + &query
}

/// The text of an element with a `data-testid`, without markup.
fn text_of(page: &str, testid: &str) -> String {
    let start = page.find(&format!("data-testid=\"{testid}\"")).unwrap_or_else(|| panic!("no {testid} in {page}"));
    let content = &page[start..];
    let content = &content[content.find('>').unwrap() + 1..];
    content[..content.find('<').unwrap()].to_owned()
}

/// The action of the form with the button of this name.
fn action_of(page: &str, testid: &str) -> String {
    let before =
        &page[..page.find(&format!("data-testid=\"{testid}\"")).unwrap_or_else(|| panic!("no {testid} in {page}"))];
    attribute(&before[before.rfind("<form").unwrap()..], "action")
}

/// The target of the link of this name.
fn href_of(page: &str, testid: &str) -> String {
    let before =
        &page[..page.find(&format!("data-testid=\"{testid}\"")).unwrap_or_else(|| panic!("no {testid} in {page}"))];
    attribute(&before[before.rfind("<a").unwrap()..], "href")
}

fn attribute(tag: &str, name: &str) -> String {
    let start = tag.find(&format!("{name}=\"")).unwrap() + name.len() + 2;
    let value = &tag[start..];
    value[..value.find('"').unwrap()].replace("&amp;", "&")
}

/// A handoff with parties, each a signer of their own unless a scenario says otherwise.
fn with_parties(handoff_id: &str, parties: Value) -> String {
    let mut body: Value = serde_json::from_str(&crate::harness::body_of(handoff_id, "sam@example.com")).unwrap();
    body["facts"] = json!({
        "metadata": { "title": "Supply contract", "message": "Please sign by Friday." },
        "parties": parties,
    });
    body.to_string()
}
