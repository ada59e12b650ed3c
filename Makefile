# SPDX-License-Identifier: GPL-2.0
#
# Thin wrapper around the kernel's build system, which reads Kbuild.
#
#   make                build vxlan.ko for the running kernel
#   make install        install it so that modprobe prefers it (root)
#   make uninstall      give the kernel's own driver back (root)
#   make status         say which driver is live and which would be loaded
#   make demo           see VXLAN work, in an emulated kernel (root)
#   make check          all tests on all kernels (root)
#   make conformance    compare with the kernel's own driver, request by request
#                       and packet by packet, on all kernels (root)
#   make bench          measure what packets cost, write Documentation/performance (root)
#   make bench-quick    the same in less than five minutes, writing nothing (root)
#   make counts         record instructions in a packet, which check compares (root)
#   make static         all checks that need no machine (root)
#   make clean          remove what was built
#
# Variables:
#   KERNELDIR=DIR       headers or build folder of another kernel
#   NAME=vtep           module and link kind that work beside the kernel's own
#   W=1 C=2 V=1 ...     as in any kernel build
#   KEEP_DEFAULTS=0|1   install: do not keep, or keep in any case, the defaults
#                       of the kernel's own driver (port 8472, UDP checksums);
#                       else they are kept if that driver is in use here
#   T=EXPR K=6.1,debug  check: only these tests, as pytest -k; only these kernels
#                       (conformance: T is regular expressions of case names)
#   LOCAL=1             demo: use the running kernel
#   NEWER_KERNEL=1      build for a kernel newer than the newest that is known

KERNELDIR ?= /lib/modules/$(shell uname -r)/build
NAME = vxlan

driver = KERNELDIR=$(KERNELDIR) KEEP_DEFAULTS=$(KEEP_DEFAULTS) tools/driver
kbuild = $(MAKE) --no-print-directory -C $(KERNELDIR) M=$(CURDIR) NAME=$(NAME)

.PHONY: all modules install uninstall status demo check conformance bench \
	bench-quick counts static clean help headers
all: modules

# Modules that import from vxlan would not load if the symbols had other versions.
exports = $(filter vxlan,$(NAME))

modules: headers
	+$(kbuild) modules
	$(if $(exports),@tools/check-exports $(KERNELDIR) Module.symvers)

headers:
	@test -e $(KERNELDIR)/Makefile || { \
		echo "No kernel headers in $(KERNELDIR): install the package linux-headers-$$(uname -r) or say KERNELDIR=." >&2; \
		exit 1; }

# Kernels that sign modules want it done with a key that headers do not have.
unsigned = $(if $(wildcard $(KERNELDIR)/certs/signing_key.pem),,CONFIG_MODULE_SIG_ALL=)

install: modules
	+$(kbuild) INSTALL_MOD_DIR=updates $(unsigned) modules_install
	@$(driver) installed $(NAME)

uninstall:
	@$(driver) uninstall $(NAME)

status:
	@$(driver) status $(NAME)

demo:
	@selftests/demo/run

check:
	@selftests/check

conformance:
	@selftests/conformance/run

bench:
	@selftests/bench/run

bench-quick:
	@QUICK=1 selftests/bench/run

counts:
	@selftests/bench/run counts

static:
	@tools/static

# Without the kernel's build system, which need not be there any more.
clean:
	rm -f *.o *.ko *.mod *.mod.c .*.cmd .*.o.d Module.symvers modules.order
	rm -f compat-autoconf.h .module-common.o
	$(MAKE) -C iproute2 clean

help:
	@sed -n '3,/^$$/s/^# \{0,1\}//p' Makefile
