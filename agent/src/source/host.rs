//! What the operating system's own interfaces tell, through `sysinfo`. Nothing else in the agent uses that crate.
//!
//! Only the parts asked for are refreshed: a whole refresh would list the processes, which are nobody's business.

use super::{Unreadable, VolumeUse};
use ipnet::IpNet;
use sysinfo::{DiskRefreshKind, Disks, MemoryRefreshKind, Networks, System};

/// Mounted volumes with their use. May block on a dead mount of a file system in user space.
pub(super) fn volumes() -> Result<Vec<VolumeUse>, Unreadable> {
    let refresh = DiskRefreshKind::nothing().with_storage();
    let disks = Disks::new_with_refreshed_list_specifics(refresh)
        .map_err(|error| Unreadable::Failed { path: "the list of volumes".into(), why: error.to_string() })?;
    let text = |word: &std::ffi::OsStr| word.to_string_lossy().into_owned();
    let mut volumes: Vec<VolumeUse> = disks
        .iter()
        .map(|disk| VolumeUse {
            mount_point: text(disk.mount_point().as_os_str()),
            device: text(disk.name()),
            file_system: text(disk.file_system()),
            total_bytes: disk.total_space(),
            free_bytes: disk.available_space(),
            read_only: disk.is_read_only(),
        })
        .collect();
    crate::sort::sort_by(&mut volumes, |a, b| (&a.mount_point, &a.device).cmp(&(&b.mount_point, &b.device)));
    Ok(volumes)
}

/// Addresses of the interfaces with their prefix.
pub(super) fn interface_addresses() -> Option<Vec<(String, IpNet)>> {
    let networks = Networks::new_with_refreshed_list().ok()?;
    let mut addresses = Vec::new();
    for (name, data) in &networks {
        for network in data.ip_networks() {
            if let Ok(address) = IpNet::new(network.addr, network.prefix) {
                // A labelled address is listed as "eth0:1".
                let name = name.to_string_lossy().split(':').next().unwrap_or_default().to_owned();
                addresses.push((name, address));
            }
        }
    }
    crate::sort::sort(&mut addresses);
    Some(addresses)
}

/// Memory that the kernel can use, bytes.
pub(super) fn total_memory_bytes() -> Option<u64> {
    let mut system = System::new().ok()?;
    system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
    Some(system.total_memory()).filter(|bytes| *bytes > 0)
}
