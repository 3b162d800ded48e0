"""Log lines: JSON for machines or text for a terminal, always without secrets and people's addresses."""
