//! The section `sound`: PCI devices of classes 0401 and 0403, and the cards of `/proc/asound`, which also knows those on
//! USB and on the board.

use super::{pci, tidy};
use crate::source::Source;
use vigie_shared::outcome::Outcome;
use vigie_shared::section::{Sound, SoundCard};

/// Most cards reported.
const CARDS_MAX: usize = 64;

/// A card as `/proc/asound/cards` lists it.
#[derive(Debug, PartialEq, Eq)]
pub struct Card {
    /// Its number.
    pub number: u32,
    /// Driver, such as `HDA-Intel`.
    pub driver: Option<String>,
    /// Name, such as `HDA Intel PCH`.
    pub name: Option<String>,
}

/// Reads the section. A kernel without sound has no such file.
pub fn collect(source: &dyn Source) -> Outcome<Sound> {
    let listed = source.text("/proc/asound/cards");
    let (devices, mut reasons) = match pci::devices(source, |class| matches!(class, "0401" | "0403")) {
        Ok(found) => found,
        // A board without PCI may have sound.
        Err(_) if listed.is_ok() => Default::default(),
        Err(why) => return tidy::none_or_unknown(source, &why),
    };
    let mut cards: Vec<SoundCard> = devices
        .into_iter()
        .map(|device| SoundCard {
            slot: Some(device.slot),
            id: Some(device.id),
            vendor: device.vendor,
            name: device.name,
            driver: device.driver,
        })
        .collect();
    for card in parse_cards(&listed.unwrap_or_default()) {
        let place = source.link(&format!("/sys/class/sound/card{}/device", card.number)).unwrap_or_default();
        let slot = place.rsplit('/').next().filter(|slot| !slot.is_empty());
        match cards.iter_mut().find(|known| slot.is_some() && known.slot.as_deref() == slot) {
            // Two cards of one chip are one device.
            Some(known) => known.name = known.name.take().or(card.name),
            None => cards.push(SoundCard { name: card.name, driver: card.driver, ..SoundCard::default() }),
        }
    }
    crate::sort::sort(&mut cards);
    tidy::cap(&mut cards, CARDS_MAX, "sound devices", &mut reasons);
    Outcome::from_parts(Sound { cards }, reasons)
}

/// Reads `/proc/asound/cards`: ` 0 [PCH            ]: HDA-Intel - HDA Intel PCH`, and a second line that holds an
/// interrupt or the way on the bus, which vary.
pub fn parse_cards(text: &str) -> Vec<Card> {
    let one = |line: &str| {
        let (number, rest) = line.split_once('[')?;
        let (_, rest) = rest.split_once("]: ")?;
        let (driver, name) = rest.split_once(" - ").unwrap_or((rest, rest));
        Some(Card { number: number.trim().parse().ok()?, driver: tidy::text(driver), name: tidy::text(name) })
    };
    text.lines().filter_map(one).take(CARDS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Fake;
    use super::*;

    const CARDS: &str = " 0 [PCH            ]: HDA-Intel - HDA Intel PCH\n                      HDA Intel PCH at 0xf7d10000 irq 31\n \
        1 [Headset        ]: USB-Audio - Casque 300\n                      Maker Casque 300 at usb-0000:00:14.0-2, full speed\n";

    #[test]
    fn cards_on_the_bus_and_others_are_told_once_each() {
        let source = pci::tests::with(Fake::default(), "0000:00:1f.3", "0x040300", ("8086", "a348"), "snd_hda_intel")
            .file("/proc/asound/cards", CARDS)
            .symlink("/sys/class/sound/card0/device", "../../../0000:00:1f.3")
            .symlink("/sys/class/sound/card1/device", "../../../1-2:1.0");
        let Outcome::Complete { data } = collect(&source) else { panic!("complete") };
        let told: Vec<_> = data
            .cards
            .iter()
            .map(|card| (card.slot.as_deref(), card.name.as_deref(), card.driver.as_deref()))
            .collect();
        assert_eq!(
            told,
            [
                (None, Some("Casque 300"), Some("USB-Audio")),
                (Some("0000:00:1f.3"), Some("HDA Intel PCH"), Some("snd_hda_intel"))
            ]
        );
    }

    #[test]
    fn silence_is_no_failure() {
        assert_eq!(
            collect(&Fake::default().file("/proc/asound/cards", "--- no soundcards ---\n")),
            Outcome::Complete { data: Sound::default() }
        );
    }
}
