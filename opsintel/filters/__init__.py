"""Filters: one language for what is read, what is analysed and what is looked for (docs/filters.md)."""
