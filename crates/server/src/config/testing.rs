//! Settings for the tests of other modules.

use serde_json::Value;

use super::layers::underlay;
use super::{Settings, schema};

/// What a file with this content gives, without looking for problems.
pub(crate) fn settings(file: &Value) -> Settings {
    let mut tree = file.as_object().unwrap().clone();
    underlay(&mut tree, &schema::defaults());
    let mut settings: Settings = serde_json::from_value(Value::Object(tree)).unwrap();
    settings.normalize(&mut Vec::new());
    settings
}
