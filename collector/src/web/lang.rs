//! Languages of the screens: French first, English beside it. Every word of a page is in `locales/{fr,en}/*.ftl`.

use axum::http::HeaderMap;
use axum::http::header::ACCEPT_LANGUAGE;
use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use std::sync::LazyLock;
use unic_langid::LanguageIdentifier;

/// Name of the cookie that keeps the language somebody chose.
pub const COOKIE: &str = "vigie-langue";

/// A language of the screens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lang {
    /// French, the default.
    Fr,
    /// English.
    En,
}

macro_rules! locale {
    ($dir:literal) => {
        &[
            include_str!(concat!("../../locales/", $dir, "/common.ftl")),
            include_str!(concat!("../../locales/", $dir, "/fleet.ftl")),
            include_str!(concat!("../../locales/", $dir, "/machine.ftl")),
            include_str!(concat!("../../locales/", $dir, "/tickets.ftl")),
            include_str!(concat!("../../locales/", $dir, "/access.ftl")),
            include_str!(concat!("../../locales/", $dir, "/calendar.ftl")),
            include_str!(concat!("../../locales/", $dir, "/desk.ftl")),
            include_str!(concat!("../../locales/", $dir, "/verdicts.ftl")),
            include_str!(concat!("../../locales/", $dir, "/inventory.ftl")),
        ]
    };
}

const FR: &[&str] = locale!("fr");
const EN: &[&str] = locale!("en");

static BUNDLES: LazyLock<(FluentBundle<FluentResource>, FluentBundle<FluentResource>)> =
    LazyLock::new(|| (bundle("fr", FR), bundle("en", EN)));

fn bundle(code: &str, files: &[&str]) -> FluentBundle<FluentResource> {
    let id: LanguageIdentifier = code.parse().unwrap_or_default();
    let mut bundle = FluentBundle::new_concurrent(vec![id]);
    // Isolating marks are for mixed directions; both languages run from left to right, and machine names stay bare.
    bundle.set_use_isolating(false);
    for file in files {
        // A file that does not parse gives what could be read; the tests refuse it.
        let resource = FluentResource::try_new((*file).to_owned()).unwrap_or_else(|(resource, _)| resource);
        let _ = bundle.add_resource(resource);
    }
    bundle
}

impl Lang {
    /// The code of BCP 47.
    pub fn code(self) -> &'static str {
        match self {
            Self::Fr => "fr",
            Self::En => "en",
        }
    }

    /// From the code.
    pub fn parse(code: &str) -> Option<Self> {
        [Self::Fr, Self::En].into_iter().find(|l| l.code() == code)
    }

    /// The other one, for the switch.
    pub fn other(self) -> Self {
        match self {
            Self::Fr => Self::En,
            Self::En => Self::Fr,
        }
    }

    /// The language of a request: the cookie, then `Accept-Language` in order of preference, then French.
    pub fn of(headers: &HeaderMap) -> Self {
        if let Some(chosen) = super::cookies::get(headers, COOKIE).and_then(Self::parse) {
            return chosen;
        }
        let accepted = headers.get(ACCEPT_LANGUAGE).and_then(|v| v.to_str().ok()).unwrap_or_default();
        accepted_languages(accepted).into_iter().find_map(|l| Self::parse(&l)).unwrap_or(Self::Fr)
    }

    /// A message without figures. A key that does not exist shows itself: the tests refuse those.
    pub fn say(self, key: &str) -> String {
        self.tell(key, &[])
    }

    /// A message with figures.
    pub fn tell(self, key: &str, figures: &[(&str, FluentValue<'_>)]) -> String {
        self.find(key, figures).unwrap_or_else(|| key.to_owned())
    }

    /// A message if there is one under this key: for words that come from machines.
    pub fn find(self, key: &str, figures: &[(&str, FluentValue<'_>)]) -> Option<String> {
        let bundle = match self {
            Self::Fr => &BUNDLES.0,
            Self::En => &BUNDLES.1,
        };
        let pattern = bundle.get_message(key)?.value()?;
        let args: FluentArgs = figures.iter().map(|(name, value)| (*name, value.clone())).collect();
        let mut problems = vec![];
        let text = bundle.format_pattern(pattern, Some(&args), &mut problems).into_owned();
        // A message that wants a figure we do not have is no message: the caller shows what there is.
        problems.is_empty().then_some(text)
    }
}

/// Primary codes of an `Accept-Language` in order of preference (RFC 9110, 12.5.4); at most 10 are looked at.
fn accepted_languages(header: &str) -> Vec<String> {
    let mut wanted: Vec<(f32, String)> = header
        .split(',')
        .take(10)
        .filter_map(|part| {
            let mut fields = part.trim().split(';');
            let tag = fields.next()?.trim();
            let weight = fields.find_map(|f| f.trim().strip_prefix("q=")?.parse::<f32>().ok()).unwrap_or(1.0);
            let primary = tag.split('-').next()?.to_ascii_lowercase();
            (weight > 0.0 && !primary.is_empty()).then_some((weight, primary))
        })
        .collect();
    wanted.sort_by(|a, b| b.0.total_cmp(&a.0));
    wanted.into_iter().map(|(_, code)| code).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    /// Keys of a language with the names of their figures.
    fn keys(files: &[&str]) -> BTreeMap<String, BTreeSet<String>> {
        let mut found = BTreeMap::new();
        for file in files {
            let resource = FluentResource::try_new((*file).to_owned()).map_err(|(_, e)| e).expect("a readable file");
            for entry in resource.entries() {
                let fluent_syntax_entry = format!("{entry:?}");
                let Some(key) = fluent_syntax_entry
                    .strip_prefix("Message(Message { id: Identifier { name: \"")
                    .and_then(|rest| rest.split('"').next())
                else {
                    continue;
                };
                let figures = fluent_syntax_entry
                    .split("VariableReference { id: Identifier { name: \"")
                    .skip(1)
                    .filter_map(|rest| rest.split('"').next().map(str::to_owned))
                    .collect();
                assert!(found.insert(key.to_owned(), figures).is_none(), "{key} is written twice");
            }
        }
        found
    }

    #[test]
    fn both_languages_say_the_same_messages_with_the_same_figures() {
        let (fr, en) = (keys(FR), keys(EN));
        let missing: Vec<_> = fr.keys().filter(|k| !en.contains_key(*k)).collect();
        let extra: Vec<_> = en.keys().filter(|k| !fr.contains_key(*k)).collect();
        assert!(missing.is_empty() && extra.is_empty(), "English lacks {missing:?}, French lacks {extra:?}");
        for (key, figures) in &fr {
            assert_eq!(figures, &en[key], "figures of {key}");
        }
        assert!(fr.len() > 200, "only {} messages were read", fr.len());
    }

    #[test]
    fn every_key_that_pages_name_exists() {
        let known = keys(FR);
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut used = BTreeSet::new();
        for (folder, ext) in [("src/web", "rs"), ("templates", "html")] {
            for file in files_under(&root.join(folder), ext) {
                let text = std::fs::read_to_string(&file).unwrap();
                // What follows the tests of a file is not a page.
                let text = text.split("#[cfg(test)]").next().unwrap();
                for call in ["say(\"", "tell(\""] {
                    for rest in text.split(call).skip(1) {
                        let key = rest.split('"').next().unwrap();
                        if !key.contains('{') {
                            used.insert((key.to_owned(), file.display().to_string()));
                        }
                    }
                }
            }
        }
        assert!(used.len() > 100, "only {} uses were found", used.len());
        let unknown: Vec<_> = used.iter().filter(|(key, _)| !known.contains_key(key)).collect();
        assert!(unknown.is_empty(), "{unknown:?}");
    }

    fn files_under(folder: &std::path::Path, ext: &str) -> Vec<std::path::PathBuf> {
        let mut found = vec![];
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                found.extend(files_under(&path, ext));
            } else if path.extension().is_some_and(|e| e == ext) {
                found.push(path);
            }
        }
        found
    }

    #[test]
    fn the_language_comes_from_the_cookie_then_the_browser_then_french() {
        let lang = |cookie: &str, accept: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("cookie", cookie.parse().unwrap());
            headers.insert(ACCEPT_LANGUAGE, accept.parse().unwrap());
            Lang::of(&headers)
        };
        assert_eq!(lang("", ""), Lang::Fr);
        assert_eq!(lang("", "de-DE, en-GB;q=0.8, fr;q=0.3"), Lang::En);
        assert_eq!(lang("", "en;q=0.2, fr-FR;q=0.9"), Lang::Fr);
        assert_eq!(lang("", "en;q=0"), Lang::Fr);
        assert_eq!(lang("a=b; vigie-langue=en", "fr"), Lang::En);
        assert_eq!(lang("vigie-langue=xx", "en"), Lang::En);
    }

    #[test]
    fn french_counts_nought_as_singular() {
        let say = |lang: Lang, n: u32| lang.tell("count-machines", &[("n", n.into())]);
        assert_eq!([say(Lang::Fr, 0), say(Lang::Fr, 1), say(Lang::Fr, 2)], ["0 poste", "1 poste", "2 postes"]);
        assert_eq!([say(Lang::En, 0), say(Lang::En, 1)], ["0 machines", "1 machine"]);
    }
}
