"""The event plane in one process, from one seed: the product's functions, a real PostgreSQL, faults at every step."""
