"""Each migration, forward and back."""
