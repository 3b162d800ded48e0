"""Tests of the Dagster definitions and of the worker."""
