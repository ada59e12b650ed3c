// SPDX-License-Identifier: GPL-2.0
/*
 * Plugin for ip(8): links of kind "vtep", which the module has when it is built
 * with NAME=vtep to run beside the kernel's own driver.
 *
 * Its options are those of "vxlan", so everything is handed to the code that
 * the ip program has for that kind. ip looks for link_vtep.so in the folder
 * that the environment names as IP_LIB_DIR, or else in the one it was built
 * with, and there for vtep_link_util.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>

struct nlmsghdr;
struct rtattr;

/* Highest attribute of the kernel module: the nest of extensions. */
#define VTEP_LINK_ATTR_MAX	50

/*
 * What ip wants to know about a kind of link. No header has it, but it has not
 * changed from iproute2 5.10 to 7.1. The last three are not used for links like
 * these.
 */
struct link_util {
	struct link_util *next;
	const char *id;
	int maxattr;
	int (*parse_opt)(struct link_util *lu, int argc, char **argv,
			 struct nlmsghdr *request);
	void (*print_opt)(struct link_util *lu, FILE *out,
			  struct rtattr *attrs[]);
	void (*print_xstats)(void);
	void (*print_help)(struct link_util *lu, int argc, char **argv,
			   FILE *out);
	void (*parse_ifla_xstats)(void);
	void (*print_ifla_xstats)(void);
};

static int cannot_parse(struct link_util *lu, int argc, char **argv,
			struct nlmsghdr *request)
{
	fputs("link_vtep.so: this ip program does not export its support for vxlan, which vtep needs\n",
	      stderr);
	return -1;
}

struct link_util vtep_link_util = {
	.id = "vtep",
	.maxattr = VTEP_LINK_ATTR_MAX,
	.parse_opt = cannot_parse,
};

/* A reference by name would keep the plugin from being loaded at all. */
static void __attribute__((constructor)) find_vxlan(void)
{
	const struct link_util *vxlan = dlsym(RTLD_DEFAULT, "vxlan_link_util");

	if (!vxlan)
		return;
	vtep_link_util.parse_opt = vxlan->parse_opt;
	vtep_link_util.print_opt = vxlan->print_opt;
	vtep_link_util.print_help = vxlan->print_help;
	if (vxlan->maxattr > VTEP_LINK_ATTR_MAX)
		vtep_link_util.maxattr = vxlan->maxattr;
}
