//! Emails as HTML, and as the source of a mail (RFC 5322).

use super::{
    Message, MessageLink,
    wording::{MARK, one_line},
};
use crate::domain::signing::Locale;
use mail_builder::{
    MessageBuilder,
    headers::{address::Address, content_type::ContentType, date::Date},
    mime::MimePart,
};
use maud::{DOCTYPE, html as markup};

/// The domain of the mock's own address and message ids. Mail to `.invalid` can never be delivered (RFC 2606).
const DOMAIN: &str = "docendorse-mock.invalid";

const BODY: &str = "margin:0;padding:24px 12px;background:#eef1f6;color:#1c2430;\
    font:16px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif";
const MARKED: &str = "max-width:520px;margin:0 auto 12px;font-size:13px;color:#596474;text-align:center";
const CARD: &str = "max-width:520px;margin:0 auto;padding:28px 32px;background:#fff;border:1px solid #d9dfe8;\
    border-radius:10px;overflow-wrap:anywhere";
const BRAND: &str = "margin:0 0 20px;font-weight:700;color:#2451b7";
const TITLE: &str = "margin:0 0 16px;font-size:21px;line-height:1.3";
const BUTTON: &str = "display:inline-block;padding:11px 20px;border-radius:7px;background:#2451b7;color:#fff;\
    font-weight:600;text-decoration:none";
const SMALL: &str = "margin:16px 0 0;font-size:13px;color:#596474";

/// The HTML of an email; `None` for a message sent to a phone.
#[must_use]
pub fn html(message: &Message, links: &[MessageLink]) -> Option<String> {
    let subject = message.subject()?;
    let page = markup! {
        (DOCTYPE)
        html lang=(language(message.locale)) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (subject) }
            }
            body style=(BODY) {
                p style=(MARKED) lang="en" { (MARK) }
                main style=(CARD) {
                    p style=(BRAND) { "DocEndorse" }
                    h1 style=(TITLE) { (subject) }
                    p { (message.greeting()) }
                    p { (message.sentence()) }
                    @for link in links {
                        p style="margin:24px 0 0" {
                            a href=(link.url) target="_blank" rel="noopener" style=(BUTTON) { (message.label(link.rel)) }
                        }
                        p style=(SMALL) { (link.url) }
                    }
                    @if let Some(remark) = message.remark() {
                        p style=(SMALL) { (remark) }
                    }
                }
            }
        }
    };
    Some(page.into_string())
}

/// The source of an email (RFC 5322); `None` for a message sent to a phone. The same message always has the same
/// source.
#[must_use]
pub fn raw(message: &Message, links: &[MessageLink]) -> Option<Vec<u8>> {
    let (subject, html) = (message.subject()?, html(message, links)?);
    // Neither encoding of a body contains `=_`. A body is encoded unless it is ASCII; then no line of it begins with a
    // text of the caller's.
    let boundary = format!("=_{}", message.id);
    let body = MimePart::new(
        ContentType::new("multipart/alternative").attribute("boundary", boundary),
        vec![MimePart::new("text/plain", message.text(links)), MimePart::new("text/html", html)],
    );
    // Many mail programs decode `=?…?=` even inside quotation marks, where it is plain text (RFC 2047, 5).
    let name = message.name.as_deref().map(|name| one_line(name).replace("=?", "= ?"));
    let name = name.filter(|name| !name.trim().is_empty());
    let mail = MessageBuilder::new()
        .date(Date::new(message.at.as_second()))
        .from(Address::new_address(Some("DocEndorse (mock)"), format!("no-reply@{DOMAIN}")))
        .to(Address::new_address(name, one_line(&message.to)))
        .message_id(format!("{}@{DOMAIN}", message.id))
        .subject(subject)
        .header("X-Docendorse-Mock", mail_builder::headers::text::Text::new(MARK))
        .body(body);
    // Writing to memory cannot fail.
    mail.write_to_vec().ok()
}

fn language(locale: Locale) -> &'static str {
    match locale {
        Locale::EnUs => "en",
        Locale::TrTr => "tr",
    }
}
