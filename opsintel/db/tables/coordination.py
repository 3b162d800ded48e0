"""Token buckets and named locks that processes share where there is no Redis, or while it is away."""

from sqlalchemy import PrimaryKeyConstraint

from opsintel.db.tables.declaration import BIG, TEXT, TIME, UUID_, column, control_table

rate_limit = control_table(
    "rate_limit",
    "Token buckets shared by processes; not logged, so a crash of the database leaves them full",
    column("key", TEXT, "Tenant, or installation, and what is limited; never personal data"),
    column("full_at", TIME, "When the bucket is full again"),
    column("blocked_until", TIME, "Before this no token is given out, whatever the bucket holds"),
    PrimaryKeyConstraint("key"),
    retention="when_done",
    erasure="none",
)

named_lock = control_table(
    "named_lock",
    "Locks with a lease: free again when their holder ends, or dies and the lease is over",
    column("key", TEXT, "Tenant, or installation, and what is locked"),
    column("owner", UUID_, "The holder, new for each time it is taken"),
    column("fence", BIG, "Number of the holder; larger than that of every earlier one"),
    column("expires_at", TIME, "When the lease is over"),
    PrimaryKeyConstraint("key"),
    retention="when_done",
    erasure="none",
)
