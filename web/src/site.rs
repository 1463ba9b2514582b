//! Which URL is what.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Query, Request, State};
use axum::http::header::{CONTENT_TYPE, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response, Sse};
use axum::routing::{get, post};
use serde::Deserialize;
use simp_control::Request as Asked;
use tokio::sync::Semaphore;
use tokio::task;

use crate::asking::{Said, ask};
use crate::bridge::Bridge;
use crate::door::{self, Door, Refused};
use crate::page::{ASSETS, Asset, HTML, leading_to};
use crate::stream::{self, Since};

/// Most bytes of a request: the longest text, if each of its letters is an escape.
const BODY_MAX: usize = 512 << 10;

/// Most pages that follow the log at a time.
const STREAMS_MAX: usize = 32;

/// In which log the ids are that a page names, by its number.
const LOG: &str = "simp-log";

struct Site {
    door: Arc<Door>,
    bridge: Arc<Bridge>,
    streams: Arc<Semaphore>,
}

/// The whole of it.
pub fn site(door: Arc<Door>, bridge: Arc<Bridge>) -> Router {
    let path = door.path();
    let site = Arc::new(Site { door, bridge, streams: Arc::new(Semaphore::new(STREAMS_MAX)) });
    let mut inside = Router::new()
        .route(&format!("{path}request"), post(request))
        .route(&format!("{path}events"), get(events));
    for asset in ASSETS {
        inside = inside.route(&format!("{path}{}", asset.name), get(move || async move { shown(asset) }));
    }
    inside
        .layer(middleware::from_fn_with_state(Arc::clone(&site), only_with_cookie))
        .route("/", get(enter))
        .fallback(|| async { (StatusCode::NOT_FOUND, "there is nothing here\n") })
        .layer(middleware::from_fn_with_state(Arc::clone(&site), only_this_way))
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .with_state(site)
}

fn shown(asset: &'static Asset) -> Response {
    ([(CONTENT_TYPE, asset.kind)], asset.text).into_response()
}

fn refused(why: Refused) -> Response {
    (StatusCode::FORBIDDEN, format!("{why}\n")).into_response()
}

async fn only_this_way(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response {
    let mut response = match site.door.check_way(request.method(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(why) => refused(why),
    };
    door::close(response.headers_mut());
    response
}

async fn only_with_cookie(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response {
    match site.door.check_cookie(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(why) => refused(why),
    }
}

#[derive(Deserialize)]
struct Entrance {
    #[serde(default)]
    token: String,
}

async fn enter(State(site): State<Arc<Site>>, Query(entrance): Query<Entrance>) -> Response {
    match site.door.cookie_for(&entrance.token) {
        Ok(cookie) => ([(CONTENT_TYPE, HTML), (SET_COOKIE, cookie.as_str())], leading_to(&site.door.path()))
            .into_response(),
        Err(why) => refused(why),
    }
}

async fn request(State(site): State<Arc<Site>>, headers: HeaderMap, body: Bytes) -> Response {
    if headers.get(CONTENT_TYPE).is_none_or(|kind| kind != "application/json") {
        return (StatusCode::UNSUPPORTED_MEDIA_TYPE, "a request is application/json\n").into_response();
    }
    let log = headers.get(LOG).and_then(|log| log.to_str().ok()?.parse().ok());
    let (Some(log), Ok(asked)) = (log, serde_json::from_slice::<Asked>(&body)) else {
        return (StatusCode::BAD_REQUEST, "this is no request of the control API\n").into_response();
    };
    // simpd answers at once, mostly; a name server does not.
    let said = task::spawn_blocking(move || ask(&site.bridge, log, asked)).await;
    match said {
        Ok(Said::Answer(answer)) => match serde_json::to_string(&answer) {
            Ok(json) => ([(CONTENT_TYPE, "application/json")], json).into_response(),
            Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        },
        Ok(Said::OtherLog) => (StatusCode::CONFLICT, "simpd has another log by now\n").into_response(),
        Ok(Said::NotAllowed) => (StatusCode::FORBIDDEN, "a page may not ask that\n").into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn events(State(site): State<Arc<Site>>, headers: HeaderMap) -> Response {
    let Ok(permit) = Arc::clone(&site.streams).try_acquire_owned() else {
        return (StatusCode::SERVICE_UNAVAILABLE, "too many pages are open\n").into_response();
    };
    let last = headers.get("last-event-id").and_then(|last| Since::parse(last.to_str().ok()?));
    match stream::follow(Arc::clone(&site.bridge), last.unwrap_or(Since::Now), permit) {
        Ok(events) => Sse::new(events).into_response(),
        Err(_) => {
            (StatusCode::SERVICE_UNAVAILABLE, "the system has no room for another page\n").into_response()
        }
    }
}
