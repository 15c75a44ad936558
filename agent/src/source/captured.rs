//! (being written) A captured machine.

/// A captured machine: a folder that holds its files under their own paths.
#[derive(Debug, Clone)]
pub struct Captured;
