"""Tests of the supervisor and of the whole stack."""
