//! An envelope that all agents have opened, for tests and benchmarks that race them.

use docendorse_mock::domain::signing::{Act, Command, Envelope, EnvelopeId, Locale, NewRecipient, Person, Spot, Terms};
use jiff::Timestamp;

/// A sent envelope with one recipient, whose agents have all opened it.
pub fn opened(id: u64, agents: u32) -> Envelope {
    let now = Timestamp::UNIX_EPOCH;
    let mut envelope = Envelope::new(EnvelopeId(id), terms());
    let mut effects = Vec::new();
    let recipient = NewRecipient { persons: (0..agents).map(person).collect(), ..signer() };
    envelope.add_recipient(recipient, now, &|_| "000000".into()).unwrap();
    envelope.perform(Command::Send, now, &mut effects).unwrap();
    for agent in 0..agents {
        envelope.perform(Command::Act(Spot { recipient: 0, agent }, Act::Open), now, &mut effects).unwrap();
    }
    envelope
}

pub fn terms() -> Terms {
    Terms::new("Mutual NDA", Timestamp::UNIX_EPOCH)
}

/// A recipient who signs, without agents.
pub fn signer() -> NewRecipient {
    NewRecipient::signer("signer")
}

pub fn person(number: u32) -> Person {
    Person {
        name: format!("Agent {number}").into(),
        email: Some(format!("agent{number}@example.com").into()),
        phone: None,
        locale: Locale::EnUs,
        phone_contact_method: None,
        context: None,
        contact_id: None,
        group_id: None,
        user_id: None,
    }
}
