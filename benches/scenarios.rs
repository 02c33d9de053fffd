//! Cost of choosing a scenario among ten and among a thousand that each match one exact value, in addition to the
//! shipped ones. A thousand should cost about as much as ten.

#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark fails by panicking")]

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use docendorse_mock::domain::scenario::{Facts, LazyBody, Scenario, ScenarioEndpoint, ScenarioSet, shipped};
use serde_json::json;
use std::{hint::black_box, sync::Arc};

/// The shipped set plus `count` scenarios that each match one exact value of `key`.
fn set(key: &str, count: usize) -> ScenarioSet {
    let shipped = shipped().into_iter().map(|(name, text)| Arc::new(Scenario::read(name, text).unwrap()));
    let own = (0..count).map(|index| {
        let text = json!({ "name": format!("own-{index:04}"), "match": { key: value(key, index) }, "answers": [{}] });
        Arc::new(Scenario::read("bench.json", &text.to_string()).unwrap())
    });
    ScenarioSet::compile(shipped.chain(own).collect()).unwrap()
}

fn value(key: &str, index: usize) -> String {
    match key {
        "email" => format!("user-{index:04}@example.com"),
        // There are few intents, so many scenarios share one, and the first of them is chosen.
        "intent" => ["self_sign", "use_template"][index % 2].to_owned(),
        _ => format!("handoff-{index:04}"),
    }
}

fn choose(criterion: &mut Criterion) {
    let body = LazyBody::new(b"{}");
    for key in ["email", "intent", "handoff_id"] {
        let mut group = criterion.benchmark_group(format!("choose by {key}"));
        for count in [10, 1_000] {
            let set = set(key, count);
            let wanted = value(key, count - 1);
            let mut facts = Facts {
                email: "sam@example.com",
                external_user_id: "usr_1",
                intent: "create_from_prompt",
                handoff_id: "acme-1",
                source: "crm",
                body: &body,
            };
            match key {
                "email" => facts.email = &wanted,
                "intent" => facts.intent = &wanted,
                _ => facts.handoff_id = &wanted,
            }
            assert!(
                set.choose(ScenarioEndpoint::Handoff, &facts).is_ok_and(|chosen| chosen.is_some()),
                "no scenario matched"
            );
            group.bench_with_input(BenchmarkId::from_parameter(count), &facts, |bencher, facts| {
                bencher.iter(|| set.choose(ScenarioEndpoint::Handoff, black_box(facts)));
            });
        }
        group.finish();
    }
}

criterion_group!(benches, choose);
criterion_main!(benches);
