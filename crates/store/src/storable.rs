//! What no store may take: texts that some database would cut short, and secrets in clear.

use tessera_protocol::client::ClientRecord;
use tessera_protocol::grant::record::GrantRecord;

use crate::{
    ClientFilter, FinishLogin, GrantSelector, KeyRow, LogoutNotice, Page, StoreError, StoreResult,
};

/// Refuses a text with a NUL, which PostgreSQL cannot keep and others may cut.
///
/// The server refuses such a text at its boundary, so one that arrives here is a defect.
pub fn check_text(text: &str) -> StoreResult<()> {
    if text.contains('\0') {
        return Err(StoreError::Bug(
            "a text with a NUL cannot be stored".to_owned(),
        ));
    }
    Ok(())
}

/// Refuses a client that cannot be stored as it is.
///
/// Security: what is shown once must not reach a database by accident.
pub fn check_client(record: &ClientRecord) -> StoreResult<()> {
    let metadata = &record.metadata;
    check_text(&metadata.client_id)?;
    check_text(&metadata.client_name)?;
    check_text(&metadata.owner)?;
    if metadata.client_secret.is_some()
        || !metadata.registration_access_token.is_empty()
        || !metadata.registration_client_uri.is_empty()
    {
        return Err(StoreError::Bug(
            "a client with what is shown only once".to_owned(),
        ));
    }
    Ok(())
}

/// Refuses a question about clients that names what cannot be stored.
pub fn check_list(filter: &ClientFilter, page: &Page) -> StoreResult<()> {
    [&filter.name, &filter.owner, &page.after]
        .into_iter()
        .flatten()
        .try_for_each(|text| check_text(text))
}

/// Refuses a key whose names cannot be stored as they are.
pub fn check_key(key: &KeyRow) -> StoreResult<()> {
    check_text(&key.set)?;
    check_text(&key.kid)
}

/// Refuses a grant whose names cannot be stored as they are. Its other texts are part of a JSON document, which
/// writes a NUL as an escape.
pub fn check_grant(grant: &GrantRecord) -> StoreResult<()> {
    check_text(&grant.client_id)?;
    check_text(&grant.subject)
}

/// Refuses a selection by names that cannot be stored.
pub fn check_selector(selector: &GrantSelector<'_>) -> StoreResult<()> {
    match *selector {
        GrantSelector::One(_) => Ok(()),
        GrantSelector::OfClient { subject, client_id } => {
            check_text(subject)?;
            check_text(client_id)
        }
        GrantSelector::OfSubject(subject) => check_text(subject),
    }
}

/// Refuses the end of a login whose texts cannot be stored as they are.
pub fn check_login(finish: &FinishLogin<'_>) -> StoreResult<()> {
    check_text(finish.subject)?;
    check_text(finish.client_id)?;
    let Some(session) = finish.new_session else {
        return Ok(());
    };
    check_text(&session.subject)?;
    check_text(&session.identity_provider_session_id)
}

/// Refuses a notice for a client that cannot exist.
pub fn check_notice(notice: &LogoutNotice) -> StoreResult<()> {
    check_text(&notice.client_id)
}
