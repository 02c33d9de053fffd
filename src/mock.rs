//! Runs the server inside a Rust test, with helpers for the test.

mod clock;
mod current;
mod error;
mod journal;
mod sandbox;

pub use error::MockError;
pub use sandbox::{ChangedActor, CreateSandbox, MockSandbox};

use crate::{
    app::App,
    base::{clock::Clock, urls::BaseUrl},
    config::Settings,
    domain::scenario::ScenarioSet,
    http::server::{Server, ServerError},
    sandbox::NewSandbox,
};
use std::sync::Arc;
use tokio::{sync::oneshot, task::JoinHandle};

/// A running server for tests. It starts on a free port, and stops on request or when dropped.
///
/// A complete test of a product that calls the handoff with `reqwest`: the user has to subscribe first, and then has a
/// session without a retry.
///
/// ```
/// use docendorse_mock::{ActorChange, Mock, Settings};
/// use serde_json::json;
/// use std::time::Duration;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let settings = Settings { seed: Some(1), ..Settings::default() }.with_session_ttl(Duration::from_secs(600));
/// let mock = Mock::start(settings).await?;
/// // Tests that run in parallel each use their own sandbox.
/// let sandbox = mock.create_sandbox("subscribes-first").await?;
/// let token = sandbox.issue_token("usr_123", "kim@example.com").await?;
/// sandbox.change_actor("kim@example.com", ActorChange { subscribed: Some(false), ..ActorChange::default() }).await?;
///
/// // Here your product would make the request.
/// let answer = reqwest::Client::new()
///     .post(format!("{}/api/v1/agent-sessions/create", mock.url()))
///     .bearer_auth(token)
///     .json(&json!({
///         "handoff_id": "h-1",
///         "intent": "send_e_sign_request",
///         "actor": { "external_user_id": "usr_123", "display_name": "Kim", "email": "kim@example.com" },
///         "integration": { "source": "chat", "source_conversation_id": "conv_1", "source_message_id": "msg_1" },
///         "context": { "summary": "Kim wants to send an NDA." },
///     }))
///     .send()
///     .await?
///     .json::<serde_json::Value>()
///     .await?;
/// assert_eq!(answer["status"], "require_subscription");
///
/// // Your product sent one valid request.
/// let handoffs = json!({ "endpoint": "handoff", "match": { "email": "kim@example.com" } });
/// let exchanges = sandbox.wait_for_exchanges(1, &handoffs, Duration::from_secs(5)).await?;
/// assert_eq!(exchanges.len(), 1);
/// assert!(exchanges[0].exchange.violations.is_empty());
///
/// // Kim subscribes, which opens the session. After ten minutes it expires.
/// let change = ActorChange { subscribed: Some(true), ..ActorChange::default() };
/// let changed = sandbox.change_actor("kim@example.com", change).await?;
/// assert_eq!(changed.opened_sessions.len(), 1);
/// sandbox.advance_clock(Duration::from_secs(600)).await?;
/// assert_eq!(sandbox.sessions().await?[0].status, docendorse_mock::SessionStatus::Expired);
///
/// mock.stop().await;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Mock {
    url: BaseUrl,
    app: Arc<App>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Mock {
    /// Starts a server on a free port of both loopback addresses, on the current runtime.
    ///
    /// # Errors
    /// If no port can be bound, or a file in the settings cannot be used.
    pub async fn start(settings: Settings) -> Result<Self, ServerError> {
        let server = Server::bind(Settings { listen: "localhost:0".to_owned(), ..settings }).await?;
        let (stop, stopped) = oneshot::channel();
        let (url, app) = (server.url(), Arc::clone(server.app()));
        let task = tokio::spawn(server.serve(async move {
            // A dropped `Mock` stops in the same way as on request.
            let _ = stopped.await;
        }));
        Ok(Self { url, app, stop, task })
    }

    /// The server's URL.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The default sandbox.
    #[must_use]
    pub fn sandbox(&self) -> MockSandbox {
        self.handle(self.app.sandboxes.default_sandbox())
    }

    /// The sandbox with this name.
    #[must_use]
    pub fn find_sandbox(&self, name: &str) -> Option<MockSandbox> {
        self.app.sandboxes.get(name).map(|sandbox| self.handle(sandbox))
    }

    /// Creates a sandbox with its own credentials.
    ///
    /// # Errors
    /// If the name is taken or invalid, or the store is unavailable.
    pub async fn create_sandbox(&self, new: impl Into<CreateSandbox>) -> Result<MockSandbox, MockError> {
        let CreateSandbox { name, seed, settings: changes } = new.into();
        let mut settings = self.app.sandboxes.default_sandbox().settings().clone();
        settings.seed = seed;
        settings.switches = settings.switches.with(changes);
        let new = NewSandbox {
            name,
            settings,
            clock: Clock::system(),
            scenarios: ScenarioSet::default(),
            base_url: self.url.clone(),
        };
        let sandbox = self.app.sandboxes.create(new).await?;
        // Another sandbox may have been dropped to make room.
        self.app.sandboxes.clear_away().await?;
        Ok(self.handle(sandbox))
    }

    /// The app behind the server, for everything that has no helper.
    #[must_use]
    pub fn app(&self) -> &Arc<App> {
        &self.app
    }

    /// Stops the server, and waits until it has stopped.
    pub async fn stop(self) {
        drop(self.stop);
        let _ = self.task.await;
    }

    fn handle(&self, sandbox: Arc<crate::sandbox::Sandbox>) -> MockSandbox {
        MockSandbox::new(&self.app, sandbox, self.url.clone())
    }
}
