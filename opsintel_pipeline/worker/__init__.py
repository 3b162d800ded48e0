"""The long-running process: relay, consumer, feeds."""
