"""Hashes of passwords, by the system's own libcrypt: the method that the host's log-in knows."""

from __future__ import annotations

import ctypes
import getpass
import os
import sys
from collections.abc import Callable

from dom0kit.errors import UserError

LEAST, MOST = 8, 512
METHODS = (b"$y$", b"$6$")
"""yescrypt as Debian's own default; SHA-512 where libcrypt does not know it."""
COMMON = ("password", "passw0rd", "12345678", "123456789", "1234567890", "qwertyui", "xenserver", "xcp-ng", "dom0kit", "changeme")
_OUTPUT = 192  # CRYPT_GENSALT_OUTPUT_SIZE of crypt_gensalt(3)
_DATA = 32768  # sizeof(struct crypt_data) of crypt(3)


def weakness(password: str) -> str:
    """Return why a password is too weak; "" when it is not."""
    common = password.lower().rstrip("0123456789!.") in {word.rstrip("0123456789") for word in COMMON}
    reasons = (
        (not password.strip(), "the password is empty"),
        (not password.isprintable(), "the password has characters that cannot be typed"),
        (len(password) < LEAST, f"the password has {len(password)} characters, it needs {LEAST}"),
        (len(password.encode(errors="replace")) >= MOST, f"the password is longer than {MOST - 1} bytes"),
        (len(set(password)) < 4, "the password consists of fewer than four different characters"),
        (password.isdigit(), "the password consists of digits alone"),
        (common, "the password is one of those that everybody tries first"),
    )
    return next((reason for is_so, reason in reasons if is_so), "")


def make_hash(password: str) -> str:
    """Return the password's hash as in shadow(5).

    :raises UserError: when the password is weak or libcrypt is not there.
    """
    if reason := weakness(password):
        raise UserError(reason, f"take at least {LEAST} characters that are hard to guess, best several words")
    return crypt_hash(password)


def crypt_hash(password: str) -> str:
    """Return a password's hash as in shadow(5), however weak the password is.

    :raises UserError: when libcrypt is not there.
    """
    try:
        # use_errno is not needed: libcrypt says that it failed by a null pointer or a text that starts with '*'.
        library = ctypes.CDLL("libcrypt.so.1")
        gensalt, crypt = library.crypt_gensalt_rn, library.crypt_rn
    except (OSError, AttributeError) as error:
        raise UserError(f"libcrypt cannot be used: {error}", "install the package libcrypt1") from error
    gensalt.restype = crypt.restype = ctypes.c_char_p
    gensalt.argtypes = (ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_int)
    crypt.argtypes = (ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_int)
    for method in METHODS:
        noise = os.urandom(32)
        salt = gensalt(method, 0, noise, len(noise), ctypes.create_string_buffer(_OUTPUT), _OUTPUT)
        made = crypt(password.encode(), salt, ctypes.create_string_buffer(_DATA), _DATA) if salt else None
        if made and made.startswith(method):
            return str(made, "ascii")
    raise UserError("libcrypt knows neither yescrypt nor SHA-512", "install a libcrypt1 of Debian 11 or later")


def ask_password(ask: Callable[[str], str] = getpass.getpass) -> str:
    """Read the password: twice without echo on a terminal, otherwise one line of standard input.

    :raises UserError: when the two differ or there is none.
    """
    if not sys.stdin.isatty():
        try:
            line = sys.stdin.readline()
        except UnicodeDecodeError as error:
            raise UserError("the password is not text in UTF-8") from error
        return line.rstrip("\r\n")
    try:
        first = ask("Password: ")
        if reason := weakness(first):
            raise UserError(reason, f"take at least {LEAST} characters that are hard to guess, best several words")
        second = ask("Again: ")
    except EOFError as error:
        raise UserError("no password was given") from error
    if first != second:
        raise UserError("the two passwords differ", "try again")
    return first
