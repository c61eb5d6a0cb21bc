//! `list oauth2-clients`.

use serde_json::{Value, json};

use super::{CLIENTS, view};
use crate::{
    connection::Connection,
    failure::{Failure, Outcome},
};

/// Arguments.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct List {
    /// Clients per page.
    #[arg(long, value_name = "NUMBER", default_value_t = 100)]
    page_size: i64,
    /// Token of the page, from an earlier answer.
    #[arg(
        long,
        value_name = "TOKEN",
        default_value = "",
        hide_default_value = true
    )]
    page_token: String,
}

/// Prints one page of clients and the token of the next.
pub(crate) fn run(arguments: &List, connection: &Connection) -> Outcome {
    let (api, output) = connection.open()?;
    let page_size = arguments.page_size.to_string();
    let answer = api.get(
        CLIENTS,
        &[
            ("page_size", &page_size),
            ("page_token", &arguments.page_token),
        ],
    )?;
    let next = answer.next_page_token.clone();
    let Value::Array(clients) = answer.json().map_err(Failure::Error)? else {
        return Err(Failure::Error(
            "the server did not answer with a list of clients".to_owned(),
        ));
    };
    let is_last = next.is_empty();
    let rows = clients.iter().map(view::cells).collect();
    let footer = vec![
        vec![String::new()],
        vec!["NEXT PAGE TOKEN".to_owned(), next.clone()],
        vec!["IS LAST PAGE".to_owned(), is_last.to_string()],
    ];
    let items: Vec<Value> = clients.into_iter().map(view::listed).collect();
    let page = json!({"items": items, "next_page_token": next, "is_last_page": is_last});
    output.table(&view::HEADINGS, rows, footer, &page)
}
