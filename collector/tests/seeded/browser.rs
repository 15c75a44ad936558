//! A browser without eyes, straight on the router: keeps cookies, follows nothing, fills in forms.

use super::PASSWORD;
use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Request, StatusCode, header};
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// One browser.
pub struct Browser {
    service: TowerToHyperService<Router>,
    pub cookies: BTreeMap<String, String>,
    pub language: &'static str,
    pub from: SocketAddr,
    pub headers: Vec<(&'static str, &'static str)>,
}

/// An answer, read whole.
pub struct Page {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Page {
    /// Where it leads.
    pub fn location(&self) -> &str {
        self.headers.get(header::LOCATION).and_then(|v| v.to_str().ok()).unwrap_or_default()
    }

    /// Whether it says this, whatever the kind of its spaces.
    pub fn says(&self, text: &str) -> bool {
        self.text.replace('\u{a0}', " ").contains(text)
    }

    /// Text of an element, without tags.
    pub fn element(&self, tag: &str) -> String {
        let after = self.text.split(&format!("<{tag}")).nth(1).unwrap_or_default();
        let inside = after.split_once('>').map(|(_, rest)| rest).unwrap_or_default();
        let inside = inside.split(&format!("</{tag}>")).next().unwrap_or_default();
        let words = inside.split('<').enumerate().map(|(n, piece)| match piece.split_once('>') {
            Some((_, rest)) if n > 0 => rest,
            _ => piece,
        });
        words.collect::<String>().replace('\u{a0}', " ").trim().to_owned()
    }

    /// The token of its first form.
    pub fn csrf(&self) -> String {
        let after = self.text.split("name=\"csrf\" value=\"").nth(1).unwrap_or_default();
        after.split('"').next().unwrap_or_default().to_owned()
    }
}

impl Browser {
    pub fn new(router: Router) -> Self {
        Self {
            service: TowerToHyperService::new(router),
            cookies: BTreeMap::new(),
            language: "fr",
            from: ([192, 0, 2, 9], 50_000).into(),
            headers: vec![],
        }
    }

    /// A browser in which somebody has signed in.
    pub async fn signed_in(router: Router, login: &str) -> Self {
        let mut browser = Self::new(router);
        let page = browser.sign_in(login, PASSWORD).await;
        assert_eq!(page.status, StatusCode::SEE_OTHER, "{}", page.text);
        browser
    }

    pub async fn sign_in(&mut self, login: &str, password: &str) -> Page {
        let csrf = self.get("/connexion").await.csrf();
        self.post("/connexion", &[("csrf", &csrf), ("login", login), ("password", password)]).await
    }

    pub async fn get(&mut self, path: &str) -> Page {
        self.send("GET", path, None).await
    }

    pub async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Page {
        let fields: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={}", escape(value))).collect();
        self.send("POST", path, Some(fields.join("&"))).await
    }

    pub async fn send(&mut self, method: &str, path: &str, form: Option<String>) -> Page {
        let response = self.open(method, path, form).await;
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, 8 << 20).await.unwrap();
        Page { status: parts.status, headers: parts.headers, text: String::from_utf8(bytes.to_vec()).unwrap() }
    }

    /// An answer whose body is still to be read.
    pub async fn open(&mut self, method: &str, path: &str, form: Option<String>) -> axum::response::Response {
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .extension(ConnectInfo(self.from))
            .header(header::ACCEPT_LANGUAGE, self.language)
            .header(header::COOKIE, cookies.join("; "));
        for (name, value) in &self.headers {
            request = request.header(*name, *value);
        }
        if form.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        let request = request.body(Body::from(form.unwrap_or_default())).unwrap();
        let response = self.service.call(request).await.unwrap();
        for value in response.headers().get_all(header::SET_COOKIE) {
            let (name, rest) = value.to_str().unwrap().split_once('=').unwrap();
            match rest.split(';').next().unwrap() {
                "" => self.cookies.remove(name),
                value => self.cookies.insert(name.to_owned(), value.to_owned()),
            };
        }
        response
    }
}

fn escape(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect()
}
