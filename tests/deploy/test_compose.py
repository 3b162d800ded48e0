"""docker-compose.yml: no default secret, every server watched, every name one that somebody reads."""

from __future__ import annotations

import re
from importlib.metadata import entry_points
from importlib.util import find_spec

import pytest

from opsintel.settings import Settings, load_settings, variable_of
from tests.deploy.compose import (
    ROOT,
    command_of,
    compose_file,
    environment_of,
    filled_in,
    healthcheck_of,
    services,
    variables,
)

SERVICES = services()
OURS = sorted(name for name, service in SERVICES.items() if "build" in service)
ONE_SHOT = {"migrate", "cli"}
WITHOUT_OUR_CODE = {"dagster-daemon", "dagster-webserver"}
SECRETS = {
    "MASTER_ENCRYPTION_KEY", "JWT_SECRET", "POSTGRES_PASSWORD", "SERVICE_DB_PASSWORD", "DAGSTER_DB_PASSWORD",
    "RABBITMQ_PASSWORD", "REDIS_PASSWORD", "OPSINTEL_S3_ACCESS_KEY_ID", "OPSINTEL_S3_SECRET_ACCESS_KEY",
}  # fmt: skip

SETTINGS = {variable_of(name) for name in Settings.model_fields}
DAGSTER_VARIABLES = {
    "DAGSTER_HOME", "DAGSTER_POSTGRES_URL", "DAGSTER_REDACT_USER_CODE_ERRORS",
    "S3_BUCKET", "S3_ENDPOINT", "OPSINTEL_S3_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY",
    "AWS_REQUEST_CHECKSUM_CALCULATION", "AWS_RESPONSE_CHECKSUM_VALIDATION",
}  # fmt: skip
OTHERS_VARIABLES = {
    "postgres": {"POSTGRES_USER", "POSTGRES_DB", "POSTGRES_PASSWORD", "SERVICE_DB_PASSWORD", "DAGSTER_DB_PASSWORD"},
    "rabbitmq": {"RABBITMQ_DEFAULT_USER", "RABBITMQ_DEFAULT_PASS"},
    "redis": {"REDISCLI_AUTH"},
    "objects": {"ROOT_ACCESS_KEY", "ROOT_SECRET_KEY", "VGW_PORT", "VGW_REGION", "VGW_HEALTH"},
}
"""What the images of others read, by their own documentation, or what our own files mounted there read."""


class TestSecrets:
    def test_have_no_default_and_say_where_to_set_them(self) -> None:
        for variable in variables():
            if variable.name in SECRETS:
                assert variable.complaint == "set it in .env, see .env.example", variable
        assert {variable.name for variable in variables() if variable.complaint is not None} == SECRETS

    def test_of_others_are_empty_unless_given(self) -> None:
        named = {v.name: v.default for v in variables() if re.search("KEY|SECRET|PASSWORD", v.name)}
        assert {name for name, default in named.items() if default} == set()

    @pytest.mark.parametrize("missing", sorted(SECRETS))
    def test_that_are_missing_stop_everything(self, surroundings: dict[str, str], missing: str) -> None:
        given = surroundings | {missing: ""}
        complaints = []
        for service in SERVICES:
            try:
                environment_of(service, given)
            except ValueError as error:
                complaints.append(str(error))
        assert set(complaints) == {f"{missing}: set it in .env, see .env.example"}

    def test_are_all_in_the_example_and_empty_there(self) -> None:
        lines = (ROOT / ".env.example").read_text().splitlines()
        empty = {line.removesuffix("=") for line in lines if re.fullmatch("[A-Z0-9_]+=", line)}
        assert empty == SECRETS

    def test_are_given_to_no_more_services_than_need_them(self, surroundings: dict[str, str]) -> None:
        holders = {
            name: {s for s in SERVICES if surroundings[name] in " ".join(environment_of(s, surroundings).values())}
            for name in SECRETS
        }
        assert holders["JWT_SECRET"] == {"api", "cli"}
        assert holders["POSTGRES_PASSWORD"] == {"postgres", "migrate"}
        assert holders["MASTER_ENCRYPTION_KEY"] == {"api", "worker", "code-server", "cli"}


class TestEveryVariable:
    def test_of_the_surroundings_is_explained_in_the_example(self) -> None:
        example = (ROOT / ".env.example").read_text()
        explained = set(re.findall(r"^#?([A-Z0-9_]+)=", example, re.MULTILINE))
        assert {variable.name for variable in variables()} == explained

    @pytest.mark.parametrize("service", sorted(SERVICES))
    def test_given_to_a_service_is_one_that_it_reads(self, service: str) -> None:
        named = set(SERVICES[service].get("environment", {}))
        read = OTHERS_VARIABLES.get(service, SETTINGS | DAGSTER_VARIABLES | {"OPENBLAS_NUM_THREADS"})
        assert named <= read

    @pytest.mark.parametrize("service", sorted(set(OURS) - WITHOUT_OUR_CODE))
    def test_given_to_our_services_makes_usable_settings(self, service: str, surroundings: dict[str, str]) -> None:
        settings = load_settings(environment_of(service, surroundings))
        assert settings.db_url is not None
        assert "@postgres:5432/opsintel" in settings.db_url

    @pytest.mark.parametrize("service", sorted(WITHOUT_OUR_CODE))
    def test_given_to_dagsters_own_services_is_dagsters(self, service: str) -> None:
        assert set(SERVICES[service]["environment"]) == DAGSTER_VARIABLES


class TestServices:
    def test_are_all_that_the_product_can_use(self) -> None:
        assert set(SERVICES) == {
            "postgres", "rabbitmq", "redis", "objects", "migrate", "api", "worker", "cli",
            "code-server", "dagster-daemon", "dagster-webserver",
        }  # fmt: skip

    @pytest.mark.parametrize("service", sorted(set(SERVICES) - ONE_SHOT))
    def test_that_stay_are_watched_and_started_again(self, service: str) -> None:
        assert healthcheck_of(service)
        assert SERVICES[service]["restart"] == "unless-stopped"

    @pytest.mark.parametrize("service", sorted(ONE_SHOT))
    def test_that_end_are_neither(self, service: str) -> None:
        assert SERVICES[service]["healthcheck"] == {"disable": True}
        assert SERVICES[service]["restart"] == "no"

    @pytest.mark.parametrize("service", sorted(SERVICES))
    def test_have_a_pinned_image(self, service: str) -> None:
        image = SERVICES[service]["image"]
        if service in OURS:
            assert image == f"opsintel:{project_version()}"
        else:
            assert re.fullmatch(r"[a-z/]+:v?\d[\w.-]+@sha256:[0-9a-f]{64}", image)

    @pytest.mark.parametrize("service", OURS)
    def test_of_ours_have_no_rights_beyond_their_own(self, service: str) -> None:
        assert SERVICES[service]["cap_drop"] == ["ALL"]
        assert SERVICES[service]["security_opt"] == ["no-new-privileges:true"]

    def test_start_once_the_schema_is_there(self) -> None:
        for service in ("api", "worker", "code-server"):
            assert SERVICES[service]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"
        for service in WITHOUT_OUR_CODE:
            assert SERVICES[service]["depends_on"]["code-server"]["condition"] == "service_healthy"

    def test_keep_their_data_on_declared_volumes(self) -> None:
        mounted = {str(v).partition(":")[0] for s in SERVICES.values() for v in s.get("volumes", [])}
        named = {source for source in mounted if not source.startswith((".", "$"))}
        assert named == set(compose_file()["volumes"])

    def test_mount_only_files_that_are_there(self) -> None:
        for service in SERVICES.values():
            for mount in service.get("volumes", []):
                if mount.startswith("./"):
                    assert (ROOT / mount.partition(":")[0]).is_file()


class TestPorts:
    def test_are_published_of_the_api_and_of_dagsters_ui_for_this_host_alone(self) -> None:
        published = {name: [filled_in(p, {}) for p in s["ports"]] for name, s in SERVICES.items() if "ports" in s}
        assert published == {"api": ["8080:8080"], "dagster-webserver": ["127.0.0.1:3001:3001"]}

    def test_of_the_api_answer_other_containers(self, surroundings: dict[str, str]) -> None:
        assert environment_of("api", surroundings)["API_ADDR"] == "0.0.0.0:8080"

    def test_of_the_servers_are_reached_by_the_product_only(self) -> None:
        assert compose_file()["networks"]["stores"] == {"internal": True}
        for service in OTHERS_VARIABLES:
            assert SERVICES[service]["networks"] == ["stores"]


class TestCommands:
    @pytest.mark.parametrize("service", OURS)
    def test_call_modules_and_scripts_that_exist(self, service: str) -> None:
        called = [command_of(service)]
        if service not in ONE_SHOT:
            called.append(healthcheck_of(service))
        if called[0][0] == "sh":
            called[0:1] = [part.split() for part in called[0][2].split(" && ")]
        for command in called:
            if command[:2] == ["python", "-m"]:
                assert_runs_as_module(command[2])
            elif command[0] not in ("python", "--help"):
                assert command[0] in {script.name for script in entry_points(group="console_scripts")}

    def test_load_definitions_that_exist(self) -> None:
        command = command_of("code-server")
        assert find_spec(command[command.index("-m", 2) + 1])


def assert_runs_as_module(name: str) -> None:
    specification = find_spec(name)
    assert specification is not None, name
    if specification.submodule_search_locations is not None:
        assert find_spec(f"{name}.__main__") is not None, name


def project_version() -> str:
    found = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert found is not None
    return found.group(1)
