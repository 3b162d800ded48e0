"""Batch interfaces of providers: a module each, which says how a batch is sent, looked at, collected and removed."""
