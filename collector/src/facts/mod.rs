//! Pure rules about facts: which events are new, when they truly happened, which sections are lacking, who is seen as
//! present. No clock, no I/O: the store runs them inside its transaction.

pub mod cursor;
pub mod egress;
pub mod presence;
pub mod true_time;
pub mod wanted;
