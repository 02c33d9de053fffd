//! A `+` in the `match` of `GET /__admin/requests/wait`, and the longest wait.

use crate::harness::{Api, body_of};

#[tokio::test(start_paused = true)]
async fn a_plus_inside_a_text_of_match_is_read_or_refused() {
    let api = Api::new();
    api.hand_off(body_of("order 1", "sam+vip@example.com")).await;
    for (matcher, status) in [
        // Written by hand: both readings are JSON.
        ("%7B%22email%22:%22sam+vip@example.com%22%7D", 400),
        ("%7B%22email%22%3A%22sam+vip@example.com%22%7D", 400),
        ("%7B%22not%22:%7B%22email%22:%22sam+vip@example.com%22%7D%7D", 400),
        // Unambiguous, however the rest is written.
        ("%7B%22email%22:%22sam%2Bvip@example.com%22%7D", 200),
        ("%7B%22handoff_id%22:%22order%201%22%7D", 200),
        ("%7B%22email%22:+%22sam%2Bvip@example.com%22%7D", 200),
        ("%7B%22body%22:%5B%7B%22pointer%22:%22/facts/n%22,%22above%22:1e+5%7D%5D%7D", 408),
        // Written by a form encoder, which encodes a plus.
        ("%7B%22handoff_id%22%3A%22order+1%22%7D", 200),
        ("%7B%22email%22%3A+%22sam%2Bvip%40example.com%22%7D", 200),
    ] {
        let answer = api.get(&format!("/__admin/requests/wait?timeout=1s&match={matcher}")).await;
        assert_eq!(answer.status, status, "{matcher}: {}", answer.text);
        let names_the_fix = answer.text.contains("write %2B for a plus and %20 for a space");
        assert_eq!(names_the_fix, status == 400, "{matcher}: {}", answer.text);
    }
}

#[tokio::test(start_paused = true)]
async fn a_wait_longer_than_the_maximum_is_refused() {
    let api = Api::new();
    for (timeout, status) in
        [("5m", 408), ("300s", 408), ("301s", 400), ("99999d", 400), ("9999999d", 400), ("-1s", 400), ("5", 400)]
    {
        let answer = api.get(&format!("/__admin/requests/wait?timeout={timeout}")).await;
        assert_eq!(answer.status, status, "{timeout}: {}", answer.text);
        let names_the_maximum =
            ["longer than the maximum of 5m", "; at most 5m"].iter().any(|at| answer.text.contains(at));
        assert_eq!(names_the_maximum, status == 400, "{timeout}: {}", answer.text);
    }
}
