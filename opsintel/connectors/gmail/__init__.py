"""Mail of Google: read with the Gmail API."""
