//! What an access token permits: its scopes (T3) and its user (T6).

use super::{AccessToken, Scope};
use crate::{
    base::position::brief,
    domain::{actor::Actor, contract::Advice},
};

impl AccessToken {
    /// The scope that a handoff needs and the token lacks (T3). With `strict`, a handoff also needs `openid`.
    #[must_use]
    pub fn lacking_scope(&self, strict: bool) -> Option<Scope> {
        let needed = [Some(Scope::CreateAgentSessions), strict.then_some(Scope::OpenId)];
        needed.into_iter().flatten().find(|scope| !self.has_scope(*scope))
    }

    /// An advice if the token lacks `openid`: the app setup page calls both scopes required (T3).
    #[must_use]
    pub fn missing_openid(&self) -> Option<Advice> {
        let message = "was sent with an access token without the scope \"openid\"; ask for \"openid agent_sessions:create\" \
                       (--auth strict refuses it)";
        let advice = || Advice { pointer: String::new(), code: "missing_openid", message: message.to_owned() };
        (!self.has_scope(Scope::OpenId)).then(advice)
    }

    /// Advices if the actor is not the user that the token acts for (T6). A claim that the token lacks contradicts
    /// nothing.
    #[must_use]
    pub fn contradictions(&self, actor: &Actor) -> Vec<Advice> {
        let differs = |pointer: &str, claim: &str, ours: Option<&str>, theirs: &str, same: bool| {
            let ours = ours.filter(|_| !same)?;
            Some(Advice {
                pointer: pointer.to_owned(),
                code: "other_user",
                message: format!("is {:?}, but the access token acts for {claim} {:?}", brief(theirs), brief(ours)),
            })
        };
        let (sub, email) = (self.sub.as_deref(), self.email.as_deref());
        let same_sub = sub.is_some_and(|sub| *sub == *actor.external_user_id);
        let same_email = email.is_some_and(|email| email.eq_ignore_ascii_case(&actor.email));
        let sub = differs("/actor/external_user_id", "sub", sub, &actor.external_user_id, same_sub);
        let email = differs("/actor/email", "email", email, &actor.email, same_email);
        sub.into_iter().chain(email).collect()
    }
}
