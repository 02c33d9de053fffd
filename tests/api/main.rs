//! The contract and the control plane, asked over HTTP against the router, in process.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on should say where")]
#![allow(clippy::pedantic, clippy::unit_arg, clippy::disallowed_methods, reason = "a test is read as a story")]
#![allow(missing_docs, unreachable_pub, reason = "a test binary has no outside")]

mod access;
mod address_book;
mod agenda;
mod agreement;
mod bounds;
mod clients;
mod clock;
mod control;
mod credentials;
#[path = "../help/delegate.rs"]
mod delegate;
mod embedded;
#[path = "../store/encoded.rs"]
mod encoded;
mod events;
mod exact_numbers;
mod faults;
mod fixtures;
mod grants;
mod guard;
mod guard_wire;
mod handoff;
mod handoff_envelopes;
mod handoff_ids;
mod harness;
mod hostile;
mod interleavings;
mod journal;
mod journeys;
mod judging;
mod late_writer;
mod ledger;
mod messages;
mod near_misses;
mod nonsense;
mod oauth;
mod openapi;
mod pending;
mod people;
mod play;
mod plus_in_match;
mod problems;
mod property;
mod refusals;
mod requests;
mod resets;
mod restarts;
mod restored_people;
mod sandboxes;
mod scenario_documents;
mod scenario_races;
mod scenarios;
mod secrets;
mod seeds;
mod signing;
mod signing_assignment;
mod signing_bodies;
mod signing_control;
mod signing_keys;
mod signing_lists;
mod signing_people;
mod signing_status;
mod simulations;
mod stage;
mod strictness;
mod switches;
mod template_attacks;
mod template_messages;
mod timer;
mod token_scenarios;
mod urls;
mod waiting;
mod wire;
