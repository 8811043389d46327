//! A browser without a window, which does what a person would with a page.
//!
//! It is spoken to in the `DevTools` protocol over two pipes, a message after the other with a NUL between them.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// How long something may take to show.
const PATIENCE: Duration = Duration::from_secs(30);

/// A browser that shows one page.
pub(crate) struct Browser {
    process: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    number: u64,
    session: Option<String>,
    /// What the page has complained of.
    complaints: Vec<String>,
}

impl Browser {
    /// Starts it, with its files in `folder`.
    pub(crate) fn start(folder: &Path) -> Self {
        // The protocol stands on descriptors 3 and 4. Root may not have its sandbox, and a small machine no /dev/shm.
        let mut process = Command::new("sh")
            .arg("-c")
            .arg(
                "exec chromium-headless-shell --no-sandbox --disable-gpu --disable-dev-shm-usage --remote-debugging-pipe \
                 --user-data-dir=\"$0\" about:blank 3<&0 4>&1 >/dev/null 2>&1",
            )
            .arg(folder.join("browser"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("start the browser");
        let to = process.stdin.take().unwrap();
        let from = BufReader::new(process.stdout.take().unwrap());
        Self {
            process,
            to,
            from,
            number: 0,
            session: None,
            complaints: Vec::new(),
        }
    }

    fn call(&mut self, method: &str, parameters: &Value) -> Value {
        self.number += 1;
        let mut message = json!({"id": self.number, "method": method, "params": parameters});
        if let Some(session) = &self.session {
            message["sessionId"] = session.as_str().into();
        }
        write!(self.to, "{message}\0").unwrap();
        self.to.flush().unwrap();
        loop {
            let mut answer = Vec::new();
            self.from.read_until(0, &mut answer).unwrap();
            assert_eq!(answer.pop(), Some(0), "the browser has ended");
            let answer: Value = serde_json::from_slice(&answer).unwrap();
            if answer["id"] == self.number {
                assert!(answer["error"].is_null(), "{method}: {answer}");
                return answer["result"].clone();
            }
            self.hear(&answer);
        }
    }

    fn hear(&mut self, event: &Value) {
        let parameters = &event["params"];
        let complaint = match event["method"].as_str() {
            Some("Log.entryAdded") => &parameters["entry"]["text"],
            Some("Runtime.exceptionThrown") => &parameters["exceptionDetails"],
            Some("Runtime.consoleAPICalled") => &parameters["args"],
            _ => return,
        };
        self.complaints.push(complaint.to_string());
    }

    /// Opens a page.
    pub(crate) fn open(&mut self, address: &str) {
        let target = self.call("Target.createTarget", &json!({"url": "about:blank"}));
        let attached = self.call(
            "Target.attachToTarget",
            &json!({"targetId": target["targetId"], "flatten": true}),
        );
        self.session = attached["sessionId"].as_str().map(str::to_owned);
        for domain in ["Runtime.enable", "Log.enable", "Page.enable"] {
            self.call(domain, &json!({}));
        }
        self.call("Page.navigate", &json!({"url": address}));
    }

    /// The value of an expression in the page.
    #[track_caller]
    pub(crate) fn value(&mut self, expression: &str) -> Value {
        let answer = self.call(
            "Runtime.evaluate",
            &json!({"expression": expression, "awaitPromise": true, "returnByValue": true}),
        );
        assert!(answer["exceptionDetails"].is_null(), "{answer}");
        answer["result"]["value"].clone()
    }

    /// Waits until an expression is true, and returns how long that took.
    #[track_caller]
    pub(crate) fn wait(&mut self, expression: &str) -> Duration {
        let began = Instant::now();
        let frames = format!(
            "new Promise(resolve => {{ const look = () => ({expression}) ? resolve(true) : requestAnimationFrame(look); \
             look(); setTimeout(() => resolve(false), {}); }})",
            PATIENCE.as_millis()
        );
        assert_eq!(self.value(&frames), true, "it never came: {expression}");
        began.elapsed()
    }

    /// Presses the mouse and lets go of it, in the middle of the element that a selector names.
    #[track_caller]
    pub(crate) fn click(&mut self, selector: &str) {
        let at = self.value(&format!(
            "(() => {{ const element = document.querySelector({selector:?}); element.scrollIntoView({{block: \"nearest\"}}); \
             const box = element.getBoundingClientRect(); \
             return {{ x: box.x + box.width / 2, y: box.y + box.height / 2 }}; }})()"
        ));
        for kind in ["mouseMoved", "mousePressed", "mouseReleased"] {
            self.call(
                "Input.dispatchMouseEvent",
                &json!({"type": kind, "x": at["x"], "y": at["y"], "button": "left", "clickCount": 1}),
            );
        }
    }

    /// What the page has complained of since it was opened: errors, exceptions, what was refused.
    pub(crate) fn complaints(&mut self) -> Vec<String> {
        // What was said before the answer has come before it.
        self.value("0");
        std::mem::take(&mut self.complaints)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
