//! What servers ask of us. Every request gets an answer: `ping` and `roots/list` what they want, all else "method not found", since an
//! unanswered request keeps some servers from ever exiting.

#![expect(
    deprecated,
    reason = "newer revisions deprecate roots; the servers that ask for them are older"
)]

use std::{path::Path, sync::Arc};

use rmcp::{
    ClientHandler, RoleClient,
    model::{
        ClientCapabilities, ClientConfig, ElicitRequestParams, ElicitResult,
        ElicitationCreateRequestMethod, ErrorData, Implementation, ListRootsResult,
        ProtocolVersion, Root, RootsCapabilities,
    },
    service::{NotificationContext, RequestContext},
};
use tokio::sync::Notify;

use crate::FleetOptions;

/// One connection's handler.
#[derive(Clone)]
pub(crate) struct Handler {
    config: ClientConfig,
    roots: Arc<[Root]>,
    /// Told when the server says that its tools changed.
    pub(crate) changed: Arc<Notify>,
}

impl Handler {
    /// A handler for the legacy handshake, which declares roots and nothing else.
    ///
    /// To a modern server roots are not declared: it could ask for them only by an unfinished result, which is not supported.
    pub(crate) fn new(options: &FleetOptions, changed: Arc<Notify>, modern: bool) -> Self {
        let mut capabilities = ClientCapabilities::default();
        let version = if modern {
            ProtocolVersion::LATEST
        } else {
            capabilities.roots = Some(RootsCapabilities::default());
            ProtocolVersion::LATEST_WITH_INITIALIZE
        };
        let client = Implementation::new(&options.client_name, &options.client_version);
        Self {
            config: ClientConfig::new(capabilities, client).with_protocol_version(version),
            roots: options
                .roots
                .iter()
                .map(|folder| Root::new(file_uri(folder)))
                .collect(),
            changed,
        }
    }
}

impl ClientHandler for Handler {
    fn get_info(&self) -> ClientConfig {
        self.config.clone()
    }

    async fn list_roots(
        &self,
        _context: RequestContext<RoleClient>,
    ) -> Result<ListRootsResult, ErrorData> {
        Ok(ListRootsResult::new(self.roots.to_vec()))
    }

    // The library would decline in the person's name; nobody was asked.
    async fn create_elicitation(
        &self,
        _request: ElicitRequestParams,
        _context: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        Err(ErrorData::method_not_found::<ElicitationCreateRequestMethod>())
    }

    async fn on_tool_list_changed(&self, _context: NotificationContext<RoleClient>) {
        self.changed.notify_one();
    }
}

/// A folder as a `file:` URI.
fn file_uri(folder: &Path) -> String {
    let mut uri = String::from("file://");
    for byte in folder.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'.' | b'_' | b'~' => {
                uri.push(char::from(*byte))
            }
            other => uri.push_str(&format!("%{other:02X}")),
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_become_legal_uris() {
        for (folder, uri) in [
            ("/home/me/code", "file:///home/me/code"),
            ("/a b/ü#?", "file:///a%20b/%C3%BC%23%3F"),
            ("/", "file:///"),
        ] {
            assert_eq!(file_uri(Path::new(folder)), uri);
        }
    }
}
