//! Cost of a signing command: in the state machine alone, through the store, and over HTTP in process; cost of an
//! acceptance by a winner and by a loser, by number of agents; and races simulated per second.

#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark fails by panicking")]

use axum::{Router, body::Body, http::Request};
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use docendorse_mock::{
    App, Settings,
    domain::signing::{Act, AgentId, Command, Effect, Envelope, EnvelopeId, Refusal, Spot},
    http,
    sandbox::{AgentSource, Sandbox},
    simulation::race::{Race, RaceAgent},
    store::{Memory, Repository, Retention, Shelf, Update},
};
use http_body_util::BodyExt;
use jiff::Timestamp;
use opened::{opened, person, signer, terms};
use std::{hint::black_box, sync::Arc};
use tokio::runtime::Runtime;
use tower::ServiceExt;

#[path = "../tests/help/opened.rs"]
#[allow(unreachable_pub, reason = "a benchmark exports nothing")]
mod opened;

/// The allocator of the shipped program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

/// Number of envelopes that the store keeps here: more than a batch, but few enough that the largest fit into memory.
const KEPT: usize = 200;

/// Number of races prepared before they are measured.
const BATCH: BatchSize = BatchSize::NumIterations(100);

/// A race of three agents who have all opened: all accept, the winner signs. Two of the four commands are refused.
const RACE: [(u32, Act<'static>); 4] =
    [(1, Act::Accept), (0, Act::Accept), (2, Act::Accept), (1, Act::Sign { code: None })];

fn command(agent: u32, act: Act<'static>) -> Command<'static> {
    Command::Act(Spot { recipient: 0, agent }, act)
}

type Envelopes = Repository<Envelope>;

fn envelopes() -> Envelopes {
    let retention = Retention::unlimited().keep("envelopes", KEPT, usize::MAX);
    Repository::new(&Arc::new(Shelf::new(Arc::new(Memory::new(retention)), "default".into())))
}

/// Runs one command through the update loop, as a sandbox does.
async fn carry_out(
    envelopes: &Envelopes,
    id: &str,
    command: Command<'_>,
    effects: &mut Vec<Effect>,
) -> Update<Envelope, Refusal> {
    let next = |current: &Envelope| {
        effects.clear();
        current.judge(command)?;
        let mut next = current.clone();
        next.perform(command, NOW, effects)?;
        Ok(Some(next))
    };
    envelopes.evolve(id, next).await.unwrap()
}

/// Creates an envelope in a sandbox and lets three agents open it.
async fn opened_in(sandbox: &Sandbox) -> EnvelopeId {
    let id = sandbox.create_envelope(terms(), None).await.unwrap().id;
    let agents: Vec<_> = (0..3).map(|n| AgentSource { info: Some(person(n)), ..AgentSource::default() }).collect();
    sandbox.add_recipient(&id.to_string(), signer(), &agents).await.unwrap();
    sandbox.send_envelope(&id.to_string()).await.unwrap();
    for number in 1..=3 {
        sandbox.act(&AgentId { envelope: id, number }.to_string(), Act::Open).await.unwrap();
    }
    id
}

fn request(envelope: EnvelopeId, agent: u32, act: Act<'_>) -> Request<Body> {
    let agent = AgentId { envelope, number: agent + 1 };
    Request::post(format!("/__admin/signing/agents/{agent}/{}", act.as_str()))
        .header("host", "127.0.0.1:4747")
        .header("prefer", "return=minimal")
        .body(Body::empty())
        .unwrap()
}

async fn ask(router: &Router, request: Request<Body>) -> u16 {
    let answer = router.clone().oneshot(request).await.unwrap();
    let status = answer.status().as_u16();
    black_box(answer.into_body().collect().await.unwrap().to_bytes());
    status
}

fn commands(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let mut group = criterion.benchmark_group("signing/commands");
    group.throughput(Throughput::Elements(RACE.len() as u64));

    let start = opened(1, 3);
    group.bench_function("in the state machine", |bencher| {
        let mut effects = Vec::new();
        bencher.iter_batched_ref(
            || start.clone(),
            |envelope| {
                for (agent, act) in RACE {
                    effects.clear();
                    let _ = black_box(envelope.perform(command(agent, act), NOW, &mut effects));
                }
            },
            BATCH,
        );
    });

    let stored = envelopes();
    let mut last = 0;
    group.bench_function("through the store", |bencher| {
        let mut effects = Vec::new();
        bencher.iter_batched(
            || {
                last += 1;
                let envelope = Arc::new(Envelope { id: EnvelopeId(last), ..start.clone() });
                runtime.block_on(stored.insert(Arc::clone(&envelope))).unwrap();
                envelope.id.to_string()
            },
            |id| {
                runtime.block_on(async {
                    for (agent, act) in RACE {
                        black_box(carry_out(&stored, &id, command(agent, act), &mut effects).await);
                    }
                });
            },
            BATCH,
        );
    });

    let app = App::new(Settings::default(), "http://mock.test").unwrap();
    let router = http::router(&app);
    let sandbox = app.sandboxes.default_sandbox();
    group.bench_function("in the sandbox", |bencher| {
        bencher.iter_batched(
            || {
                let envelope = runtime.block_on(opened_in(&sandbox));
                RACE.map(|(agent, act)| (AgentId { envelope, number: agent + 1 }.to_string(), act))
            },
            |race| {
                runtime.block_on(async {
                    for (agent, act) in race {
                        let _ = black_box(sandbox.act(&agent, act).await);
                    }
                });
            },
            BATCH,
        );
    });
    group.bench_function("over HTTP", |bencher| {
        bencher.iter_batched(
            || {
                let envelope = runtime.block_on(opened_in(&sandbox));
                RACE.map(|(agent, act)| request(envelope, agent, act))
            },
            |race| {
                runtime.block_on(async {
                    let mut statuses = Vec::with_capacity(race.len());
                    for request in race {
                        statuses.push(ask(&router, request).await);
                    }
                    assert_eq!(statuses, [200, 409, 409, 200]);
                });
            },
            BATCH,
        );
    });
    group.finish();
}

fn acceptances(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let app = App::new(Settings::default(), "http://mock.test").unwrap();
    let router = http::router(&app);
    let sandbox = app.sandboxes.default_sandbox();
    let mut last = 0;
    for agents in [10, 100, 1_000, 10_000] {
        let start = opened(1, agents);
        let stored = envelopes();
        let mut effects = Vec::new();
        let mut group = criterion.benchmark_group("signing/accept");
        group.bench_function(BenchmarkId::new("by the winner", agents), |bencher| {
            bencher.iter_batched(
                || {
                    last += 1;
                    let envelope = Envelope { id: EnvelopeId(last), ..start.clone() };
                    let id = envelope.id.to_string();
                    runtime.block_on(stored.insert(Arc::new(envelope))).unwrap();
                    id
                },
                |id| {
                    let accepted = runtime.block_on(carry_out(&stored, &id, command(0, Act::Accept), &mut effects));
                    assert!(matches!(accepted, Update::Done(_)));
                    // Returned so that dropping them is not measured.
                    (id, accepted)
                },
                BatchSize::PerIteration,
            );
        });
        last += 1;
        let claimed = Envelope { id: EnvelopeId(last), ..start.clone() };
        let id = claimed.id.to_string();
        let mut claimed = claimed;
        claimed.perform(command(0, Act::Accept), NOW, &mut effects).unwrap();
        runtime.block_on(stored.insert(Arc::new(claimed.clone()))).unwrap();
        let too_late = command(agents - 1, Act::Accept);
        group.bench_function(BenchmarkId::new("by a loser", agents), |bencher| {
            bencher.iter(|| {
                let refused = runtime.block_on(carry_out(&stored, &id, too_late, &mut effects));
                assert!(matches!(refused, Update::Refused(..)));
            });
        });
        let envelope = claimed.id;
        runtime.block_on(async { sandbox.plant(Arc::new(claimed)).await }).unwrap();
        group.bench_function(BenchmarkId::new("by a loser over HTTP", agents), |bencher| {
            bencher.iter_batched(
                || request(envelope, agents - 1, Act::Accept),
                |request| assert_eq!(runtime.block_on(ask(&router, request)), 409),
                BATCH,
            );
        });
        group.finish();
    }
}

fn races(criterion: &mut Criterion) {
    const RUNS: u32 = 10_000;
    let mut group = criterion.benchmark_group("signing/races");
    for agents in [3, 10, 100] {
        let race = Race::of_agents(&RaceAgent::usual(agents), false, None).unwrap();
        let runs = RUNS / u32::try_from(agents).unwrap();
        group.throughput(Throughput::Elements(u64::from(runs)));
        group.bench_function(BenchmarkId::from_parameter(agents), |bencher| {
            bencher.iter(|| black_box(race.runs(black_box(5), runs).unwrap()));
        });
    }
    group.finish();
}

criterion_group!(benches, commands, acceptances, races);
criterion_main!(benches);
