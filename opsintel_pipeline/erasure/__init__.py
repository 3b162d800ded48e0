"""Erasure of a person or a tenant from every store, and its replay after a restore."""
