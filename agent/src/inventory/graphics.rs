//! The section `graphics`: PCI devices of class 03, and their memory where the driver tells it.

use super::{pci, tidy};
use crate::source::Source;
use vigie_shared::outcome::Outcome;
use vigie_shared::section::{Graphics, GraphicsAdapter};

/// Reads the section.
pub fn collect(source: &dyn Source) -> Outcome<Graphics> {
    let (devices, reasons) = match pci::devices(source, |class| class.starts_with("03")) {
        Ok(found) => found,
        Err(why) => return tidy::none_or_unknown(source, &why),
    };
    let adapters = devices.into_iter().map(|device| GraphicsAdapter {
        // Only the driver of AMD has a file for it.
        memory_bytes: tidy::number(source, &format!("/sys/bus/pci/devices/{}/mem_info_vram_total", device.slot)),
        slot: device.slot,
        id: device.id,
        vendor: device.vendor,
        name: device.name,
        driver: device.driver,
    });
    Outcome::from_parts(Graphics { adapters: adapters.collect() }, reasons)
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Fake;
    use super::*;

    #[test]
    fn adapters_are_told_with_their_memory() {
        let source = pci::tests::with(Fake::default(), "0000:03:00.0", "0x030000", ("1002", "164e"), "amdgpu")
            .file("/sys/bus/pci/devices/0000:03:00.0/mem_info_vram_total", "536870912\n");
        let source = pci::tests::with(source, "0000:00:1f.3", "0x040300", ("8086", "a348"), "snd_hda_intel");
        let Outcome::Complete { data } = collect(&source) else { panic!("complete") };
        assert_eq!(data.adapters.len(), 1);
        assert_eq!(
            (data.adapters[0].memory_bytes, data.adapters[0].driver.as_deref()),
            (Some(512 << 20), Some("amdgpu"))
        );
    }
}
