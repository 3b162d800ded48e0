"""Outbox, queue, ledger and batches."""
