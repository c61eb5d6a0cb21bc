//! Pages of lists: keyset pages with sealed tokens in v26's form, limit and offset in v1's.

use std::time::Duration;

use http::Uri;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use tessera_crypto::{OsEntropy, SealKeys, b64};
use tessera_protocol::error::quoted;
use tessera_protocol::form::Reader;
use tessera_protocol::time::Timestamp;
use tessera_store::Page;

use crate::reply::AdminError;

const PAGE_DEFAULT: u32 = 100;
const PAGE_MAX: u32 = 500;
/// How long a page token is good.
const TOKEN_LIFE: Duration = Duration::from_secs(3_600);

/// What Go's `url.QueryEscape` leaves as it is.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// A list request: its parameters, and what they mean.
#[derive(Debug)]
pub(crate) struct ListRequest {
    path: String,
    parameters: Vec<(String, String)>,
    /// What its page tokens are bound to.
    list: &'static str,
    after: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct PageToken {
    /// Expiry, seconds.
    e: i64,
    /// The last id of the page before; none on the first page.
    #[serde(skip_serializing_if = "Option::is_none")]
    a: Option<String>,
}

impl ListRequest {
    /// Reads the query.
    pub(crate) fn parse(
        uri: &Uri,
        list: &'static str,
        seal: &SealKeys,
        now: Timestamp,
    ) -> Result<Self, AdminError> {
        let parameters = Reader::new(uri.query().unwrap_or_default().as_bytes())
            .map(|parameter| parameter.map(|(n, v)| (n.into_owned(), v.into_owned())))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|e| AdminError::bad_request(e.text_in_query()))?;
        let mut request = Self {
            path: uri.path().to_owned(),
            list,
            after: None,
            parameters,
        };
        if let Some(token) = request.given("page_token") {
            request.after = open(&token, list, seal, now)?;
        }
        Ok(request)
    }

    /// A parameter that is there and not empty.
    pub(crate) fn given(&self, name: &str) -> Option<String> {
        self.parameter(name)
            .filter(|value| !value.is_empty())
            .map(str::to_owned)
    }

    fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// The page in v26's form, with one row more than wanted, which tells whether there is a next page.
    pub(crate) fn keyset_page(&self) -> Result<(Page, usize), AdminError> {
        let size = self.page_size()?;
        let page = Page {
            after: self.after.clone(),
            offset: 0,
            limit: size.saturating_add(1),
        };
        Ok((page, usize::try_from(size).unwrap_or(usize::MAX)))
    }

    fn page_size(&self) -> Result<u32, AdminError> {
        match self.parameter("page_size") {
            None | Some("") => Ok(PAGE_DEFAULT),
            Some(text) => match text.parse::<i64>() {
                Ok(size) if size <= 0 => Ok(PAGE_DEFAULT),
                Ok(size) => Ok(u32::try_from(size).unwrap_or(PAGE_MAX).min(PAGE_MAX)),
                Err(_) => Err(AdminError::bad_request(format!(
                    "Parameter 'page_size' is {}, not a whole number.",
                    quoted(text)
                ))),
            },
        }
    }

    /// v26's `Link` header.
    pub(crate) fn keyset_links(
        &self,
        seal: &SealKeys,
        next: Option<&str>,
        now: Timestamp,
    ) -> String {
        let size = self.page_size().unwrap_or(PAGE_DEFAULT).to_string();
        let link = |after: Option<&str>, rel: &str| {
            let token = sealed(after, self.list, seal, now);
            self.link(&[("page_size", &size), ("page_token", &token)], rel)
        };
        let mut links = link(None, "first");
        if let Some(next) = next {
            links.push(',');
            links.push_str(&link(Some(next), "next"));
        }
        links
    }

    fn limit_and_offset(&self) -> (i64, i64) {
        let number = |name: &str, default: i64| {
            self.parameter(name)
                .and_then(|text| text.parse::<i64>().ok())
                .unwrap_or(default)
        };
        // Compat: v1 breaks the connection on 0; it is the default here.
        let limit = match number("limit", i64::from(PAGE_DEFAULT)) {
            limit if limit <= 0 => i64::from(PAGE_DEFAULT),
            limit => limit.min(i64::from(PAGE_MAX)),
        };
        (limit, number("offset", 0).max(0))
    }

    /// The page in v1's form.
    ///
    /// Compat: an offset that is no multiple of the limit is rounded down.
    pub(crate) fn offset_page(&self) -> Page {
        let (limit, offset) = self.limit_and_offset();
        let aligned = offset.saturating_sub(offset.checked_rem(limit).unwrap_or(0));
        Page {
            after: None,
            offset: u64::try_from(aligned).unwrap_or(0),
            limit: u32::try_from(limit).unwrap_or(PAGE_DEFAULT),
        }
    }

    /// v1's `Link` header.
    pub(crate) fn offset_links(&self, total: u64) -> String {
        let (limit, offset) = self.limit_and_offset();
        let total = i64::try_from(total).unwrap_or(i64::MAX);
        let pages = total.checked_div(limit).unwrap_or(0);
        let last = match total.checked_rem(limit) {
            Some(0) => total.saturating_sub(limit),
            _ => pages.saturating_mul(limit),
        };
        let page = offset.checked_div(limit).unwrap_or(0);
        let at = |page: i64| page.saturating_mul(limit);
        let (next, previous) = (at(page.saturating_add(1)), at(page.saturating_sub(1)));
        let parts: Vec<(&str, i64, i64)> = if offset >= last && total == 0 {
            vec![
                ("first", limit, 0),
                ("next", limit, next),
                ("prev", limit, previous),
            ]
        } else if offset >= last && total < limit {
            vec![("first", total, 0)]
        } else if offset >= last {
            vec![
                ("first", limit, 0),
                ("prev", limit, last.saturating_sub(limit)),
            ]
        } else if offset < limit {
            vec![("next", limit, limit), ("last", limit, last)]
        } else {
            vec![
                ("first", limit, 0),
                ("next", limit, next),
                ("prev", limit, previous),
                ("last", limit, last),
            ]
        };
        parts
            .into_iter()
            .map(|(rel, limit, offset)| {
                self.link(
                    &[
                        ("limit", &limit.to_string()),
                        ("offset", &offset.to_string()),
                    ],
                    rel,
                )
            })
            .collect::<Vec<_>>()
            .join(",")
    }

    /// The request's own URL with some parameters set, keys sorted.
    fn link(&self, set: &[(&str, &str)], rel: &str) -> String {
        let kept = self
            .parameters
            .iter()
            .filter(|(name, _)| set.iter().all(|(known, _)| known != name))
            .map(|(name, value)| (name.as_str(), value.as_str()));
        let mut all: Vec<(&str, &str)> = kept.chain(set.iter().copied()).collect();
        all.sort_by_key(|(name, _)| *name);
        let query: Vec<String> = all
            .iter()
            .map(|(name, value)| {
                format!(
                    "{}={}",
                    utf8_percent_encode(name, QUERY),
                    utf8_percent_encode(value, QUERY)
                )
            })
            .collect();
        format!("<{}?{}>; rel=\"{rel}\"", self.path, query.join("&"))
    }
}

fn sealed(after: Option<&str>, list: &str, seal: &SealKeys, now: Timestamp) -> String {
    let token = PageToken {
        e: now.plus(TOKEN_LIFE).as_secs(),
        a: after.map(str::to_owned),
    };
    let plain = serde_json::to_vec(&token).unwrap_or_default();
    let mut bytes = Vec::new();
    seal.seal(&OsEntropy, list.as_bytes(), &plain, &mut bytes);
    b64::encode(&bytes)
}

fn open(
    token: &str,
    list: &str,
    seal: &SealKeys,
    now: Timestamp,
) -> Result<Option<String>, AdminError> {
    let invalid = || {
        AdminError::bad_request(
            "Parameter 'page_token' is not a token of this list; take it from the Link header of the page \
             before.",
        )
    };
    // Compat: tokens are unescaped once more; ours hold nothing to unescape but padding of older clients.
    let sealed = b64::decode(token.trim_end_matches('=')).map_err(|_| invalid())?;
    let plain = seal.open(list.as_bytes(), &sealed).map_err(|_| invalid())?;
    let token: PageToken = serde_json::from_slice(&plain).map_err(|_| invalid())?;
    if token.e < now.as_secs() {
        return Err(AdminError::bad_request(
            "Parameter 'page_token' has expired; start from the first page. Do not keep page tokens.",
        ));
    }
    Ok(token.a)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tessera_crypto::{Keyring, Purpose, Secret};

    fn keys() -> SealKeys {
        Keyring::new(&[Secret::new("a-secret-of-16-chars".to_owned())])
            .unwrap()
            .seal_keys(Purpose::PageToken)
    }

    fn request(uri: &str) -> Result<ListRequest, AdminError> {
        ListRequest::parse(
            &uri.parse().unwrap(),
            "clients",
            &keys(),
            Timestamp::from_secs(1_000),
        )
    }

    #[test]
    fn page_sizes_are_bounded() {
        for (query, size) in [
            ("", 100),
            ("page_size=", 100),
            ("page_size=0", 100),
            ("page_size=-3", 100),
            ("page_size=7", 7),
            ("page_size=9999", 500),
        ] {
            assert_eq!(
                request(&format!("/c?{query}"))
                    .unwrap()
                    .keyset_page()
                    .unwrap()
                    .1,
                size
            );
        }
        assert!(request("/c?page_size=abc").unwrap().keyset_page().is_err());
    }

    #[test]
    fn page_tokens_live_an_hour_and_cannot_be_forged() {
        let (keys, now) = (keys(), Timestamp::from_secs(1_000));
        let token = sealed(Some("id"), "clients", &keys, now);
        assert_eq!(
            open(&token, "clients", &keys, now).unwrap().as_deref(),
            Some("id")
        );
        let late = Timestamp::from_secs(4_601);
        assert!(open(&token, "clients", &keys, late).is_err());
        assert!(open(&token, "consents", &keys, now).is_err());
        assert!(open("bogus", "clients", &keys, now).is_err());
        assert!(request("/c?page_token=forged").is_err());
    }

    #[test]
    fn offset_links_follow_v1() {
        for (query, total, want) in [
            (
                "limit=10",
                0,
                vec!["first:10,0", "next:10,10", "prev:10,-10"],
            ),
            ("limit=10", 5, vec!["first:5,0"]),
            ("limit=10", 25, vec!["next:10,10", "last:10,20"]),
            (
                "limit=10&offset=10",
                25,
                vec!["first:10,0", "next:10,20", "prev:10,0", "last:10,20"],
            ),
            ("limit=10&offset=20", 25, vec!["first:10,0", "prev:10,10"]),
        ] {
            let links = request(&format!("/clients?{query}"))
                .unwrap()
                .offset_links(total);
            let got: Vec<String> = links
                .split(',')
                .map(|link| {
                    let rel = link.split("rel=\"").nth(1).unwrap().trim_end_matches('"');
                    let value = |name: &str| {
                        link.split(&format!("{name}="))
                            .nth(1)
                            .unwrap()
                            .split(['&', '>'])
                            .next()
                            .unwrap()
                    };
                    format!("{rel}:{},{}", value("limit"), value("offset"))
                })
                .collect();
            assert_eq!(got, want, "{query} of {total}");
        }
    }
}
