"""Export of what is stored of a person (GDPR articles 15 and 20): all that an erasure would reach, to be read."""
