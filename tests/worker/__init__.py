"""Tests of the long-running process."""
