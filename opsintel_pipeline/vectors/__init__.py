"""Vectors of a tenant's messages by its own model, where it has a chain of models for them."""
