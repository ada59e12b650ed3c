// SPDX-License-Identifier: GPL-2.0
/*
 * A switch that does nothing but listen: what a driver of a switch chip is told
 * of VXLAN forwarding tables, and what it may say, for tests.
 *
 * In debugfs, folder vtep_switchdev_test:
 *
 *   events	read: a line for each event since the file was last emptied;
 *		write anything: empty it. A line is
 *		    add|del IFINDEX MAC VNI IP PORT REMOTE_VNI VIA OFFLOADED
 *		    USER
 *   veto	write a MAC address: additions of it are refused; anything
 *		else: no MAC address is
 *   say	write what the switch has to say:
 *		    offloaded|mark_off|learned|forgotten
 *				IFINDEX MAC VNI IP PORT REMOTE_VNI VIA
 *		or ask for with find|replay|clear in the same form (what is
 *		found is an event);
 *		IFINDEX belongs to the writer's network namespace; the error of
 *		the driver that was told is the writer's
 */
#include <linux/debugfs.h>
#include <linux/etherdevice.h>
#include <linux/inet.h>
#include <linux/module.h>
#include <linux/nsproxy.h>
#include <linux/rtnetlink.h>
#include <linux/seq_file.h>
#include <net/net_namespace.h>
#include <net/switchdev.h>
#include <net/vxlan.h>

#define EVENTS 4096

struct event {
	bool add;
	int ifindex;
	struct switchdev_notifier_vxlan_fdb_info fdb;
};

/* Events come in atomic context and from several processors. */
static DEFINE_SPINLOCK(lock);
static struct event *events;
static unsigned int count;
static unsigned int lost;
static u8 veto_mac[ETH_ALEN];
static bool veto;

static struct dentry *folder;

static void record(bool add, const struct net_device *dev,
		   const struct switchdev_notifier_vxlan_fdb_info *fdb)
{
	if (count == EVENTS) {
		lost++;
		return;
	}
	events[count++] = (struct event) {
		.add = add,
		.ifindex = dev->ifindex,
		.fdb = *fdb,
	};
}

static int switch_event(struct notifier_block *nb, unsigned long what,
			void *data)
{
	const struct switchdev_notifier_vxlan_fdb_info *fdb = data;
	struct netlink_ext_ack *extack;
	const struct net_device *dev;
	bool refused;

	if (what != SWITCHDEV_VXLAN_FDB_ADD_TO_DEVICE &&
	    what != SWITCHDEV_VXLAN_FDB_DEL_TO_DEVICE)
		return NOTIFY_DONE;

	dev = switchdev_notifier_info_to_dev(data);
	extack = switchdev_notifier_info_to_extack(data);

	spin_lock_bh(&lock);
	record(what == SWITCHDEV_VXLAN_FDB_ADD_TO_DEVICE, dev, fdb);
	refused = veto && what == SWITCHDEV_VXLAN_FDB_ADD_TO_DEVICE &&
		  ether_addr_equal(fdb->eth_addr, veto_mac);
	spin_unlock_bh(&lock);

	if (!refused)
		return NOTIFY_OK;
	NL_SET_ERR_MSG(extack, "The switch has no room for this MAC address");
	return notifier_from_errno(-EXFULL);
}

static struct notifier_block switch_notifier = {
	.notifier_call = switch_event,
};

/* events */

static void show_event(struct seq_file *seq, const struct event *event)
{
	const struct switchdev_notifier_vxlan_fdb_info *fdb = &event->fdb;

	seq_printf(seq, "%s %d %pM %u %pISc %u %u %u %u %u\n",
		   event->add ? "add" : "del", event->ifindex, fdb->eth_addr,
		   be32_to_cpu(fdb->vni), &fdb->remote_ip.sa,
		   be16_to_cpu(fdb->remote_port), be32_to_cpu(fdb->remote_vni),
		   fdb->remote_ifindex, fdb->offloaded, fdb->added_by_user);
}

static int events_show(struct seq_file *seq, void *unused)
{
	unsigned int i;

	spin_lock_bh(&lock);
	for (i = 0; i < count; i++)
		show_event(seq, &events[i]);
	if (lost)
		seq_printf(seq, "lost %u\n", lost);
	spin_unlock_bh(&lock);
	return 0;
}

static int events_open(struct inode *inode, struct file *file)
{
	return single_open_size(file, events_show, NULL, EVENTS * 128);
}

static ssize_t events_write(struct file *file, const char __user *from,
			    size_t size, loff_t *pos)
{
	spin_lock_bh(&lock);
	count = 0;
	lost = 0;
	spin_unlock_bh(&lock);
	return size;
}

static const struct file_operations events_ops = {
	.owner = THIS_MODULE,
	.open = events_open,
	.read = seq_read,
	.llseek = seq_lseek,
	.release = single_release,
	.write = events_write,
};

/* veto and say */

/* A line that was written, to be freed; *size is what was taken of it. */
static char *written_line(const char __user *from, size_t size)
{
	char *line;

	if (size > 200)
		return ERR_PTR(-E2BIG);
	line = memdup_user_nul(from, size);
	return IS_ERR(line) ? line : strim(line);
}

static int parse_mac(const char *text, u8 *mac)
{
	int end = 0;

	if (sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &mac[0],
		   &mac[1], &mac[2], &mac[3], &mac[4], &mac[5], &end) != 6)
		return -EINVAL;
	return end && !text[end] ? 0 : -EINVAL;
}

static ssize_t veto_write(struct file *file, const char __user *from,
			  size_t size, loff_t *pos)
{
	char *line = written_line(from, size);
	u8 mac[ETH_ALEN];

	if (IS_ERR(line))
		return PTR_ERR(line);

	spin_lock_bh(&lock);
	veto = !parse_mac(line, mac);
	if (veto)
		ether_addr_copy(veto_mac, mac);
	spin_unlock_bh(&lock);
	kfree(line);
	return size;
}

static const struct file_operations veto_ops = {
	.owner = THIS_MODULE,
	.write = veto_write,
};

static int parse_ip(const char *text, union vxlan_addr *ip)
{
	if (in4_pton(text, -1, (u8 *)&ip->sin.sin_addr, -1, NULL)) {
		ip->sa.sa_family = AF_INET;
		return 0;
	}
	if (in6_pton(text, -1, (u8 *)&ip->sin6.sin6_addr, -1, NULL)) {
		ip->sa.sa_family = AF_INET6;
		return 0;
	}
	return -EINVAL;
}

struct sentence {
	unsigned long what;
	int ifindex;
	struct switchdev_notifier_vxlan_fdb_info fdb;
	int (*ask)(struct net_device *dev, const struct sentence *said);
};

/*
 * The functions that "vxlan" exports to switches. They are looked up when they
 * are called: whoever imports them keeps that module from being unloaded.
 */

static int ask_find(struct net_device *dev, const struct sentence *said)
{
	struct switchdev_notifier_vxlan_fdb_info fdb = {};
	int (*find)(struct net_device *dev, const u8 *mac, __be32 vni,
		    struct switchdev_notifier_vxlan_fdb_info *fdb_info);
	int err;

	find = symbol_get(vxlan_fdb_find_uc);
	if (!find)
		return -EOPNOTSUPP;
	err = find(dev, said->fdb.eth_addr, said->fdb.vni, &fdb);
	symbol_put(vxlan_fdb_find_uc);
	if (err)
		return err;
	spin_lock_bh(&lock);
	record(true, dev, &fdb);
	spin_unlock_bh(&lock);
	return 0;
}

static int ask_replay(struct net_device *dev, const struct sentence *said)
{
	int (*replay)(const struct net_device *dev, __be32 vni,
		      struct notifier_block *nb,
		      struct netlink_ext_ack *extack);
	int err;

	replay = symbol_get(vxlan_fdb_replay);
	if (!replay)
		return -EOPNOTSUPP;
	err = replay(dev, said->fdb.vni, &switch_notifier, NULL);
	symbol_put(vxlan_fdb_replay);
	return err;
}

static int ask_clear(struct net_device *dev, const struct sentence *said)
{
	void (*clear)(const struct net_device *dev, __be32 vni);

	clear = symbol_get(vxlan_fdb_clear_offload);
	if (!clear)
		return -EOPNOTSUPP;
	clear(dev, said->fdb.vni);
	symbol_put(vxlan_fdb_clear_offload);
	return 0;
}

static int parse_word(const char *word, struct sentence *said)
{
	static const struct {
		const char *word;
		unsigned long what;
		bool offloaded;
		int (*ask)(struct net_device *dev,
			   const struct sentence *said);
	} words[] = {
		{ "offloaded", SWITCHDEV_VXLAN_FDB_OFFLOADED, true },
		{ "mark_off", SWITCHDEV_VXLAN_FDB_OFFLOADED, false },
		{ "learned", SWITCHDEV_VXLAN_FDB_ADD_TO_BRIDGE, false },
		{ "forgotten", SWITCHDEV_VXLAN_FDB_DEL_TO_BRIDGE, false },
		{ "find", 0, false, ask_find },
		{ "replay", 0, false, ask_replay },
		{ "clear", 0, false, ask_clear },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(words); i++) {
		if (strcmp(word, words[i].word))
			continue;
		said->what = words[i].what;
		said->fdb.offloaded = words[i].offloaded;
		said->ask = words[i].ask;
		return 0;
	}
	return -EINVAL;
}

static int parse_sentence(const char *line, struct sentence *said)
{
	struct switchdev_notifier_vxlan_fdb_info *fdb = &said->fdb;
	char word[16], mac[20], ip[48];
	u32 vni, remote_vni;
	u16 port;

	if (sscanf(line, "%15s %d %19s %u %47s %hu %u %u", word, &said->ifindex,
		   mac, &vni, ip, &port, &remote_vni,
		   &fdb->remote_ifindex) != 8)
		return -EINVAL;
	fdb->vni = cpu_to_be32(vni);
	fdb->remote_vni = cpu_to_be32(remote_vni);
	fdb->remote_port = cpu_to_be16(port);
	if (parse_mac(mac, fdb->eth_addr) || parse_ip(ip, &fdb->remote_ip))
		return -EINVAL;
	return parse_word(word, said);
}

static int say(struct sentence *said)
{
	struct net_device *dev;
	int err = -ENODEV;
	int answer;

	rtnl_lock();
	dev = __dev_get_by_index(current->nsproxy->net_ns, said->ifindex);
	if (dev && said->ask) {
		err = said->ask(dev, said);
	} else if (dev) {
		answer = call_switchdev_notifiers(said->what, dev,
						  &said->fdb.info, NULL);
		err = notifier_to_errno(answer);
	}
	rtnl_unlock();
	return err;
}

static ssize_t say_write(struct file *file, const char __user *from,
			 size_t size, loff_t *pos)
{
	char *line = written_line(from, size);
	struct sentence said = { };
	int err;

	if (IS_ERR(line))
		return PTR_ERR(line);
	err = parse_sentence(line, &said);
	kfree(line);
	if (!err)
		err = say(&said);
	return err ? err : size;
}

static const struct file_operations say_ops = {
	.owner = THIS_MODULE,
	.write = say_write,
};

static int __init switch_init(void)
{
	int err;

	if (!IS_ENABLED(CONFIG_NET_SWITCHDEV))
		return -EOPNOTSUPP;

	events = kvcalloc(EVENTS, sizeof(*events), GFP_KERNEL);
	if (!events)
		return -ENOMEM;
	err = register_switchdev_notifier(&switch_notifier);
	if (err) {
		kvfree(events);
		return err;
	}
	folder = debugfs_create_dir("vtep_switchdev_test", NULL);
	debugfs_create_file("events", 0600, folder, NULL, &events_ops);
	debugfs_create_file("veto", 0200, folder, NULL, &veto_ops);
	debugfs_create_file("say", 0200, folder, NULL, &say_ops);
	return 0;
}
module_init(switch_init);

static void __exit switch_exit(void)
{
	debugfs_remove(folder);
	unregister_switchdev_notifier(&switch_notifier);
	kvfree(events);
}
module_exit(switch_exit);

MODULE_DESCRIPTION("A switch for tests of VXLAN forwarding tables");
MODULE_LICENSE("GPL");
