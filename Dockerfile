# SPDX-License-Identifier: Apache-2.0
# The daemon as an image. Run it with the engine's socket and a directory of the host for the run directory:
#
#   docker run -d --name shallop -p 8080:8080 -v /var/run/docker.sock:/var/run/docker.sock \
#     -v shallop-data:/var/lib/shallop -v /run/shallop:/run/shallop shallop

FROM debian:bookworm-slim AS build
WORKDIR /src
COPY tools/lib.sh tools/setup tools/
RUN tools/setup build && rm -rf /var/lib/apt/lists/*
COPY . .
RUN cmake --preset release -B /build -DSHALLOP_TESTS=OFF -DBoost_USE_STATIC_LIBS=ON \
    && cmake --build /build --target shallop \
    && strip -o /shallop /build/shallop

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
        libarchive13 libcurl4 libdate-tz3 libprometheus-cpp-core1.0 libsodium23 libsqlite3-0 libssl3 libyaml-cpp0.7 \
        tzdata \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /shallop /usr/local/bin/shallop
RUN shallop version
# Inside a container the loopback address is the container's own; publish the admin port on the host's loopback only.
ENV SHALLOP_ADMIN_LISTEN=0.0.0.0:8081
EXPOSE 8080 8081
VOLUME /var/lib/shallop
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s CMD ["shallop", "version", "--server"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["shallop"]
CMD ["serve"]
