"""Learn: what people corrected is learnt from, and what was learnt is measured."""
