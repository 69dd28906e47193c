# Slipring in an image that has nothing but the program and the libraries it loads:
#   docker build -t slipring .
#   docker run -v $PWD/slipring.yaml:/etc/slipring/slipring.yaml:ro --network host slipring
# HEALTHCHECK asks the admin address; a configuration with another one, or none, is run with
# --health-cmd or --no-healthcheck.
ARG BASE=debian:12-slim

FROM ${BASE} AS build
RUN apt-get update && apt-get install -y --no-install-recommends \
        gcc libc6-dev cmake ninja-build pkg-config libuv1-dev libyaml-dev libssl-dev \
        libmicrohttpd-dev libjansson-dev libxxhash-dev uthash-dev libc-ares-dev \
        libsystemd-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN cmake --preset release -G Ninja && cmake --build --preset release --target slipring \
    && DESTDIR=/image cmake --install build/release --strip --prefix /usr
# The libraries and the loader, where the loader looks for them; a user; names from files, then DNS.
RUN ldd /image/usr/bin/slipring | grep -o '/[^ ]*' | sort -u | xargs -I{} cp -L --parents {} /image \
    && mkdir -p /image/etc/slipring /image/run/slipring && chown 10001:10001 /image/run/slipring \
    && echo 'slipring:x:10001:10001::/:/usr/sbin/nologin' > /image/etc/passwd \
    && echo 'slipring:x:10001:' > /image/etc/group \
    && echo 'hosts: files dns' > /image/etc/nsswitch.conf

FROM scratch
COPY --from=build /image /
USER slipring
# memcached, Redis, and the admin address, as in the examples.
EXPOSE 11211 6379 9601
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 \
    CMD ["/usr/bin/slipring", "status", "--admin", "127.0.0.1:9601"]
ENTRYPOINT ["/usr/bin/slipring"]
CMD ["run", "-c", "/etc/slipring/slipring.yaml"]
