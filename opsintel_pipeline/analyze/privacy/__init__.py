"""Personal data, replaced by placeholders before a model reads a text and put back after it."""

from opsintel_pipeline.analyze.privacy.masking import Masked, Placeholders, mask
from opsintel_pipeline.analyze.privacy.recognise import recognise

__all__ = ["Masked", "Placeholders", "mask", "recognise"]
