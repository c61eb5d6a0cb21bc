//! The few parts of an HTML page that are compared.

use regex::Regex;
use serde_json::{Map, Value, json};

/// `{title, form_action, inputs, frames}`, each only where the page has it.
pub fn parts(html: &str) -> Value {
    let mut out = Map::new();
    let first = |pattern: &str| {
        Regex::new(pattern)
            .unwrap()
            .captures(html)
            .map(|found| json!(unescape(found[1].trim())))
    };
    if let Some(title) = first(r"(?is)<title[^>]*>(.*?)</title>") {
        out.insert("title".to_owned(), title);
    }
    let forms = tags(html, "form");
    if let Some(action) = forms.first().and_then(|tag| attribute(tag, "action")) {
        out.insert("form_action".to_owned(), json!(action));
    }
    let mut inputs = Map::new();
    for tag in tags(html, "input") {
        if let Some(name) = attribute(&tag, "name") {
            inputs.insert(name, json!(attribute(&tag, "value").unwrap_or_default()));
        }
    }
    if !inputs.is_empty() {
        out.insert("inputs".to_owned(), Value::Object(inputs));
    }
    let frames: Vec<String> = tags(html, "iframe")
        .iter()
        .filter_map(|tag| attribute(tag, "src"))
        .collect();
    if !frames.is_empty() {
        out.insert("frames".to_owned(), json!(frames));
    }
    Value::Object(out)
}

/// Where the link with this text leads.
pub fn link(html: &str, text: &str) -> Option<String> {
    let pattern = format!(r"(?is)<a\b[^>]*>\s*{}\s*</a>", regex::escape(text));
    let found = Regex::new(&pattern).unwrap().find(html)?;
    attribute(tags(found.as_str(), "a").first()?, "href")
}

fn tags(html: &str, name: &str) -> Vec<String> {
    let pattern = Regex::new(&format!(r"(?is)<{name}\b[^>]*>")).unwrap();
    pattern
        .find_iter(html)
        .map(|found| found.as_str().to_owned())
        .collect()
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let pattern = format!(r#"(?is)\s{name}\s*=\s*("([^"]*)"|'([^']*)'|([^\s>"']+))"#);
    let found = Regex::new(&pattern).unwrap().captures(tag)?;
    let value = found
        .get(2)
        .or_else(|| found.get(3))
        .or_else(|| found.get(4))?;
    Some(unescape(value.as_str()))
}

fn unescape(text: &str) -> String {
    let mut out = text.to_owned();
    for (entity, plain) in [
        ("&#34;", "\""),
        ("&#39;", "'"),
        ("&#x27;", "'"),
        ("&#43;", "+"),
        ("&#x2F;", "/"),
        ("&quot;", "\""),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&amp;", "&"),
    ] {
        out = out.replace(entity, plain);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_inputs_and_frames_are_found() {
        let html = r#"<title> A &amp; B</title><form method="post" action="http://x/?a&#61;">
            <input type=hidden name='n' value="1&#43;1"><input type="submit"/><iframe src="u">"#;
        let expected = json!({"title": "A & B", "form_action": "http://x/?a&#61;", "inputs": {"n": "1+1"}, "frames": ["u"]});
        assert_eq!(parts(html), expected);
        assert_eq!(parts("plain"), json!({}));
        let html = r#"<a href="/x">other</a><a class="b" href="http://h/?a=1&amp;b"> Go on </a>"#;
        assert_eq!(link(html, "Go on").as_deref(), Some("http://h/?a=1&b"));
    }
}
