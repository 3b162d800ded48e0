"""A real Dovecot as the tests' own child: mailboxes in Maildir, TLS by a certificate of its own, passwords and tokens.

Its passwords are files that are read at each log-in; tokens are JSON Web Tokens that it verifies itself, as it does for
XOAUTH2 in production with local validation. A reset of UIDVALIDITY is made as it happens to people: what the server
knew of a mailbox is lost, and it numbers all mails anew.
"""

from __future__ import annotations

import base64
import imaplib
import json
import os
import pwd
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import jwt
from imapclient.imap_utf7 import encode

from tests.peers.catalogue import DOVECOT
from tests.peers.certificate import self_made
from tests.peers.child import ChildServer
from tests.peers.rabbitmq import free_ports

PASSWORD = "a-password-of-the-tests"
_TOKEN_KEY = b"a key that only the tests and their server know"

_CONFIG = """
base_dir = {here}/run
state_dir = {here}/run
log_path = /dev/stderr
protocols = imap
listen = 127.0.0.1
auth_mechanisms = plain login xoauth2 oauthbearer
disable_plaintext_auth = no
auth_failure_delay = 0
ssl = yes
ssl_cert = <{here}/certificate.pem
ssl_key = <{here}/key.pem
mail_location = maildir:{here}/mail/%u:LAYOUT=fs
mail_uid = {owner}
mail_gid = {group}
first_valid_uid = 1
first_valid_gid = 1
mailbox_list_index = no
default_internal_user = {internal}
default_internal_group = {internal_group}
default_login_user = {login}
mail_max_userip_connections = 100
passdb {{
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = {here}/oauth2.conf
}}
passdb {{
  driver = dict
  mechanisms = plain login
  args = {here}/passwords.conf
}}
userdb {{
  driver = static
  args = uid={owner} gid={group} home={here}/mail/%u
}}
namespace inbox {{
  inbox = yes
  separator = /
  mailbox Drafts {{
    special_use = \\Drafts
    auto = create
  }}
  mailbox Junk {{
    special_use = \\Junk
    auto = create
  }}
  mailbox Trash {{
    special_use = \\Trash
    auto = create
  }}
  mailbox Sent {{
    special_use = \\Sent
    auto = create
  }}
}}
service imap-login {{
  chroot =
  process_min_avail = 1
  service_count = 0
  inet_listener imap {{
    port = {plain}
  }}
  inet_listener imaps {{
    port = {tls}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  chroot =
}}
protocol imap {{
  imap_idle_notify_interval = 29 mins
}}
{further}
"""
_PASSWORDS = """
uri = fs:posix:prefix={here}/passwords/
key account {{
  key = %u
  format = json
}}
passdb_objects = account
"""
_OAUTH2 = """
introspection_mode = local
local_validation_key_dict = fs:posix:prefix={here}/keys/
username_attribute = email
"""


class DovecotServer(ChildServer):
    """The server; `port` speaks TLS from the start, `plain_port` takes STARTTLS."""

    def __init__(self, folder: Path, *, without: tuple[str, ...] = ()) -> None:
        """`without` are capabilities that it does not tell of."""
        super().__init__(folder)
        (self.plain_port,) = free_ports(1)
        self._without = without
        self.certificate, self.key = folder / "certificate.pem", folder / "key.pem"
        self._passwords: dict[str, str] = {}
        self.trust = ssl.create_default_context()

    def start(self) -> None:
        """Start it without accounts, and return once it takes connections."""
        here = self._folder
        here.chmod(0o755)
        certificate, key = self_made("localhost", "127.0.0.1")
        self.certificate.write_bytes(certificate)
        self.key.write_bytes(key)
        self.trust = ssl.create_default_context(cadata=certificate.decode())
        keys = here / "keys" / "default" / "HS256"
        keys.mkdir(parents=True)
        (keys / "default").write_bytes(base64.b64encode(_TOKEN_KEY))
        (here / "mail").mkdir()
        (here / "oauth2.conf").write_text(_OAUTH2.format(here=here))
        (here / "passwords").mkdir()
        (here / "passwords.conf").write_text(_PASSWORDS.format(here=here))
        (here / "dovecot.conf").write_text(self._config())
        self.run(DOVECOT.required_path(), "-F", "-c", str(here / "dovecot.conf"))

    def _config(self) -> str:
        me = pwd.getpwuid(os.geteuid()).pw_name
        is_root = os.geteuid() == 0
        owner = pwd.getpwnam("mail") if is_root else pwd.getpwuid(os.geteuid())
        if is_root:
            os.chown(self._folder / "mail", owner.pw_uid, owner.pw_gid)
        further = ""
        if self._without:
            left = " ".join(word for word in _CAPABILITIES.split() if word not in self._without)
            further = f"protocol imap {{\n  imap_capability = {left}\n}}\n"
        return _CONFIG.format(
            here=self._folder, owner=owner.pw_uid, group=owner.pw_gid, plain=self.plain_port, tls=self.port,
            internal="dovecot" if is_root else me, login="dovenull" if is_root else me, further=further,
            internal_group="dovecot" if is_root else owner.pw_gid,
        )  # fmt: skip

    def account(self) -> str:
        """Return the log-in name of a new account."""
        user = f"user{len(self._passwords)}@example.com"
        self.set_password(user, PASSWORD)
        return user

    def set_password(self, user: str, password: str) -> None:
        """Let an account in with a password, from the next log-in on."""
        self._passwords[user] = password
        path = self._folder / "passwords" / user
        written = path.with_suffix(".new")
        written.write_text(json.dumps({"password": f"{{PLAIN}}{password}"}))
        written.chmod(0o644)
        written.replace(path)

    def token(self, user: str, seconds: int = 3600) -> str:
        """Return an access token of an account that ends so many seconds from now."""
        moment = int(time.time())
        claims = {"email": user, "sub": user, "iat": moment - 10, "exp": moment + seconds}
        return jwt.encode(claims, _TOKEN_KEY, algorithm="HS256")

    def open(self, user: str) -> imaplib.IMAP4:
        """Return a connection of the person whose account it is."""
        connection = imaplib.IMAP4("127.0.0.1", self.plain_port)
        connection.login(user, self._passwords[user])
        return connection

    def deliver(self, user: str, message: bytes, moment: datetime, mailbox: str = "INBOX", flags: str = "") -> None:
        """Put a mail into a mailbox, arrived at a moment."""
        with self.open(user) as connection:
            append(connection, message, moment, mailbox, flags)

    def folder_of(self, user: str, mailbox: str = "INBOX") -> Path:
        """Return where a mailbox is kept."""
        home = self._folder / "mail" / user
        return home if mailbox == "INBOX" else home / mailbox

    def reset_validity(self, user: str, mailbox: str = "INBOX") -> None:
        """Lose what the server knows of a mailbox: it gives it another UIDVALIDITY and numbers its mails anew."""
        home = self.folder_of(user, mailbox)
        for path in (*home.glob("dovecot.index*"), *home.glob("dovecot-uidlist*")):
            path.unlink()


def append(
    connection: imaplib.IMAP4, message: bytes, moment: datetime, mailbox: str = "INBOX", flags: str = ""
) -> None:
    """Put a mail into a mailbox, arrived at a moment."""
    date = imaplib.Time2Internaldate(moment)
    status, said = connection.append(mailbox, flags, date, message.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
    assert status == "OK", said


_CAPABILITIES = (
    "IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE IDLE SORT SORT=DISPLAY THREAD=REFERENCES THREAD=REFS "
    "THREAD=ORDEREDSUBJECT MULTIAPPEND URL-PARTIAL CATENATE UNSELECT CHILDREN NAMESPACE UIDPLUS LIST-EXTENDED "
    "I18NLEVEL=1 CONDSTORE QRESYNC ESEARCH ESORT SEARCHRES WITHIN CONTEXT=SEARCH LIST-STATUS BINARY MOVE "
    "SNIPPET=FUZZY PREVIEW=FUZZY PREVIEW STATUS=SIZE SAVEDATE LITERAL+ NOTIFY SPECIAL-USE"
)


@contextmanager
def running_dovecot(folder: Path, *, without: tuple[str, ...] = ()) -> Iterator[DovecotServer]:
    """Yield a server that runs; it is gone at the end."""
    server = DovecotServer(folder, without=without)
    try:
        server.start()
        yield server
    finally:
        server.kill()


def encoded_name(name: str) -> str:
    """Return a mailbox's name as a command takes it: in modified UTF-7, quoted."""
    encoded = str(encode(name), "ascii")
    return '"' + encoded.replace("\\", "\\\\").replace('"', '\\"') + '"'
