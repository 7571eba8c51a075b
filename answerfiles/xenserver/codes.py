"""The codes of problems that are XML's own; problems of a converted value have the codes of answers."""

from __future__ import annotations

SYNTAX = "xml-syntax"
UNKNOWN = "xml-unknown-name"
MISPLACED = "xml-misplaced"
REPEATED = "xml-repeated"
MISSING = "xml-missing"
VALUE = "xml-value"
CONTRADICTION = "xml-contradiction"
UNSUPPORTED = "xml-not-supported"
DATA_LOSS = "xml-data-loss"
DISK = "xml-disk-name"
ISCSI = "xml-iscsi-disk"
CARD = "xml-card-name"
PASSWORD = "xml-password"  # noqa: S105 - the name of a problem, no password

OLD_NAME = "xml-old-name"
IGNORED = "xml-ignored"
CHANGED = "xml-changed"
PLAIN_PASSWORD = "xml-plain-password"  # noqa: S105 - as above
SCRIPT = "xml-script"
KERNEL_NAME = "xml-kernel-name"
NO_HOST_NAME = "xml-no-host-name"

ERRORS = {
    SYNTAX: "the text is not well-formed XML, or has a document type or entities",
    UNKNOWN: "an element or attribute that the format does not have",
    MISPLACED: "an element or a text where it has no meaning",
    REPEATED: "an element is there twice with different contents",
    MISSING: "an element or attribute that is required is not there",
    VALUE: "a value that the element or attribute cannot have",
    CONTRADICTION: "two parts of the file contradict each other",
    UNSUPPORTED: "dom0kit has nothing that does this",
    DATA_LOSS: "the file asks to keep data that an installation would destroy",
    DISK: "a name that no disk can have, or that is not a whole disk",
    ISCSI: "an iSCSI LUN named as in RFC 4173 needs `san.iscsi`",
    CARD: "a name that no network card can have",
    PASSWORD: "the root password is empty, weak in its method, or a hash in the wrong place",
}
WARNINGS = {
    OLD_NAME: "an old name; the new one is used",
    IGNORED: "something that has no meaning here is left out",
    CHANGED: "something becomes a little different",
    PLAIN_PASSWORD: "the password is there as plain text; only its hash is kept",
    SCRIPT: "a script runs in another way, unverified, or not at all",
    KERNEL_NAME: "a name that the kernel may give to something else after a restart",
    NO_HOST_NAME: "the file has no host name",
}
