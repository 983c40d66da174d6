# PostgreSQL for measurements that need a real database. Data and sockets live in volumes: /data and /tmp.
ARG BASE_IMAGE
FROM ${BASE_IMAGE}
RUN apt-get update -q && apt-get install -q -y --no-install-recommends postgresql-15 && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 65532 --user-group --no-create-home app  # initdb asks for the user's name
USER 65532:65532
ENV PATH=/usr/lib/postgresql/15/bin:/usr/bin:/bin
# Only pods of the development cluster can reach it, and there is nothing in it.
CMD ["sh", "-euc", "test -e /data/db || initdb --encoding=UTF8 --locale=C.UTF-8 --pgdata=/data/db --username=app --auth=trust; echo 'host all all all trust' >> /data/db/pg_hba.conf; exec postgres -D /data/db -c listen_addresses='*' -c unix_socket_directories=/tmp -c fsync=off -c max_connections=${MAX_CONNECTIONS:-100}"]
