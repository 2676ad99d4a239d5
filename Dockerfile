FROM node:22-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --include=dev --ignore-scripts
COPY nest-cli.json tsconfig.json tsconfig.build.json ./
COPY src ./src
COPY migrations ./migrations
RUN node node_modules/@nestjs/cli/bin/nest.js build \
  && npm prune --omit=dev --ignore-scripts \
  # The libraries of the embedded PostgreSQL are linked here, since the service may not write to its own programs.
  && node --input-type=module -e "await (await import('/app/dist/src/database/embedded/binaries.js')).findBinaries()"

FROM node:22-bookworm-slim
ENV NODE_ENV=production \
    COFFER_LISTEN=0.0.0.0:8080 \
    COFFER_DATA_DIR=/var/lib/coffer
WORKDIR /app
# The volume belongs to the user of the service, who needs no more than that.
RUN install -d -o node -g node -m 0700 /var/lib/coffer
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY package.json LICENSE ./
USER node
VOLUME /var/lib/coffer
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:8080/healthz').then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
# The process itself receives the TERM of a stop and ends cleanly within ten seconds.
CMD ["node", "--enable-source-maps", "dist/src/main.js"]
