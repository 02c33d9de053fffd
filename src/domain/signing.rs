//! Competitive signing: envelopes, their roles, and the agents who compete for each role (G1 to G10).
//!
//! Pure: no I/O; time and randomness are passed in. `competition` is the state machine; `draft` changes envelopes
//! before they are sent; `people` are simulated agents, and `upcoming` holds their planned actions.

mod agent;
mod competition;
mod contacts;
mod draft;
mod effect;
mod envelope;
mod id;
mod people;
mod recipient;
mod refusal;
mod request;
mod stored;
mod upcoming;
mod validate;
mod view;

pub use agent::{AgentState, Locale, Person, PhoneContactMethod, Seat, is_phone};
pub use competition::{Act, Command, Judgement};
pub use contacts::{Contact, ContactChange, Group, NoAddress, User, user_problem};
pub use draft::{DraftError, MOST_AGENTS, MOST_BYTES, MOST_RECIPIENTS, NewRecipient, RecipientChange};
pub use effect::{Effect, EffectKind};
pub use envelope::{Envelope, EnvelopeState, EnvelopeStatus, Origin, Sender, Spot, Terms, VoidReason, weight_of};
pub use id::{AgentId, EnvelopeId, IdError, RecipientId};
pub use people::{Behaviour, Declines, Habit, InsteadOf, Intention, LONGEST, MOST_RULES, Parties, People, Plan, Rule};
pub use recipient::{Recipient, RecipientState, RecipientType, Role};
pub use refusal::Refusal;
pub use request::{
    AgentRequest, AgentsRequest, ContactRequest, EnvelopeRequest, GroupChangeRequest, GroupRequest, PersonRequest,
    RecipientChangeRequest, RecipientRequest,
};
pub use upcoming::{EnvelopeTask, PlannedAct, Upcoming};
pub use view::{Agents, Detail, EnvelopeView, RecipientView};
