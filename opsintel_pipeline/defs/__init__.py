"""Dagster's definitions: the only folder that imports Dagster."""

import warnings

# Two-dimensional partitions and single-run backfills are marked beta; Dagster is pinned to one minor version.
warnings.filterwarnings("ignore", message=".*is currently in beta")
