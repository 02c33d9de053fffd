//! Cost of validating a body: the fast path for clean bodies, full validation, and the explanation of faults.

#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark fails by panicking")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use docendorse_mock::domain::{
    contract::{HANDOFF_REQUEST, Schema},
    session::HandoffRequest,
};
use serde_json::json;
use std::hint::black_box;

fn ten_violations() -> Vec<u8> {
    json!({
        "handoff_id": 1, "intent": "sign", "actor": { "external_user_id": "a", "email": "sam" },
        "integration": { "source": null, "source_conversation_id": 2 }, "context": { "summary": "" },
        "facts": { "metadata": {} }, "files": [{ "type": "url", "name": "a", "url": "a.pdf" }],
    })
    .to_string()
    .into_bytes()
}

fn contract(criterion: &mut Criterion) {
    let schema = Schema::compile(HANDOFF_REQUEST).unwrap();
    schema.warm().unwrap();
    let minimal = std::fs::read("fixtures/requests/valid/minimal.json").unwrap();
    let full = std::fs::read("fixtures/requests/valid/full.json").unwrap();
    let faulty = ten_violations();
    assert_eq!(schema.check::<HandoffRequest>(&faulty).unwrap_err().violations.len(), 10);

    let mut group = criterion.benchmark_group("check");
    for (name, body) in [("minimal", &minimal), ("full", &full), ("ten violations", &faulty)] {
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| schema.check::<HandoffRequest>(black_box(body)).is_ok());
        });
    }
    group.bench_function("full, without the fast path", |bencher| {
        bencher.iter(|| schema.judge(black_box(&full)).is_ok());
    });
    group.finish();

    // The lower bound: only parsing, into a tree that is then discarded.
    criterion.bench_function("limit/parse full", |bencher| {
        bencher.iter(|| serde_json::from_slice::<serde_json::Value>(black_box(&full)).unwrap());
    });
    criterion.bench_function("start/compile schema", |bencher| {
        bencher.iter(|| Schema::compile(black_box(HANDOFF_REQUEST)).unwrap());
    });
}

criterion_group!(benches, contract);
criterion_main!(benches);
