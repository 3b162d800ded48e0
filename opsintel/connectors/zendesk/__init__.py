"""Tickets of Zendesk."""
