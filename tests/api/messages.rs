//! Captured messages: what is sent to whom, how a test finds it, and how it is shown.

mod find;
mod kinds;
mod safety;
mod waits;

use crate::harness::Api;
use docendorse_mock::domain::signing::{Locale, Person, PhoneContactMethod};
use serde_json::Value;

/// The messages that a query finds, oldest first.
async fn messages(api: &Api, query: &str) -> Vec<Value> {
    let answer = api.get(&format!("/__admin/messages{query}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let mut messages = answer.json()["messages"].as_array().unwrap().clone();
    messages.reverse();
    messages
}

/// The kind and the addressee of each message.
fn told(messages: &[Value]) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    messages.iter().map(|one| format!("{} to {}", text(&one["kind"]), text(&one["to"]))).collect()
}

/// A person with a phone and no email.
fn by_phone(name: &str, phone: &str, method: PhoneContactMethod, locale: Locale) -> Person {
    let person = Person::new(name.into(), None, Some(phone.into()), locale);
    Person { phone_contact_method: Some(method), ..person }
}
