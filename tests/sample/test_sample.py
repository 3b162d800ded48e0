"""The shipped sample: it is what its messages build, and its copies differ in their days only."""

from __future__ import annotations

import csv
import json
import mailbox
import subprocess
import sys
import zipfile
from datetime import date, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest

import opsintel.sample
from opsintel.sample import SAMPLE_DAYS, SAMPLE_LAST_DAY
from opsintel.sample.shift import write_sample

SHIPPED = Path(opsintel.sample.__file__).parent
BUILD = Path(__file__).parents[2] / "sample" / "build.py"


def truth(folder: Path) -> list[dict[str, str]]:
    with (folder / "truth.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def stamps(path: Path) -> list[str]:
    with zipfile.ZipFile(path) as archive:
        found = []
        for name in archive.namelist():
            try:
                entries = json.loads(archive.read(name))
            except ValueError:
                continue
            found += [f"{name}:{entry['ts']}" for entry in entries if "ts" in entry]
    return found


class TestBuild:
    def test_the_written_messages_build_the_shipped_files_byte_for_byte(self, tmp_path: Path) -> None:
        subprocess.run([sys.executable, str(BUILD), str(tmp_path)], check=True)
        built = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
        assert built
        assert built == {path: (SHIPPED / path).read_bytes() for path in built}

    def test_every_mail_with_an_id_is_in_the_truth(self) -> None:
        mails = mailbox.mbox(SHIPPED / "northlamp" / "mailbox.mbox")
        ids = {mail["Message-ID"] for mail in mails if mail["Message-ID"]}
        mails.close()
        known = {row["native_id"] for row in truth(SHIPPED) if (row["tenant"], row["source"]) == ("northlamp", "mbox")}
        assert ids == known - {""}


class TestShift:
    def test_a_copy_for_the_same_last_day_is_the_sample_itself(self, tmp_path: Path) -> None:
        for source in write_sample(tmp_path, SAMPLE_LAST_DAY):
            assert source.path.read_bytes() == (SHIPPED / source.path.relative_to(tmp_path)).read_bytes()
        assert truth(tmp_path) == truth(SHIPPED)

    @pytest.mark.parametrize("days", [-400, 1, 98])
    def test_every_mail_moves_by_the_same_days(self, tmp_path: Path, days: int) -> None:
        write_sample(tmp_path, SAMPLE_LAST_DAY + timedelta(days=days))
        dates = []
        for folder in (SHIPPED, tmp_path):
            mails = mailbox.mbox(folder / "northlamp" / "mailbox.mbox")
            dates.append([parsedate_to_datetime(mail["Date"]) for mail in mails if mail["Date"]])
            mails.close()
        assert dates[1] == [moment + timedelta(days=days) for moment in dates[0]]

    def test_slack_ids_of_the_truth_are_those_of_the_copy(self, tmp_path: Path) -> None:
        write_sample(tmp_path, SAMPLE_LAST_DAY + timedelta(days=10))
        copied = {entry.rpartition(":")[2] for entry in stamps(tmp_path / "northlamp" / "slack.zip")}
        rows = [row for row in truth(tmp_path) if (row["tenant"], row["source"]) == ("northlamp", "slack_export")]
        assert {row["native_id"].partition("/")[2] for row in rows if "broken" not in row["noise"]} == copied

    def test_tickets_end_within_the_chosen_days_and_the_absurd_date_stays(self, tmp_path: Path) -> None:
        last = date(2027, 3, 1)
        write_sample(tmp_path, last)
        with (tmp_path / "northlamp" / "tickets.csv").open(newline="", encoding="utf-8") as file:
            days = [row["created_at"][:10] for row in csv.DictReader(file) if row["created_at"]]
        assert "0202-11-04" in days
        usual = [date.fromisoformat(day) for day in days if not day.startswith("0202")]
        assert last - timedelta(days=SAMPLE_DAYS) < min(usual) <= max(usual) <= last
