//! OpenAPI links: which member of an answer holds the id that other operations take. Test tools follow them to reach
//! existing ids.

use serde_json::{Map, Value, json};

/// An operation, the pointer to an id in its answer, the parameter that takes the id, and the operations with that
/// parameter.
struct Link(&'static str, &'static str, &'static str, &'static [&'static str]);

const LINKS: [Link; 17] = [
    Link("listSessions", "/sessions/0/id", "id", &["showSession", "deleteSession"]),
    Link("listRequests", "/requests/0/id", "id", &["showRequest", "deleteRequest"]),
    Link("findRequests", "/requests/0/id", "id", &["showRequest"]),
    Link("listActors", "/actors/0/email", "email", &["showActor", "changeActor"]),
    Link("createClient", "/client_id", "id", &["showClient", "addKeys", "deleteClient"]),
    Link("listClients", "/clients/0/client_id", "id", &["showClient"]),
    Link("createToken", "/id", "id", &["showToken", "revokeToken"]),
    Link("listTokens", "/tokens/0/id", "id", &["showToken"]),
    Link("createUser", "/id", "id", &["showUser", "deleteUser"]),
    Link("listUsers", "/users/0/id", "id", &["showUser"]),
    Link("createSandbox", "/name", "name", &["showSandbox", "resetSandbox", "snapshotSandbox", "deleteSandbox"]),
    Link("listMessages", "/messages/0/id", "id", &["showMessage", "showMessageHtml", "showMessageSource"]),
    Link(
        "listScenarios",
        "/scenarios/0/name",
        "name",
        &[
            "showScenario",
            "pinScenario",
            "queueScenario",
            "showScenarioState",
            "setScenarioState",
            "forgetScenarioState",
        ],
    ),
    Link("pinScenario", "/pinned", "name", &["unpinScenario"]),
    Link("putScenario", "/put", "name", &["showScenario", "deleteScenario"]),
    Link("listEnvelopes", "/envelopes/0/id", "id", &["showEnvelope", "voidEnvelope", "expireEnvelope"]),
    Link("listEnvelopes", "/envelopes/0/recipients/0/agents/0/id", "agentId", &["open", "accept", "sign", "decline"]),
];

/// The links of an operation's answer by name; empty for most operations.
pub(super) fn of(operation: &str) -> Map<String, Value> {
    let links = LINKS.iter().filter(|Link(from, ..)| *from == operation);
    let each = links.flat_map(|Link(_, pointer, parameter, to)| to.iter().map(move |to| (*to, *pointer, *parameter)));
    let link = |(to, pointer, parameter): (&str, &str, &str)| {
        let parameters = json!({ parameter: format!("$response.body#{pointer}") });
        (to.to_owned(), json!({ "operationId": to, "parameters": parameters }))
    };
    each.map(link).collect()
}
