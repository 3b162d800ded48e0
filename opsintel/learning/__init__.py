"""What people correct becomes what the built-in analyser knows."""
