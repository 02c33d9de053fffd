//! Templates that try to exhaust stack, time or memory: each ends soon, with a message.

use crate::{
    harness::{Api, body_of},
    sandboxes::lifecycle::send,
};
use serde_json::json;

/// The answer to a scenario with this template: to the PUT if it is refused, otherwise to a handoff.
async fn outcome(api: &Api, source: &str) -> (u16, String) {
    // A description is never empty.
    let description = format!("x{source}");
    let scenario = json!({ "name": "s", "answers": [{ "outcome": "error", "set": { "description": description } }] });
    let put = send(api, "PUT", "/__admin/scenarios/s", scenario).await;
    if put.status != 200 {
        return (put.status.as_u16(), put.json()["detail"].as_str().unwrap().to_owned());
    }
    let answer = api.hand_off(body_of("h-1", "sam@example.com")).await;
    (answer.status.as_u16(), answer.text)
}

/// Syntax that nests when repeated: the start, the repeated part, the middle, and the closing part.
const NESTING: [(&str, &str, &str, &str, &str); 40] = [
    ("{{ ", "-", "1", "", " }}"),
    ("{{ ", "not ", "1", "", " }}"),
    ("{{ 1", " ~ 1", "", "", " }}"),
    ("{{ id", ".a", "", "", " }}"),
    ("{{ ", "(", "1", ")", " }}"),
    ("{{ ", "[", "1", "]", " }}"),
    ("{{ ", "{'a': ", "1", "}", " }}"),
    ("{{ ", "(1, ", "1", ")", " }}"),
    ("{{ id", "|upper", "", "", " }}"),
    ("{{ id", "[0]", "", "", " }}"),
    ("{{ id", "[0:]", "", "", " }}"),
    ("{{ id", "()", "", "", " }}"),
    ("{{ ", "range(", "1", ")", " }}"),
    ("{{ id", " is not none", "", "", " }}"),
    ("{{ id", " is defined", "", "", " }}"),
    ("{{ 1", " and 1", "", "", " }}"),
    ("{{ 1", " or 1", "", "", " }}"),
    ("{{ 1", " + 1", "", "", " }}"),
    ("{{ 1", " ** 1", "", "", " }}"),
    ("{{ 1", " if 1 else 1", "", "", " }}"),
    ("{{ 1", " if 1", "", "", " }}"),
    ("{{ id", "|default(id", "", ")", " }}"),
    ("{{ id", "[id", "", "]", " }}"),
    ("{{ 1 is eq ", "-", "1", "", " }}"),
    ("{% if 1 %}", "{% elif 1 %}", "", "", "{% endif %}"),
    ("", "{% if 1 %}", "x", "{% endif %}", ""),
    ("", "{% if 1 %}{% raw %}{% endif %}{% endraw %}{# {% endif %} #}", "x", "{% endif %}", ""),
    ("", "{% for a in [1] %}", "x", "{% endfor %}", ""),
    ("", "{% with a = 1 %}", "x", "{% endwith %}", ""),
    ("", "{% set a %}", "x", "{% endset %}", ""),
    ("", "{% filter upper %}", "x", "{% endfilter %}", ""),
    ("", "{% autoescape true %}", "x", "{% endautoescape %}", ""),
    ("{{ ", "-", "1", "", ""),
    ("{{ ", "(", "1", "", ""),
    ("{% if ", "not ", "1", "", ""),
    ("{% set a", ".a", "", "", " = 1 %}"),
    ("{% set a", ".a", "", "", " %}{% endset %}"),
    ("{% with (", "(", "a", ")", ") = 1 %}{% endwith %}"),
    ("{% set ", "(", "a", ")", " = 1 %}"),
    ("{% for ", "(", "a", ")", " in [1] %}{% endfor %}"),
];

#[tokio::test]
async fn deep_nesting_is_refused_before_it_is_parsed() {
    let api = Api::new();
    for (before, repeated, middle, closing, behind) in NESTING {
        for depth in [20, 300, 10_000] {
            let (open, close) = (repeated.repeat(depth), closing.repeat(depth));
            let source = format!("{before}{open}{middle}{close}{behind}");
            let (status, text) = outcome(&api, &source).await;
            assert!([400, 422, 500].contains(&status), "{repeated:?} {depth}: {status}");
            if depth > 20 {
                assert_eq!(status, 400, "{repeated:?} {depth}: {text}");
                assert!(text.contains("the template"), "{repeated:?}: {text}");
            }
            assert!(text.chars().count() < 1_500, "{repeated:?} {depth}: {text}");
        }
    }
}

/// A template that repeats a statement.
fn repeated(first: &str, statement: &str, times: usize, last: &str) -> String {
    format!("{first}{}{last}", statement.repeat(times))
}

#[tokio::test]
async fn work_and_memory_of_a_template_are_bounded() {
    let api = Api::new();
    for source in [
        "{{ '%99999999999s'|format('x') }}".to_owned(),
        "{{ '%99999999s'|format('x') }}".to_owned(),
        "{{ 'a'|indent('x' * 99999999) }}".to_owned(),
        "{{ 'a'|center(1000000000000) }}".to_owned(),
        "{{ 'a' * 99999999 }}".to_owned(),
        "{{ 'a' * 1000000000000000000 }}".to_owned(),
        "{% for i in range(99999) %}{% set x = 'a' * 99999 %}{% endfor %}".to_owned(),
        "{% for i in range(9999) %}{% for j in range(9999) %}{% endfor %}{% endfor %}".to_owned(),
        "{% set a = 'a' * 90000 %}{% for i in range(9999) %}{% set b = a ~ i %}{% endfor %}".to_owned(),
        "{{ range(1000000000) }}".to_owned(),
        "{{ range(99999)|list|tojson }}".to_owned(),
        "{{ [0] * 100000000 }}".to_owned(),
        "{{ 100000000 * [0] }}".to_owned(),
        "{{ (1, 2) * 100000000 }}".to_owned(),
        "{{ [0] * 100000000 == [0] * 100000000 }}".to_owned(),
        "{{ [[[0] * 100000000] * 100000000] == [[[0] * 100000000] * 100000000] }}".to_owned(),
        "{{ 1 in [[0] * 100000000] * 100000000 }}".to_owned(),
        "{{ ([0] * 100000000)[99999999:] }}".to_owned(),
        "{{ request.integration * 2 }}".to_owned(),
        repeated("{% set a = 'aaaaaaaa' %}", "{% set a = a ~ a %}", 40, "{{ a|length }}"),
        repeated("{% set a = 'aaaaaaaa' %}", "{% set a = a + a %}", 40, "{{ a|length }}"),
        repeated("{% set a = [1] %}", "{% set a = a + a %}", 40, "{{ a|length }}"),
        repeated("{% set a = [1] %}", "{% set a = [a, a] %}", 40, "{{ a|length }}"),
        repeated("{% set a = [1] %}", "{% set a = [a] %}", 3_000, "{{ a }}"),
        repeated("{% set a = [1] %}", "{% set a = (a,) %}", 3_000, "{{ a }}"),
        repeated("{% set a = {} %}", "{% set a = {'a': a} %}", 3_000, "{{ a }}"),
        repeated("{% set a = {} %}", "{% set a = dict(a=a, b=a) %}", 40, "{{ a }}"),
        repeated("{% set a = {} %}", "{% set a = {'a': a, 'b': a} %}", 40, "{{ a|tojson }}"),
        repeated("{% set a = [1] %}", "{% set a = [request.nothing]|map('default', a)|list %}", 3_000, "{{ a }}"),
        repeated("{% set a = [1] %}", "{% set a = a|batch(1) %}", 3_000, "{{ a|tojson }}"),
        repeated("{% set a = [1] %}", "{% set a = a|zip(a)|list %}", 3_000, "{{ a|tojson }}"),
        repeated("{% set a = [1] %}", "{% set a = a|chain(a) %}", 40, "{{ a|list|length }}"),
        repeated("{% set a %}0123456789{% endset %}", "{% set a %}{{ a }}{{ a }}{% endset %}", 40, "{{ a|length }}"),
        repeated("", "{% set a = range(9999)|list %}{% set b = a|sort|unique|list %}", 40, "{{ b|length }}"),
        "{{ range(9000)|join('a' * 9000) }}".to_owned(),
        "{{ ('a' * 9000)|list|join('a' * 9000) }}".to_owned(),
        "{{ ('a' * 50000)|replace('a', 'b' * 50000) }}".to_owned(),
        "{{ ('a' * 50000)|replace('', 'b' * 50000) }}".to_owned(),
        "{{ ('a,' * 1500000)|split(',') }}".to_owned(),
        "{{ ('a\\n' * 1500000)|lines }}".to_owned(),
        "{{ ('a' * 3000000)|list }}".to_owned(),
        "{{ ('<' * 1000000)|e }}".to_owned(),
        "{% autoescape 'html' %}{{ '<' * 1000000 }}{% endautoescape %}".to_owned(),
        "{{ [1]|batch(1000000000000, 'x') }}".to_owned(),
        "{{ [1]|batch(90000000, 'x') }}".to_owned(),
        "{{ range(90000)|map('string')|map('upper')|list|tojson }}".to_owned(),
        "{{ range(90000)|sum }}{{ range(90000)|sort }}".to_owned(),
        "{{ request|tojson(indent=100000000) }}".to_owned(),
        "{{ request|tojson(18446744073709551615) }}".to_owned(),
        "{{ [request]|map('tojson', 100000000)|list }}".to_owned(),
        "{{ [[range(3000)|list]]|tojson(9000) }}".to_owned(),
        "{% raw %}".repeat(10_000),
        format!("{{{{ id }}}}{}{{#", "x".repeat(65_535)),
        format!("{}{{{{ 'a", "x".repeat(65_535)),
        "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}".to_owned(),
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}".to_owned(),
        "{% macro m() %}{% endmacro %}{% call m() %}{% endcall %}".to_owned(),
        "{% block a %}{{ self.a() }}{% endblock %}".to_owned(),
        "{% include 'template' %}".to_owned(),
        "{% set ns = namespace(a=1) %}{% for i in range(9999) %}{% set ns.a = [ns.a] %}{% endfor %}".to_owned(),
        format!("{{{{ id }}}}{}", "x".repeat(300_000)),
        format!("{{{{ {} }}}}", "nothing_of_this_name".repeat(10_000)),
    ] {
        let (status, text) = outcome(&api, &source).await;
        assert!([400, 500].contains(&status), "{}: {status} {}", brief(&source), brief(&text));
        assert!(text.contains("the template") || text.contains("the file"), "{}: {text}", brief(&source));
        assert!(text.chars().count() < 1_500, "{}: {text}", brief(&source));
    }
}

#[tokio::test]
async fn templates_with_huge_arguments_end_soon() {
    let api = Api::new();
    for source in [
        "{{ 10 ** 10 ** 10 }}",
        "{{ (10 ** 30) ** 1000000 }}",
        "{{ [1]|slice(1000000000000) }}",
        "{{ [1]|slice(90000000, 'x') }}",
        "{{ '%.99999999999f'|format(1.5) }}",
        "{{ 'a\\nb'|indent(1000000000000000000) }}",
        "{{ 'a'|indent(1000000000000000000, true) }}",
        "{{ range(90000)|groupby('a') }}",
    ] {
        let (status, text) = outcome(&api, source).await;
        assert!([400, 422, 500].contains(&status), "{source}: {status} {}", brief(&text));
        assert!(text.chars().count() < 1_500, "{source}: {} characters", text.len());
    }
}

fn brief(text: &str) -> String {
    text.chars().take(300).collect()
}

#[tokio::test]
async fn many_costly_templates_share_one_bound() {
    let api = Api::new();
    let members: serde_json::Map<_, _> =
        (0..1_000).map(|number| (format!("m{number}"), json!("{% for i in range(20000) %}{% endfor %}"))).collect();
    let scenario = json!({ "name": "s", "answers": [{ "set": members }] });
    assert_eq!(send(&api, "PUT", "/__admin/scenarios/s", scenario).await.status, 200);
    let answer = api.hand_off(body_of("h-1", "sam@example.com")).await;
    assert!(answer.text.contains("together take too many steps"), "{}", answer.text);
}

#[tokio::test]
async fn a_template_that_panics_the_engine_is_refused() {
    let api = Api::new();
    for (source, reason) in [
        ("{% for a in [1] %}{{ loop.cycle() }}{% endfor %}", "calls loop.cycle() without a value"),
        ("{% for a in [1] %}{{ loop . cycle ( ) }}{% endfor %}", "calls loop.cycle() without a value"),
        ("{% for a in [1] %}{{ loop.cycle(*[]) }}{% endfor %}", "unpacks the arguments of loop.cycle()"),
        ("{% for a in [1] %}{% set x = loop %}{{ x.cycle() }}{% endfor %}", "uses loop as a value"),
        ("{% for a in [1] %}{{ loop['cycle']() }}{% endfor %}", "uses loop as a value"),
        ("{% for a in [1] %}{{ (loop).cycle() }}{% endfor %}", "uses loop as a value"),
        ("{% for a in [1] %}{{ loop|attr('cycle') }}{% endfor %}", "uses loop as a value"),
        ("{% for a in [1] %}{{ loop.changed(loop) }}{% endfor %}", "uses loop as a value"),
        ("{% for a in [1] %}{{ loop.cycle }}{% endfor %}", "uses loop.cycle without a call"),
        ("{% for a in [1] %}{{ loop.cylce(1) }}{% endfor %}", "did you mean \"cycle\"?"),
    ] {
        let (status, text) = outcome(&api, source).await;
        assert_eq!(status, 400, "{source}: {text}");
        assert!(text.contains(reason) && text.contains("the template"), "{source}: {text}");
    }
    let (status, text) =
        outcome(&api, "{% for a in 'abc' %}{{ loop.cycle('x', a) }}{{ loop.index }}{% endfor %}").await;
    assert!(text.contains("x1b2x3"), "{status} {text}");
}

#[tokio::test]
async fn arithmetic_at_the_limits_does_not_end_the_server() {
    let api = Api::new();
    for source in [
        "{{ 'abc'[::-9223372036854775808] }}",
        "{{ [1, 2][::-9223372036854775808] }}",
        "{{ [1, 2][-9223372036854775808:] }}",
        "{{ range(9223372036854775807, -9223372036854775808, -1)|list }}",
        "{{ range(-9223372036854775808, 9223372036854775807, 9223372036854775807)|list }}",
        "{{ range(9223372036854775807, 0, -9223372036854775808)|list }}",
        "{{ 1.5|round(2147483647) }}{{ 1.5|round(-2147483648) }}{{ 5|round(-2147483648) }}",
        "{{ 'a,b'|split(',', 9223372036854775807) }}",
        "{{ 'a'|replace('a', 'b', 9223372036854775807) }}",
        "{{ '%.0f %x %o %e'|format(1e308, -9223372036854775808, 1, 0) }}",
        "{{ '%.2147483647g'|format(1.5) }}{{ '%.4294967295g'|format(1.5) }}",
        "{{ -9223372036854775808 // -1 }} {{ -9223372036854775808 % -1 }} {{ 1 // 0 }}",
        "{{ (-170141183460469231731687303715884105728)|abs }}{{ -(-170141183460469231731687303715884105728) }}",
    ] {
        let (status, text) = outcome(&api, source).await;
        assert!([400, 422, 500].contains(&status), "{source}: {status} {text}");
        assert!(!text.contains("report this as a bug"), "{source}: {text}");
    }
}

#[tokio::test]
async fn internal_values_of_the_engine_are_refused() {
    let api = Api::new();
    for (source, reason) in [
        ("{{ loop }}", "uses loop as a value"),
        ("{{ range }}", "uses the function range as a value; call it: range()"),
        ("{{ dict|string }}", "uses the function dict as a value"),
        ("{{ self }}", "uses self"),
        ("{{ self.a() }}", "uses self"),
        ("{% set a.b = 1 %}", "assigns to a member"),
        ("{% set a = {} %}{% set a.b = 1 %}", "assigns to a member"),
        ("{% set a.b %}x{% endset %}", "assigns to a member"),
        ("{{ [1]|chain(2) }}", "the template"),
        ("{{ [[1]|chain(2)] }}", "the template"),
        ("{{ [1]|chain(2) ~ 'x' }}", "the template"),
        ("{{ [request.nothing] }}", "uses [request.nothing], which does not exist"),
        ("{{ {'a': request.nothing} }}", "which does not exist"),
    ] {
        let (status, text) = outcome(&api, source).await;
        assert!([400, 500].contains(&status), "{source}: {status} {text}");
        assert!(text.contains(reason), "{source}: {text}");
        for internal in ["<invalid", "<loop", "<iterator", "<function"] {
            assert!(!text.contains(internal), "{source}: {text}");
        }
    }
    for (source, shown) in [
        ("{{ [['a']]|map('map', 'upper')|list }}", "[['A']]"),
        ("{{ [[1, 2]]|map('reverse')|list }}", "[[2, 1]]"),
        ("{{ {'a': [1, 2]|select('odd')} }}", "{'a': [1]}"),
        ("{{ range(3) }}", "[0, 1, 2]"),
        ("{{ {'range': 1}.range }}{{ dict(range=2).range }}", "12"),
    ] {
        let (_, text) = outcome(&api, source).await;
        assert!(text.contains(shown), "{source}: {text}");
    }
}
