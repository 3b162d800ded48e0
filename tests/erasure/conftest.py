"""An installation with a person in every place where a person can be."""

from __future__ import annotations

from tests.pipeline.conftest import context, reachable_dir, server

__all__ = ["context", "reachable_dir", "server"]
