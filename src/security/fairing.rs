//! The fairing, from the launch to the shutdown.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use rocket::fairing::{Fairing, Info, Kind};
use rocket::tokio::time::timeout;
use rocket::{Build, Data, Orbit, Request, Response, Rocket, async_trait, fairing, tokio};

use crate::datastore::UserDatastore;
use crate::error::Error;
use crate::flow::Flow;
use crate::guard::named::Named;
use crate::mail::worker::Worker;
use crate::security::assembly::assemble;
use crate::security::builder::Security;
use crate::security::housekeeping::Housekeeping;
use crate::web::{Site, challenge, csrf, doubled, headers, protection, render};

/// How long a shutdown waits for the mail that is being sent.
const LAST_MAIL: Duration = Duration::from_secs(5);

/// How long a shutdown waits for listeners to handle their queued events.
const LAST_EVENTS: Duration = Duration::from_secs(5);

#[async_trait]
impl<D: UserDatastore> Fairing for Security<D> {
    fn info(&self) -> Info {
        Info {
            name: "rocket_security",
            kind: Kind::Ignite | Kind::Liftoff | Kind::Request | Kind::Response | Kind::Shutdown,
        }
    }

    async fn on_ignite(&self, rocket: Rocket<Build>) -> fairing::Result {
        let setup = self.setup.lock().unwrap_or_else(PoisonError::into_inner).take();
        // Of several singletons Rocket would keep the last, and not report that the others are
        // gone.
        let (Some(setup), None) = (setup, rocket.state::<Site>()) else {
            log::error!(
                "`Security` is attached twice. Attach it once, with all features \
                 enabled on it"
            );
            return Err(rocket);
        };
        match assemble(setup, &rocket).await {
            Ok(assembly) => {
                // The fairing is attached once, so this is set once.
                let _ = self.signals.set(assembly.signals().clone());
                Ok(assembly.install(rocket))
            }
            Err(fault) => {
                tell(&fault);
                Err(rocket)
            }
        }
    }

    async fn on_liftoff(&self, rocket: &Rocket<Orbit>) {
        if let (Some(named), Some(flow)) = (rocket.state::<Named>(), rocket.state::<Flow>())
            && let Err(fault) = named.create_missing(&**flow.store()).await
        {
            log::error!("{fault}");
            // Too late to refuse the launch, early enough to serve no request.
            rocket.shutdown().notify();
        }
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(worker) = rocket.state::<Arc<Worker>>() {
            let worker = Arc::clone(worker);
            tasks.push(tokio::spawn(async move { worker.run().await }));
        }
        if let Some(housekeeping) = rocket.state::<Arc<Housekeeping>>() {
            let housekeeping = Arc::clone(housekeeping);
            tasks.push(tokio::spawn(async move { housekeeping.run().await }));
        }
    }

    async fn on_request(&self, request: &mut Request<'_>, data: &mut Data<'_>) {
        if headers::are_refused(request) {
            return;
        }
        if let Some(site) = request.rocket().state::<Site>() {
            site.proxies().inspect(request);
        }
        csrf::inspect(request, data).await;
        doubled::inspect(request);
    }

    async fn on_response<'r>(&self, request: &'r Request<'_>, response: &mut Response<'r>) {
        if let Some(site) = request.rocket().state::<Site>() {
            render::finish(request, site, response).await;
            site.sessions().finish(request, response).await;
            challenge::finish(request, response);
            protection::finish(request, site, response);
        }
    }

    async fn on_shutdown(&self, rocket: &Rocket<Orbit>) {
        if let Some(worker) = rocket.state::<Arc<Worker>>() {
            // Mail that is not sent by then is sent after the restart.
            let _ = timeout(LAST_MAIL, worker.close()).await;
        }
        if let Some(signals) = self.signals.get()
            && timeout(LAST_EVENTS, signals.told()).await.is_err()
        {
            log::error!("a listener missed events at the shutdown");
        }
        self.stop();
    }
}

/// Logs what stops a launch, each error on a separate line.
fn tell(fault: &Error) {
    match fault {
        Error::Several(faults) => faults.iter().for_each(tell),
        fault => log::error!("{fault}"),
    }
}

impl<D> Security<D> {
    fn stop(&self) {
        for task in self.tasks.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            task.abort();
        }
        if let Some(signals) = self.signals.get() {
            signals.close();
        }
    }
}

/// A local client is dropped without a shutdown: this ends its tasks and threads.
impl<D> Drop for Security<D> {
    fn drop(&mut self) {
        self.stop();
    }
}
