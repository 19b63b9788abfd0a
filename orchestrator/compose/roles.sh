#!/bin/sh
# Run once, by the postgres image, in an empty database. farm_owner makes and alters tables; farm_worker can do neither,
# and `farm store upgrade --grant farm_worker` lets it read and write rows. psql reads the passwords itself: they stand in
# no argument and in no environment.
set -eu
psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'SQL'
\set owner_password `cat /run/secrets/owner_password`
\set worker_password `cat /run/secrets/worker_password`
CREATE ROLE farm_owner LOGIN PASSWORD :'owner_password';
CREATE ROLE farm_worker LOGIN PASSWORD :'worker_password';
ALTER DATABASE :"DBNAME" OWNER TO farm_owner;
REVOKE ALL ON DATABASE :"DBNAME" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"DBNAME" TO farm_worker;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT CREATE ON SCHEMA public TO farm_owner;
SQL
