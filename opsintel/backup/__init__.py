"""Back-up and restore: the database, Dagster's own, the objects; to the moment of a back-up or any later one."""
