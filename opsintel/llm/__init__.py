"""Models of providers: which there are, keys of tenants, prices, and calls made in a process of their own."""
