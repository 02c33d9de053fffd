//! Sends requests to the router as a client would, and checks every answer against the published OpenAPI documents.

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Request, StatusCode},
};
use docendorse_mock::{App, Settings, http};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, OnceLock},
};
use tower::ServiceExt;

pub const CREATE: &str = "/api/v1/agent-sessions/create";
pub const BASE_URL: &str = "http://mock.test";

/// The prefixes of hosted pages. These are for people, so no document describes them.
const PAGES: [&str; 7] =
    ["/__admin/inbox", "/agent/", "/subscribe/", "/verify-email/", "/register/", "/sign/", "/__pages/"];

/// Whether a path belongs to a hosted page.
pub fn is_page(path: &str) -> bool {
    PAGES.iter().any(|page| path.starts_with(page))
}

/// A server without a listener.
pub struct Api {
    pub app: Arc<App>,
    router: Router,
}

/// An answer with its complete body.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error} in {:?}", self.text))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no {name} in {:?}", self.headers)).to_str().unwrap()
    }

    pub fn description(&self) -> String {
        let body = self.json();
        assert_eq!(body["status"], "error", "S6");
        match self.status.as_u16() {
            400 => assert_eq!(body.get("next_action"), None, "S6"),
            // If a setting changes the HTTP status of errors, each keeps the shape of its cause.
            200 => {}
            _ => assert_eq!(body["next_action"], "none", "S6"),
        }
        body["description"].as_str().unwrap().to_owned()
    }
}

impl Api {
    pub fn new() -> Self {
        Self::with(Settings::default())
    }

    pub fn with(settings: Settings) -> Self {
        let app = App::new(settings, BASE_URL).unwrap();
        Self { router: http::router(&app), app }
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        let (method, path) = (request.method().to_string(), request.uri().path().to_owned());
        let answer = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = answer.into_parts();
        let text = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
        let answer = Answer { status: parts.status, headers: parts.headers, text };
        let moved = self.app.sandboxes.list().iter().any(|sandbox| sandbox.switches().error_http_status.is_some());
        documents().hold(&method, &path, &answer, moved);
        answer
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    pub async fn call(&self, method: &str, path: &str) -> Answer {
        self.send(Request::builder().method(method).uri(path).body(Body::empty()).unwrap()).await
    }

    /// A handoff with the usual headers.
    pub async fn hand_off(&self, body: impl Into<Body>) -> Answer {
        self.send(handoff_request(body)).await
    }

    /// The exchange that an answer names.
    pub async fn exchange(&self, answer: &Answer) -> Value {
        let path = format!("/__admin/requests/{}", answer.header("x-mock-exchange"));
        let exchange = self.get(&path).await;
        assert_eq!(exchange.status, StatusCode::OK, "{}", exchange.text);
        exchange.json()
    }
}

/// A handoff with the usual headers, to be changed or sent.
pub fn handoff_request(body: impl Into<Body>) -> Request<Body> {
    Request::post(CREATE)
        .header("authorization", "Bearer ACCESS_TOKEN")
        .header("content-type", "application/json")
        .body(body.into())
        .unwrap()
}

/// The smallest body without advices, for one actor.
pub fn body_of(handoff_id: &str, email: &str) -> String {
    json!({
        "handoff_id": handoff_id,
        "intent": "send_e_sign_request",
        "actor": { "external_user_id": "usr_123", "display_name": "Sam", "email": email },
        "integration": { "source": "chat", "source_conversation_id": "conv_1", "source_message_id": "msg_1" },
        "context": { "summary": "Sam wants to send an NDA." },
    })
    .to_string()
}

/// The published documents, against which answers are checked.
pub struct Documents {
    contract: Value,
    control: Value,
}

pub fn documents() -> &'static Documents {
    static DOCUMENTS: OnceLock<Documents> = OnceLock::new();
    DOCUMENTS.get_or_init(|| {
        let read = |path: &str| {
            let router = http::router(&App::new(Settings::default(), BASE_URL).unwrap());
            let request = Request::get(path).body(Body::empty()).unwrap();
            // On a separate thread with its own runtime, because the first caller is inside a runtime already.
            let ask = move || {
                let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                runtime.block_on(async {
                    router.oneshot(request).await.unwrap().into_body().collect().await.unwrap().to_bytes()
                })
            };
            let answer = std::thread::spawn(ask).join().unwrap();
            serde_json::from_slice(&answer).unwrap()
        };
        Documents { contract: read("/openapi.json"), control: read("/__admin/openapi.json") }
    })
}

impl Documents {
    /// Fails unless the documents allow the answer.
    fn hold(&self, method: &str, path: &str, answer: &Answer, moved: bool) {
        let (document, template) = match (self.template(&self.contract, path), self.template(&self.control, path)) {
            (Some(template), _) => (&self.contract, template),
            (None, Some(template)) => (&self.control, template),
            // Unknown paths are answered in the contract's error shape (H4), outside of any document.
            (None, None) if path.starts_with("/__admin") => return,
            (None, None) if is_page(path) => return,
            (None, None) => {
                let shape = if path.starts_with("/api/v1/key") { "SigningError" } else { "HandoffAnswer" };
                let objections = self.objections(shape, &answer.json());
                assert!(objections.is_empty(), "{method} {path}: {objections:?}");
                return;
            }
        };
        let operation = &document["paths"][&template][method.to_ascii_lowercase()];
        // An unsupported method is answered like the path's own method.
        let operation = if operation.is_null() {
            document["paths"][&template]
                .as_object()
                .unwrap()
                .values()
                .find(|value| value["responses"].is_object())
                .unwrap()
        } else {
            operation
        };
        let code = answer.status.as_str();
        let response = match &operation["responses"][code] {
            Value::Null if moved || operation["responses"]["default"].is_object() => &operation["responses"]["default"],
            found => found,
        };
        assert!(response.is_object(), "{method} {template} answers {code}, which its document does not know");
        let response = resolve(document, response);
        for (name, header) in response["headers"].as_object().into_iter().flatten() {
            let required = resolve(document, header)["required"] == json!(true);
            assert!(!required || answer.headers.contains_key(name), "{method} {template} {code} lacks {name}");
        }
        let Some(content) = response["content"].as_object() else {
            assert_eq!(answer.text, "", "{method} {template} {code} has a body that its document does not know");
            return;
        };
        let media_type = answer.header("content-type").split(';').next().unwrap().trim();
        let schema = &content.get(media_type).unwrap_or_else(|| panic!("{template} {code} as {media_type}"))["schema"];
        if media_type.ends_with("json") {
            let problems = violations_of(document, schema, &answer.json());
            assert!(problems.is_empty(), "{method} {template} {code}: {problems:?} in {}", answer.text);
        }
    }

    fn template(&self, document: &Value, path: &str) -> Option<String> {
        let fits = |template: &&String| {
            let (template, path): (Vec<&str>, Vec<&str>) = (template.split('/').collect(), path.split('/').collect());
            template.len() == path.len()
                && template.iter().zip(&path).all(|(want, have)| want == have || want.starts_with('{'))
        };
        let _ = self;
        document["paths"].as_object()?.keys().filter(fits).min_by_key(|template| template.contains('{')).cloned()
    }

    /// The violations of one of the contract document's schemas by a value.
    pub fn objections(&self, schema: &str, value: &Value) -> Vec<String> {
        violations_of(&self.contract, &json!({ "$ref": format!("#/components/schemas/{schema}") }), value)
    }

    /// The violations of a schema within the contract's document by a value.
    pub fn objections_to(&self, schema: &Value, value: &Value) -> Vec<String> {
        violations_of(&self.contract, schema, value)
    }

    pub fn contract(&self) -> &Value {
        &self.contract
    }

    pub fn control(&self) -> &Value {
        &self.control
    }

    /// As [`Documents::objections_to`], for the control plane's document.
    pub fn control_objections_to(&self, schema: &Value, value: &Value) -> Vec<String> {
        violations_of(&self.control, schema, value)
    }

    /// As [`Documents::objections`], for the control plane's document.
    pub fn control_objections(&self, schema: &str, value: &Value) -> Vec<String> {
        violations_of(&self.control, &json!({ "$ref": format!("#/components/schemas/{schema}") }), value)
    }
}

fn resolve<'d>(document: &'d Value, value: &'d Value) -> &'d Value {
    match value["$ref"].as_str() {
        Some(reference) => document.pointer(reference.trim_start_matches('#')).unwrap(),
        None => value,
    }
}

/// Validates a value against a schema inside a document, into which its references point. Each schema is compiled
/// once, because that takes longer than the rest of most tests.
fn violations_of(document: &Value, schema: &Value, value: &Value) -> Vec<String> {
    type Compiled = HashMap<(String, String), Arc<jsonschema::Validator>>;
    static COMPILED: Mutex<Option<Compiled>> = Mutex::new(None);
    let key = (document["info"]["title"].to_string(), schema.to_string());
    let known = COMPILED.lock().unwrap().get_or_insert_default().get(&key).cloned();
    let validator = known.unwrap_or_else(|| {
        let mut root = schema.clone();
        let object = root.as_object_mut().unwrap();
        object.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
        object.insert("components".to_owned(), document["components"].clone());
        let validator = jsonschema::options().should_validate_formats(true).build(&root).unwrap();
        let validator = Arc::new(validator);
        COMPILED.lock().unwrap().get_or_insert_default().insert(key, Arc::clone(&validator));
        validator
    });
    validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect()
}
