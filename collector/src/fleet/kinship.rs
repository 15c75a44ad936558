//! Whether a machine that enrolled is one that is known already, by hardware evidence. Never by name.

use vigie_shared::evidence::HardwareEvidence;

/// What two machines share, as words: `system_uuid`, `board_serial`, `system_serial`, `disk`, `mac`; `None` if that does
/// not make them the same one.
///
/// One fact of the board is enough. A disk may have been moved and a network card may be a dock: there two are wanted.
/// Boards that contradict each other are two machines, whatever else they share.
pub fn shared(a: &HardwareEvidence, b: &HardwareEvidence) -> Option<Vec<&'static str>> {
    let board = [
        ("system_uuid", &a.system_uuid, &b.system_uuid),
        ("board_serial", &a.board_serial, &b.board_serial),
        ("system_serial", &a.system_serial, &b.system_serial),
    ];
    let same = board.iter().filter(|(_, a, b)| a.is_some() && a == b).map(|(word, _, _)| *word);
    let mut told: Vec<&'static str> = same.collect();
    let contradicted = board.iter().filter(|(_, a, b)| a.is_some() && b.is_some() && a != b).count();
    let disks = a.disks.intersection(&b.disks).count();
    let macs = a.macs.intersection(&b.macs).count();
    let enough = if told.is_empty() { contradicted == 0 && disks + macs >= 2 } else { told.len() >= contradicted };
    told.extend((disks > 0).then_some("disk"));
    told.extend((macs > 0).then_some("mac"));
    enough.then_some(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evidence(uuid: &str, board: &str, disk: &str, mac: &str) -> HardwareEvidence {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        HardwareEvidence {
            system_uuid: some(uuid),
            board_serial: some(board),
            disks: some(disk).into_iter().collect(),
            macs: some(mac).into_iter().collect(),
            ..HardwareEvidence::default()
        }
    }

    #[test]
    fn the_board_decides_and_a_disk_or_a_card_alone_does_not() {
        let one = evidence("u1", "b1", "d1", "m1");
        let with = |other: HardwareEvidence| shared(&one, &other);
        assert_eq!(
            with(evidence("u1", "b1", "d2", "")),
            Some(vec!["system_uuid", "board_serial"]),
            "imaged on a new disk"
        );
        assert_eq!(with(evidence("u2", "b2", "d1", "m1")), None, "disk and card went into another machine");
        assert_eq!(with(evidence("", "", "d1", "m1")), Some(vec!["disk", "mac"]), "no firmware tells");
        assert_eq!(with(evidence("", "", "d1", "")), None);
        assert_eq!(with(evidence("", "", "", "m1")), None);
        assert_eq!(with(HardwareEvidence::default()), None);
        assert_eq!(with(evidence("u1", "b2", "", "")), Some(vec!["system_uuid"]), "a repaired board: a person looks");
    }
}
