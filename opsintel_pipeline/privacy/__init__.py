"""Personal data, replaced by placeholders before a model reads a text and put back after it."""

from opsintel_pipeline.privacy.masking import PLACEHOLDER, Masked, Placeholders, mask
from opsintel_pipeline.privacy.recognise import recognise

__all__ = ["PLACEHOLDER", "Masked", "Placeholders", "mask", "recognise"]
