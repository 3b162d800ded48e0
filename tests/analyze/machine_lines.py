"""Alerts, logs and notices as machines of many makers write them, with the template each was made from."""

from random import Random

TEMPLATES = (
    "[FIRING:1] HighMemoryUsage {host} (instance={address}:9100 job=node severity=warning)",
    "[RESOLVED] HighMemoryUsage {host} (instance={address}:9100 job=node severity=warning)",
    "** PROBLEM Service Alert: {host}/Disk space is CRITICAL ** DISK CRITICAL - free: {path} {number} MB ({small}%)",
    "** RECOVERY Service Alert: {host}/Disk space is OK ** DISK OK - free space: {path} {number} MB ({small}%)",
    '{address} - - [{clf}] "GET {path}?id={number} HTTP/1.1" 200 {number} "-" "curl/8.{small}.0"',
    '{address} - - [{clf}] "GET {path}?id={number} HTTP/1.1" 502 {number} "-" "curl/8.{small}.0"',
    "{date} {word} kubelet[{number}]: Back-off restarting failed container={word} pod={word}-{hex}-{short}",
    "Successfully assigned default/{word}-{hex}-{short} to {host}",
    "Liveness probe failed: Get http://{address}:8080/healthz: context deadline exceeded",
    "postfix/smtp[{number}]: {HEX}: to=<{mail}>, relay={host}[{address}]:25, delay={decimal}, status=sent (250 ok)",
    "postfix/smtp[{number}]: {HEX}: to=<{mail}>, relay=none, delay={decimal}, status=deferred (connect timed out)",
    "%LINK-3-UPDOWN: Interface GigabitEthernet{small}/{small}, changed state to down",
    "%LINK-3-UPDOWN: Interface GigabitEthernet{small}/{small}, changed state to up",
    "Event 4625: An account failed to log on. Account Name: {word}{small} Source Network Address: {address}",
    "UFW BLOCK IN=eth0 OUT= MAC={mac} SRC={address} DST={address} LEN={number} PROTO=TCP SPT={number} DPT={number}",
    '{{"level":"error","ts":{decimal},"msg":"upstream timed out","request_id":"{uuid}","took_ms":{number}}}',
    '{{"level":"info","ts":{decimal},"msg":"request served","request_id":"{uuid}","took_ms":{number}}}',
    "Backup of volume {word} finished in {number} seconds, 0 errors",
    "Backup of volume {word} finished in {number} seconds, {number} errors",
    "Build #{number} of {word}/main failed after {small} min {small} sec",
    "Build #{number} of {word}/main passed after {small} min {small} sec",
    "Certificate for {host} expires in {small} days",
    "ORA-00942: table or view does not exist, session {number} user={word}",
    "ORA-12541: no listener, session {number} user={word}",
    "sensor temp{small} reads {decimal} C (limit {decimal} C) on {host}",
    "Replication lag on {host}: {decimal}s behind {address}, trace {uuid}",
    "process {word} (pid {number}) exited with code 137",
    "process {word} (pid {number}) exited with code 0",
)
_WORDS = ("billing", "checkout", "search", "ledger", "mailer", "gateway", "invoices", "reports", "catalog", "images")


def lines(count: int, seed: int) -> tuple[list[str], list[str]]:
    """Return lines, and for each the number of its template."""
    random = Random(seed)
    chosen = [random.randrange(len(TEMPLATES)) for _ in range(count)]
    return [_filled(TEMPLATES[template], random) for template in chosen], [str(template) for template in chosen]


def _filled(template: str, random: Random) -> str:
    hexadecimal = f"{random.getrandbits(160):040x}"
    return template.format(
        address=".".join(str(random.randrange(1, 255)) for _ in range(4)),
        clf=f"{random.randrange(1, 29):02}/Nov/2026:{random.randrange(24):02}:{random.randrange(60):02}:07 +0000",
        date=f"Nov {random.randrange(1, 29)} {random.randrange(24):02}:{random.randrange(60):02}:07",
        decimal=f"{random.uniform(1, 99):.3f}",
        hex=hexadecimal[:9],
        HEX=hexadecimal[:10].upper(),
        host=f"{random.choice(_WORDS)}-{random.choice('abc')}.prod.example.com",
        mac=":".join(hexadecimal[place : place + 2] for place in range(0, 12, 2)),
        mail=f"{random.choice(_WORDS)}.{random.choice(_WORDS)}@example.org",
        number=random.randrange(1, 65_000),
        path=f"/{random.choice(_WORDS)}/{random.choice(_WORDS)}",
        short=hexadecimal[-5:],
        small=random.randrange(1, 60),
        uuid="-".join(
            (hexadecimal[:8], hexadecimal[8:12], "4" + hexadecimal[13:16], "a" + hexadecimal[17:20], hexadecimal[20:32])
        ),
        word=random.choice(_WORDS),
    )
