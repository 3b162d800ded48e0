"""What both sides of opsintel share: settings, database, tenancy, crypto, canonical models, connectors."""
