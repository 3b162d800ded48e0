"""The read-only part of the contract of connectors, against a real account of whoever has one: `make live`."""
