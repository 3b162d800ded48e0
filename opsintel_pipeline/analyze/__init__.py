"""Analyze: what a message says and asks for."""
