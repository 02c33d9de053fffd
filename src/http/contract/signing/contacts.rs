//! `/api/v1/key/contacts` (G3).

use super::{
    call::{Given, Nothing},
    error::ApiError,
    page::PageQuery,
    resource::Payload,
};
use crate::{
    domain::signing::{ContactChange, ContactRequest},
    sandbox::{NewContact, Sandbox, SigningError},
};
use serde_json::json;
use std::sync::Arc;

/// `POST`: adds a contact to the address book.
pub(super) async fn create_contact(
    sandbox: Arc<Sandbox>,
    (): (),
    Given(new): Given<ContactRequest>,
) -> Result<Payload, ApiError> {
    let ContactRequest { name, email, phone, locale } = new;
    let contact = sandbox.create_contact(NewContact { name, email, phone, locale }).await?;
    Payload::of(json!({ "contactId": contact.id }))
}

/// `GET`: lists contacts, newest first.
pub(super) async fn list_contacts(sandbox: Arc<Sandbox>, (): (), page: PageQuery) -> Result<Payload, ApiError> {
    let (contacts, next) = page.of(sandbox.contacts(), |_| true, SigningError::NoSuchContact).await?;
    Payload::listed("contacts", &contacts, next)
}

/// `GET {contactId}`: returns a contact.
pub(super) async fn show_contact(sandbox: Arc<Sandbox>, id: String, _: Nothing) -> Result<Payload, ApiError> {
    Payload::single("contact", sandbox.contact(&id).await?)
}

/// `PATCH {contactId}`, and `PUT` with the same meaning: changes the given members.
pub(super) async fn change_contact(
    sandbox: Arc<Sandbox>,
    id: String,
    Given(change): Given<ContactChange>,
) -> Result<Payload, ApiError> {
    Payload::single("contact", sandbox.change_contact(&id, change).await?)
}

/// `DELETE {contactId}`: removes the contact, also from its groups. Agents created from it stay.
pub(super) async fn delete_contact(sandbox: Arc<Sandbox>, id: String, _: Nothing) -> Result<Payload, ApiError> {
    sandbox.delete_contact(&id).await?;
    Payload::of(json!({ "contactId": id }))
}
