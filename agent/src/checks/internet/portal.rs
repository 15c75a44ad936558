//! What stands in the place of a page: a portal that wants a sign-in, or a page that says that it blocks. Pure.
//!
//! A portal answers 511 (RFC 6585), or sends elsewhere, or shows a page to sign in on; RFC 8910 calls all of this a captive
//! portal. A filter that sends to a page named after what it does is no portal.

use hyper::Uri;

/// The status of a network that wants a sign-in (RFC 6585, section 6).
pub const SIGN_IN_WANTED: u16 = 511;

/// Words in the address of a page that blocks, in the languages that filters here speak.
const BLOCKS: [&str; 8] = ["block", "bloqu", "denied", "deny", "interdit", "forbid", "filter", "filtr"];

/// What a redirect means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Redirect {
    /// To the same host, or to nowhere: no portal.
    Home,
    /// To a page that says that it blocks; its host.
    Block(String),
    /// To another host; which.
    Elsewhere(String),
}

/// Where a redirect of `host` leads. Only the host is told: the rest may be personal.
pub fn redirect(host: &str, location: &str) -> Redirect {
    let Some(to) = location.parse::<Uri>().ok().and_then(|uri| uri.host().map(str::to_lowercase)) else {
        return Redirect::Home;
    };
    if to == host.to_lowercase() {
        return Redirect::Home;
    }
    let address = location.to_lowercase();
    let page = address.split(['?', '#']).next().unwrap_or_default();
    if BLOCKS.iter().any(|word| page.contains(word)) { Redirect::Block(to) } else { Redirect::Elsewhere(to) }
}

/// Whether a page wants a sign-in: it has a field for a password, or says so to machines (WISPr), or sends the browser to
/// another host by itself.
pub fn wants_sign_in(host: &str, page: &[u8]) -> bool {
    let text = String::from_utf8_lossy(page).to_lowercase();
    let plain: String = text.chars().filter(|c| !matches!(c, '"' | '\'' | ' ')).collect();
    plain.contains("type=password") || plain.contains("<wispaccessgatewayparam") || refreshes_elsewhere(host, &plain)
}

/// `<meta http-equiv=refresh content="0; url=http://…">` in a page without quotes and spaces.
fn refreshes_elsewhere(host: &str, plain: &str) -> bool {
    let Some((_, rest)) = plain.split_once("http-equiv=refresh") else { return false };
    let Some((_, url)) = rest.split_once("url=") else { return false };
    let url = url.split('>').next().unwrap_or_default();
    matches!(redirect(host, url), Redirect::Elsewhere(_))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: &str = "temoin.example";

    #[test]
    fn a_redirect_elsewhere_is_told_from_one_that_stays_and_one_that_blocks() {
        let to = |location| redirect(HOST, location);
        assert_eq!(to("http://portail.example/login?user=x"), Redirect::Elsewhere("portail.example".into()));
        assert_eq!(to("https://TEMOIN.example/"), Redirect::Home);
        assert_eq!(to("/accueil"), Redirect::Home);
        assert_eq!(to("http://proxy.example/cgi-bin/blocked.cgi?u=1"), Redirect::Block("proxy.example".into()));
        assert_eq!(to("http://site-interdit.example/"), Redirect::Block("site-interdit.example".into()));
        assert_eq!(to("http://portail.example/?from=blocked"), Redirect::Elsewhere("portail.example".into()));
    }

    #[test]
    fn a_page_to_sign_in_on_is_known_by_its_password_field_however_it_is_written() {
        for page in [
            "<form><input type=\"password\" name=p></form>",
            "<INPUT TYPE='Password'>",
            "<input type = password>",
            "<!-- <WISPAccessGatewayParam xmlns:xsi='…'> -->",
            "<meta http-equiv=\"refresh\" content=\"0; url=http://portail.example/\">",
        ] {
            assert!(wants_sign_in(HOST, page.as_bytes()), "{page}");
        }
    }

    #[test]
    fn a_block_page_and_rubbish_want_no_sign_in() {
        for page in [
            "Accès interdit : ce site est filtré.",
            "<meta http-equiv=\"refresh\" content=\"5; url=http://temoin.example/\">",
            "<meta http-equiv=\"refresh\">",
            "",
        ] {
            assert!(!wants_sign_in(HOST, page.as_bytes()), "{page}");
        }
        assert!(!wants_sign_in(HOST, &[0xff, 0xfe, 0]));
    }
}
