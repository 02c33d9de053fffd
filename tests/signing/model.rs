//! The reference model: the rules of G4 to G10, based only on the list of events so far.
//!
//! It stores no states. Each time, the state of an envelope, a recipient or an agent is derived from the events. The
//! model therefore shares no mistake with the machine, and shows that the events are complete.

use docendorse_mock::domain::signing::EffectKind;
use docendorse_mock::domain::signing::{Act, Command, RecipientType, Spot};

/// An event, with the indexes of its recipient and agent.
pub type Event = (EffectKind, Option<u32>, Option<u32>);

/// A recipient as it was added.
#[derive(Clone, Debug)]
pub struct Part {
    pub kind: RecipientType,
    pub order: u32,
    pub required: bool,
    pub removed: bool,
    /// The index of the host.
    pub hosted_by: Option<usize>,
    pub asks_for_code: bool,
    /// For each agent, the code that was sent to its phone, if it has one.
    pub codes: Vec<Option<String>>,
}

#[derive(Clone, Debug)]
pub struct Model {
    pub reopen: bool,
    /// Whether the envelope stays sent when a required recipient declines.
    pub keep: bool,
    pub parts: Vec<Part>,
    pub events: Vec<Event>,
}

impl Model {
    pub fn envelope(&self) -> &'static str {
        let mut words = self.events.iter().rev().map(|event| match event.0 {
            EffectKind::EnvelopeSent => "sent",
            EffectKind::EnvelopeFinalized => "finalized",
            EffectKind::EnvelopeVoided => "voided",
            EffectKind::EnvelopeExpired => "expired",
            _ => "",
        });
        words.find(|word| !word.is_empty()).unwrap_or("draft")
    }

    pub fn agent(&self, recipient: usize, agent: usize) -> &'static str {
        let of = |event: &&Event| event.1 == Some(recipient as u32) && event.2 == Some(agent as u32);
        match self.events.iter().rev().find(of).map(|event| event.0) {
            None => "waiting",
            Some(EffectKind::AgentInvited) => "invited",
            Some(EffectKind::AgentOpened) => "opened",
            Some(EffectKind::AgentAccepted) => "primary",
            Some(EffectKind::AgentReleased) => "released",
            Some(EffectKind::AgentDeclined) => "declined",
            Some(EffectKind::DocumentSigned) => "signed",
            Some(other) => panic!("{other:?} is not an event of an agent"),
        }
    }

    pub fn agents(&self, recipient: usize) -> Vec<&'static str> {
        (0..self.parts[recipient].codes.len()).map(|agent| self.agent(recipient, agent)).collect()
    }

    pub fn primary(&self, recipient: usize) -> Option<usize> {
        self.agents(recipient).into_iter().position(|word| word == "primary" || word == "signed")
    }

    pub fn recipient(&self, recipient: usize) -> &'static str {
        let happened = |kind| self.events.contains(&(kind, Some(recipient as u32), None));
        if self.parts[recipient].removed {
            "removed"
        } else if happened(EffectKind::RecipientCompleted) {
            "completed"
        } else if happened(EffectKind::RecipientDeclined) {
            "declined"
        } else if !happened(EffectKind::RecipientActivated) {
            "waiting"
        } else if self.primary(recipient).is_some() {
            "claimed"
        } else {
            "open"
        }
    }

    /// Performs a command. Returns its events, none for a repetition, or the name of the refusal.
    pub fn perform(&mut self, command: Command<'_>) -> Result<Vec<Event>, &'static str> {
        let start = self.events.len();
        match command {
            Command::Send => {
                self.may_be_sent()?;
                self.record(EffectKind::EnvelopeSent);
                self.invite_all_whose_turn_it_is();
            }
            Command::Void => {
                if ["finalized", "voided", "expired"].contains(&self.envelope()) {
                    return Err("Envelope.Closed");
                }
                self.must_be_sent()?;
                self.record(EffectKind::EnvelopeVoided);
            }
            Command::Expire => {
                self.must_be_sent()?;
                self.record(EffectKind::EnvelopeExpired);
            }
            Command::Remind => {
                self.must_be_sent()?;
                for recipient in self.present() {
                    if ["open", "claimed"].contains(&self.recipient(recipient)) {
                        self.record_for(EffectKind::RequestResent, recipient);
                    }
                }
            }
            Command::Act(spot, act) => self.act(spot, act)?,
        }
        Ok(self.events[start..].to_vec())
    }

    fn may_be_sent(&self) -> Result<(), &'static str> {
        if self.envelope() != "draft" {
            return Err("Envelope.NotDraft");
        }
        let signs = |part: &Part| ![RecipientType::Viewer, RecipientType::Host].contains(&part.kind);
        if !self.present().iter().any(|place| self.parts[*place].required && signs(&self.parts[*place])) {
            return Err("Envelope.NoSigner");
        }
        for part in self.present().into_iter().map(|place| &self.parts[place]) {
            if part.codes.is_empty() {
                return Err("Recipient.NoAgents");
            }
            if part.kind == RecipientType::InPersonSigner {
                let host = part.hosted_by.map(|host| &self.parts[host]);
                if !host.is_some_and(|host| !host.removed && host.order <= part.order) {
                    return Err("Recipient.NoHost");
                }
            }
            if part.asks_for_code && part.codes.contains(&None) {
                return Err("Agent.NoPhone");
            }
        }
        Ok(())
    }

    fn must_be_sent(&self) -> Result<(), &'static str> {
        match self.envelope() {
            "draft" => Err("Envelope.NotSent"),
            "finalized" => Err("Envelope.Finalized"),
            "voided" => Err("Envelope.Voided"),
            "expired" => Err("Envelope.Expired"),
            _ => Ok(()),
        }
    }

    fn act(&mut self, spot: Spot, act: Act<'_>) -> Result<(), &'static str> {
        let (recipient, agent) = (spot.recipient as usize, spot.agent as usize);
        if self.parts.get(recipient).is_none_or(|part| agent >= part.codes.len()) {
            return Err("Agent.NotInvited");
        }
        let kind = self.parts[recipient].kind;
        // The state of an agent that can do nothing more takes precedence over the envelope's.
        match (self.agent(recipient, agent), act.as_str()) {
            ("declined", "decline") | ("signed", "open" | "accept" | "sign") => return Ok(()),
            ("declined", _) => return Err("Agent.Declined"),
            ("signed", _) => return Err("Agent.Signed"),
            ("released", "accept") => return Err("Recipient.AlreadyClaimed"),
            ("released", _) => return Err("Agent.Released"),
            _ => {}
        }
        self.must_be_sent()?;
        let word = self.agent(recipient, agent);
        if word == "waiting" {
            return Err(if kind == RecipientType::Viewer { "Recipient.ReadOnly" } else { "Agent.NotInvited" });
        }
        match act {
            Act::Open => {
                if word == "invited" {
                    self.must_be_hosted(recipient)?;
                    self.events.push((EffectKind::AgentOpened, Some(spot.recipient), Some(spot.agent)));
                }
            }
            Act::Accept => match word {
                "invited" => return Err("Agent.NotOpened"),
                "opened" => self.accept(spot),
                _ => {}
            },
            Act::Sign { code } => {
                match word {
                    "invited" => return Err("Agent.NotOpened"),
                    "opened" => return Err("Agent.NotPrimary"),
                    _ => self.must_be_signable(recipient, agent, code)?,
                }
                self.events.push((EffectKind::DocumentSigned, Some(spot.recipient), Some(spot.agent)));
                self.complete(recipient);
            }
            Act::Decline => {
                if self.recipient(recipient) == "completed" {
                    return Err("Recipient.Completed");
                }
                self.decline(spot);
            }
        }
        Ok(())
    }

    fn must_be_hosted(&self, recipient: usize) -> Result<(), &'static str> {
        let part = &self.parts[recipient];
        let host = part.hosted_by.filter(|_| part.kind == RecipientType::InPersonSigner);
        if host.is_some_and(|host| self.recipient(host) != "completed") { Err("Recipient.NotHosted") } else { Ok(()) }
    }

    fn must_be_signable(&self, recipient: usize, agent: usize, code: Option<&str>) -> Result<(), &'static str> {
        let part = &self.parts[recipient];
        if part.kind == RecipientType::Host {
            return Err("Recipient.NothingToSign");
        }
        match code {
            _ if !part.asks_for_code => Ok(()),
            None => Err("Agent.CodeRequired"),
            code if code == part.codes[agent].as_deref() => Ok(()),
            Some(_) => Err("Agent.CodeWrong"),
        }
    }

    fn accept(&mut self, spot: Spot) {
        let recipient = spot.recipient as usize;
        self.events.push((EffectKind::AgentAccepted, Some(spot.recipient), Some(spot.agent)));
        for (agent, word) in self.agents(recipient).into_iter().enumerate() {
            if word == "invited" || word == "opened" {
                self.events.push((EffectKind::AgentReleased, Some(spot.recipient), Some(agent as u32)));
            }
        }
        if self.parts[recipient].kind == RecipientType::Host {
            self.complete(recipient);
        }
    }

    fn decline(&mut self, spot: Spot) {
        let recipient = spot.recipient as usize;
        let released: Vec<usize> = self.places_of(recipient, "released");
        self.events.push((EffectKind::AgentDeclined, Some(spot.recipient), Some(spot.agent)));
        // There are released agents only if the agent that declines was primary.
        if self.reopen && !released.is_empty() {
            for agent in released {
                self.events.push((EffectKind::AgentInvited, Some(spot.recipient), Some(agent as u32)));
            }
            return;
        }
        let may_go_on = ["invited", "opened"].iter().any(|word| !self.places_of(recipient, word).is_empty());
        if !may_go_on {
            self.record_for(EffectKind::RecipientDeclined, recipient);
            if self.is_waited_for(recipient) && !self.keep {
                self.record(EffectKind::EnvelopeVoided);
            }
        }
    }

    fn complete(&mut self, recipient: usize) {
        self.record_for(EffectKind::RecipientCompleted, recipient);
        self.invite_all_whose_turn_it_is();
        let is_done = |place: &usize| !self.is_waited_for(*place) || self.recipient(*place) == "completed";
        if self.present().iter().all(is_done) {
            for place in self.present() {
                if self.parts[place].kind == RecipientType::Viewer {
                    self.record_for(EffectKind::RecipientCompleted, place);
                }
            }
            self.record(EffectKind::EnvelopeFinalized);
        }
    }

    fn invite_all_whose_turn_it_is(&mut self) {
        let open: Vec<usize> = self.present().into_iter().filter(|place| self.is_open(*place)).collect();
        // If no recipient is left to wait for, no one is invited.
        let Some(turn) = open.iter().map(|place| self.parts[*place].order).min() else { return };
        for place in self.present() {
            let part = &self.parts[place];
            if part.order <= turn && part.kind != RecipientType::Viewer && self.recipient(place) == "waiting" {
                self.record_for(EffectKind::RecipientActivated, place);
                for agent in self.places_of(place, "waiting") {
                    self.events.push((EffectKind::AgentInvited, Some(place as u32), Some(agent as u32)));
                }
            }
        }
    }

    fn is_waited_for(&self, recipient: usize) -> bool {
        self.parts[recipient].required && self.parts[recipient].kind != RecipientType::Viewer
    }

    fn is_open(&self, recipient: usize) -> bool {
        self.is_waited_for(recipient) && self.recipient(recipient) != "completed"
    }

    fn places_of(&self, recipient: usize, wanted: &str) -> Vec<usize> {
        let words = self.agents(recipient).into_iter().enumerate();
        words.filter(|(_, word)| *word == wanted).map(|(agent, _)| agent).collect()
    }

    fn present(&self) -> Vec<usize> {
        (0..self.parts.len()).filter(|place| !self.parts[*place].removed).collect()
    }

    fn record(&mut self, kind: EffectKind) {
        self.events.push((kind, None, None));
    }

    fn record_for(&mut self, kind: EffectKind, recipient: usize) {
        self.events.push((kind, Some(recipient as u32), None));
    }
}
