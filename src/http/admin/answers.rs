//! Answers that many operations have: their descriptions, under the names by which operations refer to them.

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

// Those that a handler names itself. All others follow from facts of the operation.
answers! {
    Busy: "503 of an operation that computes.";
    Conflict: "409.";
    NotFoundByName: "404 of the signing service.";
    Refused: "409 of the signing service.";
}

/// The component that describes each answer.
pub(super) fn components() -> Value {
    json!({
        "BadRequest": problem(
            "A parameter or a member is unknown or missing, or has a value that it cannot have.",
            400,
            "In the query: limit: 0 is not from 1 to 1000.",
        ),
        "Unauthorized": with_header(problem(
            "The server runs with `--admin-token`, and the request does not show that token.",
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
            "It does not exist.",
            404,
            "There is no sandbox \"suit-a\"; did you mean \"suite-a\"?",
        ),
        "MethodNotAllowed": with_header(problem(
            "The path does not have this method. `detail` and the Allow header name those that it has.",
            405,
            "/__admin/reset does not take PUT; use POST.",
        ), "Allow", &header("Allow")),
        "BareMethodNotAllowed": {
            "description": "The path does not have this method. The body is empty.",
            "headers": { "Allow": header("Allow") },
        },
        "BodyTimedOut": problem(
            "The body did not arrive in time.",
            408,
            "The body did not arrive in time; send it without pauses.",
        ),
        "Conflict": problem(
            "The present state does not allow it. Nothing was changed.",
            409,
            "There is a sandbox \"suite-a\" already; delete it first, or choose another name.",
        ),
        "BodyTooLarge": problem(
            "The body is larger than the limit (`--max-admin-body`, 4 MiB by default; a snapshot to restore may have \
             64 MiB), or holds too many JSON values.",
            413,
            "The body is larger than 4194304 bytes, the limit that --max-admin-body sets.",
        ),
        "Misdirected": problem(
            "The `Host` is neither an IP address, nor a name that nobody can register, nor one that `--base-url` or \
             `--allowed-hosts` names.",
            421,
            "The Host \"mock.example.com\" is not one that this server is known by, and a web page could have set it up \
             to reach the server (DNS rebinding); if the name is yours, start the server with --allowed-hosts \
             mock.example.com.",
        ),
        "Defect": problem("A defect of the mock.", 500, "The mock failed; please report this as a bug."),
        "UnsupportedTransferCoding": problem(
            "The body has a transfer coding other than `chunked`.",
            501,
            "The transfer coding \"gzip\" is not supported; send the body as it is.",
        ),
        "StoreUnavailable": with_header(problem(
            "The store is unavailable, or too many large bodies are being received at the same time.",
            503,
            "Too many large bodies are being received at the same time; retry in a moment.",
        ), "Retry-After", &header("Retry-After")),
        "Busy": with_header(problem(
            "Too many long requests are being computed, this one took too long, the server is stopping, or the store is \
             unavailable. `detail` says which.",
            503,
            "Too many long requests are being computed; try again in a moment.",
        ), "Retry-After", &header("Retry-After")),
    })
}

/// The answers of the signing service, with the stable name of its error.
pub(super) fn signing_components() -> Value {
    json!({
        "NotFoundByName": {
            "description": "It does not exist.",
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
            "description": "The rules of signing refuse it, and nothing was changed. The recipient, or the envelope, is \
                            shown as it now is.",
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

/// The component that describes each header of an answer.
pub(super) fn headers() -> Value {
    json!({
        "X-Request-Id": {
            "description": "The id under which the request was logged: the caller's own `X-Request-Id` if that has 1 to \
                            128 visible ASCII characters, else a new one.",
            "required": true,
            "schema": { "type": "string", "pattern": "^[!-~]{1,128}$" },
        },
        "Allow": {
            "description": "The methods of the path.",
            "required": true,
            "schema": { "type": "string", "pattern": "^[A-Z]+(, ?[A-Z]+)*$" },
            "example": "GET,HEAD",
        },
        "Preference-Applied": {
            "description": "Present when the answer leaves out agents, as the caller prefers.",
            "schema": { "const": "return=minimal" },
        },
        "Retry-After": {
            "description": "After how many seconds to retry. Present only where a retry can help.",
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
