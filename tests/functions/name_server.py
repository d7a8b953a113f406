"""A DNS server on this machine, with a few domains of its own."""

import socketserver
import threading
from typing import Any, Self

import dns.flags
import dns.message
import dns.rcode
import dns.rrset

# By domain: what is answered for each type asked. A domain that is not here does not exist.
ZONES: dict[str, dict[str, list[str]]] = {
    "mail.example": {"MX": ["10 mx1.mail.example.", "20 mx2.mail.example."]},
    "address.example": {"A": ["192.0.2.1"]},
    "address6.example": {"AAAA": ["2001:db8::1"]},
    "null.example": {"MX": ["0 ."], "A": ["192.0.2.1"]},
    "nothing.example": {"TXT": ['"hello"']},
    "example.com": {"MX": ["10 mx.example.com."]},
    "xn--mnchen-3ya.example": {"MX": ["10 mx.mail.example."]},
}
BROKEN = "broken.example"  # answered with SERVFAIL
SILENT = "silent.example"  # not answered


class NameServer:
    """Answers on 127.0.0.1; ``asked`` are the domains and types of every question, in turn."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.zones = dict(ZONES)
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
        """What DNS_SERVERS says."""
        return f"127.0.0.1:{self._server.server_address[1]}"

    def _answer(self, query: dns.message.Message) -> dns.message.Message | None:
        (question,) = query.question
        domain, kind = str(question.name).rstrip("."), question.rdtype.name
        self.asked.append((domain, kind))
        if domain == SILENT:
            return None
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        if domain == BROKEN:
            answer.set_rcode(dns.rcode.SERVFAIL)
        elif domain not in self.zones:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        elif kind in self.zones[domain]:
            answer.answer.append(dns.rrset.from_text_list(question.name, 60, "IN", kind, self.zones[domain][kind]))
        return answer

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *unused: Any) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
