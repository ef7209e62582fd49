//! Who is asking, read from the request alone: path, query and bearer token.
//!
//! Modern MCP has no sessions, and a list must not vary by connection, so a caller's profile and
//! deny list are keyed by something that each request carries, in both protocol eras:
//!
//! - the path `/mcp/<profile>`,
//! - `?deny=GLOB` (repeatable, or separated by commas), which only narrows,
//! - a bearer token, which may be bound to a profile. Path and query can't leave that profile.
//!
//! Every doubt is a refusal: an unknown token, a profile that does not exist or is not the token's,
//! a pattern that can't be read. Tokens are compared in constant time.

use toolpool_config::{Config, Pattern};

/// What the gate read from a request. Travels with it to the handler.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// Whose token it was; `local` without tokens.
    pub principal: String,
    /// The profile the request is held to.
    pub profile: Option<String>,
    /// Patterns from the query, on top of everything the configuration denies.
    pub deny: Vec<Pattern>,
}

/// Why a request is not let in, with its HTTP status.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// No token, or one that is not known.
    #[error("a bearer token is required")]
    Token,
    /// The token is bound to another profile, or the profile does not exist; which of the two is
    /// not told.
    #[error("there is no such profile for this caller")]
    Profile,
    /// The query holds what can't be read.
    #[error("cannot read the query: {0}")]
    Query(String),
}

impl Refused {
    /// The HTTP status to answer with.
    pub fn status(&self) -> u16 {
        match self {
            Self::Token => 401,
            Self::Profile => 404,
            Self::Query(_) => 400,
        }
    }
}

/// Reads who is asking.
///
/// `path_profile` is the path's segment after `/mcp/`, `query` the raw query string, `bearer` the
/// token of the `Authorization` header. `token_required` is set where the hub can be reached from
/// other machines; a hub that has tokens configured asks for one everywhere.
///
/// # Errors
/// Everything that is not understood.
pub fn admit(
    config: &Config,
    token_required: bool,
    path_profile: Option<&str>,
    query: &str,
    bearer: Option<&str>,
) -> Result<Asked, Refused> {
    let (principal, pinned) = principal(config, token_required, bearer)?;
    let wanted = path_profile.filter(|name| !name.is_empty());
    let profile = match (pinned, wanted) {
        (Some(pinned), Some(wanted)) if pinned != wanted => return Err(Refused::Profile),
        (Some(pinned), _) => Some(pinned),
        (None, Some(wanted)) => Some(wanted.to_owned()),
        (None, None) => config.profile.clone(),
    };
    if profile
        .as_ref()
        .is_some_and(|name| !config.profiles.contains_key(name))
    {
        return Err(Refused::Profile);
    }
    Ok(Asked {
        principal,
        profile,
        deny: deny(query)?,
    })
}

fn principal(
    config: &Config,
    required: bool,
    bearer: Option<&str>,
) -> Result<(String, Option<String>), Refused> {
    if config.serve.tokens.is_empty() && !required {
        return Ok(("local".into(), None));
    }
    let given = bearer.ok_or(Refused::Token)?;
    // Every token is compared, so that the time taken does not tell which one came close.
    let mut found = None;
    for (name, token) in &config.serve.tokens {
        if same(token.secret.reveal().as_bytes(), given.as_bytes()) && !given.is_empty() {
            found = Some((name.clone(), token.profile.clone()));
        }
    }
    found.ok_or(Refused::Token)
}

fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |differ, (x, y)| differ | (x ^ y)) == 0
}

fn deny(query: &str) -> Result<Vec<Pattern>, Refused> {
    let mut patterns = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (key, value) = (decode(key)?, decode(value)?);
        if key != "deny" {
            // A misspelt `denny=` must not leave a caller with more than they asked for.
            return Err(Refused::Query(format!(
                "unknown parameter `{key}`; only `deny` is known"
            )));
        }
        for text in value
            .split(',')
            .map(str::trim)
            .filter(|text| !text.is_empty())
        {
            patterns.push(
                text.parse()
                    .map_err(|error| Refused::Query(format!("`{text}`: {error}")))?,
            );
        }
    }
    Ok(patterns)
}

/// Percent-decoding with `+` as a space, as forms and browsers write queries.
fn decode(text: &str) -> Result<String, Refused> {
    let bad = || Refused::Query(format!("`{text}` is not percent-encoded UTF-8"));
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || {
                    rest.next()
                        .and_then(|b| char::from(b).to_digit(16))
                        .ok_or_else(bad)
                };
                (digit()? * 16 + digit()?) as u8
            }
            other => other,
        });
    }
    String::from_utf8(bytes).map_err(|_| bad())
}

#[cfg(test)]
mod tests {
    use super::*;
    use toolpool_config::{Sources, load};

    fn config(text: &str) -> Config {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("config.toml");
        std::fs::write(&file, text).expect("write the configuration");
        load(&Sources {
            user_file: Some(file),
            ..Sources::default()
        })
        .expect("a valid configuration")
        .config
    }

    const TOKENS: &str = r#"
        [profiles.read]
        [profiles.write]
        [serve.tokens.alice]
        secret = "s3cret"
        profile = "read"
        [serve.tokens.bob]
        secret = "other"
    "#;

    #[test]
    fn callers_are_read_from_path_query_and_token() {
        let open = config("[profiles.read]");
        let held = config(TOKENS);
        let profile = |asked: Result<Asked, Refused>| asked.map(|asked| asked.profile);
        let rows = [
            (profile(admit(&open, false, None, "", None)), Ok(None)),
            (
                profile(admit(&open, false, Some("read"), "", None)),
                Ok(Some("read".to_owned())),
            ),
            (
                profile(admit(&open, false, Some("nope"), "", None)),
                Err(Refused::Profile),
            ),
            (
                profile(admit(&open, true, None, "", None)),
                Err(Refused::Token),
            ),
            (
                profile(admit(&held, false, None, "", None)),
                Err(Refused::Token),
            ),
            (
                profile(admit(&held, false, None, "", Some(""))),
                Err(Refused::Token),
            ),
            (
                profile(admit(&held, false, None, "", Some("s3cre"))),
                Err(Refused::Token),
            ),
            (
                profile(admit(&held, false, None, "", Some("s3cret"))),
                Ok(Some("read".to_owned())),
            ),
            (
                profile(admit(&held, false, Some("write"), "", Some("s3cret"))),
                Err(Refused::Profile),
            ),
            (
                profile(admit(&held, false, Some("write"), "", Some("other"))),
                Ok(Some("write".to_owned())),
            ),
        ];
        for (index, (found, wanted)) in rows.into_iter().enumerate() {
            assert_eq!(found, wanted, "row {index}");
        }
        assert_eq!(
            admit(&held, false, None, "", Some("other")).map(|asked| asked.principal),
            Ok("bob".into())
        );
    }

    #[test]
    fn the_query_narrows_or_is_refused() {
        let open = config("");
        let denied = |query| admit(&open, false, None, query, None).map(|asked| asked.deny.len());
        assert_eq!(denied("deny=git__*"), Ok(1));
        assert_eq!(
            denied("deny=git__%2A&deny=effect:destructive,server:mail"),
            Ok(3)
        );
        assert_eq!(denied("deny="), Ok(0));
        for query in [
            "denny=x",
            "allow=*",
            "deny=%zz",
            "deny=%ff",
            "deny=effect:nonsense",
        ] {
            assert!(
                matches!(
                    admit(&open, false, None, query, None),
                    Err(Refused::Query(_))
                ),
                "{query}"
            );
        }
    }
}
