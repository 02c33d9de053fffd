//! A second run with the documents of the first continues its clock and ids.

use crate::encoded::Encoded;
use docendorse_mock::{
    Settings,
    app::App,
    base::{clock::ClockChange, ids::Ids},
    domain::{oauth::TokenIssuer, scenario::ScenarioSet, signing::Locale},
    sandbox::{Issuing, NewContact, Sandbox, SandboxLimits, Sandboxes},
    store::{Memory, Retention, Store},
};
use jiff::SignedDuration;
use std::{sync::Arc, time::Duration};

fn store() -> Arc<dyn Store> {
    Arc::new(Encoded(Memory::new(Retention::unlimited())))
}

async fn run_over(store: &Arc<dyn Store>) -> Sandboxes {
    let app = App::new(Settings::default(), "http://mock.test").unwrap();
    let mut settings = app.sandboxes.default_sandbox().settings().clone();
    settings.seed = Some(7);
    let ids = Ids::seeded(7);
    let issuing = Issuing::new(TokenIssuer::new(&ids.signing_seed()).unwrap(), "");
    let limits = SandboxLimits { count: 10, idle: Duration::MAX };
    let scenarios = Arc::new(ScenarioSet::default());
    let sandboxes = Sandboxes::new(settings, limits, Arc::clone(store), scenarios, issuing.into(), ids).unwrap();
    sandboxes.begin().await.unwrap();
    sandboxes
}

async fn contact(sandbox: &Sandbox) -> String {
    let new =
        NewContact { name: "Sam".into(), email: Some("sam@example.com".into()), phone: None, locale: Locale::EnUs };
    sandbox.create_contact(new).await.unwrap().id.to_string()
}

#[tokio::test]
async fn a_second_run_has_the_clock_of_the_first() {
    let store = store();
    let first = run_over(&store).await.default_sandbox();
    first.change_clock(ClockChange::Freeze).await.unwrap();
    let (moved, _) = first.change_clock(ClockChange::Advance(SignedDuration::from_hours(48))).await.unwrap();
    let second = run_over(&store).await.default_sandbox();
    assert_eq!(second.clock.read(), moved);
    second.change_clock(ClockChange::Resume).await.unwrap();
    let third = run_over(&store).await.default_sandbox();
    let resumed = third.clock.read();
    assert!(!resumed.frozen && resumed.now >= moved.now, "{resumed:?}");
}

#[tokio::test]
async fn a_reset_keeps_the_stored_clock() {
    let store = store();
    let sandboxes = run_over(&store).await;
    let (frozen, _) = sandboxes.default_sandbox().change_clock(ClockChange::Freeze).await.unwrap();
    sandboxes.reset("default").await.unwrap();
    sandboxes.clear_away().await.unwrap();
    assert_eq!(run_over(&store).await.default_sandbox().clock.read(), frozen);
}

#[tokio::test]
async fn a_second_run_reuses_no_id_of_the_first() {
    let store = store();
    let alone = run_over(&self::store()).await.default_sandbox();
    let expected = [contact(&alone).await, contact(&alone).await];
    let (first, second) = (run_over(&store).await, run_over(&store).await);
    let [one, other] = [first.default_sandbox(), second.default_sandbox()];
    assert_eq!([contact(&one).await, contact(&other).await], expected, "the counters are the store's");
    assert_ne!(one.ids.request(), other.ids.request());
    assert_ne!(one.ids.own(), other.ids.own());
    assert_ne!(first.draw("cs_", 40), second.draw("cs_", 40));
}
