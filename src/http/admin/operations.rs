//! Checks requests against the operations in the control plane's OpenAPI document.
//!
//! Unknown parameters are refused here, so that a typo such as `?sandbx=` is not ignored silently. Unknown members of a
//! body are refused by the type of the body, or here if the operation takes no body.

use crate::{
    app::App,
    base::{
        position::{brief, shorten},
        reading::{self, ReadError, Tree, object_tree},
    },
    http::{
        admin::{
            document::DOCUMENT,
            extract::{in_query, read_body},
        },
        problem::Problem,
    },
};
use axum::{
    body::Body,
    extract::{Request, State},
    http::Method,
    middleware::Next,
    response::{IntoResponse, Response},
};
use hyper::body::Body as _;
use serde_json::Value;
use std::sync::{Arc, LazyLock};

/// The parameters and body of one operation.
#[derive(Debug)]
struct Operation {
    method: String,
    /// The path, as documented: `/__admin/requests/{id}`.
    path: String,
    parameters: Vec<String>,
    takes_body: bool,
    members: Vec<String>,
    /// An example body on one line.
    example: Option<String>,
    summary: String,
}

static OPERATIONS: LazyLock<Vec<Operation>> = LazyLock::new(|| read(&DOCUMENT));

/// Refuses requests with parameters or a body that their operation does not take.
pub(super) async fn judge(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let Some(operation) = find(request.method(), request.uri().path()) else { return next.run(request).await };
    let path = request.uri().path().to_owned();
    if let Err(problem) = operation.judge_query(&path, request.uri().query().unwrap_or_default()) {
        return problem.into_response();
    }
    if operation.takes_body || request.body().is_end_stream() {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let body = read_body(Request::from_parts(parts.clone(), body), &app).await;
    match body.and_then(|body| operation.judge_body(&path, &body.bytes)) {
        Ok(()) => next.run(Request::from_parts(parts, Body::empty())).await,
        Err(problem) => problem.into_response(),
    }
}

/// Longest example shown in a message, in bytes.
const LONGEST_EXAMPLE: usize = 200;

/// An example body of an operation, if the document has a short one.
pub(super) fn example_of(method: &Method, path: &str) -> Option<&'static str> {
    find(method, path)?.example.as_deref().filter(|example| example.len() <= LONGEST_EXAMPLE)
}

/// The methods of a path, in document order.
pub(super) fn methods_at(path: &str) -> Vec<&'static str> {
    at(path).map(|operation| operation.method.as_str()).collect()
}

/// The prefix of every control plane path.
const ROOT: &str = "/__admin/";

/// Suggests the documented path nearest to an unknown one: compared segment by segment, keeping the ids; otherwise
/// compared as a whole.
pub(super) fn nearest_path(path: &str) -> Option<String> {
    let written: Vec<&str> = path.strip_prefix(ROOT)?.trim_end_matches('/').split('/').collect();
    let documented = OPERATIONS.iter().filter_map(|operation| operation.path.strip_prefix(ROOT));
    let documented = documented.filter(|path| !path.is_empty());
    let near = documented.filter_map(|path| {
        let known: Vec<&str> = path.split('/').collect();
        let distances = known.iter().zip(&written).map(|(known, written)| distance(written, known));
        let distance = distances.sum::<Option<usize>>().filter(|_| known.len() == written.len())?;
        let filled =
            known.iter().zip(&written).map(|(known, written)| if known.starts_with('{') { written } else { known });
        Some((distance, filled.copied().collect::<Vec<_>>().join("/")))
    });
    let nearest = near.min_by_key(|(distance, _)| *distance).map(|(_, path)| format!("{ROOT}{path}"));
    nearest.or_else(|| nearest_as_a_whole(path).map(str::to_owned))
}

/// The edit distance between a segment and a documented one; `None` if they are too different.
fn distance(written: &str, known: &str) -> Option<usize> {
    if written == known {
        Some(0)
    } else if known.starts_with('{') {
        (!written.is_empty()).then_some(1)
    } else {
        let is_stem = !written.is_empty() && known.strip_prefix(written).is_some_and(|rest| rest.starts_with('.'));
        (is_stem || reading::nearest(written, &[known]).is_some()).then_some(2)
    }
}

fn nearest_as_a_whole(path: &str) -> Option<&'static str> {
    // The shared prefix is ignored; it would make any short path look similar to any other.
    let known = OPERATIONS.iter().map(|operation| operation.path.as_str()).filter(|path| !path.contains('{'));
    let known: Vec<&str> = known.filter_map(|path| path.strip_prefix(ROOT)).filter(|path| !path.is_empty()).collect();
    let nearest = reading::nearest(path.strip_prefix(ROOT)?.trim_end_matches('/'), &known)?;
    OPERATIONS.iter().map(|operation| operation.path.as_str()).find(|path| path.strip_prefix(ROOT) == Some(nearest))
}

/// The operations of the control plane: method, URL path and summary.
pub(super) fn list() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    let of_control = OPERATIONS.iter().filter(|operation| operation.path.starts_with("/__admin"));
    of_control.map(|operation| (&*operation.method, &*operation.path, &*operation.summary))
}

fn find(method: &Method, path: &str) -> Option<&'static Operation> {
    let method = if *method == Method::HEAD { "GET" } else { method.as_str() };
    at(path).find(|operation| operation.method == method)
}

/// The operations of a path.
fn at(path: &str) -> impl Iterator<Item = &'static Operation> {
    // The index is served with and without a trailing slash.
    let path = if path == "/__admin" { "/__admin/" } else { path };
    let all = OPERATIONS.iter().filter(|operation| operation.is_at(path)).collect::<Vec<_>>();
    // `/requests/count` also has the form of `/requests/{id}`.
    let nearest = all.iter().map(|operation| operation.path.as_str()).min_by_key(|path| path.contains('{'));
    all.into_iter().filter(move |operation| Some(operation.path.as_str()) == nearest)
}

impl Operation {
    fn is_at(&self, path: &str) -> bool {
        let (mut ours, mut theirs) = (self.path.split('/'), path.split('/'));
        let fits = |our: &str, their: &str| our == their || our.starts_with('{') && !their.is_empty();
        ours.by_ref().all(|our| theirs.next().is_some_and(|their| fits(our, their))) && theirs.next().is_none()
    }

    /// Names the operation in a message, with the path of the request.
    fn name(&self, path: &str) -> String {
        format!("{} {}", self.method, brief(path))
    }

    fn judge_query(&'static self, path: &str, query: &str) -> Result<(), Problem> {
        let query = reading::query(query).map_err(in_query)?;
        let known = |name: &&str| self.parameters.iter().any(|known| known == name);
        let Some(unknown) = query.names().find(|name| !known(name)) else { return Ok(()) };
        let problem = ReadError::unknown(unknown, self.parameters.iter().map(String::as_str).collect()).in_query();
        let hint = if self.members.iter().any(|member| member == unknown) {
            format!("{:?} belongs in the body", brief(unknown))
        } else {
            shorten(&problem).into_owned()
        };
        Err(Problem::bad_request(format!("In the query of {}: {hint}", self.name(path))))
    }

    /// Checks the body of an operation that takes none: it must be empty or an empty object.
    fn judge_body(&self, path: &str, body: &[u8]) -> Result<(), Problem> {
        let takes_none = |fix: &str| Err(Problem::bad_request(format!("{} takes no body; {fix}", self.name(path))));
        let form = reading::query(&String::from_utf8_lossy(body)).ok();
        let given = match object_tree(body) {
            Ok(object) => object.names().map(str::to_owned).collect::<Vec<_>>(),
            Err(_) => form.as_ref().map(Tree::names).into_iter().flatten().map(str::to_owned).collect(),
        };
        if body.trim_ascii().is_empty() || given.is_empty() && body.trim_ascii().starts_with(b"{") {
            return Ok(());
        }
        match given.iter().find(|name| self.parameters.contains(name)) {
            Some(parameter) => takes_none(&format!("give {parameter:?} in the query: ?{parameter}=…")),
            None => takes_none("leave it out"),
        }
    }
}

fn read(document: &Value) -> Vec<Operation> {
    let resolve = |value: &Value| match value["$ref"].as_str() {
        Some(reference) => document.pointer(reference.trim_start_matches('#')).cloned().unwrap_or_default(),
        None => value.clone(),
    };
    let in_query = |parameters: &Value| -> Vec<String> {
        let parameters = parameters.as_array().into_iter().flatten().map(resolve);
        let parameters = parameters.filter(|parameter| parameter["in"] == "query");
        parameters.filter_map(|parameter| Some(parameter["name"].as_str()?.to_owned())).collect()
    };
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        for (method, operation) in item.as_object().into_iter().flatten().filter(|(name, _)| *name != "parameters") {
            let mut parameters = in_query(&operation["parameters"]);
            parameters.extend(in_query(&item["parameters"]));
            let body = &operation["requestBody"];
            let content = &body["content"]["application/json"];
            let schema = resolve(&content["schema"]);
            let first = content["examples"].as_object().and_then(|all| all.values().next());
            let example = first.map(|example| &example["value"]).or_else(|| content.get("example"));
            let members = schema["properties"].as_object().into_iter().flatten().map(|(name, _)| name.clone());
            operations.push(Operation {
                method: method.to_ascii_uppercase(),
                path: path.clone(),
                parameters,
                takes_body: !body.is_null(),
                members: members.collect(),
                example: example.map(Value::to_string),
                summary: operation["summary"].as_str().unwrap_or_default().to_owned(),
            });
        }
    }
    operations
}
