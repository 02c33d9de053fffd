# docker build -t docendorse-mock .
# docker run --rm --read-only --cap-drop ALL -p 4747:4747 docendorse-mock

# Alpine, because its Rust targets musl and so links statically without further ado.
FROM docker.io/library/rust:1-alpine AS build

# mimalloc and aws-lc are C, compiled by the `cc` crate; these come with the image today, and are named so as not to rely on it.
RUN apk add --no-cache gcc musl-dev

WORKDIR /build
COPY . .

# Downloads and compiled dependencies outlive this step in caches, hence the copy out of the target directory.
# - A directory for each architecture: builds for several platforms share the cache.
# - The lock: two builds at once would take turns in Cargo anyway, and must not swap the binary before it is copied.
# - The touch: Cargo goes by modification times, and sources older than the cache, such as those of another
#   worktree, would pass for the ones that it has compiled.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/build/target,sharing=locked \
    touch src/lib.rs src/main.rs \
    && cargo build --profile dist --locked --bin docendorse-mock --target-dir "target/$(uname -m)" \
    && install -D -m 0755 "target/$(uname -m)/dist/docendorse-mock" /image/docendorse-mock

# The final image has nothing but this binary: find out here, not there, should it need a loader or a library.
RUN chroot /image /docendorse-mock version


FROM scratch

LABEL org.opencontainers.image.title="docendorse-mock" \
      org.opencontainers.image.description="A stand-in for DocEndorse's handoff to the e-sign agent: the contract exactly, every answer on demand." \
      org.opencontainers.image.licenses="MIT OR Apache-2.0"

COPY LICENSE-APACHE LICENSE-MIT /licenses/
COPY --from=build /image/docendorse-mock /docendorse-mock

# Nobody: there is no user database to look a name up in, and Kubernetes' runAsNonRoot can judge numbers only.
USER 65532:65532

# The default, 127.0.0.1, is out of reach from outside the container. Like every setting this one is best changed by
# environment (DOCENDORSE_MOCK_…, PORT), where the health check finds it too. Nothing is ever written to disk unless
# DOCENDORSE_MOCK_READY_FILE asks for it, so the root may be read-only. Set DOCENDORSE_MOCK_BASE_URL when clients
# reach the container by another address than http://127.0.0.1:4747.
ENV DOCENDORSE_MOCK_LISTEN=0.0.0.0:4747
EXPOSE 4747

# There is no shell and no curl, hence the exec form and the verb. The first check comes one interval after the start,
# and `docker compose up --wait` waits for it: a short one.
HEALTHCHECK --interval=2s --timeout=3s --retries=3 CMD ["/docendorse-mock", "ready", "--timeout", "2s"]

# The exec form: signals reach the server itself, which stops on SIGTERM. Without a verb it serves.
ENTRYPOINT ["/docendorse-mock"]
