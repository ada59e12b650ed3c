# SPDX-License-Identifier: GPL-2.0
"""How the demo tells what happens, and what it leaves behind."""

import os
import platform
import textwrap
import time

import pcapng
import words
from lib.netns import Netns

WIDTH = 78


class Story:
    """Prints; remembers the verdicts, tables and packets of all flows."""

    def __init__(self, out):
        self.out = out
        self.flow = ""
        self.checks = []        # (flow, sentence, true)
        self.tables = []        # (title, lines)
        self.packets = {}       # file: [(packet, comment)]
        self.commands = []
        self.begin = time.monotonic()
        self._listen()

    def _listen(self):
        """Keep the `ip` commands that the library runs."""
        run = Netns.ip

        def ip(ns, *lines):
            self.commands += [(ns.label, f"ip {line}") for line in lines]
            return run(ns, *lines)
        Netns.ip = ip

    # ---- words

    def title(self, flow, text):
        self.flow = flow
        line = f"== {flow}: {text} " if flow else f"== {text} "
        print(f"\n{line:=<{WIDTH}}\n", flush=True)

    def tell(self, text):
        """A paragraph."""
        print(textwrap.fill(" ".join(text.split()), WIDTH) + "\n", flush=True)

    def picture(self, text):
        print(textwrap.indent(textwrap.dedent(text).strip("\n"), "    ") + "\n")

    def command(self, label, *needles):
        """Show what was run on a host."""
        for where, line in self.commands:
            if where == label and all(needle in line for needle in needles):
                print(textwrap.fill(f"{label}# {line}", WIDTH, initial_indent="  ",
                                    subsequent_indent=" " * 10))
        print(flush=True)

    def expect(self, sentence, holds):
        self.checks.append((self.flow, sentence, bool(holds)))
        mark = "[ok]" if holds else "[NOT OK]"
        print(f"  {mark} {sentence}", flush=True)

    # ---- tables and packets

    def fdb(self, host, dev, vms):
        """What the FDB of a VXLAN device holds, as `bridge fdb` prints it.

        The Linux bridge's own entries ("master") are left out.
        """
        names = {vm.mac: f"   <- VM{vm.number}" for vm in vms}
        lines = [line.rstrip() + names.get(line[:17], "")
                 for line in host.ns.bridge(f"fdb show dev {dev}").splitlines()
                 if " self" in line]
        title = f"host{host.number}# bridge fdb show dev {dev} | grep self"
        self.tables.append((f"{self.flow}: {title}", lines))
        print(f"  {title}")
        for line in lines:
            print(f"    {line}")
        print(flush=True)

    def keep(self, captures, file, comment):
        """Move what was captured so far to the files for Wireshark.

        captures: {host: Capture}. Returns {host: packets}.
        """
        found = {}
        for host, capture in captures.items():
            found[host] = capture.packets()
            name = f"{file}-host{host.number}.pcapng"
            self.packets.setdefault(name, []).extend(
                (packet, f"{self.flow}: {comment}") for packet in found[host])
            capture.clear()
        return found

    def show(self, found, match, most=4):
        """The first packets that match, in the order of time."""
        sent = [(host, packet) for host, packets in found.items()
                for packet in packets if packet.sent and match(packet)]
        sent.sort(key=lambda pair: pair[1].time)
        for host, packet in sent[:most]:
            self._show(host, packet, found)
        if len(sent) > most:
            print(f"  ... and {len(sent) - most} more like these")
        print(flush=True)

    @staticmethod
    def _show(host, packet, found):
        got = [f"host{other.number}" for other, packets in found.items()
               if other is not host and any(
                   p.raw == packet.raw and not p.sent for p in packets)]
        first, *more = words.of_packet(packet)
        print(f"  host{host.number} sends  {first}")
        for line in more:
            print(f"               {line}")
        print(f"               seen by {', '.join(got) or 'nobody'}")

    # ---- the end

    def finish(self, module):
        """Write the files; true if all was as it should be."""
        for name, packets in self.packets.items():
            host = name.rsplit("-", 1)[1].split(".")[0]
            pcapng.write(os.path.join(self.out, name), f"eth0 of {host}",
                         packets)
        with open(f"{self.out}/summary.md", "w", encoding="utf-8") as file:
            file.write(self.summary(module))
        bad = [sentence for _, sentence, holds in self.checks if not holds]
        self.title("", "The end")
        print(f"{len(self.checks) - len(bad)} of {len(self.checks)} statements "
              f"were true ({time.monotonic() - self.begin:.0f} s).")
        for sentence in bad:
            print(f"  NOT OK: {sentence}")
        return not bad

    def summary(self, module):
        """One page."""
        lines = ["# VXLAN between three hosts", "",
                 f"Linux {platform.release()}, {module}", "",
                 "| flow | what was seen | true |", "|---|---|---|"]
        lines += [f"| {flow} | {text} | {'yes' if holds else '**NO**'} |"
                  for flow, text, holds in self.checks]
        lines += ["", "## What the hosts learned", "", "```"]
        for title, table in self.tables:
            lines += [title, *(f"    {line}" for line in table)]
        lines += ["```", "", "## Captures for Wireshark", "",
                  "Each is what one host sent and received on the underlay; the",
                  "comment of a packet says to which flow it belongs.", ""]
        lines += [f"- `{name}`: {len(packets)} packets"
                  for name, packets in self.packets.items()]
        lines += ["", "Filters: `vxlan`, `vxlan.vni == 100`, `igmp`,",
                  "`ip.dst == 239.119.1.1`, `vxlan && arp`, `frame.comment`.", ""]
        return "\n".join(lines)

