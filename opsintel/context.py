"""What every stage works with: database, objects and settings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

from opsintel.coordination.choose import open_coordinator
from opsintel.coordination.contract import Coordinator
from opsintel.crypto.keyring import Keyring
from opsintel.crypto.master import MasterKeys
from opsintel.db.connect import open_database
from opsintel.db.engine import Database
from opsintel.llm.answers import answers_folder
from opsintel.llm.ask import Asker
from opsintel.llm.caller import Caller
from opsintel.llm.keys import model_servers
from opsintel.llm.platform import platform_of
from opsintel.objects.store import ObjectStore, open_objects
from opsintel.settings import Settings
from opsintel.sources.credentials import Credentials


@dataclass(frozen=True)
class Context:
    """The parts of an installation, opened; `close` ends what was opened on the way."""

    database: Database
    objects: ObjectStore
    settings: Settings

    @cached_property
    def coordinator(self) -> Coordinator:
        """What this process shares limits and locks with others by; one for the process, as it remembers outages."""
        return open_coordinator(self.settings, self.database)

    @cached_property
    def credentials(self) -> Credentials:
        """Credentials of sources; one for the process. Raises `SettingError` without a master key."""
        return Credentials(self.database, self.keyring)

    @cached_property
    def keyring(self) -> Keyring:
        """What seals and opens secrets of tenants. Raises `SettingError` without a master key."""
        return Keyring(self.database, MasterKeys.of(self.settings))

    @cached_property
    def asker(self) -> Asker:
        """What asks models; one for the process, as it holds the process that makes the calls."""
        servers = model_servers(self.settings)
        caller = Caller(answers_folder(self.settings), servers)
        return Asker(self.database, self.keyring, caller, servers, platform=platform_of(self.settings))

    def close(self) -> None:
        """Close what there was any use for; database and objects are their owner's."""
        if "coordinator" in self.__dict__:
            self.coordinator.close()
        if "asker" in self.__dict__:
            self.asker.close()


@contextmanager
def open_context(settings: Settings) -> Iterator[Context]:
    """Yield the installation of the settings, its database migrated; closes everything at the end."""
    objects = open_objects(settings)
    with open_database(settings) as database:
        context = Context(database, objects, settings)
        try:
            yield context
        finally:
            context.close()
