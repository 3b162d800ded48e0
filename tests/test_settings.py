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
            ("DB_URL", "mysql://host/x"),
            ("AMQP_URL", "http://host"),
            ("REDIS_ADDR", "host"),
            ("S3_ENDPOINT", "minio"),
            ("MASTER_ENCRYPTION_KEY", "c2hvcnQ="),
            ("MASTER_ENCRYPTION_KEY", "not base64!"),
            ("JWT_SECRET", "tiny-value"),
            ("OPSINTEL_DAGSTER_PORT", "many"),
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
        if variable in ("MASTER_ENCRYPTION_KEY", "JWT_SECRET"):
            assert value not in line

    def test_an_unknown_variable_with_our_prefix_is_refused(self) -> None:
        with pytest.raises(SettingError, match="OPSINTEL_DATADIR"):
            load_settings({"OPSINTEL_DATADIR": "/x"})


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


class TestDocumentation:
    def test_every_setting_says_what_it_is_and_what_its_absence_means(self) -> None:
        assert len(rows()) == len(Settings.model_fields)
        assert all(row["meaning"] and row["absent"] and row["example"] for row in rows())

    def test_the_page_is_what_the_command_writes(self) -> None:
        page = Path(__file__).parent.parent / "docs" / "settings.md"
        assert page.read_text() == markdown()
