//! Matchers as written in files, with their limits.

use super::{
    super::predicate::{BodyPredicate, IntentName},
    EmailGlob, MOST_ENTRIES, MOST_NESTING, MOST_PREDICATES, Match, Predicate,
};
use crate::base::glob::Glob;
use serde::{
    Deserialize, Deserializer,
    de::{Error, SeqAccess, Visitor},
};
use std::{fmt, marker::PhantomData};

/// A matcher as written in a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename = "match")]
pub(super) struct MatchFile {
    #[serde(default, deserialize_with = "given")]
    email: Option<EmailGlob>,
    #[serde(default, deserialize_with = "given")]
    external_user_id: Option<Glob>,
    #[serde(default, deserialize_with = "given")]
    handoff_id: Option<Glob>,
    #[serde(default, deserialize_with = "given")]
    source: Option<Glob>,
    #[serde(default, deserialize_with = "given")]
    intent: Option<IntentName>,
    #[serde(default, deserialize_with = "entries")]
    body: Vec<BodyPredicate>,
    #[serde(default, deserialize_with = "given_entries")]
    any: Option<Vec<Match>>,
    #[serde(default, deserialize_with = "entries")]
    all: Vec<Match>,
    #[serde(default, deserialize_with = "given")]
    not: Option<Match>,
}

impl TryFrom<MatchFile> for Match {
    type Error = String;

    /// Orders cheap predicates first, and those that need the parsed body last.
    fn try_from(file: MatchFile) -> Result<Self, String> {
        let nested = file.all.iter().chain(file.any.iter().flatten()).chain(&file.not);
        let nesting = nested.map(|inner| inner.nesting + 1).max().unwrap_or(0);
        if nesting > MOST_NESTING {
            return Err(format!("matchers are nested more than {MOST_NESTING} deep; write them side by side"));
        }
        let mut predicates = Vec::new();
        predicates.extend(file.handoff_id.map(Predicate::HandoffId));
        predicates.extend(file.email.map(Predicate::Email));
        predicates.extend(file.external_user_id.map(Predicate::ExternalUserId));
        predicates.extend(file.intent.map(Predicate::Intent));
        predicates.extend(file.source.map(Predicate::Source));
        // An `all` of several matchers is one matcher with the predicates of all.
        predicates.extend(file.all.into_iter().flat_map(|one| one.predicates));
        predicates.extend(file.body.into_iter().map(Predicate::Body));
        predicates.extend(file.any.map(Predicate::Any));
        predicates.extend(file.not.map(Predicate::Not));
        let size = predicates.iter().map(Predicate::size).sum();
        if size > MOST_PREDICATES {
            return Err(format!(
                "the matcher has {size} predicates; at most {MOST_PREDICATES} are allowed, so write fewer, or use globs"
            ));
        }
        Ok(Self { predicates, size, nesting })
    }
}

/// A key must have a value if it is given: `email:` without one would otherwise match every request.
pub(in super::super) fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// Maximum number of answers of a scenario.
const MOST_ANSWERS: usize = 1_000;

/// A list of 1 to [`MOST_ANSWERS`] answers.
pub(in super::super) fn at_least_one<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    let list = Vec::deserialize(deserializer)?;
    match list.len() {
        0 => Err(D::Error::custom("the list is empty; add at least one entry")),
        1..=MOST_ANSWERS => Ok(list),
        count => Err(D::Error::custom(format!("the list has {count} entries; it has at most {MOST_ANSWERS}"))),
    }
}

/// A list of 1 to [`MOST_ENTRIES`] entries. Reading stops at the first excess entry.
fn entries<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    struct Entries<T>(PhantomData<T>);
    impl<'de, T: Deserialize<'de>> Visitor<'de> for Entries<T> {
        type Value = Vec<T>;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("a list")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
            let mut entries = Vec::new();
            while let Some(entry) = list.next_element()? {
                if entries.len() == MOST_ENTRIES {
                    return Err(A::Error::custom(format!(
                        "the list has more than {MOST_ENTRIES} entries; write fewer, or use globs"
                    )));
                }
                entries.push(entry);
            }
            if entries.is_empty() {
                return Err(A::Error::custom("the list is empty; add at least one entry"));
            }
            Ok(entries)
        }
    }
    deserializer.deserialize_seq(Entries(PhantomData))
}

fn given_entries<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<Vec<T>>, D::Error> {
    entries(deserializer).map(Some)
}
