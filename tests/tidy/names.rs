//! Checks the names of tests: each is one short claim.

use super::sources;

/// Maximum number of characters of a test's name.
const MAX_LENGTH: usize = 60;

/// The names of the tests in a source file, including those inside `proptest!`.
pub fn tests(text: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut is_test = false;
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with("//")) {
        is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
        if is_test && let Some((_, rest)) = line.split_once("fn ") {
            names.push(rest.split(['(', '<']).next().unwrap_or_default());
            is_test = false;
        }
    }
    names
}

fn too_long(text: &str) -> Vec<&str> {
    tests(text).into_iter().filter(|name| name.chars().count() > MAX_LENGTH).collect()
}

#[test]
fn a_test_name_has_at_most_60_characters() {
    let mut checked = 0;
    for folder in ["src", "tests", "benches", "fuzz"] {
        for (path, text) in sources(folder) {
            checked += tests(&text).len();
            let names = too_long(&text).join(", ");
            assert!(names.is_empty(), "{}: shorten to {MAX_LENGTH} characters: {names}", path.display());
        }
    }
    assert!(checked > 1_000, "only {checked} tests were found");
}

#[test]
fn a_long_test_name_is_found_in_every_kind_of_test() {
    let (long, fits) = ("l".repeat(MAX_LENGTH + 1), "f".repeat(MAX_LENGTH));
    for form in [
        "#[test]\nfn NAME() {}",
        "    #[tokio::test]\n    async fn NAME() {}",
        "#[tokio::test(flavor = \"multi_thread\")]\n#[should_panic]\n// Why.\nasync fn NAME() {}",
        "proptest! {\n    #[test]\n    fn NAME(text in \".*\") {}\n}",
    ] {
        assert_eq!(too_long(&form.replace("NAME", &long)), [&*long], "{form}");
        assert_eq!(too_long(&form.replace("NAME", &fits)), [""; 0], "{form}");
    }
    assert_eq!(too_long(&format!("fn {long}() {{}}")), [""; 0], "a helper is not a test");
}
