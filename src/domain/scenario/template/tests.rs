//! What templates can express, and what is rejected.

use super::*;
use proptest::prelude::*;
use serde_json::json;

fn render(source: &str) -> Result<String, String> {
    let request = json!({ "handoff_id": "order \"7\"", "facts": { "parties": [{ "name": "Ann" }, { "name": "Bo" }] } });
    let actor = Actor { external_user_id: "usr_1".into(), email: "kim@x.com".into(), display_name: None };
    let context = Context {
        request: &request,
        actor: &actor,
        now: "2026-03-01T09:30:00Z".parse().unwrap(),
        base_url: "http://mock.test",
        agent_session_id: "as_1",
        id: "0000",
    };
    Template::compile(source)?.render(&context).map_err(|error| error.to_string())
}

#[test]
fn a_template_is_filled_from_request_actor_clock_and_ids() {
    for (source, expected) in [
        ("plain }} text", "plain }} text"),
        ("{{ base_url }}/x?s={{ agent_session_id }}&i={{ id }}", "http://mock.test/x?s=as_1&i=0000"),
        ("{{ now }}", "2026-03-01T09:30:00Z"),
        ("{{ actor.email | upper }} {{ actor['external_user_id'] }}", "KIM@X.COM usr_1"),
        ("{{ request.handoff_id | tojson }}", r#""order \"7\"""#),
        ("{% for party in request.facts.parties %}{{ loop.index }}{{ party.name }} {% endfor %}", "1Ann 2Bo "),
        ("{{ request.nothing | default('none') }}", "none"),
        ("{{ range(3) | join(',') }}", "0,1,2"),
        ("{{ {'a': [1]} | tojson(indent=2) }}", "{\n  \"a\": [\n    1\n  ]\n}"),
        ("{{ [1] | tojson(1) }}{{ [2] | tojson(true) }}{{ [3, 4] | tojson }}", "[\n 1\n][\n  2\n][3, 4]"),
        ("{{ actor.display_name | default(actor.email) | tojson }}", r#""kim@x.com""#),
        ("{% if request.handoff_id is defined %}yes{% endif %}", "yes"),
    ] {
        assert_eq!(render(source).unwrap(), expected, "{source}");
    }
}

#[test]
fn the_guard_does_not_change_the_language() {
    for (source, expected) in [
        ("{{ 2 * 3 + 4 }} {{ 'a' + 'b' ~ 1 }} {{ -2 * -3 }} {{ 2 ** 3 ** 2 }}", "10 ab1 6 64"),
        ("{{ 2 * request.facts.parties | length }}", "4"),
        ("{{ [1, 2, 3][1] }} {{ {'a': {'b': 7}}.a.b }} {{ 'abc'[1:] }} {{ [1, 2, 3][::2] }}", "2 7 bc [1, 3]"),
        ("{{ 'yes' if 4 is divisibleby 2 and 1 is not in [2, 3] else 'no' }}", "yes"),
        ("{{ 'yes' if not 1 in (2, 3) and 1 < 2 <= 3 else 'no' }}", "yes"),
        ("{% for key, value in {'a': 1, 'b': 2} | items %}{{ key }}={{ value }};{% endfor %}", "a=1;b=2;"),
        ("{% for x in [1, 2, 3] if x is odd %}{{ x }}{% else %}none{% endfor %}", "13"),
        ("{% set a, b = 1, 2 %}{% set c %}x{{ a }}{{ b }}{% endset %}{{ c | upper }}", "X12"),
        ("{% set c | upper | replace('X', 'y') %}x{% endset %}{{ c }}", "y"),
        ("{% with a = 1, b = [2] %}{{ a }}{{ b | first }}{% endwith %}", "12"),
        ("{% filter upper | replace('A', 'b') %}a{{ id }}{% endfilter %}", "b0000"),
        ("{% if false %}a{% elif true %}b{% else %}c{% endif %}", "b"),
        ("{# {{ nothing }} #}{% raw %}{{ nothing }}{% endraw %}{{ 'a}}b' }}", "{{ nothing }}a}}b"),
        ("a {{- ' ' -}} b{%- if true -%} c {%- endif %}", "a bc"),
        ("{{ request.facts.parties | map(attribute='name') | sort(reverse=true) | join(', ') }}", "Bo, Ann"),
        ("{{ request.facts.parties | selectattr('name', 'equalto', 'Bo') | list | length }}", "1"),
        ("{{ '%s-%03d' | format('a', 7) }} {{ 'x' | indent(2, true) }}", "a-007   x"),
        ("{% for x in [1, 2, 3] %}{{ loop.cycle('a', 'b') }}{% endfor %}", "aba"),
        ("{% autoescape 'html' %}{{ '<' }}{% endautoescape %}{{ '<' }}", "&lt;<"),
        ("{{ request['facts'].parties[0]['name'] }} {{ (request.facts).parties[-1].name }}", "Ann Bo"),
        ("{{ request.facts.parties.1.name }} {{ request.facts.parties.0.name ~ 'x' }}", "Bo Annx"),
        ("{{ request.nothing is defined }} {{ request.nothing | default(['x'] | first) }}", "False x"),
    ] {
        assert_eq!(render(source), Ok(expected.to_owned()), "{source}");
    }
}

#[test]
fn many_templates_of_one_answer_share_their_bounds() {
    let actor = Actor { external_user_id: "usr_1".into(), email: "kim@x.com".into(), display_name: None };
    let context = Context {
        request: &json!({}),
        actor: &actor,
        now: "2026-03-01T09:30:00Z".parse().unwrap(),
        base_url: "http://mock.test",
        agent_session_id: "as_1",
        id: "0000",
    };
    for (source, problem) in [
        ("{% for i in range(20000) %}{% endfor %}", "together take too many steps"),
        ("{{ 'a' * 300000 }}", "together give more than 1048576 bytes"),
    ] {
        let template = Template::compile(source).unwrap();
        let names = context.names();
        let errors: Vec<String> = (0..30).filter_map(|_| template.fill(&names).err()).map(|e| e.problem).collect();
        assert!(!errors.is_empty() && errors.len() < 30, "{source}: {errors:?}");
        assert!(errors.iter().all(|error| error.contains(problem)), "{source}: {errors:?}");
    }
}

#[test]
fn a_bracket_where_a_name_belongs_closes_its_own() {
    for source in [
        "{{ range(9){% elif sort | } // {% endset %}loop(a) }}",
        "{{ [id | ] + id + [id] }}",
        "{{ (id is ) + id + (id) }}",
        "{{ (id. ) + id + (id) }}",
        "{{ id + (id | (id)) + id }}",
        "{% set a = [id | ] + id %}",
        "{% filter ( %}{{ id }}{% endfilter %}",
    ] {
        assert!(render(source).is_err(), "{source}");
    }
}

proptest! {
    #[test]
    fn any_template_is_refused_or_rendered(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..60)) {
        for source in [pieces.concat(), format!("{{{{ {} }}}}", pieces.concat())] {
            match render(&source) {
                Ok(text) => prop_assert!(text.len() <= MOST_OUTPUT),
                Err(problem) => prop_assert!(problem.chars().count() < 2000, "{}", problem),
            }
        }
    }
}

const PIECES: &[&str] = &[
    "{{ ",
    " }}",
    "{% set a = ",
    "{% set a %}",
    "{% endset %}",
    "{% for a in ",
    "{% endfor %}",
    "{% if ",
    " %}",
    "{% elif ",
    "{% else %}",
    "{% endif %}",
    "{% filter ",
    "{% endfilter %}",
    "{% with a = ",
    "{% endwith %}",
    "{% raw %}",
    "{% endraw %}",
    "{#",
    "#}",
    "a",
    "request",
    ".facts",
    "[0]",
    "[1:",
    "]",
    "[",
    "(",
    ")",
    "{",
    "}",
    "'x'",
    ": ",
    ", ",
    " = ",
    " * ",
    " + ",
    " ~ ",
    " - ",
    " ** ",
    " // ",
    " == ",
    " < ",
    " in ",
    " not ",
    " is ",
    " and ",
    " or ",
    " if ",
    " else ",
    " | ",
    "upper",
    "list",
    "map('list')",
    "join(a)",
    "tojson",
    "default(a)",
    "range(9)",
    "99999999",
    "1",
    "defined",
    "eq ",
    "batch(3)",
    "sort",
    "unique",
    "loop",
    "loop(a)",
    " recursive ",
];

#[test]
fn a_template_that_can_never_render_is_refused_when_read() {
    for (source, problem) in [
        ("{{ request.", "a {{ that is not closed"),
        ("{{ nothing }}", "\"nothing\", which does not exist; known names are request, actor, now"),
        ("{{ actor.mail }}", "did you mean \"actor.email\"? Known names are actor.email, actor.external_user_id"),
        ("{{ id | shout }}", "the filter \"shout\", which does not exist; known filters are abs, attr"),
        ("{% include 'other' %}", "uses {% include %}, which does not exist"),
        ("{{ namespace() }}", "\"namespace\""),
    ] {
        let error = Template::compile(source).map(|_| ()).unwrap_err();
        assert!(error.contains(problem), "{source}: {error}");
    }
}

#[test]
fn missing_values_and_excessive_work_are_errors() {
    for (source, problem) in [
        ("{{ request.facts.metadata.title }}", "the request does not have"),
        ("{% for i in range(90000) %}{% endfor %}", "too many steps"),
        ("{% for i in range(5000) %}{{ 'a' * 1000 }}{% endfor %}", "more than 1048576 bytes"),
    ] {
        let error = render(source).unwrap_err();
        assert!(error.contains(problem), "{source}: {error}");
    }
}

#[test]
fn every_listed_filter_and_test_is_one_of_the_engine() {
    for name in words::FILTERS {
        assert_eq!(render(&format!("{{{{ '{name}' is filter }}}}")).as_deref(), Ok("True"), "{name}");
    }
    for name in words::TESTS {
        assert_eq!(render(&format!("{{{{ '{name}' is test }}}}")).as_deref(), Ok("True"), "{name}");
    }
}

#[test]
fn a_panic_of_the_engine_is_an_error() {
    let names = Names { values: Value::UNDEFINED, fuel: Cell::new(FUEL), bytes: Cell::new(100) };
    let problem = Template::fill_guarded("{{ 1|_panics }}", &names).unwrap_err();
    assert!(problem.contains("it makes the template engine fail"), "{problem}");
    let problem = try_out("{{ 1 }}", "{{ 1|_panics }}").unwrap_err();
    assert!(problem.contains("makes the template engine fail"), "{problem}");
}
