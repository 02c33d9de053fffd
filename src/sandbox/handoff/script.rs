//! Finds the scenario that answers a handoff.

use crate::{
    domain::{
        actor::{Actor, ActorChange, ActorState},
        contract::Advice,
        scenario::{self, ActorFlags, Facts, LazyBody, Scenario, ScenarioEndpoint, ScenarioSet},
        session::HandoffRequest,
    },
    sandbox::{ConsultError, Consulted, Sandbox},
};

impl Sandbox {
    /// The answer of the scenario that matches a request, and the actor to remember: an unknown actor has not yet done
    /// what the scenario waits for.
    pub(super) async fn take_script(
        &self,
        request: &HandoffRequest,
        known: Option<&ActorState>,
        body: &[u8],
    ) -> Result<(Consulted, Option<ActorState>), ConsultError> {
        let body = LazyBody::new(body);
        let facts = Facts {
            email: &request.actor.email,
            external_user_id: &request.actor.external_user_id,
            intent: request.intent.as_str(),
            handoff_id: &request.handoff_id,
            source: &request.integration.source,
            body: &body,
        };
        let state = |scenario: &Scenario| known.cloned().unwrap_or_else(|| unknown(&request.actor, scenario));
        let flags = |scenario: &Scenario| {
            let ActorState { registered, email_verified, subscribed, .. } = state(scenario);
            (ActorFlags { registered, email_verified, subscribed }, self.clock.now())
        };
        let consulted = self.scripts.take(ScenarioEndpoint::Handoff, &facts, flags).await?;
        let scenario = consulted.scripted.as_ref().map(|scripted| &*scripted.scenario);
        let is_begun = |scenario: &&Scenario| known.is_none() && scenario.waits_for() != ActorChange::default();
        let newcomer = scenario.filter(is_begun).map(|scenario| unknown(&request.actor, scenario));
        Ok((consulted, newcomer))
    }
}

/// The initial state of an unknown actor, who has not yet done what a scenario waits for.
fn unknown(actor: &Actor, scenario: &Scenario) -> ActorState {
    let mut state = scenario::initial_state(actor);
    state.change(scenario.waits_for());
    state
}

/// Warns about a plus tag that almost names an outcome or a scenario.
pub(super) fn doubtful_tag(actor: &Actor, scenarios: &ScenarioSet) -> Option<Advice> {
    actor.tags().next()?;
    let (tag, name) = scenario::nearly_named(actor, &scenarios.tags())?;
    let message = format!("has the unknown tag \"+{tag}\"; did you mean \"+{name}\"?");
    Some(Advice { pointer: "/actor/email".to_owned(), code: "unknown_tag", message })
}
