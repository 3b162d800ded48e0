"""Batches: questions that may wait, sent through a provider's batch interface at its lower price."""
