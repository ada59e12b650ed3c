# SPDX-License-Identifier: GPL-2.0
"""The demo itself: flows 1-4 and 7 between three hosts, told as they happen.

Runs as root on a kernel that has the driver loaded; see ./run. The files for
the user are written to $OUT.
"""

import os
import platform
import sys
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.append(os.path.join(HERE, "../tests"))

# pylint: disable=wrong-import-position
import gateway                                          # noqa: E402
import segment                                          # noqa: E402
from lib import capture, netns                               # noqa: E402
from story import Story                                 # noqa: E402


def module():
    """Which driver this is, in words."""
    try:
        with open("/sys/module/vxlan/version", encoding="ascii") as file:
            return f"this driver, version {file.read().strip()}"
    except OSError:
        return "the kernel's own driver (!)"


def introduce(story):
    story.title("", "VXLAN in three hosts")
    story.tell(f"Linux {platform.release()} with {module()}.")
    story.tell("""VXLAN (RFC 7348) lets virtual machines on different hosts
        share one Ethernet, though between the hosts there is only IP. The host
        puts each Ethernet frame of a VM into a UDP packet to port 4789, and the
        host at the other end takes it out again. Such a virtual Ethernet is a
        segment; it has a number, the VNI, which every packet carries. The end
        of the tunnel in a host is a VTEP, and it keeps a table, the FDB, that
        says behind which other VTEP each MAC address lives. Nobody fills in
        that table: the VTEPs learn it from the packets they receive.""")


def main():
    story = Story(os.environ["OUT"])
    try:
        introduce(story)
        segment.play(story)
        gateway.play(story)
    except (AssertionError, OSError):       # tell what was seen up to here
        traceback.print_exc(file=sys.stdout)
        story.expect("the demo comes to its end", False)
    finally:
        capture.close_all()
        netns.delete_all(list(netns.live))
    return 0 if story.finish(module()) else 1


if __name__ == "__main__":
    sys.exit(main())
