//! The output of commands whose result is the ids they acted on.

use serde_json::Value;

use crate::{failure::Outcome, print::format::Output};

/// Prints one id as a row and a JSON string, several as a table and a list, none not at all.
pub(crate) fn print(output: &Output, ids: &[String]) -> Outcome {
    match ids {
        [] => Ok(()),
        [id] => output.row(&[("ID", id.clone())], &Value::from(id.as_str())),
        ids => {
            let rows = ids.iter().map(|id| vec![id.clone()]).collect();
            output.table(&["ID"], rows, Vec::new(), &Value::from(ids.to_vec()))
        }
    }
}
