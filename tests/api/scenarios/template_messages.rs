//! Messages about templates are in our own words, both when a scenario is read and when it answers.

use crate::{
    harness::{Api, body_of},
    sandboxes::lifecycle::send,
};
use serde_json::{Value, json};
use std::fmt::Write;

/// Phrases of the template engine's errors, which must not reach a user.
const ENGINE: [&str; 74] = [
    "not a primitive",
    "not a key type",
    "invalid operation",
    "syntax error",
    "template not found",
    "too many arguments",
    "missing argument",
    "unknown filter",
    "unknown function",
    "unknown test",
    "unknown method",
    "bad string escape",
    "undefined",
    "could not serialize",
    "could not render",
    "cannot unpack",
    "failed to write",
    "cannot deserialize",
    "ran out of fuel",
    "unknown block",
    "unknown statement",
    "unexpected",
    "expected",
    "end of input",
    "end of block",
    "variable block",
    "identifier",
    "operator on",
    "unsupported types",
    "unable to calculate",
    "cannot convert",
    "cannot calculate",
    "cannot join",
    "cannot reverse",
    "cannot be sliced",
    "cannot slice",
    "cannot get",
    "cannot round",
    "cannot perform",
    "cannot recurse",
    "cannot assign",
    "cannot create",
    "cannot repeat",
    "cannot use",
    "can only assign",
    "can only sum",
    "is unknown",
    "is not iterable",
    "not callable",
    "is not a string",
    "has no method named",
    "keyword argument",
    "kwargs",
    "non-keyword",
    "non map",
    "sequence of",
    "wrong length",
    "too large to represent",
    "overflow on",
    "recursion limit",
    "maximum recursion",
    "empty subscript",
    "reserved variable",
    "call expression",
    "call block",
    "invalid float",
    "invalid integer",
    "invalid digit",
    "format spec",
    "format string",
    "conversion type",
    "does not compile",
    "_bounded",
    "_scalar",
];

/// The phrases of the engine in a message, outside the template that it quotes.
fn phrases_of_engine(template: &str, message: &str) -> Vec<&'static str> {
    let ours = message.replace(&format!("{template:?}"), "…").to_lowercase();
    // The names of filters and tests belong to the template language.
    let ours = ours.split("; known ").next().unwrap().split(" known ").next().unwrap();
    ENGINE.into_iter().filter(|phrase| ours.contains(phrase)).collect()
}

const BROKEN: [&str; 99] = [
    "{{ id | uper }}",
    "{{ id | shout }}",
    "{{ id | upper | lowr }}",
    "{% filter uppr %}x{% endfilter %}",
    "{% set a | uppr %}x{% endset %}",
    "{% if false %}{{ id | uper }}{% endif %}",
    "{% for a in [] %}{{ a | uper }}{% endfor %}",
    "{{ id | upper.foo }}",
    "{{ [1] | map('uper') | list }}",
    "{{ id is defind }}",
    "{{ id is not strng }}",
    "{{ id is wonderful }}",
    "{{ [1] | select('od') | list }}",
    "{{ rang(3) }}",
    "{{ frobnicate(3) }}",
    "{{ namespace() }}",
    "{{ debug() }}",
    "{{ loop(1) }}",
    "{{ id() }}",
    "{{ nothing }}",
    "{{ requst.handoff_id }}",
    "{{ actor.mail }}",
    "{{ actor.emial }}",
    "{% include 'other' %}",
    "{% include \"other\" ignore missing %}",
    "{% extends 'base' %}",
    "{% import 'a' as b %}",
    "{% from 'a' import b %}",
    "{% macro m() %}{% endmacro %}",
    "{% call m() %}{% endcall %}",
    "{% block b %}{% endblock %}",
    "{% foreach a in [1] %}{% endforeach %}",
    "{% fi true %}{% endif %}",
    "{% else if true %}",
    "{% for a in [1] %}{% break %}{% endfor %}",
    "{% for a in [1] %}{% continue %}{% endfor %}",
    "{{ id | upper( }}",
    "{{ id | upper( }} and it's a long text (with brackets) behind it",
    "{{ (id }}",
    "{{ [id }}",
    "{{ {'a': 1 }}",
    "{{ {'a': {'b': 1} }} x",
    "{{ (id] }}",
    "{{ id) }}",
    "{{ id] }}",
    "{{ id } }}",
    "{{ )id( }}",
    "{% if (id %}x{% endif %}",
    "{% if id }}x{% endif %}",
    "{{ id %}",
    "{{ id",
    "{{ id }",
    "{% if id",
    "a\nb {{ id | upper\nc",
    "{{ \"abc }}",
    "{{ 'abc }} and more",
    "{# a comment",
    "{% raw %}{{ id }}",
    "{{ }}",
    "{% %}",
    "{% 'x' %}",
    "{{ id id }}",
    "{{ id 'x' }}",
    "{{ id 1 }}",
    "{{ [0]eq }}",
    "{{ range(9)upper }}",
    "{{ 0x }}",
    "{{ id. }}",
    "{{ id.'x' }}",
    "{{ id | }}",
    "{{ id | 3 }}",
    "{{ | upper }}",
    "{{ id + }}",
    "{{ * id }}",
    "{{ 1 ++ }}",
    "{{ id is }}",
    "{{ id[] }}",
    "{{ id[0:1 }}",
    "{{ {'a' 1} }}",
    "{{ {'a': 1 'b': 2} }}",
    "{{ [1 2] }}",
    "{{ f(a=1, 2) }}",
    "{{ range(a=1, 2) }}",
    "{{ range(1 2) }}",
    "{{ id not 3 }}",
    "{{ id = 3 }}",
    "{{ id ? 1 : 2 }}",
    "{{ id && id }}",
    "{{ id ? 1 : 2 }}",
    "{{ $id }}",
    "{{ id $ }}",
    "{{ é }}",
    "{{ 1_ }}",
    "{{ 1.5e }}",
    "{{ 99999999999999999999999999999999999999999999 }}",
    "{{ 'a\\ud800b' }}",
    "{% for a %}{% endfor %}",
    "{% for a in %}{% endfor %}",
    "{% for 1 in [1] %}{% endfor %}",
];

const BROKEN_BLOCKS: [&str; 32] = [
    "{% for loop in [1] %}{% endfor %}",
    "{% for a of [1] %}{% endfor %}",
    "{% set %}",
    "{% set true = 1 %}",
    "{% set a = %}",
    "{% set a 1 %}",
    "{% set a == 1 %}",
    "{% with a %}{% endwith %}",
    "{% with a = 1 b = 2 %}{% endwith %}",
    "{% filter %}x{% endfilter %}",
    "{% filter upper lower %}x{% endfilter %}",
    "{% if %}x{% endif %}",
    "{% if id %}x",
    "{% for a in [1] %}x",
    "{% set a %}x",
    "{% if id %}{% for a in [1] %}x{% endif %}",
    "{% for a in [1] %}x{% endif %}",
    "{% endif %}",
    "{% endraw %}",
    "{% endmacro %}",
    "{% else %}",
    "{% elif id %}",
    "{% if id %}{% else %}{% else %}{% endif %}",
    "{% if id %}{% else %}{% elif id %}{% endif %}",
    "{% for a in [1] %}{% elif a %}{% endfor %}",
    "{% if id %}{% with a = 1 %}{% else %}{% endwith %}{% endif %}",
    "{% if id %}x{% endif x %}",
    "{% autoescape %}x{% endautoescape %}",
    "{% do id %}",
    "{% for a in [1] recursive %}{% endfor %}",
    "{{ id }}\n{{ id }} {{ id id }}\n{{ id }}",
    "one\ntwo {{ id | upper }}\nthree {{ actor.mail }} {{ nobody }}",
];

#[tokio::test]
async fn messages_about_broken_templates_are_our_own() {
    let api = Api::new();
    let (mut report, mut faults) = (String::new(), Vec::new());
    for template in BROKEN.iter().chain(&BROKEN_BLOCKS) {
        let scenario = json!({ "name": "s", "answers": [{ "set": { "x": template } }] });
        let answer = send(&api, "PUT", "/__admin/scenarios/s", scenario).await;
        if answer.status != 400 {
            faults.push(format!("{template} is accepted"));
            continue;
        }
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        let message = detail.lines().next().unwrap().split_once(": ").unwrap().1;
        let phrases = phrases_of_engine(template, message);
        if !phrases.is_empty() || !message.contains("the template") {
            faults.push(format!("{message}: {phrases:?}"));
        }
        writeln!(report, "{}\n  {}", template.escape_debug(), message.replace(&format!("{template:?}"), "…")).unwrap();
    }
    assert!(faults.is_empty(), "{}\n\n{report}", faults.join("\n"));
    insta::assert_snapshot!(report);
}

/// Templates that fail when they are rendered.
const FAILING: [&str; 89] = [
    "{{ request.nothing }}",
    "{{ request.nothing.more }}",
    "{{ request['no such'] }}",
    "{{ request.facts.parties[7].name }}",
    "{{ actor.email.domain }}",
    "{{ {\"a\": 1}.b }}",
    "{{ [1][5] }}",
    "{{ request.nothing | default('') }}{{ request.nobody }}",
    "{{ request.nothing | upper }}",
    "{{ request.nothing + 1 }}",
    "{{ 'a' ~ request.nothing }}",
    "{% if request.nothing %}x{% endif %}",
    "{% for a in request.nothing %}{% endfor %}",
    "{% for a in [request.actor] %}{{ a.email }}{{ a.nothing }}{% endfor %}",
    "{% set a = request.nothing %}{{ id }} {{ a }}",
    "{{ 1 / 0 }}",
    "{{ 1 // 0 }}",
    "{{ 1 % 0 }}",
    "{{ request.amount / request.zero }}",
    "{{ 10 ** 10 ** 10 }}",
    "{{ 170141183460469231731687303715884105727 * 9 }}",
    "{{ -request.actor }}",
    "{{ request.actor + 1 }}",
    "{{ request.actor * 2 }}",
    "{{ request.context.summary - 1 }}",
    "{{ 1 + 'a' }}",
    "{{ 'a' * 'b' }}",
    "{{ 'a' / 2 }}",
    "{{ none + 1 }}",
    "{{ true - 'a' }}",
    "{{ request.actor | int }}",
    "{{ request.context.summary | int }}",
    "{{ '' | int }}",
    "{{ request.actor | float }}",
    "{{ 'x' | float }}",
    "{{ 'x' | abs }}",
    "{{ 'x' | round }}",
    "{{ 1.5 | round(method='up') }}",
    "{{ 1.5 | round('x') }}",
    "{{ 1 | length }}",
    "{{ none | length }}",
    "{{ 1 | join }}",
    "{{ 1 | first }}",
    "{{ 1 | last }}",
    "{{ 1 | list }}",
    "{{ 1 | sort }}",
    "{{ 1 | min }}",
    "{{ 1 | max }}",
    "{{ none | reverse }}",
    "{{ 1 | reverse }}",
    "{{ 1 | items }}",
    "{{ 1 | dictsort }}",
    "{{ ['a'] | sum }}",
    "{{ [1] | batch(0) }}",
    "{{ [1] | slice(0) }}",
    "{{ [1] | zip(1) | list }}",
    "{{ 1 | replace }}",
    "{{ 'a' | replace('a') }}",
    "{{ 'a' | replace('a', 'b', 'c', 'd') }}",
    "{{ 'a' | upper(1) }}",
    "{{ 'a' | indent(wide=3) }}",
    "{{ 'a' | indent('x') }}",
    "{{ [1] | sort(backwards=true) }}",
    "{{ [1] | map }}",
    "{{ [1] | map(3) | list }}",
    "{{ [1] | map(request.context.summary) | list }}",
    "{{ [1] | select(request.context.summary) | list }}",
    "{{ '%d' | format('a') }}",
    "{{ '%q' | format('a') }}",
    "{{ '%' | format('a') }}",
    "{{ '%s %s' | format('a') }}",
    "{{ '%(a' | format(a=1) }}",
    "{{ 1 | format(2) }}",
    "{{ 'a'.upper() }}",
    "{{ request.actor.items() }}",
    "{{ request.handoff_id() }}",
    "{{ range() }}",
    "{{ range(1, 9, 0) | list }}",
    "{{ range(1000000000) }}",
    "{{ range('a') }}",
    "{{ dict(1) }}",
    "{{ 'abc'[::0] }}",
    "{{ 5[1:] }}",
    "{{ 1 in 5 }}",
    "{% for a in 5 %}{% endfor %}",
    "{% for a, b in [1] %}{% endfor %}",
    "{% for a, b in [[1, 2, 3]] %}{% endfor %}",
    "{% autoescape 'xml!' %}{{ id }}{% endautoescape %}",
    "{{ id }}\n{{ request.nothing }}\n",
];

#[tokio::test]
async fn messages_about_templates_that_fail_are_our_own() {
    let api = Api::new();
    let (mut report, mut faults) = (String::new(), Vec::new());
    for template in FAILING {
        // A description is never empty.
        let template = &format!("x{template}");
        let scenario = json!({ "name": "s", "answers": [{ "outcome": "error", "set": { "description": template } }] });
        let answer = send(&api, "PUT", "/__admin/scenarios/s", scenario).await;
        if answer.status != 200 {
            faults.push(format!("{template} is refused: {}", answer.text));
            continue;
        }
        let mut body: Value = serde_json::from_str(&body_of("h-1", "sam@example.com")).unwrap();
        body["amount"] = json!(5);
        body["zero"] = json!(0);
        let answer = api.hand_off(body.to_string()).await;
        let description = answer.json()["description"].as_str().unwrap_or(&answer.text).to_owned();
        let shown = description.replace(&format!("{template:?}"), "…");
        writeln!(report, "{}\n  {} {shown}", template.escape_debug(), answer.status.as_u16()).unwrap();
        let phrases = phrases_of_engine(template, &description);
        let frame = "The scenario \"s\" gave no answer: the template ";
        if answer.status != 500 || !phrases.is_empty() || !description.starts_with(frame) {
            faults.push(format!("{template}: {} {description} {phrases:?}", answer.status));
        }
    }
    assert!(faults.is_empty(), "{}\n\n{report}", faults.join("\n"));
    insta::assert_snapshot!(report);
}
