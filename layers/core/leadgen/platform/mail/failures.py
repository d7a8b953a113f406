"""The ways in which handing over a mail fails. Messages are short causes without addresses."""


class MailFailed(Exception):
    """The mail was not handed over, or that is unknown."""


class MailNotSent(MailFailed):
    """It was not taken, and may be tried again."""


class MailPutOff(MailNotSent):
    """Its recipient takes none for now; the mail server is well, and takes those of others."""


class MailRefused(MailFailed):
    """It is refused for good: its recipient, or the mail itself."""


class MailUnknown(MailFailed):
    """All of it went out, and no answer came on whether it was taken."""
