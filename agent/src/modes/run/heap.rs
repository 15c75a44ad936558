//! The heap of a process that works for milliseconds an hour: what an inventory took goes back to the system at once.
//!
//! glibc gives each thread an arena and keeps freed memory for later, 1.1 MB of it here after the first inventory. Its
//! tunables (mallopt(3)) are read from the environment when a process starts, so the agent starts itself once more, in
//! the same process, with them set. Elsewhere (musl, another allocator) they mean nothing and harm nothing.

use std::os::unix::process::CommandExt;
use std::process::Command;

/// One arena for all threads; free memory above 64 KiB at the end of the heap goes back to the system.
const TUNABLES: [(&str, &str); 2] = [("MALLOC_ARENA_MAX", "1"), ("MALLOC_TRIM_THRESHOLD_", "65536")];

/// Replaces this process by itself with a small heap, unless the tunables are set, by us or by the administrator.
pub fn keep_small() {
    if TUNABLES.iter().all(|(name, _)| std::env::var_os(name).is_some()) {
        return;
    }
    let missing = TUNABLES.into_iter().filter(|(name, _)| std::env::var_os(name).is_none());
    let mut arguments = std::env::args_os();
    let (Some(name), Ok(program)) = (arguments.next(), std::env::current_exe()) else { return };
    let failed = Command::new(program).arg0(name).args(arguments).envs(missing).exec();
    // Only reached when it could not be done: the agent then simply takes a little more memory.
    tracing::debug!("the heap stays as it is: {failed}");
}
