"""Google Sheets: a tenant's issues, upserted by key, nothing of people's own touched."""
