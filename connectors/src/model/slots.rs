//! llama-server's slots: each holds one conversation in its cache, so that whoever shares one reads everything again.
//!
//! A session is pinned to one where there are two or more; a single slot is left to the server, which can then fetch what
//! another client drove out of it from its own memory, as it does for no pinned request. What a slot worked on last is a
//! number that only grows for as long as the process lives: one that is higher than ours is another request's, a lower one or
//! none is another process. Requests of our own are counted, so that they are not held against others: a conversation, its
//! delegates and what is asked aside may share a slot.

use serde_json::Value;

/// A slot as its server shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Its number.
    pub id: u32,
    /// What it worked on last; none where it did nothing since the server began.
    pub task: Option<u64>,
    /// Requests that went to it over this connection so far.
    pub asked: u64,
}

/// The slots of `/slots`, with whether each of them works now.
pub(super) fn read(answer: &Value) -> Vec<(Slot, bool)> {
    let slots = answer.as_array().into_iter().flatten();
    slots
        .filter_map(|slot| {
            // Before its first task a slot has none, or -1.
            let task = slot["id_task"].as_u64();
            let id = u32::try_from(slot["id"].as_u64()?).ok()?;
            let asked = 0;
            Some((Slot { id, task, asked }, slot["is_processing"] == true))
        })
        .collect()
}

/// The slot for a conversation that begins: one that does nothing and was used the longest ago, never that of `beside`.
pub(super) fn choose(slots: &[(Slot, bool)], beside: Option<u32>) -> Option<u32> {
    if slots.len() < 2 {
        return None;
    }
    let free = slots.iter().filter(|(slot, _)| Some(slot.id) != beside);
    let best =
        free.min_by_key(|(slot, busy)| (*busy, slot.task.map_or(0, |task| task + 1), slot.id));
    best.map(|(slot, _)| slot.id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_conversation_gets_the_slot_that_is_missed_least() {
        let slots = |tasks: &[(i64, bool)]| {
            let all: Vec<Value> = tasks
                .iter()
                .enumerate()
                .map(|(id, (task, busy))| json!({"id": id, "id_task": task, "is_processing": busy}))
                .collect();
            read(&Value::from(all))
        };
        for (tasks, beside, wanted) in [
            (&[(-1, false)][..], None, None),
            (&[(4, false), (-1, false)], None, Some(1)),
            (&[(4, false), (9, false)], None, Some(0)),
            (&[(4, true), (9, false)], None, Some(1)),
            (&[(4, false), (9, false)], Some(0), Some(1)),
            (&[(4, false), (9, true)], Some(0), Some(1)),
            (&[], None, None),
        ] {
            assert_eq!(
                choose(&slots(tasks), beside),
                wanted,
                "{tasks:?} {beside:?}"
            );
        }
        assert_eq!(
            read(&json!([{"id": 3}])),
            [(
                Slot {
                    id: 3,
                    task: None,
                    asked: 0
                },
                false
            )]
        );
        assert!(read(&json!({"error": 501})).is_empty());
    }
}
