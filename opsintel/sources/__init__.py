"""Sources: what a tenant has connected, their credentials, and what their connectors are given of the world."""
