"""The stages of the product (ingest, normalize, analyze, issues, act, marts) and their Dagster definitions."""
