"""Mail of any server that speaks IMAP."""
