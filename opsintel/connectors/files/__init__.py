"""What all file sources share: opening, resuming, paging, and the identity of mails and rows."""
