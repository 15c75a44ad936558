//! Measurements of `./dev measure`: one file each. Each prints progress on standard error and one JSON line last.

pub mod chaos;
pub mod footprint;
pub mod inventory_diff;
pub mod load;
pub mod outage;
pub mod peers;
pub mod sampling;
pub mod week;
pub mod wire;
pub mod year;
