//! A browser without a screen, and what somebody does in it. Its profile, and all of its processes, go with it.

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use fantoccini::wd::Capabilities;
use fantoccini::{Client, ClientBuilder, Locator};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tokio::runtime::{self, Runtime};
use tokio::time::error::Elapsed;
use tokio::time::timeout;

use super::{DEADLINE, World, has_program, within};

/// What somebody has set or holds in the hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    Light,
    Dark,
    Phone,
}

/// A browser that runs.
pub struct Browser {
    runtime: Runtime,
    client: Client,
    _driver: Driver,
    shots: PathBuf,
}

impl Browser {
    /// Starts one with a profile of this world; `None` if there is none on this machine, and `test` is skipped.
    pub fn start(world: &World, test: &str) -> Option<Self> {
        Self::start_as(world, test, Look::Light)
    }

    /// The same with another look.
    pub fn start_as(world: &World, test: &str, look: Look) -> Option<Self> {
        if !has_program(test, "chromium") || !has_program(test, "chromedriver") {
            return None;
        }
        let files = world.path("browser");
        std::fs::create_dir_all(&files).unwrap();
        let mut command = world.command("chromedriver");
        // In a group of its own, so that no process of the browser is left.
        command.arg("--port=0").env("TMPDIR", &files).process_group(0);
        let mut driver = Driver(command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap());
        let lines = BufReader::new(driver.0.stdout.take().unwrap()).lines();
        let port = within(move || {
            let mut lines = lines.map_while(Result::ok);
            let said = lines.find(|line| line.contains("started successfully on port")).unwrap();
            // Whatever else it says must not stop it.
            std::thread::spawn(move || lines.for_each(drop));
            said.trim_end_matches('.').rsplit(' ').next().unwrap().to_owned()
        });
        let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let profile = files.join(&port);
        let url = format!("http://127.0.0.1:{port}");
        let client = runtime.block_on(soon(connect(&url, &profile, look))).unwrap();
        let shots = Path::new(env!("CARGO_BIN_EXE_simp-web")).ancestors().nth(2).unwrap().join("screenshots");
        Some(Self { runtime, client, _driver: driver, shots })
    }

    /// Does this, and fails the test if it does not end.
    fn wait_for<T, E: std::fmt::Debug>(&self, what: &str, work: impl Future<Output = Result<T, E>>) -> T {
        let done = self.runtime.block_on(soon(work));
        done.unwrap_or_else(|_| panic!("{what}: nothing within the deadline"))
            .unwrap_or_else(|error| panic!("{what}: {error:?}"))
    }

    pub fn go(&self, url: &str) {
        self.wait_for(url, self.client.goto(url));
    }

    /// As somebody does with F5.
    pub fn reload(&self) {
        self.wait_for("reload", self.client.refresh());
    }

    pub fn url(&self) -> String {
        self.wait_for("url", self.client.current_url()).to_string()
    }

    /// What this script returns.
    pub fn run(&self, script: &str) -> Value {
        self.wait_for(script, self.client.execute(script, Vec::new()))
    }

    /// Waits until this expression is true, and gives it.
    #[track_caller]
    pub fn until(&self, expression: &str) -> Value {
        let script = format!(
            "const done = arguments[0];
             const look = () => {{ let is; try {{ is = ({expression}); }} catch {{}} is ? done(is) : setTimeout(look, 10); }};
             look();"
        );
        let mut failed = String::new();
        let seen = self.runtime.block_on(soon(async {
            loop {
                match self.client.execute_async(&script, Vec::new()).await {
                    Ok(seen) => return seen,
                    // The page that was looked at has made place for another.
                    Err(error) => failed = error.to_string(),
                }
            }
        }));
        seen.unwrap_or_else(|_| {
            panic!("{expression}: {failed}; the page says:\n{}", self.text("body"));
        })
    }

    /// Waits until the text of this element has all of these in it.
    #[track_caller]
    pub fn sees(&self, element: &str, texts: &[&str]) {
        let (element, texts) = (json!(element), json!(texts));
        self.until(&format!(
            "{texts}.every((text) => document.querySelector({element})?.innerText.includes(text))"
        ));
    }

    /// What somebody reads there.
    pub fn text(&self, element: &str) -> String {
        let found = self.run(&format!("return document.querySelector({})?.innerText ?? ''", json!(element)));
        found.as_str().unwrap().to_owned()
    }

    /// Clicks on the first element that this finds, once it is there.
    #[track_caller]
    pub fn click(&self, element: &str) {
        let found = self.client.wait().at_most(DEADLINE).for_element(Locator::Css(element));
        let found = self.wait_for(element, found);
        self.wait_for(element, found.click());
    }

    /// Clicks on the first of these elements with this text in it, once it is there.
    #[track_caller]
    pub fn click_on(&self, element: &str, text: &str) {
        let (element, text) = (json!(element), json!(text));
        self.until(&format!(
            "(() => {{ const found = [...document.querySelectorAll({element})].find((e) => e.innerText.includes({text}));
               found?.click(); return Boolean(found); }})()"
        ));
    }

    /// Types into an element.
    #[track_caller]
    pub fn types(&self, element: &str, keys: &str) {
        let found = self.client.wait().at_most(DEADLINE).for_element(Locator::Css(element));
        let found = self.wait_for(element, found);
        self.wait_for(element, found.send_keys(keys));
    }

    /// Keeps a picture of the page below `target/screenshots`, for people to look at.
    pub fn shoot(&self, name: &str) {
        std::fs::create_dir_all(&self.shots).unwrap();
        let picture = self.wait_for("screenshot", self.client.screenshot());
        std::fs::write(self.shots.join(name).with_extension("png"), picture).unwrap();
    }
}

/// The end of this, if that comes within the deadline.
async fn soon<T>(work: impl Future<Output = T>) -> Result<T, Elapsed> {
    timeout(DEADLINE, work).await
}

async fn connect(url: &str, profile: &Path, look: Look) -> Client {
    let scheme = if look == Look::Dark { 0 } else { 1 };
    let mut options = json!({ "args": [
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--lang=en",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        "--disable-crash-reporter", "--hide-scrollbars",
        "--window-size=1200,900", format!("--blink-settings=preferredColorScheme={scheme}"),
        format!("--user-data-dir={}", profile.display()),
    ] });
    if look == Look::Phone {
        options["mobileEmulation"] =
            json!({ "deviceMetrics": { "width": 390, "height": 844, "pixelRatio": 2.0 } });
    }
    let mut wanted = Capabilities::new();
    wanted.insert("goog:chromeOptions".to_owned(), options);
    wanted.insert("timeouts".to_owned(), json!({ "script": DEADLINE.as_millis() as u64 }));
    ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new())
        .capabilities(wanted)
        .connect(url)
        .await
        .unwrap()
}

impl Drop for Browser {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.shoot("failed");
        }
        // It ends its browser in order, if it can.
        let _ = self.runtime.block_on(soon(self.client.clone().close()));
    }
}

/// What drives a browser. With it goes all that it has started.
struct Driver(Child);

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = killpg(Pid::from_raw(self.0.id() as i32), Signal::SIGKILL);
        let _ = self.0.wait();
    }
}
