"""PostgreSQL: the server, the tables, and the only two ways in."""
