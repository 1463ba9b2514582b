//! Who gets in. A page on 127.0.0.1 can be reached by every program of this machine, and by every page that the browser
//! shows: by its links, its forms, and by a name of its own that it lets lead here.
//!
//! - The token in the URL brings a cookie, once for each browser. Cookies know no ports, so the cookie is for a path that
//!   nobody can guess: without it whoever serves pages at another port would be sent the cookie.
//! - `Host` must be ours: a name that leads here for the moment is not.
//! - `Origin`, where it is sent, must be ours, and what changes something must have it.

use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, COOKIE, HOST, ORIGIN, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use simp_control::error::Outcome;

use crate::secret::Secret;

/// What the cookie is called.
const COOKIE_NAME: &str = "simp";

/// The letters of a secret that the path has: 96 bits.
const PATH_LEN: usize = 16;

/// What every answer says to the browser: that nothing else is loaded, and nothing is kept or passed on.
const HEADERS: [(HeaderName, &str); 7] = [
    (
        CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; \
         trusted-types 'none'",
    ),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (REFERRER_POLICY, "no-referrer"),
    (CACHE_CONTROL, "no-store"),
    (X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// The door of one simp-web, for as long as it runs.
pub struct Door {
    /// What browsers call it: `http://127.0.0.1:7777` first, and what else leads here.
    origins: Vec<String>,
    token: Secret,
    session: Secret,
    path: String,
}

/// Why somebody does not get in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// By a name that is not ours.
    #[error("this name does not lead here: run simp-web open for one that does")]
    Host,
    /// From a page that is not ours.
    #[error("no other page may ask here")]
    Origin,
    /// Without cookie or token.
    #[error("this page is for whoever started it: run simp-web open")]
    Stranger,
}

impl Door {
    /// A new one, whose page has these origins; the first is that of the URL.
    ///
    /// # Errors
    /// The system has no random numbers to give.
    pub fn new(origins: Vec<String>) -> Outcome<Self> {
        let path = Secret::new()?.to_string().chars().take(PATH_LEN).collect();
        Ok(Self { origins, token: Secret::new()?, session: Secret::new()?, path })
    }

    /// The folder of the page, with a slash at both ends.
    pub fn path(&self) -> String {
        format!("/{}/", self.path)
    }

    /// The URL that lets a browser in.
    pub fn url(&self) -> String {
        format!("{}/?token={}", self.origins.first().map_or("", String::as_str), self.token)
    }

    /// Whether somebody comes the right way, whoever it is.
    ///
    /// # Errors
    /// What is wrong.
    pub fn check_way(&self, method: &Method, headers: &HeaderMap) -> Result<(), Refused> {
        let host = text(headers, &HOST).ok_or(Refused::Host)?;
        let named =
            |origin: &&String| origin.split_once("://").is_some_and(|(_, authority)| authority == host);
        let ours = self.origins.iter().find(named).ok_or(Refused::Host)?;
        match text(headers, &ORIGIN) {
            Some(origin) if origin == ours => Ok(()),
            None if method == Method::GET && !headers.contains_key(ORIGIN) => Ok(()),
            _ => Err(Refused::Origin),
        }
    }

    /// Whether a browser has the cookie.
    ///
    /// # Errors
    /// If not.
    pub fn check_cookie(&self, headers: &HeaderMap) -> Result<(), Refused> {
        let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut cookies =
            cookies.flat_map(|value| value.split(';')).filter_map(|cookie| cookie.trim().split_once('='));
        let is_in = cookies.any(|(name, value)| name == COOKIE_NAME && self.session.is(value));
        if is_in { Ok(()) } else { Err(Refused::Stranger) }
    }

    /// The cookie for whoever has the token.
    ///
    /// # Errors
    /// If it is not the token.
    pub fn cookie_for(&self, token: &str) -> Result<String, Refused> {
        if !self.token.is(token) {
            return Err(Refused::Stranger);
        }
        let is_secure = self.origins.iter().all(|origin| origin.starts_with("https:"));
        let secure = if is_secure { "; Secure" } else { "" };
        let (session, path) = (&self.session, self.path());
        Ok(format!("{COOKIE_NAME}={session}; Path={path}; HttpOnly; SameSite=Strict{secure}"))
    }
}

/// Puts into every answer what keeps the browser from doing more than it should.
pub fn close(headers: &mut HeaderMap) {
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

/// A header that is there once.
fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn door() -> Door {
        Door::new(vec!["http://127.0.0.1:7777".to_owned(), "http://localhost:7777".to_owned()]).unwrap()
    }

    fn headers(all: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in all {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn only_our_names_and_our_pages_lead_in() {
        let door = door();
        let ours = ("host", "127.0.0.1:7777");
        for (method, all, expected) in [
            (Method::GET, vec![ours], Ok(())),
            (Method::GET, vec![("host", "localhost:7777")], Ok(())),
            (Method::GET, vec![ours, ("origin", "http://127.0.0.1:7777")], Ok(())),
            (Method::POST, vec![ours, ("origin", "http://127.0.0.1:7777")], Ok(())),
            (Method::GET, vec![], Err(Refused::Host)),
            (Method::GET, vec![("host", "127.0.0.1")], Err(Refused::Host)),
            (Method::GET, vec![("host", "evil.example:7777")], Err(Refused::Host)),
            (Method::GET, vec![("host", "")], Err(Refused::Host)),
            (Method::GET, vec![ours, ours], Err(Refused::Host)),
            (Method::POST, vec![ours], Err(Refused::Origin)),
            (Method::POST, vec![ours, ("origin", "null")], Err(Refused::Origin)),
            (Method::POST, vec![ours, ("origin", "http://localhost:7777")], Err(Refused::Origin)),
            (Method::POST, vec![ours, ("origin", "https://127.0.0.1:7777")], Err(Refused::Origin)),
            (Method::GET, vec![ours, ("origin", "http://127.0.0.1:80")], Err(Refused::Origin)),
            (
                Method::POST,
                vec![ours, ("origin", "http://127.0.0.1:7777"), ("origin", "http://127.0.0.1:7777")],
                Err(Refused::Origin),
            ),
        ] {
            assert_eq!(door.check_way(&method, &headers(&all)), expected, "{method} {all:?}");
        }
    }

    #[test]
    fn the_token_brings_a_cookie_that_lets_in() {
        let door = door();
        let url = door.url();
        let token = url.strip_prefix("http://127.0.0.1:7777/?token=").unwrap();
        let cookie = door.cookie_for(token).unwrap();
        let (pair, rest) = cookie.split_once("; ").unwrap();
        assert_eq!(rest, format!("Path={}; HttpOnly; SameSite=Strict", door.path()));
        assert_eq!(door.check_cookie(&headers(&[("cookie", pair)])), Ok(()));
        assert_eq!(door.check_cookie(&headers(&[("cookie", &format!("a=b; {pair}; c"))])), Ok(()));
        for cookie in ["", "simp=", "simp=x", &format!("simp={token}"), &format!("other{pair}")] {
            assert_eq!(
                door.check_cookie(&headers(&[("cookie", cookie)])),
                Err(Refused::Stranger),
                "{cookie}"
            );
        }
        assert_eq!(door.check_cookie(&headers(&[])), Err(Refused::Stranger));
        assert_eq!(door.cookie_for(""), Err(Refused::Stranger));
    }

    #[test]
    fn a_cookie_of_a_page_that_is_encrypted_stays_there() {
        let door = Door::new(vec!["https://chat.example".to_owned()]).unwrap();
        let token = door.url().split_once("?token=").unwrap().1.to_owned();
        assert!(door.cookie_for(&token).unwrap().ends_with("; SameSite=Strict; Secure"));
    }
}
