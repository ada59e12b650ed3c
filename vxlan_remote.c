// SPDX-License-Identifier: GPL-2.0
/*
 * Remote VTEPs (peers) and the interned handles to them (remotes).
 *
 * An FDB entry points to a remote, a remote to its peer, the peer owns the
 * route cache: a million MAC addresses behind a hundred VTEPs need a hundred
 * route caches. All changes are made under vtep_dev.lock; readers follow the
 * pointers under RCU.
 */
#include "vxlan_remote.h"
#include "vxlan.h"
#include "vxlan_path.h"

#include <linux/slab.h>

static const struct rhashtable_params vtep_peer_params = {
	.head_offset = offsetof(struct vtep_peer, node),
	.key_offset = offsetof(struct vtep_peer, key),
	.key_len = sizeof(struct vtep_peer_key),
	.automatic_shrinking = true,
};

static const struct rhashtable_params vtep_handle_params = {
	.head_offset = offsetof(struct vtep_remote, node),
	.key_offset = offsetof(struct vtep_remote, key),
	.key_len = sizeof(struct vtep_remote_key),
	.automatic_shrinking = true,
};

/**
 * vtep_remotes_init() - prepare the empty tables of a device
 * @vtep: the device
 *
 * Context: may sleep.
 * Return: 0 or -ENOMEM.
 */
int vtep_remotes_init(struct vtep_dev *vtep)
{
	int err;

	BUILD_BUG_ON(sizeof(struct vtep_peer_key) != 24);
	BUILD_BUG_ON(sizeof(struct vtep_remote_key) != sizeof(void *) + 8);

	err = rhashtable_init(&vtep->remotes.peers, &vtep_peer_params);
	if (err)
		return err;

	err = rhashtable_init(&vtep->remotes.handles, &vtep_handle_params);
	if (err)
		rhashtable_destroy(&vtep->remotes.peers);
	return err;
}

/**
 * vtep_remotes_exit() - free the tables, which nobody uses any more
 * @vtep: the device; every remote was put before
 *
 * Context: may sleep.
 */
void vtep_remotes_exit(struct vtep_dev *vtep)
{
	WARN_ON_ONCE(vtep->remotes.count);
	rhashtable_destroy(&vtep->remotes.handles);
	rhashtable_destroy(&vtep->remotes.peers);
}

static void vtep_peer_free_rcu(struct rcu_head *rcu)
{
	struct vtep_peer *peer = container_of(rcu, struct vtep_peer, rcu);

	vtep_paths_free(peer->paths);
	kfree(peer);
}

static void vtep_peer_put(struct vtep_dev *vtep, struct vtep_peer *peer)
{
	if (--peer->refs)
		return;
	rhashtable_remove_fast(&vtep->remotes.peers, &peer->node,
			       vtep_peer_params);
	vtep->remotes.count--;
	call_rcu(&peer->rcu, vtep_peer_free_rcu);
}

static struct vtep_peer *vtep_peer_create(struct vtep_dev *vtep,
					  const struct vtep_peer_key *key)
{
	struct vtep_peer *peer;
	int err;

	if (vtep->remotes.count >= VTEP_PEERS_MAX)
		return ERR_PTR(-ENOSPC);

	peer = kzalloc_obj(*peer, GFP_ATOMIC);
	if (!peer)
		return ERR_PTR(-ENOMEM);

	peer->key = *key;
	peer->first_seen = jiffies;
	peer->last_seen = jiffies;
	err = rhashtable_insert_fast(&vtep->remotes.peers, &peer->node,
				     vtep_peer_params);
	if (err) {
		kfree(peer);
		return ERR_PTR(err);
	}
	vtep->remotes.count++;
	return peer;
}

static struct vtep_peer *vtep_peer_get(struct vtep_dev *vtep,
				       const struct vtep_peer_key *key)
{
	struct vtep_peer *peer;

	peer = rhashtable_lookup_fast(&vtep->remotes.peers, key,
				      vtep_peer_params);
	if (!peer)
		peer = vtep_peer_create(vtep, key);
	if (!IS_ERR(peer))
		peer->refs++;
	return peer;
}

static struct vtep_remote *vtep_remote_intern(struct vtep_dev *vtep,
					      const struct vtep_dest *dest)
{
	struct vtep_remote_key key = {
		.vni = dest->vni,
		.port = dest->port,
	};
	struct vtep_remote *remote;
	int err;

	key.peer = vtep_peer_get(vtep, &dest->peer);
	if (IS_ERR(key.peer))
		return ERR_CAST(key.peer);

	remote = rhashtable_lookup_fast(&vtep->remotes.handles, &key,
					vtep_handle_params);
	if (remote) {
		/* The remote that was found holds the peer already. */
		vtep_peer_put(vtep, key.peer);
		remote->refs++;
		return remote;
	}

	err = -ENOMEM;
	remote = kzalloc_obj(*remote, GFP_ATOMIC);
	if (!remote)
		goto put_peer;

	remote->key = key;
	remote->refs = 1;
	err = rhashtable_insert_fast(&vtep->remotes.handles, &remote->node,
				     vtep_handle_params);
	if (err)
		goto free_remote;
	return remote;

free_remote:
	kfree(remote);
put_peer:
	vtep_peer_put(vtep, key.peer);
	return ERR_PTR(err);
}

/**
 * vtep_remote_get() - find or make the remote of a destination
 * @vtep: the device
 * @dest: the destination
 *
 * The caller owns one reference of what is returned.
 *
 * Context: vtep_dev.lock, so it does not sleep.
 * Return: the remote; -ENOMEM; -ENOSPC when the device knows VTEP_PEERS_MAX
 * VTEPs already.
 */
struct vtep_remote *vtep_remote_get(struct vtep_dev *vtep,
				    const struct vtep_dest *dest)
{
	struct vtep_remote *remote = vtep->remotes.recent;

	lockdep_assert_held(&vtep->lock);

	if (remote && vtep_remote_matches(remote, dest)) {
		remote->refs++;
		return remote;
	}
	remote = vtep_remote_intern(vtep, dest);
	if (!IS_ERR(remote))
		vtep->remotes.recent = remote;
	return remote;
}

/**
 * vtep_remote_put() - give a reference back; the last one frees
 * @vtep: the device
 * @remote: the remote; readers may use it until a grace period has passed
 *
 * Context: vtep_dev.lock.
 */
void vtep_remote_put(struct vtep_dev *vtep, struct vtep_remote *remote)
{
	lockdep_assert_held(&vtep->lock);

	if (--remote->refs)
		return;
	if (vtep->remotes.recent == remote)
		vtep->remotes.recent = NULL;
	rhashtable_remove_fast(&vtep->remotes.handles, &remote->node,
			       vtep_handle_params);
	vtep_peer_put(vtep, remote->key.peer);
	kfree_rcu(remote, rcu);
}

/**
 * vtep_remote_dest() - a remote in words
 * @remote: the remote
 *
 * Context: RCU or vtep_dev.lock.
 * Return: address, interface, port and VNI.
 */
struct vtep_dest vtep_remote_dest(const struct vtep_remote *remote)
{
	return (struct vtep_dest) {
		.peer = remote->key.peer->key,
		.vni = remote->key.vni,
		.port = remote->key.port,
	};
}

/**
 * vtep_remote_matches() - does a remote lead to this destination?
 * @remote: the remote
 * @dest: the destination
 *
 * Context: RCU or vtep_dev.lock.
 * Return: true if address, interface, port and VNI are the same.
 */
bool vtep_remote_matches(const struct vtep_remote *remote,
			 const struct vtep_dest *dest)
{
	struct vtep_dest own = vtep_remote_dest(remote);

	return vtep_dest_equal(&own, dest);
}

/**
 * vtep_peer_find() - look a VTEP up
 * @vtep: the device
 * @key: its address and interface
 *
 * Context: RCU.
 * Return: the peer, or NULL if no entry leads to it.
 */
struct vtep_peer *vtep_peer_find(struct vtep_dev *vtep,
				 const struct vtep_peer_key *key)
{
	return rhashtable_lookup_fast(&vtep->remotes.peers, key,
				      vtep_peer_params);
}

/**
 * vtep_peers_forget_routes() - drop every cached route of a device
 * @vtep: the device
 *
 * For a change of what the route lookup depends on (local address, lower
 * device, TOS). The caller has waited for packets that still use the former
 * configuration, so that none of them can put an old route back. Each route
 * cache is emptied by the first packet that finds it outdated.
 *
 * Context: RTNL.
 */
void vtep_peers_forget_routes(struct vtep_dev *vtep)
{
	ASSERT_RTNL();
	WRITE_ONCE(vtep->route_genid, vtep->route_genid + 1);
}
