//! What a program is, from its name: browsers, office suites, remote control, antivirus. One table for both ends, so
//! that a name learnt here is known to every check and page.

/// Beginnings of names (packages, snaps, Flatpak identifiers, Windows display names), lower case, with the category.
/// Where a name is that of a family of packages, the program itself is meant: see [`category`].
const KNOWN: [(&str, &str); 62] = [
    ("firefox", "browser"),
    ("mozilla firefox", "browser"),
    ("org.mozilla.firefox", "browser"),
    ("chromium", "browser"),
    ("org.chromium.chromium", "browser"),
    ("google chrome", "browser"),
    ("google-chrome", "browser"),
    ("com.google.chrome", "browser"),
    ("microsoft edge", "browser"),
    ("microsoft-edge", "browser"),
    ("microsoft.microsoftedge", "browser"),
    ("com.microsoft.edge", "browser"),
    ("brave-browser", "browser"),
    ("brave", "browser"),
    ("com.brave.browser", "browser"),
    ("opera", "browser"),
    ("vivaldi", "browser"),
    ("epiphany-browser", "browser"),
    ("falkon", "browser"),
    ("libreoffice", "office"),
    ("org.libreoffice.libreoffice", "office"),
    ("openoffice", "office"),
    ("apache openoffice", "office"),
    ("onlyoffice", "office"),
    ("org.onlyoffice.desktopeditors", "office"),
    ("microsoft office", "office"),
    ("microsoft 365", "office"),
    ("wps-office", "office"),
    ("wps office", "office"),
    ("softmaker", "office"),
    ("teamviewer", "remote_control"),
    ("anydesk", "remote_control"),
    ("com.anydesk.anydesk", "remote_control"),
    ("rustdesk", "remote_control"),
    ("com.rustdesk.rustdesk", "remote_control"),
    ("ultravnc", "remote_control"),
    ("tightvnc", "remote_control"),
    ("tigervnc", "remote_control"),
    ("realvnc", "remote_control"),
    ("vnc server", "remote_control"),
    ("x11vnc", "remote_control"),
    ("vino", "remote_control"),
    ("krfb", "remote_control"),
    ("xrdp", "remote_control"),
    ("gnome-remote-desktop", "remote_control"),
    ("chrome remote desktop", "remote_control"),
    ("chrome-remote-desktop", "remote_control"),
    ("supremo", "remote_control"),
    ("splashtop", "remote_control"),
    ("dwagent", "remote_control"),
    ("meshagent", "remote_control"),
    ("veyon", "remote_control"),
    ("italc", "remote_control"),
    ("nomachine", "remote_control"),
    ("clamav", "antivirus"),
    ("eset", "antivirus"),
    ("sophos", "antivirus"),
    ("kaspersky", "antivirus"),
    ("bitdefender", "antivirus"),
    ("mdatp", "antivirus"),
    ("trend micro", "antivirus"),
    ("withsecure", "antivirus"),
];
/// What may follow a known name in the name of the program itself.
const ITSELF: [&str; 12] = [
    "-esr",
    "-stable",
    "-browser",
    "-core",
    "-writer",
    "-beta",
    "-desktopeditors",
    "-daemon",
    "-server",
    "-standalone-server",
    "-master",
    "-host",
];

/// The category of a program, by its name: `browser`, `office`, `remote_control`, `antivirus`.
///
/// Language packs and parts (`firefox-esr-l10n-fr`, `libreoffice-style-colibre`) have none, so that a list of browsers
/// is a list of browsers.
pub fn category(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_lowercase();
    KNOWN.iter().find(|(known, _)| name.strip_prefix(known).is_some_and(is_itself)).map(|(_, category)| *category)
}

/// Whether what follows a known name still means the program: nothing, a known ending, or the words and figures of a
/// display name (`7-Zip`-like versions, `(x64 fr)`), but not a part of a package family.
fn is_itself(rest: &str) -> bool {
    let part = |word: &str| rest.contains(word);
    rest.is_empty()
        || ITSELF.contains(&rest)
        || rest.starts_with([' ', '_'])
            && !["language", "langue", "proof", "mui", "update", "help pack", "maintenance"].into_iter().any(part)
        || rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}

#[cfg(test)]
mod tests {
    use super::category;

    #[test]
    fn programs_are_known_whatever_brings_them() {
        for (name, expected) in [
            ("firefox-esr", Some("browser")),
            ("Mozilla Firefox (x64 fr)", Some("browser")),
            ("org.mozilla.firefox", Some("browser")),
            ("google-chrome-stable", Some("browser")),
            ("LibreOffice 24.8.2.1", Some("office")),
            ("libreoffice-core", Some("office")),
            ("Microsoft Office Professional Plus 2016", Some("office")),
            ("Microsoft.MicrosoftEdge", Some("browser")),
            ("TeamViewer 15 Host", Some("remote_control")),
            ("tigervnc-standalone-server", Some("remote_control")),
            ("clamav-daemon", Some("antivirus")),
        ] {
            assert_eq!(category(name), expected, "{name}");
        }
    }

    #[test]
    fn parts_and_strangers_have_no_category() {
        for name in
            ["firefox-esr-l10n-fr", "libreoffice-style-colibre", "chromium-common", "operator", "vinox", "", "é"]
        {
            assert_eq!(category(name), None, "{name}");
        }
    }
}
