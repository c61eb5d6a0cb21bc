//! JSON Patch on a client object.
//!
//! Spec: RFC 6902
//!
//! Compat: v26 takes `add`, `remove` and `replace` only, and a `replace` or `add` makes what is missing on its
//! way; v1 takes all six operations to the letter.

use json_patch::jsonptr::PointerBuf;
use json_patch::{AddOperation, Patch, PatchOperation};
use serde_json::Value;
use tessera_protocol::client::ClientMetadata;
use tessera_protocol::registration::{self, DEPTH_MAX};

use super::clients::undecodable;
use crate::admin::Generation;
use crate::extract;
use crate::reply::{AdminError, Failure, Fault};

/// Most that the copies of one patch may add, in bytes of JSON: copies of copies double each time.
const COPIED_MAX: usize = extract::BODY_MAX;

/// A client after a patch.
pub(crate) struct Patched {
    /// Its `client_secret` is set only if the patch sets one.
    pub(crate) metadata: ClientMetadata,
    /// Whether the patch says anything of the secret, be it that there is none.
    pub(crate) names_secret: bool,
}

/// The client after the patch.
pub(crate) fn apply(
    body: &[u8],
    client: ClientMetadata,
    generation: Generation,
) -> Result<Patched, Failure> {
    let bad = |why: String| AdminError::bad_request(format!("The JSON Patch is not valid: {why}."));
    let listed: Vec<Value> = serde_json::from_slice(body).map_err(|e| bad(e.to_string()))?;
    // Security: serde would read the members of an operation from a list by position.
    if let Some(other) = listed.iter().find(|operation| !operation.is_object()) {
        return Err(bad(format!("operation {other} is not an object")).into());
    }
    let patch: Patch =
        serde_json::from_value(Value::Array(listed)).map_err(|e| bad(e.to_string()))?;
    let mut document = serde_json::to_value(client).map_err(|e| Fault::permanent(e.to_string()))?;
    // Security: the stored hash is never part of the document, so no `test` or `copy` can read it.
    if let Some(members) = document.as_object_mut() {
        members.insert("client_secret".to_owned(), Value::String(String::new()));
    }
    let mut copied = 0_usize;
    let names_secret = patch.0.iter().any(changes_secret);
    for operation in patch.0 {
        let path = operation.path().to_owned();
        copied = copied.saturating_add(bounded(&operation, &document).map_err(bad)?);
        if copied > COPIED_MAX {
            return Err(bad(format!("its copies add more than {COPIED_MAX} bytes")).into());
        }
        if path.to_string().eq_ignore_ascii_case("/id") {
            return Err(bad("path '/id' may not be changed".to_owned()).into());
        }
        let operation = match generation {
            Generation::V1 => operation,
            Generation::V26 => lenient(operation, &mut document).map_err(bad)?,
        };
        json_patch::patch(&mut document, &[operation])
            .map_err(|e| bad(format!("operation on '{path}' failed: {}", e.kind)))?;
    }
    match document {
        Value::Object(members) => Ok(Patched {
            metadata: registration::decode_object(members).map_err(undecodable)?,
            names_secret,
        }),
        _ => Err(bad("the result is not an object".to_owned()).into()),
    }
}

/// Whether an operation replaces or removes the secret, or the whole client with it.
fn changes_secret(operation: &PatchOperation) -> bool {
    let is_meant = |path: &PointerBuf| {
        let path = path.to_string();
        path.is_empty() || path.eq_ignore_ascii_case("/client_secret")
    };
    match operation {
        PatchOperation::Test(_) => false,
        PatchOperation::Move(moved) if is_meant(&moved.from) => true,
        other => is_meant(&other.path().to_owned()),
    }
}

/// Refuses an operation that nests too deep, before it can build what overflows the stack; answers how many bytes of JSON it copies.
fn bounded(operation: &PatchOperation, document: &Value) -> Result<usize, String> {
    let source = |from: &PointerBuf| document.pointer(&from.to_string());
    let (value, copied) = match operation {
        PatchOperation::Add(add) => (Some(&add.value), 0),
        PatchOperation::Replace(replace) => (Some(&replace.value), 0),
        PatchOperation::Move(moved) => (source(&moved.from), 0),
        PatchOperation::Copy(copy) => {
            let value = source(&copy.from);
            (value, value.map_or(0, |value| value.to_string().len()))
        }
        PatchOperation::Remove(_) | PatchOperation::Test(_) => (None, 0),
    };
    let path = operation.path();
    let depth = path
        .tokens()
        .count()
        .saturating_add(value.map_or(0, registration::depth));
    if depth > DEPTH_MAX {
        return Err(format!(
            "an operation reaches {depth} levels deep; {DEPTH_MAX} are the most"
        ));
    }
    Ok(copied)
}

/// v26's reading of an operation.
fn lenient(operation: PatchOperation, document: &mut Value) -> Result<PatchOperation, String> {
    match operation {
        PatchOperation::Replace(replace) => {
            let last_is_index = replace.path.last().is_some_and(|token| {
                token.decoded() == "-" || token.decoded().parse::<usize>().is_ok()
            });
            if document.pointer(&replace.path.to_string()).is_some() || last_is_index {
                return Ok(PatchOperation::Replace(replace));
            }
            make_parents(&replace.path, document);
            Ok(PatchOperation::Add(AddOperation {
                path: replace.path,
                value: replace.value,
            }))
        }
        PatchOperation::Add(add) => {
            make_parents(&add.path, document);
            Ok(PatchOperation::Add(add))
        }
        PatchOperation::Remove(_) => Ok(operation),
        PatchOperation::Move(_) | PatchOperation::Copy(_) | PatchOperation::Test(_) => {
            Err("only 'add', 'remove' and 'replace' are supported here".to_owned())
        }
    }
}

fn make_parents(path: &PointerBuf, document: &mut Value) {
    let mut at = document;
    let tokens: Vec<String> = path
        .tokens()
        .map(|token| token.decoded().into_owned())
        .collect();
    for token in tokens.iter().take(tokens.len().saturating_sub(1)) {
        let next = match at {
            Value::Object(members) => {
                let member = members.entry(token.clone()).or_insert(Value::Null);
                if member.is_null() {
                    *member = Value::Object(serde_json::Map::new());
                }
                Some(member)
            }
            Value::Array(list) => token
                .parse::<usize>()
                .ok()
                .and_then(|index| list.get_mut(index)),
            _ => None,
        };
        match next {
            Some(next) => at = next,
            None => return,
        }
    }
    // `/list/-` appends to a list that may not be there yet.
    if tokens.last().is_some_and(|last| last == "-")
        && at.as_object().is_some_and(serde_json::Map::is_empty)
        || at.is_null()
    {
        *at = Value::Array(Vec::new());
    }
}
