//! The section `monitors`: the EDID block of each connector that has something plugged in (`/sys/class/drm`).

use super::{edid, tidy};
use crate::source::{Source, Unreadable};
use vigie_shared::outcome::Outcome;
use vigie_shared::section::{Monitor, Monitors};

const CONNECTORS: &str = "/sys/class/drm";
/// Most monitors reported.
const MONITORS_MAX: usize = 32;
/// Kinds of connectors that lead to the panel of the machine itself.
const INTERNAL: [&str; 3] = ["eDP", "LVDS", "DSI"];

/// Reads the section. A machine without graphics has no connectors.
pub fn collect(source: &dyn Source) -> Outcome<Monitors> {
    let names = match source.list(CONNECTORS) {
        Ok(names) => names,
        Err(why) => return tidy::none_or_unknown(source, &why),
    };
    let mut reasons = Vec::new();
    let mut monitors = Vec::new();
    for name in names {
        // "card0-HDMI-A-1"; an adapter itself is "card0".
        let Some((_, connector)) = name.split_once('-') else { continue };
        match source.read(&format!("{CONNECTORS}/{name}/edid")) {
            Ok(bytes) if !bytes.is_empty() => match edid::parse(&bytes) {
                Ok(monitor) => monitors.push(at(connector, monitor)),
                Err(why) => reasons.push(format!("monitor at {connector}: {why}")),
            },
            Ok(_) | Err(Unreadable::Missing(_)) => {}
            Err(why) => reasons.push(why.to_string()),
        }
    }
    crate::sort::sort(&mut monitors);
    tidy::cap(&mut monitors, MONITORS_MAX, "monitors", &mut reasons);
    Outcome::from_parts(Monitors { monitors }, reasons)
}

fn at(connector: &str, monitor: Monitor) -> Monitor {
    let internal = INTERNAL.iter().any(|kind| connector.starts_with(kind));
    Monitor {
        connector: Some(connector.to_owned()),
        kind: if internal { Some("internal".to_owned()) } else { monitor.kind },
        ..monitor
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Fake;
    use super::*;

    #[test]
    fn each_connector_with_a_block_is_a_monitor_and_a_bad_block_is_said() {
        let block = edid::tests::block("DEL", 1, 7, &[(0xFC, "DELL P2419H")]);
        let source = Fake::default()
            .file("/sys/class/drm/card0/dev", "226:0\n")
            .file("/sys/class/drm/card0-HDMI-A-1/edid", &block)
            .file("/sys/class/drm/card0-eDP-1/edid", &block)
            .file("/sys/class/drm/card0-DP-1/edid", "")
            .file("/sys/class/drm/card0-DP-2/edid", "short")
            .file("/sys/class/drm/version", "drm 1.1.0");
        let Outcome::Partial { data, reasons } = collect(&source) else { panic!("partial") };
        let told: Vec<_> =
            data.monitors.iter().map(|m| (m.connector.as_deref().unwrap(), m.kind.as_deref().unwrap())).collect();
        assert_eq!(told, [("HDMI-A-1", "monitor"), ("eDP-1", "internal")]);
        assert_eq!(reasons, ["monitor at DP-2: 5 bytes, shorter than an EDID block (128)"]);
        let headless = Fake::default().file("/sys/class/net/lo/type", "772\n");
        assert_eq!(collect(&headless).word(), "complete");
    }
}
