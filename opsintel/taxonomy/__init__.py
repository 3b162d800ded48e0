"""Taxonomies: the categories that a tenant's analyses choose from, version by version."""
