//! Parameters of a query or of a posted form.

/// Names and values in order.
#[derive(Debug, Default)]
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    /// Reads `application/x-www-form-urlencoded` text.
    pub(super) fn parse(text: &str) -> Self {
        Self(
            url::form_urlencoded::parse(text.as_bytes())
                .into_owned()
                .collect(),
        )
    }

    /// The first value of a name, or nothing.
    pub(super) fn text(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(found, _)| found == name);
        found.map_or("", |(_, value)| value)
    }

    /// Every value of a name that is not empty.
    pub(super) fn texts(&self, name: &str) -> Vec<&str> {
        let found = self.0.iter().filter(|(found, _)| found == name);
        found
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
            .collect()
    }

    /// The same parameters as a query.
    pub(super) fn to_query(&self) -> String {
        url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(&self.0)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_by_name_and_survive_the_way_back() {
        let form = Form::parse("scope=a+b&scope=c&state=%26&scope=");
        assert_eq!(form.text("state"), "&");
        assert_eq!(form.texts("scope"), ["a b", "c"]);
        assert_eq!(form.text("none"), "");
        assert_eq!(form.to_query(), "scope=a+b&scope=c&state=%26&scope=");
    }
}
