//! Checks that an envelope from another source, such as a snapshot, is one that this server could have produced.
//!
//! Detects numbers that refer to nothing or to two things, so that no other rule has to handle them.

use super::{
    agent::{AgentState, Seat},
    draft::{MOST_AGENTS, MOST_RECIPIENTS, weight},
    envelope::{Envelope, EnvelopeState, Terms},
    recipient::{Recipient, RecipientState},
};
use std::{collections::HashSet, sync::Arc};

impl Envelope {
    /// Returns the envelope if it is valid.
    ///
    /// # Errors
    /// A description of what is impossible about it.
    pub fn validate(mut self) -> Result<Self, String> {
        self.terms.validate()?;
        if self.recipients.len() > MOST_RECIPIENTS {
            return Err(format!("it has more than {MOST_RECIPIENTS} recipients"));
        }
        if self.revision == 0 || self.revision >= u64::MAX / 2 {
            return Err(format!("its revision cannot be {}", self.revision));
        }
        let mut identifiers = HashSet::new();
        let mut agents = Vec::with_capacity(self.recipients.len());
        for (number, recipient) in (1..).zip(&self.recipients) {
            let role = &recipient.role;
            if role.number != number {
                return Err(format!(
                    "its recipients must be numbered from 1, but recipient {number} has the number {}",
                    role.number
                ));
            }
            let about = |problem| format!("in recipient {number}, {problem}");
            agents.push(recipient.validate_agents().map_err(about)?);
            recipient
                .validate_state(self.state == EnvelopeState::Draft)
                .map_err(|problem| about(problem.to_owned()))?;
            if !recipient.is_removed() && !identifiers.insert(&role.identifier) {
                return Err(format!("two of its recipients have the identifier {:?}", role.identifier));
            }
        }
        agents.retain(|(first, next)| first < next);
        agents.sort_unstable();
        if agents.iter().zip(agents.iter().skip(1)).any(|((_, next), (first, _))| first < next) {
            return Err("two of its agents have the same number".to_owned());
        }
        let beyond = agents.last().map_or(1, |(_, next)| *next);
        drop(identifiers);
        for recipient in &mut self.recipients {
            let weight = weight(&recipient.role);
            Arc::make_mut(&mut recipient.role).weight = weight;
        }
        self.next_agent = self.next_agent.max(beyond);
        Ok(self)
    }
}

impl Terms {
    fn validate(&self) -> Result<(), String> {
        if !(2..=48).contains(&self.name.chars().count()) {
            return Err("its name must have 2 to 48 characters".to_owned());
        }
        Ok(())
    }
}

impl Recipient {
    /// The number of its first agent, and the one after its last.
    fn validate_agents(&self) -> Result<(u32, u32), String> {
        let Self { role, seats, .. } = self;
        let count = role.persons.len();
        if count > MOST_AGENTS {
            return Err(format!("there are {count} agents, but at most {MOST_AGENTS} are possible"));
        }
        if seats.len() != count || !(role.codes.is_empty() || role.codes.len() == count) {
            return Err(
                "there must be one seat for each person, and either no codes at all or a code or null for each person"
                    .to_owned(),
            );
        }
        let mut seen = HashSet::with_capacity(count);
        if let Some(lost) = role.persons.iter().find(|person| !person.is_reachable()) {
            return Err(format!("agent {:?} has neither an email nor a phone", lost.name));
        }
        if let Some(twice) = role.persons.iter().find(|person| !seen.insert(person.identity())) {
            return match (&twice.email, &twice.phone) {
                (None, Some(phone)) => Err(format!("two agents have the phone {phone:?}")),
                (email, _) => Err(format!("two agents have the email {:?}", email.as_deref().unwrap_or_default())),
            };
        }
        match u32::try_from(count).ok().and_then(|count| role.first_agent.checked_add(count)) {
            Some(next) if role.first_agent > 0 => Ok((role.first_agent, next)),
            _ => Err(format!("no agent can have the number {}", role.first_agent)),
        }
    }

    fn validate_state(&self, in_draft: bool) -> Result<(), &'static str> {
        let all = |state| self.seats.iter().all(|seat| seat.state == state);
        match self.state {
            RecipientState::Waiting if !all(AgentState::Waiting) => return Err("no agent can act before its turn"),
            RecipientState::Waiting | RecipientState::Removed { .. } => {}
            _ if in_draft => return Err("nothing can happen before the envelope is sent"),
            _ => {}
        }
        let is_ahead = |seat: &Seat| matches!(seat.state, AgentState::Primary | AgentState::Signed);
        let ahead = (0_u32..).zip(&self.seats).filter(|(_, seat)| is_ahead(seat)).map(|(place, _)| place);
        if !ahead.eq(self.primary()) {
            return Err("the state and the agents disagree on who is primary");
        }
        match self.state {
            RecipientState::Claimed { by, .. } if self.agent(by) == Some(AgentState::Signed) => {
                Err("the primary has signed, but the recipient is not completed")
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            Act, AgentId, Command, Detail, EnvelopeId, EnvelopeView, NewRecipient, Person, Plan, RecipientChange,
            RecipientId, RecipientType, Spot,
        },
        *,
    };
    use crate::{base::document::Record, domain::signing::EffectKind};
    use jiff::Timestamp;
    use proptest::{prelude::*, sample::Index};
    use serde_json::{Value, json};

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn person(name: &str) -> Person {
        serde_json::from_value(json!({ "name": name, "email": format!("{name}@example.com"), "phone": "+15550100" }))
            .unwrap()
    }

    fn signer(identifier: &str, order: u32, names: &[&str]) -> NewRecipient {
        NewRecipient {
            order,
            persons: names.iter().map(|name| person(name)).collect(),
            ..NewRecipient::signer(identifier)
        }
    }

    /// An envelope in progress: a decided race, a host, an in-person signer, a removed recipient.
    fn envelope() -> Envelope {
        let plan: Plan = serde_json::from_value(json!({ "people": [{ "opens": "5m" }], "reopen": true })).unwrap();
        let terms = Terms {
            reminder_initial_delay_days: 1,
            reminder_repeat_interval_days: 2,
            reminder_before_expiration_days: 3,
            reopen: true,
            plan: Some(Arc::new(plan)),
            ..Terms::new("NDA", NOW)
        };
        let mut envelope = Envelope::new(EnvelopeId(7), terms);
        let code = |agent: AgentId| format!("{:06}", agent.number).into();
        let host = NewRecipient { kind: RecipientType::Host, ..signer("host", 1, &["Hal"]) };
        let host = envelope.add_recipient(host, NOW, &code).unwrap();
        let in_person = NewRecipient {
            kind: RecipientType::InPersonSigner,
            hosted_by: Some(host.to_string()),
            ..signer("there", 1, &["Ida"])
        };
        envelope.add_recipient(in_person, NOW, &code).unwrap();
        let race = NewRecipient { phone_verification: true, ..signer("race", 1, &["Alice", "Bob", "Carol"]) };
        envelope.add_recipient(race, NOW, &code).unwrap();
        let gone = envelope.add_recipient(signer("gone", 1, &["Sam"]), NOW, &code).unwrap();
        envelope.add_recipient(signer("later", 2, &["Dan"]), NOW, &code).unwrap();
        envelope.remove_recipient(&gone.to_string(), NOW).unwrap();
        let mut effects = Vec::new();
        envelope.perform(Command::Send, NOW, &mut effects).unwrap();
        let bob = Spot { recipient: 2, agent: 1 };
        for act in [Act::Open, Act::Accept] {
            envelope.perform(Command::Act(bob, act), NOW, &mut effects).unwrap();
        }
        envelope
    }

    #[test]
    fn an_envelope_made_here_is_valid() {
        let envelope = envelope();
        let json = serde_json::to_value(&envelope).unwrap();
        let again: Envelope = serde_json::from_value(json).unwrap();
        assert_eq!(again.validate(), Ok(envelope));
    }

    #[test]
    fn an_impossible_state_is_refused_with_the_reason() {
        let json = serde_json::to_value(envelope()).unwrap();
        for (pointer, value, reason) in [
            ("/terms/name", json!("N"), "2 to 48 characters"),
            ("/revision", json!(0), "revision cannot be 0"),
            ("/revision", json!(u64::MAX), "revision cannot be"),
            ("/recipients/1/role/number", json!(1), "numbered from 1, but recipient 2 has the number 1"),
            ("/recipients/1/role/identifier", json!("host"), "the identifier \"host\""),
            ("/recipients/2/role/first_agent", json!(u32::MAX), "no agent can have the number"),
            ("/recipients/2/role/first_agent", json!(0), "no agent can have the number 0"),
            ("/recipients/2/role/first_agent", json!(1), "two of its agents have the same number"),
            ("/recipients/2/role/codes", json!([null]), "either no codes at all or a code or null for each person"),
            ("/recipients/2/seats", json!([]), "one seat for each person"),
            ("/recipients/2/role/persons/0/email", json!("BOB@example.com"), "two agents have the email"),
            ("/recipients/2/role/persons/0", json!({ "name": "Alice" }), "has neither an email nor a phone"),
            ("/recipients/2/state/by", json!(0), "disagree on who is primary"),
            ("/recipients/2/state/by", json!(u32::MAX), "disagree on who is primary"),
            ("/recipients/2/seats/0/state", json!("primary"), "disagree on who is primary"),
            ("/recipients/2/seats/1/state", json!("signed"), "the primary has signed"),
            ("/recipients/4/seats/0/state", json!("opened"), "act before its turn"),
            ("/state", json!({ "status": "draft" }), "before the envelope is sent"),
        ] {
            let mut changed = json.clone();
            *changed.pointer_mut(pointer).unwrap() = value.clone();
            let changed: Envelope = serde_json::from_value(changed).unwrap();
            let problem = changed.validate().unwrap_err();
            assert!(problem.contains(reason), "{pointer} {value}: {problem}");
        }
        let mut many = envelope();
        many.recipients = vec![many.recipients[0].clone(); MOST_RECIPIENTS + 1];
        assert!(many.validate().unwrap_err().contains("more than 1000 recipients"));
    }

    /// Tries every command on an envelope.
    fn play(envelope: &Envelope) {
        let mut commands = vec![Command::Send, Command::Void, Command::Expire, Command::Remind];
        for recipient in 0..6 {
            for agent in [0, 1, 2, 3, u32::MAX] {
                let acts = [Act::Open, Act::Accept, Act::Decline, Act::Sign { code: None }];
                commands.extend(acts.map(|act| Command::Act(Spot { recipient, agent }, act)));
            }
        }
        for first in &commands {
            let mut played = envelope.clone();
            let mut effects = Vec::new();
            for command in std::iter::once(first).chain(&commands) {
                let (before, reported) = (played.revision, effects.len());
                let _ = played.perform(*command, NOW, &mut effects);
                assert_eq!(
                    played.revision > before,
                    effects.len() > reported,
                    "the revision counts only transitions with effects"
                );
            }
            for effect in effects {
                assert_ne!(effect.kind, EffectKind::EnvelopeCreated);
                if let (Some(recipient), Some(agent)) = (effect.recipient, effect.agent) {
                    assert!(played.agent_id(Spot { recipient, agent }).is_some());
                }
            }
            let _ = (played.next_reminder(Timestamp::MAX), played.next_reminder(Timestamp::MIN), played.expires_at());
            let _ = (
                Record::size(&played),
                serde_json::to_value(EnvelopeView::of(&played, Detail { in_full: true, agents: true })),
            );
        }
        let mut changed = envelope.clone();
        for number in [0, 1, 5, u32::MAX] {
            let id = RecipientId { envelope: envelope.id, number }.to_string();
            let change = RecipientChange { persons: Some(vec![person("Eve")]), ..RecipientChange::default() };
            let _ = changed.change_recipient(&id, change, NOW, &|_| "".into());
            let _ = changed.add_recipient(signer(&id, number, &["Eve", "Finn"]), NOW, &|_| "".into());
            let _ = changed.remove_recipient(&id, NOW);
        }
        let _ = changed.perform(Command::Send, NOW, &mut Vec::new());
    }

    #[test]
    fn reminders_of_nothing_have_no_effect() {
        play(&envelope());
        let mut stuck = serde_json::to_value(envelope()).unwrap();
        for recipient in stuck["recipients"].as_array_mut().unwrap() {
            recipient["state"] = json!({ "state": "waiting" });
            for seat in recipient["seats"].as_array_mut().unwrap() {
                seat["state"] = json!("waiting");
            }
        }
        play(&serde_json::from_value::<Envelope>(stuck).unwrap().validate().unwrap());
    }

    /// The locations of all numbers and words in a document.
    fn leaves(value: &Value, pointer: &str, found: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                members.iter().for_each(|(key, value)| leaves(value, &format!("{pointer}/{key}"), found));
            }
            Value::Array(values) => {
                values
                    .iter()
                    .enumerate()
                    .for_each(|(place, value)| leaves(value, &format!("{pointer}/{place}"), found));
            }
            _ => found.push(pointer.to_owned()),
        }
    }

    proptest! {
        #[test]
        fn no_value_in_an_envelope_causes_a_panic(
            changes in prop::collection::vec((any::<Index>(), any::<Index>()), 1..5)
        ) {
            let values = [
                json!(0), json!(1), json!(2), json!(3), json!(6), json!(7), json!(91), json!(255), json!(u32::MAX - 1),
                json!(u32::MAX), json!(u64::MAX / 2 - 1), json!(u64::MAX), json!(null), json!(true), json!("waiting"),
                json!("invited"), json!("opened"), json!("primary"), json!("released"), json!("declined"),
                json!("signed"), json!("open"), json!("draft"), json!("sent"), json!("voided"), json!("viewer"),
                json!("host"), json!("in_person_signer"), json!("1970-01-01T00:00:00Z"),
                json!("-009999-01-02T01:59:59Z"), json!("9999-12-30T22:00:00.999999999Z"),
            ];
            let mut json = serde_json::to_value(envelope()).unwrap();
            let mut places = Vec::new();
            leaves(&json, "", &mut places);
            for (place, value) in changes {
                let place: &String = place.get(&places);
                *json.pointer_mut(place).unwrap() = value.get(&values).clone();
            }
            if let Ok(envelope) = serde_json::from_value::<Envelope>(json)
                && let Ok(envelope) = envelope.validate()
            {
                play(&envelope);
            }
        }
    }
}
