"""Records of programs of the tenant's own, sent to us."""
