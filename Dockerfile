# befriend as an image: docker build -t befriend . && docker run --rm --init befriend demo
# Debian and not Alpine: the tests run against glibc, and DuckDB's binding for musl is a build of its own.
ARG NODE_IMAGE=node:24-bookworm-slim

FROM ${NODE_IMAGE} AS dependencies
WORKDIR /opt/befriend
COPY package.json package-lock.json .npmrc ./
# No package needs its install script.
RUN npm ci --omit=dev --ignore-scripts

FROM ${NODE_IMAGE} AS build
WORKDIR /opt/befriend
COPY package.json package-lock.json .npmrc ./
RUN npm ci --include=dev --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY scripts/build.mjs scripts/digest.mjs ./scripts/
COPY src ./src
COPY workers ./workers
RUN node scripts/build.mjs

FROM ${NODE_IMAGE}
LABEL org.opencontainers.image.title="befriend" \
      org.opencontainers.image.description="Bulk processor for the friend graph of Tencent Cloud Chat" \
      org.opencontainers.image.licenses="MIT"
# For commands without REDIS_URL, the demo first of all: they start a private Redis in BEFRIEND_HOME.
RUN apt-get update \
 && apt-get install -y --no-install-recommends redis-server \
 && rm -rf /var/lib/apt/lists/*
ENV NODE_ENV=production \
    BEFRIEND_HOME=/var/lib/befriend
WORKDIR /opt/befriend
COPY package.json LICENSE ./
COPY --from=dependencies /opt/befriend/node_modules ./node_modules
COPY --from=build /opt/befriend/dist ./dist
# A volume takes the home's owner and mode over from here. Mode 1777, as of /tmp: any user may be chosen at the start.
RUN ln -s /opt/befriend/dist/src/cli/befriend.js /usr/local/bin/befriend \
 && install -d -o 1000 -g 1000 -m 1777 /var/lib/befriend /data
# `node` of the base image, by number, so that a cluster can see that it is not root.
USER 1000:1000
WORKDIR /data
# No shell between: SIGTERM reaches node, which stops within some seconds. No HEALTHCHECK: a worker listens nowhere,
# waits for a lost Redis by itself, and ends when it cannot go on.
ENTRYPOINT ["befriend"]
CMD ["--help"]
