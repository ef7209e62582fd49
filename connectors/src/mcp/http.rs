//! Streamable HTTP, set up: rmcp's transport over requests that we make (exchange).
//!
//! rmcp keeps the protocol of it: sessions, headers of the newer revision, resuming streams. A session that is gone (404) is the
//! owner's to make anew: rmcp would post the request again by itself, and nothing is sent twice unseen.
//! TLS trusts what the system trusts. The older HTTP+SSE transport is absent.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use http::{HeaderName, HeaderValue};
use reqwest::{Url, redirect};
use rmcp::transport::{
    StreamableHttpClientTransport, common::client_side_sse::ExponentialBackoff,
    streamable_http_client::StreamableHttpClientTransportConfig,
};
use toolpool_config::Secret;
use toolpool_config::fixed::{REDIRECTS_MAX, RESUMES_MAX};

use super::{
    begin::StartError,
    exchange::{Client, in_full},
    tap::Tap,
};
use crate::FleetOptions;

/// A transport for one server.
pub(crate) fn transport(
    server: &str,
    url: &str,
    headers: &BTreeMap<String, Secret>,
    options: &FleetOptions,
    tap: Arc<Tap>,
) -> Result<StreamableHttpClientTransport<Client>, StartError> {
    let address = Url::parse(url)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https"))
        .ok_or_else(|| StartError::lasting("its `url` is not an http or https address"))?;
    let limits = &options.limits;
    let bytes_max = usize::try_from(limits.frame_bytes_max).unwrap_or(usize::MAX);
    let client = Client::new(client(&address, options)?, tap, bytes_max);
    let mut config = StreamableHttpClientTransportConfig::with_uri(url);
    config.custom_headers = own_headers(server, headers)?;
    config.reinit_on_expired_session = false;
    config.max_concurrent_requests = limits.calls_in_flight_max.saturating_add(4);
    config.max_sse_event_size = bytes_max;
    config.max_json_response_size = bytes_max;
    let mut resume = ExponentialBackoff::default();
    resume.max_times = Some(RESUMES_MAX);
    resume.base_duration = Duration::from_millis(limits.retry_first_ms);
    resume.max_delay = Some(Duration::from_millis(limits.retry_max_ms));
    config.retry_config = Arc::new(resume);
    Ok(StreamableHttpClientTransport::with_client(client, config))
}

fn client(address: &Url, options: &FleetOptions) -> Result<reqwest::Client, StartError> {
    let mut builder = reqwest::Client::builder()
        .user_agent(format!(
            "{}/{}",
            options.client_name, options.client_version
        ))
        .connect_timeout(Duration::from_millis(options.limits.connect_timeout_ms))
        .redirect(redirect::Policy::custom(same_origin));
    if is_loopback(address) {
        // A proxy on the way to this very machine is never meant.
        builder = builder.no_proxy();
    }
    builder.build().map_err(|error| {
        StartError::lasting(format!("no HTTP client could be made: {}", in_full(&error)))
    })
}

/// The headers hold credentials, so they go nowhere but to the origin they were given for.
fn same_origin(attempt: redirect::Attempt<'_>) -> redirect::Action {
    let within = attempt
        .previous()
        .first()
        .is_some_and(|first| first.origin() == attempt.url().origin());
    if within && attempt.previous().len() <= REDIRECTS_MAX {
        attempt.follow()
    } else {
        attempt.stop()
    }
}

fn is_loopback(address: &Url) -> bool {
    address.host_str().is_some_and(|host| {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost"
            || host
                .parse::<std::net::IpAddr>()
                .is_ok_and(|ip| ip.is_loopback())
    })
}

fn own_headers(
    server: &str,
    headers: &BTreeMap<String, Secret>,
) -> Result<HashMap<HeaderName, HeaderValue>, StartError> {
    headers
        .iter()
        .map(|(name, value)| {
            let illegal = |what: &str| {
                StartError::lasting(format!(
                    "the {what} of its header `{name}` is not legal in HTTP"
                ))
                .with_hint(format!("correct it under `[servers.{server}.headers]`"))
            };
            let legal = HeaderName::from_bytes(name.as_bytes()).map_err(|_| illegal("name"))?;
            let mut value =
                HeaderValue::from_str(value.reveal().trim()).map_err(|_| illegal("value"))?;
            value.set_sensitive(true);
            Ok((legal, value))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies_are_left_out_on_the_way_to_this_machine_only() {
        for (url, expected) in [
            ("http://127.0.0.1:1/mcp", true),
            ("http://localhost/mcp", true),
            ("http://[::1]:8/", true),
            ("http://10.0.0.1/", false),
            ("https://localhost.example/", false),
        ] {
            assert_eq!(is_loopback(&Url::parse(url).unwrap()), expected, "{url}");
        }
    }

    #[test]
    fn illegal_headers_are_named_and_never_shown() {
        let error = own_headers(
            "s",
            &BTreeMap::from([("Authorization".to_owned(), Secret::new("Bearer s3\ncret"))]),
        );
        let error = error.expect_err("a line end is not legal");
        assert!(
            error.reason.contains("`Authorization`") && !error.reason.contains("s3"),
            "{}",
            error.reason
        );
        assert!(error.lasting);
    }
}
