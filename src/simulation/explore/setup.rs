//! The envelopes to explore: some agents compete for one recipient, alone or among other recipients.

use super::ExploreError;
use crate::domain::signing::{
    Act, AgentId, Command, Effect, Envelope, EnvelopeId, Locale, Person, Recipient, RecipientType, Role, Spot, Terms,
};
use jiff::Timestamp;
use serde::Serialize;
use std::{fmt, str::FromStr};

/// Maximum number of competing agents.
pub const MOST_COMPETITORS: u32 = 10;

/// The one instant at which everything happens, so that states do not differ by time.
pub(super) const NOW: Timestamp = Timestamp::UNIX_EPOCH;

/// The other recipients of the envelope.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Layout {
    /// None: the agents compete for the only signature.
    #[default]
    Single,
    /// Another signer, whose turn comes later.
    Sequence,
    /// A required signer and a viewer; the contested recipient is optional.
    Optional,
    /// An in-person signer; the agents compete to be the host.
    Hosted,
}

impl Layout {
    /// Every layout, once.
    pub const ALL: [Self; 4] = [Self::Single, Self::Sequence, Self::Optional, Self::Hosted];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Single => "single",
            Self::Sequence => "sequence",
            Self::Optional => "optional",
            Self::Hosted => "hosted",
        }
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for Layout {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let known = Self::ALL.map(Self::as_str).join(", ");
        let found = Self::ALL.into_iter().find(|layout| layout.as_str() == word);
        found.ok_or_else(|| format!("{word:?} is not a layout; the layouts are {known}"))
    }
}

/// The initial envelope of an exploration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Setup {
    agents: u32,
    layout: Layout,
    reopen: bool,
    keep: bool,
}

impl Default for Setup {
    /// One agent alone.
    fn default() -> Self {
        Self { agents: 1, layout: Layout::default(), reopen: false, keep: false }
    }
}

impl Setup {
    /// `agents` agents compete for the first recipient of an envelope; `reopen` as in [`Terms`].
    ///
    /// # Errors
    /// [`ExploreError::Agents`], unless there are 1 to [`MOST_COMPETITORS`].
    pub fn new(agents: u32, layout: Layout, reopen: bool) -> Result<Self, ExploreError> {
        if (1..=MOST_COMPETITORS).contains(&agents) {
            Ok(Self { agents, layout, reopen, keep: false })
        } else {
            Err(ExploreError::Agents(agents))
        }
    }

    #[must_use]
    pub fn agents(self) -> u32 {
        self.agents
    }

    #[must_use]
    pub fn layout(self) -> Layout {
        self.layout
    }

    /// Whether the released agents are invited again when a primary declines.
    #[must_use]
    pub fn reopen(self) -> bool {
        self.reopen
    }

    /// Sets whether the envelope stays sent when a required recipient declines.
    #[must_use]
    pub fn keeping(self, keep: bool) -> Self {
        Self { keep, ..self }
    }

    /// Whether the envelope stays sent when a required recipient declines.
    #[must_use]
    pub fn keeps(self) -> bool {
        self.keep
    }

    /// The draft envelope.
    #[must_use]
    pub fn draft(self) -> Envelope {
        let terms = Terms {
            expiration_period_days: 1,
            reopen: self.reopen,
            keep_declined: self.keep,
            ..Terms::new("Explored", NOW)
        };
        let mut draft = Envelope::new(EnvelopeId(1), terms);
        let slots = match self.layout {
            Layout::Single => vec![SetupSlot::required(RecipientType::Signer, 1, self.agents)],
            Layout::Sequence => {
                vec![
                    SetupSlot::required(RecipientType::Signer, 1, self.agents),
                    SetupSlot::required(RecipientType::Signer, 2, 1),
                ]
            }
            Layout::Optional => vec![
                SetupSlot { required: false, ..SetupSlot::required(RecipientType::Signer, 1, self.agents) },
                SetupSlot::required(RecipientType::Signer, 1, 1),
                SetupSlot::required(RecipientType::Viewer, 1, 1),
            ],
            Layout::Hosted => vec![
                SetupSlot::required(RecipientType::Host, 1, self.agents),
                SetupSlot { hosted_by: Some(1), ..SetupSlot::required(RecipientType::InPersonSigner, 1, 1) },
            ],
        };
        for (number, slot) in (1_u32..).zip(slots) {
            let role = slot.role(number, draft.next_agent);
            draft.next_agent += slot.agents;
            draft.recipients.push(Recipient::waiting(role, NOW));
        }
        draft
    }
}

impl fmt::Display for Setup {
    /// Writes the setup lines of a script.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "agents {}\nlayout {}", self.agents, self.layout)?;
        if self.reopen {
            writeln!(formatter, "reopen")?;
        }
        if self.keep { writeln!(formatter, "keep") } else { Ok(()) }
    }
}

/// A recipient to be created.
struct SetupSlot {
    kind: RecipientType,
    order: u32,
    required: bool,
    hosted_by: Option<u32>,
    agents: u32,
}

impl SetupSlot {
    fn required(kind: RecipientType, order: u32, agents: u32) -> Self {
        Self { kind, order, required: true, hosted_by: None, agents }
    }

    fn role(&self, number: u32, first_agent: u32) -> Role {
        Role {
            number,
            kind: self.kind,
            identifier: format!("recipient-{number}").into(),
            role_name: None,
            order: self.order,
            required: self.required,
            color: None,
            hosted_by: self.hosted_by,
            delegated_by: None,
            phone_verification: false,
            first_agent,
            persons: (first_agent..first_agent + self.agents).map(person).collect(),
            codes: (0..self.agents).map(|_| None).collect(),
            weight: 0,
        }
    }
}

fn person(number: u32) -> Person {
    let email: Box<str> = format!("agent-{number}@example.com").into();
    Person::new(format!("Agent {number}").into(), email, None, Locale::default())
}

/// Every command that can be tried.
pub(super) fn commands(envelope: &Envelope) -> Vec<Command<'static>> {
    let acts = [Act::Open, Act::Accept, Act::Decline, Act::Sign { code: None }];
    let of = |spot: Spot| acts.into_iter().map(move |act| Command::Act(spot, act));
    let people = spots(envelope).flat_map(of);
    [Command::Send].into_iter().chain(people).chain([Command::Void, Command::Expire]).collect()
}

/// The position of every agent.
pub(super) fn spots(envelope: &Envelope) -> impl Iterator<Item = Spot> {
    (0_u32..)
        .zip(&envelope.recipients)
        .flat_map(|(recipient, held)| (0_u32..).zip(&held.seats).map(move |(agent, _)| Spot { recipient, agent }))
}

/// The number of an agent in the envelope, as shown to people.
pub(super) fn number(envelope: &Envelope, spot: Spot) -> u32 {
    envelope.agent_id(spot).map_or(0, |id| id.number)
}

/// The position of the agent with this number.
pub(super) fn spot(envelope: &Envelope, number: u32) -> Option<Spot> {
    envelope.spot_of(AgentId { envelope: envelope.id, number })
}

/// A command, as written in a script.
pub(super) fn written(envelope: &Envelope, command: Command<'_>) -> String {
    match command {
        Command::Send => "send".to_owned(),
        Command::Void => "void".to_owned(),
        Command::Expire => "expire".to_owned(),
        Command::Remind => "remind".to_owned(),
        Command::Act(spot, act) => format!("agent {} {}", number(envelope, spot), act.as_str()),
    }
}

/// An effect in words, with the number of the agent or the recipient.
pub(super) fn effect_text(envelope: &Envelope, effect: Effect) -> String {
    let word = effect.kind.as_str();
    match (effect.recipient, effect.agent) {
        (Some(recipient), Some(agent)) => format!("{word} ({})", number(envelope, Spot { recipient, agent })),
        (Some(recipient), None) => format!("{word} ({})", recipient.saturating_add(1)),
        (None, _) => word.to_owned(),
    }
}
