//! `import oauth2-client`.

use super::{CLIENTS, source, view};
use crate::{
    client_flags::Encryption,
    connection::Connection,
    failure::{Failure, Outcome},
};

/// Arguments.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Import {
    /// Files that hold a list of clients each; - is stdin, which is also read when no file is named.
    #[arg(value_name = "FILE")]
    files: Vec<String>,
    #[command(flatten)]
    encryption: Encryption,
}

/// Creates all clients of all sources, in order.
///
/// Nothing is sent unless every source can be read. After a refused client it goes on, prints what was imported and fails at the end.
pub(crate) fn run(arguments: &Import, connection: &Connection) -> Outcome {
    arguments.encryption.refuse()?;
    let (api, output) = connection.open()?;
    let stdin = [source::STDIN.to_owned()];
    let files: &[String] = if arguments.files.is_empty() {
        &stdin
    } else {
        &arguments.files
    };
    let mut clients = Vec::new();
    for file in files {
        clients.extend(
            source::clients(file)?
                .into_iter()
                .map(|client| (source::name(file), client)),
        );
    }
    let mut imported = Vec::new();
    let mut failed = false;
    for (source_name, client) in clients {
        match api.post_json(CLIENTS, &client) {
            Ok(answer) => imported.push(view::answered(&answer, client.get("client_secret"))?),
            Err(error) => {
                Failure::from(error).print();
                let id = crate::print::json::text(&client, "client_id");
                Failure::Notice(format!("{source_name}: client {id:?} was not imported")).print();
                failed = true;
            }
        }
    }
    match imported.len() {
        1 => imported
            .into_iter()
            .try_for_each(|client| view::print_one(&output, client))?,
        _ => view::print_many(&output, imported)?,
    }
    if failed {
        Err(Failure::Reported)
    } else {
        Ok(())
    }
}
