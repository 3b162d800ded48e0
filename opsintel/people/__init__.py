"""Erasure and export of a person's data: who is meant, what names them, and who must not come back."""
