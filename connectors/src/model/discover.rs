//! Looking for model servers: all places at once, and at each place all questions at once.
//!
//! A place that takes a connection and then says nothing costs no more than one that refuses. Nothing is loaded by looking.

use std::time::Duration;

use futures::future::join_all;
use serde::Serialize;
use serde_json::Value;
use toolpool_config::fixed::DISCOVER_WITHIN;

use super::facts::{self, Answers};
use super::wire::{Clients, Trouble, Wire};
use super::{Dialect, ModelError, Options};

/// A model server that answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Found {
    /// Where, without a path.
    pub url: String,
    /// Which server it is.
    pub dialect: Dialect,
    /// The models that can chat; none while it loads its only one.
    pub models: Vec<Named>,
}

/// A model by the server's name for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Named {
    /// The name.
    pub name: String,
    /// Whether it is in memory, so that a first reply need not wait for it.
    pub loaded: bool,
    /// Its window as it is loaded, where the server says that in its list.
    pub window: Option<u32>,
}

/// What answers at these places, in their order. Well under a second, whatever they do.
pub async fn discover(places: &[String], options: &Options) -> Vec<Found> {
    let mut clients = Clients::default();
    let wires: Vec<Wire> = places
        .iter()
        .filter_map(|place| Wire::sharing(place, options, &mut clients).ok())
        .collect();
    let asked = wires.iter().map(|wire| async move {
        let (answers, _) = ask(wire, DISCOVER_WITHIN).await;
        let (dialect, models) = facts::read(&answers)?;
        Some(Found {
            url: wire.url().to_owned(),
            dialect,
            models,
        })
    });
    join_all(asked).await.into_iter().flatten().collect()
}

/// Asks everything that tells servers apart, and returns why nothing was answered to the one question that all understand.
pub(super) async fn ask(wire: &Wire, within: Duration) -> (Answers, Option<ModelError>) {
    let get = |path: &'static str| wire.json(path, None, within);
    let (props, models, version, tags, loaded, studio, studio_old) = futures::join!(
        get("/props"),
        get("/v1/models"),
        get("/api/version"),
        get("/api/tags"),
        get("/api/ps"),
        get("/api/v1/models"),
        get("/api/v0/models"),
    );
    let loading = [&props, &models]
        .into_iter()
        .any(|answer| matches!(answer, Err(Trouble::Loading)));
    let or_null = |answer: Result<Value, Trouble>| answer.unwrap_or_default();
    let (models, why) = match models {
        Ok(models) => (models, None),
        Err(trouble) => (Value::Null, Some(trouble.into_error())),
    };
    let answers = Answers {
        props: or_null(props),
        models,
        version: or_null(version),
        tags: or_null(tags),
        loaded: or_null(loaded),
        studio: or_null(studio),
        studio_old: or_null(studio_old),
        loading,
    };
    (answers, why)
}
