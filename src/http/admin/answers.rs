//! Answers shared by many operations: the components that describe them.

use serde_json::{Value, json};
use utoipa::{
    ToResponse,
    openapi::{Ref, RefOr, Response},
};

macro_rules! answers {
    ($($name:ident: $description:literal;)*) => {$(
        #[doc = $description]
        pub(super) enum $name {}

        impl ToResponse<'static> for $name {
            fn response() -> (&'static str, RefOr<Response>) {
                (stringify!($name), Ref::from_response_name(stringify!($name)).into())
            }
        }
    )*};
}

// Handlers name these themselves. All other answers are added from facts about the operation.
answers! {
    Busy: "503 for operations that run on the work pool.";
    Conflict: "409.";
    NotFoundByName: "404 from the signing service.";
    Refused: "409 from the signing service.";
}

/// The component that describes each answer, by name.
pub(super) fn components() -> Value {
    json!({
        "BadRequest": problem(
            "A parameter or a member is unknown, missing or invalid.",
            400,
            "In the query: limit: 0 is not from 1 to 1000.",
        ),
        "Unauthorized": with_header(problem(
            "The server runs with `--admin-token`, and the request does not carry that token.",
            401,
            "The control plane needs its token; send Authorization: Bearer with the value of --admin-token.",
        ), "WWW-Authenticate", &json!({ "required": true, "schema": { "type": "string", "pattern": "^Bearer " } })),
        "CrossSite": problem(
            "A web page of another origin sent the request, according to `Sec-Fetch-Site` or `Origin`.",
            403,
            "A web page at \"http://example.com\" may not send requests to this server; if you trust the pages of that \
             host, start the server with --allowed-hosts example.com.",
        ),
        "NotFound": problem(
            "Not found.",
            404,
            "There is no sandbox \"suit-a\"; did you mean \"suite-a\"?",
        ),
        "MethodNotAllowed": with_header(problem(
            "The path does not support this method. `detail` and the Allow header list the methods that it supports.",
            405,
            "/__admin/reset does not support PUT; use POST.",
        ), "Allow", &header("Allow")),
        "BareMethodNotAllowed": {
            "description": "The path does not support this method. The body is empty.",
            "headers": { "Allow": header("Allow") },
        },
        "BodyTimedOut": problem(
            "The body did not arrive in time.",
            408,
            "The body did not arrive in time; send it without pauses.",
        ),
        "Conflict": problem(
            "The current state does not allow this. Nothing was changed.",
            409,
            "There is a sandbox \"suite-a\" already; delete it first, or choose another name.",
        ),
        "BodyTooLarge": problem(
            "The body is larger than the limit (`--max-admin-body`, 4 MiB by default; a snapshot to restore may be up to \
             64 MiB), or it holds too many JSON values.",
            413,
            "The body is larger than 4194304 bytes, the limit that --max-admin-body sets.",
        ),
        "Misdirected": problem(
            "The `Host` header names a host that this server does not answer to. IP addresses, names that cannot be \
             registered, and the names in `--base-url` and `--allowed-hosts` are accepted.",
            421,
            "The Host \"mock.example.com\" does not name this server, and a web page could have set it up to reach the \
             server (DNS rebinding); if the name is yours, start the server with --allowed-hosts \
             mock.example.com.",
        ),
        "Defect": problem("An internal error of the mock.", 500, "The mock failed; please report this as a bug."),
        "UnsupportedTransferCoding": problem(
            "The body has a transfer coding other than `chunked`.",
            501,
            "The Transfer-Encoding \"gzip\" is not supported; send the body chunked, or with a Content-Length.",
        ),
        "StoreUnavailable": with_header(problem(
            "The store is unavailable, or too many large bodies are being received at the same time.",
            503,
            "Too many large bodies are being received at the same time; retry in a moment.",
        ), "Retry-After", &header("Retry-After")),
        "Busy": with_header(problem(
            "Too many long-running requests are in progress, this one took too long, the server is stopping, or the store is \
             unavailable. `detail` says which.",
            503,
            "Too many long-running requests are in progress; try again in a moment.",
        ), "Retry-After", &header("Retry-After")),
    })
}

/// The answers of the signing service, which carry the stable name of their error.
pub(super) fn signing_components() -> Value {
    json!({
        "NotFoundByName": {
            "description": "Not found.",
            "headers": { "Preference-Applied": header("Preference-Applied") },
            "content": { "application/problem+json": {
                "schema": { "anyOf": [schema("SigningProblem"), schema("Problem")] },
                "example": {
                    "title": "Not Found",
                    "status": 404,
                    "detail": "There is no agent \"agt_0d8ef5f2b39d3a7e00000009\".",
                    "name": "Agent.NotFound",
                    "context": { "agentId": "agt_0d8ef5f2b39d3a7e00000009" },
                },
            } },
        },
        "Refused": {
            "description": "The signing rules refuse this, and nothing was changed. The answer shows the current state of \
                            the recipient or the envelope.",
            "headers": { "Preference-Applied": header("Preference-Applied") },
            "content": { "application/problem+json": {
                "schema": schema("SigningProblem"),
                "example": {
                    "title": "Conflict",
                    "status": 409,
                    "detail": "Another agent was the first to accept; the recipient is claimed.",
                    "name": "Recipient.AlreadyClaimed",
                    "context": {
                        "envelopeId": "env_0d8ef5f2b39d3a7e",
                        "status": "sent",
                        "recipientId": "rcp_0d8ef5f2b39d3a7e00000001",
                        "agentId": "agt_0d8ef5f2b39d3a7e00000002",
                        "primaryAgentId": "agt_0d8ef5f2b39d3a7e00000001",
                    },
                    "envelope_status": "sent",
                    "recipient": {
                        "id": "rcp_0d8ef5f2b39d3a7e00000001",
                        "identifier": "buyer",
                        "type": "signer",
                        "order": 1,
                        "required": true,
                        "phoneVerification": false,
                        "state": "claimed",
                        "activatedAt": "2026-03-01T12:00:00Z",
                    },
                },
            } },
        },
    })
}

/// The components that describe the response headers.
pub(super) fn headers() -> Value {
    json!({
        "X-Request-Id": {
            "description": "The id under which the request was logged: the caller's own `X-Request-Id` if it is 1 to 128 \
                            visible ASCII characters long, otherwise a new one.",
            "required": true,
            "schema": { "type": "string", "pattern": "^[!-~]{1,128}$" },
        },
        "Allow": {
            "description": "The methods that the path supports.",
            "required": true,
            "schema": { "type": "string", "pattern": "^[A-Z]+(, ?[A-Z]+)*$" },
            "example": "GET,HEAD",
        },
        "Preference-Applied": {
            "description": "Present when the answer leaves out agents because the caller asked for it.",
            "schema": { "const": "return=minimal" },
        },
        "Retry-After": {
            "description": "Seconds to wait before a retry. Present only if a retry can help.",
            "schema": { "type": "integer", "minimum": 1 },
        },
    })
}

/// A reference to a header.
pub(super) fn header(name: &str) -> Value {
    json!({ "$ref": format!("#/components/headers/{name}") })
}

fn schema(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

fn problem(description: &str, status: u16, detail: &str) -> Value {
    let code = axum::http::StatusCode::from_u16(status);
    let title = code.ok().and_then(|code| code.canonical_reason());
    json!({
        "description": description,
        "content": { "application/problem+json": {
            "schema": schema("Problem"),
            "example": { "title": title, "status": status, "detail": detail },
        } },
    })
}

fn with_header(mut answer: Value, name: &str, header: &Value) -> Value {
    answer["headers"][name] = header.clone();
    answer
}
