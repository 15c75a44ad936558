//! The list of mounts as the kernel writes it (`proc_pid_mounts(5)`, `fstab(5)`): read without touching any mount.

use super::VolumeUse;

/// Reads `/proc/mounts`. Sizes are unknown, hence 0.
pub fn parse(text: &str) -> Vec<VolumeUse> {
    let mut volumes = Vec::new();
    for line in text.lines() {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [device, mount_point, file_system, options, ..] = fields.as_slice() else { continue };
        volumes.push(VolumeUse {
            mount_point: unescape(mount_point),
            device: unescape(device),
            file_system: unescape(file_system),
            total_bytes: 0,
            free_bytes: 0,
            read_only: options.split(',').any(|option| option == "ro"),
        });
    }
    volumes
}

/// Undoes the octal escapes of blanks and backslashes (`\040`).
fn unescape(field: &str) -> String {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        match tail {
            [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..] if *first == b'\\' => {
                bytes.push((a - b'0') * 64 + (b - b'0') * 8 + (c - b'0'));
                rest = after;
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blank_in_a_mount_point_is_unescaped_and_ro_is_a_whole_word() {
        let volumes =
            parse("/dev/sda2 /srv/salle\\0401 ext4 rw,errors=remount-ro 0 0\n/dev/sdb1 /srv/iso xfs ro 0 0\n");
        assert_eq!(volumes.len(), 2);
        assert_eq!((volumes[0].mount_point.as_str(), volumes[0].read_only), ("/srv/salle 1", false));
        assert_eq!((volumes[1].mount_point.as_str(), volumes[1].read_only), ("/srv/iso", true));
    }

    #[test]
    fn a_lone_backslash_stays() {
        assert_eq!(unescape("a\\9b\\"), "a\\9b\\");
    }
}
