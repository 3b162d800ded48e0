"""Templates: what shares an analysis, what never does, and the published figures on labelled lines."""

import csv
import os
from pathlib import Path

import pytest

from opsintel_pipeline.analyze.templates import VALUE, Groups, mask_values
from opsintel_pipeline.analyze.templates import groups as grouping
from opsintel_pipeline.analyze.templates.evaluation import reuse_of
from tests.analyze import machine_lines

DATA = Path(os.environ.get("OPSINTEL_TEST_DATA", "../shared/data"))
LOGS = ("Apache", "HDFS", "Hadoop", "Linux", "OpenSSH", "Proxifier", "Spark", "Zookeeper")
PEOPLE = ("text/banking77", "text/clinc150", "text/dstc11-insurance", "text/hint3-curekart")


def labelled(folder: str) -> tuple[list[str], list[str]]:
    with (DATA / folder / "data.csv").open(encoding="utf-8", newline="") as content:
        rows = list(csv.DictReader(content))
    return [row["text"] for row in rows], [row["label"] for row in rows]


class TestMasks:
    @pytest.mark.parametrize(
        "value",
        [
            "17",
            "-3.5",
            "1,234,567",
            "0x7ffe12",
            "deadbeefcafe",
            "10.1.2.3:8080",
            "fe80::1ff:fe23:4567:890a",
            "2001:db8::8a2e:370:7334",
            "00:1b:63:84:45:e6",
            "123e4567-e89b-42d3-a456-426614174000",
            "2026-11-30T12:00:01.123Z",
            "Mon Nov 30 12:00:01 2026",
            "30 Nov 2026",
            "https://shop.example.com/a?b=c",
            "ada@example.org",
            "/var/lib/app/data",
            "C:\\Windows\\winsxs",
            "db-a.prod.example.com:5432",
            "job_1445144423722_0020",
            "12 MB",
            "250 ms",
            "3 seconds",
            "85 %",
            "10:32 AM",
            "'alice'",
            '"eth"',
            "com.example.shop.Checkout",
            "nginx.conf",
        ],
    )
    def test_a_value_of_any_form_is_masked_alike(self, value: str) -> None:
        assert mask_values(f"about {value} here") == f"about {VALUE} here"

    def test_names_of_assigned_values_stay(self) -> None:
        assert mask_values("uid=0 rhost=example user=bob") == f"uid={VALUE} rhost={VALUE} user={VALUE}"

    def test_the_character_that_stands_for_a_value_is_no_letter_of_a_text(self) -> None:
        assert mask_values(f"a{VALUE}b") == "a b"

    def test_a_text_without_values_keeps_its_words(self) -> None:
        assert mask_values("  The  disk\nis slow, and/or I/O waits ") == "The disk is slow, and/or I/O waits"


class TestMeaning:
    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("2026-11-30 ERROR disk check of sda1", "2026-11-30 INFO disk check of sda1"),
            ("level=error disk=sda1", "level=info disk=sda1"),
            ('{"level":"error","disk":"sda1"}', '{"level":"info","disk":"sda1"}'),
            ('"level": "error", "n": 1', '"level": "warn", "n": 1'),
            ('{"sent_bytes": 17}', '{"received_bytes": 17}'),
            ("eth0 link=down", "eth0 link=dsl"),
            ("instance 17: VM Started", "instance 17: VM Paused"),
            ("job-failed-17 on h1", "job-started-17 on h1"),
            ("run 'failed' on h1", "run 'passed' on h1"),
            ("replica 3 is reachable", "replica 3 is not reachable"),
            ("success=true id=4", "success=false id=4"),
            ("link eth0 is up", "link eth0 is down"),
            ("request 17 ended with status: 200", "request 18 ended with status: 500"),
            ('"GET /a HTTP/1.1" 200 17', '"GET /a HTTP/1.1" 503 17'),
            ("pid 17 exited with code 0", "pid 18 exited with code 137"),
            ("scan 17: 0 errors", "scan 18: 12 errors"),
            ("scan 17, failed: 0", "scan 18, failed: 3"),
            ("scan=17 errors=0", "scan=18 errors=3"),
            ("scan=17 last_error=null", "scan=18 last_error=timeout"),
            ("login of user=root from 10.0.0.1", "login of user=bob from 10.0.0.1"),
            ("alertname=DiskFull id=1", "alertname=CertificateExpires id=1"),
            ("17 failed: com.example.net.NoRouteException", "17 failed: com.example.net.AuthError"),
            ("ORA-00942: query 17", "ORA-12541: query 17"),
            ("pending 5, errors:1", "pending 5, warnings:1"),
            ("Service web: 3 of 3 replicas ready", "Service web: 0 of 3 replicas ready"),
            ("Disk usage on /var is 12%", "Disk usage on /var is 100%"),
            ("UPS battery at 97 %", "UPS battery at 1 %"),
            ("Certificate expires in 89 days", "Certificate expires in 0 days"),
            ("Queue depth 3, consumers 5", "Queue depth 900000, consumers 0"),
        ],
    )
    def test_lines_that_mean_something_else_never_share(self, one: str, other: str) -> None:
        assert mask_values(one) != mask_values(other)
        groups = Groups()
        assert groups.key_of(one, by_machine=True) != groups.key_of(other, by_machine=True)

    @pytest.mark.parametrize(
        "line",
        [
            "host 4: worker for {} gone",
            "host 4: switched from {} to primary",
            "host 4: task for {} ended",
        ],
    )
    @pytest.mark.parametrize(
        "words",
        [
            ["failed", "running", "stopped", "denied"],
            ["NEW", "INITED", "SETUP", "DONE"],
            ["leader", "offline", "idle", "root"],
            ["flushed", "paging", "readable", "drained"],
        ],
    )
    def test_words_of_state_never_become_a_value_however_many_are_seen(self, line: str, words: list[str]) -> None:
        groups = Groups()
        assert len({groups.key_of(line.format(word)) for word in words}) == len(words)

    @pytest.mark.parametrize(
        "line",
        [
            "Notice [plant-7] {} in hall 3",
            "Alert from monitoring: {} detected at plant North",
            "Alert: {} in server room B",
            "User root did {} on backup volume",
        ],
    )
    def test_a_word_that_is_the_message_never_becomes_a_value(self, line: str) -> None:
        groups = Groups()
        words = ["Concert", "Meeting", "Cleaning", "Party", "Music", "Drill", "Fire", "Flood", "Intruder"]
        words = [word.lower() for word in words] if "did" in line else words
        assert len({groups.key_of(line.format(word), by_machine=True) for word in words}) == len(words)

    def test_verbs_after_to_stay_apart(self) -> None:
        groups = Groups()
        verbs = ["bind", "listen", "resolve", "parse", "allocate"]
        assert len({groups.key_of(f"worker 4: failed to {verb} socket") for verb in verbs}) == len(verbs)


class TestGroups:
    def test_names_become_a_value_after_the_third(self) -> None:
        groups = Groups()
        keys = [groups.key_of(f"Invalid user {name} from 10.0.0.1") for name in ("ann", "bob", "cid", "dan", "eve")]
        assert keys[2] == keys[3] == keys[4]
        assert len(set(keys)) == 3
        assert groups.key_of("Invalid user ann from 10.9.9.9") == keys[0], "what was once grouped stays where it is"

    def test_names_at_several_places_are_found_together(self) -> None:
        groups = Groups()
        keys = [
            groups.key_of(f"login 7 for {user} from {host}")
            for user, host in (("ann", "oak"), ("bob", "elm"), ("cid", "ash"), ("dan", "fir"), ("eve", "yew"))
        ]
        assert keys[2] == keys[3] == keys[4]

    def test_a_masked_and_a_bare_name_at_one_place_are_counted_apart(self) -> None:
        groups = Groups()
        keys = [groups.key_of(f"login 7 for {name} from oak") for name in ("ann", "x1", "bob", "y2", "cid", "dan")]
        assert keys[1] == keys[3]
        assert keys[4] == keys[5]

    def test_the_host_in_a_line_of_syslog_is_a_name(self) -> None:
        groups = Groups()
        hosts = ("oak", "elm", "ash", "fir", "yew")
        keys = [groups.key_of(f"Nov 30 12:00:01 {host} sshd[17]: ready") for host in hosts]
        assert keys[2] == keys[3] == keys[4]
        assert len({groups.key_of(f"Nov 30 12:00:01 {verb} of disk") for verb in ("scan", "copy", "move", "wipe")}) == 4

    def test_a_line_s_group_depends_on_no_later_line(self) -> None:
        texts, _ = machine_lines.lines(300, seed=3)
        whole = Groups()
        keys = [whole.key_of(text) for text in texts]
        part = Groups()
        assert [part.key_of(text) for text in texts[:150]] == keys[:150]

    def test_the_state_goes_on_where_it_was_dumped(self) -> None:
        texts, _ = machine_lines.lines(300, seed=4)
        whole, first = Groups(), Groups()
        keys = [whole.key_of(text) for text in texts]
        before = [first.key_of(text) for text in texts[:150]]
        second = Groups.load(first.dump())
        assert before + [second.key_of(text) for text in texts[150:]] == keys

    def test_the_state_holds_no_word_of_a_message(self) -> None:
        groups = Groups()
        for name in ("annabelle", "bartholomew", "cassandra", "dorothea"):
            groups.key_of(f"Invalid user {name} from 10.0.0.1")
        state = groups.dump().decode()
        assert not any(word in state for word in ("annabelle", "dorothea", "Invalid", "10.0.0.1"))

    def test_the_state_of_another_version_is_forgotten(self) -> None:
        assert Groups.load(b'{"version": 0, "known": [["a", "b"]], "frames": []}') == Groups()

    def test_the_state_is_of_bounded_size(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(grouping, "CAPACITY", 50)
        groups = Groups()
        sizes = []
        for number in range(400):
            groups.key_of(f"{'x' * (number + 1)} 7 for ann from oak")
            sizes.append(len(groups.dump()))
        assert max(sizes) < 2 * sizes[60]

    def test_names_of_several_words_become_a_value_whatever_the_language(self) -> None:
        names = ("Ann Lee", "Bo K. Ray-Doe", "Cid", "Dora Elm", "Eve Fox", "Finn Gray", "Gus Hall", "Hal Ito")
        for line in (
            "Benutzer {} hat sich am 3.4.2026 abgemeldet",
            "Le compte de {} a été fermé le 3/4/2026 à 12h",
            "ユーザー {} が 2026年3月4日 にログインしました",
            "Check-in of {} at gate 12",
        ):
            groups = Groups()
            keys = [groups.key_of(line.format(name)) for name in names]
            assert keys[5] == keys[6] == keys[7]
            assert len(set(keys)) == 6

    @pytest.mark.parametrize(
        ("line", "states"),
        [
            ("Coverage of {} {} to 17%", ["rose", "fell"]),
            ("Der Dienst {} wurde {} am 3.4.2026", ["neu gebaut", "neu geladen", "umbenannt"]),
            ("Session of {} went {} at 12:00", ["in", "out", "away"]),
        ],
    )
    def test_words_beside_a_name_that_take_few_forms_stay(self, line: str, states: list[str]) -> None:
        groups = Groups()
        names = ("oak", "elm lane", "ash", "fir grove", "yew", "box hill", "bay", "holly", "ivy walk", "lime") * 3
        of: dict[str, set[str]] = {state: set() for state in states}
        for place, name in enumerate(names):
            state = states[place % len(states)]
            of[state].add(groups.key_of(line.format(name, state)))
        for one in states:
            assert not any(of[one] & of[other] for other in states if other != one)

    def test_a_form_letter_shares_after_the_third_and_a_person_s_request_never(self) -> None:
        groups = Groups()
        letters = [groups.key_of(f"Your statement of account {number} is available") for number in range(5)]
        assert letters[2] == letters[3] == letters[4]
        assert len(set(letters)) == 3
        assert len({groups.key_of(f"Please look at order {number}") for number in range(5)}) == 5
        assert len({groups.key_of(f"My statement of account {number} is wrong") for number in range(5)}) == 5

    def test_a_day_of_the_week_is_no_word_of_a_person(self) -> None:
        groups = Groups()
        one = "Mon Nov 30 12:00:01 2026 please check 17 now"
        assert groups.key_of(f"[a] {one}") == groups.key_of(f"[a] {one.replace('17', '18')}")

    def test_a_long_text_is_equal_to_itself_only(self) -> None:
        groups = Groups()
        long = "line 17 " * 1_200
        assert groups.key_of(long) == groups.key_of(long)
        assert groups.key_of(long) != groups.key_of(long.replace("17", "18"))


class TestPeople:
    def test_what_a_person_writes_shares_only_when_it_is_the_same(self) -> None:
        groups = Groups()
        one = groups.key_of("Where is my order 4711?")
        assert groups.key_of("Where is  my order 4711?") == one
        assert groups.key_of("Where is my order 4712?") != one

    def test_who_writes_decides_where_it_is_known(self) -> None:
        groups = Groups()
        assert groups.key_of("Your build 17 failed", by_machine=True) == groups.key_of(
            "Your build 18 failed", by_machine=True
        )
        assert groups.key_of("order 17 is late", by_machine=False) != groups.key_of(
            "order 18 is late", by_machine=False
        )

    def test_one_word_makes_no_person_of_a_machine_s_notation(self) -> None:
        groups = Groups()
        assert groups.key_of("Connection broken for id 17, my id = 1") == groups.key_of(
            "Connection broken for id 18, my id = 2"
        )


class TestFigures:
    """`opsintel eval duplicates` on sets of loghub, and on lines of other makers that no mask was made for."""

    def test_lines_of_other_makers(self) -> None:
        found = reuse_of(*machine_lines.lines(1_500, seed=1))
        assert found.saved >= 0.95
        assert found.wrong == 0

    def test_log_lines(self) -> None:
        if not (DATA / "logs").is_dir():
            pytest.fail("the test data is not there; set OPSINTEL_TEST_DATA")
        found = [reuse_of(*labelled(f"logs/{name}")) for name in LOGS]
        assert sum(reuse.saved for reuse in found) / len(found) >= 0.96
        assert sum(reuse.wrong for reuse in found) / len(found) <= 0.001

    @pytest.mark.parametrize("folder", PEOPLE)
    def test_people_s_messages_stay_apart(self, folder: str) -> None:
        if not (DATA / folder).is_dir():
            pytest.fail("the test data is not there; set OPSINTEL_TEST_DATA")
        texts, labels = labelled(folder)
        equal = 1 - len({" ".join(text.split()) for text in texts}) / len(texts)
        found = reuse_of(texts, labels)
        assert found.saved <= equal + 0.005
        assert found.wrong <= 0.003
