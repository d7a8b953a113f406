"""A DNS server on this machine, with a few domains of its own."""

import socketserver
import threading
from collections.abc import Mapping
from typing import Any, Self

import dns.flags
import dns.message
import dns.rcode
import dns.rrset

Zones = Mapping[str, Mapping[str, list[str]]]

# By domain: what is answered for each type asked. A domain that is not here does not exist.
ZONES: Zones = {
    "mail.example": {"MX": ["10 mx1.mail.example.", "20 mx2.mail.example."]},
    "address.example": {"A": ["192.0.2.1"]},
    "address6.example": {"AAAA": ["2001:db8::1"]},
    "null.example": {"MX": ["0 ."], "A": ["192.0.2.1"]},
    "nothing.example": {"TXT": ['"hello"']},
    "example.com": {"MX": ["10 mx.example.com."]},
    "xn--mnchen-3ya.example": {"MX": ["10 mx.mail.example."]},
}
BROKEN = "broken.example"  # answered with SERVFAIL; so is a question of which this is a record
SILENT = "silent.example"  # not answered; likewise


class NameServer:
    """Answers on 127.0.0.1; ``asked`` are the domains and types of every question, in turn."""

    def __init__(self, zones: Zones = ZONES) -> None:
        self.asked: list[tuple[str, str]] = []
        self.zones = dict(zones)
        asked_of = self

        class _Answer(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                wire, socket = self.request
                answer = asked_of._answer(dns.message.from_wire(wire))
                if answer is not None:
                    socket.sendto(answer.to_wire(), self.client_address)

        self._server = socketserver.ThreadingUDPServer(("127.0.0.1", 0), _Answer)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    @property
    def address(self) -> str:
        """The value of DNS_SERVERS."""
        return f"127.0.0.1:{self._server.server_address[1]}"

    def records(self, domain: str, kind: str) -> list[str]:
        """What is answered now; no answer may be kept."""
        return self.zones[domain].get(kind, [])

    def _answer(self, query: dns.message.Message) -> dns.message.Message | None:
        (question,) = query.question
        domain, kind = str(question.name).rstrip("."), question.rdtype.name
        self.asked.append((domain, kind))
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        while alias := self.zones.get(domain, {}).get("CNAME"):
            answer.answer.append(dns.rrset.from_text_list(f"{domain}.", 0, "IN", "CNAME", alias))
            domain = alias[0].rstrip(".")
        if domain in self.zones:
            records = self.records(domain, kind)
            if BROKEN in records:
                answer.set_rcode(dns.rcode.SERVFAIL)
            elif SILENT in records:
                return None
            elif records:
                answer.answer.append(dns.rrset.from_text_list(f"{domain}.", 0, "IN", kind, records))
        elif domain == BROKEN:
            answer.set_rcode(dns.rcode.SERVFAIL)
        elif domain == SILENT:
            return None
        else:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        return answer

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *unused: Any) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
