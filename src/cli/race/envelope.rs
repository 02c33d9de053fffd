//! `race --envelope`: a race for an existing envelope, read from a snapshot of its sandbox.

use super::{Exit, Failure};
use crate::{
    base::{clock::Reading, reading},
    cli::{output::printable, read_text},
    domain::signing::{Envelope, EnvelopeId},
    simulation::race::Race,
};
use serde::Deserialize;
use serde_json::Value;

/// Maximum number of envelopes that a message lists.
const LISTED: usize = 5;

/// The parts of a snapshot that a race needs.
#[derive(Deserialize)]
struct RacedSnapshot {
    clock: Reading,
    envelopes: Vec<Envelope>,
}

/// The race for an envelope from its current state.
pub(super) fn race_of(id: EnvelopeId, file: &str) -> Result<Race, Failure> {
    let (name, text) = read_text(file)?;
    let refuse = |problem: String| Failure::new(Exit::File, printable(&format!("{name}: {problem}")));
    let snapshot: RacedSnapshot = serde_json::from_str(&text).map_err(|_| {
        let problem = reading::json_object::<RacedSnapshot>(text.as_bytes())
            .err()
            .map_or(String::new(), |error| format!(": {error}"));
        refuse(format!(
            "this is not the snapshot of a sandbox{problem}; --envelope needs the answer of \
             /__admin/sandboxes/NAME/snapshot"
        ))
    })?;
    let now = snapshot.clock.now;
    let ids: Vec<String> = snapshot.envelopes.iter().map(|envelope| envelope.id.to_string()).collect();
    let found = snapshot.envelopes.into_iter().find(|envelope| envelope.id == id);
    let envelope =
        found.ok_or_else(|| refuse(format!("the snapshot has no envelope {id}; it has {}", listed(&ids))))?;
    let envelope = envelope.validate().map_err(|problem| refuse(format!("in the envelope {id}, {problem}")))?;
    Race::of_envelope(&envelope, now).map_err(|error| refuse(format!("cannot race for {id}: {error}")))
}

/// The message for a snapshot that is given without `--envelope`; `None` if the text is not a snapshot.
pub(super) fn lacks_envelope(name: &str, text: &str) -> Option<String> {
    let snapshot: Value = serde_json::from_str(text).ok()?;
    let is_snapshot = snapshot.get("agents").is_none() && snapshot.get("clock").is_some();
    let envelopes = snapshot.get("envelopes").filter(|_| is_snapshot)?.as_array()?;
    let ids: Vec<&str> = envelopes.iter().filter_map(|envelope| envelope["id"].as_str()).collect();
    let problem = match &ids[..] {
        [] => "it has no envelope to race for".to_owned(),
        [first, ..] => format!("add --envelope {first} to race for one of its envelopes; it has {}", listed(&ids)),
    };
    Some(format!("{name}: this is the snapshot of a sandbox; {problem}"))
}

/// Lists the first few ids, and the number of the others.
fn listed<S: AsRef<str>>(ids: &[S]) -> String {
    let first: Vec<&str> = ids.iter().take(LISTED).map(AsRef::as_ref).collect();
    match ids.len().saturating_sub(LISTED) {
        _ if ids.is_empty() => "no envelopes".to_owned(),
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}
