# postern in a container: one static binary, no shell, no root.
#
#   docker build -t postern/postern:latest --build-arg VERSION=1.2.3 .
#   docker build -t postern/postern:latest-curl --target with-curl .
#
# The second image is the first plus a shell and curl, for a compose file whose
# health check is `curl localhost:8888/health` and shall stay as it is.

FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /out/postern ./cmd/postern

FROM debian:bookworm-slim AS with-curl
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates curl \
 && rm -rf /var/lib/apt/lists/*
COPY --from=build /out/postern /postern
USER 65532:65532
EXPOSE 6969-6972 8888
HEALTHCHECK --interval=5s --retries=25 CMD ["/postern", "health"]
ENTRYPOINT ["/postern"]

# The last stage is what is built when no target is named.
FROM gcr.io/distroless/static-debian12:nonroot AS postern
COPY --from=build /out/postern /postern
USER 65532:65532
EXPOSE 6969-6972 8888
HEALTHCHECK --interval=5s --retries=25 CMD ["/postern", "health"]
ENTRYPOINT ["/postern"]
