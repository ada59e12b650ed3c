# SPDX-License-Identifier: GPL-2.0
"""A captured packet in a few words, as scapy reads it."""

from lib.layers import layers

ICMP_TYPES = {0: "echo reply", 3: "unreachable", 8: "echo request"}
RECORDS = {3: "leaves", 4: "joins"}


def of_packet(packet):
    """[line, ...] for a frame of the underlay."""
    if packet.reports:
        report = packet.reports[0]
        return [f"{report.ip.src} -> {report.ip.dst}  IGMPv3 report: "
                f"{RECORDS.get(report.record, report.record)} {report.group}"]
    scapy = layers()
    frame = scapy.Ether(packet.raw)
    if scapy.VXLAN not in frame:
        return [frame.summary()]
    ip, udp, vxlan = frame[1], frame[scapy.UDP], frame[scapy.VXLAN]
    return [f"{ip.src} -> {ip.dst}  UDP {udp.sport} -> {udp.dport}  "
            f"VXLAN, VNI {vxlan.vni}",
            f"  in it: {of_frame(scapy, vxlan.payload)}"]


def of_frame(scapy, frame):
    """The frame of a tenant, in one line."""
    return f"{frame.src} -> {frame.dst}  {_of_payload(scapy, frame)}"


def _of_payload(scapy, frame):
    if scapy.ARP in frame:
        arp = frame[scapy.ARP]
        if arp.op == 1:
            return f"ARP: who has {arp.pdst}? tell {arp.psrc}"
        return f"ARP: {arp.psrc} is at {arp.hwsrc}"
    if scapy.IP not in frame:
        return frame.summary()
    ip = frame[scapy.IP]
    text = f"{ip.src} -> {ip.dst}  "
    if scapy.TCP in frame:
        tcp = frame[scapy.TCP]
        text += f"TCP {tcp.sport} -> {tcp.dport} [{tcp.flags}]"
    elif scapy.ICMP in frame:
        kind = frame[scapy.ICMP].type
        text += f"ICMP {ICMP_TYPES.get(kind, kind)}"
    return f"{text}  TTL {ip.ttl}"
