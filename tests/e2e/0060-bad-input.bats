#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Bad input: every refusal names its cause and leaves nothing behind.

load helpers

setup_file() {
	start_with_image
}

teardown_file() {
	end_place
}

# A refused submit leaves no job, no container and no event of one. (A node may say something of itself at any time.)
all_there_is() {
	berth info --json | jq -c '[.jobs, .containers, .images]'
	berth events --json | jq -c 'select(.kind != "node_facts") | .seq' | wc -l
}

setup() {
	before=$(all_there_is)
}

nothing_changed() {
	[ "$(all_there_is)" = "$before" ]
}

refused() { # FILE TEXT...
	local file=$1
	shift
	run timeout 200 "$BERTH" submit "$file"
	[ "$status" -ne 124 ]
	fails_with "$@"
	nothing_changed
}

@test "broken YAML: file, line and column" {
	file=$(job_file broken <<-'END'
		services:
		  a:
		    image: [busybox
		    command: x
	END
	)
	refused "$file" "$file:"
	[[ "$output" =~ broken\.yaml:[0-9]+:[0-9]+ ]]
}

@test "not UTF-8, not text, empty, a list, a folder, a file that is not there" {
	printf 'services: {a: {image: "\xff\xfe"}}\n' >"$DIR/latin.yaml"
	refused "$DIR/latin.yaml" latin.yaml
	head -c 4096 /dev/urandom >"$DIR/random.yaml"
	refused "$DIR/random.yaml" random.yaml
	: >"$DIR/empty.yaml"
	refused "$DIR/empty.yaml" empty.yaml
	echo '- a' >"$DIR/list.yaml"
	refused "$DIR/list.yaml" list.yaml
	refused "$DIR" "$DIR"
	refused "$DIR/nothing.yaml" nothing.yaml
}

@test "an unknown key: file, line, column, and the key that may have been meant" {
	file=$(job_file unknown <<-'END'
		services:
		  map:
		    imgae: busybox
	END
	)
	refused "$file" "unknown.yaml:3:5" imgae '"image"'
}

@test "an unknown key of x-berth, of a service and of the whole" {
	file=$(job_file unknown2 <<-'END'
		services:
		  a:
		    image: busybox
		    x-berth: {walltme: 1s}
	END
	)
	refused "$file" "unknown2.yaml:4:" walltme walltime
	file=$(job_file unknown3 <<-'END'
		servces: {}
	END
	)
	refused "$file" "unknown3.yaml:1:1" servces services
}

wrong_values=(
	'image: [a, b]|image'
	'image: {a: b}|image'
	'image: ""|image'
	'image: "UPPER CASE"|image'
	'command: {a: b}|command'
	'environment: 5|environment'
	'environment: [[a]]|environment'
	'volumes: {a: b}|volumes'
	'volumes: ["relative::"]|volumes'
	'depends_on: 7|depends_on'
	'depends_on: {b: {condition: service_dreaming}}|service_dreaming'
	'deploy: {replicas: many}|replicas'
	'deploy: {replicas: -1}|replicas'
	'deploy: {replicas: 99999999999999999999}|replicas'
	'deploy: {resources: {limits: {memory: lots}}}|memory'
	'mem_limit: -5|mem_limit'
	'stop_grace_period: soon|stop_grace_period'
	'stop_signal: SIGNOTHING|SIGNOTHING'
	'read_only: perhaps|read_only'
	'user: [root]|user'
	'healthcheck: {test: ["CMD"], interval: x}|interval'
	'restart: sometimes|sometimes'
	'x-berth: {kind: thing}|kind'
	'x-berth: {slots: -1}|slots'
	'x-berth: {slots: 1.5}|slots'
	'x-berth: {replicate: 0}|replicate'
	'x-berth: {replicate: {over: 5}}|over'
	'x-berth: {retry: {attempts: 0}}|attempts'
	'x-berth: {on_error: explode}|on_error'
	'x-berth: {walltime: -1s}|walltime'
	'x-berth: {stage_in: {space: a}}|stage_in'
	'x-berth: 5|x-berth'
)

@test "wrong types and values: each names its key and line" {
	for row in "${wrong_values[@]}"; do
		printf 'services:\n  a:\n    image: busybox\n    %s\n' "${row%|*}" >"$DIR/wrong.yaml"
		[[ "$row" != image:* ]] || sed -i 3d "$DIR/wrong.yaml"
		run berth submit "$DIR/wrong.yaml"
		fails_with "wrong.yaml:" "${row##*|}" || { echo "row: $row"; return 1; }
		[[ "$output" =~ wrong\.yaml:[34]:[0-9]+ ]] || { echo "row: $row: $output"; return 1; }
	done
	nothing_changed
}

@test "keys of Compose that come later are errors by name; keys without meaning here are warnings" {
	printf 'services:\n  a:\n    image: busybox\n    build: .\n' >"$DIR/later.yaml"
	refused "$DIR/later.yaml" build later
	printf 'services:\n  a:\n    image: busybox\n    x-berth: {nodes: 2}\n' >"$DIR/later2.yaml"
	refused "$DIR/later2.yaml" nodes later
}

@test "x- extensions are allowed anywhere" {
	printf 'x-mine: {a: b}\nservices:\n  a:\n    image: busybox\n    command: ["true"]\n    x-other: [1]\n    x-berth: {kind: task}\n' >"$DIR/ext.yaml"
	run -0 berth submit "$DIR/ext.yaml" --wait
}

@test "a duplicate key is refused" {
	printf 'services:\n  a:\n    image: busybox\n    image: other\n' >"$DIR/twice.yaml"
	refused "$DIR/twice.yaml" twice.yaml image
}

@test "a cycle of depends_on is refused and shown" {
	file=$(job_file cycle <<-'END'
		services:
		  a: {image: busybox, depends_on: [b]}
		  b: {image: busybox, depends_on: [c]}
		  c: {image: busybox, depends_on: [a]}
	END
	)
	refused "$file" cycle a b c
}

@test "a service that is not there, a profile's service, itself" {
	printf 'services:\n  alpha: {image: busybox, depends_on: [alpah]}\n' >"$DIR/dep.yaml"
	refused "$DIR/dep.yaml" alpah "dep.yaml:2:"
	printf 'services:\n  a: {image: busybox, depends_on: [a]}\n' >"$DIR/self.yaml"
	refused "$DIR/self.yaml" self.yaml
}

@test "a missing image is refused with its place in the file" {
	printf 'services:\n  a:\n    image: 127.0.0.1:1/no-such-image\n' >"$DIR/image.yaml"
	refused "$DIR/image.yaml" "image.yaml:3:12" "berth pull 127.0.0.1:1/no-such-image" "cannot be reached"
}

@test "missing files: bind source, env_file, secret" {
	printf 'services:\n  a:\n    image: busybox\n    volumes: [{type: bind, source: /no/such/dir, target: /x}]\n' >"$DIR/bind.yaml"
	refused "$DIR/bind.yaml" /no/such/dir "bind.yaml:4:"
	printf 'services:\n  a:\n    image: busybox\n    env_file: no.env\n' >"$DIR/env.yaml"
	refused "$DIR/env.yaml" no.env "env.yaml:4:"
	printf 'services:\n  a:\n    image: busybox\n    secrets: [k]\nsecrets: {k: {file: ./no.key}}\n' >"$DIR/secret.yaml"
	refused "$DIR/secret.yaml" no.key
}

@test "interpolation: unset, required, malformed" {
	printf 'services:\n  a:\n    image: ${NOPE:?give NOPE}\n' >"$DIR/req.yaml"
	refused "$DIR/req.yaml" "give NOPE"
	printf 'services:\n  a:\n    image: "${UNCLOSED"\n' >"$DIR/unclosed.yaml"
	refused "$DIR/unclosed.yaml" unclosed.yaml
}

@test "a file of 10 MB is refused quickly" {
	{
		printf 'services:\n'
		yes '  # a comment' | head -c 10485760
	} >"$DIR/big.yaml"
	refused "$DIR/big.yaml" big.yaml
}

@test "an alias bomb is refused quickly" {
	{
		echo 'x-a: &a [x,x,x,x,x,x,x,x,x,x]'
		previous=a
		for name in b c d e f g h i j; do
			echo "x-$name: &$name [*$previous,*$previous,*$previous,*$previous,*$previous,*$previous,*$previous,*$previous,*$previous]"
			previous=$name
		done
		printf 'services:\n  s:\n    image: busybox\n    command: *j\n'
	} >"$DIR/bomb.yaml"
	refused "$DIR/bomb.yaml" bomb.yaml
}

@test "merge keys that include themselves, and depth" {
	printf 'x-a: &a\n  <<: *a\nservices:\n  s: {image: busybox}\n' >"$DIR/selfmerge.yaml"
	refused "$DIR/selfmerge.yaml" selfmerge.yaml
	python3 -c 'print("x-a: " + "[" * 20000 + "]" * 20000)' >"$DIR/deep.yaml"
	refused "$DIR/deep.yaml" deep.yaml
}

# tar NAME CODE: makes $DIR/NAME with python's tarfile; CODE adds members to t.
make_tar() {
	python3 - "$DIR/$1" <<-END
		import io, sys, tarfile
		t = tarfile.open(sys.argv[1], 'w')
		def file(name, data=b'x', **k):
		    i = tarfile.TarInfo(name)
		    i.size = len(data)
		    for a, b in k.items():
		        setattr(i, a, b)
		    t.addfile(i, io.BytesIO(data))
		def special(name, kind, link='', **k):
		    i = tarfile.TarInfo(name)
		    i.type = kind
		    i.linkname = link
		    for a, b in k.items():
		        setattr(i, a, b)
		    t.addfile(i)
		$2
		t.close()
	END
}

# What the evil tars would hit outside the image.
outside_untouched() {
	[ ! -e "$DIR/escaped" ] && [ ! -e /berth-e2e-escaped ] && [ ! -e /tmp/berth-e2e-escaped ]
	[ -z "$(find "$DIR/data/images/tmp" -mindepth 1 2>/dev/null)" ]
}

@test "image tar: '..' is refused or stays inside" {
	make_tar dotdot.tar "file('../../../../../../../../tmp/berth-e2e-escaped')"
	run berth image import "$DIR/dotdot.tar" evil
	outside_untouched
	fails_with ..
	nothing_changed
}

@test "image tar: an absolute path lands inside the image" {
	make_tar absolute.tar "file('/berth-e2e-escaped')"
	run berth image import "$DIR/absolute.tar" evil
	outside_untouched
	[ "$status" -ne 0 ] || berth image rm evil
}

@test "image tar: writing through a link out of the image is refused or stays inside" {
	make_tar link.tar "special('d', tarfile.SYMTYPE, '$DIR'); file('d/escaped')"
	run berth image import "$DIR/link.tar" evil
	outside_untouched
	[ "$status" -ne 0 ] || berth image rm evil
	make_tar link2.tar "special('d', tarfile.SYMTYPE, '../../../../../../../../../../../tmp'); file('d/berth-e2e-escaped')"
	run berth image import "$DIR/link2.tar" evil
	outside_untouched
	[ "$status" -ne 0 ] || berth image rm evil
}

@test "image tar: a hard link to a file outside is refused" {
	make_tar hard.tar "special('h', tarfile.LNKTYPE, '/etc/shadow')"
	run berth image import "$DIR/hard.tar" evil
	fails_with ""
	make_tar hard2.tar "special('s', tarfile.SYMTYPE, '/etc'); special('h', tarfile.LNKTYPE, 's/shadow')"
	run berth image import "$DIR/hard2.tar" evil
	fails_with ""
	outside_untouched
	nothing_changed
}

@test "image tar: devices are not made" {
	make_tar device.tar "special('dev-sda', tarfile.BLKTYPE, devmajor=8, devminor=0); special('mem', tarfile.CHRTYPE, devmajor=1, devminor=1); file('f')"
	run berth image import "$DIR/device.tar" evil
	[ -z "$(find "$DIR/data/images" -type b -o -type c ! -path '*/overlay*' | head -1)" ]
	[ "$status" -ne 0 ] || berth image rm evil
}

@test "image tar: truncated, empty, not a tar, a gzip of nonsense, a folder" {
	head -c 500000 "$(busybox_tar)" >"$DIR/truncated.tar"
	run berth image import "$DIR/truncated.tar" evil
	fails_with ""
	gzip -c "$(busybox_tar)" | head -c 100000 >"$DIR/truncated.tar.gz"
	run berth image import "$DIR/truncated.tar.gz" evil
	fails_with ""
	: >"$DIR/empty.tar"
	run berth image import "$DIR/empty.tar" evil
	fails_with ""
	head -c 100000 /dev/urandom >"$DIR/random.tar"
	run berth image import "$DIR/random.tar" evil
	fails_with ""
	head -c 100000 /dev/urandom | gzip >"$DIR/random.tar.gz"
	run berth image import "$DIR/random.tar.gz" evil
	fails_with ""
	run berth image import "$DIR" evil
	fails_with "$DIR"
	run berth image import "$DIR/no-such.tar" evil
	fails_with no-such.tar
	outside_untouched
	nothing_changed
}

@test "the API answers nonsense with 4xx and goes on" {
	api() { curl -s -H 'Content-Type: application/json' -o "$DIR/answer" -w '%{http_code}' --unix-socket "$BERTH_SOCKET" "$@"; }
	[ "$(api -X POST -d '{' http://b/v1/jobs)" = 400 ]
	[ "$(api -X POST -d '{"services": 5}' http://b/v1/jobs)" = 400 ]
	[ "$(api -X POST -d '[]' http://b/v1/containers/run)" = 400 ]
	[ "$(api -X POST -d '{"image": "busybox", "unknown": 1}' http://b/v1/containers/run)" = 400 ]
	[ "$(api http://b/v1/no/such)" = 404 ]
	[ "$(api http://b/v1/jobs/nope)" = 404 ]
	[[ "$(api -X PATCH http://b/v1/jobs)" =~ ^40[45]$ ]]
	jq -e .message "$DIR/answer"
	head -c 17825792 /dev/zero | tr '\0' ' ' >"$DIR/huge"
	[[ "$(api -X POST --data-binary @"$DIR/huge" http://b/v1/jobs)" =~ ^4 ]]
	printf 'GET / HTTP/1.1\r\nHost : x\r\n\r\n' | timeout 200 python3 -c '
import os, socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(os.environ["BERTH_SOCKET"])
s.sendall(sys.stdin.buffer.read())
sys.exit(0 if s.recv(100).startswith(b"HTTP/1.1 4") else 1)'
	nothing_changed
}
