//! When a changed list is read again, and whether what was read is news. Servers send changes in storms, and many change nothing.

use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};
use toolpool_config::Limits;

use super::list::Listed;

/// Waits for a change, and then until no more have come for a while, or a storm of them has lasted long enough.
pub(crate) async fn settle(changed: &Notify, limits: &Limits) {
    changed.notified().await;
    let quiet = Duration::from_millis(limits.list_settle_ms);
    let latest = Instant::now() + Duration::from_millis(limits.list_settle_max_ms);
    loop {
        let until = (Instant::now() + quiet).min(latest);
        tokio::select! {
            () = changed.notified() => if Instant::now() >= latest { return },
            () = sleep_until(until) => return,
        }
    }
}

/// What tells one list from another, so that reading the same one again is no news.
pub(crate) fn digest(listed: &Listed, instructions: Option<&str>) -> [u8; 32] {
    let mut hash = Sha256::new();
    for tool in &listed.tools {
        hash.update(tool.to_string());
        hash.update([0]);
    }
    hash.update([u8::from(listed.truncated)]);
    hash.update(instructions.unwrap_or_default());
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;
    use tokio::time::sleep;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_storm_settles_when_it_is_over_or_has_lasted_long_enough() {
        let limits = Limits {
            list_settle_ms: 200,
            list_settle_max_ms: 1_000,
            ..Limits::default()
        };
        // (changes, one each 100 ms; milliseconds until the list is read)
        for (changes, expected) in [(1, 200), (3, 400), (100, 1_000)] {
            let changed = Arc::new(Notify::new());
            changed.notify_one();
            let storm = tokio::spawn({
                let changed = Arc::clone(&changed);
                async move {
                    for _ in 1..changes {
                        sleep(Duration::from_millis(100)).await;
                        changed.notify_one();
                    }
                }
            });
            let begun = Instant::now();
            settle(&changed, &limits).await;
            assert_eq!(begun.elapsed().as_millis(), expected, "{changes} changes");
            storm.abort();
        }
    }

    #[test]
    fn any_difference_in_a_list_is_news() {
        let listed = |tools: &[serde_json::Value], truncated| Listed {
            tools: tools.to_vec(),
            truncated,
        };
        let base = digest(&listed(&[json!({"name": "a", "x": 1})], false), Some("i"));
        assert_eq!(
            base,
            digest(&listed(&[json!({"name": "a", "x": 1})], false), Some("i"))
        );
        for other in [
            digest(&listed(&[json!({"name": "a", "x": 2})], false), Some("i")),
            digest(&listed(&[json!({"name": "a", "x": 1})], true), Some("i")),
            digest(&listed(&[json!({"name": "a", "x": 1})], false), None),
            digest(&listed(&[], false), Some("i")),
        ] {
            assert_ne!(base, other);
        }
    }
}
