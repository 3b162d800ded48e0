"""The guarded way out: every connection to an address that a user gave."""
