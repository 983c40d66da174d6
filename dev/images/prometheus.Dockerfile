# The context is the cache's folder of built programs; BINARY is one of them, linked statically.
FROM scratch
ARG BINARY
COPY ${BINARY} /bin/prometheus
USER 65534:65534
WORKDIR /prometheus
EXPOSE 9090
ENTRYPOINT ["/bin/prometheus"]
