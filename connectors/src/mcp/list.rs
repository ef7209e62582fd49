//! A server's tools, page after page, as raw JSON. Partial lists are lists: what came before a failing page is kept and marked.

use std::{collections::HashSet, time::Duration};

use rmcp::{
    RoleClient,
    model::{ClientRequest, ErrorCode, ListToolsRequest, PaginatedRequestParams},
    service::{Peer, PeerRequestOptions, ServiceError},
};
use serde_json::Value;
use toolpool_config::Limits;

use super::tap;

/// A list as far as it was read.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Listed {
    pub(crate) tools: Vec<Value>,
    pub(crate) truncated: bool,
}

/// Reads the whole list. An error only when there is not even a first page.
pub(crate) async fn list(
    peer: &Peer<RoleClient>,
    limits: &Limits,
    page_limit: Duration,
) -> Result<Listed, ServiceError> {
    let mut pages = Pages::new(limits);
    let mut cursor = None;
    loop {
        match page(peer, cursor, page_limit).await {
            Ok(result) => match pages.add(result) {
                Some(next) => cursor = Some(next),
                None => return Ok(pages.listed),
            },
            Err(error) if pages.count == 0 => {
                return if has_no_tools(&error) {
                    Ok(Listed::default())
                } else {
                    Err(error)
                };
            }
            Err(error) => {
                tracing::warn!(%error, pages = pages.count, "a page of tools could not be read");
                pages.listed.truncated = true;
                return Ok(pages.listed);
            }
        }
    }
}

/// A server that does not know `tools/list` simply has no tools.
fn has_no_tools(error: &ServiceError) -> bool {
    matches!(error, ServiceError::McpError(error) if error.code == ErrorCode::METHOD_NOT_FOUND)
}

async fn page(
    peer: &Peer<RoleClient>,
    cursor: Option<String>,
    limit: Duration,
) -> Result<Value, ServiceError> {
    let request = match cursor {
        None => ListToolsRequest::default(),
        Some(cursor) => ListToolsRequest::with_param(
            PaginatedRequestParams::default().with_cursor(Some(cursor)),
        ),
    };
    let handle = peer
        .send_request_with_option(
            ClientRequest::ListToolsRequest(request),
            PeerRequestOptions::with_timeout(limit),
        )
        .await?;
    tap::unwrap(handle.await_response().await?).ok_or(ServiceError::UnexpectedResponse)
}

/// What has been read so far, and where to go on.
struct Pages {
    listed: Listed,
    seen: HashSet<String>,
    count: usize,
    pages_max: usize,
    tools_max: usize,
}

impl Pages {
    fn new(limits: &Limits) -> Self {
        Self {
            listed: Listed::default(),
            seen: HashSet::new(),
            count: 0,
            pages_max: limits.list_pages_max,
            tools_max: limits.tools_per_server_max,
        }
    }

    /// Takes one page; the cursor of the next, unless the list is over or a bound says so.
    fn add(&mut self, mut page: Value) -> Option<String> {
        self.count += 1;
        if let Some(Value::Array(tools)) = page.get_mut("tools").map(Value::take) {
            let room = self.tools_max.saturating_sub(self.listed.tools.len());
            self.listed.truncated |= tools.len() > room;
            self.listed.tools.extend(tools.into_iter().take(room));
        } else {
            // A page without tools in it is not a list; what came before still is.
            self.listed.truncated = true;
        }
        let next = page
            .get("nextCursor")
            .and_then(Value::as_str)
            .filter(|cursor| !cursor.is_empty())?
            .to_owned();
        let bound = self.count >= self.pages_max || self.listed.tools.len() >= self.tools_max;
        if bound || !self.seen.insert(next.clone()) {
            self.listed.truncated = true;
            return None;
        }
        Some(next)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Feeds pages as (tools, cursor) until the list is over; returns how many were asked for, how many tools, and whether cut.
    fn read(
        pages_max: usize,
        tools_max: usize,
        served: &[(usize, Option<&str>)],
    ) -> (usize, usize, bool) {
        let limits = Limits {
            list_pages_max: pages_max,
            tools_per_server_max: tools_max,
            ..Limits::default()
        };
        let mut pages = Pages::new(&limits);
        for (count, cursor) in served {
            let tools: Vec<Value> = (0..*count).map(|at| json!({"name": at})).collect();
            if pages
                .add(json!({"tools": tools, "nextCursor": cursor}))
                .is_none()
            {
                break;
            }
        }
        (
            pages.count,
            pages.listed.tools.len(),
            pages.listed.truncated,
        )
    }

    #[test]
    fn pages_are_followed_up_to_the_bounds() {
        for (pages_max, tools_max, served, expected) in [
            (9, 99, &[(3, None)][..], (1, 3, false)),
            (
                9,
                99,
                &[(3, Some("a")), (2, Some("b")), (1, None)],
                (3, 6, false),
            ),
            (
                2,
                99,
                &[(3, Some("a")), (2, Some("b")), (1, None)],
                (2, 5, true),
            ),
            (
                9,
                4,
                &[(3, Some("a")), (2, Some("b")), (1, None)],
                (2, 4, true),
            ),
            (9, 5, &[(3, Some("a")), (2, None)], (2, 5, false)),
            (
                9,
                99,
                &[(1, Some("a")), (1, Some("b")), (1, Some("a")), (1, None)],
                (3, 3, true),
            ),
            (9, 99, &[(1, Some(""))], (1, 1, false)),
        ] {
            assert_eq!(read(pages_max, tools_max, served), expected, "{served:?}");
        }
    }

    #[test]
    fn a_page_that_is_no_list_is_marked() {
        let mut pages = Pages::new(&Limits::default());
        assert_eq!(pages.add(json!({"tools": "none"})), None);
        assert_eq!(
            pages.listed,
            Listed {
                tools: Vec::new(),
                truncated: true
            }
        );
    }
}
