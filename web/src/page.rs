//! The page, as it is in `web/page/`: nothing of it is built, and nothing comes from elsewhere.

/// A file of the page.
pub struct Asset {
    /// Its name in the folder of the page; the page itself has none.
    pub name: &'static str,
    /// What it is.
    pub kind: &'static str,
    pub text: &'static str,
}

/// All of it.
pub const ASSETS: &[Asset] = &[
    Asset { name: "", kind: HTML, text: include_str!("../page/index.html") },
    Asset { name: "style.css", kind: CSS, text: include_str!("../page/style.css") },
    Asset { name: "icon.svg", kind: "image/svg+xml", text: include_str!("../page/icon.svg") },
    script("api.js", include_str!("../page/api.js")),
    script("app.js", include_str!("../page/app.js")),
    script("composer.js", include_str!("../page/composer.js")),
    script("desk.js", include_str!("../page/desk.js")),
    script("dom.js", include_str!("../page/dom.js")),
    script("fold.js", include_str!("../page/fold.js")),
    script("lines.js", include_str!("../page/lines.js")),
    script("notices.js", include_str!("../page/notices.js")),
    script("pane.js", include_str!("../page/pane.js")),
    script("people.js", include_str!("../page/people.js")),
    script("plot.js", include_str!("../page/plot.js")),
    script("rooms.js", include_str!("../page/rooms.js")),
    script("search.js", include_str!("../page/search.js")),
    script("session.js", include_str!("../page/session.js")),
    script("shortcuts.js", include_str!("../page/shortcuts.js")),
    script("text.js", include_str!("../page/text.js")),
    script("thread.js", include_str!("../page/thread.js")),
];

/// What a browser is told that has the token: to go on without it. No status sends it there: coming from elsewhere it
/// would not show the cookie.
pub fn leading_to(path: &str) -> String {
    format!(
        "<!doctype html><meta charset=\"utf-8\"><meta http-equiv=\"refresh\" content=\"0; url={path}\"><title>simp</title>\n"
    )
}

pub const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";

const fn script(name: &'static str, text: &'static str) -> Asset {
    Asset { name, kind: "text/javascript; charset=utf-8", text }
}
