use super::*;

#[test]
fn pairwise_subjects_need_opaque_access_tokens() {
    let texts = |types: &[&str]| types.iter().map(|&kind| kind.to_owned()).collect();
    let rules = |jwt_access_tokens, opaque: &[&str]| Rules {
        default_scope: "openid".to_owned(),
        opaque_subject_types: texts(opaque),
        jwt_subject_types: texts(&["public"]),
        jwt_access_tokens,
    };
    let both = ["public", "pairwise"];
    let validated = |strategy: &str, asked: &str, rules: &Rules| {
        let client = ClientMetadata {
            access_token_strategy: strategy.to_owned(),
            subject_type: asked.to_owned(),
            ..ClientMetadata::default()
        };
        validate(client, rules).map(|client| client.subject_type)
    };
    for (server_is_jwt, strategy, is_accepted) in [
        (false, "", true),
        (false, "opaque", true),
        (false, "jwt", false),
        (false, "JWT", false),
        (true, "", false),
        (true, "jwt", false),
        (true, "opaque", true),
    ] {
        let rules = rules(server_is_jwt, &both);
        let got = validated(strategy, "pairwise", &rules);
        assert_eq!(
            got.is_ok(),
            is_accepted,
            "{server_is_jwt} {strategy}: {got:?}"
        );
        if let Err(error) = got {
            assert_eq!(error.code, ErrorCode::InvalidClientMetadata);
        }
        assert_eq!(validated(strategy, "", &rules).unwrap(), "public");
    }
    let pairwise_alone = rules(false, &["pairwise"]);
    for (strategy, kind) in [("", "pairwise"), ("jwt", "public")] {
        assert_eq!(validated(strategy, "", &pairwise_alone).unwrap(), kind);
    }
}
