"""Templates of machines' messages: alerts, log lines and notices that differ in their values only share an analysis."""

from opsintel_pipeline.analyze.templates.groups import Groups
from opsintel_pipeline.analyze.templates.masks import VALUE, mask_values

__all__ = ["VALUE", "Groups", "mask_values"]
