//! One file per check.

pub mod volume_space;
