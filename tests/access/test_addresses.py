"""Attempts to reach what nobody should, by an address that a user may give."""

import asyncio
import gzip
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from threading import Event

import httpx
import pytest

from opsintel.errors import AddressError, AnswerError, InputError, OpsintelError, UnavailableError
from opsintel.net import connect
from opsintel.net.addresses import is_local_server, is_public
from opsintel.net.client import open_async_client, open_client
from opsintel.net.connect import guarded_connect, guarded_connect_async
from opsintel.net.policy import Policy, local_servers_of
from opsintel.settings import load_settings
from tests.access.network import OTHER_PUBLIC, PUBLIC, Exchange, Network, certificate, network, scripted_server
from tests.access.spellings import INNER_IPV4, INNER_IPV6, hosts

__all__ = ["network"]

PLAIN = Policy(schemes=frozenset({"http", "https"}))
HOSTS = hosts()
Fetch = Callable[[str, Policy], httpx.Response]


def fetch(url: str, policy: Policy = PLAIN, **options: object) -> httpx.Response:
    with open_client(policy) as client:
        return client.get(url, **options)  # type: ignore[arg-type]


def fetch_async(url: str, policy: Policy = PLAIN, **options: object) -> httpx.Response:
    async def run() -> httpx.Response:
        async with open_async_client(policy) as client:
            return await client.get(url, **options)  # type: ignore[arg-type]

    return asyncio.run(run())


both = pytest.mark.parametrize("get", [fetch, fetch_async])


def hello(exchange: Exchange) -> None:
    exchange.answer(b"hello")


class TestSpellings:
    def test_check_40_there_are_hundreds_of_them(self) -> None:
        assert len(HOSTS) >= 300

    @pytest.mark.parametrize("host", HOSTS)
    def test_check_40_no_spelling_of_an_inner_address_is_connected_to(self, host: str, network: Network) -> None:
        for url in (f"http://{host}/", f"https://{host}:8443/"):
            with pytest.raises(AddressError):
                fetch(url)
        with pytest.raises(AddressError):
            fetch_async(f"http://{host}/")
        with pytest.raises(AddressError):
            guarded_connect(host, 443, PLAIN)
        assert network.dialled == []

    @pytest.mark.parametrize("address", [*INNER_IPV4, *INNER_IPV6])
    def test_check_40_no_name_that_resolves_there_is_connected_to(self, address: str, network: Network) -> None:
        for answers in ([address], [PUBLIC, address], [address, PUBLIC], [OTHER_PUBLIC, PUBLIC, address]):
            network.names["friendly.example.com"] = [answers]
            with pytest.raises(AddressError) as caught:
                fetch("http://friendly.example.com/")
            assert address not in caught.value.line() or address == "::"
        assert network.dialled == []

    @pytest.mark.parametrize(
        "url",
        [
            "http://127.0.0.1#@example.com/",
            "http://127.0.0.1?@example.com/",
            "http://example.com@127.0.0.1/",
            "http://example.com:80@127.0.0.1:80/",
            "http://example.com\\@127.0.0.1/",
            "http://127.0.0.1\\@example.com/",
            "http://[::1]@example.com@[::1]/",
            "http://[::ffff:127.0.0.1",
            "http://::1/",
            "http://127.0.0.1:80:80/",
            "http:///127.0.0.1/",
            "http:127.0.0.1/",
            "//127.0.0.1/",
            "http://\t127.0.0.1/",
            " http://127.0.0.1/",
            "http://127.0.0.1\r\nHost: example.com/",
            "http://127.0.0.1\x00.example.com/",
            "http://example.com\u2044127.0.0.1/",
            "http://exämple\uff0f.com@127.0.0.1/",
            "http://[fe80::1%25lo]/",
        ],
    )
    def test_check_40_parsers_are_not_played_off_against_each_other(self, url: str, network: Network) -> None:
        network.names["example.com"] = [[PUBLIC]]
        with pytest.raises(AddressError):
            fetch(url)
        assert network.dialled == []

    @pytest.mark.parametrize("address", ["1.1.1.1", "93.184.215.14", "100.63.255.255", "172.32.0.1", "192.0.1.1",
        "198.17.255.255", "198.20.0.0", "223.255.255.255", "2606:4700::1111", "2001:4860:4860::8888", "2a00:1450::1",
        "2001:200::1"])  # fmt: skip
    def test_check_40_what_is_public_stays_reachable(self, address: str) -> None:
        assert is_public(ip_address(address))
        assert not is_local_server(ip_address(address))

    def test_check_40_a_refusal_tells_nothing_of_the_inner_network(self, network: Network) -> None:
        network.names["wiki.bank.example"] = [["10.20.30.40"]]
        lines = set()
        for host in ("wiki.bank.example", "absent.bank.example", "localhost", "10.20.30.40"):
            with pytest.raises(AddressError) as caught:
                fetch(f"http://{host}/")
            lines.add(caught.value.line())
        assert len(lines) == 1

    def test_check_40_a_public_address_of_this_machine_is_not_reached(
        self, network: Network, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("tests.access.network.Rerouted.getsockname", lambda _: (PUBLIC, 50000))
        with scripted_server(hello) as (port, received):
            network.servers[PUBLIC] = port
            with pytest.raises(AddressError):
                fetch(f"http://{PUBLIC}/")
        assert received == []


class TestRebinding:
    @both
    def test_check_41_a_name_is_looked_up_once_and_its_checked_address_connected_to(
        self, get: Fetch, network: Network
    ) -> None:
        network.names["rebind.example.com"] = [[PUBLIC], ["127.0.0.1"], ["169.254.169.254"]]
        with scripted_server(hello) as (port, received):
            network.servers[PUBLIC] = port
            assert get("http://rebind.example.com/", PLAIN).text == "hello"
            assert network.looked_up == ["rebind.example.com"]
            assert network.dialled == [(PUBLIC, 80)]
            assert received[0].headers["host"] == ["rebind.example.com"]

    @pytest.mark.parametrize("later", ["127.0.0.1", "169.254.169.254", "10.0.0.1", "::1", "fd00:ec2::254"])
    def test_check_41_each_request_is_checked_anew(self, later: str, network: Network) -> None:
        network.names["rebind.example.com"] = [[PUBLIC], [later]]
        with scripted_server(hello) as (port, received), open_client(PLAIN) as client:
            network.servers[PUBLIC] = port
            client.get("http://rebind.example.com/")
            with pytest.raises(AddressError):
                client.get("http://rebind.example.com/")
            assert len(received) == 1
        assert network.dialled == [(PUBLIC, 80)]

    def test_check_41_a_second_address_is_tried_only_when_it_was_checked_with_the_first(self, network: Network) -> None:
        network.names["two.example.com"] = [[OTHER_PUBLIC, PUBLIC], ["127.0.0.1"]]
        with scripted_server(hello) as (port, _):
            network.servers[PUBLIC] = port
            assert fetch("http://two.example.com/").text == "hello"
        assert network.dialled == [(OTHER_PUBLIC, 80), (PUBLIC, 80)]
        assert network.looked_up == ["two.example.com"]

    def test_check_41_a_socket_that_leads_elsewhere_is_closed_unused(
        self, network: Network, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("tests.access.network.Rerouted.getpeername", lambda _: ("127.0.0.1", 80))
        with scripted_server(hello) as (port, received):
            network.servers[PUBLIC] = port
            with pytest.raises(AddressError):
                fetch(f"http://{PUBLIC}/")
        assert received == []

    @both
    def test_check_41_the_certificate_must_be_of_the_name_not_of_the_address(
        self, get: Fetch, network: Network, tmp_path: Path
    ) -> None:
        server, client_tls = certificate(tmp_path, "api.example.com")
        network.names |= {"api.example.com": [[PUBLIC]], "other.example.com": [[PUBLIC]]}
        with scripted_server(hello, server) as (port, received):
            network.servers[PUBLIC] = port
            if get is fetch:
                with open_client(Policy(), client_tls) as client:
                    assert client.get("https://api.example.com/").text == "hello"
                    with pytest.raises(UnavailableError):
                        client.get("https://other.example.com/")
            else:
                asyncio.run(self._ask_both(client_tls))
            assert received[0].sni == "api.example.com"
            assert received[0].headers["host"] == ["api.example.com"]
            assert len(received) == 1
            with pytest.raises(UnavailableError):
                get("https://api.example.com/", Policy())  # nobody trusts this authority

    async def _ask_both(self, tls: object) -> None:
        async with open_async_client(Policy(), tls) as client:  # type: ignore[arg-type]
            assert (await client.get("https://api.example.com/")).text == "hello"
            with pytest.raises(UnavailableError):
                await client.get("https://other.example.com/")


INNER_TARGETS = (
    "http://127.0.0.1/", "http://169.254.169.254/latest/meta-data/", "http://[::1]:8080/", "http://localhost/",
    "http://2130706433/", "http://0x7f.1/", "http://inner.example.com/", "//10.0.0.1/", "file:///etc/passwd",
    "gopher://127.0.0.1:6379/_x", "ftp://example.com/", "http://user:pass@other.example.com/",
    "http://other.example.com:6379/", "javascript:alert(1)", "data:text/plain,x",
)  # fmt: skip


class TestRedirects:
    @both
    @pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
    def test_check_42_are_returned_as_they_are(self, get: Fetch, code: int, network: Network) -> None:
        with scripted_server(lambda x: x.answer(status=f"{code} Moved", location="/next")) as (port, received):
            network.servers[PUBLIC] = port
            assert get(f"http://{PUBLIC}/", PLAIN).status_code == code
            with open_client(PLAIN) as client:
                assert client.get(f"http://{PUBLIC}/", follow_redirects=True).status_code == code
            assert len(received) == 2

    @both
    @pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
    @pytest.mark.parametrize("target", INNER_TARGETS)
    def test_check_42_each_hop_is_checked_like_the_first(
        self, get: Fetch, code: int, target: str, network: Network
    ) -> None:
        network.names |= {
            "other.example.com": [[OTHER_PUBLIC]],
            "inner.example.com": [["10.0.0.1"]],
            "start.example.com": [[PUBLIC]],
        }
        with scripted_server(lambda x: x.answer(status=f"{code} Moved", location=target)) as (port, received):
            network.servers |= {PUBLIC: port, OTHER_PUBLIC: port}
            with pytest.raises((AddressError, UnavailableError)):
                get("http://start.example.com/", Policy(PLAIN.schemes, redirects=5))
            assert len(received) == 1
        assert network.dialled == [(PUBLIC, 80)]

    @both
    @pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
    def test_check_42_nothing_private_goes_to_another_host(self, get: Fetch, code: int, network: Network) -> None:
        network.names |= {"start.example.com": [[PUBLIC]], "other.example.com": [[OTHER_PUBLIC]]}
        private = {
            "Authorization": "Bearer canary",
            "X-Api-Key": "canary",
            "Cookie": "c=canary",
            "Accept": "text/plain",
        }

        def script(exchange: Exchange) -> None:
            if "/final" in exchange.line:
                exchange.answer(b"arrived")
            else:
                exchange.answer(
                    status=f"{code} Moved", location="http://other.example.com/final", set_cookie="a=canary"
                )

        with scripted_server(script) as (port, received):
            network.servers |= {PUBLIC: port, OTHER_PUBLIC: port}
            policy = Policy(PLAIN.schemes, redirects=2)
            with open_client(policy) as client:
                client.post("http://start.example.com/", content=b"canary", headers=private, auth=("u", "canary"))
            get("http://start.example.com/", policy)
            for exchange in received:
                if exchange.headers["host"] == ["other.example.com"]:
                    assert "canary" not in repr((exchange.headers, exchange.body))
                    assert exchange.line == "GET /final HTTP/1.1"
            assert len(received) == 4

    def test_check_42_never_from_tls_to_plain_text_and_never_for_ever(self, network: Network, tmp_path: Path) -> None:
        server, tls = certificate(tmp_path, "start.example.com")
        network.names["start.example.com"] = [[PUBLIC]]
        policy = Policy(PLAIN.schemes, redirects=3)
        for location, error in (("http://start.example.com/", "plain text"), ("/again", "more than 3")):
            with (
                scripted_server(lambda x, to=location: x.answer(status="302 Found", location=to), server) as (port, _),
                open_client(policy, tls) as client,
            ):
                network.servers[PUBLIC] = port
                with pytest.raises(AnswerError, match=error):
                    client.get("https://start.example.com/")


class TestSchemesAndPorts:
    @pytest.mark.parametrize("scheme", ["http", "ftp", "file", "gopher", "dict", "ldap", "ws", "wss", "unix", "jar",
        "http+unix", "https+x", "data", "javascript", "tftp", "smb", ""])  # fmt: skip
    def test_check_43_only_https_unless_the_policy_says_so(self, scheme: str, network: Network) -> None:
        network.names["example.com"] = [[PUBLIC]]
        with pytest.raises(AddressError):
            fetch(f"{scheme}://example.com/", Policy())
        assert network.looked_up == []

    @pytest.mark.parametrize("port", [1, 7, 21, 22, 23, 25, 53, 110, 111, 119, 135, 139, 143, 389, 445, 465, 512, 514,
        587, 636, 873, 993, 2049, 2375, 2379, 3306, 3389, 5432, 5672, 6000, 6379, 6667, 9042, 9092, 9200, 9300, 10250,
        11211, 15672, 27017, 65536, 99999, -1])  # fmt: skip
    def test_check_43_no_port_of_another_service(self, port: int, network: Network) -> None:
        network.names["example.com"] = [[PUBLIC]]
        with pytest.raises(AddressError):
            fetch(f"http://example.com:{port}/")
        assert network.dialled == []

    def test_check_43_a_user_in_the_address_is_refused(self, network: Network) -> None:
        for url in ("http://user@example.com/", "http://user:secret@example.com/", "http://:@example.com/x"):
            with pytest.raises(AddressError) as caught:
                fetch(url)
            assert "secret" not in caught.value.line()
        assert network.looked_up == []


class TestSurroundings:
    @both
    def test_check_45_proxies_and_files_of_the_environment_are_ignored(
        self, get: Fetch, network: Network, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        (tmp_path / "netrc").write_text(f"machine {PUBLIC} login canary password canary\n")
        monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "netrc"))
        with (
            scripted_server(lambda x: x.answer(b"proxy")) as (proxy_port, proxied),
            scripted_server(hello) as (port, seen),
        ):
            for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
                monkeypatch.setenv(name, f"http://127.0.0.1:{proxy_port}")
            network.servers[PUBLIC] = port
            assert get(f"http://{PUBLIC}/", PLAIN).text == "hello"
            with pytest.raises(UnavailableError):
                get(f"https://{PUBLIC}/", Policy(total_seconds=0.3))
            assert proxied == []
            assert "authorization" not in seen[0].headers

    def test_check_45_nothing_a_caller_hands_on_changes_where_a_request_goes(self, network: Network) -> None:
        headers = {"Host": "metadata", "Proxy-Authorization": "x", "Connection": "keep-alive", "Accept-Encoding": "br"}
        with scripted_server(hello) as (port, received):
            network.servers[PUBLIC] = port
            fetch(
                f"http://{PUBLIC}/", headers=headers, extensions={"sni_hostname": "x", "target": b"http://127.0.0.1/"}
            )
            seen = received[0].headers
            assert (seen["host"], seen["connection"], seen["accept-encoding"]) == ([PUBLIC], ["close"], ["gzip"])
            assert "proxy-authorization" not in seen
            assert received[0].line == "GET / HTTP/1.1"
            for value in ("a\r\nX-Injected: 1", "a\nb", "a\x00b"):
                with pytest.raises(InputError):
                    fetch(f"http://{PUBLIC}/", headers={"X-Given": value})
            assert len(received) == 1

    def test_check_45_cookies_of_one_request_are_not_sent_with_the_next(self, network: Network) -> None:
        with scripted_server(lambda x: x.answer(set_cookie="session=canary; Path=/")) as (port, received):
            network.servers[PUBLIC] = port
            with open_client(PLAIN) as client:
                client.get(f"http://{PUBLIC}/")
                client.get(f"http://{PUBLIC}/")
            assert "cookie" not in received[1].headers


class TestLocalServers:
    SETTINGS = load_settings({"OPSINTEL_LOCAL_SERVERS": "localhost:11434, LLM.Bank.example:8000 ,[fd12::1]:9000"})

    def policy(self) -> Policy:
        return Policy(local_servers=local_servers_of(self.SETTINGS))

    @both
    def test_check_46_one_that_the_operator_allows_is_reached(self, get: Fetch, network: Network) -> None:
        network.names |= {"localhost": [["127.0.0.1"]], "llm.bank.example": [["10.1.2.3"]]}
        with scripted_server(hello) as (port, _):
            network.servers |= {"127.0.0.1": port, "10.1.2.3": port, "fd12::1": port}
            for url in ("http://localhost:11434/", "http://llm.bank.example:8000/", "http://[FD12:0::1]:9000/"):
                assert get(url, self.policy()).text == "hello"

    @pytest.mark.parametrize(
        "url",
        [
            "http://127.0.0.1:11434/",
            "http://localhost/",
            "http://localhost:11435/",
            "http://localhost:11434@127.0.0.1:11434/",
            "http://a.localhost:11434/",
            "http://localhost.example.com:11434/",
            "http://[::1]:11434/",
            "http://llm.bank.example/",
            "http://llm.bank.example:8001/",
            "http://10.1.2.3:8000/",
            "http://other.bank.example:8000/",
            "https://other.bank.example:8000/",
            "http://[fd12::2]:9000/",
            "http://[fd12::1]:9001/",
            "ftp://localhost:11434/",
        ],
    )
    def test_check_46_nothing_beside_it_is(self, url: str, network: Network) -> None:
        network.names |= {
            "localhost": [["127.0.0.1"]],
            "llm.bank.example": [["10.1.2.3"]],
            "other.bank.example": [["10.1.2.3"]],
            "localhost.example.com": [["127.0.0.1"]],
            "a.localhost": [["127.0.0.1"]],
        }
        with pytest.raises(AddressError):
            fetch(url, self.policy())
        assert network.dialled == []

    @pytest.mark.parametrize("address", ["169.254.169.254", "0.0.0.0", "224.0.0.1", "fe80::1", "fd00:ec2::254",
        "100.100.100.200", "::ffff:10.0.0.1", "192.0.0.192", "168.63.129.16"])  # fmt: skip
    def test_check_46_even_an_allowed_name_never_leads_to_metadata(self, address: str, network: Network) -> None:
        network.names["llm.bank.example"] = [[address]]
        with pytest.raises(AddressError):
            fetch("http://llm.bank.example:8000/", self.policy())
        assert network.dialled == []

    def test_check_46_none_is_allowed_when_nothing_is_set(self, network: Network) -> None:
        network.names["localhost"] = [["127.0.0.1"]]
        policy = Policy(PLAIN.schemes, local_servers=local_servers_of(load_settings({})))
        with pytest.raises(AddressError):
            fetch("http://localhost:11434/", policy)
        assert network.dialled == []


class TestOtherProtocols:
    def test_a_socket_for_another_protocol_is_guarded_alike(self, network: Network) -> None:
        mail = Policy(ports=frozenset({993}))
        network.names |= {"imap.example.com": [[PUBLIC]], "inner.example.com": [["10.0.0.1"]]}
        with scripted_server(hello) as (port, _):
            network.servers[PUBLIC] = port
            guarded_connect("imap.example.com", 993, mail).close()
            connected = asyncio.run(guarded_connect_async("imap.example.com", 993, mail))
            assert not connected.getblocking()
            connected.close()
        for host, port in (("imap.example.com", 25), ("inner.example.com", 993), ("localhost", 993)):
            with pytest.raises(AddressError):
                guarded_connect(host, port, mail)
            with pytest.raises(AddressError):
                asyncio.run(guarded_connect_async(host, port, mail))
        assert network.dialled == [(PUBLIC, 993)] * 2


def drip(exchange: Exchange) -> None:
    exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    for _ in range(1000):
        exchange.send(b"x")
        Event().wait(0.02)


class TestLimits:
    """What a hostile server answers; each within 2 s or a few megabytes."""

    LIMITED = Policy(PLAIN.schemes, total_seconds=1.0, max_body_bytes=1_000_000, max_header_bytes=16_000)

    @both
    @pytest.mark.parametrize(
        "sent",
        [
            b"HTTP/1.1 200 OK\r\n" + b"X-Big: " + b"a" * 20_000 + b"\r\nContent-Length: 0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\n" + b"X-Many: a\r\n" * 2_000 + b"Content-Length: 0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\n" + b"X: a\r\n" * 1_000_000,
            b"HTTP/1.1 103 Early Hints\r\n\r\n" * 300_000,
            b"HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n" + b"x" * 2_000_000,
            b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 2_000_000,
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 900_000,
            b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 1\r\n\r\nx",
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip, gzip\r\nContent-Length: 1\r\n\r\nx",
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx",
            b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnone",
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
            b"220 smtp.example.com ESMTP\r\n",
            b"",
        ],
        ids=range(15),
    )
    def test_every_answer_that_is_too_much_is_one_line(self, get: Fetch, sent: bytes, network: Network) -> None:
        with scripted_server(lambda x: x.send(sent)) as (port, _):
            network.servers[PUBLIC] = port
            with pytest.raises(OpsintelError) as caught:
                get(f"http://{PUBLIC}/", self.LIMITED)
        assert isinstance(caught.value, (AnswerError, UnavailableError))

    @both
    def test_no_server_takes_more_than_the_whole_time(self, get: Fetch, network: Network) -> None:
        with scripted_server(drip) as (port, _):
            network.servers[PUBLIC] = port
            with pytest.raises(UnavailableError, match="within 0.3 s|in time"):
                get(f"http://{PUBLIC}/", Policy(PLAIN.schemes, total_seconds=0.3))

    @both
    def test_nor_does_a_resolver(self, get: Fetch, network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
        over = Event()
        monkeypatch.setattr(connect, "look_up", lambda *_: over.wait(10) and [PUBLIC])
        with pytest.raises(UnavailableError):
            get("http://slow.example.com/", Policy(PLAIN.schemes, total_seconds=0.3))
        over.set()
        assert network.dialled == []

    @both
    def test_what_is_within_the_limits_arrives_whole(self, get: Fetch, network: Network) -> None:
        content = b"".join(b"line %d of something\n" % number for number in range(20_000))
        packed = gzip.compress(content)
        with scripted_server(lambda x: x.answer(packed, content_encoding="gzip")) as (port, _):
            network.servers[PUBLIC] = port
            assert get(f"http://{PUBLIC}/", self.LIMITED).content == content
