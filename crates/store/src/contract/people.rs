//! Values for the cases about people: grants and what stands on them.

use serde_json::json;
use tessera_protocol::grant::record::{
    CodeContent, CodeRecord, GrantContent, GrantId, GrantRecord, LoginSession, RefreshRecord,
};
use tessera_protocol::time::Timestamp;

use super::Fresh;
use super::samples::{at, client};
use crate::{
    Claim, FinishConsent, FinishLogin, FinishedConsent, FinishedLogin, Liveness, LogoutNotice,
    Pending, RedeemCode, RememberedConsent, RotateRefresh, SingleUse, TokenAnchor,
};

/// The server's epoch in these cases.
pub(super) const SERVER_EPOCH: u64 = 5;

/// A store with the server's epoch and the client `app`.
pub(super) async fn with_app(store: &Fresh) {
    store.server_epoch(SERVER_EPOCH).await.unwrap();
    store.create_client(&client("app", 1)).await.unwrap();
}

/// Deletes the client `app` and makes it anew, with the same epoch, so that only its birth differs.
pub(super) async fn remake_app(store: &Fresh) {
    assert!(store.delete_client("app").await.unwrap());
    let mut remade = client("app", 2);
    remade.metadata.created_at = at(1);
    store.create_client(&remade).await.unwrap();
}

/// What `ann` granted to `app`: asked for, not remembered, with tokens for an hour.
pub(super) fn grant(number: u8) -> GrantRecord {
    GrantRecord {
        grant_id: [number; 16],
        client_id: "app".to_owned(),
        subject: "ann".to_owned(),
        sid: None,
        requested_at: at(i64::from(number)),
        remembered_until: None,
        tokens_until: at(3_600),
        server_epoch: SERVER_EPOCH,
        was_asked: true,
        content: GrantContent {
            scope: vec![format!("scope{number}"), "openid".to_owned()],
            audience: vec!["https://api.example".to_owned()],
            ..GrantContent::default()
        },
        session: Vec::new(),
        context: Vec::new(),
    }
}

/// A grant that is remembered until then.
pub(super) fn remembered(number: u8, until: Timestamp) -> GrantRecord {
    GrantRecord {
        remembered_until: Some(until),
        ..grant(number)
    }
}

/// Content with something in every member, so that a lost one shows.
pub(super) fn full_content() -> GrantContent {
    let texts = || {
        vec![
            "ü \u{1f511} \"\\".to_owned(),
            String::new(),
            "\0".to_owned(),
        ]
    };
    GrantContent {
        scope: texts(),
        audience: texts(),
        requested_scope: texts(),
        requested_audience: texts(),
        resource: texts(),
        subject_identifier: "pairwise".to_owned(),
        auth_time: at(-100),
        acr: "gold".to_owned(),
        amr: texts(),
        asked_acr: true,
        nonce: "n-0S6".to_owned(),
        handled_at: Timestamp::from_micros(1_700_000_000_123_456),
        remember: true,
        remember_for: 3_600,
        login_challenge: "00ff".to_owned(),
        request_url: "https://as.example/oauth2/auth?client_id=app".to_owned(),
        oidc_context: json!({"ui_locales": ["de"], "n": 9_007_199_254_740_993_i64, "z": "\u{0}"}),
    }
}

pub(super) fn code(number: u8, grant_id: GrantId) -> CodeRecord {
    CodeRecord {
        code_id: [number; 16],
        grant_id,
        expires_at: at(600),
        content: CodeContent {
            redirect_uri: "https://app.example/cb?ü".to_owned(),
            code_challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".to_owned(),
            is_hybrid: true,
        },
    }
}

pub(super) fn refresh(number: u8, grant_id: GrantId) -> RefreshRecord {
    RefreshRecord {
        refresh_id: [number; 16],
        grant_id,
        issued_at: at(10),
        expires_at: at(7_200),
    }
}

pub(super) fn login_session(number: u8, subject: &str) -> LoginSession {
    LoginSession {
        sid: [number; 16],
        subject: subject.to_owned(),
        authenticated_at: at(-5),
        is_remembered: true,
        expires_at: at(1_000),
        identity_provider_session_id: "idp 'session'".to_owned(),
    }
}

pub(super) fn pending(number: u8) -> Pending {
    Pending {
        id: [number; 16],
        expires_at: at(600),
        ..Pending::default()
    }
}

pub(super) fn notice(number: u8) -> LogoutNotice {
    LogoutNotice {
        id: [number; 16],
        client_id: "app".to_owned(),
        sid: [1; 16],
        attempts: 0,
        due_at: at(i64::from(number)),
        expires_at: at(600),
    }
}

/// What is queued when a session ends, whose clients are not listed yet.
pub(super) fn announcement(number: u8) -> LogoutNotice {
    LogoutNotice {
        client_id: String::new(),
        ..notice(number)
    }
}

/// Ends the login session with this number; its announcement has the number too.
pub(super) async fn end(store: &Fresh, number: u8) -> bool {
    let announcement = LogoutNotice {
        sid: [number; 16],
        ..announcement(number)
    };
    let ended = store.end_login_session([number; 16], &announcement);
    ended.await.unwrap()
}

/// Lists nobody in the place of the announcement that [`end`] made.
pub(super) async fn listed(store: &Fresh, number: u8) {
    let announcement = announcement(number).id;
    store.list_notices(announcement, &[]).await.unwrap();
}

/// An attempt to spend a leg of a flow.
pub(super) const fn leg(single_use: SingleUse, flow: u8, attempt: u64) -> Claim {
    Claim {
        single_use,
        value_hash: [flow; 32],
        attempt,
        expires_at: at(600),
    }
}

pub(super) const fn finish<'a>(claim: &'a Claim, grant: &'a GrantRecord) -> FinishConsent<'a> {
    FinishConsent {
        claim,
        grant,
        consent_pending: None,
        login_pending: None,
        code: None,
    }
}

/// Stores a grant and a code, in a flow with the number of the grant.
pub(super) async fn give(store: &Fresh, grant: &GrantRecord, code: Option<&CodeRecord>) {
    let claim = leg(SingleUse::ConsentLeg, grant.grant_id[0], 1);
    let finish = FinishConsent {
        code,
        ..finish(&claim, grant)
    };
    let outcome = store.finish_consent(&finish, at(0)).await.unwrap();
    assert!(
        matches!(outcome, FinishedConsent::Done { .. }),
        "{outcome:?}"
    );
}

/// Stores grant 1 with code 1, redeems it, and leaves refresh token 1.
pub(super) async fn with_refresh(store: &Fresh) {
    with_app(store).await;
    give(store, &grant(1), Some(&code(1, [1; 16]))).await;
    let first = refresh(1, [1; 16]);
    let redeem = RedeemCode {
        refresh: Some(&first),
        ..redeem(1, 1)
    };
    store.redeem_code(&redeem).await.unwrap();
}

/// The redemption of the code with this number, of the grant with the same.
pub(super) const fn redeem<'a>(number: u8, attempt: u64) -> RedeemCode<'a> {
    RedeemCode {
        code_id: [number; 16],
        grant_id: [number; 16],
        attempt,
        refresh: None,
        session: None,
        tokens_until: at(3_600),
        kept_until: at(3_600),
    }
}

/// The use of a refresh token of grant 1, strict.
pub(super) const fn rotate(number: u8, attempt: u64, next: &RefreshRecord) -> RotateRefresh<'_> {
    RotateRefresh {
        refresh_id: [number; 16],
        grant_id: [1; 16],
        attempt,
        grace: std::time::Duration::ZERO,
        uses_max: 0,
        next,
        session: None,
        tokens_until: at(3_600),
        kept_until: at(3_600),
        now: at(20),
    }
}

/// A person's token that stands on a grant of a client made by [`client`].
pub(super) const fn person(grant: u8, refresh: Option<u8>) -> TokenAnchor<'static> {
    TokenAnchor::Person {
        grant_id: [grant; 16],
        refresh_id: match refresh {
            Some(number) => Some([number; 16]),
            None => None,
        },
        client_epoch: 7,
        server_epoch: SERVER_EPOCH,
    }
}

pub(super) async fn is_live(store: &Fresh, anchor: &TokenAnchor<'_>) -> bool {
    store.check_live(anchor).await.unwrap() != Liveness::Revoked
}

/// The end of a login of `ann` at `app`.
pub(super) const fn login(claim: &Claim) -> FinishLogin<'_> {
    FinishLogin {
        claim,
        new_session: None,
        used_session: None,
        retired_session: None,
        subject: "ann",
        client_id: "app",
    }
}

/// Stores a login session, in a flow with its number.
pub(super) async fn log_in(store: &Fresh, session: &LoginSession) {
    let claim = leg(SingleUse::LoginLeg, session.sid[0], 1);
    let finish = FinishLogin {
        new_session: Some(session),
        ..login(&claim)
    };
    let outcome = store.finish_login(&finish, at(0)).await.unwrap();
    assert!(matches!(outcome, FinishedLogin::Done(_)), "{outcome:?}");
}

/// Ends every session of a person; the announcements are due at 0 and good until 600.
pub(super) async fn log_out(store: &Fresh, subject: &str) {
    let ended = store.end_login_sessions_of(subject, 100, at(0), at(600));
    ended.await.unwrap();
}

/// What the grant with this number covers.
pub(super) fn covered(number: u8) -> Option<RememberedConsent> {
    let content = grant(number).content;
    Some(RememberedConsent {
        scope: content.scope,
        audience: content.audience,
    })
}

/// What is remembered of `ann` and `app`, as a login with a fresh flow hears it.
pub(super) async fn recalled(store: &Fresh, flow: u8, now: i64) -> Option<RememberedConsent> {
    let mut claim = leg(SingleUse::LoginLeg, flow, 1);
    claim.expires_at = at(now);
    let outcome = store.finish_login(&login(&claim), at(now)).await.unwrap();
    assert!(matches!(outcome, FinishedLogin::Done(_)), "{outcome:?}");
    match outcome {
        FinishedLogin::Done(recalled) => recalled,
        _ => None,
    }
}

/// The grant with this number as its tokens see it.
pub(super) async fn found(store: &Fresh, number: u8) -> Option<GrantRecord> {
    match store.check_live(&person(number, None)).await.unwrap() {
        Liveness::Live(grant) => Some(*grant.unwrap()),
        Liveness::Revoked => None,
    }
}
