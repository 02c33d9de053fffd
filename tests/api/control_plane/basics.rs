//! The control plane, `/__admin`, and the probes.

use crate::harness::{Api, body_of};
use docendorse_mock::Settings;
use serde_json::json;

#[tokio::test]
async fn health_version_and_settings() {
    let api = Api::with(Settings { seed: Some(7), ..Settings::default() });
    let health = api.get("/__admin/health").await.json();
    assert_eq!(
        (&health["status"], &health["seed"], &health["sandbox"]),
        (&json!("healthy"), &json!(7), &json!("default"))
    );
    assert_eq!(api.get("/__admin/version").await.json()["version"], env!("CARGO_PKG_VERSION"));
    insta::assert_json_snapshot!(api.get("/__admin/settings").await.json());
}

#[tokio::test]
async fn probes_answer_and_readiness_ends_when_the_server_stops() {
    let api = Api::new();
    assert_eq!(api.get("/livez").await.text, "live\n");
    assert_eq!(api.get("/readyz").await.status, 200);
    api.call("POST", "/__admin/reset").await;
    assert_eq!(api.get("/readyz").await.status, 200);
    api.app.begin_stop();
    assert_eq!(api.get("/readyz").await.status, 503);
    assert_eq!(api.get("/livez").await.status, 200);
}

#[tokio::test]
async fn a_reset_sandbox_is_as_it_started() {
    let api = Api::with(Settings { seed: Some(7), ..Settings::default() });
    let first = api.hand_off(body_of("h-1", "sam@example.com")).await.json();
    api.hand_off("{}").await;
    assert_eq!(api.call("POST", "/__admin/reset").await.json(), json!({ "reset": "default" }));
    let health = api.get("/__admin/health").await.json();
    let empty = json!({ "kept": 0, "dropped": 0 });
    assert_eq!((&health["sessions"], &health["requests"]), (&empty, &empty));
    let again = api.hand_off(body_of("h-1", "sam@example.com")).await;
    assert_eq!(again.json(), first, "ids start over");
    assert_eq!(again.header("x-mock-exchange"), "ex_00000001");
}

#[tokio::test]
async fn sessions_are_listed_filtered_and_paged() {
    let api = Api::new();
    for number in 0..5 {
        let email = format!("{}@example.com", if number % 2 == 0 { "even" } else { "odd" });
        api.hand_off(body_of(&format!("h-{number}"), &email)).await;
    }
    let list = async |query: &str| api.get(&format!("/__admin/sessions{query}")).await.json();
    let names = |list: &serde_json::Value| -> Vec<String> {
        list["sessions"].as_array().unwrap().iter().map(|one| one["handoff_id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&list("").await), ["h-4", "h-3", "h-2", "h-1", "h-0"]);
    assert_eq!(names(&list("?email=EVEN@example.com").await), ["h-4", "h-2", "h-0"]);
    assert_eq!(names(&list("?handoff_id=h-3&intent=send_e_sign_request&client=open").await), ["h-3"]);
    assert_eq!(names(&list("?intent=self_sign").await), [""; 0]);
    assert_eq!(names(&list("?external_user_id=nobody").await), [""; 0]);
    let page = list("?limit=2").await;
    assert_eq!((names(&page), &page["matching"]), (vec!["h-4".to_owned(), "h-3".to_owned()], &json!(5)));
    let next = page["next"].as_str().unwrap();
    let page = list(&format!("?limit=3&after={next}")).await;
    assert_eq!(names(&page), ["h-2", "h-1", "h-0"]);
    assert_eq!((&page["next"], &page["matching"]), (&json!(null), &json!(3)));
}

#[tokio::test]
async fn a_session_is_shown_with_its_request_and_deleted() {
    let api = Api::new();
    let body = body_of("h-1", "sam@example.com");
    let first = api.hand_off(body.clone()).await.json();
    let path = format!("/__admin/sessions/{}", first["agent_session_id"].as_str().unwrap());
    let session = api.get(&path).await.json();
    assert_eq!(session["request"], serde_json::from_str::<serde_json::Value>(&body).unwrap());
    assert_eq!(session["actor"]["email"], "sam@example.com");
    assert_eq!(api.call("DELETE", &path).await.status, 204);
    assert_eq!(api.call("DELETE", &path).await.status, 404);
    assert_eq!(api.get(&path).await.status, 404);
    assert_ne!(api.hand_off(body).await.json(), first);
}

#[tokio::test]
async fn errors_of_the_control_plane_have_one_shape() {
    let api = Api::new();
    let mut problems = String::new();
    for (method, path) in [
        ("GET", "/__admin/nowhere"),
        ("GET", "/__admin//sessions"),
        ("GET", "/__admin/sessions/%FF"),
        ("DELETE", "/__admin/requests/%C3%28"),
        ("GET", "/__admin/requests?status=23281"),
        ("GET", "/__admin/requests?status=%2B200"),
        ("GET", "/__admin/requests/ex_00000009"),
        ("GET", "/__admin/requests/nonsense"),
        ("GET", "/__admin/sessions/as_none"),
        ("POST", "/__admin/health"),
        ("GET", "/__admin/reset"),
        ("GET", "/__admin/requests?limit=0"),
        ("GET", "/__admin/requests?limit=many"),
        ("GET", "/__admin/requests?since=yesterday"),
        ("GET", "/__admin/requests?status=fine"),
        ("GET", "/__admin/requests?unknown=1"),
        ("GET", "/__admin/sessions?after=as_none"),
        ("GET", "/__admin/sessions?intent=sing"),
    ] {
        let answer = api.call(method, path).await;
        assert_eq!(answer.header("content-type"), "application/problem+json", "{method} {path}");
        let problem = answer.json();
        assert_eq!(problem["status"], answer.status.as_u16());
        problems +=
            &format!("{method} {path}\n  {} {}: {}\n", answer.status.as_u16(), problem["title"], problem["detail"]);
    }
    insta::assert_snapshot!(problems);
    assert_eq!(api.get("/__admin/requests").await.json()["matching"], 0, "control plane requests are not recorded");
}
