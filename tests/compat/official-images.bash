# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2154 # of tools/compat
#
# The tests of Docker's official images, from the checkout OFFICIAL_IMAGES_SRC: the docker command as client of the engine ENGINE. The images are one
# Debian with the programs of all, under their names and with their commands. PATTERN is the name of an image.

: "${OFFICIAL_IMAGES_SRC:=}"

official_packages=redis-server,redis-tools,memcached,python3,python3-dev,perl,ruby,gcc,g++,libc6-dev,make,php-cli,nodejs,ca-certificates
official_images=(debian:12 redis:7 memcached:1 python:3 perl:5 ruby:3 gcc:12 node:18 php:8 busybox:1)

official-images_build() {
	mkdir -p "$place"
	"$here/engine" images
	[ -s "$place/official.tar" ] || {
		# shellcheck disable=SC2016
		mmdebstrap --quiet --mode=root --format=tar --variant=minbase --include="$official_packages" --dpkgopt=path-exclude=/usr/share/{doc,locale,man,info}/\* \
			--customize-hook='rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*; ln -s python3 "$1"/usr/bin/python' bookworm "$place/official.tmp"
		mv "$place/official.tmp" "$place/official.tar"
	}
}

# What the official image of a program says on top of Debian.
official_dockerfile() { # NAME
	echo FROM debian:12
	case $1 in
	redis)
		echo 'COPY entrypoint /usr/local/bin/'
		echo 'RUN mkdir -p /data && chown redis:redis /data'
		echo 'VOLUME /data'
		echo 'WORKDIR /data'
		echo 'ENTRYPOINT ["entrypoint"]'
		echo 'EXPOSE 6379'
		echo 'CMD ["redis-server"]'
		;;
	memcached)
		echo 'USER nobody'
		echo 'EXPOSE 11211'
		echo 'CMD ["memcached"]'
		;;
	python) echo 'CMD ["python3"]' ;;
	perl) echo 'CMD ["perl", "-de0"]' ;;
	ruby) echo 'CMD ["irb"]' ;;
	node) echo 'CMD ["node"]' ;;
	php) echo 'CMD ["php", "-a"]' ;;
	*) echo 'CMD ["bash"]' ;;
	esac
}

official_context() {
	mkdir context
	cat >context/entrypoint <<'SCRIPT'
#!/bin/sh
case $1 in
-* | *.conf) set -- redis-server "$@" ;;
esac
[ "$1" != redis-server ] || set -- "$@" --protected-mode no
exec "$@"
SCRIPT
	chmod 755 context/entrypoint
}

official-images_all() { # [PATTERN]
	local image
	export DOCKER_BUILDKIT=0
	docker import --change 'CMD ["bash"]' "$place/official.tar" debian:12
	docker pull -q busybox:1
	docker pull -q busybox:latest
	official_context
	for image in "${official_images[@]}"; do
		[[ "$image" =~ ${1:-} ]] || continue
		case $image in
		debian:* | busybox:*) ;;
		*)
			official_dockerfile "${image%:*}" >context/Dockerfile
			docker build -q -t "$image" context
			;;
		esac
		"$OFFICIAL_IMAGES_SRC/test/run.sh" "$image" || true
	done
}

official-images_results() {
	awk "\$1 == \"testing\" { image = \$2 }
		/^\t'.*'.*\\.\\.\\.(passed|failed)/ { split(\$0, part, \"'\"); print (/passed/ ? \"ok\" : \"not ok\") \"\t\" image \"/\" part[2] \"\t\" }"
}
