"""What the event plane promises, while everything around it fails."""
