"""Alerts: what rests until somebody sees to it; opened where it begins, told by the worker (docs/alerts.md)."""
