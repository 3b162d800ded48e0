"""Canonical, provider-neutral models."""
