//! The hosted pages in a real browser: each answer to its end, competing agents, and whether everyone can use them.
//!
//! `journeys.mjs` checks most claims itself and fails with the reason. Every part also fails if the browser reports an
//! error or a violation of the content security policy.

use crate::{run_script, start};
use serde_json::{Value, json};
use std::{
    io::Write,
    path::{Path, PathBuf},
};

/// Where the run leaves its screenshots.
fn screenshots() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("test-output/pages")
}

/// Walks a journey with a server of its own.
fn walk(part: &str) -> Value {
    let server = start();
    run_script("tests/browser/journeys.mjs", &[part, &server.url])
}

#[test]
#[ignore = "needs Chromium"]
fn a_success_ends_at_a_finalized_envelope() {
    assert_eq!(walk("success"), json!({ "finalized": true }));
}

#[test]
#[ignore = "needs Chromium"]
fn subscribing_leads_to_the_agent_page() {
    assert_eq!(walk("subscribe"), json!({ "signed": true }));
}

#[test]
#[ignore = "needs Chromium"]
fn the_mailed_link_verifies_the_email() {
    assert_eq!(walk("verify"), json!({ "status": "success" }));
}

#[test]
#[ignore = "needs Chromium"]
fn registering_leads_to_the_agent_page_after_a_retry() {
    assert_eq!(walk("register"), json!({ "status": "success" }));
}

#[test]
#[ignore = "needs Chromium"]
fn an_error_leads_to_no_page() {
    assert_eq!(walk("error"), json!({ "members": ["status", "next_action", "description"] }));
}

#[test]
#[ignore = "needs Chromium"]
fn one_of_two_who_accept_at_once_wins() {
    let report = walk("compete");
    assert_eq!(report["rounds"], 20);
    let wins: u64 = report["wins"].as_object().unwrap().values().map(|wins| wins.as_u64().unwrap()).sum();
    assert_eq!(wins, 20, "{report}");
}

#[test]
#[ignore = "needs Chromium"]
fn a_turkish_agent_gets_a_turkish_page() {
    let report = walk("turkish");
    assert_eq!(report, json!({ "lang": "tr", "buttons": ["Belgeyi aç", "Kabul et ve bu rol için imzala", "İmzala"] }));
}

#[test]
#[ignore = "needs Chromium"]
fn a_wrong_code_is_refused_and_the_message_stays() {
    assert_eq!(walk("code"), json!({ "signed": true }));
}

#[test]
#[ignore = "needs Chromium"]
fn the_keyboard_alone_is_enough() {
    assert_eq!(walk("keyboard"), json!({ "focus_after_update": "main" }));
}

#[test]
#[ignore = "needs Chromium"]
fn a_scanner_that_visits_links_first_burns_none() {
    assert_eq!(walk("scanner"), json!({ "looks": ["link.viewed"] }));
}

#[test]
#[ignore = "needs Chromium"]
fn the_journeys_need_no_javascript() {
    assert_eq!(walk("without_script"), json!({ "signed": true }));
}

#[test]
#[ignore = "needs Chromium"]
fn every_page_is_accessible_in_every_look() {
    let (server, folder) = (start(), screenshots());
    let report = run_script("tests/browser/journeys.mjs", &["pages", &server.url, folder.to_str().unwrap()]);
    let names = report["inspected"].as_array().unwrap();
    for page in ["agent", "sign", "subscribe", "verify-email", "register", "failure"] {
        assert!(names.iter().any(|name| name.as_str().unwrap().starts_with(page)), "{page}: {report}");
    }
    // Written past the capture of the test harness, so that it is seen when the test succeeds.
    let _ = writeln!(std::io::stderr(), "screenshots of {} pages: {}", names.len(), folder.display());
}
