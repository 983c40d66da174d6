# The context is the cache's folder of built programs; BINARY is one of them.
FROM scratch
ARG BINARY
COPY ${BINARY} /pause
USER 65535:65535
ENTRYPOINT ["/pause"]
