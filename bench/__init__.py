"""Benchmarks: every row measures its peer or limit in the same run (docs/performance.md)."""
