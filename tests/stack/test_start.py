"""What stands in the way of a start is one line, before anything is started."""

import base64
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from opsintel.errors import InputError, StorageError
from opsintel.stack import running_stack


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield int(listening.getsockname()[1])


def environment(folder: Path, api: int, dagster: int) -> dict[str, str]:
    return {
        "MASTER_ENCRYPTION_KEY": base64.b64encode(bytes(32)).decode(),
        "JWT_SECRET": "sT7wQz1m-Ochre-9rVfKx2p-Kestrel-b4Yd",
        "OPSINTEL_DATA_DIR": str(folder),
        "API_ADDR": f"127.0.0.1:{api}",
        "OPSINTEL_DAGSTER_PORT": str(dagster),
    }


def refused(environment: dict[str, str]) -> str:
    reported: list[str] = []
    with pytest.raises((InputError, StorageError)) as caught, running_stack(environment, reported.append):
        pass
    assert reported == []
    return caught.value.line()


class TestPorts:
    @pytest.mark.parametrize("variable", ["API_ADDR", "OPSINTEL_DAGSTER_PORT"])
    def test_in_use_are_named_with_the_setting_that_changes_them(
        self, tmp_path: Path, taken: int, variable: str
    ) -> None:
        with socket.socket() as asked:
            asked.bind(("127.0.0.1", 0))
            free = int(asked.getsockname()[1])
        line = refused(environment(tmp_path, *((taken, free) if variable == "API_ADDR" else (free, taken))))
        assert f"Port {taken} of 127.0.0.1 is in use" in line
        assert variable in line
        assert not (tmp_path / "postgres").exists()

    def test_given_twice_are_refused(self, tmp_path: Path, taken: int) -> None:
        line = refused(environment(tmp_path, taken, taken))
        assert f"Port {taken} is given to the API and to the Dagster UI" in line
        assert list(tmp_path.iterdir()) == []


class TestADataFolder:
    def test_that_cannot_be_made_is_named(self) -> None:
        line = refused(environment(Path("/dev/null/data"), 1, 2))
        assert "/dev/null/data cannot be written" in line
        assert "OPSINTEL_DATA_DIR" in line
