"""An installation on embedded parts, whose data folder can be lost, and files to import into it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from opsintel.backup.repository import Backup, Repository
from opsintel.backup.restore import Restored, restore
from opsintel.backup.take import take_backup
from opsintel.cli.restore import given_moment
from opsintel.clock import now
from opsintel.context import Context, open_context
from opsintel.settings import Settings, load_settings
from opsintel.tenants import find_tenant
from opsintel_pipeline.worker.inline import process_waiting
from tests.canonical import Dump, dump
from tests.pipeline.mailbox import import_mailbox, write_mailbox

MASTER_KEY = "A" * 43 + "="


@dataclass
class Installation:
    """What an operator has: a data folder, a folder of back-ups, and settings."""

    home: Path
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def settings(self) -> Settings:
        return load_settings(
            {
                "OPSINTEL_DATA_DIR": str(self.home / "data"),
                "OPSINTEL_BACKUP_DIR": str(self.home / "backups"),
                "MASTER_ENCRYPTION_KEY": MASTER_KEY,
                "OPSINTEL_EMBEDDING_DOWNLOAD": "false",
                **self.variables,
            }
        )

    @property
    def repository(self) -> Repository:
        return Repository(self.home / "backups")

    @contextmanager
    def opened(self) -> Iterator[Context]:
        with open_context(self.settings) as context:
            yield context

    def back_up(self) -> Backup:
        return take_backup(self.settings, self.repository)

    def lose(self) -> None:
        """Lose the disk with the data folder."""
        shutil.rmtree(self.home / "data")

    def restore(self, to: str | None = None) -> Restored:
        return self.restore_from(self.repository.root, to)

    def restore_from(self, path: Path, to: str | None = None) -> Restored:
        return restore(self.settings, path, given_moment(to) if to else None)

    def mailbox(self, ago: int) -> Path:
        """Return a mailbox with the mails of one day."""
        path = self.home / f"mails-{ago}.mbox"
        if not path.exists():
            write_mailbox(path, (ago,))
        return path

    def take_in(self, context: Context, ago: int) -> Dump:
        """Import the mails of a day, work through them, and return the tenant's rows."""
        import_mailbox(context, self.mailbox(ago), "acme")
        process_waiting(context)
        return rows(context)


def rows(context: Context) -> Dump:
    """Return the tenant's rows, without generated ids and clock times."""
    return dump(context.database, find_tenant(context.database, "acme"))


def moment() -> str:
    """Return the present moment as a person gives it."""
    return now().isoformat()
