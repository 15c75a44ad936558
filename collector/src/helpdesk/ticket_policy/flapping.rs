//! When an incident that comes and goes is one, per check.

use serde::{Deserialize, Serialize};

/// When what ended and comes back is still the same incident, and when its end is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flapping {
    /// What comes back within this time after its end is the incident that ended; 0: always another one. Seconds.
    pub same_within_s: u32,
    /// With this many returns within `window_s` it flaps.
    pub returns: u32,
    /// How long a return counts, seconds.
    pub window_s: u32,
    /// While it flaps, all must be well for this long until its end is believed, seconds.
    pub calm_s: u32,
}

impl Flapping {
    /// Largest time of each field, seconds: ended incidents are looked at for a day.
    pub const TIME_MAX_S: u32 = 86_400;
    /// Most returns that can be asked for.
    pub const RETURNS_MAX: u32 = 100;
}

impl Default for Flapping {
    /// Two returns within the hour, each within a quarter of an hour: then ten minutes of calm.
    fn default() -> Self {
        Self { same_within_s: 15 * 60, returns: 2, window_s: 3600, calm_s: 10 * 60 }
    }
}
