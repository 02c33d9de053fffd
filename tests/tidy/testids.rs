//! `docs/journeys.md`: the listed `data-testid`s are those of the hosted pages.

use std::collections::BTreeSet;

/// The rows of the list, each with the file that renders the page.
const PAGES: [(&str, &str); 6] = [
    ("every page", "layout.rs"),
    ("`/agent/…`", "agent.rs"),
    ("`/subscribe/…`, `/verify-email/…`, `/register/…`", "steps.rs"),
    ("`/sign/…`", "sign.rs"),
    ("`/__admin/inbox`", "inbox.rs"),
    ("refusals (404, 410 and others)", "failure.rs"),
];

/// Functions that render a `data-testid`, with its position among the arguments.
const PARTS: [(&str, usize); 6] =
    [("banner(", 1), ("fact(", 1), ("button(", 1), ("pill(", 1), ("list(", 1), ("form(", 2)];

/// The arguments of a call, from the text after its opening parenthesis.
fn arguments(text: &str) -> Vec<&str> {
    let (mut depth, mut is_quoted, mut start, mut found) = (0, false, 0, Vec::new());
    let mut previous = ' ';
    for (at, char) in text.char_indices() {
        match char {
            '"' if previous != '\\' => is_quoted = !is_quoted,
            _ if is_quoted => {}
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' if depth > 0 => depth -= 1,
            ',' | ')' if depth == 0 => {
                found.push(text[start..at].trim());
                start = at + 1;
                if char == ')' {
                    break;
                }
            }
            _ => {}
        }
        previous = char;
    }
    found
}

fn quoted(text: &str) -> Option<&str> {
    text.strip_prefix('"')?.strip_suffix('"')
}

/// The `data-testid`s in the source of a page.
fn testids(source: &str) -> BTreeSet<&str> {
    let literal = source.split("data-testid=\"").skip(1).filter_map(|rest| rest.split('"').next());
    let mut found: BTreeSet<&str> = literal.collect();
    for (part, place) in PARTS {
        for (at, _) in source.match_indices(part) {
            let before = source[..at].chars().next_back().unwrap_or(' ');
            if !before.is_alphanumeric() && before != '_' && !source[..at].ends_with("fn ") {
                let arguments = arguments(&source[at + part.len()..]);
                found.extend(arguments.get(place).copied().and_then(quoted));
            }
        }
    }
    // Rows of a table of facts: a name, the id, and a JSON pointer.
    for line in source.lines().filter_map(|line| line.trim().strip_prefix('(')) {
        let cells = arguments(line);
        if let [_, testid, pointer] = cells[..]
            && quoted(pointer).is_some_and(|pointer| pointer.starts_with('/'))
        {
            found.extend(quoted(testid));
        }
    }
    found
}

#[test]
fn every_testid_of_a_page_is_documented_and_no_other() {
    let guide = std::fs::read_to_string("docs/journeys.md").unwrap();
    for (page, file) in PAGES {
        let source = std::fs::read_to_string(format!("src/http/pages/{file}")).unwrap();
        let row = guide.lines().find_map(|line| line.strip_prefix(&format!("| {page} | `")));
        let row = row.unwrap_or_else(|| panic!("docs/journeys.md has no row for {page}"));
        let listed: Vec<&str> = row.trim_end_matches(" |").trim_end_matches('`').split("` `").collect();
        let listed_once: BTreeSet<&str> = listed.iter().copied().collect();
        assert_eq!(listed.len(), listed_once.len(), "{page}: a name is listed twice");
        assert_eq!(
            listed_once,
            testids(&source),
            "{page}: docs/journeys.md on the left, src/http/pages/{file} on the right"
        );
    }
}

#[test]
fn testids_are_found_in_every_form() {
    let source = r#"
        fn form(action: &str, fields: &Markup, testid: &str) {}
        p data-testid="literal" {}
        (banner("info", "in-banner", &html! { "a, b" }))
        (button(&urls.act(link, "open"), "in-button", "main", words.open))
        (form(action, &html! { p { "a)" } }, "in-form", "Label"))
        ("Document", "in-row", "/facts/metadata/title"),
        li data-testid=(testid) {}
    "#;
    let found: Vec<&str> = testids(source).into_iter().collect();
    assert_eq!(found, ["in-banner", "in-button", "in-form", "in-row", "literal"]);
}
