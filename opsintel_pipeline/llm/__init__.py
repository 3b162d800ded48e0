"""The process that makes model calls. It holds neither the master key nor a way into the database."""
