"""The software bill of materials (SBOM) of an image: CycloneDX 1.6 in JSON (https://cyclonedx.org/docs/1.6/json/).

It is a plain value, made from the same data as the manifest. The same image gives the same bytes: serial number and time come
from the image's id and epoch.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from image.contents.debian_packages import DebianPackage
from image.contents.licenses import IDENTIFIERS

NAME = "sbom.cdx.json"
SPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://dom0kit.example.org/sbom")
"""The name space of serial numbers; any fixed one serves."""
PRODUCT = "dom0kit"
OWN_LICENSE = "GPL-2.0-or-later"
MADE_OF = {
    "boot/bios-eltorito.img": "grub-pc-bin",
    "boot/boot_hybrid.img": "grub-pc-bin",
    "boot/bootx64.efi": "grub-efi-amd64-bin",
    "boot/memtest.bin": "memtest86+",
    "boot/memtest.efi": "memtest86+",
    "boot/netx64.efi": "grub-efi-amd64-bin",
    "boot/pxe-bios.0": "grub-pc-bin",
    "boot/unicode.pf2": "grub-common",
}
"""The package that each boot file comes from, or that grub-mkimage made it of."""


def purl(package: DebianPackage, origin: str, suite: str) -> str:
    """Return the package URL of a Debian package (https://github.com/package-url/purl-spec, type ``deb``).

    :param origin: who publishes it, such as ``debian``.
    """
    return _purl(package.name, package.version, package.architecture, origin, suite)


def _purl(name: str, version: str, architecture: str, origin: str, suite: str) -> str:
    return f"pkg:deb/{quote(origin)}/{quote(name)}@{quote(version, safe=':')}?arch={architecture}&distro={quote(suite)}"


def license_choices(names: Sequence[str]) -> list[dict[str, Any]]:
    """Return licenses as CycloneDX has them: by identifier of SPDX, or by name."""
    return [{"license": {"id" if name in IDENTIFIERS else "name": name}} for name in names]


def package_component(
    package: DebianPackage, licenses: Sequence[str], sha256: str | None, origin: str, suite: str
) -> dict[str, Any]:
    """Return a Debian package as a component; the source package is its ancestor.

    :param sha256: of the package's file; None when the package lists do not offer it.
    """
    reference = purl(package, origin, suite)
    source = _purl(package.source, package.source_version, "source", origin, suite)
    value: dict[str, Any] = {
        "type": "library",
        "bom-ref": reference,
        "name": package.name,
        "version": package.version,
        "purl": reference,
        "pedigree": {
            "ancestors": [{"type": "library", "name": package.source, "version": package.source_version, "purl": source}]
        },
    }
    if package.maintainer:
        value["supplier"] = {"name": package.maintainer.partition(" <")[0]}
    if licenses:
        value["licenses"] = license_choices(licenses)
    if sha256:
        value["hashes"] = [{"alg": "SHA-256", "content": sha256}]
    if package.homepage.startswith(("http://", "https://")):
        value["externalReferences"] = [{"type": "website", "url": package.homepage}]
    return value


def file_component(name: str, sha256: str) -> dict[str, Any]:
    """Return a boot file as a component."""
    value = {"type": "file", "bom-ref": f"file:{name}", "name": name, "hashes": [{"alg": "SHA-256", "content": sha256}]}
    return value | ({"description": f"from the package {MADE_OF[name]}"} if name in MADE_OF else {})


def document(
    *,
    version: str,
    image_id: str,
    epoch: int,
    packages: Sequence[dict[str, Any]],
    files: Mapping[str, str],
) -> dict[str, Any]:
    """Return the SBOM as a plain value.

    :param epoch: seconds since 1970.
    :param packages: components of Debian packages.
    :param files: SHA-256 of the boot files, by their name in the image folder.
    """
    own_license = license_choices((OWN_LICENSE,))
    own = {"type": "application", "bom-ref": "dom0kit", "name": PRODUCT, "version": version, "licenses": own_license}
    image = {
        "type": "operating-system",
        "bom-ref": f"image:{image_id}",
        "name": f"{PRODUCT} image",
        "version": f"{version}-{image_id[:8]}",
        "properties": [{"name": "dom0kit:image-id", "value": image_id}],
    }
    components = [own, *packages, *(file_component(name, files[name]) for name in sorted(files))]
    references = sorted(component["bom-ref"] for component in components)
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(SPACE, image_id)}",
        "version": 1,
        "metadata": {
            "timestamp": datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "lifecycles": [{"phase": "build"}],
            "tools": {"components": [{"type": "application", "name": PRODUCT, "version": version}]},
            "component": image,
        },
        "components": components,
        "dependencies": [{"ref": image["bom-ref"], "dependsOn": references}],
    }
