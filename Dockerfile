# Slipring in a small image. BASE is Debian 12, for the build and for the image:
#   docker build --build-arg BASE=debian:12-slim -t slipring .
ARG BASE=debian:12-slim

FROM ${BASE} AS build
RUN apt-get update && apt-get install -y --no-install-recommends \
        gcc libc6-dev cmake ninja-build pkg-config libuv1-dev libyaml-dev libssl-dev \
        libmicrohttpd-dev libjansson-dev libxxhash-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN cmake --preset release -G Ninja && cmake --build --preset release --target slipring \
    && DESTDIR=/out cmake --install build/release --strip --prefix /usr

FROM ${BASE}
RUN apt-get update && apt-get install -y --no-install-recommends \
        libuv1 libyaml-0-2 libssl3 libmicrohttpd12 libjansson4 libxxhash0 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin slipring
COPY --from=build /out/usr/bin/slipring /usr/bin/slipring
COPY conf/examples /usr/share/doc/slipring/examples
USER slipring
# memcached, Redis, and the admin address of the examples.
EXPOSE 11211 6379 9601
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 \
    CMD ["/usr/bin/slipring", "status", "--admin", "127.0.0.1:9601"]
ENTRYPOINT ["/usr/bin/slipring"]
CMD ["run", "-c", "/etc/slipring/slipring.yaml"]
