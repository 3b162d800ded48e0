"""Slack, by its Web API, Events API and Socket Mode."""
