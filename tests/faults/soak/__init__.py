"""The event plane as processes, under load, with something failing every other second."""
