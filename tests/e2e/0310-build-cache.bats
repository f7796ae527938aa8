#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The rules of the build cache, docs/BUILD.md, by their numbers.

load helpers
load build

setup_file() { build_file_setup; }
teardown_file() { end_place; }
setup() { build_test_setup; }

@test "1: content counts, times do not" {
	mkdir "$CTX/d"
	echo text >"$CTX/d/f"
	ln -s f "$CTX/d/l"
	dockerfile <<<'FROM base
COPY d /rule1
RUN echo rule1'
	build
	touch -h -d '2001-01-01' "$CTX/d/f" "$CTX/d/l"
	build
	assert_step 'COPY d /rule1' CACHED
	chmod 755 "$CTX/d/f"
	build
	assert_step 'COPY d /rule1' DONE
	assert_step 'RUN echo rule1' DONE
	ln -sf other "$CTX/d/l"
	build
	assert_step 'COPY d /rule1' DONE
	mv "$CTX/d/f" "$CTX/d/g"
	build
	assert_step 'COPY d /rule1' DONE
	sed -i 's/COPY/COPY --chown=5/' "$CTX/Dockerfile"
	build
	assert_step '/rule1' DONE
	build
	assert_step '/rule1' CACHED
}

@test "2: RUN is keyed by command, environment and mounts, not by secrets, caches, proxies and network" {
	mkdir "$CTX/d"
	echo 1 >"$CTX/d/f"
	echo s1 >"$CTX/s"
	cat >"$CTX/Dockerfile" <<-'END'
		FROM base
		ENV V=1
		RUN --mount=type=secret,id=s --mount=type=cache,target=/c,id=rule2 --mount=type=bind,source=d,target=/d echo rule2 >>/c/f
	END
	build --secret id=s,src="$CTX/s"
	echo s2 >"$CTX/s"
	echo outside >"$CTX/not-in-d"
	build --secret id=s,src="$CTX/s" --build-arg HTTP_PROXY=http://127.0.0.1:9 --network none
	assert_step 'rule2' CACHED
	echo 2 >"$CTX/d/f"
	build --secret id=s,src="$CTX/s"
	assert_step 'rule2' DONE
	sed -i 's/V=1/V=2/' "$CTX/Dockerfile"
	build --secret id=s,src="$CTX/s"
	assert_step 'rule2' DONE
	sed -i 's/target=\/c,/target=\/c2,/; s/>\/c\/f/>\/c2\/f/' "$CTX/Dockerfile"
	build --secret id=s,src="$CTX/s"
	assert_step 'rule2' DONE
}

@test "3: an ARG misses at its first use" {
	dockerfile <<-'END'
		FROM base
		COPY <<-EOF /rule3
		text
		EOF
		ARG A=1
		WORKDIR /rule3dir
		RUN echo rule3
	END
	build
	build --build-arg A=2
	assert_step 'WORKDIR /rule3dir' CACHED
	assert_step 'RUN echo rule3' DONE
	build --build-arg A=2
	assert_step 'RUN echo rule3' CACHED
}

@test "4: metadata does not run later commands again" {
	dockerfile <<<'FROM base
LABEL l=1
CMD ["x"]
EXPOSE 80
RUN echo rule4'
	one=$(berth build -q "$CTX")
	sed -i 's/l=1/l=2/; s/"x"/"y"/; s/80/81/' "$CTX/Dockerfile"
	build
	assert_step 'RUN echo rule4' CACHED
	two=$(berth build -q "$CTX")
	[ "$one" != "$two" ]
	[ "$(config_of "$two" | jq -r .config.Labels.l)" = 2 ]
}

@test "5: COPY --link survives another base" {
	echo x >"$CTX/f"
	dockerfile <<<'FROM base
RUN echo rule5
COPY --link f /linked/f
COPY f /unlinked/f'
	build
	sed -i 's/echo rule5/echo other >\/five/' "$CTX/Dockerfile"
	build -t rule5
	assert_step 'COPY --link f' CACHED
	assert_step 'COPY f /unlinked' DONE
	files_of rule5
	[ -e "$DIR/out/linked/f" ] && [ -e "$DIR/out/five" ]
}

@test "6: FROM is keyed by what the name means" {
	printf 'FROM base\nRUN echo first >/which\n' | berth build -q -t moving -
	dockerfile <<<'FROM moving
RUN cat /which; echo rule6'
	build
	[[ "$output" == *first* ]]
	build
	assert_step 'echo rule6' CACHED
	printf 'FROM base\nRUN echo second >/which\n' | berth build -q -t moving -
	build
	assert_step 'echo rule6' DONE
	[[ "$output" == *second* ]]
}

@test "7: a miss touches only what depends on it, and stages run side by side" {
	echo 1 >"$CTX/a"
	echo 1 >"$CTX/b"
	# Each stage waits for the other one: alone they would never end.
	dockerfile <<-'END'
		FROM base AS a
		COPY a /a
		RUN --mount=type=cache,id=rule7,target=/c touch /c/a; until test -e /c/b; do usleep 1000; done
		FROM base AS b
		COPY b /b
		RUN --mount=type=cache,id=rule7,target=/c touch /c/b; until test -e /c/a; do usleep 1000; done
		FROM scratch
		COPY --from=a /a /
		COPY --from=b /b /
	END
	build -j 2
	echo 2 >"$CTX/b"
	build -j 2
	assert_step 'COPY a /a' CACHED
	assert_step 'touch /c/a' CACHED
	assert_step 'COPY b /b' DONE
	assert_step 'touch /c/b' DONE
	assert_step 'COPY --from=a' CACHED
	assert_step 'COPY --from=b' DONE
}

@test "7: equal steps of two builds run once" {
	dockerfile <<<'FROM base
RUN --mount=type=cache,id=once,target=/c echo ran >>/c/times; until [ -e /c/go ]; do usleep 1000; done'
	for i in 1 2; do
		"$BERTH" build --network none --progress plain "$CTX" >"$DIR/once$i" 2>&1 3>&- &
		pids[i]=$!
	done
	eventually sh -c "find $BERTH_DATA/build/mounts -name times | grep -q ."
	times=$(find "$BERTH_DATA/build/mounts" -name times)
	touch "$(dirname "$times")/go"
	wait "${pids[1]}" "${pids[2]}"
	[ "$(wc -l <"$times")" -eq 1 ]
	[ "$(cat "$DIR/once1" "$DIR/once2" | grep -c CACHED)" -eq 1 ]
}

@test "8: --no-cache runs everything again, COPY too; a filter one stage" {
	echo x >"$CTX/f"
	dockerfile <<-'END'
		FROM base AS s
		COPY f /f
		RUN echo rule8
		FROM base
		COPY f /again
		COPY --from=s /f /f
	END
	build
	build --no-cache
	[[ "$output" != *CACHED* ]]
	build
	[[ "$output" != *DONE* ]]
	build --no-cache-filter s
	assert_step 'RUN echo rule8' DONE
	assert_step 'COPY f /again' CACHED
	assert_step 'COPY --from=s' CACHED
}

@test "9: the cache is shared by contexts and survives a prune of what it needs" {
	echo shared >"$CTX/f"
	dockerfile <<<'FROM base
COPY f /rule9
RUN echo rule9'
	build -t rule9
	cp -r "$CTX" "$CTX.copy"
	run berth build --progress plain "$CTX.copy"
	assert_step 'COPY f /rule9' CACHED
	assert_step 'RUN echo rule9' CACHED
}

@test "a build that finds everything in the cache gives the image that was there" {
	dockerfile <<<'FROM base
RUN echo same
ENV A=1'
	build --iidfile "$CTX/first"
	build --iidfile "$CTX/second"
	cmp "$CTX/first" "$CTX/second"
	sed -i 's/A=1/A=2/' "$CTX/Dockerfile"
	build --iidfile "$CTX/third"
	run -1 cmp -s "$CTX/first" "$CTX/third"
}
