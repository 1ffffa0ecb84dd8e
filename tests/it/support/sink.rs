//! What an application tells of, heard and kept.

use std::sync::{Arc, Mutex};

use rocket::{Build, Rocket};
use rocket_security::testing::TestApp;
use rocket_security::{Event, Security};
use serde_json::{Value, json};

/// Keeps what it hears.
#[derive(Clone, Default)]
pub(crate) struct Sink(Arc<Mutex<Vec<Event>>>);

impl Sink {
    /// Has it listen to an application.
    pub(crate) fn listen(&self, security: Security) -> Security {
        let ear = self.clone();
        security.on_event(move |event| ear.hear(event))
    }

    pub(crate) fn hear(&self, event: &Event) {
        self.0.lock().unwrap().push(event.clone());
    }

    /// Returns everything that it has heard so far.
    pub(crate) fn events(&self) -> Vec<Event> {
        self.0.lock().unwrap().clone()
    }

    /// Returns everything that it has heard so far, and forgets it.
    pub(crate) fn take(&self) -> Vec<Event> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }

    pub(crate) fn names(&self) -> Vec<&'static str> {
        self.events().iter().map(Event::name).collect()
    }
}

/// Launches an application of whatever security, and hears what it tells of.
pub(crate) async fn app_that_tells(
    rocket_with: impl FnOnce(Security) -> Rocket<Build>,
) -> (TestApp, Sink) {
    let sink = Sink::default();
    (TestApp::launch(rocket_with(sink.listen(Security::default()))).await, sink)
}

/// Waits until listeners have heard everything, and returns the events of a name.
pub(crate) async fn told(app: &TestApp, sink: &Sink, name: &str) -> Vec<Value> {
    app.told().await;
    let events = sink.events();
    events.iter().filter(|event| event.name() == name).map(|event| json!(event)).collect()
}
