//! The HTTP side of every dialect: where to, with which key, within which time, and what a failure means.
//!
//! The key goes into one header and nowhere else: no error names it, also where a server repeats it in its words. Redirects
//! are not followed, since a prompt goes to the server that was named or to none.

use std::error::Error as _;
use std::time::Duration;

use futures::StreamExt;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Client, Response, Url, redirect};
use serde_json::Value;
use tokio::time::timeout;
use toolpool_config::Secret;
use toolpool_config::fixed::{
    MODEL_ANSWER_BYTES_MAX, MODEL_CONNECT_TIMEOUT, MODEL_WORDS_CHARS_MAX,
};

use super::{ModelError, Options, overflow};

/// A model server's address and how it is spoken to.
#[derive(Debug, Clone)]
pub(super) struct Wire {
    http: Client,
    base: Url,
    shown: String,
    key: Option<Secret>,
    silence: Duration,
}

/// Why a request brought nothing.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The server loads the model.
    Loading,
    /// May be gone when asked again; the error if it isn't.
    Passing(ModelError),
    /// Asking again gives the same.
    Final(ModelError),
}

impl Trouble {
    pub(super) fn into_error(self) -> ModelError {
        match self {
            Trouble::Loading => ModelError::Failed {
                message: "it still loads the model".into(),
            },
            Trouble::Passing(error) | Trouble::Final(error) => error,
        }
    }
}

/// HTTP clients by whether they may use a proxy. Making one reads every certificate that the system trusts, which takes
/// longer than a server on this machine to answer, so that places that are looked at together share them.
#[derive(Debug, Default)]
pub(super) struct Clients {
    near: Option<Client>,
    far: Option<Client>,
}

impl Clients {
    fn get(&mut self, base: &Url) -> Result<Client, reqwest::Error> {
        let near = is_loopback(base);
        let kept = if near { &mut self.near } else { &mut self.far };
        if let Some(client) = kept {
            return Ok(client.clone());
        }
        let mut builder = Client::builder()
            .connect_timeout(MODEL_CONNECT_TIMEOUT)
            .redirect(redirect::Policy::none());
        if near {
            // A proxy on the way to this very machine is never meant.
            builder = builder.no_proxy();
        }
        Ok(kept.insert(builder.build()?).clone())
    }
}

impl Wire {
    pub(super) fn new(url: &str, options: &Options) -> Result<Wire, ModelError> {
        Wire::sharing(url, options, &mut Clients::default())
    }

    pub(super) fn sharing(
        url: &str,
        options: &Options,
        clients: &mut Clients,
    ) -> Result<Wire, ModelError> {
        let base = address(url).ok_or_else(|| ModelError::Unreachable {
            url: without_secrets(url),
            reason: "this is no http or https address".into(),
        })?;
        let shown = shown(&base);
        let http = clients
            .get(&base)
            .map_err(|error| ModelError::Unreachable {
                url: shown.clone(),
                reason: reason(&error),
            })?;
        Ok(Wire {
            http,
            base,
            shown,
            key: options.api_key.clone(),
            silence: options.silence,
        })
    }

    /// The address, safe to show.
    pub(super) fn url(&self) -> &str {
        &self.shown
    }

    /// How long the server may say nothing.
    pub(super) fn silence(&self) -> Duration {
        self.silence
    }

    fn at(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        url.set_path(&format!("{}{path}", self.base.path().trim_end_matches('/')));
        url.set_query(Some(query).filter(|query| !query.is_empty()));
        url
    }

    /// Sends a body, or only asks, and returns the answer if it is a success. Takes as long as it takes.
    pub(super) async fn send(
        &self,
        path: &str,
        body: Option<Vec<u8>>,
    ) -> Result<Response, Trouble> {
        let url = self.at(path);
        let mut request = match body {
            Some(body) => self
                .http
                .post(url)
                .header(CONTENT_TYPE, "application/json")
                .body(body),
            None => self.http.get(url),
        };
        if let Some(key) = &self.key {
            let mut value = HeaderValue::from_str(&format!("Bearer {}", key.reveal().trim()))
                .map_err(|_| self.refused(0, "its API key is not legal in HTTP".into()))?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        let response = request.send().await.map_err(|error| {
            Trouble::Passing(if error.is_connect() {
                ModelError::Unreachable {
                    url: self.shown.clone(),
                    reason: reason(&error),
                }
            } else {
                ModelError::Failed {
                    message: reason(&error),
                }
            })
        })?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        if status.is_redirection() {
            let words = "it redirects to another address, which is not followed";
            return Err(self.refused(status.as_u16(), words.into()));
        }
        let body = text(response).await.unwrap_or_default();
        Err(self.failure(status.as_u16(), &body))
    }

    fn refused(&self, status: u16, message: String) -> Trouble {
        Trouble::Final(ModelError::Refused { status, message })
    }

    /// What an answer that is no success means, also one in the middle of a stream.
    pub(super) fn failure(&self, status: u16, body: &str) -> Trouble {
        if let Some(error) = overflow::recognise(body) {
            return Trouble::Final(match error {
                ModelError::Overflow {
                    prompt,
                    window,
                    message,
                } => ModelError::Overflow {
                    prompt,
                    window,
                    message: self.words(&message),
                },
                other => other,
            });
        }
        let value: Value = serde_json::from_str(body).unwrap_or_default();
        let message = overflow::words(&value).unwrap_or_else(|| body.trim().to_owned());
        let message = self.words(&message);
        if status == 503 && message.to_lowercase().contains("loading model") {
            return Trouble::Loading;
        }
        // llama.cpp could not read what its model wrote; a new sample may do, the same request as it is may not.
        if message.contains("Failed to parse input")
            || message.contains("does not match the expected")
        {
            return Trouble::Final(ModelError::Garbled { what: message });
        }
        // It can't read the history, whatever is asked next.
        if message.contains("Failed to parse tool call arguments") {
            return Trouble::Final(ModelError::Failed { message });
        }
        match status {
            404 if names_a_missing_model(&value, &message) => Trouble::Final(ModelError::NoModel {
                url: self.shown.clone(),
                model: String::new(),
                known: Vec::new(),
            }),
            500.. => Trouble::Passing(ModelError::Failed {
                message: format!("{message} ({status})"),
            }),
            _ => self.refused(status, message),
        }
    }

    /// A server's words, short and without the key.
    pub(super) fn words(&self, words: &str) -> String {
        let mut words = words.trim().to_owned();
        if let Some(key) = &self.key {
            let key = key.reveal().trim();
            if !key.is_empty() {
                words = words.replace(key, "***");
            }
        }
        if words.is_empty() {
            return "without a word".into();
        }
        match words.char_indices().nth(MODEL_WORDS_CHARS_MAX) {
            Some((end, _)) => format!("{}…", &words[..end]),
            None => words,
        }
    }

    /// Asks for JSON, within a time.
    pub(super) async fn json(
        &self,
        path: &str,
        body: Option<Vec<u8>>,
        within: Duration,
    ) -> Result<Value, Trouble> {
        let asked = async {
            let response = self.send(path, body).await?;
            let text = text(response)
                .await
                .map_err(|message| Trouble::Passing(ModelError::Failed { message }))?;
            serde_json::from_str(&text).map_err(|_| {
                Trouble::Final(ModelError::Garbled {
                    what: self.words(&text),
                })
            })
        };
        match timeout(within, asked).await {
            Ok(answer) => answer,
            Err(_) => Err(Trouble::Passing(ModelError::Stalled { after: within })),
        }
    }
}

fn names_a_missing_model(value: &Value, message: &str) -> bool {
    let lower = message.to_lowercase();
    value["error"]["code"] == "model_not_found"
        || (lower.contains("model")
            && (lower.contains("not found") || lower.contains("does not exist")))
}

/// The whole body as text, up to the bound.
async fn text(response: Response) -> Result<String, String> {
    let mut bytes = Vec::new();
    let mut body = response.bytes_stream();
    while let Some(piece) = body.next().await {
        bytes.extend_from_slice(&piece.map_err(|error| reason(&error))?);
        if bytes.len() > MODEL_ANSWER_BYTES_MAX {
            return Err(format!(
                "the answer is longer than {MODEL_ANSWER_BYTES_MAX} bytes"
            ));
        }
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The server's address without `/v1` and what belongs to single requests.
fn address(url: &str) -> Option<Url> {
    let url = url.trim();
    let full = if url.contains("://") {
        url.to_owned()
    } else {
        format!("http://{url}")
    };
    let mut url = Url::parse(&full).ok()?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return None;
    }
    url.set_query(None);
    url.set_fragment(None);
    let path = url.path().trim_end_matches('/');
    let path = path.strip_suffix("/v1").unwrap_or(path).to_owned();
    url.set_path(&path);
    Some(url)
}

fn shown(base: &Url) -> String {
    let mut url = base.clone();
    // Only an address that can have no user refuses this, and then it has none.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.as_str().trim_end_matches('/').to_owned()
}

/// What is no address may still hold a password.
fn without_secrets(url: &str) -> String {
    match url.rsplit_once('@') {
        Some((_, host)) => format!("***@{host}"),
        None => url.to_owned(),
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

/// An error with its causes on one line; without its address, which may hold credentials.
pub(super) fn reason(error: &reqwest::Error) -> String {
    let mut words = if error.is_connect() {
        "could not connect".to_owned()
    } else {
        "the connection broke".to_owned()
    };
    let mut cause = error.source();
    while let Some(error) = cause {
        words.push_str(": ");
        words.push_str(&error.to_string());
        cause = error.source();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(url: &str) -> Wire {
        let options = Options {
            api_key: Some(Secret::new("s3cret")),
            ..Options::default()
        };
        Wire::new(url, &options).expect("an address")
    }

    #[test]
    fn addresses_are_taken_as_people_write_them() {
        for (given, shown, asked) in [
            (
                "http://127.0.0.1:8080",
                "http://127.0.0.1:8080",
                "http://127.0.0.1:8080/v1/models",
            ),
            (
                "http://127.0.0.1:8080/v1/",
                "http://127.0.0.1:8080",
                "http://127.0.0.1:8080/v1/models",
            ),
            (
                "localhost:1234/v1",
                "http://localhost:1234",
                "http://localhost:1234/v1/models",
            ),
            (
                "https://h/llm/v1?x=1",
                "https://h/llm",
                "https://h/llm/v1/models",
            ),
            ("http://me:pw@h/", "http://h", "http://me:pw@h/v1/models"),
        ] {
            let wire = wire(given);
            assert_eq!(wire.url(), shown, "{given}");
            assert_eq!(wire.at("/v1/models").as_str(), asked, "{given}");
        }
        assert_eq!(
            wire("h").at("/props?model=a").as_str(),
            "http://h/props?model=a"
        );
        let error = Wire::new("ftp://me:pw@h", &Options::default()).expect_err("no http");
        assert!(!error.to_string().contains("pw"), "{error}");
    }

    #[test]
    fn failures_are_told_apart() {
        let wire = wire("h");
        let failure = |status, body: &str| wire.failure(status, body);
        assert!(matches!(
            failure(
                503,
                r#"{"error":{"message":"Loading model","type":"unavailable_error","code":503}}"#
            ),
            Trouble::Loading
        ));
        for (status, body) in [
            (500, "boom"),
            (502, ""),
            (503, r#"{"error":"server busy"}"#),
        ] {
            assert!(
                matches!(failure(status, body), Trouble::Passing(_)),
                "{body}"
            );
        }
        assert!(matches!(
            failure(
                500,
                r#"{"error":{"message":"Failed to parse input at pos 12: <tool"}}"#
            ),
            Trouble::Final(ModelError::Garbled { .. })
        ));
        assert!(matches!(
            failure(404, r#"{"error":"model 'x' not found"}"#),
            Trouble::Final(ModelError::NoModel { .. })
        ));
        assert!(matches!(
            failure(404, "page not found"),
            Trouble::Final(ModelError::Refused { status: 404, .. })
        ));
        assert!(matches!(
            failure(
                400,
                r#"{"error":{"type":"exceed_context_size_error","n_ctx":1}}"#
            ),
            Trouble::Final(ModelError::Overflow { .. })
        ));
        let error = failure(
            401,
            r#"{"error":{"message":"Incorrect API key provided: s3cret"}}"#,
        );
        let error = error.into_error();
        assert!(
            !format!("{error} {error:?} {wire:?}").contains("s3cret"),
            "{error}"
        );
        assert!(error.to_string().contains("***"));
    }
}
