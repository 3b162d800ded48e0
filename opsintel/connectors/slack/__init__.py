"""Channels of a Slack workspace."""
