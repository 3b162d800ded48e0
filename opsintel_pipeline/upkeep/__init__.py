"""Upkeep: what keeps an installation in order, by the clock."""
