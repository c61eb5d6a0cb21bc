# syntax=docker/dockerfile:1
# An image of the static binary and nothing else: no shell, no libc, no packages to patch.

FROM rust:1.95.0-alpine3.22 AS build
# bash for the build script; the rest for the crates with C code. Alpine's own C compiler is one for musl.
RUN apk add --no-cache bash gcc linux-headers make musl-dev
WORKDIR /src
COPY . .
# What `tessera version` says; the build context has no .git.
ARG GIT_HASH=undefined
ARG BUILD_TIME=undefined
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    TESSERA_GIT_HASH="$GIT_HASH" TESSERA_BUILD_TIME="$BUILD_TIME" scripts/release.sh /out/usr/bin/tessera \
    && ln -s tessera /out/usr/bin/hydra \
    && mkdir -p -m 700 /out/var/lib/tessera \
    && mkdir -p -m 1777 /out/tmp \
    && chown 65532:65532 /out/var/lib/tessera

FROM scratch
COPY --from=build /out/ /
# Containers are reached from outside, so the admin port listens on all interfaces unless the configuration says otherwise. Keep 4445 private.
ENV TESSERA_ADMIN_DEFAULT_HOST=0.0.0.0 \
    TESSERA_STATE_DIR=/var/lib/tessera \
    PATH=/usr/bin
USER 65532:65532
VOLUME /var/lib/tessera
EXPOSE 4444 4445 5555
ENTRYPOINT ["hydra"]
CMD ["serve", "all"]
