# Everyday commands: `just` lists them. https://just.systems

# List the commands.
[private]
default:
    @just --list --unsorted

# Run the server; arguments are its flags.
run *flags:
    cargo run --release -- {{ flags }}

# Run the tests that need only Rust; arguments are those of cargo test.
test *arguments:
    cargo test {{ arguments }}

# Install what the other tests need, and run them: real browsers, real client libraries.
test-tools:
    scripts/install-test-tools
    cargo test --test clients --test browser -- --ignored

# Format the code.
format:
    cargo fmt

# Check formatting, lints and documentation, without running anything.
lint:
    cargo fmt --check
    cargo clippy --all-targets --locked -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --locked

# Accept what tests now print as snapshots and golden files. Read the difference before you commit it.
accept:
    INSTA_UPDATE=always cargo test --test api
    UPDATE_GOLDEN=1 cargo test --test cli
    git diff --stat -- tests

# Everything that must hold before a change goes in.
ci:
    .ci/run

# Show the documentation of the library.
doc:
    cargo doc --no-deps --open

# Build the binary that is handed out.
dist:
    cargo build --profile dist --locked

# Build the container image.
image:
    docker build -t docendorse-mock .

# Compare the speed with bare servers; arguments are those of benches/load/compare.
bench-load *arguments:
    benches/load/compare {{ arguments }}

# Fuzz a target, `body` or `signing`, for some minutes.
fuzz target='body' minutes='10':
    mkdir -p fuzz/corpus/{{ target }}
    cargo +nightly fuzz run {{ target }} -- -max_total_time=$(({{ minutes }} * 60)) -max_len=4096
