#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# --cache-from and --cache-to: a machine with nothing in its cache builds from another one's. Each "machine" is a data directory.

load helpers
load build
load registry

setup_file() {
	build_file_setup
	export XDG_CONFIG_HOME=$DIR/config DOCKER_CONFIG=$DIR/docker
	mkdir -p "$XDG_CONFIG_HOME/berth" "$DOCKER_CONFIG"
	echo '{"retry_delay_ms": 1}' >"$XDG_CONFIG_HOME/berth/registries.json"
	berth save -o "$DIR/base.tar" base
	registry_start
	export URL HOST registry_pid
}

teardown_file() { registry_end; }

setup() {
	build_test_setup
	machine "$BATS_TEST_NUMBER-a"
	cat >"$CTX/Dockerfile" <<-END
		FROM base AS tools
		RUN echo $BATS_TEST_NUMBER >/tool
		FROM base
		COPY --from=tools /tool /tool
		RUN cat /tool >/made
	END
}

# A machine that has the base image and has built nothing.
machine() { # NAME
	export BERTH_DATA=$DIR/machine-$1
	berth load -q -i "$DIR/base.tar" >/dev/null
}

# No more than the base image and what is being built.
other_machine() { machine "$BATS_TEST_NUMBER-b"; }

all_cached() {
	[[ "$output" != *DONE* && "$output" != *warning* ]] || {
		echo "$output"
		return 1
	}
}

@test "a registry: mode=max has the steps of all stages, and the image is the same" {
	build --iidfile "$DIR/a" --build-arg SOURCE_DATE_EPOCH=1000 --cache-to "type=registry,ref=$HOST/max:cache,mode=max"
	assert_step 'RUN echo' DONE
	[[ "$output" == *"cache $HOST/max:cache: 3 steps, 2 layers"* ]]
	other_machine
	build --iidfile "$DIR/b" --build-arg SOURCE_DATE_EPOCH=1000 --cache-from "type=registry,ref=$HOST/max:cache"
	all_cached
	cmp "$DIR/a" "$DIR/b"
	# Its layers stay, and what was imported goes on to a third one.
	build --build-arg SOURCE_DATE_EPOCH=1000 --cache-from "$HOST/max:cache" --cache-to "type=local,dest=$DIR/third,mode=max"
	all_cached
	machine "$BATS_TEST_NUMBER-c"
	build --build-arg SOURCE_DATE_EPOCH=1000 --cache-from "type=local,src=$DIR/third"
	all_cached
}

@test "mode=min has the target's steps alone" {
	build --cache-to "type=registry,ref=$HOST/min:cache"
	other_machine
	build --cache-from "$HOST/min:cache"
	assert_step 'RUN echo' DONE
	assert_step 'COPY --from=tools' CACHED
	assert_step 'RUN cat' CACHED
}

@test "a directory: several tags, and a change is felt where it is" {
	build --cache-to "type=local,dest=$DIR/layout,mode=max,tag=one,compression=zstd"
	sed -i 's/made/other/' "$CTX/Dockerfile"
	build --cache-to "type=local,dest=$DIR/layout,mode=max,tag=two"
	build --cache-to "type=local,dest=$DIR/layout,mode=max,tag=two"
	[ "$(jq '.manifests | length' "$DIR/layout/index.json")" = 2 ]
	[ -z "$(find "$DIR/layout" -name '*tmp*')" ]
	other_machine
	build --cache-from "type=local,src=$DIR/layout,tag=two"
	all_cached
	sed -i 's/other/third/' "$CTX/Dockerfile"
	build --cache-from "type=local,src=$DIR/layout,tag=one"
	assert_step 'COPY --from=tools' CACHED
	assert_step '>/third' DONE
}

@test "inline: the image carries its cache, from a registry and from the store" {
	sed -i '1,2d; s/COPY.*/COPY f \/tool/' "$CTX/Dockerfile"
	echo inline >"$CTX/f"
	build -t "$HOST/inline:1" --cache-to type=inline
	berth push -q "$HOST/inline:1"
	other_machine
	build --cache-from "type=registry,ref=$HOST/inline:1"
	all_cached
	machine "$BATS_TEST_NUMBER-c"
	berth pull -q "$HOST/inline:1"
	build --cache-from "$HOST/inline:1"
	all_cached
	machine "$BATS_TEST_NUMBER-d"
	run berth build --progress plain --cache-from "$HOST/base:none" "$CTX"
	succeeds
	[[ "$output" == *"warning: cache \"$HOST/base:none\""*"the build goes on without it"* ]]
	assert_step 'COPY f' DONE
}

@test "an imported result answers only who names its source" {
	build --cache-to "type=local,dest=$DIR/named,mode=max"
	other_machine
	build --cache-from "type=local,src=$DIR/named"
	all_cached
	build
	assert_step 'RUN echo' DONE
	build
	all_cached
}

@test "--no-cache runs everything, whatever a cache says" {
	build --cache-to "type=local,dest=$DIR/no,mode=max"
	build --no-cache --cache-from "type=local,src=$DIR/no"
	[[ "$output" != *CACHED* ]]
}

@test "a cache that was tampered with: a warning and a clean build" {
	build --iidfile "$DIR/clean" --build-arg SOURCE_DATE_EPOCH=1000 --cache-to "type=local,dest=$DIR/bad,mode=max"
	manifest=$(jq -r '.manifests[0].digest' "$DIR/bad/index.json" | cut -d: -f2)
	config=$(jq -r .config.digest "$DIR/bad/blobs/sha256/$manifest" | cut -d: -f2)
	layer=$(jq -r '.layers[-1].digest' "$DIR/bad/blobs/sha256/$manifest" | cut -d: -f2)

	# bytes of a layer
	cp -r "$DIR/bad" "$DIR/bad1"
	printf X | dd of="$DIR/bad1/blobs/sha256/$layer" bs=1 seek=30 conv=notrunc status=none
	# a layer in the other one's place, with digests that fit
	cp -r "$DIR/bad" "$DIR/bad2"
	jq -c '.layers |= reverse' "$DIR/bad/blobs/sha256/$manifest" >"$DIR/swapped"
	reindex "$DIR/bad2" "$DIR/swapped"
	# records that the digest does not vouch for
	cp -r "$DIR/bad" "$DIR/bad3"
	jq -c '.records[0].layer = 1' "$DIR/bad/blobs/sha256/$config" >"$DIR/bad3/blobs/sha256/$config"
	# no layer, no manifest, nothing at all
	cp -r "$DIR/bad" "$DIR/bad4"
	rm "$DIR/bad4/blobs/sha256/$layer"
	cp -r "$DIR/bad" "$DIR/bad5"
	truncate -s 0 "$DIR/bad5/blobs/sha256/$manifest"
	mkdir "$DIR/bad6"
	# links that lead out
	cp -r "$DIR/bad" "$DIR/bad7"
	cp "$DIR/bad/index.json" "$DIR/index.outside"
	ln -sf "$DIR/index.outside" "$DIR/bad7/index.json"

	for bad in 1 2 3 4 5 6 7; do
		machine "$BATS_TEST_NUMBER-bad$bad"
		build --iidfile "$DIR/built" --build-arg SOURCE_DATE_EPOCH=1000 --cache-from "type=local,src=$DIR/bad$bad"
		[[ "$output" == *"warning: cache \"$DIR/bad$bad\""* && "$output" == *DONE* ]] || {
			echo "bad$bad: $output"
			return 1
		}
		cmp "$DIR/clean" "$DIR/built"
	done
}

# The manifest in the layout is another one, and index.json says so.
reindex() { # LAYOUT MANIFEST-FILE
	local digest
	digest=$(digest_of "$2")
	cp "$2" "$1/blobs/sha256/${digest#*:}"
	jq -c --arg digest "$digest" --argjson size "$(stat -c %s "$2")" '.manifests[0] |= (.digest = $digest | .size = $size)' \
		"$1/index.json" >"$1/new" && mv "$1/new" "$1/index.json"
}

@test "options: what is wrong with them is told before anything runs" {
	for bad in type=gha type=registry type=local "type=local,dest=/x" type=inline "type=registry,ref=a,mode=max" ref=; do
		run berth build --cache-from "$bad" "$CTX"
		fails_with --cache-from "$bad"
	done
	for bad in type=s3 "type=local,src=/x" "type=inline,mode=max" "type=registry,ref=a,mode=most" "type=registry,ref=a,compression=lzma"; do
		run berth build --cache-to "$bad" "$CTX"
		fails_with --cache-to "$bad"
	done
}

@test "a cache that cannot be written is an error, or a warning with ignore-error" {
	run berth build --cache-to "type=local,dest=/proc/no" "$CTX"
	fails_with --cache-to /proc/no
	build --cache-to "type=local,dest=/proc/no,ignore-error=true"
	[[ "$output" == *warning*/proc/no* ]]
}
