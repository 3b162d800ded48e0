"""Mail of the product itself: invitations, resets, registrations, alerts."""
