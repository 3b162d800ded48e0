"""Metrics for Prometheus: what is counted in processes, and what is read from the database when it is asked for."""
