//! The smallest SMBIOS tables (DMTF DSP0134, version 3) that make one namespace another machine: system and board with
//! their own serial numbers. Without them all machines of a test school would show the hardware of the host.

use anyhow::Result;
use std::path::Path;

/// Writes `DMI` and `smbios_entry_point`, as Linux shows them in `/sys/firmware/dmi/tables`, into `folder`.
///
/// `number` makes the serial numbers and the UUID.
pub fn write(folder: &Path, number: u32) -> Result<()> {
    let serial = format!("VGT{number:07}");
    let mut uuid = *b"vigie-test-\0\0\0\0\0";
    uuid[11..15].copy_from_slice(&number.to_be_bytes());

    let mut table = Vec::new();
    // Type 1, system: four strings, UUID, wake-up type (power switch), SKU and family unset.
    let mut system = vec![1, 27, 1, 0, 1, 2, 3, 4];
    system.extend_from_slice(&uuid);
    system.extend_from_slice(&[6, 0, 0]);
    structure(&mut table, &system, &["Exemple", "Poste de salle", "1.0", &serial]);
    // Type 2, board: four strings, then asset tag, features (hosting board), location, chassis, type (motherboard).
    structure(
        &mut table,
        &[2, 15, 2, 0, 1, 2, 3, 4, 0, 1, 0, 3, 0, 10, 0],
        &["Exemple", "Carte", "A", &format!("B{serial}")],
    );
    // Type 127, end of table.
    structure(&mut table, &[127, 4, 127, 0], &[]);

    let mut entry = b"_SM3_\0\x18\x03\x04\0\x01\0".to_vec();
    entry.extend_from_slice(&u32::try_from(table.len())?.to_le_bytes());
    entry.extend_from_slice(&0u64.to_le_bytes());
    let sum = entry.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte));
    entry[5] = 0u8.wrapping_sub(sum);

    std::fs::write(folder.join("DMI"), table)?;
    std::fs::write(folder.join("smbios_entry_point"), entry)?;
    Ok(())
}

fn structure(table: &mut Vec<u8>, formatted: &[u8], strings: &[&str]) {
    table.extend_from_slice(formatted);
    for string in strings {
        table.extend_from_slice(string.as_bytes());
        table.push(0);
    }
    if strings.is_empty() {
        table.push(0);
    }
    table.push(0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_entry_point_sums_to_zero_and_knows_the_length() {
        let folder = tempfile::tempdir().unwrap();

        write(folder.path(), 7).unwrap();

        let entry = std::fs::read(folder.path().join("smbios_entry_point")).unwrap();
        let table = std::fs::read(folder.path().join("DMI")).unwrap();
        assert_eq!(entry.len(), 24);
        assert_eq!(entry.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte)), 0);
        assert_eq!(usize::from(entry[12]) + usize::from(entry[13]) * 256, table.len());
        assert!(table.windows(10).any(|part| part == b"VGT0000007"));
    }
}
