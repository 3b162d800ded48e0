"""Marts: roll-ups that the dashboard reads."""
