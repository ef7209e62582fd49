//! The name of a call: unique in its journal, the same after a restart, and an id that every chat template takes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{StepNo, TurnNo};

/// A call, named for as long as the journal exists: nine letters and digits made of turn, step and place, since Mistral's
/// template takes no other id. Calls that belong to no turn have turn 0 and count up.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId {
    /// The turn.
    pub turn: TurnNo,
    /// The step; for a call outside of turns the high part of its count.
    pub step: StepNo,
    /// Its place among the step's calls, from 0.
    pub index: u32,
}

impl CallId {
    /// Letters and digits of each of the three numbers.
    const DIGITS: usize = 3;

    /// From here on the last number (of calls outside of turns the one before it) belongs to the hub's own calls.
    const OWN: u32 = 36u32.pow(Self::DIGITS as u32) / 2;

    /// The id of the call by which the hub reads back what this one left behind. It is in no reply.
    #[must_use]
    pub fn read_back(self) -> CallId {
        match self.turn {
            0 => CallId {
                step: self.step + Self::OWN,
                ..self
            },
            _ => CallId {
                index: self.index + Self::OWN,
                ..self
            },
        }
    }

    /// The id of the delegate that gives its verdict on the answer of this step. It is in no reply either.
    #[must_use]
    pub fn verdict(turn: TurnNo, step: StepNo) -> CallId {
        CallId {
            turn,
            step,
            index: 2 * Self::OWN - 1,
        }
    }

    /// Whether it is such a call of the hub's own.
    #[must_use]
    pub fn is_own(self) -> bool {
        let own = if self.turn == 0 {
            self.step
        } else {
            self.index
        };
        own >= Self::OWN
    }

    /// The id of the `count`th call that belongs to no turn.
    #[must_use]
    pub fn outside(count: u32) -> CallId {
        let base = 36u32.pow(Self::DIGITS as u32);
        CallId {
            turn: 0,
            step: count / base,
            index: count % base,
        }
    }
}

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for number in [self.turn, self.step, self.index] {
            let mut digits = [b'0'; Self::DIGITS];
            let mut rest = number;
            for place in digits.iter_mut().rev() {
                *place = b"0123456789abcdefghijklmnopqrstuvwxyz"[(rest % 36) as usize];
                rest /= 36;
            }
            f.write_str(std::str::from_utf8(&digits).map_err(|_| fmt::Error)?)?;
        }
        Ok(())
    }
}

impl fmt::Debug for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for CallId {
    type Err = String;

    fn from_str(text: &str) -> Result<CallId, String> {
        let wrong = || format!("`{text}` is no call id: it has nine letters and digits");
        if text.len() != 3 * Self::DIGITS || !text.is_ascii() {
            return Err(wrong());
        }
        let part =
            |at: usize| u32::from_str_radix(&text[at..at + Self::DIGITS], 36).map_err(|_| wrong());
        Ok(CallId {
            turn: part(0)?,
            step: part(Self::DIGITS)?,
            index: part(2 * Self::DIGITS)?,
        })
    }
}

impl Serialize for CallId {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for CallId {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_own_under_an_id_of_its_own() {
        let in_a_turn = CallId {
            turn: 1,
            step: 2,
            index: 3,
        };
        for id in [in_a_turn, CallId::outside(7), CallId::outside(50_000)] {
            let back = id.read_back();
            assert!(back.is_own() && !id.is_own() && back != id);
            assert_eq!(back.to_string().parse(), Ok(back));
        }
    }

    #[test]
    fn a_call_id_is_nine_letters_and_digits_and_reads_back() {
        for (id, text) in [
            (
                CallId {
                    turn: 1,
                    step: 2,
                    index: 0,
                },
                "001002000",
            ),
            (
                CallId {
                    turn: 46_655,
                    step: 35,
                    index: 36,
                },
                "zzz00z010",
            ),
            (CallId::outside(46_656), "000001000"),
        ] {
            assert_eq!(id.to_string(), text);
            assert_eq!(text.parse(), Ok(id));
        }
        for bad in ["", "00100200", "0010020000", "00100200!", "é0100200"] {
            assert!(bad.parse::<CallId>().is_err(), "{bad}");
        }
    }
}
