//! Two callers act on one envelope, and the first to write gets its answer last. Follow-up actions are still planned in
//! the order of the transitions.

use crate::delegate::delegate;
use docendorse_mock::{
    app::App,
    base::ids::Ids,
    config::Settings,
    domain::{
        agenda::Task,
        oauth::TokenIssuer,
        scenario::ScenarioSet,
        signing::{Act, AgentId, Intention, NewRecipient, Person, Terms},
    },
    sandbox::{AgentSource, Issuing, Sandbox, SandboxLimits, Sandboxes},
    store::{self, Committed, Memory, Pending, Retention, Store, Write},
};
use futures_util::FutureExt;
use jiff::Timestamp;
use serde_json::json;
use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::sync::Notify;

/// A store that delays the answer to the next writer.
#[derive(Debug)]
struct Late {
    memory: Memory,
    holds_next: AtomicBool,
    answers: Notify,
}

impl Store for Late {
    delegate!(memory: get find list due log next clear usage);

    fn commit<'a>(&'a self, sandbox: &'a str, writes: Vec<Write>) -> Pending<'a, Committed> {
        Box::pin(async move {
            let committed = self.memory.commit(sandbox, writes).await;
            if self.holds_next.swap(false, Ordering::Relaxed) {
                self.answers.notified().await;
            }
            committed
        })
    }
}

/// The default sandbox on such a store.
fn sandbox() -> (Arc<Late>, Sandboxes, Arc<Sandbox>) {
    let memory = Memory::new(Retention::unlimited());
    let store = Arc::new(Late { memory, holds_next: AtomicBool::new(false), answers: Notify::new() });
    let (sandboxes, sandbox) = sandbox_over(store.clone());
    (store, sandboxes, sandbox)
}

/// The default sandbox on a store, without scenarios of the server.
pub fn sandbox_over(store: Arc<dyn Store>) -> (Sandboxes, Arc<Sandbox>) {
    let app = App::new(Settings::default(), "http://mock.test").unwrap();
    let settings = app.sandboxes.default_sandbox().settings().clone();
    let ids = Ids::seeded(1);
    let issuer = TokenIssuer::new(&ids.signing_seed()).unwrap();
    let issuing = Issuing::new(issuer, "");
    let limits = SandboxLimits { count: 1, idle: std::time::Duration::MAX };
    let scenarios = Arc::new(ScenarioSet::default());
    let sandboxes = Sandboxes::new(settings, limits, store, scenarios, issuing.into(), ids).unwrap();
    let sandbox = sandboxes.default_sandbox();
    (sandboxes, sandbox)
}

/// Sends an envelope to Alice and Bob, who are simulated and open, accept and sign; Alice has opened.
async fn opened(sandbox: &Sandbox) -> (AgentId, AgentId) {
    let plan = json!({ "people": [{ "opens": "1h", "accepts": "1h", "signs": "1h" }] });
    let terms = Terms {
        reminder_initial_delay_days: 3,
        reopen: true,
        plan: Some(Arc::new(serde_json::from_value(plan).unwrap())),
        ..Terms::new("Mutual NDA", Timestamp::UNIX_EPOCH)
    };
    let envelope = sandbox.create_envelope(terms, None).await.unwrap().id;
    let new = NewRecipient::signer("signer");
    let agents = ["alice", "bob"].map(|name| {
        let person = json!({ "name": name, "email": format!("{name}@example.com") });
        AgentSource { info: Some(serde_json::from_value::<Person>(person).unwrap()), ..AgentSource::default() }
    });
    sandbox.add_recipient(&envelope.to_string(), new, &agents).await.unwrap();
    sandbox.send_envelope(&envelope.to_string()).await.unwrap();
    let [alice, bob] = [1, 2].map(|number| AgentId { envelope, number });
    sandbox.act(&alice.to_string(), Act::Open).await.unwrap();
    (alice, bob)
}

/// The planned actions of people.
async fn planned(sandbox: &Sandbox) -> Vec<Task> {
    let (items, _) = sandbox.agenda(100).await.unwrap();
    items.into_iter().map(|item| item.task).filter(|task| matches!(task, Task::Act { .. })).collect()
}

/// Lets an agent act, and runs `others` after the store has applied the act and before it answers.
async fn act_late(store: &Late, sandbox: &Sandbox, agent: AgentId, act: Act<'_>, others: impl AsyncFnOnce()) {
    store.holds_next.store(true, Ordering::Relaxed);
    let agent = agent.to_string();
    let mut acting = pin!(sandbox.act(&agent, act));
    assert!(acting.as_mut().now_or_never().is_none());
    others().await;
    store.answers.notify_one();
    assert!(acting.await.unwrap().effective);
}

#[tokio::test]
async fn a_late_release_does_not_cancel_a_new_invitation() {
    let (store, _sandboxes, sandbox) = sandbox();
    let (alice, bob) = opened(&sandbox).await;
    act_late(&store, &sandbox, alice, Act::Accept, async || {
        sandbox.act(&alice.to_string(), Act::Decline).await.unwrap();
    })
    .await;
    assert_eq!(planned(&sandbox).await, [Task::Act { act: Intention::Open, agent_id: bob }]);
}

#[tokio::test]
async fn a_late_open_plans_no_second_accept() {
    let (store, _sandboxes, sandbox) = sandbox();
    let (_, bob) = opened(&sandbox).await;
    act_late(&store, &sandbox, bob, Act::Open, async || {
        sandbox.act(&bob.to_string(), Act::Accept).await.unwrap();
    })
    .await;
    assert_eq!(planned(&sandbox).await, [Task::Act { act: Intention::Sign, agent_id: bob }]);
}

#[tokio::test]
async fn an_envelope_voided_right_after_opening_plans_nothing() {
    let (store, _sandboxes, sandbox) = sandbox();
    let (_, bob) = opened(&sandbox).await;
    act_late(&store, &sandbox, bob, Act::Open, async || {
        sandbox.void_envelope(&bob.envelope.to_string()).await.unwrap();
    })
    .await;
    assert_eq!(sandbox.agenda(100).await.unwrap().1, 0);
}

#[tokio::test]
async fn nothing_started_before_a_reset_has_effects_after_it() {
    let (store, sandboxes, sandbox) = sandbox();
    let (_, bob) = opened(&sandbox).await;
    act_late(&store, &sandbox, bob, Act::Open, async || {
        sandboxes.reset("default").await.unwrap().unwrap();
        sandboxes.clear_away().await.unwrap();
    })
    .await;
    let sandbox = sandboxes.default_sandbox();
    assert_eq!((sandbox.agenda(100).await.unwrap().1, sandbox.events().last().await.unwrap()), (0, 0));
}
