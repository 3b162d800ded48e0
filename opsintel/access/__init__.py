"""Roles, scopes, passwords, tokens and accounts."""
