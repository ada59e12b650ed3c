# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034,SC2154
# Sourced by prepare: packages of this host, and packages of several Debian
# releases (for kernels and for the machines' root) from the same mirrors.

export DEBIAN_FRONTEND=noninteractive
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# ---- this host

host_update() {
	apt-get -q update || {
		# somebody else (a timer, say) may be doing the same
		sleep 20
		apt-get -q update
	}
}

host_install() {
	apt-get -y -q --no-install-recommends -o DPkg::Lock::Timeout=600 \
		-o Dpkg::Options::=--force-confold install "$@"
}

# host_packages PACKAGE...: install those that are missing
host_packages() {
	local name missing=()
	for name; do
		[ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" = installed ] ||
			missing+=("$name")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	apt-get -s install "${missing[@]}" >/dev/null 2>&1 ||
		long apt-update "asking apt for newer package lists" host_update
	locked apt-host long apt-install "installing ${missing[*]}" host_install "${missing[@]}"
}

# ---- other Debian releases

# host_uri LABEL: the mirror this host's apt uses for Debian | Debian-Security
host_uri() {
	# shellcheck disable=SC2016 # apt's own variables
	apt-get indextargets --format '$(LABEL) $(REPO_URI)' \
		'Created-By: Packages' 'Origin: Debian' 'Component: main' |
		awk -v label="$1" '$1 == label { print $2; exit }'
}

# The pool: a second apt, with lists of its own, that sees all the releases.
pool_apt() {
	local command=$1
	shift
	APT_CONFIG=$CACHE/apt/apt.conf "$command" "$@"
}

pool_make() {
	local main security dir=$CACHE/apt
	[ -e "$dir/made" ] && return
	main=$(host_uri Debian)
	[ -n "$main" ] || {
		long apt-update "asking apt for package lists" host_update
		main=$(host_uri Debian)
	}
	[ -n "$main" ] || die "this host's apt knows no Debian mirror; Debian 12 is needed"
	security=$(host_uri Debian-Security)
	mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial"
	: >"$dir/status"
	{
		for suite in bookworm trixie trixie-backports sid; do
			echo "deb [signed-by=$keyring] $main $suite main"
		done
		[ -z "$security" ] ||
			echo "deb [signed-by=$keyring] $security bookworm-security main"
	} >"$dir/sources.list"
	cat >"$dir/apt.conf" <<-END
		Dir::Etc::sourcelist "$dir/sources.list";
		Dir::Etc::sourceparts "/dev/null";
		Dir::State::lists "$dir/lists";
		Dir::State::status "$dir/status";
		Dir::Cache "$dir/cache";
		Acquire::Languages "none";
		Acquire::Check-Valid-Until "false"; // for mirrors that stand still
		APT::Sandbox::User "root";
	END
	long pool "fetching package lists of the Debian releases used" \
		pool_apt apt-get -q update
	: >"$dir/made"
}

# What was picked from the lists is forgotten with them.
pool_forget() {
	rm -rf "$CACHE/apt/made" "$CACHE/release"
}

pool() { locked pool pool_make; }

# suite_uri SUITE: where the pool has it from
suite_uri() {
	pool
	awk -v suite="$1" '$4 == suite { print $3 }' "$CACHE/apt/sources.list"
}

# fetch FOLDER PACKAGE[/SUITE]...: download packages and unpack them there
fetch() {
	local to=$1 deb debs
	shift
	pool
	debs=$(mktemp -d -p "$CACHE/apt")
	if ! (cd "$debs" && pool_apt apt-get -q download "$@"); then
		rm -rf "$debs"
		pool_forget
		echo "cannot download $*: if the archive has newer ones by now, run this again"
		return 1
	fi
	mkdir -p "$to"
	for deb in "$debs"/*.deb; do
		dpkg-deb -x "$deb" "$to"
	done
	rm -rf "$debs"
}

# release KERNEL: the newest Debian release of it, such as 6.1.0-50 or
# 7.3.4+deb13.  Picked once, so that images and headers fit each other.
release() {
	local file=$CACHE/release/$1 pattern
	if [ ! -e "$file" ]; then
		pool
		case $1 in
		6.1) pattern='6\.1\.0-[0-9]+' ;;
		6.12) pattern='6\.12\.[0-9]+\+deb12' ;;
		7.3) pattern='7\.3\.[0-9]+\+deb13' ;;
		esac
		mkdir -p "${file%/*}"
		pool_apt apt-cache pkgnames linux-headers- |
			sed -nE "s/^linux-headers-($pattern)-common\$/\\1/p" |
			sort -V | tail -n 1 >"$file.new"
		[ -s "$file.new" ] ||
			die "this host's mirrors have no kernel $1 (is bookworm-security among them?)"
		mv "$file.new" "$file"
	fi
	cat "$file"
}
