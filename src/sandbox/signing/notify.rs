//! The messages that follow from an envelope's transition.

use super::follow_up::spot_of;
use crate::{
    domain::{
        message::{About, Channel, Matter, Message, MessageKind},
        signing::{
            AgentState, Effect, EffectKind, Envelope, Locale, Person, Recipient, RecipientState, RecipientType, Spot,
        },
    },
    sandbox::Sandbox,
    store::Commit,
};
use jiff::Timestamp;
use std::{cell::OnceCell, collections::HashSet, sync::Arc};

impl Sandbox {
    /// Adds the messages that follow from a transition to the commit. `envelope` is the state after the transition.
    pub(super) fn notify(&self, envelope: &Envelope, effects: &[Effect], at: Timestamp, commit: &mut Commit) {
        let mut notices = Notices { sandbox: self, envelope, at, matter: OnceCell::new(), commit };
        for effect in effects {
            match effect.kind {
                EffectKind::AgentInvited => notices.tell_agent(MessageKind::Invitation, spot_of(effect)),
                EffectKind::AgentReleased => notices.tell_agent(MessageKind::NoLongerNeeded, spot_of(effect)),
                EffectKind::AgentAccepted => notices.send_code(spot_of(effect)),
                EffectKind::RequestResent => notices.remind(effect.recipient),
                EffectKind::EnvelopeFinalized => notices.complete(),
                _ => {}
            }
        }
    }
}

/// The messages of one transition.
struct Notices<'n> {
    sandbox: &'n Sandbox,
    envelope: &'n Envelope,
    at: Timestamp,
    /// What the messages share.
    matter: OnceCell<Arc<Matter>>,
    commit: &'n mut Commit,
}

/// A person to notify.
struct Addressee<'p> {
    channel: Channel,
    to: &'p str,
    name: Option<&'p str>,
    locale: Locale,
    /// The number of the agent; `None` for the sender.
    agent: Option<u32>,
    is_host: bool,
}

impl Notices<'_> {
    fn tell_agent(&mut self, kind: MessageKind, spot: Option<Spot>) {
        let Some((recipient, spot)) = spot.and_then(|spot| Some((self.envelope.recipient_at(spot.recipient)?, spot)))
        else {
            return;
        };
        // Is asked by the host, in person.
        if recipient.role.kind == RecipientType::InPersonSigner {
            return;
        }
        if let Some(addressee) = agent(recipient, spot.agent) {
            self.send(kind, &addressee, None);
        }
    }

    /// The one-time code, if the recipient requires phone verification (G2).
    fn send_code(&mut self, spot: Option<Spot>) {
        let code = |spot: Spot| {
            let role = &self.envelope.recipient_at(spot.recipient)?.role;
            let place = usize::try_from(spot.agent).ok().filter(|_| role.phone_verification)?;
            let (person, code) = (role.persons.get(place)?, role.codes.get(place)?.as_deref()?);
            let addressee = Addressee {
                channel: person.phone_contact_method.unwrap_or_default().into(),
                to: person.phone.as_deref()?,
                ..addressee(person, role.first_agent.checked_add(spot.agent), role.kind)?
            };
            Some((addressee, code))
        };
        if let Some((addressee, code)) = spot.and_then(code) {
            self.send(MessageKind::OneTimeCode, &addressee, Some(code));
        }
    }

    /// To each agent of a recipient who can still act.
    fn remind(&mut self, place: Option<u32>) {
        let Some((recipient, place)) = place.and_then(|place| Some((self.envelope.recipient_at(place)?, place))) else {
            return;
        };
        for (number, seat) in (0_u32..).zip(&recipient.seats) {
            if matches!(seat.state, AgentState::Invited | AgentState::Opened | AgentState::Primary) {
                self.tell_agent(MessageKind::Reminder, Some(Spot { recipient: place, agent: number }));
            }
        }
    }

    /// To those who did their part, to viewers, who get a copy, and to the sender. Once to each address.
    fn complete(&mut self) {
        let mut told = HashSet::new();
        let envelope = self.envelope;
        for recipient in &envelope.recipients {
            let RecipientState::Completed { by, .. } = recipient.state else { continue };
            let all = if recipient.role.kind == RecipientType::Viewer { recipient.role.persons.len() } else { 0 };
            let viewers = 0..u32::try_from(all).unwrap_or(u32::MAX);
            for addressee in by.into_iter().chain(viewers).filter_map(|place| agent(recipient, place)) {
                if told.insert(addressee.to.to_lowercase()) {
                    self.send(MessageKind::Completion, &addressee, None);
                }
            }
        }
        let Some(sender) = envelope.terms.sender.as_deref() else { return };
        if told.insert(sender.email.to_lowercase()) {
            let sender = Addressee {
                channel: Channel::Email,
                to: &sender.email,
                name: sender.name.as_deref(),
                locale: Locale::default(),
                agent: None,
                is_host: false,
            };
            self.send(MessageKind::Completion, &sender, None);
        }
    }

    fn send(&mut self, kind: MessageKind, addressee: &Addressee<'_>, code: Option<&str>) {
        let Addressee { channel, to, name, locale, agent, is_host } = *addressee;
        let envelope = self.envelope;
        let matter = self.matter.get_or_init(|| {
            Arc::new(Matter {
                envelope_id: envelope.id,
                title: envelope.terms.name.clone(),
                base_url: envelope.base_url.clone(),
                origin: envelope.terms.origin.clone(),
                sender: envelope.terms.sender.clone(),
            })
        });
        // A transition sends each person at most one message of a kind. Agents are numbered from 1.
        let number = envelope.revision << u32::BITS | u64::from(agent.unwrap_or_default());
        self.commit.insert(Arc::new(Message {
            id: self.sandbox.ids.message_about(kind.as_str(), envelope.id.0, number).into(),
            at: self.at,
            kind,
            channel,
            to: to.into(),
            name: name.map(Into::into),
            about: About::Envelope { envelope: Arc::clone(matter), agent, is_host },
            locale,
            code: code.map(Into::into),
        }));
    }
}

/// The agent at an index, if it has an address.
fn agent(recipient: &Recipient, place: u32) -> Option<Addressee<'_>> {
    let role = &recipient.role;
    let person = role.persons.get(usize::try_from(place).ok()?)?;
    addressee(person, role.first_agent.checked_add(place), role.kind)
}

/// A person by email, or by phone without one.
fn addressee(person: &Person, agent: Option<u32>, kind: RecipientType) -> Option<Addressee<'_>> {
    let (channel, to) = match (&person.email, &person.phone) {
        (Some(email), _) => (Channel::Email, &**email),
        (None, Some(phone)) => (person.phone_contact_method.unwrap_or_default().into(), &**phone),
        (None, None) => return None,
    };
    let (name, is_host) = (Some(&*person.name), kind == RecipientType::Host);
    Some(Addressee { channel, to, name, locale: person.locale, agent, is_host })
}
