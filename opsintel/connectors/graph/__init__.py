"""Mail of Microsoft 365: read with Microsoft Graph."""
