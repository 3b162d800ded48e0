"""Where data is kept: PostgreSQL, broker, Redis, objects, the data folder."""

from __future__ import annotations

from pydantic import BaseModel

from opsintel.settings.declaration import (
    AbsolutePath,
    BrokerUrl,
    Bucket,
    DatabaseUrl,
    HostAndPort,
    OptionalAbsolutePath,
    OptionalSecret,
    OptionalText,
    OptionalWebUrl,
    default_data_dir,
    setting,
)


class StorageSettings(BaseModel):
    """Where data is kept: PostgreSQL, broker, Redis, objects, the data folder."""

    db_url: DatabaseUrl = setting(
        "DB_URL",
        default=None,
        meaning="PostgreSQL 16 to 18 with pgvector",
        example="postgresql://opsintel:secret@db:5432/opsintel",
        absent="an embedded PostgreSQL with pgvector in the data folder, kept between starts",
    )
    migration_url: DatabaseUrl = setting(
        "OPSINTEL_MIGRATION_URL",
        default=None,
        meaning="Connection of a login that may create roles and tables, for migrations",
        example="postgresql://owner:secret@db:5432/opsintel",
        absent="`DB_URL`",
    )
    dagster_db_url: DatabaseUrl = setting(
        "OPSINTEL_DAGSTER_DB_URL",
        default=None,
        meaning="Connection to Dagster's own database",
        example="postgresql://dagster:secret@db:5432/opsintel_dagster",
        absent="a database with the suffix `_dagster` in the same server",
    )
    amqp_url: BrokerUrl = setting(
        "AMQP_URL",
        default=None,
        meaning="RabbitMQ 3.10 to 4.x",
        example="amqp://user:secret@mq:5672/",
        absent="a queue in PostgreSQL with the same guarantees",
    )
    redis_addr: HostAndPort = setting(
        "REDIS_ADDR",
        default=None,
        meaning="Redis, for rate limits and locks that processes share",
        example="redis:6379",
        absent="PostgreSQL does what it would do, and does so while it is away",
    )
    redis_password: OptionalSecret = setting(
        "OPSINTEL_REDIS_PASSWORD",
        default=None,
        meaning="Password of Redis",
        example="a password",
        absent="none",
    )
    redis_tls: bool = setting(
        "OPSINTEL_REDIS_TLS",
        default=False,
        meaning="Redis over TLS",
        example="true",
        absent="plain",
    )
    s3_bucket: Bucket = setting(
        "S3_BUCKET",
        default=None,
        meaning="Bucket for raw payloads, attachments and compute logs",
        example="opsintel-raw",
        absent="the data folder on local disk, by the same interface",
    )
    s3_endpoint: OptionalWebUrl = setting(
        "S3_ENDPOINT",
        default=None,
        meaning="Address of an S3-compatible server",
        example="http://minio:9000",
        absent="Amazon's own",
    )
    s3_region: str = setting(
        "OPSINTEL_S3_REGION",
        default="us-east-1",
        meaning="Region of the bucket",
        example="eu-central-1",
        absent="`us-east-1`",
    )
    s3_access_key_id: OptionalText = setting(
        "OPSINTEL_S3_ACCESS_KEY_ID",
        default=None,
        meaning="Access key of the bucket",
        example="AKIA...",
        absent="the standard AWS sources (role, profile)",
    )
    s3_secret_access_key: OptionalSecret = setting(
        "OPSINTEL_S3_SECRET_ACCESS_KEY",
        default=None,
        meaning="Secret key of the bucket",
        example="a secret",
        absent="the standard AWS sources",
    )
    object_grace_days: int = setting(
        "OPSINTEL_OBJECT_GRACE_DAYS",
        default=7,
        meaning="Days after which an object that nothing refers to is removed; as far back as backups are restored",
        example="30",
        absent="`7`",
        ge=2,
    )
    data_dir: AbsolutePath = setting(
        "OPSINTEL_DATA_DIR",
        default_factory=default_data_dir,
        meaning="Data folder: embedded database, objects, weights, Dagster's home",
        example="/srv/opsintel",
        absent="the platform's user data folder; `/var/lib/opsintel` for root",
    )
    backup_dir: OptionalAbsolutePath = setting(
        "OPSINTEL_BACKUP_DIR",
        default=None,
        meaning="Folder of back-ups, on another disk; the embedded database and the objects on disk are kept"
        " there as they change, for restores to any moment",
        example="/mnt/backup/opsintel",
        absent="back-ups only when `opsintel backup` runs",
    )
