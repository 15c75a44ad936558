//! Placeholder.
use super::load::StoreChoice;
pub struct Options {
    pub agents: usize,
    pub store: StoreChoice,
    pub minutes: u32,
    pub seed: u64,
}
pub fn run(_: &Options) -> anyhow::Result<()> {
    Ok(())
}
