//! The section `software`: what is installed, from every source of packages that is there (one file each).
//!
//! A list that is not whole must never pass for a whole one: each source says what it could not read.

pub mod appx;
mod dpkg;
mod flatpak;
mod rpm;
mod rpm_header;
mod snap;
mod sqlite;
pub mod uninstall;

use super::tidy;
use crate::source::{Source, Unreadable};
use std::collections::BTreeSet;
use vigie_shared::limits::SECTION_MAX;
use vigie_shared::outcome::Outcome;
use vigie_shared::program;
use vigie_shared::section::{Package, Software};

pub(super) use dpkg::read as read_dpkg;

/// Room left in the section for its envelope and reasons.
const ENVELOPE: usize = 64 << 10;
/// What is read, in the words of a reason.
const KNOWN: &str = "dpkg, rpm, snap, flatpak";

/// What one source of packages tells.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Whether this source is used on this machine.
    pub there: bool,
    /// Its packages, in any order.
    pub packages: Vec<Package>,
    /// What could not be read, and why.
    pub reasons: Vec<String>,
}

impl Found {
    /// Something is there that cannot be read.
    fn problem(&mut self, why: String) {
        self.there = true;
        self.reasons.push(why);
    }

    /// What does not exist is no problem: this source is not used here.
    fn unreadable(&mut self, why: Unreadable) {
        if !matches!(why, Unreadable::Missing(_)) {
            self.problem(why.to_string());
        }
    }
}

/// Reads the section.
pub fn collect(source: &dyn Source) -> Outcome<Software> {
    let sources: [fn(&dyn Source) -> Found; 4] = [dpkg::read, rpm::read, snap::read, flatpak::read];
    let mut all = Found::default();
    for read in sources {
        let found = read(source);
        all.there |= found.there;
        all.packages.extend(found.packages);
        all.reasons.extend(found.reasons);
    }
    let Found { there, mut packages, mut reasons } = all;
    if !there {
        return Outcome::unavailable(format!("no package database that this agent reads exists here ({KNOWN})"));
    }
    if packages.is_empty() && !reasons.is_empty() {
        return Outcome::Unavailable { reasons };
    }
    finish(source, &mut packages);
    fit(&mut packages, SECTION_MAX - ENVELOPE, &mut reasons);
    Outcome::from_parts(Software { packages }, reasons)
}

/// Sorted, each once, with categories, without persons.
fn finish(source: &dyn Source, packages: &mut Vec<Package>) {
    let people = people(&source.read("/etc/passwd").unwrap_or_default());
    for package in packages.iter_mut() {
        package.category = program::category(&package.name).map(str::to_owned);
        // A package that somebody built on this machine names its maker.
        package
            .publisher
            .take_if(|publisher| people.contains(&publisher.to_lowercase()) || !tidy::impersonal(publisher));
        package.key.take_if(|key| !tidy::impersonal(key));
    }
    packages.retain(|package| tidy::impersonal(&package.name));
    crate::sort::sort(packages);
    packages.dedup();
}

/// Names of the accounts of people (`passwd(5)`: account and full name), lower case. They are looked at so that they are
/// left out; they go nowhere.
fn people(passwd: &[u8]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for line in String::from_utf8_lossy(passwd).lines() {
        let fields: Vec<&str> = line.split(':').collect();
        if let [account, _, uid, _, full_name, ..] = fields.as_slice()
            && uid.parse().is_ok_and(|uid: u32| (1000..60_000).contains(&uid))
        {
            names.extend([*account, full_name.split(',').next().unwrap_or_default()].map(str::to_lowercase));
        }
    }
    names.remove("");
    names
}

/// A publisher without the mail address; nothing where there is only an address.
fn publisher(raw: &[u8]) -> Option<String> {
    let name = raw.split(|byte| *byte == b'<').next().unwrap_or_default();
    tidy::text(&String::from_utf8_lossy(name)).filter(|name| !name.contains('@'))
}

/// Cuts the list where its JSON would pass the bound, and says so.
fn fit(packages: &mut Vec<Package>, max: usize, reasons: &mut Vec<String>) {
    let mut used = 0usize;
    let fits = packages.iter().take_while(|package| {
        // Names of fields and punctuation; a quoted character takes up to six bytes.
        let texts = [&package.name, &package.version]
            .into_iter()
            .chain(&package.architecture)
            .chain(&package.publisher)
            .chain(&package.key);
        let longest = |text: &String| if text.contains(['"', '\\']) { text.len() * 2 } else { text.len() };
        used = used.saturating_add(192).saturating_add(texts.map(longest).sum());
        used <= max
    });
    let fitting = fits.count();
    if fitting < packages.len() {
        reasons.push(format!("only the first {fitting} of {} packages fit in one section", packages.len()));
        packages.truncate(fitting);
    }
}
