# docker build -t docendorse-mock .
# docker run --rm --read-only --cap-drop ALL -p 4747:4747 docendorse-mock

# Rust on Alpine targets musl, so it links statically by default.
FROM docker.io/library/rust:1-alpine AS build

# mimalloc and aws-lc are C code, compiled by the `cc` crate. The image has these packages today, but might not later.
RUN apk add --no-cache gcc musl-dev

WORKDIR /build
COPY . .

# Downloads and compiled dependencies are kept in cache mounts, so the binary is copied out of the target directory.
# - Each architecture has its own directory, because builds for several platforms share the cache.
# - The cache is locked, so that a parallel build cannot replace the binary before it is copied.
# - `touch` forces a rebuild: Cargo compares modification times, so it would not rebuild from sources that are older than
#   the cache, such as those of another worktree.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/build/target,sharing=locked \
    touch src/lib.rs src/main.rs \
    && cargo build --profile dist --locked --bin docendorse-mock --target-dir "target/$(uname -m)" \
    && install -D -m 0755 "target/$(uname -m)/dist/docendorse-mock" /image/docendorse-mock

# The final image contains only this binary. Fail here if it needs a loader or a library.
RUN chroot /image /docendorse-mock version


FROM scratch

LABEL org.opencontainers.image.title="docendorse-mock" \
      org.opencontainers.image.description="A mock server for DocEndorse's handoff to the e-sign agent: checks the whole contract, returns any answer on demand." \
      org.opencontainers.image.licenses="MIT OR Apache-2.0"

COPY LICENSE-APACHE LICENSE-MIT /licenses/
COPY --from=build /image/docendorse-mock /docendorse-mock

# An unprivileged user, as a number: the image has no user database, and Kubernetes' runAsNonRoot checks only numbers.
USER 65532:65532

# The server's default, localhost, cannot be reached from outside the container. Change settings with environment
# variables (DOCENDORSE_MOCK_…, PORT), because the health check reads them too. The server writes to disk only if
# DOCENDORSE_MOCK_READY_FILE is set, so the root can be read-only. URLs in answers use the Host of the request; set
# DOCENDORSE_MOCK_BASE_URL if that is not the address that clients should use.
ENV DOCENDORSE_MOCK_LISTEN=0.0.0.0:4747
EXPOSE 4747

# The image has no shell and no curl, so the check is the exec form of the program's own command. The interval is short,
# because the first check runs one interval after the start and `docker compose up --wait` waits for it.
HEALTHCHECK --interval=2s --timeout=3s --retries=3 CMD ["/docendorse-mock", "ready", "--timeout", "2s"]

# With the exec form, signals reach the server, which stops on SIGTERM. Without a command, the program serves.
ENTRYPOINT ["/docendorse-mock"]
