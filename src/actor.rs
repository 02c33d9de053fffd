//! The actor of a handoff: the end user on whose behalf it is made, known by email.

use serde::{Deserialize, Serialize};

/// The end user as a handoff names them (R4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// The user's id in the caller's system.
    pub external_user_id: Box<str>,
    /// The user's email.
    pub email: Box<str>,
    /// The user's name, if given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<Box<str>>,
}

impl Actor {
    /// The plus tags of the email: `verify_email` and `slow` for `sam+verify_email+slow@example.com`.
    pub fn tags(&self) -> impl Iterator<Item = &str> {
        let local = self.email.rsplit_once('@').map_or(&*self.email, |(local, _)| local);
        local.split('+').skip(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(email: &str) -> Vec<String> {
        let actor = Actor { external_user_id: "usr".into(), email: email.into(), display_name: None };
        actor.tags().map(str::to_owned).collect()
    }

    #[test]
    fn tags_stand_between_the_first_plus_and_the_at() {
        assert_eq!(tags("sam@example.com"), [""; 0]);
        assert_eq!(tags("sam+error@example.com"), ["error"]);
        assert_eq!(tags("sam+a+b@x+y.com"), ["a", "b"]);
        assert_eq!(tags("\"a@b+c\"@example.com"), ["c\""]);
    }
}
