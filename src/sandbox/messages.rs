//! Messages of a sandbox: the verification mail, and the links in messages.

use super::Sandbox;
use crate::{
    base::{ids::Counted, urls::BaseUrl},
    domain::{
        message::{About, Channel, LinkRole, Message, MessageKind, MessageLink, MessageView},
        session::PendingHandoff,
        signing::Locale,
    },
    store::StoreError,
};
use std::sync::Arc;

impl Sandbox {
    /// A message with its text and its links. `reader` is the URL at which the reader reaches the server. Links start
    /// with it if the message was not caused by a caller.
    #[must_use]
    pub fn message_view(&self, message: &Message, reader: &BaseUrl) -> MessageView {
        MessageView::of(message, self.message_links(message, reader))
    }

    /// The links in a message; `reader` as for [`Sandbox::message_view`].
    #[must_use]
    pub fn message_links(&self, message: &Message, reader: &BaseUrl) -> Vec<MessageLink> {
        let pages = self.pages(message.base_url().unwrap_or(reader));
        let sign = || message.agent_id().map(|agent| pages.sign(&self.sign_link(agent)));
        let link = |rel, url: Option<String>| url.map(|url| MessageLink { rel, url });
        let link = match message.kind {
            MessageKind::VerifyEmail => {
                let waiting = message.waiting_id();
                link(LinkRole::Verify, waiting.map(|waiting| pages.verify_email(&self.verify_link(waiting))))
            }
            MessageKind::Invitation | MessageKind::Reminder => link(LinkRole::Sign, sign()),
            MessageKind::NoLongerNeeded => link(LinkRole::View, sign()),
            MessageKind::Completion => link(LinkRole::View, sign())
                .or_else(|| link(LinkRole::Session, message.agent_session_id().map(|session| pages.agent(session)))),
            // Real codes come without a link.
            MessageKind::OneTimeCode => None,
        };
        link.into_iter().collect()
    }

    /// The mail with the link that verifies the email of a waiting handoff's actor (S4).
    pub(super) async fn verification_mail(&self, pending: &PendingHandoff) -> Result<Message, StoreError> {
        let actor = &pending.request.actor;
        Ok(Message {
            id: self.ids.message(self.next_number(Counted::Message).await?).into(),
            at: self.clock.now(),
            kind: MessageKind::VerifyEmail,
            channel: Channel::Email,
            to: actor.email.clone(),
            name: actor.display_name.clone(),
            about: About::Handoff {
                waiting: Arc::clone(&pending.id),
                handoff_id: pending.request.handoff_id.clone(),
                base_url: pending.base_url.clone(),
            },
            locale: Locale::default(),
            code: None,
        })
    }
}
