# Everyday commands: `just` lists them. https://just.systems

# List the commands.
[private]
default:
    @just --list --unsorted

# Run the server with the given flags.
run *flags:
    cargo run --release -- {{ flags }}

# Run the tests that need only Rust; arguments go to cargo test.
test *arguments:
    cargo test {{ arguments }}

# Install the browser and the client libraries for the other tests, and run these tests.
test-tools:
    scripts/install-test-tools
    cargo test --test clients --test browser -- --ignored

# Format the code.
format:
    cargo fmt

# Check formatting, lints and documentation without running tests.
lint:
    cargo fmt --check
    cargo clippy --all-targets --locked -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --locked

# Update snapshots and golden files from the current output. Read the diff before you commit it.
accept:
    INSTA_UPDATE=always cargo test --test api
    UPDATE_GOLDEN=1 cargo test --test cli
    git diff --stat -- tests

# Run every check that a change must pass.
ci:
    .ci/run

# Build the library's documentation and open it.
doc:
    cargo doc --no-deps --open

# Build the binary for a release.
dist:
    cargo build --profile dist --locked

# Build the container image.
image:
    docker build -t docendorse-mock .

# Compare the speed with minimal servers; arguments go to benches/load/compare.
bench-load *arguments:
    benches/load/compare {{ arguments }}

# Fuzz a target, `body` or `signing`, for the given number of minutes.
fuzz target='body' minutes='10':
    mkdir -p fuzz/corpus/{{ target }}
    cargo +nightly fuzz run {{ target }} -- -max_total_time=$(({{ minutes }} * 60)) -max_len=4096
