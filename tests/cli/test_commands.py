"""The command line: every command loads, errors are one line with a remedy and a non-zero exit."""

import base64
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import pytest
from typer.testing import CliRunner

from opsintel.cli.main import COMMANDS, app
from opsintel.db.embedded import EmbeddedServer

ENVIRONMENT = {
    "MASTER_ENCRYPTION_KEY": base64.b64encode(bytes(range(32))).decode(),
    "JWT_SECRET": "sT7wQz1m-Ochre-9rVfKx2p-Kestrel-b4Yd",
    "OPSINTEL_EMBEDDING_DOWNLOAD": "false",
}


@pytest.fixture(scope="module")
def data_dir() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="opsintel-cli-"))
    folder.chmod(0o755)
    with EmbeddedServer(folder).use():  # held, so that no command waits for its start: those of the demo see to that
        yield folder
    shutil.rmtree(folder, ignore_errors=True)


def run(data_dir: Path, *arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
    environment = kept | ENVIRONMENT | {"OPSINTEL_DATA_DIR": str(data_dir)} | changes
    return subprocess.run(
        [sys.executable, "-m", "opsintel.cli.main", *arguments],
        env=environment, capture_output=True, text=True, timeout=240, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip


class TestCommands:
    @pytest.mark.parametrize("name", COMMANDS)
    def test_each_loads_and_explains_itself(self, name: str) -> None:
        assert import_module(COMMANDS[name][0]).app

    def test_help_lists_them_all(self, data_dir: Path) -> None:
        shown = run(data_dir, "--help").stdout
        assert all(name in shown for name in COMMANDS)

    @pytest.mark.parametrize("name", [*COMMANDS, "eval clusters", "eval duplicates", "eval analysis", "eval privacy"])
    def test_help_is_plain_and_names_what_it_takes(self, name: str) -> None:
        done = CliRunner().invoke(app, [*name.split(), "--help"])
        assert done.exit_code == 0
        assert done.stdout.startswith("Usage: ")
        assert not re.search("<[A-Za-z]", done.stdout)
        assert all(character.isascii() for character in done.stdout)

    def test_the_version_is_told(self, data_dir: Path) -> None:
        assert run(data_dir, "--version").stdout == f"opsintel {version('opsintel')}\n"


class TestImport:
    def test_a_second_import_adds_nothing_and_a_grown_file_only_what_is_new(
        self, data_dir: Path, tmp_path: Path
    ) -> None:
        tickets = tmp_path / "tickets.csv"
        tickets.write_text("id,text\n1,the hub is offline\n2,please refund my money\n")
        first = json.loads(run(data_dir, "import", str(tickets), "--tenant", "acme", "--json").stdout)
        assert (first["added"], first["failures"]) == (2, 0)
        again = json.loads(run(data_dir, "import", str(tickets), "--tenant", "acme", "--json").stdout)
        assert (again["added"], again["changed"]) == (0, 0)
        with tickets.open("a") as file:
            file.write("3,the hub is offline again\n")
        grown = json.loads(run(data_dir, "import", str(tickets), "--tenant", "acme", "--json").stdout)
        assert grown["added"] == 1

    @pytest.mark.parametrize(
        ("name", "content"),
        [
            ("missing.mbox", None),
            ("empty.csv", b""),
            ("broken.zip", b"PK\x03\x04 cut"),
            ("noise.bin", bytes(range(256))),
        ],
    )
    def test_what_cannot_be_read_is_one_line_and_exit_1(
        self, data_dir: Path, tmp_path: Path, name: str, content: bytes | None
    ) -> None:
        path = tmp_path / name
        if content is not None:
            path.write_bytes(content)
        done = run(data_dir, "import", str(path), "--tenant", "acme")
        assert done.returncode == 1
        assert len(done.stderr.strip().splitlines()) == 1
        assert "Traceback" not in done.stderr

    @pytest.mark.parametrize("name", ["", "A", "a b", "abc\n", "-a", "../x", "a" * 64, "a\x1b[31m"])
    def test_an_absurd_name_of_a_tenant_is_one_line(self, data_dir: Path, tmp_path: Path, name: str) -> None:
        (tmp_path / "rows.csv").write_text("id,text\n1,hello\n")
        done = run(data_dir, "import", str(tmp_path / "rows.csv"), f"--tenant={name}")
        assert done.returncode == 1
        assert len(done.stderr.strip().splitlines()) == 1
        assert "cannot be a tenant's short name" in done.stderr
        assert done.stderr.rstrip("\n").isprintable()

    def test_an_empty_path_is_not_the_present_folder(self, data_dir: Path) -> None:
        done = run(data_dir, "import", "", "--tenant", "acme")
        assert done.returncode == 2
        assert "the path is empty" in done.stderr

    def test_without_its_secrets_nothing_starts(self, data_dir: Path, tmp_path: Path) -> None:
        done = run(data_dir, "import", str(tmp_path), "--tenant", "acme", MASTER_ENCRYPTION_KEY="")
        assert done.returncode == 1
        assert "MASTER_ENCRYPTION_KEY" in done.stderr
        assert "openssl" in done.stderr


class TestInterrupting:
    def test_says_that_running_again_goes_on(self, tmp_path: Path) -> None:
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe)
        command = [sys.executable, "-m", "opsintel.cli.main", "parse", str(pipe)]
        # The pipe opens once the command waits for its content.
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process, pipe.open("wb"):
            process.send_signal(signal.SIGINT)
            _, told = process.communicate(timeout=60)
        assert process.returncode == 130
        assert told == "opsintel: interrupted; running again goes on where it stopped\n"


class TestMigrate:
    def test_removes_nothing_unasked_where_nobody_can_be_asked(self, data_dir: Path) -> None:
        reached = json.loads(run(data_dir, "migrate", "--json").stdout)["revision"]
        for target in ("base", "0001"):
            done = run(data_dir, "migrate", target, "--json")
            assert (done.returncode, done.stdout) == (1, "")
            assert "--yes" in done.stderr
        assert json.loads(run(data_dir, "migrate", "--json").stdout) == {"revision": reached}

    def test_to_a_revision_that_is_none_is_one_line(self, data_dir: Path) -> None:
        done = run(data_dir, "migrate", "nonsense")
        assert done.returncode == 1
        assert done.stderr.startswith("opsintel: There is no revision 'nonsense'")


class TestADatabaseThatDoesNotAnswer:
    def test_is_one_line_whatever_libraries_log_of_it(self, data_dir: Path, tmp_path: Path) -> None:
        (tmp_path / "rows.csv").write_text("id,text\n1,hello\n")
        address = "postgresql://nobody@127.0.0.1:1/none"
        done = run(data_dir, "import", str(tmp_path / "rows.csv"), "--tenant", "acme", DB_URL=address)
        assert done.returncode == 1
        assert len(done.stderr.strip().splitlines()) == 1
        assert done.stderr.rstrip().endswith("Check DB_URL")

    def test_is_not_logged_by_its_pool(self) -> None:
        logs = "import logging; from opsintel.cli import main; main.app = lambda: None; main.main();"
        warns = "import psycopg_pool; logging.getLogger('psycopg.pool').warning('error connecting')"
        done = subprocess.run([sys.executable, "-c", logs + warns], capture_output=True, text=True, check=True)
        assert (done.stdout, done.stderr) == ("", "")


class TestParse:
    def test_a_file_name_of_any_bytes_is_valid_json(self, data_dir: Path, tmp_path: Path) -> None:
        path = tmp_path / "bad\udcff\x1b[31m.eml"
        path.write_text("From: a@b.example\nSubject: x\n\nhello\n")
        for options in ([], ["--json"]):
            done = run(data_dir, "parse", str(path), *options)
            assert done.returncode == 0
            assert "\x1b" not in done.stdout
        assert json.loads(done.stdout)["file"] == str(path)

    def test_what_a_terminal_cannot_show_is_written_out(self, data_dir: Path, tmp_path: Path) -> None:
        path = tmp_path / "mail.eml"
        path.write_text("From: a@b.example\nSubject: caf\u00e9\n\n\u65e5\u672c\n")
        shown = run(data_dir, "parse", str(path), PYTHONIOENCODING="ascii").stdout
        assert "caf\\xe9" in shown
        assert (
            json.loads(run(data_dir, "parse", str(path), "--json", PYTHONIOENCODING="ascii").stdout)["text"]
            == "\u65e5\u672c"
        )


class TestAccount:
    def test_is_made_once_with_a_password_and_keeps_it(self, data_dir: Path) -> None:
        arguments = ("account", "add", "ana@acme.example", "--tenant", "acme", "--json")
        first, again = (json.loads(run(data_dir, *arguments).stdout) for _ in range(2))
        assert len(first["password"]) >= 12
        assert again["password"] is None

    def test_needs_a_tenant_and_a_role_that_exist(self, data_dir: Path) -> None:
        assert "no tenant 'nobody'" in run(data_dir, "account", "add", "a@b.example", "--tenant", "nobody").stderr
        assert "no role" in run(data_dir, "account", "add", "a@b.example", "--tenant", "acme", "--role", "king").stderr


class TestExport:
    def test_writes_the_issues_of_an_import(self, data_dir: Path, tmp_path: Path) -> None:
        done = run(data_dir, "export", "--tenant", "acme", "--to", str(tmp_path / "out.csv"), "--json")
        assert json.loads(done.stdout)["rows"] >= 1
        assert "hub" in (tmp_path / "out.csv").read_text().lower()

    def test_needs_one_target_and_a_tenant_that_exists(self, data_dir: Path, tmp_path: Path) -> None:
        assert "Name one target" in run(data_dir, "export", "--tenant", "acme").stderr
        unknown = run(data_dir, "export", "--tenant", "nobody", "--to", str(tmp_path / "x.csv"))
        assert unknown.returncode == 1
        assert "no tenant 'nobody'" in unknown.stderr


class TestEval:
    def test_prints_the_figures_of_each_set(self, data_dir: Path, tmp_path: Path) -> None:
        rows = [
            f"{n},{'hub offline wifi router' if n % 2 else 'refund money charged card'} {n},l{n % 2}" for n in range(60)
        ]
        (tmp_path / "planted.csv").write_text("id,text,label\n" + "\n".join(rows) + "\n")
        done = run(data_dir, "eval", "clusters", str(tmp_path / "planted.csv"), "--days", "5", "--json")
        (result,) = json.loads(done.stdout)
        assert result["set"] == "planted"
        assert result["rows"] == 60
        assert result["ari"] > 0.9

    def test_prints_what_templates_save(self, data_dir: Path, tmp_path: Path) -> None:
        rows = [f"{n},disk {n} is full,full" for n in range(8)] + ["8,disk 8 is fine,full", "9,disk 9 is full,fine"]
        (tmp_path / "planted.csv").write_text("id,text,label\n" + "\n".join(rows) + "\n")
        done = run(data_dir, "eval", "duplicates", str(tmp_path / "planted.csv"), "--json")
        assert json.loads(done.stdout) == [{"set": "planted", "lines": 10, "groups": 2, "saved": 0.8, "wrong": 0.1}]

    def test_prints_the_mean_of_several_sets_for_people(self, data_dir: Path, tmp_path: Path) -> None:
        for name, row in (("one", "1,disk 1 is full,a\n2,disk 2 is full,a"), ("two", "1,disk 1 is full,a")):
            (tmp_path / f"{name}.csv").write_text(f"id,text,label\n{row}\n")
        done = run(data_dir, "eval", "duplicates", str(tmp_path / "one.csv"), str(tmp_path / "two.csv"))
        assert re.search(r"mean\W+0\.25\W+0\.0\W", done.stdout)

    def test_prints_what_is_found_of_personal_data(self, data_dir: Path) -> None:
        done = run(data_dir, "eval", "privacy", "--messages", "40", "--json")
        *_, total = json.loads(done.stdout)
        assert total["kind"] == "all"
        assert total["recall"] > 0.95
        assert total["precision"] > 0.95

    def test_long_texts_are_read_as_an_import_reads_them(self, data_dir: Path, tmp_path: Path) -> None:
        rows = [f"{n},{'hub offline wifi ' * 10_000}{n},a" for n in range(3)]
        (tmp_path / "long.csv").write_text("id,text,label\n" + "\n".join(rows) + "\n")
        done = run(data_dir, "eval", "clusters", str(tmp_path / "long.csv"), "--days", "2", "--json")
        assert json.loads(done.stdout)[0]["rows"] == 3

    def test_a_folder_is_not_said_to_be_absent(self, data_dir: Path, tmp_path: Path) -> None:
        assert "is no file" in run(data_dir, "eval", "clusters", str(tmp_path)).stderr

    def test_a_file_without_its_columns_is_one_line(self, data_dir: Path, tmp_path: Path) -> None:
        (tmp_path / "other.csv").write_text("a,b\n1,2\n")
        done = run(data_dir, "eval", "clusters", str(tmp_path / "other.csv"))
        assert done.returncode == 1
        assert "no column id" in done.stderr


class TestDoctor:
    def test_says_of_every_part_how_it_is(self, data_dir: Path) -> None:
        done = run(data_dir, "doctor", "--json", API_ADDR="127.0.0.1:1")
        checks = {finding["check"]: finding["verdict"] for finding in json.loads(done.stdout)}
        assert [checks[check] for check in ("settings", "database", "roles", "catalogue", "master keys")] == [
            "passed"
        ] * 5
        assert checks["objects"] == "passed"
        assert checks["embeddings"] == "warning"
        assert done.returncode == 0

    def test_a_redis_that_is_away_is_a_warning_with_its_remedy(self, data_dir: Path) -> None:
        done = run(data_dir, "doctor", "--json", REDIS_ADDR="127.0.0.1:1", API_ADDR="127.0.0.1:1")
        (finding,) = (finding for finding in json.loads(done.stdout) if finding["check"] == "limits and locks")
        assert finding["verdict"] == "warning"
        assert "PostgreSQL does its part" in finding["detail"]
        assert "REDIS_ADDR" in finding["remedy"]
        assert done.returncode == 0

    def test_a_missing_secret_fails_with_its_remedy(self, data_dir: Path) -> None:
        done = run(data_dir, "doctor", JWT_SECRET="")
        assert done.returncode == 1
        assert "openssl" in done.stdout

    @pytest.mark.parametrize(
        ("variable", "value", "verdict", "words"),
        [
            ("API_ADDR", "no-such-host.invalid:8080", "failed", "no-such-host.invalid cannot be used"),
            ("OPSINTEL_GOOGLE_SERVICE_ACCOUNT_FILE", "/nowhere/key.json", "failed", "/nowhere/key.json: No such file"),
            ("OPSINTEL_GOOGLE_SERVICE_ACCOUNT_FILE", __file__, "failed", "is no JSON file"),
        ],
    )
    def test_a_value_that_cannot_be_used_here_is_told_from_one_that_can(
        self, data_dir: Path, variable: str, value: str, verdict: str, words: str
    ) -> None:
        done = run(data_dir, "doctor", "--json", **{variable: value})
        (finding,) = (finding for finding in json.loads(done.stdout) if finding["check"] == variable)
        assert finding["verdict"] == verdict
        assert words in finding["detail"]

    def test_a_port_of_an_ipv6_address_is_tried_as_such(self, data_dir: Path) -> None:
        done = run(data_dir, "doctor", API_ADDR="[::1]:1")
        assert "Address family" not in done.stdout

    def test_a_data_folder_that_cannot_be_made_is_named_with_a_remedy(self, data_dir: Path) -> None:
        done = run(data_dir, "doctor", OPSINTEL_DATA_DIR="/dev/null/data")
        failed = [line for line in done.stdout.splitlines() if line.startswith("failed")]
        assert len(failed) >= 3
        assert all("/dev/null" in line and "OPSINTEL_DATA_DIR" in line for line in failed)

    def test_a_database_that_does_not_answer_is_one_line(self, data_dir: Path) -> None:
        done = run(data_dir, "doctor", DB_URL="postgresql://127.0.0.1:1/none")
        (line,) = [line for line in done.stdout.splitlines() if "database" in line]
        assert line.startswith("failed")
        assert line.endswith("Check DB_URL")
