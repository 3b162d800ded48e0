"""Settings: one clear line for a wrong value, and a page of documentation that is complete."""

import base64
from pathlib import Path

import pytest

from opsintel.cli.settings import markdown, rows
from opsintel.errors import SettingError
from opsintel.settings import Settings, load_settings

KEY = base64.b64encode(bytes(32)).decode()


class TestWrongValues:
    @pytest.mark.parametrize(
        ("variable", "value"),
        [
            ("API_ADDR", "nowhere"),
            ("API_ADDR", ":99999"),
            ("API_ADDR", "host name:80"),
            ("API_ADDR", "::1:8080"),
            ("API_ADDR", "host:80:90"),
            ("API_ADDR", ":\uff18\uff10"),
            ("DB_URL", "mysql://host/x"),
            ("DB_URL", "postgresql://[::1/x"),
            ("DB_URL", "postgresql://host:port/x"),
            ("DB_URL", "postgresql://host/x\ny"),
            ("AMQP_URL", "http://host"),
            ("REDIS_ADDR", "host"),
            ("REDIS_ADDR", ":6379"),
            ("REDIS_ADDR", "host:99999"),
            ("S3_BUCKET", "My bucket!"),
            ("OPSINTEL_LOCAL_SERVERS", "localhost"),
            ("OPSINTEL_LOCAL_SERVERS", "localhost:11434,http://other:80"),
            ("OPSINTEL_LOCAL_SERVERS", "*:11434"),
            ("OPSINTEL_LOCAL_SERVERS", "10.0.0.0/8:80"),
            ("S3_ENDPOINT", "minio"),
            ("OPSINTEL_PUBLIC_URL", "https://host/<script>"),
            ("OPSINTEL_PUBLIC_URL", "javascript:alert(1)"),
            ("MASTER_ENCRYPTION_KEY", "c2hvcnQ="),
            ("MASTER_ENCRYPTION_KEY", "not base64!"),
            ("OPSINTEL_PREVIOUS_MASTER_KEYS", "c2hvcnQ="),
            ("OPSINTEL_PREVIOUS_MASTER_KEYS", f"{KEY},not base64!"),
            ("JWT_SECRET", "tiny-value"),
            ("OPSINTEL_DAGSTER_PORT", "many"),
            ("OPSINTEL_OIDC_EMAIL_DOMAINS", "@acme.example"),
            ("OPSINTEL_OIDC_EMAIL_DOMAINS", "acme.example,local host"),
            ("OPSINTEL_OIDC_LABEL", "a\nb"),
            ("OPSINTEL_PASSWORDS", "maybe"),
            ("OPSINTEL_LOG_LEVEL", "LOUD"),
        ],
    )
    def test_are_one_line_that_names_the_variable_and_hides_the_value(self, variable: str, value: str) -> None:
        with pytest.raises(SettingError) as caught:
            load_settings({variable: value})
        line = caught.value.line()
        assert line.startswith(variable)
        assert "\n" not in line
        assert "example" in line or "make one" in line
        if variable in ("MASTER_ENCRYPTION_KEY", "OPSINTEL_PREVIOUS_MASTER_KEYS", "JWT_SECRET"):
            assert value not in line

    def test_are_shown_beside_an_example_of_their_own_kind(self) -> None:
        with pytest.raises(SettingError) as caught:
            load_settings({"S3_ENDPOINT": "minio:9000"})
        assert caught.value.message.endswith(
            "must begin with https:// or http:// and name a host, example: http://minio:9000"
        )

    @pytest.mark.parametrize(
        ("variable", "value"),
        [
            ("API_ADDR", "[::1]:8080"),
            ("API_ADDR", "0.0.0.0:1"),
            ("DB_URL", "postgresql:///opsintel?host=/run/postgresql"),
            ("REDIS_ADDR", "redis_1.internal:6379"),
            ("S3_BUCKET", "opsintel.raw-1"),
            ("OPSINTEL_PUBLIC_URL", "https://ops.example.com:8443/dashboard?a=b%20c"),
        ],
    )
    def test_are_not_those_that_servers_take(self, variable: str, value: str) -> None:
        settings = load_settings({variable: value})
        assert value in {str(getattr(settings, name)) for name in Settings.model_fields}

    def test_an_unknown_variable_with_our_prefix_is_refused(self) -> None:
        with pytest.raises(SettingError, match="OPSINTEL_DATADIR"):
            load_settings({"OPSINTEL_DATADIR": "/x"})


OIDC = {
    "OPSINTEL_OIDC_ISSUER": "https://id.example.com",
    "OPSINTEL_OIDC_CLIENT_ID": "opsintel",
    "OPSINTEL_OIDC_CLIENT_SECRET": "a-secret-of-the-tests",
}


class TestSingleSignOn:
    @pytest.mark.parametrize("missing", OIDC)
    def test_set_by_half_is_one_line_that_names_what_is_missing(self, missing: str) -> None:
        with pytest.raises(SettingError) as caught:
            load_settings({name: value for name, value in OIDC.items() if name != missing})
        assert caught.value.line().startswith(f"{missing} is not set. Single sign-on needs OPSINTEL_OIDC_ISSUER")
        assert OIDC["OPSINTEL_OIDC_CLIENT_SECRET"] not in caught.value.line()

    @pytest.mark.parametrize(
        ("issuer", "local_servers", "is_taken"),
        [
            ("http://id.example.com", "", False),
            ("http://127.0.0.1:9000", "127.0.0.1:9001", False),
            ("http://127.0.0.1:9000/realms/x", "127.0.0.1:9000", True),
            ("http://localhost", "localhost:80", True),
            ("https://id.example.com/?a=b", "", False),
            ("https://id.example.com/#a", "", False),
            ("https://user@id.example.com/", "", False),
            ("id.example.com", "", False),
        ],
    )
    def test_wants_tls_but_for_a_server_that_the_operator_allows(
        self, issuer: str, local_servers: str, is_taken: bool
    ) -> None:
        environment = OIDC | {"OPSINTEL_OIDC_ISSUER": issuer, "OPSINTEL_LOCAL_SERVERS": local_servers}
        if is_taken:
            assert load_settings(environment).oidc_issuer == issuer
        else:
            with pytest.raises(SettingError, match=r"^OPSINTEL_OIDC_ISSUER ") as caught:
                load_settings(environment)
            assert "\n" not in caught.value.line()

    def test_may_be_the_only_way_in_where_there_is_one(self) -> None:
        assert load_settings(OIDC | {"OPSINTEL_PASSWORDS": "off"}).passwords == "off"
        with pytest.raises(SettingError, match="OPSINTEL_PASSWORDS is off and nobody could log in"):
            load_settings({"OPSINTEL_PASSWORDS": "off"})

    def test_knows_domains_in_any_case(self) -> None:
        assert load_settings({"OPSINTEL_OIDC_EMAIL_DOMAINS": "Acme.example, b.example"}).oidc_email_domains == (
            "acme.example",
            "b.example",
        )


class TestAbsence:
    def test_everything_has_a_fallback_but_the_two_secrets(self) -> None:
        settings = load_settings({})
        assert settings.api_port == 8080
        with pytest.raises(SettingError, match="MASTER_ENCRYPTION_KEY"):
            settings.require_secrets()
        with pytest.raises(SettingError, match="JWT_SECRET"):
            load_settings({"MASTER_ENCRYPTION_KEY": KEY}).require_secrets()

    def test_an_empty_value_counts_as_absent(self) -> None:
        assert load_settings({"DB_URL": "", "S3_BUCKET": " "}).db_url is None

    def test_a_data_folder_named_from_here_is_the_same_from_everywhere(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir("/usr")
        assert load_settings({"OPSINTEL_DATA_DIR": "lib"}).data_dir == Path("/usr/lib")
        assert load_settings({"OPSINTEL_DATA_DIR": "~/x"}).data_dir == Path.home() / "x"


class TestDocumentation:
    def test_every_setting_says_what_it_is_and_what_its_absence_means(self) -> None:
        assert len(rows()) == len(Settings.model_fields)
        assert all(row["meaning"] and row["absent"] and row["example"] for row in rows())

    def test_the_page_is_what_the_command_writes(self) -> None:
        page = Path(__file__).parent.parent / "docs" / "settings.md"
        assert page.read_text() == markdown()
