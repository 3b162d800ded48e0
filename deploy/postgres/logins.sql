-- Logins and databases of the containers' PostgreSQL; it runs once, when the data volume is new (docs/deploy.md).
-- The product's login has no rights of its own: migrations let it take the application's roles.
\getenv service_password SERVICE_DB_PASSWORD
\getenv dagster_password DAGSTER_DB_PASSWORD

CREATE ROLE opsintel_service LOGIN NOINHERIT PASSWORD :'service_password';
CREATE ROLE opsintel_dagster LOGIN NOINHERIT PASSWORD :'dagster_password';

REVOKE ALL ON DATABASE opsintel FROM PUBLIC;
GRANT CONNECT ON DATABASE opsintel TO opsintel_service;

CREATE DATABASE opsintel_dagster OWNER opsintel_dagster;
REVOKE ALL ON DATABASE opsintel_dagster FROM PUBLIC;
