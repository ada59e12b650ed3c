# SPDX-License-Identifier: GPL-2.0
"""What every case has; see guest.py for what is done with it."""

from copy import copy


class Case:
    """Made for a kind of link (make(): builds its rig), measured by turns
    (run(): a list of numbers in `unit`, smaller is better), ended (end()).

    run() may return {suffix: [number, ...]} instead: several results, of which
    the units are in `units`. Attributes:

    floor   name of the case that is the same without a tunnel
    peers   drivers measured beside the kernel's and ours: "geneve"
    quick   whether `make bench-quick` has it
    counts  whether it makes sense with a clock that counts instructions
    smp     for a machine with two processors, and for no other
    memory  for machines with two and with many possible processors, no others
    pieces  how many measurements one run() makes, at most
    counting  set by who measures: the clock counts instructions, one piece will
              do and the processor is slow
    rounds  how often each driver has its turn, at most
    """

    unit, units = "ns/packet", {}
    floor, peers = "", ()
    quick, counts, smp, memory = True, True, False, False
    pieces, counting, rounds = 1, False, 100

    def __init__(self, name):
        self.name = name

    def make(self, kind):
        """A copy of the case that is ready for run()."""
        made = copy(self)
        made.begin(kind)
        return made

    def begin(self, kind):
        raise NotImplementedError

    def run(self):
        raise NotImplementedError

    def end(self):
        raise NotImplementedError

    def having(self, **attributes):
        """The case with other attributes: Case(...).having(quick=False)."""
        for name, value in attributes.items():
            setattr(self, name, value)
        return self
