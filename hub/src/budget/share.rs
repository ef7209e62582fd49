//! How a window is divided: every part a share of it, so that the same settings hold from 2,048 tokens to 262,144.
//!
//! Fixed reserves are absent on purpose. Taken from a small window they leave nothing, and a budget that is negative by
//! arithmetic makes a program compact for ever.

use toolpool_config::{BudgetSettings, PoolSettings};
use toolpool_connectors::model::Counted;

/// The join of the counted prompt and the generated reply can differ by a few tokens from what was counted.
const JOIN: u32 = 8;

/// The parts of a window that no prompt may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shares {
    /// Tokens of prompt and reply together.
    pub window: u32,
    /// Kept for the reply: at most half of the window.
    pub reserve: u32,
    /// Kept for what counting can miss, where the server does not count: at most a quarter of the window.
    pub margin: u32,
    /// The same where it does.
    pub join: u32,
    /// Tokens in use, reserve and margin among them, from which a warning is due.
    pub warn: u32,
}

impl Shares {
    /// Kept for what counting can miss.
    #[must_use]
    pub fn margin(&self, exact: bool) -> u32 {
        if exact { self.join } else { self.margin }
    }

    /// Tokens that a prompt may have.
    #[must_use]
    pub fn room(&self, exact: bool) -> u32 {
        self.window
            .saturating_sub(self.reserve)
            .saturating_sub(self.margin(exact))
    }

    /// Tokens that the reply to a prompt may have: all that is free, as far as a reserve may ever be large. At least the
    /// reserve, where the prompt fits.
    pub(super) fn reply(&self, counted: Counted, settings: &BudgetSettings) -> u32 {
        self.window
            .saturating_sub(self.margin(counted.exact))
            .saturating_sub(counted.tokens)
            .min(self.reserve.max(settings.reserve_max))
    }
}

/// Divides a window. Holds for any number and any settings: nothing is negative, and a prompt always keeps a quarter.
#[must_use]
pub fn shares(window: u32, settings: &BudgetSettings) -> Shares {
    let least = settings.reserve_min.min(settings.reserve_max);
    let reserve = of(window, settings.reserve_share).clamp(least, settings.reserve_max);
    Shares {
        window,
        reserve: reserve.min(window / 2),
        margin: of(window, settings.margin_share)
            .min(settings.margin_max)
            .min(window / 4),
        join: JOIN.min(window / 4),
        warn: of(window, settings.warn_share).min(window),
    }
}

/// Tokens that the definitions of tools may take of a window: as the pool is set, and at most half of it.
#[must_use]
pub fn allowance(window: u32, pool: &PoolSettings) -> u32 {
    let pool = PoolSettings {
        window,
        ..pool.clone()
    };
    pool.allowance_tokens().min(window / 2)
}

/// A share of a number; what is no share counts as none.
fn of(window: u32, share: f64) -> u32 {
    (f64::from(window) * share.max(0.0)) as u32
}
