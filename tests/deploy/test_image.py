"""The image: pinned, in two stages, with the dashboard in the wheel, and not run by root."""

from __future__ import annotations

import re

from tests.deploy.compose import ROOT, command_of

LINES = (ROOT / "Dockerfile").read_text().replace("\\\n", " ").splitlines()


def arguments(instruction: str) -> list[str]:
    return [line.partition(" ")[2].strip() for line in LINES if line.startswith(f"{instruction} ")]


def copied() -> list[tuple[list[str], str]]:
    """Return sources and target of each copy out of the project's folder."""
    found = [argument.split() for argument in arguments("COPY") if not argument.startswith("--from")]
    return [(words[:-1], words[-1]) for words in found]


class TestTheImage:
    def test_is_built_on_one_pinned_image_in_two_stages(self) -> None:
        assert re.fullmatch(r"PYTHON_IMAGE=python:3\.\d+\.\d+-slim-bookworm@sha256:[0-9a-f]{64}", arguments("ARG")[0])
        assert arguments("FROM") == ["${PYTHON_IMAGE} AS build", "${PYTHON_IMAGE}"]

    def test_does_not_run_as_root(self) -> None:
        assert arguments("USER") == ["opsintel"]
        assert LINES.index("USER opsintel") > max(n for n, line in enumerate(LINES) if line.startswith("RUN"))

    def test_copies_what_is_there_and_let_through(self) -> None:
        ignored = (ROOT / ".dockerignore").read_text().splitlines()
        assert ignored[0] == "*"
        through = tuple(line.removeprefix("!") for line in ignored if line.startswith("!"))
        for sources, _ in copied():
            for source in sources:
                assert (ROOT / source).exists(), source
                assert source.startswith(through), source

    def test_lets_no_secret_and_no_built_file_through(self) -> None:
        ignored = (ROOT / ".dockerignore").read_text().splitlines()
        through = {line.removeprefix("!") for line in ignored if line.startswith("!")}
        assert {".env", ".git", "."} & through == set()
        assert {"opsintel_api/web", "frontend/node_modules", "frontend/out", "frontend/.next"} <= set(ignored)

    def test_installs_by_hashes_and_a_wheel_that_holds_the_dashboard(self) -> None:
        steps = " && ".join(arguments("RUN"))
        assert "--require-hashes -r requirements/runtime.lock" in steps
        assert steps.index("npm run build") < steps.index("cp -R frontend/out opsintel_api/web")
        assert steps.index("cp -R frontend/out opsintel_api/web") < steps.index("pip wheel")

    def test_holds_dagsters_files_where_the_commands_look(self) -> None:
        (home,) = [target for sources, target in copied() if "deploy/dagster.yaml" in sources]
        assert f"DAGSTER_HOME={home.rstrip('/')}" in " ".join(arguments("ENV"))
        for service in ("dagster-daemon", "dagster-webserver"):
            command = command_of(service)
            assert command[command.index("-w") + 1] == f"{home}workspace.yaml"
