ARG BASE
FROM $BASE
RUN groupadd --system --gid 999 redis \
 && useradd --system --gid 999 --uid 999 --home-dir /data redis \
 && apt-get update \
 && apt-get install --yes --no-install-recommends redis-server \
 && rm -rf /var/lib/apt/lists/* \
 && mkdir -p /data && chown redis:redis /data
WORKDIR /data
CMD ["redis-server"]
