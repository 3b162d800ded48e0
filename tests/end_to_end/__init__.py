"""The whole product as separate processes, watched and harmed from outside."""
