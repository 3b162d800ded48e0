"""The product's own sample: two invented companies, their mail, chat and tickets of thirty days, with the truth.

Every message was written by hand (see `sample/` in the repository) and is a fiction; nobody in it exists.
"""

from datetime import date

SAMPLE_DAYS = 30
SAMPLE_LAST_DAY = date(2026, 11, 22)
