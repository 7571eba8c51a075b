"""The settings of dnsmasq and nginx as pure functions of a lab."""

from __future__ import annotations

from answerfiles.lab_server.config import Lab

WEB_USER = "www-data"
LARGEST_BODY = "64m"
LARGEST_UNPROVEN = "256k"
CONNECTIONS = 8
"""Connections with reports from one address at a time; a host has one."""


def dnsmasq_conf(lab: Lab) -> str:
    """dnsmasq(8): DHCP or proxy DHCP, TFTP, boot files by the client's architecture (RFC 4578), no DNS."""
    bios, efi = "boot/pxe-bios.0", "boot/netx64.efi"
    not_ipxe = "tag:!ipxe," if lab.ipxe else ""
    services = [("X86PC", bios), ("X86-64_EFI", efi), ("BC_EFI", efi)] if lab.tftp else []
    lines = [
        "port=0",
        f"interface={lab.interface}",
        "bind-interfaces",
        "log-dhcp",
        f"dhcp-leasefile={lab.run}/leases",
        "pid-file=",
        "dhcp-no-override",
        "dhcp-match=set:bios,option:client-arch,0",
        "dhcp-match=set:efi,option:client-arch,7",
        "dhcp-match=set:efi,option:client-arch,9",
        "dhcp-match=set:http,option:client-arch,16",
        # The firmware takes an offer only from a server that calls itself HTTPClient.
        "dhcp-option-force=tag:http,60,HTTPClient",
        f"dhcp-boot=tag:http,{lab.url}/{efi}",
    ]
    if lab.tftp:
        lines += ["enable-tftp", f"tftp-root={lab.tree}"]
    if lab.ipxe:
        lines += ["dhcp-userclass=set:ipxe,iPXE", f"dhcp-boot=tag:ipxe,{lab.url}/boot/boot.ipxe"]
    if lab.first is None:
        network = lab.network.network
        lines += [
            f"dhcp-range={network.network_address},proxy,{network.netmask}",
            "dhcp-pxe-vendor=PXEClient,HTTPClient",
            *(f"pxe-service={not_ipxe}{kind},dom0kit,{file}" for kind, file in services),
        ]
    else:
        lines += [
            f"dhcp-range={lab.first},{lab.last},{lab.network.network.netmask},1h",
            "dhcp-authoritative",
            # The lab network has no router unless one is configured.
            "dhcp-option=option:router",
        ]
        if lab.tftp:
            lines += [f"dhcp-boot={not_ipxe}tag:{tag},{file},,{lab.address}" for tag, file in (("bios", bios), ("efi", efi))]
    if lab.answers_url:
        lines.append(f'dhcp-option-force=224,"{lab.answers_url}"')
    if lab.ipv6:
        base = lab.ipv6.network_address
        lines += [
            "enable-ra",
            f"dhcp-range={base + 0x1000},{base + 0x1FFF},{lab.ipv6.prefixlen},1h",
            "dhcp-match=set:efi6,option6:61,7",
            f"dhcp-option=tag:efi6,option6:59,tftp://[{base + 1}]/{efi}",
        ]
    return "\n".join(lines) + "\n"


def nginx_conf(lab: Lab) -> str:
    """nginx: the tree, and reports handed on to the receiver. Access log: one line a request with the bytes that were sent."""
    listen = [f"        listen {lab.address}:{lab.port};"]
    if lab.ipv6:
        listen.append(f"        listen [::]:{lab.port} ipv6only=on;")
    if lab.https_port:
        listen += [
            f"        listen {lab.address}:{lab.https_port} ssl;",
            f"        ssl_certificate {lab.run}/tls.crt;",
            f"        ssl_certificate_key {lab.run}/tls.key;",
        ]
    prefix = f"        rewrite ^{lab.prefix}(/.*)$ $1;\n" if lab.prefix else ""
    temporary = "".join(
        f"    {kind}_temp_path {lab.run}/nginx-{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    newline = "\n"
    return f"""\
daemon off;
user {WEB_USER};
worker_processes 2;
pid {lab.run}/nginx.pid;
error_log {lab.run}/nginx.log notice;
events {{ worker_connections 4096; }}
http {{
    log_format dom0kit '$time_iso8601 $remote_addr $request_method $uri $status $body_bytes_sent $request_time';
    access_log {lab.run}/access.log dom0kit;
    limit_conn_zone $binary_remote_addr zone=reports:1m;
{temporary}    client_max_body_size {LARGEST_BODY};
    sendfile on;
    tcp_nopush on;
    server_tokens off;
    default_type application/octet-stream;
    types {{ text/plain yaml cfg ipxe; application/json json; }}
    server {{
{newline.join(listen)}
        root {lab.tree};
{prefix}{_locations(lab)}    }}
}}
"""


def _locations(lab: Lab) -> str:
    """Return what the receiver decides about: answers and reports; and what is not served."""
    return f"""\
        location = /hosts.json {{ return 404; }}
        location = /SHA256SUMS {{ return 404; }}
        location = /SHA256SUMS.sig {{ return 404; }}
        # The receiver decides who gets answers, and names the file.
        location /answers/ {{
            limit_conn reports {CONNECTIONS};
            proxy_set_header X-Real-IP $remote_addr;
            proxy_pass http://unix:{lab.socket};
        }}
        location /granted/ {{
            internal;
            alias {lab.tree}/answers/;
        }}
        # The receiver looks at the token before it reads a body, and nothing is kept on the disk before that.
        location /report/ {{
            if ($http_authorization = "") {{ rewrite ^/report/(.*)$ /unproven/$1 last; }}
            limit_conn reports {CONNECTIONS};
            proxy_request_buffering off;
            proxy_http_version 1.1;
            proxy_pass http://unix:{lab.socket};
        }}
        location /unproven/ {{
            internal;
            client_max_body_size {LARGEST_UNPROVEN};
            limit_conn reports {CONNECTIONS};
            proxy_request_buffering off;
            proxy_http_version 1.1;
            proxy_pass http://unix:{lab.socket}:/report/;
        }}
"""
