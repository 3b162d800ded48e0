"""Issues: messages about the same problem, with ids that last and a reason for every membership."""
