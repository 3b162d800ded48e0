"""Slack export archives."""
