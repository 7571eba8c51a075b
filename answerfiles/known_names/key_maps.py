"""Key maps by the names that people know: those of loadkeys(1), and layouts of the XKB database (pure).

Debian has no key maps for loadkeys; ckbcomp(1) makes them from the XKB database, which has other names.
"""

from __future__ import annotations

import re

from answerfiles.known_names.image_names import ImageNames

FOLDER = re.compile(r"^(?:i386/)?(?:qwerty|qwertz|azerty|dvorak)/")
"""Folder of kbd, which XenServer's list of key maps has before each name."""
SUFFIX = re.compile(r"\.k?map(?:\.gz)?$")
ENCODING = re.compile(r"-(?:latin[0-9]+|lat[0-9]|utf-?8|utf|cp[0-9]+|ir[0-9]+|pc)(?=-|$)")
LAYOUTS = {
    "ANSI-dvorak": ("us", "dvorak"),
    "azerty": ("fr", ""),
    "be2": ("be", ""),
    "bg_bds": ("bg", ""),
    "bg_pho": ("bg", "phonetic"),
    "br-abnt": ("br", ""),
    "br-abnt2": ("br", ""),
    "br-latin1-abnt2": ("br", ""),
    "br-latin1-us": ("br", "nativo-us"),
    "cf": ("ca", ""),
    "colemak": ("us", "colemak"),
    "croat": ("hr", ""),
    "cz-prog": ("cz", "qwerty"),
    "cz-us-qwertz": ("cz", ""),
    "de_CH": ("ch", "de"),
    "defkeymap": ("us", ""),
    "defkeymap_V1.0": ("us", ""),
    "dvorak": ("us", "dvorak"),
    "dvorak-l": ("us", "dvorak-l"),
    "dvorak-r": ("us", "dvorak-r"),
    "emacs": ("us", ""),
    "emacs2": ("us", ""),
    "et": ("ee", ""),
    "et-nodeadkeys": ("ee", "nodeadkeys"),
    "fi-old": ("fi", "classic"),
    "fr-old": ("fr", ""),
    "fr_CH": ("ch", "fr"),
    "hu101": ("hu", "qwerty"),
    "hypermap.m4": ("us", ""),
    "il-heb": ("il", ""),
    "is-latin1-us": ("is", ""),
    "it2": ("it", ""),
    "jp106": ("jp", ""),
    "kazakh": ("kz", ""),
    "ko": ("kr", ""),
    "la": ("latam", ""),
    "lt.baltic": ("lt", ""),
    "lt.l4": ("lt", ""),
    "mk0": ("mk", ""),
    "nl2": ("nl", ""),
    "no-latin1.doc": ("no", ""),
    "pc110": ("jp", ""),
    "pl2": ("pl", ""),
    "ro_win": ("ro", "winkeys"),
    "ru-ms": ("ru", "winkeys"),
    "ru-yawerty": ("ru", "phonetic_YAZHERTY"),
    "ru.map.utf8ru": ("ru", ""),
    "ru1": ("ru", ""),
    "ru2": ("ru", ""),
    "ru3": ("ru", ""),
    "ru4": ("ru", ""),
    "ru_win": ("ru", "winkeys"),
    "se-fi": ("se", ""),
    "sg": ("ch", "de"),
    "sg-latin1-lk450": ("ch", "de"),
    "sk-prog-qwerty": ("sk", "qwerty"),
    "sk-prog-qwertz": ("sk", ""),
    "sk-qwertz": ("sk", ""),
    "slovene": ("si", ""),
    "sr-cy": ("rs", ""),
    "sr-latin": ("rs", "latin"),
    "sv": ("se", ""),
    "tr_f": ("tr", "f"),
    "tr_q": ("tr", ""),
    "tralt": ("tr", "alt"),
    "trf": ("tr", "f"),
    "trq": ("tr", ""),
    "ua-utf-ws": ("ua", "winkeys"),
    "ua-ws": ("ua", "winkeys"),
    "uk": ("gb", ""),
    "us-acentos": ("us", "intl"),
    "wangbe": ("be", ""),
    "wangbe2": ("be", ""),
}
"""Names of kbd's key maps, without their encodings, that are not layouts of the XKB database; the nearest layout and variant."""


def plain_name(key_map: str) -> str:
    """Return a key map's name without kbd's folder and file suffix."""
    name = FOLDER.sub("", key_map)
    return name if name in LAYOUTS else SUFFIX.sub("", name)


def xkb_layout(key_map: str) -> tuple[str, str]:
    """Return the XKB layout and variant for a key map's name; the variant may be empty.

    ``de-latin1``, ``fr-latin9`` and ``pt-latin1-nodeadkeys`` are kbd's names; ``de-neo`` and ``us-intl`` name a layout
    and its variant. The result need not exist; see :func:`is_known`.
    """
    name = plain_name(key_map)
    if name in LAYOUTS:
        return LAYOUTS[name]
    name = ENCODING.sub("", name)
    if name in LAYOUTS:
        return LAYOUTS[name]
    layout, _, variant = name.partition("-")
    layout, fixed = LAYOUTS.get(layout, (layout, ""))
    return layout, variant or fixed


def is_known(key_map: str, names: ImageNames) -> bool:
    """Return whether an image can make a key map."""
    layout, variant = xkb_layout(key_map)
    return layout in names.layouts and (not variant or variant in names.layouts[layout])


def suggestions(names: ImageNames) -> list[str]:
    """Return the names that a misspelled one is compared with."""
    return sorted({*names.layouts, *LAYOUTS, *(f"{layout}-{kind}" for layout, kinds in names.layouts.items() for kind in kinds)})


def note(key_map: str) -> str:
    """Return a sentence when a key map is one that Debian does not have under this name; "" otherwise."""
    layout, variant = xkb_layout(key_map)
    name = ENCODING.sub("", plain_name(key_map))
    present = f"{layout}-{variant}" if variant else layout
    return "" if name == present else f"Debian's name of the key map {key_map!r} is {present!r}, which is used"
