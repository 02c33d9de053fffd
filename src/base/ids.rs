//! Identifiers. The only module that draws random numbers; every sandbox owns one `Ids`.
//!
//! Each kind of identifier has its own stream, and its nth value depends only on the seed, the kind and n. The same
//! requests with the same seed therefore get the same ids, whatever other requests the server has received.
//!
//! Document ids are numbered by the store, which never returns a number twice. Ids and random values that do not
//! identify documents are counted here; each run of the program starts counting at a different number.

mod random;

use random::Random;
use serde::{Deserialize, Serialize};
use std::{
    hash::{BuildHasher, Hasher, RandomState},
    sync::atomic::{AtomicU64, Ordering},
};
use utoipa::ToSchema;

/// A sandbox's source of identifiers.
#[derive(Debug)]
pub struct Ids {
    seed: u64,
    requests: AtomicU64,
    secrets: AtomicU64,
    chances: AtomicU64,
}

/// The kinds of documents with generated ids. The store counts how many of each kind were generated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    AgentSession,
    Token,
    Envelope,
    Contact,
    Group,
    User,
    Message,
}

impl Counted {
    /// The name of the store's counter.
    #[must_use]
    pub fn counter(self) -> &'static str {
        match self {
            Self::AgentSession => "agent_sessions",
            Self::Token => "tokens",
            Self::Envelope => "envelopes",
            Self::Contact => "contacts",
            Self::Group => "groups",
            Self::User => "users",
            Self::Message => "messages",
        }
    }
}

/// Number of ids of each kind generated so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DrawnIds)]
pub struct Drawn {
    /// Agent sessions, including those that no longer exist.
    pub agent_sessions: u64,
    pub requests: u64,
    #[serde(default)]
    pub tokens: u64,
    #[serde(default)]
    pub envelopes: u64,
    #[serde(default)]
    pub contacts: u64,
    #[serde(default)]
    pub groups: u64,
    #[serde(default)]
    pub users: u64,
    #[serde(default)]
    pub messages: u64,
}

/// A stream of numbers derived from a seed and a purpose.
#[derive(Clone, Debug)]
pub struct Chance(Random);

impl Chance {
    /// The stream of the nth item of a kind.
    #[must_use]
    pub fn of(seed: u64, kind: &str, n: u64) -> Self {
        Self(Random::of(seed, kind, n))
    }

    /// A number in `0..1`.
    pub fn draw(&mut self) -> f64 {
        self.0.f64()
    }
}

impl Ids {
    /// A source whose values are all derived from `seed`.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self { seed, requests: AtomicU64::new(0), secrets: AtomicU64::new(0), chances: AtomicU64::new(0) }
    }

    /// A source with a random seed. [`Ids::seed`] returns it, so that a run can be repeated.
    ///
    /// The seed has 32 bits, so that people can read it aloud and type it.
    #[must_use]
    pub fn from_entropy() -> Self {
        // Uses the keys of hash maps, which the system randomizes. The cryptographic library would work too, but its
        // first random number takes longer than the rest of the start.
        let drawn = RandomState::new().build_hasher().finish();
        Self::seeded(drawn & u64::from(u32::MAX))
    }

    /// The seed of a sandbox without its own, on a server with a seed: always the same for a name, and different for
    /// each name. It has at most 53 bits, so that every JSON reader can represent it.
    #[must_use]
    pub fn seed_of_sandbox(seed: u64, name: &str) -> u64 {
        Random::of(seed, &format!("sandbox {name}"), 0).below(1 << 53)
    }

    /// The seed that all values are derived from.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The id of a waiting handoff, `ho_` and 24 hexadecimal digits: the same for the same arguments.
    #[must_use]
    pub fn handoff(&self, handoff_id: &str, number: u64) -> String {
        with_digits("ho_", Random::of(self.seed, &format!("handoff {handoff_id}"), number))
    }

    /// The id of the nth agent session: `as_` and 24 hexadecimal digits (S2).
    #[must_use]
    pub fn agent_session(&self, n: u64) -> String {
        with_digits("as_", Random::of(self.seed, "agent_session", n))
    }

    /// The id of the nth access token: `at_` and 24 hexadecimal digits.
    #[must_use]
    pub fn token(&self, n: u64) -> String {
        with_digits("at_", Random::of(self.seed, "token", n))
    }

    /// The number in the id of the nth envelope, and in the ids of its recipients and agents (G1).
    #[must_use]
    pub fn envelope(&self, n: u64) -> u64 {
        Random::of(self.seed, "envelope", n).u64()
    }

    /// The id of the nth contact: `cnt_` and 24 hexadecimal digits (G3).
    #[must_use]
    pub fn contact(&self, n: u64) -> String {
        with_digits("cnt_", Random::of(self.seed, "contact", n))
    }

    /// The id of the nth contact group: `grp_` and 24 hexadecimal digits (G3).
    #[must_use]
    pub fn group(&self, n: u64) -> String {
        with_digits("grp_", Random::of(self.seed, "group", n))
    }

    /// The id of the nth user: `usr_` and 24 hexadecimal digits (G3).
    #[must_use]
    pub fn user(&self, n: u64) -> String {
        with_digits("usr_", Random::of(self.seed, "user", n))
    }

    /// The id of the nth message that is not about an envelope: `msg_` and 24 hexadecimal digits.
    #[must_use]
    pub fn message(&self, n: u64) -> String {
        with_digits("msg_", Random::of(self.seed, "message", n))
    }

    /// The id of the nth message of a kind about an envelope: `msg_` and 24 hexadecimal digits.
    #[must_use]
    pub fn message_about(&self, kind: &str, envelope: u64, n: u64) -> String {
        with_digits("msg_", Random::of(self.seed, &format!("message {kind} {envelope:x}"), n))
    }

    /// What keeps a link secret: 16 hexadecimal digits, always the same for the same kind of link, owner and number.
    #[must_use]
    pub fn link_secret(&self, kind: &str, owner: &str, n: u64) -> String {
        let mut secret = String::with_capacity(16);
        push_hex(&mut secret, Random::of(self.seed, &format!("link {kind} {owner}"), n).u64(), 16);
        secret
    }

    /// A one-time code of six digits, always the same for the same `n`.
    #[must_use]
    pub fn code(&self, n: u64) -> String {
        format!("{:06}", Random::of(self.seed, "code", n).below(1_000_000))
    }

    /// The random stream of the nth item of a kind; always the same.
    #[must_use]
    pub fn chance_of(&self, kind: &str, n: u64) -> Chance {
        Chance::of(self.seed, kind, n)
    }

    /// The seed of the server's own signing key; always the same.
    #[must_use]
    pub fn signing_seed(&self) -> [u8; 32] {
        let mut seed = [0; 32];
        Random::of(self.seed, "signing_seed", 0).fill(&mut seed);
        seed
    }

    /// A credential or a generated name: a prefix and `digits` hexadecimal digits.
    pub fn secret(&self, prefix: &str, digits: u32) -> String {
        let mut random = self.draw("secret", &self.secrets);
        let mut secret = prefix.to_owned();
        for drawn in (0..digits).step_by(16) {
            push_hex(&mut secret, random.u64(), (digits - drawn).min(16));
        }
        secret
    }

    /// An id for a scenario's own use: 24 hexadecimal digits.
    pub fn own(&self) -> String {
        with_digits("", self.draw("drawn", &self.chances))
    }

    /// A number in `0..1`, for a scenario's random choices.
    pub fn chance(&self) -> f64 {
        self.draw("chance", &self.chances).f64()
    }

    /// The id under which an HTTP request is logged.
    pub fn request(&self) -> uuid::Uuid {
        let mut random = self.draw("request", &self.requests);
        uuid::Builder::from_random_bytes(random.u128().to_be_bytes()).into_uuid()
    }

    /// Number of request ids generated so far.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Continues as if this many request ids had been generated.
    pub fn continue_requests(&self, drawn: u64) {
        self.requests.store(drawn, Ordering::Relaxed);
    }

    /// Starts counting where the nth run with the same documents does, so that ids of earlier runs are not repeated.
    /// Runs are numbered from 1.
    pub fn begin_run(&self, run: u64) {
        let first = run.saturating_sub(1) << u32::BITS;
        for counter in [&self.requests, &self.secrets, &self.chances] {
            counter.store(first, Ordering::Relaxed);
        }
    }

    fn draw(&self, kind: &str, counter: &AtomicU64) -> Random {
        Random::of(self.seed, kind, counter.fetch_add(1, Ordering::Relaxed))
    }
}

/// A prefix and 24 hexadecimal digits.
fn with_digits(prefix: &str, mut random: Random) -> String {
    let mut id = String::with_capacity(prefix.len() + 24);
    id.push_str(prefix);
    push_hex(&mut id, random.u64(), 16);
    push_hex(&mut id, u64::from(random.u32()), 8);
    id
}

fn push_hex(into: &mut String, value: u64, digits: u32) {
    for place in (0..digits).rev() {
        let digit = (value >> (place * 4)) & 0xF;
        into.push(char::from(b"0123456789abcdef"[usize::try_from(digit).unwrap_or(0)]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn the_same_seed_gives_the_same_ids_whatever_else_is_drawn() {
        let (one, other) = (Ids::seeded(7), Ids::seeded(7));
        let _ = other.request();
        assert_eq!(one.own(), other.own());
        assert_eq!(one.agent_session(0), other.agent_session(0));
        assert_ne!(one.agent_session(0), one.agent_session(1));
        assert_ne!(one.agent_session(0), Ids::seeded(8).agent_session(0));
    }

    #[test]
    fn a_later_run_draws_other_ids() {
        let [first, second] = [1, 2].map(|run| {
            let ids = Ids::seeded(7);
            ids.begin_run(run);
            [ids.request().to_string(), ids.own(), ids.secret("", 24)]
        });
        assert_eq!(first[0], Ids::seeded(7).request().to_string(), "runs are numbered from 1");
        assert!(first.iter().zip(&second).all(|(one, other)| one != other));
    }

    #[test]
    fn ids_do_not_repeat() {
        let ids = Ids::seeded(0);
        let drawn: HashSet<String> = (0..100_000).map(|n| ids.agent_session(n)).collect();
        assert_eq!(drawn.len(), 100_000);
    }

    #[test]
    fn seeds_of_sandboxes_differ_by_name_and_by_server() {
        let names = (0..100_000).map(|number| format!("suite-{number}"));
        let seeds: HashSet<u64> = names.map(|name| Ids::seed_of_sandbox(7, &name)).collect();
        assert_eq!(seeds.len(), 100_000);
        assert_eq!(Ids::seed_of_sandbox(7, "suite-a"), 6_870_118_334_083_759);
        assert_ne!(Ids::seed_of_sandbox(7, "suite-a"), Ids::seed_of_sandbox(8, "suite-a"));
    }
}
