//! Reads JSON as Go's decoder does, which is what apps, hooks and scripts were written against.
//!
//! Compat: names match in any case, the last of two wins, unknown members are read over, `null` changes nothing, and only
//! the first value of a text is read.
//! Security: what should be an object is never read from a list, whose entries serde would take for members by position.

use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{
    DeserializeOwned, Deserializer, Error as _, IntoDeserializer, Unexpected, Visitor,
};
use serde::forward_to_deserialize_any;
use serde_json::{Error, Map, Value};

/// The first JSON value of `text`.
///
/// # Errors
/// There is none, or its form is not that of `T`.
pub(crate) fn from_slice<T: DeserializeOwned>(text: &[u8]) -> Result<T, Error> {
    from_value(value(text)?)
}

/// The first JSON value of `text`, as it stands.
pub(crate) fn value(text: &[u8]) -> Result<Value, Error> {
    let mut values = serde_json::Deserializer::from_slice(text).into_iter();
    values
        .next()
        .unwrap_or_else(|| Err(Error::custom("there is no JSON")))
}

/// A JSON value in the form of `T`.
pub(crate) fn from_value<T: DeserializeOwned>(value: Value) -> Result<T, Error> {
    T::deserialize(GoValue(value))
}

struct GoValue(Value);

impl<'de> Deserializer<'de> for GoValue {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.0.deserialize_any(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Array(list) => {
                visitor.visit_seq(SeqDeserializer::new(list.into_iter().map(GoValue)))
            }
            other => other.deserialize_seq(visitor),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let given = match self.0 {
            Value::Object(given) => given,
            Value::Null => Map::new(),
            Value::Array(_) => return Err(Error::invalid_type(Unexpected::Seq, &"an object")),
            other => return other.deserialize_map(visitor),
        };
        let mut members = Map::new();
        for (name, value) in given {
            let field = fields
                .iter()
                .find(|field| field.eq_ignore_ascii_case(&name));
            if let Some(field) = field.filter(|_| !value.is_null()) {
                members.insert((*field).to_owned(), value);
            }
        }
        let members = members
            .into_iter()
            .map(|(name, value)| (name, GoValue(value)));
        visitor.visit_map(MapDeserializer::new(members))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        newtype_struct tuple tuple_struct map enum identifier ignored_any
    }
}

impl IntoDeserializer<'_, Error> for GoValue {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default)]
    struct Outer {
        name: String,
        count: Option<i64>,
        list: Option<Vec<String>>,
        inner: Option<Inner>,
        any: Option<Value>,
    }

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default)]
    struct Inner {
        claims: Map<String, Value>,
    }

    fn read(text: &str) -> Result<Outer, String> {
        from_slice(text.as_bytes()).map_err(|e| e.to_string())
    }

    #[test]
    fn forms_are_read_as_go_reads_them() {
        let named = |name: &str| Outer {
            name: name.to_owned(),
            ..Outer::default()
        };
        for (text, expected) in [
            (r#"{"name":"a"}"#, named("a")),
            (r#"{"NAME":"a","other":[]}"#, named("a")),
            (r#"{"name":"a","Name":"b"}"#, named("b")),
            (r#"{"name":"a"} x"#, named("a")),
            (
                r#"{"name":null,"count":null,"list":null,"inner":null,"any":null}"#,
                named(""),
            ),
            ("null", named("")),
            ("{}", named("")),
        ] {
            assert_eq!(read(text), Ok(expected), "{text}");
        }
        let inner =
            read(r#"{"Inner":{"CLAIMS":{"A":[1,{"b":null}]}},"list":["x"],"count":-3}"#).unwrap();
        assert_eq!(inner.inner.unwrap().claims["A"][1]["b"], Value::Null);
        assert_eq!(
            (inner.count, inner.list),
            (Some(-3), Some(vec!["x".to_owned()]))
        );
    }

    #[test]
    fn other_forms_are_refused() {
        for text in [
            "",
            " ",
            "x",
            "[]",
            r#"["a"]"#,
            r#"{"inner":[{"a":1}]}"#,
            r#"{"inner":{"claims":[]}}"#,
            r#"{"list":{"0":"a"}}"#,
            r#"{"count":1.5}"#,
            r#""name""#,
            "1",
            r#"{"name":1}"#,
        ] {
            assert!(read(text).is_err(), "{text}");
        }
        assert!(read("[]").unwrap_err().contains("expected an object"));
    }
}
