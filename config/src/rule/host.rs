//! Hosts of URLs, read as a browser would and, where a deny asks, as everybody else might.
//!
//! URL parsers disagree on `\`, `@`, tabs and encoded dots, and a request goes where the server's parser says. So an allow
//! takes only an address on which none of them can disagree: `http` or `https`, no user part, a plain host, the usual port
//! unless the rule names one. A deny takes every reading, and also a text that only mentions the host.

use url::Url;

use crate::pattern::{is_unseen, letters};
use crate::rule::path::decoded;

/// A host, with or without those below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    text: String,
    /// As written, lower case, without port and trailing dot.
    written: String,
    /// As it is asked for: ASCII, addresses in their usual form.
    host: String,
    below: bool,
    port: Option<u16>,
}

impl Host {
    pub(crate) fn new(text: &str) -> Result<Host, String> {
        let text = text.trim();
        let wrong = || {
            format!(
                "`{text}` is not a host; write `example.com`, `*.example.com` or `example.com:8443`"
            )
        };
        let (below, rest) = match text.strip_prefix("*.") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (rest, port) = match rest.rsplit_once(':') {
            Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
                (host, Some(port.parse().map_err(|_| wrong())?))
            }
            _ => (rest, None),
        };
        let written = rest.trim_end_matches('.').to_lowercase();
        let odd = |letter: char| {
            letter.is_whitespace() || is_unseen(letter) || "/\\@*?#%".contains(letter)
        };
        if written.is_empty() || written.contains(odd) {
            return Err(wrong());
        }
        Ok(Host {
            host: url::Host::parse(&written).map_err(|_| wrong())?.to_string(),
            text: text.to_owned(),
            written,
            below,
            port,
        })
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn frees(&self, text: &str) -> bool {
        let odd = |letter: char| letter.is_whitespace() || letter == '\\' || is_unseen(letter);
        let lower = text.to_lowercase();
        let Some(rest) = ["https://", "http://"]
            .iter()
            .find_map(|scheme| lower.strip_prefix(scheme))
            .filter(|_| !text.contains(odd))
        else {
            return false;
        };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        // What is not ASCII is mapped in more than one way; as the person wrote it, it is meant.
        let plain = authority.is_ascii() || self.written_in(authority);
        if authority.is_empty() || authority.contains(['@', '%']) || !plain {
            return false;
        }
        Url::parse(text)
            .is_ok_and(|url| self.is_at(&url, false) && url.port() == self.other_port(&url))
    }

    pub(crate) fn stops(&self, text: &str) -> bool {
        let plain: String = letters(text.trim()).collect();
        let twice = decoded(&decoded(&plain));
        [plain, twice].iter().any(|text| {
            let slashes = text.replace('\\', "/");
            let addresses = [text.clone(), format!("https://{text}"), slashes];
            let parsed = addresses.iter().any(|text| {
                Url::parse(text).is_ok_and(|url| {
                    self.is_at(&url, true)
                        && self
                            .port
                            .is_none_or(|port| url.port_or_known_default() == Some(port))
                })
            });
            parsed || self.is_mentioned(text)
        })
    }

    fn written_in(&self, authority: &str) -> bool {
        let host = match authority.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
            _ => authority,
        };
        !self.below && host.trim_end_matches('.') == self.written
    }

    fn is_at(&self, url: &Url, apex_too: bool) -> bool {
        let Some(host) = url.host_str() else {
            return false;
        };
        let host = host.trim_end_matches('.');
        let under = || {
            host.strip_suffix(&self.host)
                .is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
        };
        match self.below {
            true => under() || (apex_too && host == self.host),
            false => host == self.host,
        }
    }

    /// The rule's port as a URL of this scheme would have it: left out where it is the usual one.
    fn other_port(&self, url: &Url) -> Option<u16> {
        let usual = match url.scheme() {
            "https" => 443,
            _ => 80,
        };
        self.port.filter(|port| *port != usual)
    }

    /// Whether the text holds the host as a word of its own, in either spelling.
    fn is_mentioned(&self, text: &str) -> bool {
        [&self.host, &self.written].iter().any(|host| {
            let host = match self.port {
                Some(port) => format!("{host}:{port}"),
                None => (*host).clone(),
            };
            text.match_indices(&host).any(|(at, _)| {
                let before = text[..at].chars().next_back();
                let mut after = text[at + host.len()..].chars();
                let (next, second) = (after.next(), after.next());
                let in_word = |letter: Option<char>| {
                    letter.is_some_and(|letter| letter.is_alphanumeric() || letter == '-')
                };
                let goes_on = in_word(next) || (next == Some('.') && in_word(second));
                let begins = in_word(before) || (before == Some('.') && !self.below);
                !goes_on && !begins
            })
        })
    }
}
