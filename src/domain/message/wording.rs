//! The words of messages, in each language.
//!
//! Names and titles are written on one line: control characters become spaces.

use super::{About, Channel, LinkRole, Message, MessageKind, MessageLink};
use crate::domain::signing::{Locale, Sender};
use std::{borrow::Cow, fmt::Write};

/// What every captured mail says about itself.
pub(super) const MARK: &str = "docendorse-mock: captured, never sent";

impl Message {
    /// The subject of an email; `None` for other channels.
    #[must_use]
    pub fn subject(&self) -> Option<String> {
        use {Locale::EnUs, Locale::TrTr, MessageKind as Kind};
        if self.channel != Channel::Email {
            return None;
        }
        let title = self.title();
        Some(match (self.kind, self.locale) {
            (Kind::VerifyEmail, EnUs) => "Verify your email address".to_owned(),
            (Kind::VerifyEmail, TrTr) => "E-posta adresinizi doğrulayın".to_owned(),
            (Kind::Invitation, EnUs) if self.is_host() => format!("Please host the signing of “{title}”"),
            (Kind::Invitation, TrTr) if self.is_host() => format!("Yüz yüze imza için davet: “{title}”"),
            (Kind::Invitation, EnUs) => format!("Please sign “{title}”"),
            (Kind::Invitation, TrTr) => format!("İmzanız bekleniyor: “{title}”"),
            (Kind::Reminder, EnUs) => format!("Reminder: “{title}” is waiting for you"),
            (Kind::Reminder, TrTr) => format!("Hatırlatma: “{title}” sizi bekliyor"),
            (Kind::OneTimeCode, EnUs) => format!("Your code to sign “{title}”"),
            (Kind::OneTimeCode, TrTr) => format!("“{title}” için imza kodunuz"),
            (Kind::NoLongerNeeded, EnUs) => format!("You are no longer needed for “{title}”"),
            (Kind::NoLongerNeeded, TrTr) => format!("“{title}” için artık bir işlem yapmanız gerekmiyor"),
            (Kind::Completion, EnUs) => format!("“{title}” is complete"),
            (Kind::Completion, TrTr) => format!("“{title}” tamamlandı"),
        })
    }

    /// The text, with its links.
    #[must_use]
    pub fn text(&self, links: &[MessageLink]) -> String {
        if self.channel != Channel::Email {
            let mut text = self.sentence();
            for link in links {
                let _ = write!(text, " {}", link.url);
            }
            return text;
        }
        let mut text = format!("{}\n\n{}", self.greeting(), self.sentence());
        for link in links {
            let _ = write!(text, "\n\n{}:\n{}", self.label(link.rel), link.url);
        }
        if let Some(remark) = self.remark() {
            let _ = write!(text, "\n\n{remark}");
        }
        let _ = write!(text, "\n\n{MARK}\n");
        text
    }

    pub(super) fn greeting(&self) -> String {
        let hello = match self.locale {
            Locale::EnUs => "Hello",
            Locale::TrTr => "Merhaba",
        };
        match self.name.as_deref().map(one_line).filter(|name| !name.trim().is_empty()) {
            Some(name) => format!("{hello} {name},"),
            None => format!("{hello},"),
        }
    }

    /// The message itself.
    pub(super) fn sentence(&self) -> String {
        use {Locale::EnUs, Locale::TrTr, MessageKind as Kind};
        let (title, code) = (self.title(), self.code.as_deref().unwrap_or_default());
        match (self.kind, self.locale) {
            (Kind::VerifyEmail, EnUs) => "Verify this email address to continue with DocEndorse.".to_owned(),
            (Kind::VerifyEmail, TrTr) => "DocEndorse ile devam etmek için bu e-posta adresini doğrulayın.".to_owned(),
            (Kind::Invitation, locale) => self.request(locale, &title),
            (Kind::Reminder, EnUs) if self.is_host() => format!("The signing of “{title}” is still waiting for you."),
            (Kind::Reminder, TrTr) if self.is_host() => format!("“{title}” belgesinin imzalanması hâlâ sizi bekliyor."),
            (Kind::Reminder, EnUs) => format!("The document “{title}” is still waiting for your signature."),
            (Kind::Reminder, TrTr) => format!("“{title}” belgesi hâlâ imzanızı bekliyor."),
            (Kind::OneTimeCode, EnUs) => format!("{code} is your code to sign \"{title}\"."),
            (Kind::OneTimeCode, TrTr) => format!("\"{title}\" belgesini imzalama kodunuz: {code}."),
            (Kind::NoLongerNeeded, EnUs) => {
                format!("Someone else has already accepted “{title}”. You do not need to do anything.")
            }
            (Kind::NoLongerNeeded, TrTr) => {
                format!("“{title}” belgesini başka biri kabul etti. Sizin bir işlem yapmanıza gerek yok.")
            }
            (Kind::Completion, EnUs) => format!("Everyone who had to sign “{title}” has signed."),
            (Kind::Completion, TrTr) => format!("“{title}” belgesini imzalaması gereken herkes imzaladı."),
        }
    }

    /// The label of a link.
    pub(super) fn label(&self, rel: LinkRole) -> &'static str {
        match (rel, self.locale) {
            (LinkRole::Verify, Locale::EnUs) => "Verify email address",
            (LinkRole::Verify, Locale::TrTr) => "E-posta adresini doğrula",
            (LinkRole::Sign, Locale::EnUs) if self.is_host() => "Open",
            (LinkRole::Sign, Locale::TrTr) if self.is_host() => "Aç",
            (LinkRole::Sign, Locale::EnUs) => "Review and sign",
            (LinkRole::Sign, Locale::TrTr) => "İncele ve imzala",
            (LinkRole::View | LinkRole::Session, Locale::EnUs) => "View",
            (LinkRole::View | LinkRole::Session, Locale::TrTr) => "Görüntüle",
        }
    }

    /// What stands below the links.
    pub(super) fn remark(&self) -> Option<&'static str> {
        match (self.kind, self.locale) {
            (MessageKind::VerifyEmail, Locale::EnUs) => Some("If you did not ask for this, ignore this email."),
            (MessageKind::VerifyEmail, Locale::TrTr) => {
                Some("Bu isteği siz yapmadıysanız bu e-postayı dikkate almayın.")
            }
            _ => None,
        }
    }

    fn title(&self) -> Cow<'_, str> {
        self.matter().map_or(Cow::Borrowed(""), |envelope| one_line(&envelope.title))
    }

    /// The sentence of an invitation, which names the sender if one is known.
    fn request(&self, locale: Locale, title: &str) -> String {
        let sender = self.matter().and_then(|envelope| envelope.sender.as_deref());
        let name = |sender: &'_ Sender| {
            let name = sender.name.as_deref().filter(|name| !name.trim().is_empty()).unwrap_or(&sender.email);
            one_line(name).into_owned()
        };
        match (locale, sender.map(name), self.is_host()) {
            (Locale::EnUs, Some(name), false) => format!("{name} asks you to sign “{title}”."),
            (Locale::EnUs, None, false) => format!("You are asked to sign “{title}”."),
            (Locale::EnUs, Some(name), true) => format!("{name} asks you to host the signing of “{title}”."),
            (Locale::EnUs, None, true) => format!("You are asked to host the signing of “{title}”."),
            (Locale::TrTr, Some(name), false) => format!("{name}, “{title}” belgesini imzalamanızı istiyor."),
            (Locale::TrTr, None, false) => format!("“{title}” belgesini imzalamanız isteniyor."),
            (Locale::TrTr, Some(name), true) => {
                format!("{name}, “{title}” belgesinin yüz yüze imzalanmasına ev sahipliği yapmanızı istiyor.")
            }
            (Locale::TrTr, None, true) => {
                format!("“{title}” belgesinin yüz yüze imzalanmasına ev sahipliği yapmanız isteniyor.")
            }
        }
    }

    fn is_host(&self) -> bool {
        matches!(self.about, About::Envelope { is_host: true, .. })
    }
}

/// A text without control characters and line separators.
pub(super) fn one_line(text: &str) -> Cow<'_, str> {
    let breaks = |char: char| char.is_control() || matches!(char, '\u{2028}' | '\u{2029}');
    if text.contains(breaks) { text.replace(breaks, " ").into() } else { text.into() }
}
